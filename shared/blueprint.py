"""Runs a blueprint: reads the environment, reports what came of it, exits. The only place that does any of these."""

from __future__ import annotations

import itertools
import json
import logging
import math
import os
import re
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar
from urllib.parse import unquote

from shared import inputs
from shared.artifacts import Artifacts
from shared.errors import BlueprintError, Interruption, UnexpectedError
from shared.http import Answer, Wire
from shared.masking import Mask, printable
from shared.status import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shared.protocols import Clock, Connect, Inputs

log = logging.getLogger(__name__)

MOST_LINE = 20_000  # characters of a log line
_ORDER = r"##(\w*\[)"  # to the runners of GitHub (##[group]), Azure (##vso[…]) and TeamCity (##teamcity[…])

Given = TypeVar("Given", bound="Inputs")


class Job:
    """One run: what the world supplies, and what is known so far for its report."""

    def __init__(self, artifacts: Artifacts, mask: Mask, clock: Clock = time, connect: Connect = Wire) -> None:
        self.artifacts = artifacts
        self.mask = mask
        self.clock = clock
        self.connect = connect
        self.began = clock.monotonic()
        self.deadline = math.inf  # the instant of the clock after which nothing is tried again
        self.scarce_until = -math.inf  # the instant of the clock until which the vendor has few requests left for us
        self.id: str | None = None  # the vendor's id of what is synced
        self.sync_id: str | None = None  # the vendor's id of this one sync
        self.facts: dict[str, object] = {}  # what the vendor tells of the sync, for the result
        self.goes_on = "nothing was started by this run"  # what runs at the vendor, should this run end now
        self.responses: dict[str, Answer] = {}  # the last answers, by their names in responses/


def run(
    name: str,
    main: Callable[[Given, Job], Result],
    kind: type[Given],
    environment: Mapping[str, str] = os.environ,
    clock: Clock = time,
    connect: Connect = Wire,
) -> NoReturn:
    """Run the blueprint `name` ("Vendor - What it does"): read its inputs of class `kind`, call `main`, report, exit.

    Exits with 0 if `main` returns, else with the code of the error that it raises.
    """
    vendor = name.split(" - ")[0].lower()
    mask = _mask(kind, environment)
    _log_to_stderr(mask, environment)
    job = Job(_artifacts(vendor, environment, mask), mask, clock, connect)
    exit_code, outcome, message = _outcome(main, kind, environment, job)
    _save_responses(job)
    report = {
        "blueprint": name,
        "vendor": vendor,
        "outcome": outcome,
        "exit_code": exit_code,
        "id": mask.tree(job.id),
        "sync_id": mask.tree(job.sync_id),
        "message": mask.words(message, 2000),
        "seconds": round(clock.monotonic() - job.began, 3),
    }
    _report({**report, **mask.tree(job.facts), **report}, mask, environment)  # the same keys first, always
    sys.exit(exit_code)


def _outcome(
    main: Callable[[Given, Job], Result], kind: type[Given], environment: Mapping[str, str], job: Job
) -> tuple[int, str, str]:
    """Exit code, outcome word and message of a run, whatever happens in it."""
    try:
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, _interrupt)
            given = inputs.read(kind, environment)
            job.id = given.subject
            result = main(given, job)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # the report is not to be cut short
    except Interruption as interruption:
        return interruption.exit_code, interruption.outcome, f"interrupted; {job.goes_on}"
    except BlueprintError as error:
        return error.exit_code, error.outcome, str(error)
    except Exception as error:  # noqa: BLE001  # whatever it is, the orchestrator gets a code and a result
        for line in traceback.format_exc().splitlines():
            log.error("%s", line)
        fault = f"a fault of this script, {type(error).__name__}: {error}; please report it with the log above"
        return UnexpectedError.exit_code, UnexpectedError.outcome, f"{fault}; {job.goes_on}"
    return 0, result.outcome, result.message


def _mask(kind: type[object], environment: Mapping[str, str]) -> Mask:
    secrets = list(inputs.passwords(kind, environment))
    pairs = itertools.permutations([secret.strip() for secret in secrets], 2)
    return Mask([*secrets, *map(":".join, pairs), *_proxy_secrets(environment)])


def _proxy_secrets(environment: Mapping[str, str]) -> Iterator[str]:
    """The password of each proxy that requests may use, as it stands in the URL and as it is sent: alone and as a pair.

    A URL that cannot be parsed is shown by urllib3 in its message.
    """
    for variable, url in environment.items():
        before, _, _ = url.rpartition("@")
        if before and variable.lower() in ("http_proxy", "https_proxy", "all_proxy"):
            pair = before.rpartition("://")[2]
            password = pair.partition(":")[2]
            yield from {password, unquote(password), unquote(pair)} if password else ()


def _artifacts(vendor: str, environment: Mapping[str, str], mask: Mask) -> Artifacts:
    folder = Path(inputs.given_text(environment, "SHIPYARD_ARTIFACTS_DIRECTORY") or "shipyard-artifacts")
    own = _log_ids(environment, "SHIPYARD_LOG_ID")
    return Artifacts(
        folder, vendor, own[0] if own else None, _log_ids(environment, "SHIPYARD_FLEET_UPSTREAM_LOG_IDS"), mask
    )


def _log_ids(environment: Mapping[str, str], variable: str) -> list[str]:
    """The log ids in a platform variable; they become part of file names, so that odd ones are left out."""
    found = [part.strip() for part in (inputs.given_text(environment, variable) or "").split(",") if part.strip()]
    fine = [part for part in found if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", part)]
    if len(fine) < len(found):
        log.warning("%s holds something that is no log id; it is not used", variable)
    return list(dict.fromkeys(fine))


def _interrupt(number: int, _frame: object) -> None:
    raise Interruption(number)


def _save_responses(job: Job) -> None:
    for name, answer in job.responses.items():
        try:
            job.artifacts.save_response(name, answer)
        except OSError as error:
            log.warning("the vendor's last answer could not be kept as %s: %s", name, error.strerror or error)


class _Formatter(logging.Formatter):
    """Log lines without secrets and without anything that steers a terminal or forges another line."""

    def __init__(self, mask: Mask) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._hide = mask

    def format(self, record: logging.LogRecord) -> str:
        return _no_order(printable(self._hide.start(super().format(record), MOST_LINE)))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - as logging wants
        """Nothing: urllib3 logs a traceback with every header that it cannot read, which is no fault of ours."""
        del ei
        return ""


def _log_to_stderr(mask: Mask, environment: Mapping[str, str]) -> None:
    wanted = (inputs.given_text(environment, "LOG_LEVEL") or "INFO").upper()
    level = logging.getLevelName(wanted)
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(mask))
    logging.basicConfig(level=level if isinstance(level, int) else logging.INFO, handlers=[handler], force=True)
    logging.raiseExceptions = False  # a closed stderr is no reason to fail
    if not isinstance(level, int):
        log.warning("LOG_LEVEL is %s, which is no level; INFO is used", inputs.shown(wanted))


def _report(report: Mapping[str, Any], mask: Mask, environment: Mapping[str, str]) -> None:
    """The result: one line on stderr whatever the LOG_LEVEL, one JSON object on stdout, and the files of a CI step."""
    values: dict[str, str] = {
        "exit-code": str(report["exit_code"]),
        "outcome": report["outcome"],
        "sync-id": mask.words(str(report["sync_id"] or "")),
        "message": report["message"],
    }
    _append(environment, "GITHUB_OUTPUT", "".join(f"{key}={value}\n" for key, value in values.items()))
    rows = "".join(f"| {key} | {_cell(value)} |\n" for key, value in values.items())
    _append(environment, "GITHUB_STEP_SUMMARY", f"| {_cell(report['blueprint'])} | |\n| --- | --- |\n{rows}\n")
    line = f"{report['outcome']} (exit code {report['exit_code']}): {report['message']}"
    _print(sys.stderr, _no_order(line))
    try:
        line = json.dumps(report, default=lambda value: mask(str(value)), allow_nan=False)
    except ValueError:  # a number that JSON has no word for
        line = json.dumps(
            {**{key: mask(str(value)) for key, value in report.items()}, "exit_code": report["exit_code"]}
        )
    _print(sys.stdout, re.sub(_ORDER, r"\\u0023#\1", line) if "##" in line else line)  # the same JSON


def _no_order(line: str) -> str:
    """A line of a log that tells its reader to do nothing; what is meant to begin a line never does so here."""
    return re.sub(_ORDER, r"# #\1", line) if "##" in line else line


def _cell(value: object) -> str:
    """A value in a table of Markdown, where nothing in it is markup."""
    return re.sub("[&<>|`\"'*_\\[\\]!#\\\\]", lambda found: f"&#{ord(found[0])};", str(value))


def _append(environment: Mapping[str, str], variable: str, text: str) -> None:
    """Add to a file that the CI names, if it names one."""
    path = inputs.given_text(environment, variable)
    if path is None:
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        log.warning("%s cannot be written to: %s", variable, error.strerror or error)


def _print(stream: TextIO | None, line: str) -> None:
    if stream is None:  # closed before the run began
        return
    try:
        print(line, file=stream, flush=True)
    except (OSError, ValueError):  # nobody reads it any more, but the exit code still counts
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
