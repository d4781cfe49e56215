"""Runs a blueprint: reads the environment, handles signals, reports how it ended. The only place that exits."""

from __future__ import annotations

import importlib
import logging
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Callable, NoReturn, TypeVar
from urllib.parse import unquote

from shared import VERSION, inputs, report
from shared.context import Run
from shared.errors import BlueprintError, Interruption, InvalidInputError, UnexpectedError
from shared.handoff import Artifacts
from shared.redaction import Redactor
from shared.status import Result
from shared.transport import Clock, Connect, Transport

log = logging.getLogger(__name__)

LIFELINE = "SYNC_BLUEPRINTS_LIFELINE_FD"  # a pipe that the program that started this one holds open

Given = TypeVar("Given", bound=inputs.Inputs)
Main = Callable[[Given, Run], Result]


def run(
    name: str,
    main: Main[Given],
    kind: type[Given],
    environment: Mapping[str, str] = os.environ,
    clock: Clock = time,
    connect: Connect = Transport,
    arguments: Sequence[str] | None = None,
) -> NoReturn:
    """Run the blueprint `name` ("Vendor - What it does"): read its inputs of class `kind`, call `main`, report, exit.

    Exits with 0 if `main` returns, else with the code of the error that it raises.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in ("-h", "--help", "--version"):
        print(f"sync-blueprints {VERSION}" if arguments[0] == "--version" else usage(name, kind))
        sys.exit(0)
    passwords, others = inputs.secrets(kind, environment)
    redactor = Redactor([*others, *_proxy_secrets(environment)], passwords, inputs.variables(kind))
    report.log_to_stderr(redactor, environment)
    artifacts = _artifacts(kind.vendor, environment, redactor, clock)
    context = Run(artifacts, redactor, clock, connect, report.Report(), {}, clock.monotonic())
    ending = _ending(main, kind, environment, context, arguments)
    for file, response in context.kept.items():
        try:
            artifacts.save_response(file, response)
        except OSError as error:
            log.warning("the vendor's last response could not be saved as %s: %s", file, error.strerror or error)
    seconds = clock.monotonic() - context.started_at
    report.write(report.result(name, kind.vendor, ending, context.report, seconds, redactor), redactor, environment)
    sys.exit(ending.exit_code)


def usage(name: str, kind: type[inputs.Inputs]) -> str:
    """What `--help` prints: the inputs, a line each, and where the page is."""
    rows = [("Variable", "Type", "Required", "Default")]
    for field in inputs.fields(kind).values():
        default = "" if field.default is None else str(field.default)
        options = f" ({field.unit or ', '.join(field.options)})" if field.unit or field.options else ""
        rows.append(
            (
                field.variable,
                field.type + options,
                "yes" if field.required else "no",
                default.upper() if field.type == "Boolean" else default,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    page = f"docs/{re.sub('[^a-z]+', '-', name.lower())}.md"
    return "\n".join([f"{name}: takes no arguments; inputs are environment variables.", "", *lines, "", f"See {page}"])


def _ending(
    main: Main[Given], kind: type[Given], environment: Mapping[str, str], run: Run, arguments: Sequence[str]
) -> report.Ending:
    """How the run ends, whatever happens in it."""
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # as under nohup
        signals.remove(signal.SIGHUP)
    starts = False
    try:
        try:
            for number in signals:
                signal.signal(number, _interrupt)
            _watch_lifeline(environment)
            given, problem = inputs.read(kind, environment)
            starts, run.report.id = given.starts, given.subject
            if arguments:
                problem = InvalidInputError(
                    "the script takes no arguments; inputs are environment variables (see --help)"
                )
            _warn_of_unknown(kind, environment)
            _begin(given, problem, run)
            result = main(given, run)
            ending = report.Ending(0, result.outcome, result.message, result.details)
        finally:
            for number in signals:
                signal.signal(number, signal.SIG_IGN)  # nothing may cut the report short
    except (Interruption, Exception) as error:  # noqa: BLE001  # whatever it is, the orchestrator gets a code and a result
        ending = _bad_ending(error, run, starts=starts)
    if starts:
        run.artifacts.end_start(ending.exit_code, ending.outcome)
    return ending


def _interrupt(number: int, _frame: object) -> None:
    sys.unraisablehook = lambda _: None  # else a connection that is cut while it opens prints a traceback
    raise Interruption(number)


def _begin(given: inputs.Inputs, problem: InvalidInputError | None, run: Run) -> None:
    """Raise what is wrong with the inputs; a run that is to start a sync records the attempt even so."""
    if given.starts:
        try:
            run.artifacts.begin_start(given.target)
        except BlueprintError:
            if problem is None:
                raise
    if problem is not None:
        for one in problem.problems if len(problem.problems) > 1 else ():
            log.error("%s", one)
        raise problem


def _bad_ending(error: BaseException, run: Run, *, starts: bool) -> report.Ending:
    """How a run ends that is ended by an exception."""
    if isinstance(error, Interruption):
        return report.Ending(error.exit_code, error.outcome, f"interrupted; {run.report.still_running}")
    if isinstance(error, BlueprintError):
        retry = {"yes": not run.report.started, "check: yes": not starts, "no": False}[error.retryable]
        return report.Ending(error.exit_code, error.outcome, str(error), retry=retry)
    for line in traceback.format_exc().splitlines():
        log.error("%s", line)
    what = f"internal error, {type(error).__name__}: {error}; please report it with the log above"
    return report.Ending(UnexpectedError.exit_code, UnexpectedError.outcome, f"{what}; {run.report.still_running}")


def _proxy_secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """The password of each proxy that requests may use: as it stands in the URL, as it is sent, and the parts that a
    `/`, `?` or `#` in it makes others take for a host and a path.
    """
    for variable, url in environment.items():
        pair = url.rpartition("@")[0].rpartition("://")[2]
        password = pair.partition(":")[2]
        if password and variable.lower() in ("http_proxy", "https_proxy", "all_proxy"):
            yield from (password, unquote(password), unquote(pair), *re.split("[/?#]", password))


def _artifacts(vendor: str, environment: Mapping[str, str], redactor: Redactor, clock: Clock) -> Artifacts:
    folder = Path(inputs.given_text(environment, "SHIPYARD_ARTIFACTS_DIRECTORY") or "shipyard-artifacts")
    own = _log_ids(environment, "SHIPYARD_LOG_ID")
    upstream = _log_ids(environment, "SHIPYARD_FLEET_UPSTREAM_LOG_IDS")
    return Artifacts(folder, vendor, redactor, clock, own[0] if own else None, upstream)


def _log_ids(environment: Mapping[str, str], variable: str) -> list[str]:
    """The log ids in a platform variable; they become part of file names, so that odd ones are left out."""
    found = [part.strip() for part in (inputs.given_text(environment, variable) or "").split(",") if part.strip()]
    valid = [part for part in found if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", part)]
    if len(valid) < len(found):
        log.warning("ignoring a part of %s that is not a log id", variable)
    return list(dict.fromkeys(valid))


def _watch_lifeline(environment: Mapping[str, str]) -> None:
    """End as after SIGTERM once the program that started this one is gone, which closes its end of the pipe."""
    if LIFELINE not in environment:
        return

    def wait() -> None:
        try:
            while os.read(int(environment[LIFELINE]), 1024):
                pass
        except (OSError, ValueError, OverflowError):  # not a pipe of ours
            return
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _warn_of_unknown(kind: type[inputs.Inputs], environment: Mapping[str, str]) -> None:
    """Warn of each set variable that looks like an input of this vendor, and that none of its scripts knows."""
    prefix = f"{kind.vendor.upper()}_"
    unknown = {one for one in environment if one.startswith(prefix) and inputs.given_text(environment, one)}
    unknown -= inputs.variables(kind)
    if not unknown:
        return
    import difflib  # here, because it is needed rarely

    known = inputs.variables(kind) | _variables_of_siblings(kind)
    for variable in sorted(unknown - known):
        nearest = difflib.get_close_matches(variable, sorted(known), n=1, cutoff=0.6)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        log.warning("%s is not a known input%s", variable, hint)


def _variables_of_siblings(kind: type[inputs.Inputs]) -> set[str]:
    """The variables that the other scripts in the same folder read."""
    folder = Path(sys.modules[kind.__module__].__file__ or "").resolve().parent
    found: set[str] = set()
    for path in sorted(folder.glob("*.py")):
        module = importlib.import_module(f"{folder.name}.{path.stem}")
        if hasattr(module, "Inputs"):
            found |= inputs.variables(module.Inputs)
    return found
