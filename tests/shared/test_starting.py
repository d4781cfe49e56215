"""A start is sent at most once, even if its answer is lost; and what is not known is not claimed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from shared.blueprint import Job

from shared import errors
from shared.starting import nothing_started_yet, start_once
from tests.support import NOW, FakeClock, make_job


class Sync(NamedTuple):
    id: str = "source_1"
    sync_id: str | None = None
    server_time: datetime | None = NOW

    def as_dict(self) -> dict[str, Any]:
        return self._asdict()

    def other_files(self) -> dict[str, Any]:
        return {}

    def differs(self, given: Any) -> str:  # noqa: ARG002
        return ""

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Sync:
        return cls(plain["id"], plain["sync_id"], plain["server_time"])

    @classmethod
    def from_other_files(cls, file: Any) -> list[Sync]:  # noqa: ARG003
        return []


DRAFT = Sync()
STARTED = Sync(sync_id="run_7")
LOST = errors.StartUnclearError("no answer")
LOST_500 = errors.StartUnclearError("answered 500", 500)
WITHOUT_ID = errors.StartUnclearError("answered without an id", 200)
UNREACHABLE = errors.StatusCheckFailedError("cannot be reached")
RUNNING = errors.SyncAlreadyRunningError("one is running")


class Vendor:
    """Answers starts and looks in turn, and remembers both."""

    def __init__(self, posts: list[object], looks: list[object]) -> None:
        self.posts = posts
        self.looks = looks
        self.posted: list[bool] = []
        self.looked = 0

    def post(self, again: bool) -> Sync:
        self.posted.append(again)
        return self._next(self.posts)

    def seen(self) -> Any:
        self.looked += 1
        return self._next(self.looks)

    @staticmethod
    def _next(answers: list[object]) -> Any:
        one = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(one, BaseException):
            raise one
        return one


@pytest.fixture
def job(tmp_path: Path, clock: FakeClock) -> Job:
    job = make_job(tmp_path, "acme", clock, log_id="log1")
    job.artifacts.prepare()
    return job


def start(job: Job, vendor: Vendor, *, only_one_look: bool = False) -> Sync:
    return start_once(job, DRAFT, vendor.post, vendor.seen, what="source_1", only_one_look=only_one_look)


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "acme-blueprints" / "variables").iterdir()}


STARTING = {"starting.pickle", "log1_starting.pickle"}


def test_a_start_that_is_accepted_is_sent_once_and_not_looked_for(job: Job, clock: FakeClock) -> None:
    vendor = Vendor([STARTED], [None])
    assert start(job, vendor) == STARTED
    assert (vendor.posted, vendor.looked, clock.sleeps, job.sync_id) == ([False], 0, [], "run_7")


@pytest.mark.parametrize(
    "refusal",
    [
        errors.BadRequestError("x"),
        errors.InvalidCredentialsError("x"),
        errors.SyncNotFoundError("x"),
        errors.SyncNotStartedError("x"),
        RUNNING,
    ],
    ids=lambda refusal: type(refusal).__name__,
)
def test_a_refused_trigger_is_never_repeated(job: Job, tmp_path: Path, refusal: errors.BlueprintError) -> None:
    vendor = Vendor([refusal], [STARTED])
    with pytest.raises(type(refusal)) as caught:
        start(job, vendor)
    assert caught.value is refusal
    assert (vendor.posted, vendor.looked) == ([False], 0)
    assert files(tmp_path) == set()


@pytest.mark.parametrize("lost", [LOST, LOST_500, WITHOUT_ID], ids=["no answer", "500", "without an id"])
def test_a_start_whose_answer_is_lost_is_found_and_not_sent_again(job: Job, lost: Exception) -> None:
    vendor = Vendor([lost], [STARTED])
    assert start(job, vendor) == STARTED
    assert (vendor.posted, job.sync_id) == ([False], "run_7")


@pytest.mark.parametrize("lost", [LOST, LOST_500, WITHOUT_ID], ids=["no answer", "500", "without an id"])
def test_a_start_that_the_vendor_shows_late_is_found_and_not_sent_again(job: Job, lost: Exception) -> None:
    vendor = Vendor([lost], [None, None, None, None, STARTED])
    assert start(job, vendor) == STARTED
    assert vendor.posted == [False]


@pytest.mark.parametrize("lost", [LOST, LOST_500], ids=["no answer", "500"])
def test_a_start_that_nothing_shows_is_sent_once_more(job: Job, clock: FakeClock, lost: Exception) -> None:
    vendor = Vendor([lost, STARTED], [None])
    assert start(job, vendor) == STARTED
    assert vendor.posted == [False, True]
    assert clock.elapsed >= 10  # a vendor may show a start late


def test_a_start_is_not_sent_a_third_time(job: Job) -> None:
    vendor = Vendor([LOST], [None])
    with pytest.raises(errors.StartUnclearError):
        start(job, vendor)
    assert vendor.posted == [False, True]


@pytest.mark.parametrize("second", [LOST, LOST_500, RUNNING], ids=["no answer", "500", "409"])
def test_a_second_start_whose_answer_is_lost_is_looked_for_as_well(job: Job, second: Exception) -> None:
    vendor = Vendor([LOST, second], [None] * 5 + [STARTED])
    assert start(job, vendor) == STARTED


def test_a_start_with_a_good_answer_that_lacks_its_id_is_not_sent_again(job: Job) -> None:
    vendor = Vendor([WITHOUT_ID, STARTED], [None])
    with pytest.raises(errors.StartUnclearError):
        start(job, vendor)
    assert vendor.posted == [False]


def test_where_a_later_look_proves_nothing_the_start_is_not_sent_again(job: Job, clock: FakeClock) -> None:
    vendor = Vendor([LOST, STARTED], [None])
    with pytest.raises(errors.StartUnclearError):
        start(job, vendor, only_one_look=True)
    assert (vendor.posted, vendor.looked, clock.elapsed) == ([False], 1, 0)


@pytest.mark.parametrize(
    "posts",
    [
        [LOST, LOST],
        [LOST, LOST_500],
        [LOST, RUNNING],
        [LOST, errors.SyncNotStartedError("429")],
        [LOST, errors.BadRequestError("400")],
        [LOST, errors.SyncNotFoundError("404")],
        [LOST, errors.InvalidCredentialsError("401")],
        [WITHOUT_ID],
    ],
    ids=lambda posts: "-".join(type(one).__name__ for one in posts),
)
def test_no_sync_that_may_run_is_reported_as_not_started(job: Job, tmp_path: Path, posts: list[object]) -> None:
    with pytest.raises(errors.StartUnclearError, match="source_1") as caught:
        start(job, Vendor(posts, [None]))
    assert (caught.value.exit_code, caught.value.outcome) == (202, "unclear")
    assert files(tmp_path) == STARTING  # and the check that runs after it is told


@pytest.mark.parametrize(
    "trouble",
    [
        UNREACHABLE,
        errors.InvalidCredentialsError("401"),
        errors.SyncNotFoundError("404"),
        errors.BadRequestError("400"),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_a_start_that_cannot_be_looked_for_is_unclear_and_not_sent_again(
    job: Job, tmp_path: Path, trouble: errors.BlueprintError
) -> None:
    vendor = Vendor([LOST], [trouble])
    with pytest.raises(errors.StartUnclearError) as caught:
        start(job, vendor)
    assert (caught.value.outcome, vendor.posted) == ("unclear", [False])
    assert files(tmp_path) == STARTING


@pytest.mark.parametrize("killer", [errors.Interruption(15), ValueError("a fault of ours")], ids=["SIGTERM", "fault"])
@pytest.mark.parametrize("place", ["post", "look"])
def test_a_trigger_that_is_stopped_half_way_leaves_word_of_it(
    job: Job, tmp_path: Path, killer: BaseException, place: str
) -> None:
    vendor = Vendor([killer] if place == "post" else [LOST], [killer])
    with pytest.raises(type(killer)):
        start(job, vendor)
    assert files(tmp_path) == STARTING
    assert "may be running" in job.goes_on


def test_a_start_that_cannot_be_kept_track_of_is_not_sent(job: Job, tmp_path: Path) -> None:
    (tmp_path / "acme-blueprints" / "variables").rmdir()
    (tmp_path / "acme-blueprints" / "variables").write_text("a file")
    vendor = Vendor([STARTED], [None])
    with pytest.raises(errors.ArtifactError, match="nothing was started"):
        start(job, vendor)
    assert vendor.posted == []


def test_before_a_start_nothing_runs_and_after_it_the_sync_goes_on(job: Job) -> None:
    assert "nothing was started" in job.goes_on
    start(job, Vendor([STARTED], [None]))
    assert "source_1" in job.goes_on
    assert "goes on" in job.goes_on


def test_after_a_start_that_was_surely_refused_nothing_of_this_run_goes_on(job: Job) -> None:
    with pytest.raises(errors.BadRequestError):
        start(job, Vendor([errors.BadRequestError("x")], [None]))
    assert "may be running" not in job.goes_on


def test_word_of_a_start_lies_there_while_it_is_sent(job: Job, tmp_path: Path) -> None:
    lying: list[set[str]] = []

    def post(again: bool) -> Sync:
        lying.append(files(tmp_path))
        assert not again
        return STARTED

    start_once(job, DRAFT, post, lambda: None, what="source_1")
    assert lying == [STARTING]
    assert files(tmp_path) == STARTING  # until it is handed over
    job.artifacts.save(STARTED)
    assert not files(tmp_path) & STARTING


def test_an_unreachable_vendor_before_a_start_means_that_nothing_was_started() -> None:
    with pytest.raises(errors.SyncNotStartedError, match="nothing was started") as caught, nothing_started_yet():
        raise UNREACHABLE
    assert caught.value.outcome == "not_started"


@pytest.mark.parametrize("error", [LOST, RUNNING, errors.BadRequestError("x"), ValueError("x")])
def test_any_other_error_before_a_start_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, nothing_started_yet():
        raise error
    assert caught.value is error
