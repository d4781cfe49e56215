"""What a run reports: the log on stderr, one JSON line on stdout, and the files of a CI step."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from shared import VERSION
from shared.inputs import given_text
from shared.record import Record
from shared.redaction import Redactor, printable
from shared.values import shown

log = logging.getLogger(__name__)

MAX_LINE = 20_000  # characters of a log line
MAX_MESSAGE = 2_000
_IN_CELL = {ord(one): f"&#{ord(one)};" for one in "&<>|`\n"}


class Report:
    """What is known so far. Every layer writes what it learns, and `run` reads it once, at the end."""

    def __init__(self) -> None:
        self.id: str | None = None  # the vendor's id of what is synced
        self.sync_id: str | None = None  # the vendor's id of this one sync
        self.url: str | None = None  # the vendor's page of what is synced
        self.started = False  # a sync was started or joined by this run
        self.still_running = "nothing was started by this run"  # what runs at the vendor, should this run end now
        self.details: dict[str, object] = {}  # what the vendor reports of the sync


class Ending(Record):
    """How a run ended."""

    exit_code: int
    outcome: str
    message: str
    details: Mapping[str, object] = {}
    retry: bool = False


class _Formatter(logging.Formatter):
    """Log lines without secrets and without anything that steers a terminal or forges another line."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return printable(self._redactor(super().format(record))[:MAX_LINE])

    def formatException(self, ei: Any) -> str:  # noqa: N802 - as logging wants
        """Nothing: urllib3 logs a traceback with every header that it cannot read, which is not an error of ours."""
        del ei
        return ""


def log_to_stderr(redactor: Redactor, environment: Mapping[str, str]) -> None:
    """Set up the log at LOG_LEVEL."""
    wanted = (given_text(environment, "LOG_LEVEL") or "INFO").upper()
    level = logging.getLevelName(wanted)
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(redactor))
    logging.basicConfig(level=level if isinstance(level, int) else logging.INFO, handlers=[handler], force=True)
    logging.raiseExceptions = False  # a closed stderr is no reason to fail
    if not isinstance(level, int):
        log.warning("LOG_LEVEL is %s, which is not a log level; using INFO", shown(wanted))


def result(
    blueprint: str, vendor: str, ending: Ending, known: Report, seconds: float, redactor: Redactor
) -> dict[str, Any]:
    """What goes to stdout, without secrets. The same keys come first, always."""
    first = {
        "blueprint": blueprint,
        "vendor": vendor,
        "outcome": ending.outcome,
        "exit_code": ending.exit_code,
        "retry": ending.retry,
        "id": redactor.tree(known.id),
        "sync_id": redactor.tree(known.sync_id),
        "url": redactor.tree(known.url),
        "message": redactor.excerpt(ending.message, MAX_MESSAGE),
        "seconds": round(seconds, 3),
        "version": VERSION,
    }
    return {**first, **redactor.tree({**known.details, **ending.details}), **first}


def write(result: Mapping[str, Any], redactor: Redactor, environment: Mapping[str, str]) -> None:
    """The result: one line on stderr whatever the LOG_LEVEL, one JSON object on stdout, and the files of a CI step."""
    values = {
        "exit-code": result["exit_code"],
        "outcome": result["outcome"],
        "sync-id": redactor.excerpt(result["sync_id"] or ""),
        "message": result["message"],
    }
    _append(environment, "GITHUB_OUTPUT", "".join(f"{key}={value}\n" for key, value in values.items()))
    rows = "".join(f"| {key} | {_cell(value)} |\n" for key, value in values.items())
    _append(environment, "GITHUB_STEP_SUMMARY", f"| {_cell(result['blueprint'])} | |\n| --- | --- |\n{rows}\n")
    _print(sys.stderr, f"{result['outcome']} (exit code {result['exit_code']}): {result['message']}")
    _print(sys.stdout, json.dumps(result))


def _cell(value: object) -> str:
    """A value in a Markdown table: what would end the cell, or start HTML, is escaped."""
    return str(value).translate(_IN_CELL)


def _append(environment: Mapping[str, str], variable: str, text: str) -> None:
    """Add to a file that the CI names, if it names one."""
    path = given_text(environment, variable)
    if path is None:
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        log.warning("%s cannot be written: %s", variable, error.strerror or error)


def _print(stream: TextIO | None, line: str) -> None:
    if stream is None:  # closed before the run began
        return
    try:
        print(line, file=stream, flush=True)
    except OSError:  # nobody reads it any more, but the exit code still counts
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
