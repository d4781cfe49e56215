"""Everything that can be wrong with an answer."""

from __future__ import annotations

import functools
import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any, Callable

from tests.faults.server import Fault, Move, Reply, Says

HTML = b"<html><head><title>Oops</title></head><body><h1>Welcome to the proxy</h1></body></html>"
MEGABYTE = 1 << 20
_GARBAGE = bytes(range(256)) * 8
_LIMIT = 64 * MEGABYTE

Spoil = Callable[[bytes], bytes]


def faults() -> list[Fault]:
    """All of them, each with a name of its own."""
    return [
        Fault("refused", "refused", lambda _: [], acts=False),
        *_ends(),
        *_heads(),
        *_bodies(),
        *_encodings(),
        *_statuses(),
        *_retry_afters(),
        *_odd_but_right(),
    ]


def _just(*moves: Move) -> Says:
    return lambda _: list(moves)


def _ends() -> Iterator[Fault]:
    """The connection ends, or falls silent, before, within or after the answer."""
    cuts: dict[str, Callable[[Reply], bytes]] = {
        "before the answer": lambda _: b"",
        "within the status line": lambda reply: reply.whole()[:9],
        "within the header": lambda reply: reply.whole()[: len(reply.head()) // 2],
        "between header and body": lambda reply: reply.head(Content_Length=str(len(reply.body))) + b"\r\n\r\n",
        "within the body": lambda reply: reply.whole()[: -(len(reply.body) // 2 or 1)],
        "before the last byte": lambda reply: reply.whole()[:-1],
    }
    for where, cut in cuts.items():
        for how in ("close", "reset", "hang"):

            def says(reply: Reply, cut: Any = cut, how: str = how) -> list[Move]:
                return [cut(reply), how]

            for acts in (True, False) if where == "before the answer" else (True,):
                name = f"{how} {where}{'' if acts else ', nothing done'}"
                yield Fault(name, "cut off", says, acts=acts, slow=how == "hang")


def _heads() -> Iterator[Fault]:
    """What comes is no header, one without an end, or one that contradicts itself."""
    good = b"HTTP/1.1 200 OK\r\n"
    said = {
        "binary garbage": _GARBAGE,
        "an SSH banner": b"SSH-2.0-OpenSSH_9.6\r\n",
        "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
        "JSON without a header": b'{"code": "Success", "success": true}',
        "a page without a header": HTML,
        "empty lines": b"\r\n" * 50,
        "a line of 1 MB": b"x" * MEGABYTE,
        "a status that is a word": b"HTTP/1.1 fine OK\r\n\r\n{}",
        "HTTP/2 in text": b"HTTP/2 200\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/9.9": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "a header line of 200 kB": good + b"X: " + b"x" * 200_000 + b"\r\n\r\n{}",
        "10,000 headers": good + b"X: y\r\n" * 10_000 + b"Content-Length: 2\r\n\r\n{}",
    }
    for name, content in said.items():
        for acts in (True, False):
            yield Fault(
                f"{name}{'' if acts else ', nothing done'}",
                "no header",
                _just(content, "close"),
                acts=acts,
            )
    endless: dict[str, Says] = {
        "a header without end": lambda reply: [("flood", reply.head() + b"\r\n")],
        "one header line without end": lambda reply: [reply.head() + b"\r\nX: ", ("flood", b"x" * 999)],
    }
    for name, says in endless.items():
        yield Fault(name, "without end", says, slow=True)
    interim: dict[str, Says] = {
        "103 Early Hints without end": lambda _: [("flood", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")],
        "102 and nothing after it": lambda _: [b"HTTP/1.1 102 Processing\r\n\r\n", "close"],
        "101 and another protocol": lambda _: [b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n" + _GARBAGE, "close"],
        "100 and nothing after it": lambda _: [b"HTTP/1.1 100 Continue\r\n\r\n", "close"],
    }
    for name, says in interim.items():
        yield Fault(name, "interim", says)


def _bodies() -> Iterator[Fault]:
    """A good status over a body that is not what it should be."""
    fixed = {
        "a page": HTML,
        "nothing": b"",
        "a blank": b" ",
        "a list": b"[]",
        "null": b"null",
        "true": b"true",
        "a number": b"200",
        "a text": b'"Success"',
        "an empty object": b"{}",
        "invalid UTF-8": b'{"code": "Success", "success": true, "x": "\xff\xfe"}',
        "UTF-16": '{"code": "Success", "success": true}'.encode("utf-16"),
        "100,000 brackets": b"[" * 100_000 + b"]" * 100_000,
        "100,000 braces": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "100,000 brackets left open": b"[" * 100_000,
        "single quotes": b"{'success': True, 'code': 'Success'}",
        "NaN": b"NaN",
        "a number of 100,000 digits": b"9" * 100_000,
    }
    for name, body in fixed.items():
        yield Fault(f"200 with {name}", "body", _body(lambda _, body=body: body, 200))  # type: ignore[misc]
    spoilt: dict[str, Spoil] = {
        "cut in half": lambda body: body[: len(body) // 2],
        "without its last byte": lambda body: body[:-1],
        "within a list": lambda body: b"[" + body + b"]",
        "as a text": lambda body: json.dumps(body.decode()).encode(),
        "twice": lambda body: body + body,
        "with something after it": lambda body: body + b" <!-- cached -->",
        "before a NUL": lambda body: body + b"\0",
        "in UTF-16": lambda body: body.decode().encode("utf-16"),
        "with a NaN": lambda body: body.replace(b"{", b'{"x": NaN, ', 1),
        "with an infinity": lambda body: body.replace(b"{", b'{"x": -Infinity, ', 1),
        "with a number beyond all bounds": lambda body: body.replace(b"{", b'{"x": 1e999, ', 1),
        "with a number of 10,000 digits": lambda body: body.replace(b"{", b'{"x": ' + b"9" * 10_000 + b", ", 1),
        "with a comment": lambda body: b"/* ok */" + body,
        "behind )]}'": lambda body: b")]}',\n" + body,
    }
    for name, spoil in spoilt.items():
        yield Fault(f"its answer {name}", "body", _body(spoil))
    chunked: dict[str, Spoil] = {
        "without the last one": _chunks,
        "with a size that is no number": lambda body: b"zz\r\n" + body + b"\r\n0\r\n\r\n",
        "with a size that is negative": lambda body: b"-5\r\n" + body + b"\r\n0\r\n\r\n",
        "with a size that is too long": lambda body: b"fffffff\r\n" + body + b"\r\n0\r\n\r\n",
        "with a size of 1 MB of digits": lambda _: b"0" * MEGABYTE,
        "without the line ends": lambda body: _chunks(body).replace(b"\r\n", b""),
        "cut within one": lambda body: _chunks(body)[:-9],
    }
    for name, chunk in chunked.items():

        def says(reply: Reply, chunk: Spoil = chunk) -> list[Move]:
            return [reply.head(Transfer_Encoding="chunked") + b"\r\n\r\n" + chunk(reply.body or b"{}"), "close"]

        yield Fault(f"chunks {name}", "chunks", says)
    big = b'{"code": "Success", "success": true, "x": "'
    for name, content in {
        "65 MB of JSON": lambda _: big + b"y" * _LIMIT + b'"}',
        "20 MB of a page": lambda _: b"<p>" * (7 * MEGABYTE),
        "20 MB of brackets": lambda _: b"[]," * (7 * MEGABYTE),
    }.items():
        yield Fault(name, "size", _body(content, 200), heavy=True)
    yield Fault(
        "a body without end", "size", lambda reply: [reply.head() + b"\r\n\r\n", ("flood", b" " * MEGABYTE)], heavy=True
    )


def _body(spoil: Spoil, status: int | None = None) -> Says:
    return lambda reply: [reply.whole(status, spoil(reply.body or b"{}"))]


def _encodings() -> Iterator[Fault]:
    def encoded(encode: Spoil, name: str) -> Says:
        return lambda reply: [reply.whole(body=encode(reply.body), Content_Encoding=name)]

    for name in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
        yield Fault(
            f"called {name} and plain",
            "encoding",
            encoded(lambda body: body or b"{}", name),
            tells=name in ("br", "zstd"),
        )
    yield Fault("gzip cut off", "encoding", encoded(lambda body: gzip.compress(body)[:-12], "gzip"))
    yield Fault(
        "gzip with a wrong sum", "encoding", encoded(lambda body: gzip.compress(body)[:-8] + b"12345678", "gzip")
    )
    yield Fault("called deflate and garbage", "encoding", encoded(lambda _: _GARBAGE, "deflate"))
    yield Fault("a gzip bomb of 128 MB", "encoding", encoded(lambda _: _bomb(), "gzip"), heavy=True)
    yield Fault("a gzip bomb in gzip", "encoding", encoded(lambda _: gzip.compress(_bomb()), "gzip, gzip"), heavy=True)
    ten = gzip.compress(b"{}")
    for _ in range(9):
        ten = gzip.compress(ten)
    yield Fault("gzip ten times", "encoding", encoded(lambda _: ten, ", ".join(["gzip"] * 10)))
    yield Fault("really gzip", "odd but right", encoded(gzip.compress, "gzip"), tells=True)
    yield Fault("really deflate", "odd but right", encoded(zlib.compress, "deflate"), tells=True)


@functools.lru_cache
def _bomb() -> bytes:
    return gzip.compress(b" " * (128 * MEGABYTE))


def _statuses() -> Iterator[Fault]:
    refusing = (400, 402, 405, 406, 408, 410, 415, 418, 421, 422, 425, 426, 428, 431, 444, 451, 498, 499)
    for status in refusing:
        yield _status(status, HTML, acts=False)
    for status in (401, 403, 404, 407, 409):
        yield _status(status, HTML, acts=False)
        yield _status(
            status, b'{"error": {"message": ["odd"], "code": 7}, "message": {"a": 1}, "details": [1]}', acts=False
        )
    for status in (500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 524, 530, 599):
        for acts in (True, False):
            yield _status(status, HTML if status != 503 else b"", acts=acts)
    for word in ("099", "000", "20", "2000", "-200", "600", "700", "999", "199", "1e2", "+200", "2_0", "\u0662\u0660"):
        yield _status(word, b"{}", acts=True)
    for number in (203, 206, 226, 299):
        yield Fault(f"{number} with the answer", "status", _as(number), tells=True)
    for number in (202, 204, 205):
        yield Fault(
            f"{number} with nothing",
            "status",
            _as(number, b""),
        )
    for number in (300, 301, 302, 303, 304, 305, 307, 308, 399):
        yield _redirect(f"{number} to another host", number, lambda reply: reply.elsewhere)
    for name, where in {
        "nowhere": "",
        "a relative path": "../../elsewhere",
        "javascript": "javascript:alert(1)",
        "a URL that is none": "http://[::1/%zz",
        "a file": "file:///etc/passwd",
        "60 kB": "/" + "x" * 60_000,
    }.items():
        yield _redirect(f"302 to {name}", 302, lambda _, where=where: where)  # type: ignore[misc]
    yield Fault(
        "302 to another host, with the answer",
        "redirect",
        lambda reply: [reply.whole(302, Location=reply.elsewhere)],
        acts=False,
    )


def _as(status: object, body: bytes | None = None) -> Says:
    return lambda reply: [reply.whole(status, body)]


def _status(status: object, body: bytes, *, acts: bool) -> Fault:
    what = "nothing" if not body else "a page" if body is HTML else "JSON"

    def says(reply: Reply) -> list[Move]:
        rest = reply.whole(body=body, Content_Type="text/html")[len("HTTP/1.1 200") :]
        return [b"HTTP/1.1 " + str(status).encode() + rest, "close"]

    return Fault(f"{status!a} with {what}{'' if acts else ', nothing done'}", "status", says, acts=acts)


def _redirect(name: str, status: int, where: Callable[[Reply], str]) -> Fault:
    return Fault(name, "redirect", lambda reply: [reply.whole(status, b"", Location=where(reply))], acts=False)


def _retry_afters() -> Iterator[Fault]:
    fixed = ("0", "1", "59", "60", "61", "3600", "-1", "1.5", "soon", "9" * 12, "9" * 5000, "0x10", "", "1, 2", "1e9")
    for status in (429, 503):
        for text in fixed:
            yield _retry_after(f"Retry-After {text[:15]}", status, lambda _, text=text: text)  # type: ignore[misc]
        for seconds in (-3600, 0, 30, 90, 86_400 * 365 * 50):
            yield _retry_after(
                f"Retry-After a date in {seconds} s",
                status,
                lambda reply, seconds=seconds: reply.clock.date(seconds),  # type: ignore[misc]
            )
        yield _retry_after("Retry-After a date of no calendar", status, lambda _: "Mon, 31 Feb 2026 25:61:61 GMT")
        yield _retry_after("without a word", status, lambda _: None)


def _retry_after(name: str, status: int, when: Callable[[Reply], str | None]) -> Fault:
    def says(reply: Reply) -> list[Move]:
        return [reply.whole(status, HTML, Retry_After=when(reply))]

    return Fault(f"{status}, {name}", "retry-after", says, acts=False)


def _odd_but_right() -> Iterator[Fault]:
    """Answers that are right and whole, whatever is odd about them."""
    odd: dict[str, Says] = {
        "closed after the answer": lambda reply: [reply.whole(), "close"],
        "reset after the answer": lambda reply: [reply.whole(), 0.02, "reset"],  # an RST takes along what is not read
        "more after the answer": lambda reply: [reply.whole() + _GARBAGE, "close"],
        "1,000 interim answers first": lambda reply: [b"HTTP/1.1 100 C\r\n\r\n" * 1000 + reply.whole()],
        "a byte at a time": lambda reply: [bytes([one]) for one in reply.whole()],
        "in chunks": lambda reply: [
            reply.head(Transfer_Encoding="chunked") + b"\r\n\r\n" + _chunks(reply.body) + b"0\r\n\r\n"
        ],
        "until the connection ends": lambda reply: [
            reply.head(Connection="close") + b"\r\n\r\n" + reply.body,
            "close",
        ],
        "HTTP/1.0": lambda reply: [b"HTTP/1.0" + reply.whole()[8:], "close"],
        "a byte order mark": lambda reply: [reply.whole(body=b"\xef\xbb\xbf" + reply.body)],
        "a header line without a colon": lambda reply: [
            reply.head(Content_Length=str(len(reply.body))) + b"\r\nno colon here\r\nX: y\r\n\r\n" + reply.body
        ],
        "a content length that is a word": lambda reply: [reply.whole(Content_Length="many"), "close"],
    }
    headers: dict[str, dict[str, str | None]] = {
        "a header that is not ASCII": {"X": "\xff\xfe\x00"},
        "a content type of a page": {"Content_Type": "text/html; charset=nonsense"},
        "cookies": {"Set_Cookie": "a=b; Domain=.com; Max-Age=99999999999999999999; expires=Never"},
        "a location": {"Location": "http://[::1"},
        "no Date": {"Date": None},
        "a Date that is none": {"Date": "yesterday"},
        "a Date of 1970": {"Date": "Thu, 01 Jan 1970 00:00:00 GMT"},
        "a Date of 9999": {"Date": "Fri, 31 Dec 9999 23:59:59 GMT"},
        "a Date with an odd zone": {"Date": "Sun, 22 Nov 2026 12:00:00 +9959"},
        "a Date of the year 100": {"Date": "Sun, 01 Jan 0100 00:00:00 GMT"},
    }
    for name, given in headers.items():
        odd[name] = lambda reply, given=given: [reply.whole(**given)]  # type: ignore[misc]
    for name, says in odd.items():
        yield Fault(name, "odd but right", says, tells=True)
    blanks = b" " * (10 * MEGABYTE)
    yield Fault(
        "20 MB of blanks around it",
        "odd but right",
        lambda reply: [reply.whole(body=blanks + reply.body + blanks)],
        tells=True,
        heavy=True,
    )


def _chunks(body: bytes) -> bytes:
    half = len(body) // 2 or 1
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part)


def mutations(answer: Any) -> Iterator[tuple[str, bytes]]:
    """The answer with one of its fields missing or of another type: what was done to which, and the body."""
    values: dict[str, Any] = {
        "null": None,
        "true": True,
        "0": 0,
        "-1": -1,
        "1.5": 1.5,
        "an empty text": "",
        "a text": "x",
        "a list": [],
        "a list of null": [None],
        "a list of itself": ...,
        "an object": {},
        "an object of texts": {"a": "b"},
        "10 kB": "y" * 10_000,
        "half a surrogate": "\ud800",
    }
    for path in _paths(answer):
        missing = {} if isinstance(path[-1], int) else {"missing": _MISSING}  # a list without it tells of fewer syncs
        for name, value in {**missing, **values}.items():
            changed = json.loads(json.dumps(answer))
            parent = changed
            for key in path[:-1]:
                parent = parent[key]
            if value is _MISSING:
                del parent[path[-1]]
            else:
                parent[path[-1]] = [parent[path[-1]]] if value is ... else value
            yield f"{'.'.join(map(str, path))} {name}", json.dumps(changed).encode()


_MISSING = object()


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield (*before, key)
        yield from _paths(item, (*before, key))
