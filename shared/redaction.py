"""Keeps secrets, and what could steer a terminal or forge a log line, out of everything that is shown or stored."""

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
MAX_EXCERPT = 20_000  # characters of a text from outside, before it is cut to fit a sentence
MAX_TEXT = 100_000  # characters kept of one text in a response
_AS_GO = {ord(one): f"\\u00{ord(one):x}" for one in "<>&"}  # how Go escapes a text in JSON


class Redactor:
    """Callable: a text without any secret, whatever its case, URL-quoted, JSON-escaped or base64-encoded."""

    def __init__(self, secrets: Iterable[str] = (), passwords: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        """`secrets` are redacted one by one; of `passwords` also `a:b`, as Basic authorization sends them.

        `names` are variables: where one is named, a secret that is a part of the name stays.
        """
        passwords = list(passwords)
        joined = [":".join(pair) for pair in itertools.product({given.strip() for given in passwords}, repeat=2)]
        given = {text for one in (*secrets, *passwords, *joined) for text in (one, one.strip())}
        self._forms = {form for one in given if len(one.strip()) >= MIN_SECRET for form in _forms(one)}
        self._in_lower_case = {form.lower() for form in self._forms}
        self._names = set(names)

    def __call__(self, text: str) -> str:
        lower = text.lower()
        if len(lower) == len(text) and not any(form in lower for form in self._in_lower_case):
            return text  # nearly always, and compiling the pattern costs a tenth of a short run
        return self._pattern.sub(lambda found: found[0] if found[0] in self._names else REDACTED, text)

    def tree(self, value: Any) -> Any:
        """The same for the keys and values of parsed JSON (a number may be a secret, too); longer texts are cut."""
        if isinstance(value, str):
            return self(value)[:MAX_TEXT]
        if isinstance(value, dict):
            return {self.tree(str(key)): self.tree(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.tree(item) for item in value]
        if isinstance(value, (int, float)) and self(str(value)) != str(value):
            return REDACTED
        return value

    def json(self, value: Any) -> str:
        """Parsed JSON as indented text, redacted like `tree`."""
        text = json.dumps(value, indent=2, ensure_ascii=False)
        bare = text.lower().replace("\\", "")  # a secret in it may be escaped once, or once more than it was
        if any(form.replace("\\", "") in bare for form in self._in_lower_case):
            text = json.dumps(self.tree(value), indent=2, ensure_ascii=False)
        return text

    def excerpt(self, text: object, max_length: int = 500) -> str:
        """Text of a vendor, a file or the network, fit for one line: redacted first, then made printable, then cut."""
        line = printable(" ".join(self(str(text))[:MAX_EXCERPT].split()))
        return line if len(line) <= max_length else f"{line[: max_length - 1]}…"

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = {re.escape(form) for form in self._forms} | {f"(?-i:{name})" for name in self._names}
        longest_first = sorted(parts, key=lambda part: (-len(part), part))
        return re.compile("|".join(longest_first) or "(?!)", re.IGNORECASE)


def printable(text: str) -> str:
    """`text` with everything escaped that must not reach a terminal: control characters, line ends, text direction."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _forms(secret: str) -> Iterator[str]:
    """A secret as encoders write it: as is, URL-quoted, JSON-escaped and in base64."""
    yield secret
    for safe in ("", "/", "!'()*"):  # everything, a path, and as JavaScript does it
        yield quote(secret, safe=safe, errors="replace")
    yield quote_plus(secret, errors="replace")
    for escaped in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")  # as PHP does it
        yield escaped.translate(_AS_GO)
    yield ascii(secret)[1:-1]  # in a traceback
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(secret.encode("utf-8", "surrogatepass")).decode().rstrip("=")
