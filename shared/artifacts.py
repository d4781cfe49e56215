"""The files that a trigger hands to the scripts that run after it, and the vendor's last answer.

Every file is written to a temporary name and renamed: a reader, and a process killed at any moment, sees the old file
or the new one, whole.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import stat
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shared import inputs, pickles
from shared.errors import ArtifactError, BlueprintError, InvalidInputError, StartUnclearError
from shared.http import NOT_JSON, Answer
from shared.masking import Mask
from shared.pickles import NotPlainError, Plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.protocols import Handover, HandoverKind

try:
    import fcntl
except ImportError:  # Windows: a leftover temporary file is then told by its age alone
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

HANDOVER = "sync.pickle"
STARTING = "starting.pickle"
VERSION = 1  # of the dict in HANDOVER and STARTING
_BY_LOG_ID = (HANDOVER, STARTING, "force_sync.pickle")  # these are written under the trigger's own log id, too
_LEFTOVER_AGE = 3600  # seconds
MOST_TEXT = 100_000  # characters kept of an answer that is not JSON

H = TypeVar("H", bound="Handover")


def identifier(value: object, pattern: str = inputs.IDENTIFIER) -> str:
    """An id out of a file; it becomes part of URLs. Raises TypeError or ValueError."""
    if not isinstance(value, str):
        raise TypeError("an id is no text")
    if not inputs.fits(value, pattern):
        raise ValueError("an id has characters that none has")
    return value


def moment(value: object) -> datetime | None:
    """An instant out of a file, or None. Raises TypeError or ValueError."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError("a time without its time zone")
    if not datetime.min.year < value.year < datetime.max.year:
        raise ValueError("a time at the end of all times")  # the next second, or the same in UTC, cannot be told
    return value


class _Found(Generic[H]):
    """A hand-over and where it lies; `killed` if its trigger never got to hand it over."""

    def __init__(self, handover: H, file: str, *, killed: bool = False) -> None:
        self.handover = handover
        self.file = file
        self.killed = killed


class Artifacts:
    """`<folder>/<vendor>-blueprints/` with `variables/` and `responses/`."""

    def __init__(
        self, folder: Path, vendor: str, log_id: str | None, upstream_log_ids: Sequence[str], mask: Mask
    ) -> None:
        self._variables = folder / f"{vendor}-blueprints" / "variables"
        self._responses = folder / f"{vendor}-blueprints" / "responses"
        self._log_id = log_id
        self._upstream_log_ids = upstream_log_ids
        self._mask = mask
        self._attempt = ""
        self._starting = b""

    def prepare(self) -> None:
        """Make sure, before a sync is started, that it can be handed over. Raises ArtifactError."""
        for folder in (self._variables, self._responses):
            try:
                _make_folder(folder)
                _remove_leftovers(folder)
                _refuse_folders(folder)
                probe = folder / f".probe-{os.urandom(4).hex()}.tmp"
                _write(probe, [b"\0" * 65536])
                probe.unlink(missing_ok=True)  # another trigger may have taken it for a leftover
            except OSError as error:
                raise self._unwritable(folder, error, "nothing was started") from error

    @contextlib.contextmanager
    def starting(self, draft: Handover) -> Iterator[None]:
        """Around the request that starts a sync: keeps STARTING until `save`, or until the start surely failed.

        A check that finds it knows that a trigger was killed half-way. Raises ArtifactError if it cannot be written.
        """
        self._attempt = os.urandom(8).hex()
        try:
            before = self._left_by_others()
            self._starting = self._write_all(STARTING, self._plain(draft))
        except OSError as error:
            self._clear_starting()
            raise self._unwritable(self._variables, error, "nothing was started") from error
        except NotPlainError as error:
            raise ArtifactError(
                f"the hand-over of {draft.id} cannot be written: {error}; nothing was started; choose fewer syncs"
            ) from error
        try:
            yield
        except StartUnclearError:
            raise
        except BlueprintError:
            self._clear_starting()
            for path, left in before.items():  # of a trigger that was killed, and is not made up for by this one
                with contextlib.suppress(OSError):
                    _write(path, [left])
            self._attempt, self._starting = "", b""  # a sync that is joined next makes up for it
            raise

    def save(self, handover: Handover) -> None:
        """Hand over a sync that the vendor has accepted. Raises ArtifactError saying that the sync runs."""
        try:
            _make_folder(self._variables)
            for name, value in handover.other_files().items():
                if value is None:
                    (self._variables / name).unlink(missing_ok=True)
                else:
                    self._write_all(name, value)
            self._write_all(HANDOVER, self._plain(handover))
        except (OSError, NotPlainError) as error:
            sync = f"sync {handover.sync_id} of {handover.id}" if handover.sync_id else f"sync of {handover.id}"
            raise self._unwritable(
                self._variables, error, f"the {sync} runs but is not handed over; look at it at the vendor"
            ) from error
        self._clear_starting()

    def find(self, kind: HandoverKind[H], given: Any) -> H | None:
        """The hand-over that a check with the inputs `given` is to judge, None if there is none.

        Raises ArtifactError for one that cannot be read or whose trigger was killed half-way, InvalidInputError if
        several could be meant.
        """
        found = [one for log_id in self._upstream_log_ids for one in self._found(f"{log_id}_", kind)]
        fitting = []
        for one in found or self._found("", kind):
            difference = one.handover.differs(given)
            if difference:
                log.warning("passing over %s, which hands over another sync: %s", one.file, difference)
            else:
                fitting.append(one)
        fitting = [one for one in fitting if one.handover.is_just(given)] or fitting
        for one in fitting:
            if one.killed:
                raise ArtifactError(
                    f"the trigger of {one.handover.id} was killed half-way, or could not find out whether its start "
                    f"was accepted (see {one.file}): a sync may be running; look at the vendor, then trigger it again"
                )
        chosen = _latest(fitting)
        if chosen is not None:
            log.info("judging the sync of %s that was handed over in %s", chosen.handover.id, chosen.file)
        return chosen.handover if chosen else None

    def save_response(self, name: str, answer: Answer) -> None:
        """Keep the vendor's last answer as `responses/<name>`, secrets hidden. Raises OSError."""
        if answer.body is NOT_JSON:
            body: object = {"status": answer.status, "text": self._mask.start(answer.text, MOST_TEXT)}
        else:
            body = answer.body
        _make_folder(self._responses)
        _write(self._responses / name, [part.encode("utf-8", "backslashreplace") for part in _json(body, self._mask)])

    def _plain(self, handover: Handover) -> dict[str, Plain]:
        return {"version": VERSION, "attempt": self._attempt, **handover.as_dict()}

    def _paths(self, name: str) -> list[Path]:
        prefixes = [f"{self._log_id}_", ""] if self._log_id and name in _BY_LOG_ID else [""]
        return [self._variables / f"{prefix}{name}" for prefix in prefixes]

    def _write_all(self, name: str, value: Plain) -> bytes:
        written = pickles.dump(value)
        for path in self._paths(name):
            _write(path, [written])
        return written

    def _left_by_others(self) -> dict[Path, bytes]:
        """The contents of STARTING, without what no trigger can have written. Raises OSError."""
        left = {}
        for path in self._paths(STARTING):
            if path.is_file():
                with contextlib.suppress(NotPlainError):
                    left[path] = _content(path)
        return left

    def _clear_starting(self) -> None:
        """Remove STARTING, but not one that another trigger has put in its place since."""
        for path in self._paths(STARTING):
            with contextlib.suppress(OSError, NotPlainError):
                if not self._starting or _content(path) == self._starting:
                    path.unlink()

    def _found(self, prefix: str, kind: HandoverKind[H]) -> list[_Found[H]]:
        """What lies there under one log id, or under the plain names (prefix ''); at most one of each sync."""
        found = []
        starting, handover = self._read(prefix + STARTING), self._read(prefix + HANDOVER)
        handed_over = handover is not None and _attempt(starting) == _attempt(handover) is not None
        if starting is not None and not handed_over:
            found.append(_Found(self._parsed(kind, starting, prefix + STARTING), prefix + STARTING, killed=True))
        if handover is not None:
            found.append(_Found(self._parsed(kind, handover, prefix + HANDOVER), prefix + HANDOVER))
        if found:
            return found
        names: list[str] = []

        def file(name: str) -> Any:
            value = self._read(prefix + name) if not prefix or name in _BY_LOG_ID else None
            names.extend([prefix + name] if value is not None else [])
            return value

        try:
            return [_Found(handover, ", ".join(names)) for handover in kind.from_other_files(file)]
        except (ValueError, KeyError, TypeError) as error:
            raise self._unreadable(", ".join(names), f"it is no hand-over ({error})") from error

    def _parsed(self, kind: HandoverKind[H], plain: Any, name: str) -> H:
        try:
            if not isinstance(plain["version"], int) or plain["version"] != VERSION:
                raise ValueError(f"its version is not {VERSION}")
            return kind.from_dict(plain)
        except (ValueError, KeyError, TypeError) as error:
            why = f"it is no hand-over of this vendor's trigger ({type(error).__name__}: {error})"
            raise self._unreadable(name, why) from error

    def _read(self, name: str) -> Any:
        """The plain value in a file, None if it is not there. Raises ArtifactError."""
        path = self._variables / name
        try:
            value = pickles.load(_content(path))
            if value is None:
                raise NotPlainError("it is empty")
            return value
        except FileNotFoundError:
            return None
        except (OSError, NotPlainError) as error:
            raise self._unreadable(name, str(error)) from error

    def _unreadable(self, name: str, why: str) -> ArtifactError:
        fault = f"{name} in {self._variables} cannot be read: {self._mask.words(why)}"
        return ArtifactError(f"{fault}; trigger the sync again or remove the file")

    def _unwritable(self, folder: Path, error: Exception, so: str) -> ArtifactError:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        cure = "SHIPYARD_ARTIFACTS_DIRECTORY names the folder"
        if isinstance(error, PermissionError) and hasattr(os, "getuid"):  # a volume or a bind mount that root owns
            place = Path(error.filename).parent if error.filename else folder
            cure = f"let the user with the id {os.getuid()} write to {place}; {cure}"
        return ArtifactError(f"{folder} cannot be written to ({why}); {so} ({cure})")


def _content(path: Path) -> bytes:
    """What is in a file. Raises OSError, or NotPlainError for what is none or is too long, of which nothing is read."""
    with open(path, "rb", opener=_without_waiting) as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise NotPlainError("it is no file")
        if state.st_size > pickles.MOST_BYTES:
            raise NotPlainError(f"it is longer than {pickles.MOST_BYTES:,} bytes")
        return file.read(pickles.MOST_BYTES + 1)  # it may grow


def _without_waiting(path: str, flags: int) -> int:
    """Opens a pipe as well, for whose writer an ordinary open waits."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _attempt(plain: object) -> object:
    attempt = plain.get("attempt") if isinstance(plain, dict) else None
    return attempt if isinstance(attempt, str) else None


def _latest(found: Sequence[_Found[H]]) -> _Found[H] | None:
    """Of several hand-overs of the same syncs the one with the latest server time. Raises InvalidInputError."""
    if not found:
        return None
    times = [one.handover.server_time for one in found]
    latest = max((moment for moment in times if moment is not None), default=None)
    last = [one for one in found if one.handover.server_time == latest]
    one_subject = len({one.handover.subject for one in found}) == 1
    if one_subject and (None not in times or len(found) == 1) and all(one.handover == last[0].handover for one in last):
        return last[0]
    listed = ", ".join(f"{one.handover.subject} ({one.file})" for one in found)
    raise InvalidInputError(f"several syncs were handed over, and the inputs do not say which is meant: {listed}")


def _refuse_folders(folder: Path) -> None:
    """Raise OSError if a folder lies where a file is to be written."""
    with os.scandir(folder) as entries:
        for one in entries:
            if one.name.endswith((".pickle", ".json")) and one.is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{one.name} is a folder")


def _make_folder(folder: Path) -> None:
    """The folder and its two parents, for nobody else's eyes."""
    for one in (folder.parent.parent, folder.parent, folder):
        if not one.is_dir():
            one.parent.mkdir(parents=True, exist_ok=True)
            one.mkdir(mode=0o700, exist_ok=True)
        elif one == folder.parent.parent:
            continue
        if stat.S_IMODE(one.stat().st_mode) != 0o700:  # also where the umask takes from the owner
            with contextlib.suppress(OSError):  # somebody else's: what matters are the files, and they are 0600
                one.chmod(0o700)


def _json(value: object, mask: Mask, inset: str = "") -> Iterator[str]:
    """`value` as indented JSON with secrets hidden, in parts: a list item by item, because it may be long."""
    deeper = f"\n{inset}  "
    if isinstance(value, list) and value:
        opening = "["
        for item in value:
            text = json.dumps(item, indent=2, ensure_ascii=False)
            if mask(text) != text:
                text = json.dumps(mask.tree(item), indent=2, ensure_ascii=False)
            yield opening + deeper + text.replace("\n", deeper)
            opening = ","
        yield f"\n{inset}]"
    elif isinstance(value, dict) and value:
        opening = "{"
        for key, item in value.items():
            yield f"{opening}{deeper}{json.dumps(mask(key), ensure_ascii=False)}: "
            yield from _json(item, mask, inset + "  ")
            opening = ","
        yield f"\n{inset}}}"
    else:
        yield json.dumps(mask.tree(value), ensure_ascii=False)


def _write(path: Path, content: Sequence[bytes]) -> None:
    """All parts of `content`, or nothing. Raises OSError."""
    for _ in range(100):  # each time, another trigger may take it for a leftover
        temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
        try:
            handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "wb") as file:
                if stat.S_IMODE(os.fstat(handle).st_mode) != 0o600 and hasattr(os, "fchmod"):
                    with contextlib.suppress(OSError):  # file systems without modes
                        os.fchmod(handle, 0o600)
                if fcntl is not None:
                    with contextlib.suppress(OSError):  # file systems without locks
                        fcntl.flock(file, fcntl.LOCK_EX)  # tells _remove_leftovers that the writer lives
                file.writelines(content)
            temporary.replace(path)
            return
        except FileNotFoundError:  # taken for a leftover in the moment before its lock, or after it
            continue
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    raise OSError(f"{path} was removed again and again while it was written")


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that were killed while they wrote."""
    for leftover in folder.glob(".*.tmp"):
        if not leftover.is_file():
            continue
        with contextlib.suppress(OSError), leftover.open("rb") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises OSError while its writer lives
            elif time.time() - leftover.stat().st_mtime < _LEFTOVER_AGE:
                continue
            leftover.unlink()
