"""Files that no trigger wrote where a check looks for its handoff: 221 or a verdict, never a bug."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from shared import pickles
from shared.errors import BlueprintError
from sync_blueprints.sandbox import Sandbox
from tests.processes import KINDS, Kind, Stage
from tests.support import NOW, FakeClock, make_run, run_main

pytestmark = [pytest.mark.slow, pytest.mark.sockets]

UTC = timezone.utc
ODD: list[Any] = [
    *(datetime.min, datetime.max, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=23))),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-23))),
    *(timedelta.max, timedelta.min, UTC, timezone(timedelta(seconds=1))),
    *(None, True, False, 0, -1, 2**2000, -(2**2000), 1.5, float("nan"), float("inf"), (), [], {}),
    *("", ".", "..", "../..", "a/b", "%2e%2e", "a\nb", "\x1b[2J", "\u202e", "é", "x" * 250, "x" * 100_000, "∞", "None"),
    *([[[[]]]], {"a": {"b": []}}, ["a", NOW], ("a", "b", "c", "base", None, True), [("a", "b")] * 2),
]


def changed(files: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The files with one of them, or one of the values in it, replaced by an odd one.

    Those of other programs are read only where this project's own is missing.
    """
    for (name, value), odd in itertools.product(files.items(), ODD):
        left = {one: kept for one, kept in files.items() if name == "sync.pickle" or one != "sync.pickle"}
        yield {**left, name: odd}
        if isinstance(value, dict):
            yield from ({**left, name: {**value, key: odd}} for key in value)
        elif isinstance(value, list):
            yield from ({**left, name: [*value[:at], odd, *value[at + 1 :]]} for at in range(len(value)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_handoff_with_an_odd_value_anywhere_is_judged_or_refused(kind: Kind, tmp_path: Path) -> None:
    script = importlib.import_module(kind.script("check_sync_status")[: -len(".py")].replace("/", "."))
    wrong = []
    with Sandbox() as sandbox:
        stage = Stage(sandbox, tmp_path, kind, "succeeds_in_0_xodd")
        assert stage.run("trigger_sync").exit_code == 0
        good = {name: pickles.load(content) for name, content in stage.handoff.items()}
        own = {name: value for name, value in sandbox.environment.items() if name.startswith(kind.vendor.upper())}
        for files in changed(good):
            variables = stage.artifacts / f"{kind.vendor}-blueprints" / "variables"
            for path in variables.iterdir():
                path.unlink()
            for name, value in files.items():
                (variables / name).write_bytes(pickles.dump(value))
            run = make_run(stage.artifacts, kind.vendor, FakeClock())
            try:
                run_main(script, own, run)
            except BlueprintError as error:
                run.redactor(str(error)).encode()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a bug
                wrong.append(f"{files!r:.300}: {type(error).__name__} {error!s:.80}")
    assert "\n".join(wrong) == ""
    parts = {part for one in sandbox.requests for part in one.path.split("/")}
    assert not {".", ".."} & parts  # such a path would be that of something else
