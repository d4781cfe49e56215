"""Secrets out of everything that is shown or stored, and nothing in it that could steer a terminal or forge a line."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"
SHORTEST = 4  # hiding a shorter text would hide half of every message and protect nothing


class Mask:
    """Callable: a text with every secret hidden, whatever its case, also in URL-quoted, base64, JSON or HTML form."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets`: the values of the Password inputs, as they came; key:secret pairs are added by the caller."""
        self._forms = sorted(
            {
                form.lower()
                for given in secrets
                for secret in (given, given.strip())
                for form in _forms(secret)
                if len(form) >= SHORTEST
            }
        )

    def __call__(self, text: str) -> str:
        lower = text.lower()
        found = [form for form in self._forms if form in lower]
        if not found:  # nearly always; a regular expression of all forms would take longer to compile than a run has
            return text
        return re.sub("|".join(map(re.escape, sorted(found, key=len, reverse=True))), HIDDEN, text, flags=re.IGNORECASE)

    def tree(self, value: Any) -> Any:
        """The same for the keys and values of parsed JSON (numbers, too, may spell a secret)."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {self(str(key)): self.tree(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.tree(item) for item in value]
        if isinstance(value, (int, float)) and self(str(value)) != str(value):
            return HIDDEN
        return value

    def words(self, text: str, most: int = 500) -> str:
        """What a vendor or a file says, fit for one line: hidden first, then made printable, then cut."""
        line = printable(" ".join(self(text).split()))
        return line if len(line) <= most else f"{line[: most - 1]}…"


def printable(text: str) -> str:
    """`text` with everything that is not to be sent to a terminal (controls, line ends, turns of direction) escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _forms(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "surrogateescape")
    coded = {quote(raw), quote(raw, safe=""), quote(raw, safe="!'()*"), quote_plus(raw)}
    for code in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        coded |= {code.decode(), code.decode().rstrip("="), quote(code, safe="")}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1].replace("/", "\\/")}
    escaped |= {repr(secret)[1:-1], repr(raw)[2:-1]}
    html = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return coded | escaped | {secret, html, html.replace('"', "&quot;").replace("'", "&#x27;")}
