"""Secrets out of everything that is shown or stored, and nothing in it that could steer a terminal or forge a line."""

from __future__ import annotations

import base64
import bisect
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"
SHORTEST = 4  # hiding a shorter text would hide half of every message and protect nothing
SHORTEST_WITHIN = 8  # of base64 within longer base64: a shorter one turns up by chance
MOST_ROUNDS = 3  # of taking escapes back: JSON within a URL within HTML
MOST_WORDS = 50_000  # characters of a vendor's words that are looked at
MOST_TEXT = 100_000  # characters kept of one text in an answer
_ESCAPE = (  # of one character: URL-quoted, JSON, a Python literal, HTML
    r"%(?:u00)?([0-9a-f]{2})|\\(?:u00|x)([0-9a-f]{2})|&#x0*([0-9a-f]{1,4});?|&#0*([0-9]{1,5});?"
    r"|&(amp|lt|gt|quot|apos);|\\([\"'/\\bfnrt])"
)
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Mask:
    """Callable: a text with every secret hidden, whatever its case, also in base64 or hex, and escaped in any way."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets`: the values of the Password inputs, as they came; key:secret pairs are added by the caller."""
        forms = {form for given in secrets for secret in (given, given.strip()) for form in _forms(secret)}
        self._forms = sorted({_lower(form) for form in forms if len(form) >= SHORTEST})
        self._reach = 12 * max(map(len, self._forms), default=0)  # characters that the longest takes, however escaped

    def __call__(self, text: str) -> str:
        lower = text.lower()
        if len(lower) == len(text) and not _has_escapes(text):
            for form in self._forms:
                if form in lower:
                    break
            else:  # nearly always, and an answer has a hundred thousand texts
                return text
        shown, end = [], 0
        for start, stop in sorted(self._spans(text, MOST_ROUNDS)):
            if start >= end:
                shown += [text[end:start], HIDDEN]
            end = max(end, stop)
        return "".join([*shown, text[end:]])

    def start(self, text: str, most: int) -> str:
        """The first `most` characters at most, hidden before they are cut; takes no longer for a longer text."""
        if len(text) <= most:
            return self(text)
        masked = self(text[: most + 2 * self._reach])
        whole = len(masked) if len(text) <= most + 2 * self._reach else len(masked) - self._reach
        return masked[: max(0, min(most, whole))]  # behind `whole` there may be half of a secret

    def _spans(self, text: str, rounds: int) -> list[tuple[int, int]]:
        """Where secrets stand in `text`: from, to."""
        lower = _lower(text)
        spans = []
        for form in self._forms:
            start = lower.find(form)
            while start >= 0:
                spans.append((start, start + len(form)))
                start = lower.find(form, start + 1)
        if rounds and self._forms and _has_escapes(text):
            plain, ends, shifts = _unescaped(text)
            for span in self._spans(plain, rounds - 1) if ends else ():
                start, stop = (at + shifts[bisect.bisect_right(ends, at)] for at in span)
                spans.append((start, stop))
        return spans

    def tree(self, value: Any) -> Any:
        """The same for the keys and values of parsed JSON (numbers, too, may spell a secret); longer texts are cut."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self(value) if len(value) <= MOST_TEXT else self.start(value, MOST_TEXT)
        if isinstance(value, dict):
            return {self.start(str(key), MOST_TEXT): self.tree(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.tree(item) for item in value]
        if isinstance(value, (int, float)) and self(str(value)) != str(value):
            return HIDDEN
        return value

    def words(self, text: str, most: int = 500) -> str:
        """What a vendor or a file says, fit for one line: hidden first, then made printable, then cut."""
        line = printable(" ".join(self.start(text, MOST_WORDS).split()))
        return line if len(line) <= most and len(text) <= MOST_WORDS else f"{line[: most - 1]}…"


def printable(text: str) -> str:
    """`text` with everything that is not to be sent to a terminal (controls, line ends, turns of direction) escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _lower(text: str) -> str:
    """In lower case, and of the same length: that of a few characters has two."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(one if len(one.lower()) > 1 else one.lower() for one in text)


def _has_escapes(text: str) -> bool:
    return "%" in text or "\\" in text or "&" in text


def _unescaped(text: str) -> tuple[str, list[int], list[int]]:
    """`text` with each escape taken back, and how far what follows the first n escapes was moved by that.

    The second is where each escape ends in the new text, the third has one entry more.
    """
    parts, ends, shifts = [], [], [0]
    done = length = 0
    for found in re.finditer(_ESCAPE, text, re.IGNORECASE):
        quoted, escaped, hexadecimal, decimal, name, letter = found.groups()
        code = int(quoted or escaped or hexadecimal or "0", 16) or int(decimal or 0)
        one = _NAMED[name.lower()] if name else _CONTROLS.get(letter, letter) if letter else chr(code)
        parts += [text[done : found.start()], one]
        length += found.start() - done + 1
        done = found.end()
        ends.append(length)
        shifts.append(done - length)
    return "".join([*parts, text[done:]]), ends, shifts


def _forms(secret: str) -> set[str]:
    """A secret as it may be written, but for escapes of single characters."""
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {secret, secret.replace(" ", "+"), ascii(secret)[1:-1], raw.decode("latin-1"), raw.hex()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(raw).decode()
        forms |= {whole, whole.rstrip("=")}
        for before in range(3):  # bytes of a longer text, after each number of which its base64 looks different
            code = encode(b"\0" * before + raw).decode()
            within = code[(8 * before + 5) // 6 : 8 * (before + len(raw)) // 6]
            forms |= {within} if len(within) >= SHORTEST_WITHIN else set()
    for _ in range(MOST_ROUNDS if _has_escapes(secret) else 0):  # what looks like an escape may be part of a secret
        secret = _unescaped(secret)[0]
        forms.add(secret)
    return forms
