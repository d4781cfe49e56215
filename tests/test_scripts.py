"""What comes of a trigger, a check, or one after the other: every script as a process, in stories."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Callable, NamedTuple

import pytest

from sync_blueprints.sandbox import Sandbox
from sync_blueprints.sandbox.fivetran import NARROW_KEY
from sync_blueprints.sandbox.nango import EXECUTE_ONLY_KEY, READ_ONLY_KEY
from sync_blueprints.sandbox.rudderstack import VIEWER_TOKEN
from tests.processes import (
    CONNECTION,
    FIVETRAN,
    KINDS,
    NANGO,
    NOBODY_LISTENS,
    SOURCE,
    VENDORS,
    Kind,
    Stage,
    in_parallel,
)

pytestmark = [pytest.mark.slow, pytest.mark.sockets]


class Step(NamedTuple):
    """A run and how it ends."""

    verb: str
    outcome: str
    says: str = ""
    variables: Mapping[str, str] = {}


def script(verb: str) -> Callable[..., Step]:
    """Steps of this script; variables are without the vendor's prefix."""
    return lambda outcome, says="", **variables: Step(verb, outcome, says, variables)


trigger, check, credentials = script("trigger_sync"), script("check_sync_status"), script("check_credentials")
resync, update, listing = script("resync_connector"), script("update_connector"), script("list_syncs")
STARTED, WAITS = trigger("started"), check("succeeded", WAIT="TRUE")
ELSEWHERE = {"API_URL": NOBODY_LISTENS}


class Story(NamedTuple):
    """`starts`: how many syncs the steps start; `seconds`: how long they take at least, because the sync does."""

    title: str
    id: str
    steps: tuple[Step, ...]
    starts: int = 0
    seconds: float = 0

    def play(self, sandbox: Sandbox, folder: Path, kind: Kind) -> str:
        """What is wrong with how it goes, if anything."""
        own = folder / self.title.replace(" ", "-")[:60]
        stage = Stage(sandbox, own, kind, f"{self.id}_x{abs(hash((self.title, kind)))}")
        began = time.monotonic()
        try:
            for step in self.steps:
                _take(step, stage)
            assert stage.starts == self.starts, f"{stage.starts} syncs were started"
            assert time.monotonic() - began >= self.seconds, "the verdict came before the end"
        except AssertionError as wrong:
            return f"{self.title}: {wrong}"
        return ""


def _take(step: Step, stage: Stage) -> None:
    ended = stage.run(step.verb, **{stage.kind.variable(name): value for name, value in step.variables.items()})
    result = ended.result
    assert (result["outcome"], step.says in result["message"]) == (step.outcome, True), ended
    if step.verb != "check_credentials" and ended.exit_code not in (205, 206):
        assert result["id"] == (stage.id if stage.kind is not NANGO else "sandbox"), ended
    if ended.exit_code in (202, 220) and step.outcome != "interrupted":
        assert result["retry"] is True, ended


EVERY_KIND = [
    Story(
        "yesterday's success does not stand for today's failed trigger",
        "succeeds_in_0",
        (STARTED, check("succeeded"), trigger("invalid_input", WAIT="perhaps"), check("artifact_error", "206")),
        1,
    ),
    Story("a check reports a running sync", "succeeds_in_60", (STARTED, check("running")), 1),
    Story("a check waits for the success", "succeeds_in_2", (STARTED, WAITS), 1, 2),
    Story("a trigger waits for the failure", "fails_in_1", (trigger("failed", WAIT="TRUE"), check("failed")), 1, 1),
    Story("the run before is not taken for a sync that is seen late", "lazy_in_2", (STARTED, WAITS), 1, 3),
    Story("a running sync is joined", "running_in_2", (trigger("joined", IF_RUNNING="join"), WAITS), 0, 2),
    Story("a running sync is waited for, then one starts", "running_in_2", (trigger("started", IF_RUNNING="wait"),), 1),
    Story("a running sync is left alone", "running_in_60", (trigger("already_running", IF_RUNNING="fail"),)),
    Story(
        "an unknown id is not found, and a check says so of the trigger before it",
        "unknown",
        (check("not_found"), trigger("not_found"), check("artifact_error", "204 (not_found)")),
    ),
    Story("a start whose response is lost is found again", "loses_answer_in_1", (STARTED, WAITS), 1, 1),
    Story("a start that got lost is sent once more", "loses_request", (STARTED,), 1),
    Story("a start that failed with a 500 is sent once more", "start_500", (STARTED,), 1),
    Story("an accepted start with a 500 is found again", "start_500_accepted", (STARTED,), 1),
    Story("a check alone judges the latest sync", "succeeds_in_2", (check("succeeded"),)),
    Story("what has never run is no success", "never_run", (check("running"),)),
    Story("a success that is too old is not there yet", "succeeds_in_2", (check("running", MAX_AGE="1"),)),
]

WRONG = "00000000-0000-4000-8000-000000000000"
RESPONSES = {  # what a check makes of it, and a trigger
    **dict.fromkeys(("answers_401", "answers_403"), ("invalid_credentials", "invalid_credentials")),
    **dict.fromkeys([f"answers_{one}" for one in ("html", "empty", "garbage", "500")], ("unreachable", "not_started")),
}
EVERY_VENDOR = [  # what a source has in common with a connection is left to the connection alone
    *[Story(f"a check that gets {one[8:]}", one, (check(ends),)) for one, (ends, _) in RESPONSES.items()],
    *[Story(f"a trigger that gets {one[8:]}", one, (trigger(ends),)) for one, (_, ends) in RESPONSES.items()],
    Story("a check follows no redirect", "answers_redirect", (check("refused", "API_URL"),)),
    Story("a trigger follows no redirect", "answers_redirect", (trigger("refused", "API_URL"),)),
    Story("a short Retry-After is kept", "flaky_start_429_in_1", (STARTED,), 1),
    Story("two failed reads are survived", "flaky", (check("succeeded"),)),
    Story("a trigger that nobody hears starts nothing", "succeeds", (trigger("not_started", **ELSEWHERE),)),
    Story("nothing is said of credentials that nobody hears", "succeeds", (credentials("unreachable", **ELSEWHERE),)),
]

VIEWER = {"ACCESS_TOKEN": VIEWER_TOKEN}
NARROW, READ_ONLY = {"SECRET_KEY": EXECUTE_ONLY_KEY}, {"SECRET_KEY": READ_ONLY_KEY}
STOPPED = (STARTED, check("cancelled", WAIT="TRUE"))
ODD = (STARTED, check("unknown", WAIT="TRUE"))
NOT_UNPAUSED = update("updated", SCHEDULE_TYPE="manual", PAUSED="None", HISTORICAL_SYNC="")
STRICT = trigger("failed", WAIT="TRUE", FAIL_ON_FAILED_ROWS="TRUE")
ONE_KIND = {
    CONNECTION: [
        Story("a running sync is stopped, then one starts", "running_in_60", (trigger("started"),), 1, 1),
        Story("a sync that is stopped has no result", "cancelled_in_1", STOPPED, 1, 1),
        Story("an unknown status is no success", "odd_word_in_1", ODD, 1, 1),
        Story("a wrong token is rejected", "any", (credentials("invalid_credentials", ACCESS_TOKEN=WRONG),)),
        Story("a viewer's token may read", "succeeds", (credentials("valid", **VIEWER), check("succeeded", **VIEWER))),
        Story("a viewer's token may not start", "succeeds", (trigger("invalid_credentials", **VIEWER),)),
        Story("a disabled connection is not triggered", "disabled", (trigger("refused"),)),
        Story("refused rows are a success", "refuses_rows_in_1", (STARTED, WAITS), 1),
        Story("refused rows are a failure if so wished", "refuses_rows_in_1", (STRICT,), 1),
        Story("syncs are listed", "history_in_25", (listing("listed", "listed 10 syncs", LIMIT="10"),)),
        Story("failed syncs are listed", "history_in_8", (listing("listed", "listed 2 syncs", STATUS="failed"),)),
        Story("no syncs are listed out of a web page", "answers_html", (listing("unreachable"),)),
    ],
    SOURCE: [
        Story("a run cannot be stopped", "running_in_60", (trigger("already_running"),)),
        Story("a sync that is stopped has no result", "cancelled_in_1", STOPPED, 1, 1),
        Story("an unknown status is no success", "odd_word_in_1", ODD, 1, 1),
    ],
    NANGO: [
        Story("an unknown status is no success", "odd_word_in_1", ODD, 1, 1),
        Story("a conflict leaves what runs alone", "answers_409", (trigger("already_running", IF_RUNNING="fail"),)),
        Story("a paused sync runs once", "paused_in_1", (trigger("succeeded", WAIT="TRUE"),), 1, 1),
        Story("a wrong key is rejected", "any", (credentials("invalid_credentials", SECRET_KEY=WRONG),)),
        Story("a key that may only start is valid", "any", (credentials("valid", "without NANGO_WAIT", **NARROW),)),
        Story("a key that may only start", "succeeds_in_0", (trigger("started", **NARROW),), 1),
        Story("such a key may not wait", "succeeds", (trigger("invalid_credentials", **NARROW, WAIT="TRUE"),)),
        Story("a key that may only read is valid", "any", (credentials("valid", "Check Sync Status; ", **READ_ONLY),)),
    ],
    FIVETRAN: [
        Story("a wrong secret is rejected", "any", (credentials("invalid_credentials", API_SECRET=WRONG),)),
        Story("a narrow key is valid", "any", (credentials("valid", API_KEY=NARROW_KEY),)),
        Story("a running sync is stopped by force", "running_in_60", (trigger("started"),), 1),
        Story("a sync that is paused while it runs has no result", "cancelled_in_1", STOPPED, 1, 1),
        Story("an unknown status means not ended", "odd_word_in_0", (STARTED, check("running")), 1),
        Story("a paused connection is not triggered", "paused", (trigger("refused"),)),
        Story("an incomplete connection is not triggered", "incomplete", (trigger("refused"),)),
        Story("a check does not take a 404 without an id for one", "answers_404", (check("unreachable"),)),
        Story("a resync is followed by a check", "succeeds_in_1", (resync("started"), WAITS), 1, 1),
        Story("a resync waits", "fails_in_1", (resync("failed", WAIT="TRUE"),), 1, 1),
        Story("a resync of tables is refused", "no_scope", (resync("refused", RESYNC_SCOPE='{"a": ["b"]}'),)),
        Story("a resync of what is unknown", "unknown", (resync("not_found"), check("artifact_error", "(not_found)"))),
        Story(
            "what is paused is not triggered until it is no longer paused",
            "succeeds_in_0",
            (update("updated", PAUSED="TRUE"), trigger("refused"), update("updated", PAUSED="false"), STARTED),
            1,
        ),
        Story("what is not to change stays as it is", "paused", (NOT_UNPAUSED, trigger("refused"))),
        Story("a historical sync", "succeeds_in_1", (update("updated", HISTORICAL_SYNC="TRUE"), WAITS), 1, 1),
        Story("any field can be changed", "succeeds", (update("updated", CUSTOM_UPDATE='{"sync_frequency": 60}'),)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_story_goes_as_the_contract_says(kind: Kind, sandbox: Sandbox, tmp_path: Path) -> None:
    stories = [*EVERY_KIND, *(EVERY_VENDOR if kind in VENDORS else []), *ONE_KIND.get(kind, [])]
    wrong = in_parallel(lambda story: story.play(sandbox, tmp_path, kind), stories, at_a_time=12)
    assert "\n".join(filter(None, wrong)) == ""
    assert all(one.headers["User-Agent"].startswith("sync-blueprints/") for one in sandbox.requests)
    assert "/elsewhere" not in {one.path for one in sandbox.requests}
