"""Runs scripts as processes that end themselves at a chosen moment: forked, so that nothing is imported anew each time.

Moments are what Python's audit events tell of the artifacts folder and the network: each open, rename, removal of a
file, each connection and each request. Moment N is just before the Nth of them.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.run import run
from sync_blueprints.catalog import load

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.scandir", "fcntl.flock", "http.client.send")
SCRIPTS = sorted(one.script for one in load())


class Zygote:
    """`with Zygote() as zygote:` a process that has imported every script and runs them on demand."""

    def __enter__(self) -> Zygote:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def run(
        self, script: str, environment: Mapping[str, str], moment: int = 0, *numbers: int, after: float | None = None
    ) -> dict[str, Any]:
        """Run a script and send it the signals `numbers`, one after the other, at `moment` (0 is never).

        With `after` they come from outside, so many seconds after the moment. The result has `exit_code` (negative for
        a signal), `stdout`, `stderr`, `moments` (how many there were), `seconds` (from the last signal to the end).
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order: dict[str, Any] = {
            "script": script,
            "environment": dict(environment),
            "moment": moment,
            "numbers": numbers,
        }
        order["after"] = after
        print(json.dumps(order), file=self._process.stdin, flush=True)
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


def main() -> None:
    for script in SCRIPTS:
        importlib.import_module(script[:-3].replace("/", "."))
    importlib.import_module("encodings.idna")  # what a first request imports
    names = {one.file_to_run: one.name for one in load()}
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(_obey({**order, "name": names[order["script"]]})), flush=True)


def _obey(order: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child = os.fork()
        if child == 0:
            _be_the_script(order, folder)
        if order["after"] is not None:
            _interrupt(child, order, folder)
        began = time.monotonic()
        _, status = os.waitpid(child, 0)
        return {
            "exit_code": os.waitstatus_to_exitcode(status),
            **{name: (folder / name).read_text("utf-8", "replace") for name in ("stdout", "stderr")},
            "seconds": time.monotonic() - began,
            "moments": (folder / "moments").stat().st_size,
        }


def _interrupt(child: int, order: dict[str, Any], folder: Path) -> None:
    """Send the signals from outside, once the child has come to its moment and some time has passed."""
    reached, give_up = folder / "moments", time.monotonic() + 30
    while not reached.exists() or reached.stat().st_size < order["moment"]:
        if time.monotonic() > give_up:
            break
        time.sleep(0.001)
    time.sleep(order["after"])
    for number in order["numbers"]:
        os.kill(child, number)
        time.sleep(0.001)


def _be_the_script(order: dict[str, Any], folder: Path) -> None:
    """The child: what follows is the life of one run."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for stream, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), stream)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(order["environment"])
        os.chdir(folder)
        module = importlib.import_module(order["script"][:-3].replace("/", "."))
        sys.addaudithook(_hook(order, os.open(folder / "moments", os.O_WRONLY | os.O_CREAT)))
        run(order["name"], module.main, module.Inputs, os.environ, arguments=[])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt:  # before the run took signals into its own hands
        code = 130
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _hook(order: dict[str, Any], moments: int) -> Any:
    artifacts = order["environment"].get("SHIPYARD_ARTIFACTS_DIRECTORY", "?")
    at, numbers = order["moment"], order["numbers"]
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in EVENTS or (event == "open" and artifacts not in str(arguments[0])):
            return
        count += 1
        os.write(moments, b".")
        if count == at and order["after"] is None:
            for number in numbers:
                os.kill(os.getpid(), number)

    return hook


if __name__ == "__main__":
    main()
