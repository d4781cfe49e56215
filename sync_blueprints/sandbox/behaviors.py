"""What an id makes the sandbox do, and an id for each exit code; `sandbox --list` prints both tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

INTRODUCTION = """\
The ID decides what happens. Set RUDDERSTACK_CONNECTION_ID or RUDDERSTACK_SOURCE_ID, FIVETRAN_CONNECTOR_ID, or
NANGO_CONNECTION_ID with NANGO_PROVIDER_CONFIG_KEY=sandbox, to a name below, optionally followed by _in_N, and by _x
and any text to make it an ID of your own: fails, succeeds_in_0p5 (half a second), lazy_in_5_xfirst. Without _in_N, N is
the number shown. All vendors understand all names."""


@dataclass(frozen=True)
class Behavior:
    """`number`: what N is if the id does not name it, 0 where there is no N."""

    number: float
    meaning: str


BEHAVIORS: Mapping[str, Behavior] = {
    # How a sync ends
    "succeeds": Behavior(2, "a sync runs N seconds and succeeds"),
    "fails": Behavior(2, "a sync runs N seconds and fails"),
    "refuses_rows": Behavior(2, "RudderStack: succeeds, but the destination refused 3 rows; else like succeeds"),
    "cancelled": Behavior(2, "RudderStack, Nango: stopped after N seconds; Fivetran: paused while it runs"),
    "odd_word": Behavior(2, "after N seconds, a status that the scripts do not know"),
    "cut": Behavior(5, "Nango: cut after 1 s, shown as SUCCESS; continues after N seconds in the queue, for 1 s"),
    # What was there before
    "never_run": Behavior(1, "has never run; a sync runs 1 s and succeeds"),
    "failed_before": Behavior(7200, "the latest sync failed N seconds ago; the next one runs 1 s and succeeds"),
    "history": Behavior(25, "N past syncs, one an hour, every fourth failed; RudderStack lists them in no order"),
    "running": Behavior(5, "already running, for N more seconds; the next sync runs 1 s and succeeds"),
    "historical": Behavior(5, "Fivetran: a historical sync is due, begins in N seconds and runs N seconds"),
    # How it is set up
    "paused": Behavior(2, "Fivetran: paused; Nango: runs once and stays PAUSED; else like succeeds"),
    "disabled": Behavior(2, "RudderStack: the connection is disabled; else like succeeds"),
    "incomplete": Behavior(2, "Fivetran: setup_state incomplete; else like succeeds"),
    "broken": Behavior(2, "Fivetran: setup_state broken until a forced sync succeeds; else like succeeds"),
    "rescheduled": Behavior(2, "Fivetran, manual: after 1 s rescheduled for N seconds later; then runs if triggered"),
    "no_scope": Behavior(2, "Fivetran: a resync of single tables is not supported; else like succeeds"),
    # When it shows
    "lazy": Behavior(3, "a sync begins N seconds after it was accepted, runs 1 s; RudderStack: 404 until it begins"),
    "stale": Behavior(4, "every read shows what was true N seconds ago, settings too; a sync runs N seconds"),
    # What the server does wrong
    "unknown": Behavior(0, "not found, in the vendor's own words; so is any ID that is not in this list"),
    **{f"answers_{status}": Behavior(0, f"every response is a {status}") for status in (400, 401, 403, 500, 503)},
    "answers_404": Behavior(0, "every response is a 404; Fivetran: without a NotFound code"),
    "answers_409": Behavior(0, "trigger requests get a 409; reads show a sync that runs forever"),
    "answers_429": Behavior(1, "every response is a 429 with Retry-After N"),
    "answers_html": Behavior(0, "every response is a 200 with a web page"),
    "answers_empty": Behavior(0, "every response is a 200 without a body"),
    "answers_garbage": Behavior(0, "every response is a 200 with JSON that is cut off"),
    "answers_redirect": Behavior(0, "every response is a 302 to another path"),
    "flaky": Behavior(2, "the first two reads get a 503"),
    "flaky_start_429": Behavior(2, "the first trigger request gets a 429 with Retry-After 1"),
    "loses_request": Behavior(2, "the first trigger request is lost: the connection closes, nothing is accepted"),
    "loses_answer": Behavior(2, "the first trigger request is accepted, then the connection closes without a response"),
    "start_500": Behavior(2, "the first trigger request gets a 500 and is not accepted"),
    "start_500_accepted": Behavior(2, "the first trigger request gets a 500, but is accepted"),
}
UNKNOWN = "unknown"
ODD_WORD = "hibernating"

_NAMES = "|".join(BEHAVIORS).replace("_", "[_-]")
_ID = re.compile(rf"({_NAMES})(?:[_-]in[_-](\d+(?:p\d+)?))?(?:[_-]x.*)?")


def read_id(text: str) -> tuple[str, float]:
    """The behavior that an id asks for, and its N."""
    found = _ID.fullmatch(text)
    name = found[1].replace("-", "_") if found else "unknown"
    number = found[2] if found else None
    return name, float(number.replace("p", ".")) if number else BEHAVIORS[name].number


@dataclass(frozen=True)
class Example:
    """One run of a script that ends with an exit code; `inputs` are without the vendor's prefix.

    No `vendors`: it is the same for all of them.
    """

    exit_code: int
    id: str
    script: str = "trigger_sync.py"
    inputs: Mapping[str, str] = field(default_factory=dict)
    vendors: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        words = [self.script, *(f"<VENDOR>_{name}={value}" for name, value in self.inputs.items())]
        return " ".join([*words, *([f"({', '.join(self.vendors)})"] if self.vendors else [])])


WAIT = {"WAIT": "TRUE"}
EXAMPLES = (
    Example(0, "succeeds", inputs=WAIT),
    Example(200, "answers_401"),
    Example(201, "answers_400"),
    Example(201, "disabled", vendors=("RudderStack",)),
    Example(201, "paused", vendors=("Fivetran",)),
    Example(202, "answers_429_in_120"),
    Example(203, "running_in_60", inputs={"IF_RUNNING": "fail"}),
    Example(204, "unknown"),
    Example(210, "running_in_60", "check_sync_status.py"),
    Example(211, "fails", inputs=WAIT),
    Example(212, "cancelled", inputs=WAIT, vendors=("RudderStack", "Fivetran")),  # Nango does not tell it from failed
    Example(213, "odd_word", inputs=WAIT, vendors=("RudderStack", "Nango")),  # Fivetran: not finished
    Example(220, "answers_429_in_120", "check_sync_status.py"),
)
