"""run(): one blueprint as a child process, from Python. The command, the Action and the integrations use it, too.

    from sync_blueprints import BlueprintFailed, run

    secrets = {"FIVETRAN_API_KEY": "…", "FIVETRAN_API_SECRET": "…"}
    try:
        run("Fivetran - Execute Sync", {"FIVETRAN_CONNECTOR_ID": "my_id"}, secrets=secrets, artifacts="run-1")
        result = run("Fivetran - Check Sync Status", {"FIVETRAN_WAIT": True}, secrets=secrets, artifacts="run-1")
        print(result.outcome, result.url, result.details["seconds"])
    except BlueprintFailed as failed:
        print(failed.exit_code, failed.outcome, failed.result.message)
        if failed.retryable:  # vendor unreachable, or a check whose sync is still running
            ...

The script sees nothing of this process's environment but PATH and the like, proxies (HTTPS_PROXY, NO_PROXY …) and CA
files (REQUESTS_CA_BUNDLE …). An exception raised in run(), such as KeyboardInterrupt or a timeout of an orchestrator,
ends the script with SIGTERM, 10 seconds later with SIGKILL, and is raised again; a script that waits says in its last
log line that the sync is still running. The script ends, too, when this process is killed. Ending a script never stops
a sync that runs at the vendor. Several calls may run side by side in threads.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Union

from sync_blueprints.catalog import Blueprint, find, nearest
from sync_blueprints.process import KILLED, run_script

Value = Union[str, int, float, bool, None, Mapping[str, Any]]
Log = Union[Callable[[int, str], object], logging.Logger, "logging.LoggerAdapter[Any]"]

ARTIFACTS = "SHIPYARD_ARTIFACTS_DIRECTORY"
PLATFORM = ("SHIPYARD_LOG_ID", "SHIPYARD_FLEET_UPSTREAM_LOG_IDS", "LOG_LEVEL")  # may be among the inputs
OTHER_NAMES = {"FIVETRAN_CONNECTION_ID": "FIVETRAN_CONNECTOR_ID"}
INHERITED = (  # what the interpreter needs, proxies and CA files
    *("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "SYSTEMROOT"),
    *("TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "LC_CTYPE", "TZ"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
INTERRUPTED = (129, 130, KILLED, 143)
_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)")
_LAST_LINE = re.compile(r"[a-z_]+ \(exit code (\d+)\): ")


@dataclass(frozen=True)
class Result:
    """How a blueprint ended, as the JSON line on its stdout says; `details` is the whole of that line."""

    exit_code: int
    outcome: str  # "started", "succeeded", "failed" ...
    retryable: bool  # would running it again help?
    message: str  # what happened and what to do about it
    id: str | None = None  # the vendor's id of what is synced
    sync_id: str | None = None  # the vendor's id of this sync
    url: str | None = None  # the vendor's page
    seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)


class BlueprintFailed(Exception):  # noqa: N818 - reads better where it is caught
    """A blueprint ended with an exit code other than 0. `result` has the details."""

    def __init__(self, result: Result) -> None:
        super().__init__(result)  # this alone, so that it can be pickled
        self.result = result
        self.exit_code = result.exit_code
        self.outcome = result.outcome
        self.retryable = result.retryable

    def __str__(self) -> str:
        name = self.result.details.get("blueprint", "blueprint")
        return f"{name}: {self.outcome} (exit code {self.exit_code}): {self.result.message}"


def run(
    name: str,
    inputs: Mapping[str, Value],
    *,
    secrets: Mapping[str, Value] | None = None,
    artifacts: str | os.PathLike[str] | None = None,
    log: Log | None = None,
    time_limit: float | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Result:
    """Run one blueprint as a child process, wait for its end, and return its Result, whose exit_code is 0.

    name        the blueprint's name, a unique prefix of it, or its script; `sync-blueprints list` shows all
    inputs      by variable, as `sync-blueprints show NAME` lists them: text, a number, True or False (sent as TRUE and
                FALSE), a mapping (sent as JSON), or None for "not set"; SHIPYARD_LOG_ID,
                SHIPYARD_FLEET_UPSTREAM_LOG_IDS and LOG_LEVEL, too
    secrets     more inputs, the Passwords; they appear in no log line, result or exception
    artifacts   the folder in which a trigger leaves its handoff for the check: give both the same one. Default: a
                temporary folder that is removed at the end, so that nothing is handed to a later run
    log         what gets the script's log lines as they come: a logging.Logger (default: "sync_blueprints"), or a
                function called with a level of `logging` and the text. An exception that it raises ends the run
    time_limit  seconds, after which the script is ended. What it reports then still counts: a check that had not seen
                the end of its sync yet raises BlueprintFailed with exit code 143
    stopped     asked ten times a second; once it returns True, the script is ended as after time_limit. For callers
                whose stop comes from another thread or a signal, and that want the result all the same

    Raises BlueprintFailed for any other exit code, ValueError for a name or an input that does not exist, TypeError for
    a value that cannot be sent, OSError if no process can be started.
    """
    blueprint = find(name)
    given = {**check_inputs(blueprint, inputs), **check_inputs(blueprint, secrets or {})}
    with artifacts_folder(artifacts) as folder:
        result = _run(blueprint, {**given, ARTIFACTS: folder}, _emitter(log), time_limit, stopped or (lambda: False))
    if result.exit_code:
        raise BlueprintFailed(result)
    return result


def _run(
    blueprint: Blueprint,
    given: Mapping[str, str],
    emit: Callable[[int, str], object],
    time_limit: float | None,
    stopped: Callable[[], bool],
) -> Result:
    """Run the script with what is given and what it inherits."""
    inherited = {name: value for name, value in os.environ.items() if name.upper() in INHERITED}
    began = time.monotonic()
    lines: list[bytes] = []
    last_log_line = ""

    def on_stderr(raw: bytes) -> None:
        nonlocal last_log_line
        level, text = parse_log_line(raw)
        last_log_line = text or last_log_line
        emit(level, text)

    exit_code = run_script(
        blueprint.path,
        {**inherited, **given},
        stdout=lines.append,
        stderr=on_stderr,
        note=lambda text: emit(logging.WARNING, f"{blueprint.name}: {text}"),
        time_limit=time_limit,
        stopped=stopped,
    )
    return result_of(blueprint.name, exit_code, lines, last_log_line, time.monotonic() - began)


def result_of(name: str, exit_code: int, stdout: list[bytes], last_log_line: str, seconds: float) -> Result:
    """The Result of a script that ended like this; where it left no JSON line, what is known without."""
    details = last_object(stdout) or {}
    if details.get("exit_code") != exit_code:
        outcome = "interrupted" if exit_code in INTERRUPTED else "error" if exit_code else "succeeded"
        message = f"the script exited with {exit_code} and without a result"
        if exit_code == KILLED:
            message = "the script was killed (SIGKILL) before it could report; a sync it started may still be running"
        elif last_log_line:
            message += f"; its last line: {last_log_line}"
        known = {"blueprint": name, "outcome": outcome, "exit_code": exit_code, "retry": False, "message": message}
        details = {**details, **known, "seconds": round(seconds, 3)}
    return Result(
        exit_code=exit_code,
        outcome=str(details.get("outcome", "")),
        retryable=bool(details.get("retry", False)),
        message=str(details.get("message", "")),
        id=details.get("id"),
        sync_id=details.get("sync_id"),
        url=details.get("url"),
        seconds=float(details.get("seconds", seconds)),
        details=details,
    )


def last_object(lines: Iterable[bytes]) -> dict[str, Any] | None:
    """The last line that is a JSON object."""
    found: dict[str, Any] | None = None
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            parsed = json.loads(line)
            found = parsed if isinstance(parsed, dict) else found
    return found


def parse_log_line(raw: bytes) -> tuple[int, str]:
    """The level and the text of a line on a script's stderr."""
    text = raw.decode(errors="replace").rstrip("\r\n")
    if found := _LINE.fullmatch(text):
        return getattr(logging, found[1]), found[2]
    if found := _LAST_LINE.match(text):
        return {"0": logging.INFO, "210": logging.WARNING}.get(found[1], logging.ERROR), text
    return logging.WARNING, text  # Python's own, such as a warning or a traceback


def _emitter(log: Log | None) -> Callable[[int, str], object]:
    if callable(log):
        return log
    logger = log or logging.getLogger("sync_blueprints")
    return lambda level, text: logger.log(level, "%s", text)


def check_inputs(blueprint: Blueprint, inputs: Mapping[str, Value]) -> dict[str, str]:
    """The variables that these inputs set. Raises ValueError for a name that the blueprint does not have."""
    known = [one.reference for one in blueprint.inputs]
    allowed = {*known, *PLATFORM, *(f"{name}_FILE" for name in blueprint.secrets)}
    allowed |= {other for other, name in OTHER_NAMES.items() if name in known}
    for name in inputs:
        if name not in allowed:
            near = nearest(str(name), sorted(allowed))
            hint = f"did you mean {near}?" if near else f"it has {', '.join(known)}"
            raise ValueError(f"{blueprint.name} has no input {name}; {hint}")
    return {name: _text(name, value) for name, value in inputs.items() if value is not None}


def _text(name: str, value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Mapping):
        return json.dumps(value)
    raise TypeError(f"{name} must be text, a number, True or False, a mapping or None, not {type(value).__name__}")


@contextlib.contextmanager
def artifacts_folder(named: str | os.PathLike[str] | None) -> Iterator[str]:
    """The folder that is named, else a temporary one."""
    if named is not None:
        yield str(Path(named).resolve())
        return
    folder = tempfile.mkdtemp(prefix="artifacts-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
