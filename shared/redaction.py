"""Secrets out of everything that is shown or stored, and nothing in it that steers a terminal or forges a log line."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

REDACTED = "***"
MIN_SECRET = 4  # redacting a shorter text would shred every message and protect nothing
MIN_BASE64_PART = 8  # of a secret inside longer base64: a shorter one turns up by chance
MIN_WORD = 12  # a shorter secret of letters alone may be a word of our own sentences
MAX_EXCERPT = 50_000  # characters of an error message that are searched
MAX_SHORT = 100_000  # characters that are searched for one form after the other
MAX_TEXT = 100_000  # characters kept of one text in a response


class Redactor:
    """Callable: a text without any secret, whatever its case, URL-quoted, JSON-escaped or base64-encoded.

    Texts from outside (the vendor's, a file's, the network's) go through it before they become part of a sentence.
    """

    def __init__(self, secrets: Iterable[str] = (), pairs: Iterable[str] = ()) -> None:
        """`secrets` are redacted one by one; of `pairs` also `a:b`, as Basic authorization sends them."""
        alone = {
            text for given in (*secrets, *pairs) for text in (given, given.strip()) if len(text.strip()) >= MIN_SECRET
        }
        joined = {":".join(pair) for pair in itertools.product({given.strip() for given in pairs}, repeat=2)}
        forms = {form for secret in alone | joined for form in _forms(secret)}
        self._forms = forms
        self._in_lower_case = {form.lower() for form in forms}
        self._reach = max(map(len, forms), default=0)

    def __call__(self, text: str) -> str:
        return self._pattern.sub(REDACTED, text) if self._may_hold_secrets(text) else text

    def sentence(self, text: str) -> str:
        """Our own sentence, whose parts from outside were redacted before: here a secret that is a mere word stays."""
        if not self._may_hold_secrets(text):
            return text
        no_words = _compiled(form for form in self._forms if not form.isalpha() or len(form) >= MIN_WORD)
        return no_words.sub(REDACTED, text)

    def cut(self, text: str, max_length: int) -> str:
        """The first `max_length` characters, redacted before they are cut; a longer text takes no longer."""
        if len(text) <= max_length:
            return self(text)
        window = max_length + 2 * self._reach
        redacted = self(text[:window])
        whole = len(redacted) if len(text) <= window else len(redacted) - self._reach
        return redacted[: max(0, min(max_length, whole))]  # behind `whole` there may be half of a secret

    def tree(self, value: Any) -> Any:
        """The same for the keys and values of parsed JSON (a number may be a secret, too); longer texts are cut."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.cut(value, MAX_TEXT)
        if isinstance(value, dict):
            return {self.cut(str(key), MAX_TEXT): self.tree(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.tree(item) for item in value]
        if isinstance(value, (int, float)) and self(str(value)) != str(value):
            return REDACTED
        return value

    def json(self, value: Any) -> str:
        """Parsed JSON as indented text, redacted like `tree`."""
        text = json.dumps(value, indent=2, ensure_ascii=False)
        unescaped = re.sub(r"\\([\\\"])", r"\1", text)
        return text if self(unescaped) == unescaped else json.dumps(self.tree(value), indent=2, ensure_ascii=False)

    def excerpt(self, text: str, max_length: int = 500) -> str:
        """Text of a vendor or a file, fit for one line: redacted first, then made printable, then cut."""
        line = printable(" ".join(self.cut(text, MAX_EXCERPT).split()))
        return line if len(line) <= max_length and len(text) <= MAX_EXCERPT else f"{line[: max_length - 1]}…"

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        return _compiled(self._forms)

    @functools.cached_property
    def _pattern_in_lower_case(self) -> re.Pattern[str]:
        return _compiled(self._in_lower_case, 0)

    def _may_hold_secrets(self, text: str) -> bool:
        """Nearly always not. Compiling a pattern costs a tenth of a short run, so that only a long text is worth it."""
        lower = text.lower()
        if not self._forms or len(lower) != len(text):
            return bool(self._forms)
        if len(lower) <= MAX_SHORT:
            return any(form in lower for form in self._in_lower_case)
        return self._pattern_in_lower_case.search(lower) is not None


def printable(text: str) -> str:
    """`text` with everything escaped that must not reach a terminal: control characters, line ends, text direction."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _compiled(forms: Iterable[str], flags: int = re.IGNORECASE) -> re.Pattern[str]:
    longest_first = sorted(set(forms), key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)", flags)


def _forms(secret: str) -> Iterator[str]:
    """A secret as encoders write it: as is, URL-quoted, JSON-escaped, and base64, also as part of a longer text."""
    yield secret
    for safe in ("", "/", "!'()*"):  # everything, a path, and as JavaScript does it
        yield quote(secret, safe=safe, errors="replace")
    yield quote_plus(secret, errors="replace")
    for escaped in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], ascii(secret)[1:-1]):
        yield from {escaped, escaped.replace("/", "\\/")}
        for more in ("[<>&]", "[<>&=']", "[<>&'+`]"):  # as Go, Gson and .NET do it
            yield re.sub(more, lambda found: f"\\u{ord(found[0]):04x}", escaped)
    raw = secret.encode("utf-8", "surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        for before in range(3):  # base64 of the same bytes differs after one or two others
            code = encode(b"\0" * before + raw).decode()
            within = code[(8 * before + 5) // 6 : 8 * (before + len(raw)) // 6]
            if len(within) >= MIN_BASE64_PART:
                yield within
