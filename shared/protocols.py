"""What the modules expect of each other. Only type checkers read this: a run does not import it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Callable, Protocol, TypeVar, Union

import requests

from shared.http import Answer
from shared.pickles import Plain

Auth = Union[
    tuple[str, str], Callable[[requests.PreparedRequest], requests.PreparedRequest]
]  # key and secret, or any other


class Clock(Protocol):
    """What the module `time` offers, in seconds; `time()` is asked only where a server tells no time of its own."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
    def time(self) -> float: ...


class Sender(Protocol):
    """Sends one request; `shared.http.Wire` is the one that uses the network."""

    def send(
        self, method: str, path: str, params: Mapping[str, str] | None, body: object, read_timeout: float
    ) -> Answer: ...


Connect = Callable[[str, Auth, Mapping[str, str], Clock], Sender]


class Inputs(Protocol):
    """The inputs of a blueprint: a class of declarations made by `shared.inputs`."""

    @property
    def subject(self) -> str | None:
        """The vendor's id of what is synced, as far as the inputs tell."""


class Waiting(Protocol):
    """The inputs that say whether and how long to wait; each vendor declares them under its own names."""

    @property
    def wait(self) -> bool: ...

    @property
    def wait_timeout(self) -> int:
        """Minutes, from the start of the process."""

    @property
    def poll_interval(self) -> int:
        """Seconds."""


class Handover(Protocol):
    """What a trigger knows of the sync that it started, for the check that judges it. Each vendor has its own."""

    @property
    def id(self) -> str: ...

    @property
    def sync_id(self) -> str | None: ...

    @property
    def server_time(self) -> datetime | None: ...

    @property
    def subject(self) -> object:
        """What it is a sync of, all of it; its text names it in messages."""

    def as_dict(self) -> dict[str, Plain]:
        """All of it as plain values, for `sync.pickle`."""

    def other_files(self) -> Mapping[str, Plain]:
        """The files that other programs read, by name; None removes an older one."""

    def differs(self, given: Any) -> str:
        """How it is at odds with the ids that a check was given, in words; empty if it is not."""

    def is_just(self, given: Any) -> bool:
        """Whether it is exactly what a check was given, and not only not at odds with it."""


H_co = TypeVar("H_co", bound=Handover, covariant=True)


class HandoverKind(Protocol[H_co]):
    """How a vendor's hand-overs are read; both raise ValueError, KeyError or TypeError for what is none."""

    def from_dict(self, plain: dict[str, Any]) -> H_co: ...

    def from_other_files(self, file: Callable[[str], Any]) -> Sequence[H_co]:
        """From the files of other programs; `file(name)` is its content, or None if it is not there."""
