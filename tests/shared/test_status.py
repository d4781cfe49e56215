"""How a verdict ends a run."""

from __future__ import annotations

import pytest

from shared import errors
from shared.status import SyncStatus, Verdict


def test_a_success_is_a_result_with_the_message_of_the_verdict() -> None:
    result = Verdict(SyncStatus.SUCCEEDED, "12 rows").result()
    assert (result.outcome, result.message) == ("succeeded", "12 rows")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (SyncStatus.RUNNING, errors.SyncIncompleteError),
        (SyncStatus.FAILED, errors.SyncFailedError),
        (SyncStatus.CANCELLED, errors.SyncCancelledError),
        (SyncStatus.UNKNOWN, errors.UnknownStatusError),
    ],
)
def test_any_other_status_is_raised_with_its_own_outcome(status: SyncStatus, kind: type[errors.BlueprintError]) -> None:
    with pytest.raises(errors.BlueprintError, match="in its own words") as caught:
        Verdict(status, "in its own words").result()
    assert type(caught.value) is kind
    assert caught.value.outcome == status.value
