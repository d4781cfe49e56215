"""Scripts as processes that end themselves at a chosen moment: forked, so that nothing is imported anew each time.

Moments are what Python's audit events say of the artifacts folder and the network: each open, rename, removal of a
file, each connection and each request. Moment N is just before the Nth of them.
"""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401 - what a first request imports
import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

from shared.run import run
from sync_blueprints.catalog import load

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.scandir", "http.client.send")
NAMES = {one.file_to_run: one.name for one in load()}
MODULES = {script: importlib.import_module(script[: -len(".py")].replace("/", ".")) for script in NAMES}
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


class Ended(NamedTuple):
    """How a run ended: `exit_code` is negative for a signal; `seconds` are those from the last signal to the end."""

    exit_code: int
    stdout: str
    stderr: str
    moments: int
    seconds: float


class Signals(NamedTuple):
    """`numbers` are sent, one after the other, at `moment` (0: never); or from outside, `after` seconds later."""

    moment: int = 0
    numbers: Sequence[int] = ()
    after: Optional[float] = None


NEVER = Signals()


def run_script(script: str, environment: Mapping[str, str], signals: Signals = NEVER) -> Ended:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = PROCESSES.Process(target=_be_the_script, args=(script, dict(environment), signals, folder))
        process.start()
        assert process.pid
        if signals.after is not None:
            _interrupt(process.pid, signals, folder / "moments")
        began = time.monotonic()
        process.join()
        assert process.exitcode is not None
        stdout, stderr = ((folder / name).read_text("utf-8", "replace") for name in ("stdout", "stderr"))
        return Ended(process.exitcode, stdout, stderr, (folder / "moments").stat().st_size, time.monotonic() - began)


def _interrupt(process: int, signals: Signals, reached: Path) -> None:
    """Send the signals from outside, once the process has come to its moment and some time has passed."""
    give_up = time.monotonic() + 30
    while (not reached.exists() or reached.stat().st_size < signals.moment) and time.monotonic() < give_up:
        time.sleep(0.001)
    time.sleep(signals.after or 0)
    for number in signals.numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
        time.sleep(0.001)


def _be_the_script(script: str, environment: Mapping[str, str], signals: Signals, folder: Path) -> None:
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for stream, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), stream)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        module = MODULES[script]
        sys.addaudithook(_hook(signals, environment["SHIPYARD_ARTIFACTS_DIRECTORY"], folder / "moments"))
        run(NAMES[script], module.main, module.Inputs, os.environ, arguments=[])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt:  # before the run took signals into its own hands
        code = 130
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _hook(signals: Signals, artifacts: str, file: Path) -> Callable[[str, tuple[Any, ...]], None]:
    moments = os.open(file, os.O_WRONLY | os.O_CREAT)
    count = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in EVENTS or (event == "open" and artifacts not in str(arguments[0])):
            return
        count += 1
        os.write(moments, b".")
        if count == signals.moment and signals.after is None:
            for number in signals.numbers:
                os.kill(os.getpid(), number)

    return hook
