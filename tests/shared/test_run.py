"""A run from the environment to the exit code: inputs, arguments, signals, files."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest

from nango_blueprints import check_credentials
from shared import VERSION, errors
from shared.context import Run
from shared.status import Result
from shared.transport import Response
from tests.shared.acme import GOOD, KEY, Inputs, Sync, TriggerInputs
from tests.shared.running import Runner, process, raises, succeeds


@pytest.fixture
def variables(tmp_path: Path) -> Path:
    return tmp_path / "shipyard-artifacts" / "acme-blueprints" / "variables"


# How a run ends


ENDINGS = [
    (errors.InvalidCredentialsError("x"), 200, "invalid_credentials", "---"),
    (errors.BadRequestError("x"), 201, "refused", "---"),
    (errors.SyncNotStartedError("x"), 202, "not_started", "rr-"),
    (errors.StartUnclearError("x"), 202, "unclear", "rr-"),
    (errors.SyncAlreadyRunningError("x"), 203, "already_running", "---"),
    (errors.SyncNotFoundError("x"), 204, "not_found", "---"),
    (errors.InvalidPollIntervalError("x"), 205, "invalid_input", "---"),
    (errors.InvalidInputError("x"), 206, "invalid_input", "---"),
    (errors.SyncIncompleteError("x"), 210, "running", "r--"),
    (errors.SyncFailedError("x"), 211, "failed", "---"),
    (errors.SyncCancelledError("x"), 212, "cancelled", "---"),
    (errors.UnknownStatusError("x"), 213, "unknown", "---"),
    (errors.StatusCheckFailedError("x"), 220, "unreachable", "rr-"),
    (errors.ArtifactError("x"), 221, "artifact_error", "---"),
    *[(kind("x"), 249, "error", "---") for kind in (ValueError, KeyError, RecursionError, MemoryError, AssertionError)],
    *[(errors.Interruption(number), 128 + number, "interrupted", "---") for number in (1, 2, 15)],
]


@pytest.mark.parametrize(("error", "exit_code", "outcome", "retry"), ENDINGS, ids=lambda one: type(one).__name__)
def test_every_ending_has_its_exit_code_its_outcome_and_whether_a_retry_helps(
    run_here: Runner, variables: Path, error: Exception, exit_code: int, outcome: str, retry: str
) -> None:
    # a check, a trigger that has not started anything, a trigger that waits and had started
    for kind, started, letter in zip((Inputs, TriggerInputs, TriggerInputs), (False, False, True), retry):
        ran = run_here(raises(error, started=started), kind=kind)
        result = ran.result
        assert (ran.exit_code, result["exit_code"], result["outcome"]) == (exit_code, exit_code, outcome)
        assert result["retry"] is (letter == "r")
        assert ("interrupted; nothing was started" if exit_code < 200 else "x") in result["message"]
        assert ("Traceback" in ran.stderr) == (exit_code == 249)
    pending = pickle.loads((variables / "starting.pickle").read_bytes())  # noqa: S301
    assert pending.items() >= {"state": "ended", "id": "source_1", "exit_code": exit_code, "outcome": outcome}.items()


def test_every_error_is_in_that_table_and_has_a_line_for_the_docs() -> None:
    assert not issubclass(errors.Interruption, Exception)  # nothing survives it by mistake
    kinds = {one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.BlueprintError)}
    abstract = {errors.BlueprintError, errors.UnexpectedError}  # the latter is that of any other exception
    assert kinds - abstract == {type(error) for error, *_ in ENDINGS if isinstance(error, errors.BlueprintError)}
    assert all((inspect.getdoc(kind) or "").splitlines()[0].endswith(".") for kind in kinds)


def test_a_bug_is_shown_with_a_traceback_and_what_is_still_running(run_here: Runner) -> None:
    def main(_given: Any, run: Run) -> Result:
        run.report.still_running = "the sync of sync_1 is still running in Acme"
        raise ValueError("what went wrong")

    ran = run_here(main)
    assert "in main" in ran.stderr
    assert ran.result["message"] == (
        "internal error, ValueError: what went wrong; please report it with the log above; "
        "the sync of sync_1 is still running in Acme"
    )


# Arguments


@pytest.mark.parametrize("kind", [Inputs, TriggerInputs])
@pytest.mark.parametrize("argument", ["-h", "--help"])
def test_help_and_version_make_no_run(run_here: Runner, tmp_path: Path, kind: type[Inputs], argument: str) -> None:
    ran = run_here(raises(AssertionError()), {}, kind, [argument])
    assert (ran.exit_code, ran.stderr, list(tmp_path.iterdir())) == (0, "", [])
    lines = [line.split("  ") for line in ran.stdout.splitlines()]
    table = {line[0]: [cell.strip() for cell in line[1:] if cell.strip()] for line in lines if len(line) > 1}
    assert table["ACME_KEY"] == ["Password", "yes"]
    assert table["ACME_WAIT"] == ["Boolean", "no", "FALSE"]
    assert table["ACME_IF_RUNNING"] == ["Select (restart, join, wait, fail)", "no", "restart"]
    assert table["ACME_POLL_INTERVAL"] == ["Integer (seconds)", "no", "60"]
    assert ran.stdout.endswith("See docs/acme-trigger-sync.md\n")
    assert run_here(raises(AssertionError()), {}, kind, ["--version"]) == (0, f"sync-blueprints {VERSION}\n", "")


@pytest.mark.parametrize("arguments", [["run"], [""], ["--connector", "x"], ["x", "--help"]])
def test_any_other_argument_is_refused_and_recorded(run_here: Runner, variables: Path, arguments: list[str]) -> None:
    for kind in (Inputs, TriggerInputs):
        ran = run_here(raises(AssertionError()), kind=kind, arguments=arguments)
        assert (ran.exit_code, ran.result["outcome"]) == (206, "invalid_input")
        assert "takes no arguments; inputs are environment variables" in ran.result["message"]
        left = {path.name for path in variables.parent.rglob("*")}
        assert left == ({"responses", "variables", "starting.pickle"} if kind is TriggerInputs else set())


# Inputs and the platform's variables


def test_all_problems_of_the_inputs_are_in_the_message_and_a_line_each_in_the_log(run_here: Runner) -> None:
    wrong = ["ACME_SECRET", "ACME_SYNC_ID", "ACME_IF_RUNNING"]
    ran = run_here(succeeds, {"ACME_SYNC_ID": "../x", "ACME_IF_RUNNING": "rerun", "ACME_KEY": "key"})
    assert (ran.exit_code, ran.result["outcome"], ran.result["id"]) == (206, "invalid_input", None)
    assert ran.result["message"].startswith("ACME_SECRET is required but not set; ACME_SYNC_ID is '../x'; an ID may")
    assert [line.split(" ERROR ")[1].split()[0] for line in ran.stderr.splitlines()[:-1]] == wrong


@pytest.mark.parametrize(
    ("more", "hints"),
    [
        ({"NANGO_WAIT_TIME_OUT": "1"}, {"NANGO_WAIT_TIME_OUT": "; did you mean NANGO_WAIT_TIMEOUT?"}),
        ({"NANGO_QXZQXZQXZQXZ": "1"}, {"NANGO_QXZQXZQXZQXZ": ""}),
        (
            {"NANGO_SYNCZ": "1", "NANGO_API_URI": "1"},
            {"NANGO_API_URI": "; did you mean NANGO_API_URL?", "NANGO_SYNCZ": "; did you mean NANGO_SYNCS?"},
        ),
        *[({"NANGO_API_URI": value}, {}) for value in ("", "None")],
        ({"NANGO_SECRET_KEY_FILE": "", "NANGO_WAIT": "TRUE"}, {}),  # the latter is read by its siblings
        ({"OTHER_API_URI": "x", "MY_NANGO_API_URI": "x", "NANGOS_KEY": "x", "nango_secret_key": "x"}, {}),
    ],
)
def test_a_set_variable_that_no_script_of_the_vendor_reads_gets_one_warning(
    run_here: Runner, more: dict[str, str], hints: dict[str, str]
) -> None:
    ran = run_here(succeeds, {"NANGO_SECRET_KEY": KEY, **more}, check_credentials.Inputs)
    assert ran.exit_code == 0
    warnings = [line.split(" WARNING ")[1] for line in ran.stderr.splitlines()[:-1]]
    assert warnings == [f"{variable} is not a known input{hint}" for variable, hint in hints.items()]


@pytest.mark.parametrize("value", [None, "", "None", " ", "a b"])
def test_artifacts_are_where_the_platform_says(run_here: Runner, tmp_path: Path, value: str | None) -> None:
    run_here(succeeds, {**GOOD, **({} if value is None else {"SHIPYARD_ARTIFACTS_DIRECTORY": value})}, TriggerInputs)
    artifacts = tmp_path / ("a b" if value == "a b" else "shipyard-artifacts") / "acme-blueprints"
    assert {path.name for path in artifacts.iterdir()} == {"variables", "responses"}


def saves(_given: Any, run: Run) -> Result:
    run.artifacts.save(Sync())
    return Result("started", "")


def finds(given: Any, run: Run) -> Result:
    found = run.artifacts.find(Sync, given)
    return Result("succeeded", found.id if found else "nothing")


@pytest.mark.parametrize(
    ("log_id", "upstream", "expected"),
    [
        ("log1", "log1", "source_1"),
        (" log1 ", " log0 , log1,log2", "source_1"),
        ("Log-1_A.b", "x,Log-1_A.b", "source_1"),
        *[("log1", upstream, "nothing") for upstream in ("log2", "", "None")],
        *[(log_id, "log1", "nothing") for log_id in ("", "None")],
    ],
)
def test_a_check_finds_what_the_trigger_of_an_upstream_log_id_has_saved(
    run_here: Runner, variables: Path, log_id: str, upstream: str, expected: str
) -> None:
    run_here(saves, {**GOOD, "SHIPYARD_LOG_ID": log_id}, TriggerInputs)
    for name in ("sync.pickle", "force_sync.pickle", "source_id.pickle"):  # as another trigger overwrites them
        (variables / name).unlink()
    assert run_here(finds, {**GOOD, "SHIPYARD_FLEET_UPSTREAM_LOG_IDS": upstream}).result["message"] == expected


@pytest.mark.parametrize("log_id", ["../x", "a/b", "a b", ".", "..", "x" * 1000, "\x1b[31m", "-x/../y"])
def test_what_is_not_a_log_id_becomes_no_file_name(run_here: Runner, tmp_path: Path, log_id: str) -> None:
    ran = run_here(saves, {**GOOD, "SHIPYARD_LOG_ID": log_id}, TriggerInputs)
    assert ran.exit_code == 0
    assert {path.name for path in tmp_path.rglob("*sync.pickle")} == {"sync.pickle", "force_sync.pickle"}
    assert "WARNING ignoring a part of SHIPYARD_LOG_ID that is not a log id" in ran.stderr


# The pending start of a run


@pytest.mark.parametrize(("invalid", "id_"), [({"ACME_WAIT": "maybe"}, "source_1"), ({"ACME_SYNC_ID": "../x"}, None)])
def test_a_trigger_with_invalid_inputs_leaves_a_record_of_them(
    run_here: Runner, variables: Path, invalid: dict[str, str], id_: str | None
) -> None:
    run_here(succeeds, {**GOOD, **invalid, "SHIPYARD_LOG_ID": "log1"}, TriggerInputs)
    for name in ("starting.pickle", "log1_starting.pickle"):
        pending = pickle.loads((variables / name).read_bytes())  # noqa: S301
        assert pending.items() >= {"state": "ended", "id": id_, "exit_code": 206, "outcome": "invalid_input"}.items()
    assert run_here(finds).exit_code == 221


@pytest.mark.parametrize("folder", ["a file", "/proc/sys/artifacts", "x" * 300])
def test_a_trigger_that_cannot_save_says_so_after_what_is_invalid(
    run_here: Runner, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "a file").touch()
    environment = {**GOOD, "SHIPYARD_ARTIFACTS_DIRECTORY": folder}
    ran = run_here(raises(AssertionError()), environment, TriggerInputs)
    assert (ran.exit_code, "nothing was started" in ran.result["message"]) == (221, True)
    assert run_here(succeeds, {**environment, "ACME_WAIT": "maybe"}, TriggerInputs).exit_code == 206
    assert run_here(succeeds, environment).exit_code == 0


def test_a_response_that_cannot_be_kept_is_a_warning_and_no_other_verdict(run_here: Runner, tmp_path: Path) -> None:
    def responds(_given: Any, run: Run) -> Result:
        run.kept["sync_1_response.json"] = Response(200, {})
        raise errors.SyncFailedError("it failed")

    (tmp_path / "shipyard-artifacts").write_text("a file")
    ran = run_here(responds)
    assert (ran.exit_code, ran.result["message"]) == (211, "it failed")
    assert "WARNING the vendor's last response could not be saved as sync_1_response.json" in ran.stderr


# Signals, in processes of their own


@pytest.mark.sockets
def test_a_hangup_that_is_ignored_ends_nothing(tmp_path: Path) -> None:
    body = "os.kill(os.getpid(), signal.SIGHUP)\nreturn Result('succeeded', 'still there')"
    ran = process(body, tmp_path, 'trap "" HUP; exec "$0" "$@"')
    assert (ran.exit_code, ran.result["message"]) == (0, "still there")


@pytest.mark.sockets
def test_a_second_signal_does_not_cut_the_report_short(tmp_path: Path) -> None:
    body = """
        class Killing:
            @property
            def body(self):  # read while the run reports how it ended
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    os.kill(os.getpid(), number)
                time.sleep(0.05)
                return {}
        run.kept["r.json"] = Killing()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
    """
    ran = process(body, tmp_path)
    assert (ran.exit_code, ran.result["outcome"]) == (143, "interrupted")


@pytest.mark.sockets
def test_what_a_signal_leaves_half_made_does_not_complain(tmp_path: Path) -> None:
    body = """
        class HalfMade:
            def __init__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
                self.file = None
            def __del__(self):
                self.file
        HalfMade()
    """
    ran = process(body, tmp_path)
    assert (ran.exit_code, ran.stderr.count("\n")) == (143, 1)


@pytest.mark.sockets
@pytest.mark.parametrize("value", ["", "x", "-1", "99", "9999999999", "²"])
def test_a_lifeline_that_is_none_changes_nothing(tmp_path: Path, value: str) -> None:
    body = "time.sleep(0.1)\nreturn Result('succeeded', 'fine')"
    ran = process(body, tmp_path, SYNC_BLUEPRINTS_LIFELINE_FD=value)
    assert (ran.exit_code, ran.result["message"]) == (0, "fine")
    assert len(ran.stderr.splitlines()) == 1
