"""A run from the environment to the exit code: one line of JSON whatever happens, and no secret anywhere."""

from __future__ import annotations

import base64
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Callable, NamedTuple
from urllib.parse import quote

import pytest
from shared.blueprint import Job, run
from shared.http import NOT_JSON, Answer, parse_json

from shared import errors, inputs
from shared.status import Result

REPOSITORY = Path(__file__).resolve().parents[2]
KEY = "key-A1b2C3d4e5f"  # with its colon of no multiple of 3 bytes: the pair in base64 is not the parts in base64
SECRET = "s3cr3t+of/many=signs&more"
PAIR = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
GOOD = {"ACME_KEY": KEY, "ACME_SECRET": SECRET, "ACME_SYNC_ID": "sync_1"}
posix_only = pytest.mark.skipif(os.name != "posix", reason="signals and descriptors of POSIX")


class Inputs:
    key: str = inputs.password("ACME_KEY")
    secret: str = inputs.password("ACME_SECRET")
    sync: str = inputs.identifier("ACME_SYNC_ID")
    mode: str = inputs.choice("ACME_MODE", "restart", "join", default="restart")

    @property
    def subject(self) -> str:
        return self.sync


class Ran(NamedTuple):
    exit_code: Any
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        (line,) = self.stdout.splitlines()
        found = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert isinstance(found, dict)
        return found

    @property
    def last_line(self) -> str:
        return self.stderr.splitlines()[-1]


Main = Callable[[Any, Job], Result]
Runner = Callable[..., Ran]


@pytest.fixture
def run_here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """Runs a `main` in this process, with artifacts in `tmp_path`; leaves signals and logging as they were."""
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root = logging.getLogger()
    logging_before = root.handlers[:], root.level, logging.raiseExceptions

    def run_it(main: Main, environment: Mapping[str, str] = GOOD, name: str = "Acme - Trigger Sync") -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            run(name, main, Inputs, environment)
        out, err = capsys.readouterr()
        return Ran(caught.value.code, out, err)

    yield run_it
    for number, handler in handlers.items():
        signal.signal(number, handler)
    root.handlers[:], level, logging.raiseExceptions = logging_before
    root.setLevel(level)


def succeeds(_given: Any, job: Job) -> Result:
    job.sync_id = "run_7"
    job.facts["rows"] = 12
    return Result("succeeded", "12 rows")


def raises(error: BaseException) -> Main:
    def main(_given: Any, _job: Job) -> Result:
        raise error

    return main


# The report


def test_a_success_is_one_json_object_on_one_line_and_exit_0(run_here: Runner) -> None:
    ran = run_here(succeeds)
    seconds = ran.report["seconds"]
    assert ran.exit_code == 0
    assert ran.report == {
        "blueprint": "Acme - Trigger Sync",
        "vendor": "acme",
        "outcome": "succeeded",
        "exit_code": 0,
        "id": "sync_1",
        "sync_id": "run_7",
        "message": "12 rows",
        "seconds": seconds,
        "rows": 12,
    }
    assert 0 <= seconds < 5


ENDINGS = [
    (errors.InvalidCredentialsError("x"), 200, "invalid_credentials"),
    (errors.BadRequestError("x"), 201, "refused"),
    (errors.SyncNotStartedError("x"), 202, "not_started"),
    (errors.StartUnclearError("x"), 202, "unclear"),
    (errors.SyncAlreadyRunningError("x"), 203, "already_running"),
    (errors.SyncNotFoundError("x"), 204, "not_found"),
    (errors.InvalidPollIntervalError("x"), 205, "invalid_input"),
    (errors.InvalidInputError("x"), 206, "invalid_input"),
    (errors.SyncIncompleteError("x"), 210, "running"),
    (errors.SyncFailedError("x"), 211, "failed"),
    (errors.SyncCancelledError("x"), 212, "cancelled"),
    (errors.UnknownStatusError("x"), 213, "unknown"),
    (errors.StatusCheckFailedError("x"), 220, "unreachable"),
    (errors.ArtifactError("x"), 221, "artifact_error"),
    (ValueError("x"), 249, "error"),
    (KeyError("x"), 249, "error"),
    (RecursionError("x"), 249, "error"),
    (MemoryError("x"), 249, "error"),
    (AssertionError("x"), 249, "error"),
]


@pytest.mark.parametrize(("error", "exit_code", "outcome"), ENDINGS, ids=lambda one: getattr(type(one), "__name__", ""))
def test_every_ending_is_one_json_object_on_one_line(
    run_here: Runner, error: Exception, exit_code: int, outcome: str
) -> None:
    ran = run_here(raises(error))
    assert (ran.exit_code, ran.report["exit_code"], ran.report["outcome"]) == (exit_code, exit_code, outcome)
    assert "x" in ran.report["message"]


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "critical", "nonsense", "None"])
@pytest.mark.parametrize("main", [succeeds, raises(errors.SyncFailedError("x")), raises(ValueError("x"))])
def test_the_last_line_says_the_outcome_and_the_exit_code_at_any_log_level(
    run_here: Runner, level: str, main: Main
) -> None:
    ran = run_here(main, {**GOOD, "LOG_LEVEL": level})
    assert ran.report["outcome"] in ran.last_line
    assert str(ran.exit_code) in ran.last_line


def test_a_fault_of_ours_is_told_with_a_traceback_and_what_goes_on(run_here: Runner) -> None:
    def main(_given: Any, job: Job) -> Result:
        job.goes_on = "the sync of sync_1 goes on"
        raise ValueError("what went wrong")

    ran = run_here(main)
    assert "Traceback" in ran.stderr
    assert "in main" in ran.stderr
    assert "ValueError: what went wrong" in ran.report["message"]
    assert "the sync of sync_1 goes on" in ran.report["message"]


def test_an_expected_ending_has_no_traceback(run_here: Runner) -> None:
    assert "Traceback" not in run_here(raises(errors.SyncFailedError("x"))).stderr


def test_nothing_but_the_report_is_on_stdout(run_here: Runner) -> None:
    def main(_given: Any, _job: Job) -> Result:
        logging.getLogger("anything").warning("a line")
        return Result("succeeded", "two\nlines")

    ran = run_here(main, {**GOOD, "LOG_LEVEL": "DEBUG"})
    assert len(ran.stdout.splitlines()) == 1
    assert ran.report["message"] == "two lines"


def test_what_the_vendor_tells_cannot_replace_what_the_run_says(run_here: Runner) -> None:
    def main(_given: Any, job: Job) -> Result:
        job.facts.update(exit_code=0, outcome="succeeded", message="fine")
        raise errors.SyncFailedError("it failed")

    report = run_here(main).report
    assert (report["exit_code"], report["outcome"], report["message"]) == (211, "failed", "it failed")


@pytest.mark.parametrize(
    "fact",
    [float("inf"), float("nan"), object(), {1, 2}, b"bytes", "\ud800", 10**400, "\u2028\n"],
    ids=["inf", "nan", "object", "set", "bytes", "surrogate", "long", "lines"],
)
def test_no_fact_keeps_the_report_from_being_one_line_of_json(run_here: Runner, fact: object) -> None:
    def main(_given: Any, job: Job) -> Result:
        job.facts["fact"] = fact
        return Result("succeeded", "fine")

    ran = run_here(main)
    assert ran.report["exit_code"] == ran.exit_code


@pytest.mark.parametrize("depth", [100, 900, 2500])
def test_no_answer_keeps_the_report_from_being_one_line_of_json(run_here: Runner, depth: int) -> None:
    body = parse_json('{"a":' * depth + "1" + "}" * depth)

    def main(_given: Any, job: Job) -> Result:
        job.responses["r.json"] = Answer(200, body)
        return Result("succeeded", "fine")

    raised = ""
    try:
        report = run_here(main).report
    except Exception as error:  # noqa: BLE001  # not `pytest.raises`: a RecursionError takes a minute to print
        raised = type(error).__name__
    assert raised == ""
    assert report["message"] == "fine"


def test_a_long_message_is_cut(run_here: Runner) -> None:
    assert len(run_here(raises(errors.SyncFailedError("x" * 100_000))).report["message"]) <= 2000


def test_a_hostile_message_steers_no_terminal_and_forges_no_line(run_here: Runner) -> None:
    def main(_given: Any, _job: Job) -> Result:
        logging.getLogger("x").warning("a\x1b[2J\r\n2026 INFO forged \u202e")
        raise errors.SyncFailedError("b\x1b[31m\nfailed (exit code 0): forged")

    ran = run_here(main)
    assert len(ran.stderr.splitlines()) == 2
    assert all(line.isprintable() for line in ran.stderr.splitlines())
    assert ran.report["message"].isprintable()


COMMANDS = ["##[error]forged", "no ##[set-output name=exit-code;]0", "####[group]x", "##[a]##[b]", "##[", '"##[x]\\']


@pytest.mark.parametrize("words", COMMANDS)
def test_a_vendors_words_give_no_order_to_the_runner_of_a_ci_and_stay_the_same_once_parsed(
    run_here: Runner, words: str
) -> None:
    def main(_given: Any, job: Job) -> Result:
        logging.getLogger("x").warning("the vendor says %s", words)
        job.sync_id = words
        job.facts.update({"reason": words, "named": [words], words: {words: 1}})
        raise errors.SyncFailedError(words)

    ran = run_here(main)
    assert "##[" not in ran.stdout
    assert "##[" not in ran.stderr
    assert (ran.report["message"], ran.report["sync_id"], ran.report["reason"]) == (words, words, words)
    assert (ran.report["named"], ran.report[words]) == ([words], {words: 1})


def test_a_traceback_gives_no_order_to_the_runner_of_a_ci(run_here: Runner) -> None:
    ran = run_here(raises(ValueError("##[error]forged")))
    assert "##[" not in ran.stdout + ran.stderr
    assert "##[error]forged" in ran.report["message"]


def test_a_traceback_that_a_library_logs_is_not_shown(run_here: Runner) -> None:
    def main(_given: Any, _job: Job) -> Result:
        try:
            raise ValueError("a header without a colon")
        except ValueError as error:
            logging.getLogger("urllib3.connection").warning("Failed to parse headers: %s", error, exc_info=True)
        return Result("succeeded", "")

    ran = run_here(main)
    assert "Failed to parse headers: a header without a colon" in ran.stderr
    assert "Traceback" not in ran.stderr


# Inputs and the platform's variables


def test_all_faults_of_the_inputs_are_in_the_message(run_here: Runner) -> None:
    ran = run_here(succeeds, {"ACME_SYNC_ID": "../x", "ACME_MODE": "rerun"})
    assert (ran.exit_code, ran.report["outcome"], ran.report["id"]) == (206, "invalid_input", None)
    for variable in ("ACME_KEY", "ACME_SECRET", "ACME_SYNC_ID", "ACME_MODE"):
        assert variable in ran.report["message"]


def test_an_unknown_log_level_is_info_with_a_warning(run_here: Runner) -> None:
    def main(_given: Any, _job: Job) -> Result:
        logging.getLogger("x").info("shown")
        logging.getLogger("x").debug("not shown")
        return Result("succeeded", "")

    ran = run_here(main, {**GOOD, "LOG_LEVEL": "LOUD"})
    assert "WARNING LOG_LEVEL" in ran.stderr
    assert "not shown" not in ran.stderr
    assert "INFO shown" in ran.stderr


@pytest.mark.parametrize(("level", "lines"), [("DEBUG", 3), ("info", 2), ("Warning", 1), ("ERROR", 0), (None, 2)])
def test_the_log_level_decides_what_is_logged(run_here: Runner, level: str | None, lines: int) -> None:
    def main(_given: Any, _job: Job) -> Result:
        for method in ("debug", "info", "warning"):
            getattr(logging.getLogger("x"), method)("a line of mine")
        return Result("succeeded", "")

    ran = run_here(main, {**GOOD, **({"LOG_LEVEL": level} if level else {})})
    assert ran.stderr.count("a line of mine") == lines


@pytest.mark.parametrize("value", [None, "", "None", " "])
def test_artifacts_lie_in_a_folder_of_the_working_folder_unless_told_otherwise(
    run_here: Runner, tmp_path: Path, value: str | None
) -> None:
    environment = {**GOOD, **({} if value is None else {"SHIPYARD_ARTIFACTS_DIRECTORY": value})}
    run_here(prepares, environment)
    assert (tmp_path / "shipyard-artifacts" / "acme-blueprints" / "variables").is_dir()


def prepares(_given: Any, job: Job) -> Result:
    job.artifacts.prepare()
    return Result("succeeded", "")


def test_artifacts_lie_where_the_platform_says(run_here: Runner, tmp_path: Path) -> None:
    run_here(prepares, {**GOOD, "SHIPYARD_ARTIFACTS_DIRECTORY": str(tmp_path / "a b")})
    assert (tmp_path / "a b" / "acme-blueprints" / "responses").is_dir()


class Handover(NamedTuple):
    id: str = "sync_1"
    sync_id: str = "run_7"
    server_time: None = None

    def as_dict(self) -> dict[str, Any]:
        return self._asdict()

    def other_files(self) -> dict[str, Any]:
        return {}

    @property
    def subject(self) -> str:
        return self.id

    def is_just(self, given: object) -> bool:
        return given == self.id

    def differs(self, _: object) -> str:
        return ""

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Handover:
        return cls(plain["id"], plain["sync_id"])

    @classmethod
    def from_other_files(cls, _: object) -> list[Handover]:
        return []


def hands_over(_given: Any, job: Job) -> Result:
    job.artifacts.prepare()
    job.artifacts.save(Handover())
    return Result("started", "")


def takes_over(_given: Any, job: Job) -> Result:
    found = job.artifacts.find(Handover, None)
    return Result("succeeded", found.id if found else "nothing")


@pytest.mark.parametrize(
    ("log_id", "upstream", "expected"),
    [
        ("log1", "log1", "sync_1"),
        ("log1", " log0 , log1,log2", "sync_1"),
        ("log1", "log2", "sync_1"),
        (None, "log1", "sync_1"),
        ("log1", None, "sync_1"),
        ("log1", "None", "sync_1"),
    ],
)
def test_a_check_finds_what_a_trigger_of_an_upstream_log_id_handed_over(
    run_here: Runner, log_id: str | None, upstream: str | None, expected: str
) -> None:
    run_here(hands_over, {**GOOD, **({"SHIPYARD_LOG_ID": log_id} if log_id else {})})
    ran = run_here(takes_over, {**GOOD, **({"SHIPYARD_FLEET_UPSTREAM_LOG_IDS": upstream} if upstream else {})})
    assert ran.report["message"] == expected


@pytest.mark.parametrize(
    ("upstream", "expected"), [("Log-1_A.b", "sync_1"), ("x,Log-1_A.b", "sync_1"), ("x", "nothing")]
)
def test_what_another_trigger_hands_over_meanwhile_changes_nothing_for_the_checks_of_a_log_id(
    run_here: Runner, tmp_path: Path, upstream: str, expected: str
) -> None:
    run_here(hands_over, {**GOOD, "SHIPYARD_LOG_ID": "Log-1_A.b"})
    (tmp_path / "shipyard-artifacts" / "acme-blueprints" / "variables" / "sync.pickle").unlink()
    ran = run_here(takes_over, {**GOOD, "SHIPYARD_FLEET_UPSTREAM_LOG_IDS": upstream})
    assert ran.report["message"] == expected


def test_a_trigger_writes_the_names_of_its_log_id(run_here: Runner, tmp_path: Path) -> None:
    run_here(hands_over, {**GOOD, "SHIPYARD_LOG_ID": " log1 "})
    variables = tmp_path / "shipyard-artifacts" / "acme-blueprints" / "variables"
    assert {path.name for path in variables.iterdir()} == {"sync.pickle", "log1_sync.pickle"}


@pytest.mark.parametrize("log_id", ["../x", "a/b", "a b", ".", "..", "x" * 1000, "\x1b[31m", "-x/../y"])
def test_a_log_id_that_is_none_becomes_no_file_name(run_here: Runner, tmp_path: Path, log_id: str) -> None:
    ran = run_here(hands_over, {**GOOD, "SHIPYARD_LOG_ID": log_id})
    assert ran.exit_code == 0
    assert [path.name for path in tmp_path.rglob("*.pickle")] == ["sync.pickle"]
    assert "WARNING SHIPYARD_LOG_ID" in ran.stderr


# The vendor's last answer


def answers(_given: Any, job: Job) -> Result:
    job.responses["sync_1_response.json"] = Answer(500, NOT_JSON, f"<html>{SECRET}</html>")
    raise errors.SyncFailedError("it failed")


def test_the_last_answer_is_kept_also_when_a_run_ends_badly(run_here: Runner, tmp_path: Path) -> None:
    run_here(answers)
    kept = tmp_path / "shipyard-artifacts" / "acme-blueprints" / "responses" / "sync_1_response.json"
    assert json.loads(kept.read_text()) == {"status": 500, "text": "<html>***</html>"}


def test_an_answer_that_cannot_be_kept_is_a_warning_and_no_other_verdict(run_here: Runner, tmp_path: Path) -> None:
    (tmp_path / "shipyard-artifacts").write_text("a file")
    ran = run_here(answers)
    assert (ran.exit_code, ran.report["message"]) == (211, "it failed")
    assert "WARNING" in ran.stderr


# Secrets


def test_a_main_gets_the_inputs_and_a_mask_that_knows_their_secrets(run_here: Runner) -> None:
    def main(given: Any, job: Job) -> Result:
        return Result("succeeded", f"{len(given.key)} {job.mask.words(SECRET)}")

    assert run_here(main).report["message"] == f"{len(KEY)} ***"


FORMS = {
    "key": KEY,
    "secret": SECRET,
    "upper case": SECRET.upper(),
    "URL-quoted": quote(SECRET, safe=""),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "the pair": f"{KEY}:{SECRET}",
    "the pair in base64": PAIR,
    "an Authorization header": f"Authorization: Basic {PAIR}",
}


def tells(form: str, ending: str) -> Main:
    """A `main` that tells a secret wherever it can."""

    def main(given: Any, job: Job) -> Result:
        log = logging.getLogger("urllib3.connectionpool")
        log.debug("DEBUG %s", form)
        log.error("ERROR %s", {"Authorization": form})
        try:
            raise ValueError(form)
        except ValueError:
            log.exception("an exception")
        job.id = form
        job.sync_id = form
        job.facts["fact"] = [{"deep": (form, {form: form})}]
        job.goes_on = f"{form} goes on"
        job.responses["r.json"] = Answer(200, {form: [form]}, form)
        if ending == "success":
            return Result("succeeded", f"it is {form} {given.key}")
        if ending == "failure":
            raise errors.SyncFailedError(f"it is {form}")
        raise RuntimeError(f"it is {form}") from ValueError(form)

    return main


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("ending", ["success", "failure", "fault"])
@pytest.mark.parametrize("blanks", ["", "  "])
def test_no_secret_is_anywhere(run_here: Runner, tmp_path: Path, form: str, ending: str, blanks: str) -> None:
    environment = {
        **{name: f"{blanks}{value}{blanks}" for name, value in GOOD.items()},
        "LOG_LEVEL": "DEBUG",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    ran = run_here(tells(form, ending), environment)
    assert ran.exit_code == {"success": 0, "failure": 211, "fault": 249}[ending]
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 3
    names = " ".join(path.name for path in tmp_path.rglob("*"))
    for place in (ran.stdout, ran.stderr, names, *written):
        for secret in (KEY, SECRET, quote(SECRET, safe=""), PAIR[:12], PAIR[-12:], FORMS["base64"]):
            assert secret.lower() not in place.lower()


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "all_proxy"])
@pytest.mark.parametrize("url", ["http://me:pass%2Fword-1@proxy:8080", "me:pass%2Fword-1@proxy"])
@pytest.mark.parametrize(
    "form",
    ["pass%2Fword-1", "pass/word-1", base64.b64encode(b"me:pass/word-1").decode()],
    ids=["quoted", "plain", "sent"],
)
def test_the_password_of_a_proxy_is_a_secret(run_here: Runner, variable: str, url: str, form: str) -> None:
    ran = run_here(tells(form, "failure"), {**GOOD, variable: url})
    assert form not in ran.stdout + ran.stderr


@pytest.mark.parametrize("url", ["http://me@proxy:8080", "http://proxy:8080", ""])
def test_a_proxy_without_a_password_hides_nothing(run_here: Runner, url: str) -> None:
    assert (
        run_here(tells("me of proxy", "failure"), {**GOOD, "HTTPS_PROXY": url}).report["message"] == "it is me of proxy"
    )


def test_no_secret_is_in_the_name_of_a_fact(run_here: Runner) -> None:
    def main(_given: Any, job: Job) -> Result:
        job.facts[f"rows of {SECRET}"] = 7
        return Result("succeeded", "fine")

    assert SECRET not in run_here(main).stdout


@pytest.mark.parametrize("secret", ["a'b\\c\"d-token", 'quoted"token\\x', "back\\slash'token"])
@pytest.mark.parametrize("kind", [KeyError, ValueError])
def test_a_secret_with_quotes_is_not_in_a_traceback(run_here: Runner, secret: str, kind: type[Exception]) -> None:
    def main(given: Any, _job: Job) -> Result:
        raise kind(given.secret) if kind is KeyError else kind(f"{[given.secret]}")

    ran = run_here(main, {**GOOD, "ACME_SECRET": secret})
    for place in (ran.stdout, ran.stderr):
        assert "token" not in place
        assert "slash" not in place


@pytest.mark.parametrize("before", range(0, 60, 7))
def test_a_secret_put_into_another_input_is_not_shown_in_part(run_here: Runner, before: int) -> None:
    ran = run_here(succeeds, {**GOOD, "ACME_MODE": "x" * before + " " + KEY})
    assert ran.exit_code == 206
    assert KEY[:8] not in ran.stdout + ran.stderr


@pytest.mark.parametrize("value", [f"{SECRET}\u00e9", f"{SECRET}\x01", f"{SECRET} {SECRET}\n{SECRET}"])
def test_an_invalid_secret_is_not_shown_either(run_here: Runner, value: str) -> None:
    ran = run_here(succeeds, {**GOOD, "ACME_SECRET": value})
    assert ran.exit_code == 206
    assert SECRET not in ran.stdout + ran.stderr


# A CI's files


def test_the_result_is_put_out_for_the_steps_of_a_ci(run_here: Runner, tmp_path: Path) -> None:
    (tmp_path / "output").write_text("before=1\n")
    run_here(succeeds, {**GOOD, "GITHUB_OUTPUT": str(tmp_path / "output")})
    assert (tmp_path / "output").read_text().splitlines() == [
        "before=1",
        "exit-code=0",
        "outcome=succeeded",
        "sync-id=run_7",
        "message=12 rows",
    ]


@pytest.mark.parametrize("hostile", ["a\nexit-code=0", "a\r\nexit-code=0", "a\u2028exit-code=0", "a\x85exit-code=0"])
def test_no_message_forges_an_output(run_here: Runner, tmp_path: Path, hostile: str) -> None:
    def main(_given: Any, job: Job) -> Result:
        job.sync_id = hostile
        raise errors.SyncFailedError(hostile)

    run_here(main, {**GOOD, "GITHUB_OUTPUT": str(tmp_path / "output")})
    lines = (tmp_path / "output").read_text().splitlines()
    assert [line.split("=")[0] for line in lines] == ["exit-code", "outcome", "sync-id", "message"]


@pytest.mark.parametrize("hostile", ["a | b", "`a`", "<img src=x>", "![a](https://x.test)", "a\n| b |"])
def test_the_summary_is_a_table_whatever_the_message(run_here: Runner, tmp_path: Path, hostile: str) -> None:
    run_here(raises(errors.SyncFailedError(hostile)), {**GOOD, "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")})
    lines = (tmp_path / "summary").read_text().strip().splitlines()
    assert {line.count("|") for line in lines} == {3}
    assert "failed" in lines[3]
    assert not any(sign in "".join(lines) for sign in ("`", "<", "!["))


@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_a_file_of_a_ci_that_cannot_be_written_is_a_warning(run_here: Runner, tmp_path: Path, variable: str) -> None:
    ran = run_here(succeeds, {**GOOD, variable: str(tmp_path)})
    assert (ran.exit_code, ran.report["outcome"]) == (0, "succeeded")
    assert f"WARNING {variable}" in ran.stderr


# Real processes


def script(body: str) -> str:
    return (
        textwrap.dedent(
            """
        import os, signal, sys, time
        from shared import errors, inputs
        from shared.blueprint import run
        from shared.status import Result
        class Inputs:
            secret = inputs.password("ACME_SECRET")
            subject = "sync_1"
        def main(given, job):
        """
        )
        + textwrap.indent(textwrap.dedent(body), "    ")
        + '\nrun("Acme - Trigger Sync", main, Inputs)\n'
    )


def process(body: str, tmp_path: Path, redirect: str = "") -> Ran:
    command = [sys.executable, "-c", script(body)]
    if redirect:
        command = ["/bin/sh", "-c", f'"$0" "$@" {redirect}', *command]
    environment = {"ACME_SECRET": SECRET, "PYTHONPATH": str(REPOSITORY), "PATH": os.defpath}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


@posix_only
@pytest.mark.parametrize(("number", "exit_code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_ends_a_run_with_its_code_and_one_line_says_what_goes_on(
    tmp_path: Path, number: str, exit_code: int
) -> None:
    body = f"""
        job.goes_on = "the sync of sync_1 goes on at Acme"
        os.kill(os.getpid(), signal.{number})
        time.sleep(10)
    """
    ran = process(body, tmp_path)
    assert (ran.exit_code, ran.report["exit_code"], ran.report["outcome"]) == (exit_code, exit_code, "interrupted")
    assert "the sync of sync_1 goes on at Acme" in ran.last_line
    assert "Traceback" not in ran.stderr


@posix_only
def test_a_signal_before_anything_was_started_says_so(tmp_path: Path) -> None:
    ran = process("os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(10)", tmp_path)
    assert "nothing was started" in ran.report["message"]


@posix_only
def test_a_signal_is_not_taken_for_a_passing_fault(tmp_path: Path) -> None:
    body = """
        for _ in range(3):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
            except Exception:
                pass
        return Result("succeeded", "")
    """
    assert process(body, tmp_path).exit_code == 143


@posix_only
def test_a_second_signal_does_not_cut_the_report_short(tmp_path: Path) -> None:
    body = """
        class Killing(dict):
            def items(self):
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)
                return super().items()
        job.responses = Killing()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
    """
    ran = process(body, tmp_path)
    assert (ran.exit_code, ran.report["outcome"]) == (143, "interrupted")


@posix_only
@pytest.mark.parametrize(
    ("redirect", "shown"),
    [
        ("2>&-", "stdout"),
        (">&-", "stderr"),
        (">&- 2>&-", ""),
        (">/dev/full", "stderr"),
        ("2>/dev/full", "stdout"),
    ],
)
@pytest.mark.parametrize(("body", "exit_code"), [('return Result("succeeded", "")', 0), ("raise ValueError()", 249)])
def test_a_stream_that_is_closed_or_full_changes_neither_the_exit_code_nor_the_other_stream(
    tmp_path: Path, redirect: str, shown: str, body: str, exit_code: int
) -> None:
    ran = process(body, tmp_path, redirect)
    assert ran.exit_code == exit_code
    if shown == "stdout":
        assert ran.report["exit_code"] == exit_code
    if shown == "stderr":
        assert f"exit code {exit_code}" in ran.last_line


@posix_only
def test_a_reader_that_has_gone_changes_no_exit_code(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {"ACME_SECRET": SECRET, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", script('raise errors.SyncFailedError("it failed")')]
    try:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, "Traceback" in done.stderr, "BrokenPipe" in done.stderr) == (211, False, False)


def test_an_otherwise_empty_environment_is_enough(tmp_path: Path) -> None:
    ran = process('return Result("succeeded", "fine")', tmp_path)
    assert (ran.exit_code, ran.report["message"]) == (0, "fine")
    assert list(tmp_path.iterdir()) == []
