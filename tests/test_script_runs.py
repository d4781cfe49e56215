"""How every script is started and interrupted: as a process, whatever surrounds it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Callable

import pytest

from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox
from tests.processes import (
    FIVETRAN,
    KINDS,
    NANGO,
    PLAYED,
    SCRIPTS,
    SUCCESS,
    VENDORS,
    Kind,
    Stage,
    assert_private,
    complete,
    finish,
    in_parallel,
    run,
    start,
    wait_until,
)

pytestmark = [pytest.mark.slow, pytest.mark.sockets]

LIFELINE = "SYNC_BLUEPRINTS_LIFELINE_FD"
PRODUCT = ("shared", *sorted({script.partition("/")[0] for script in SCRIPTS}))


# Where a script is started, and with what


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what runs, in a folder with a space, and beside it a folder of hostile modules."""
    folder = tmp_path_factory.mktemp("a folder")
    for name in PRODUCT:
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    own = {path.stem for name in PRODUCT for path in (REPOSITORY / name).glob("*.py")} - {"__init__"}
    others = {"json", "logging", "pickle", "requests", "urllib3", "certifi", "idna", "sitecustomize"}
    for name in {*own, *PRODUCT, *others}:
        (folder / "hostile" / name).mkdir(parents=True)
        for file in (f"{name}/__init__.py", f"{name}.py"):
            (folder / "hostile" / file).write_text("raise SystemExit(99)\n", encoding="utf-8")
    return folder


Way = Callable[[str, Path], tuple[list[str], Path]]  # the arguments and the working folder
WAYS: dict[str, Way] = {
    "as a module": lambda script, _: (["-m", script[: -len(".py")].replace("/", ".")], REPOSITORY),
    "in a copy of the product": lambda script, product: ([str(product / script)], Path("/")),
    "in a folder of hostile modules": lambda script, product: ([str(REPOSITORY / script)], product / "hostile"),
    "in its own folder": lambda script, _: ([Path(script).name], (REPOSITORY / script).parent),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_script_succeeds_whatever_the_umask(way: Way, sandbox: Sandbox, product: Path, tmp_path: Path) -> None:
    def succeed(script: str) -> None:
        artifacts = tmp_path / script.replace("/", "-")
        environment = {**complete(sandbox, artifacts), "PYTHONPATH": ""}  # so that the working folder is searched, too
        arguments, folder = way(script, product)
        ended = run(arguments, environment, folder, umask=0o077 * (len(script) % 2))
        assert ended.result["outcome"] == SUCCESS[Path(script).stem], ended
        assert_private(artifacts)

    in_parallel(succeed, PLAYED)


def test_without_requests_every_script_says_so_in_one_sentence(tmp_path: Path) -> None:
    def ask(script: str) -> None:
        ended = run(["-S", str(REPOSITORY / script)], {}, tmp_path)  # -S: without what is installed
        assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (1, "", 1), ended
        assert "requests" in ended.stderr
        assert "pip install" in ended.stderr

    in_parallel(ask, SCRIPTS)


@pytest.mark.skipif(sys.platform != "linux", reason="names and variables of any bytes")
def test_an_environment_that_is_not_utf8_changes_no_verdict(sandbox: Sandbox, tmp_path: Path) -> None:
    odd = "\udcff\udcfe\x1b[2J"
    stage = Stage(sandbox, tmp_path / f"folder {odd}", FIVETRAN, "succeeds_in_0_xodd")
    more = {"SHIPYARD_LOG_ID": f"../{odd}", "SHIPYARD_FLEET_UPSTREAM_LOG_IDS": f"{odd},../../x,,ok", f"ODD{odd}": odd}
    more |= {"LOG_LEVEL": odd, "GITHUB_OUTPUT": str(tmp_path / odd), "GITHUB_STEP_SUMMARY": str(tmp_path / "no" / odd)}
    more |= {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    for verb in ("trigger_sync", "check_sync_status"):
        ended = run([FIVETRAN.script(verb)], stage.environment(**more))
        assert (ended.exit_code, ended.result["exit_code"]) == (0, 0), ended
        assert ended.stderr.isascii()
        assert "\x1b" not in ended.stderr
        assert "is not a log level; using INFO" in ended.stderr
    assert (tmp_path / odd).read_text("utf-8").count("\n") == 8


# Interrupted


WAITING = [
    *((kind, verb) for kind in VENDORS for verb in ("trigger_sync", "check_sync_status")),
    (FIVETRAN, "resync_connector"),
]


@pytest.mark.parametrize("how", ["SIGHUP", "SIGINT", "SIGTERM", "lifeline"])
def test_an_interrupted_wait_ends_at_once_and_says_what_is_still_running(
    how: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    def interrupt(item: tuple[Kind, str]) -> None:
        kind, verb = item
        stage = Stage(sandbox, tmp_path / kind.name / verb, kind, f"succeeds_in_60_x{how}{kind.vendor}{verb[:7]}")
        if verb == "check_sync_status":
            assert stage.run("trigger_sync").exit_code == 0
        asked, before = len(sandbox.requests), stage.handoff
        read, write = os.pipe()
        variables = {kind.variable("WAIT"): "TRUE", kind.variable("POLL_INTERVAL"): "60", LIFELINE: str(read)}
        process = start([kind.script(verb)], stage.environment(**variables), pass_fds=[read])
        os.close(read)
        wait_until(lambda: any(stage.id in str(vars(one)) for one in sandbox.requests[asked:]))
        wait_until(lambda: "sync.pickle" in stage.handoff)
        time.sleep(0.2)
        number = getattr(signal, how, signal.SIGTERM)  # as which the end of the lifeline counts
        began = time.monotonic()
        if how == "lifeline":
            os.close(write)
        else:
            process.send_signal(number)
        ended = finish(process)
        assert time.monotonic() - began < 10
        assert (ended.exit_code, ended.result["outcome"]) == (128 + number, "interrupted"), ended
        if how != "lifeline":
            os.close(write)
        assert stage.id in ended.result["message"], ended
        assert re.search("still (be )?running", ended.result["message"]), ended
        stage.check(verb, ended, before)
        assert stage.run("check_sync_status").exit_code == 210

    in_parallel(interrupt, WAITING)


# Many at once


def test_twenty_triggers_and_twenty_waiting_checks_in_one_folder_do_not_cross(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each pair has a log id and a sync of its own; every other one fails. All are at work at the same time."""
    pairs = [(KINDS[number % len(KINDS)], number) for number in range(20)]

    def variables(kind: Kind, number: int) -> dict[str, str]:
        behavior = "fails" if number // 4 % 2 else "succeeds"
        return {kind.id_variable: f"{behavior}_in_3_xmany{number}", "SHIPYARD_LOG_ID": f"log{number}"}

    stages = {kind: Stage(sandbox, tmp_path, kind, "any") for kind in KINDS}
    triggers = [stages[kind].start("trigger_sync", **variables(kind, number)) for kind, number in pairs]
    assert [finish(process).exit_code for process in triggers] == [0] * len(pairs)
    checks = []
    for kind, number in pairs:
        own = {"SHIPYARD_FLEET_UPSTREAM_LOG_IDS": f"log{number}", "SHIPYARD_LOG_ID": f"check{number}"}
        nothing = {kind.id_variable: "None", "NANGO_PROVIDER_CONFIG_KEY": "", "NANGO_SYNCS": ""}
        waits = {kind.variable("WAIT"): "TRUE"}
        checks.append(stages[kind].start("check_sync_status", **nothing, **own, **waits))
    for (kind, number), process in zip(pairs, checks):
        ended = finish(process)
        wanted = variables(kind, number)[kind.id_variable]
        reported = ended.result["id"] if kind is not NANGO else ended.result["connection_id"]
        assert (reported, ended.exit_code) == (wanted, 211 if "fails" in wanted else 0), ended
    begun = [id_ for _, id_ in sandbox.starts if "xmany" in id_]
    assert sorted(begun) == sorted(variables(*pair)[pair[0].id_variable] for pair in pairs)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".") or "starting" in path.name]
