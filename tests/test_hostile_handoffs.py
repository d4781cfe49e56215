"""Odd values where a check looks for its handoff: 221 or a verdict, never a bug."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from shared import pickles
from shared.errors import BlueprintError
from sync_blueprints.sandbox import Sandbox
from tests.processes import KINDS, Kind, Stage
from tests.support import NOW, FakeClock, make_run, run_main

UTC = timezone.utc


EDGES: list[Any] = [
    *(datetime.min, datetime.max, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=23))),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-23))),
    *(timedelta.max, timedelta.min, UTC, timezone(timedelta(seconds=1))),
    *(None, True, False, 0, -1, 2**2000, -(2**2000), 1.5, float("nan"), float("inf"), (), [], {}),
    *("", ".", "..", "../..", "a/b", "%2e%2e", "a\nb", "\x1b[2J", "\u202e", "é", "x" * 250, "x" * 100_000, "∞", "None"),
    *([[[[]]]], {"a": {"b": []}}, ["a", NOW], ("a", "b", "c", "base", None, True), [("a", "b")] * 2),
]


def changed(value: Any, where: Sequence[Any], new: Any) -> Any:
    """`value` with what is at `where` replaced; a pair of the other programs' files is changed like a dict."""
    if not where:
        return new
    if isinstance(value, list):
        return [changed(one, where[1:], new) if at == where[0] else one for at, one in enumerate(value)]
    return {**value, where[0]: changed(value[where[0]], where[1:], new)}


def places(files: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Each file, and each value in it."""
    for name, value in files.items():
        yield name, []
        for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            yield name, [key]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.slow
@pytest.mark.sockets
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_handoff_with_an_odd_value_anywhere_is_judged_or_refused(
    kind: Kind, sandbox: Sandbox, tmp_path: Path
) -> None:
    stage = Stage(sandbox, tmp_path, kind, "succeeds_in_0_xodd")
    assert stage.run("trigger_sync").exit_code == 0
    files = {name: pickles.load(content) for name, content in stage.handoff.items()}
    script = importlib.import_module(kind.script("check_sync_status")[: -len(".py")].replace("/", "."))
    environment = {name: value for name, value in sandbox.environment.items() if name.startswith(kind.vendor.upper())}
    variables = stage.artifacts / f"{kind.vendor}-blueprints" / "variables"
    wrong = []
    for (name, where), new in itertools.product(places(files), EDGES):
        for path in variables.iterdir():
            path.unlink()
        left = {one: value for one, value in files.items() if name == "sync.pickle" or one != "sync.pickle"}
        for one, value in {**left, name: changed(files[name], where, new)}.items():
            (variables / one).write_bytes(pickles.dump(value))
        run = make_run(stage.artifacts, kind.vendor, FakeClock())
        try:
            run_main(script, environment, run)
        except BlueprintError as error:
            run.redactor(str(error)).encode()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a bug
            wrong.append(f"{name} {where} {new!r:.80}: {type(error).__name__} {error!s:.80}")
    assert "\n".join(wrong) == ""
    asked = [part for one in sandbox.requests for part in one.path.split("/")]
    assert not {".", ".."} & set(asked)  # such a path would be that of something else
