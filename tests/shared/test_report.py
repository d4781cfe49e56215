"""What a run says: one line of JSON whatever happens, a readable log, the files of a CI, and no secret anywhere."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from shared import VERSION, errors
from shared.context import Run
from shared.status import Result
from shared.transport import Response
from tests.shared.acme import GOOD, KEY, SECRET
from tests.shared.running import Main, Runner, process, raises, succeeds

# The result


def test_the_result_is_one_json_object_on_one_line_with_its_keys_in_order(run_here: Runner) -> None:
    ran = run_here(succeeds)
    seconds = ran.result["seconds"]
    assert 0 <= seconds < 5
    assert list(ran.result.items()) == [
        ("blueprint", "Acme - Trigger Sync"),
        ("vendor", "acme"),
        ("outcome", "succeeded"),
        ("exit_code", 0),
        ("retry", False),
        ("id", "source_1"),
        ("sync_id", "run_7"),
        ("url", None),
        ("message", "12 rows"),
        ("seconds", seconds),
        ("version", VERSION),
        ("rows", 12),
    ]


@pytest.mark.parametrize(
    "details",
    [
        {"exit_code": 0, "outcome": "succeeded", "message": "fine", "retry": True},
        *({"detail": detail} for detail in ("\ud800", 10**400, "\u2028\n")),
    ],
    ids=["those of the run", "surrogate", "long", "lines"],
)
def test_no_detail_replaces_what_the_run_says_or_breaks_its_line(run_here: Runner, details: dict[str, Any]) -> None:
    def main(_given: Any, run: Run) -> Result:
        run.report.details.update(details)
        raise errors.SyncFailedError("it failed")

    own = {"exit_code": 211, "outcome": "failed", "message": "it failed", "retry": False}
    assert run_here(main).result.items() >= own.items()


def test_a_long_message_and_a_long_line_of_the_log_are_cut(run_here: Runner) -> None:
    assert len(run_here(raises(errors.SyncFailedError("x" * 100_000))).result["message"]) == 2000
    assert max(map(len, run_here(raises(ValueError("x" * 100_000))).stderr.splitlines())) < 21_000


# The log


@pytest.mark.parametrize(
    ("level", "lines"), [("DEBUG", 3), ("info", 2), ("Warning", 1), ("CRITICAL", 0), (None, 2), ("LOUD", 2)]
)
def test_the_log_level_decides_what_is_logged_to_stderr(run_here: Runner, level: str | None, lines: int) -> None:
    def main(_given: Any, _run: Run) -> Result:
        for method in ("debug", "info", "warning"):
            getattr(logging.getLogger("x"), method)("a line of mine")
        return Result("succeeded", "two\nlines", {"more": 1})

    ran = run_here(main, {**GOOD, "LOG_LEVEL": level or ""})
    assert ran.stderr.count("a line of mine") == lines
    assert ran.last_line == "succeeded (exit code 0): two lines"
    assert (ran.result["message"], ran.result["more"]) == ("two lines", 1)
    assert ("WARNING LOG_LEVEL is 'LOUD', which is not a log level; using INFO" in ran.stderr) == (level == "LOUD")


def test_a_message_steers_no_terminal_and_forges_no_line(run_here: Runner) -> None:
    def main(_given: Any, _run: Run) -> Result:
        logging.getLogger("x").warning("a\x1b[2J\r\n2026 INFO forged \u202e")
        raise errors.SyncFailedError("b\x1b[31m\nfailed (exit code 0): forged")

    ran = run_here(main)
    assert len(ran.stderr.splitlines()) == 2
    assert all(line.isprintable() for line in ran.stderr.splitlines())
    assert ran.result["message"].isprintable()


def test_a_traceback_that_a_library_logs_is_not_shown(run_here: Runner) -> None:
    def main(_given: Any, _run: Run) -> Result:
        try:
            raise ValueError("a header without a colon")
        except ValueError as error:
            logging.getLogger("urllib3.connection").warning("Failed to parse headers: %s", error, exc_info=True)
        return Result("succeeded", "")

    ran = run_here(main)
    assert "Failed to parse headers: a header without a colon" in ran.stderr
    assert "Traceback" not in ran.stderr


# Secrets


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PROXY = "http://user:p4ss@w%40rd@proxy.test:8080"
ODD_PROXY = "http://user:pa55/w0rd@proxy.test:8080"  # whose password is read as a port and a path
OF_PROXY = ["p4ss@w%40rd", "p4ss@w@rd", base64_of("user:p4ss@w@rd"), "pa55", "w0rd"]
PAIR = base64_of(f"{KEY}:{SECRET}")
HIDDEN = [KEY, SECRET, quote(SECRET, safe=""), base64_of(SECRET), *OF_PROXY]
FORMS = f"{' '.join(HIDDEN)} {SECRET.upper()} {KEY}:{SECRET} Authorization: Basic {PAIR} {PROXY}"


def tells(ending: str) -> Main:
    """A `main` that tells secrets wherever it can."""

    def main(given: Any, run: Run) -> Result:
        log = logging.getLogger("urllib3.connectionpool")
        log.debug("DEBUG %s", FORMS)
        log.error("ERROR %s", {"Authorization": FORMS})
        try:
            raise ValueError(FORMS)
        except ValueError:
            log.exception("an exception")
        run.report.id = run.report.sync_id = FORMS
        run.report.url = f"https://acme.test/{FORMS}"
        run.report.details[f"rows of {FORMS}"] = [{"deep": (FORMS, {FORMS: FORMS})}]
        run.report.still_running = f"{FORMS} is still running"
        run.kept["r.json"] = Response(200, {FORMS: [FORMS]})
        if ending == "success":
            return Result("succeeded", f"it is {FORMS} {given.key}", {"more": FORMS})
        if ending == "failure":
            raise errors.SyncFailedError(f"it is {FORMS}")
        raise RuntimeError(f"it is {FORMS}") from ValueError(FORMS)

    return main


@pytest.mark.parametrize(("ending", "exit_code"), [("success", 0), ("failure", 211), ("bug", 249)])
@pytest.mark.parametrize("from_files", [False, True], ids=["variables", "files"])
def test_no_secret_is_anywhere(run_here: Runner, tmp_path: Path, ending: str, exit_code: int, from_files: bool) -> None:
    environment = {
        **{name: f"  {value} " for name, value in GOOD.items()},
        **{"LOG_LEVEL": "DEBUG", "GITHUB_OUTPUT": str(tmp_path / "output")},
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        **{"http_proxy": PROXY, "HTTPS_PROXY": ODD_PROXY},
    }
    for name in ("ACME_KEY", "ACME_SECRET") if from_files else ():
        (tmp_path / name).write_text(environment.pop(name))
        environment[f"{name}_FILE"] = str(tmp_path / name)
    ran = run_here(tells(ending), environment)
    assert ran.exit_code == exit_code
    written = [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith("ACME")]
    assert {path.name for path in written} == {"output", "summary", "r.json"}  # the last response, too
    for place in (ran.stdout, ran.stderr, *map(Path.read_text, written)):
        assert not [secret for secret in (*HIDDEN, PAIR[:12], PAIR[-12:]) if secret.lower() in place.lower()]


# The files of a CI


def test_the_result_is_put_out_for_the_next_steps_and_as_a_table_and_forges_neither(
    run_here: Runner, tmp_path: Path
) -> None:
    def main(_given: Any, run: Run) -> Result:
        run.report.sync_id = "run_7\r\u2028exit-code=7"
        return Result("succeeded", "12 rows | `a`\n&amp; <img>")

    output, summary = tmp_path / "output", tmp_path / "summary"
    output.write_text("before=1\n")
    run_here(main, {**GOOD, "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)})
    rows = {"exit-code": "0", "outcome": "succeeded", "sync-id": "run_7 exit-code=7"}
    values = {**rows, "message": "12 rows | `a` &amp; <img>"}
    cells = {**rows, "message": "12 rows &#124; &#96;a&#96; &#38;amp; &#60;img&#62;"}
    assert output.read_text().splitlines() == ["before=1", *(f"{key}={value}" for key, value in values.items())]
    assert summary.read_text().splitlines() == [
        *("| Acme - Trigger Sync | |", "| --- | --- |"),
        *(f"| {key} | {value} |" for key, value in cells.items()),
        "",
    ]


@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_a_file_of_a_ci_that_cannot_be_written_is_a_warning(run_here: Runner, tmp_path: Path, variable: str) -> None:
    ran = run_here(succeeds, {**GOOD, variable: str(tmp_path)})
    assert (ran.exit_code, ran.result["outcome"]) == (0, "succeeded")
    assert f"WARNING {variable} cannot be written" in ran.stderr


# Streams of real processes


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("redirect", "shown"),
    [("2>&-", "stdout"), (">&-", "stderr"), (">&- 2>&-", ""), (">/dev/full", "stderr"), ("2>/dev/full", "stdout")],
)
@pytest.mark.parametrize(("body", "exit_code"), [('return Result("succeeded", "")', 0), ("raise ValueError()", 249)])
def test_a_stream_that_is_closed_or_full_changes_neither_the_exit_code_nor_the_other_stream(
    tmp_path: Path, redirect: str, shown: str, body: str, exit_code: int
) -> None:
    ran = process(body, tmp_path, f'"$0" "$@" {redirect}')
    assert ran.exit_code == exit_code
    if shown == "stdout":
        assert ran.result["exit_code"] == exit_code
    if shown == "stderr":
        assert f"exit code {exit_code}" in ran.last_line


@pytest.mark.sockets
def test_a_reader_that_has_gone_changes_no_exit_code(tmp_path: Path) -> None:
    body = 'time.sleep(0.3)\nraise errors.SyncFailedError("it failed")'
    ran = process(body, tmp_path, '"$0" "$@" | true; exit ${PIPESTATUS:-0}')
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr
    assert ran.last_line == "failed (exit code 211): it failed"
