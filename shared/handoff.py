"""The handoff: what a trigger saves for the check that follows it, and how a check finds the right one.

From its first step until its handoff is saved, a trigger keeps a pending start beside it, `starting.pickle`: a check
that finds it knows that the last trigger did not finish, and does not fall back on an older handoff.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Protocol, TypeVar

from shared import files, inputs, pickles, values
from shared.choosing import Found, attempt, chosen, difference
from shared.errors import ArtifactError
from shared.pickles import NotPlainError, Plain
from shared.redaction import MAX_TEXT, Redactor
from shared.timestamps import format_duration
from shared.transport import NOT_JSON, Clock, Response

log = logging.getLogger(__name__)

HANDOFF = "sync.pickle"
PENDING_START = "starting.pickle"
VERSION = 1  # of the dict in both
OLD = 3600  # seconds after which a check says how old its handoff is
_BY_LOG_ID = (HANDOFF, PENDING_START, "force_sync.pickle")  # these are written under the trigger's own log id, too


class Handoff(Protocol):
    """What a trigger knows of the sync that it started, for the check that judges it. Each vendor has its own.

    `id` is the vendor's id of what is synced, `label` names all of it in messages. `server_time` is the server's clock
    at about the time when it accepted the trigger request. `is_latest` says that it was made for a check without a
    handoff: the latest sync is judged, whoever started it.
    """

    @property
    def id(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def sync_id(self) -> str | None: ...
    @property
    def server_time(self) -> datetime | None: ...
    @property
    def joined(self) -> bool: ...
    @property
    def is_latest(self) -> bool: ...

    # Whether it is exactly what a check's inputs select, which decides where several fit.
    def is_exactly(self, given: Any) -> bool: ...
    # All of it as plain values, for `sync.pickle`; and the files that other programs read, where None removes one.
    def plain(self) -> dict[str, Plain]: ...
    def other_files(self) -> Mapping[str, Plain]: ...
    # The reverse; `file(name)` is a file's content, or None. Both raise ValueError, LookupError or TypeError.
    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Any: ...
    @classmethod
    def from_other_files(cls, file: Callable[[str], Any]) -> Sequence[Any]: ...


H = TypeVar("H", bound=Handoff)


class Artifacts:
    """The artifacts folder of one vendor: `variables/` for later scripts, `responses/` for people."""

    def __init__(
        self,
        folder: Path,
        vendor: str,
        redactor: Redactor,
        clock: Clock,
        log_id: str | None = None,
        upstream_log_ids: Sequence[str] = (),
    ) -> None:
        """`folder` is SHIPYARD_ARTIFACTS_DIRECTORY; `log_id` and `upstream_log_ids` begin file names."""
        self._variables = folder / f"{vendor}-blueprints" / "variables"
        self._responses = folder / f"{vendor}-blueprints" / "responses"
        self._redactor = redactor
        self._clock = clock
        self._log_id = log_id
        self._upstream_log_ids = upstream_log_ids
        self._attempt = ""
        self._state = ""  # of this run's pending start; empty without one
        self._target: Mapping[str, Plain] = {}

    def begin_start(self, target: Mapping[str, Plain]) -> None:
        """Keep a pending start of `target` from now on. Raises ArtifactError if a handoff could not be saved later."""
        self._attempt, self._target, self._state = os.urandom(8).hex(), target, "reading"
        try:
            files.try_writing(self._variables)
            self._write_pending("reading", {})
            files.try_writing(self._responses)
        except OSError as error:
            raise self._not_writable(error, "nothing was started") from error

    def sending(self, draft: Handoff) -> None:
        """The trigger request is about to be sent: from now on a sync may run. Raises ArtifactError if that fails."""
        self._write_pending("sent", draft.plain())

    def not_sent(self) -> None:
        """The trigger request definitely had no effect."""
        self._state = "reading"
        with contextlib.suppress(ArtifactError):  # then a check takes it for sent, which is on the safe side
            self._write_pending("reading", {})

    def end_start(self, exit_code: int, outcome: str) -> None:
        """Record how the run ended if it definitely started nothing; after exit 0 remove the pending start."""
        if self._state == "reading" and exit_code == 0:
            self._clear_pending()
        elif self._state == "reading":
            with contextlib.suppress(ArtifactError):
                self._write_pending("ended", {"exit_code": exit_code, "outcome": outcome})

    def save(self, handoff: Handoff) -> None:
        """Save the handoff of a sync that the vendor has accepted. Raises ArtifactError saying that the sync runs."""
        try:
            files.make_private_folder(self._variables)
            for name, value in handoff.other_files().items():
                if value is None:
                    (self._variables / name).unlink(missing_ok=True)
                else:
                    self._write(name, value)
            self._write(HANDOFF, {"version": VERSION, "attempt": self._attempt, **handoff.plain()})
        except (OSError, NotPlainError) as error:
            sync = f"sync {handoff.sync_id} of {handoff.label}" if handoff.sync_id else f"sync of {handoff.label}"
            raise self._not_writable(error, f"the {sync} is running, but its handoff could not be saved") from error
        self._clear_pending()

    def find(self, kind: type[H], given: inputs.Inputs) -> H | None:
        """The handoff that a check with the inputs `given` is to judge, None if there is none.

        Raises ArtifactError for one that cannot be read, or if the trigger before this check did not finish;
        InvalidInputError if several could be meant.
        """
        found = [one for log_id in self._upstream_log_ids for one in self._read_group(f"{log_id}_", kind)]
        fitting = []
        for one in found or self._read_group("", kind):
            why = difference(one, given.target)
            if why:
                log.warning("ignoring %s: %s", one.file, why)
            else:
                fitting.append(one)
        meant = chosen(fitting, given)
        if meant is None:
            return None
        handoff: H = meant.handoff
        log.info("checking the sync of %s recorded in %s", handoff.label, meant.file)
        age = self._clock.time() - handoff.server_time.timestamp() if handoff.server_time else 0.0
        if age > OLD:
            log.info("that sync was started %s ago", format_duration(age))
        return handoff

    def save_response(self, name: str, response: Response) -> None:
        """Keep a vendor's response as `responses/<name>`, without secrets. Raises OSError."""
        body = response.body
        if body is NOT_JSON:
            body = {"status": response.status, "text": self._redactor(response.text)[:MAX_TEXT]}
        files.make_private_folder(self._responses)
        files.write(self._responses / name, f"{self._redactor.json(body)}\n".encode("utf-8", "backslashreplace"))

    def _write_pending(self, state: str, more: Mapping[str, Plain]) -> None:
        plain = {"version": VERSION, "attempt": self._attempt, **self._target, **more, "state": state}
        try:
            self._write(PENDING_START, plain)
        except (OSError, NotPlainError) as error:
            raise self._not_writable(error, "nothing was started") from error
        self._state = state

    def _clear_pending(self) -> None:
        """Remove the pending start, but not one that another trigger has put in its place since."""
        own, self._state = self._attempt.encode(), ""
        for path in self._paths(PENDING_START):
            with contextlib.suppress(OSError):
                if own and own in path.read_bytes():  # without importing what reads pickles
                    path.unlink()

    def _paths(self, name: str) -> list[Path]:
        # The plain name first: a check looks there for what is not under the log id (yet).
        prefixes = ["", f"{self._log_id}_"] if self._log_id and name in _BY_LOG_ID else [""]
        return [self._variables / f"{prefix}{name}" for prefix in prefixes]

    def _write(self, name: str, value: Plain) -> None:
        written = pickles.dump(value)
        for path in self._paths(name):
            files.write(path, written)

    def _read_group(self, prefix: str, kind: type[H]) -> list[Found]:
        """What is saved under one log id, or under the plain names (prefix "")."""
        pending, saved = self._read(prefix + PENDING_START), self._read(prefix + HANDOFF)
        found = []
        if pending is not None and (attempt(pending) is None or attempt(pending) != attempt(saved)):
            with self._reading([prefix + PENDING_START]):
                found.append(Found(prefix + PENDING_START, _of_this_version(pending)))
        if saved is None:
            return found + self._read_other_files(prefix, kind)
        with self._reading([prefix + HANDOFF]):
            handoff = kind.from_plain(_of_this_version(saved))
            return [*found, Found(prefix + HANDOFF, handoff.plain(), handoff)]

    def _read_other_files(self, prefix: str, kind: type[H]) -> list[Found]:
        names: list[str] = []

        def file(name: str) -> Any:
            value = self._read(prefix + name) if not prefix or name in _BY_LOG_ID else None
            names.extend([prefix + name] if value is not None else [])
            return value

        with self._reading(names):
            return [Found(", ".join(names), handoff.plain(), handoff) for handoff in kind.from_other_files(file)]

    def _read(self, name: str) -> Any:
        """The plain value in a file, None if it is not there. Raises ArtifactError."""
        with self._reading([name]):
            try:
                with (self._variables / name).open("rb") as file:
                    value = pickles.load(file.read(pickles.MAX_BYTES + 1))
            except FileNotFoundError:
                return None
            if value is None:
                raise NotPlainError("it is empty")
            return value

    @contextlib.contextmanager
    def _reading(self, names: Sequence[str]) -> Iterator[None]:
        """Turn whatever makes the files unreadable into an ArtifactError."""
        try:
            yield
        except (OSError, ValueError, LookupError, TypeError) as error:
            why = str(error)
            if not isinstance(error, (OSError, NotPlainError)):
                why = f"it is not a handoff of this vendor's trigger ({type(error).__name__}: {error})"
            raise ArtifactError(
                f"{', '.join(names)} in {self._variables} cannot be read: {self._redactor.excerpt(why)}; trigger the "
                "sync again or remove the file"
            ) from error

    def _not_writable(self, error: Exception, consequence: str) -> ArtifactError:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        place = Path(getattr(error, "filename", None) or self._variables / HANDOFF)
        if not isinstance(error, (FileExistsError, NotADirectoryError)):
            place = place.parent
        hint = "SHIPYARD_ARTIFACTS_DIRECTORY names the folder"
        if isinstance(error, NotPlainError):
            hint = "trigger fewer syncs at a time"
        if isinstance(error, PermissionError):  # a volume or a bind mount that root owns
            hint = f"give the user ID {os.getuid()} write access to {place}; {hint}"
        return ArtifactError(f"{place} cannot be written ({why}); {consequence} ({hint})")


def identifier(value: object, pattern: str = values.IDENTIFIER) -> str:
    """An id read from a file; it becomes part of URLs. Raises TypeError or ValueError."""
    if not isinstance(value, str):
        raise TypeError("an id is not a string")
    if not values.fits(value, pattern):
        raise ValueError("an id has characters that are not allowed")
    return value


def moment(value: object) -> datetime | None:
    """A time read from a file, or None. Raises TypeError or ValueError."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError("a time without its time zone")
    if not datetime.min.year < value.year < datetime.max.year:
        raise ValueError("a time out of range")  # arithmetic with it overflows
    return value


def _of_this_version(plain: Any) -> dict[str, Any]:
    if not isinstance(plain, dict) or plain.get("version") != VERSION:
        raise ValueError(f"its version is not {VERSION}")
    return plain
