"""Everything that can be wrong with a response."""

from __future__ import annotations

import functools
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Callable

from tests.faults.server import Fault, Move, Reply, Sends

HTML = b"<html><head><title>Oops</title></head><body><h1>Welcome to the proxy</h1></body></html>"
JSON = b'{"error": {"message": ["odd"], "code": 7}, "message": {"a": 1}, "details": [1]}'
MEGABYTE = 1 << 20
END = b"\r\n\r\n"
GARBAGE = bytes(range(256)) * 8

Spoil = Callable[[bytes], bytes]


def faults() -> list[Fault]:
    """All of them, each with a name of its own."""
    return [
        Fault("refused", "refused", lambda _: [], acts=False),
        *_ends(),
        *_heads(),
        *_bodies(),
        *_chunks(),
        *_encodings(),
        *_statuses(),
        *_redirects(),
        *_retry_afters(),
        *_odd_but_right(),
    ]


def _either_way(name: str, kind: str, sends: Sends) -> Iterator[Fault]:
    """The vendor has done what was asked, or has not."""
    yield Fault(name, kind, sends)
    yield Fault(f"{name}, nothing done", kind, sends, acts=False)


def _all(kind: str, rows: Mapping[str, Sends], **more: bool) -> Iterator[Fault]:
    for name, sends in rows.items():
        yield Fault(name, kind, sends, **more)


def _just(*moves: Move) -> Sends:
    return lambda _: list(moves)


def _with(status: object, body: bytes | None = None, **headers: str) -> Sends:
    return lambda reply: [reply.whole(status, body, **headers)]


def _spoilt(spoil: Spoil, **headers: str) -> Sends:
    return lambda reply: [reply.whole(None, spoil(reply.body or b"{}"), **headers)]


def _ends() -> Iterator[Fault]:
    """The connection ends, or falls silent, before, within or after the response."""
    cuts: dict[str, Callable[[Reply], bytes]] = {
        "within the status line": lambda reply: reply.whole()[:9],
        "within the header": lambda reply: reply.whole()[: len(reply.head()) // 2],
        "between header and body": lambda reply: reply.head(Content_Length=str(len(reply.body))) + END,
        "within the body": lambda reply: reply.whole()[: -(len(reply.body) // 2 or 1)],
        "before the last byte": lambda reply: reply.whole()[:-1],
    }
    for how in ("close", "reset", "hang"):
        for acts in (True, False):
            name = f"{how} before the response{'' if acts else ', nothing done'}"
            yield Fault(name, "cut off", _just(how), acts=acts, slow=how == "hang")
        for where, cut in cuts.items():
            yield Fault(f"{how} {where}", "cut off", _cut_off(cut, how), slow=how == "hang")


def _cut_off(cut: Callable[[Reply], bytes], how: str) -> Sends:
    return lambda reply: [cut(reply), how]


def _heads() -> Iterator[Fault]:
    """What comes is no header, one without an end, or one that contradicts itself."""
    good = b"HTTP/1.1 200 OK\r\n"
    for name, content in {
        "binary garbage": GARBAGE,
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
    }.items():
        yield from _either_way(name, "no header", _just(content, "close"))
    endless: dict[str, Sends] = {
        "a header without end": lambda reply: [("flood", reply.head() + b"\r\n")],
        "one header line without end": lambda reply: [reply.head() + b"\r\nX: ", ("flood", b"x" * 999)],
        "a header that drips": lambda reply: [("drip", reply.whole())],
        "a header line that drips": lambda reply: [reply.head() + b"\r\nX: ", ("drip", b"y")],
        "a body that drips": lambda reply: [reply.head(Content_Length="100000") + END, ("drip", b" ")],
        "chunks that drip": lambda reply: [reply.head(Transfer_Encoding="chunked") + END, ("drip", b"1\r\n \r\n")],
        "100 Continue without end": lambda _: [("flood", b"HTTP/1.1 100 Continue\r\n\r\n")],
    }
    yield from _all("without end", endless, slow=True)
    interim: dict[str, Sends] = {
        "103 Early Hints without end": lambda _: [("flood", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")],
        "102 and nothing after it": lambda _: [b"HTTP/1.1 102 Processing\r\n\r\n", "close"],
        "101 and another protocol": lambda _: [b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n" + GARBAGE, "close"],
        "100 and nothing after it": lambda _: [b"HTTP/1.1 100 Continue\r\n\r\n", "close"],
    }
    yield from _all("interim", interim)


def _bodies() -> Iterator[Fault]:
    """A good status over a body that is not what it should be."""
    for name, body in {
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
    }.items():
        yield Fault(f"200 with {name}", "body", _with(200, body))
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
        yield Fault(f"its response {name}", "body", _spoilt(spoil))
    big: dict[str, Sends] = {
        "65 MB of JSON": lambda reply: [reply.whole(200, b'{"success": true, "x": "' + b"y" * 65 * MEGABYTE + b'"}')],
        "20 MB of a page": lambda reply: [reply.whole(200, b"<p>" * (7 * MEGABYTE))],
        "20 MB of brackets": lambda reply: [reply.whole(200, b"[]," * (7 * MEGABYTE))],
        "a body without end": lambda reply: [reply.head() + END, ("flood", b" " * MEGABYTE)],
    }
    yield from _all("size", big, heavy=True)


def _chunks() -> Iterator[Fault]:
    spoilt: dict[str, Spoil] = {
        "without the last one": _chunked,
        "with a size that is no number": lambda body: b"zz\r\n" + body + b"\r\n0\r\n\r\n",
        "with a size that is negative": lambda body: b"-5\r\n" + body + b"\r\n0\r\n\r\n",
        "with a size that is too long": lambda body: b"fffffff\r\n" + body + b"\r\n0\r\n\r\n",
        "with a size of 1 MB of digits": lambda _: b"0" * MEGABYTE,
        "without the line ends": lambda body: _chunked(body).replace(b"\r\n", b""),
        "cut within one": lambda body: _chunked(body)[:-9],
    }
    for name, spoil in spoilt.items():
        yield Fault(f"chunks {name}", "chunks", _in_chunks(spoil))


def _in_chunks(chunk: Spoil) -> Sends:
    return lambda reply: [reply.head(Transfer_Encoding="chunked") + END + chunk(reply.body or b"{}"), "close"]


def _chunked(body: bytes) -> bytes:
    """Two chunks, without the one that ends them."""
    half = len(body) // 2 or 1
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part)


def _encodings() -> Iterator[Fault]:
    for name in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
        plain = _spoilt(bytes, Content_Encoding=name)
        yield Fault(f"called {name} and plain", "encoding", plain, usable=name in ("br", "zstd"))
    spoilt: dict[str, tuple[str, Spoil]] = {
        "gzip cut off": ("gzip", lambda body: gzip.compress(body)[:-12]),
        "gzip with a wrong sum": ("gzip", lambda body: gzip.compress(body)[:-8] + b"12345678"),
        "called deflate and garbage": ("deflate", lambda _: GARBAGE),
        "a gzip bomb of 128 MB": ("gzip", lambda _: _bomb()),
        "a gzip bomb in gzip": ("gzip, gzip", lambda _: gzip.compress(_bomb())),
        "gzip ten times": (", ".join(["gzip"] * 10), lambda _: functools.reduce(_zip, range(10), b"{}")),
    }
    for name, (encoding, spoil) in spoilt.items():
        yield Fault(name, "encoding", _spoilt(spoil, Content_Encoding=encoding), heavy="bomb" in name)
    yield Fault("really gzip", "odd but right", _spoilt(gzip.compress, Content_Encoding="gzip"), usable=True)
    yield Fault("really deflate", "odd but right", _spoilt(zlib.compress, Content_Encoding="deflate"), usable=True)


def _zip(body: bytes, _: int) -> bytes:
    return gzip.compress(body)


@functools.lru_cache
def _bomb() -> bytes:
    return gzip.compress(b" " * (128 * MEGABYTE))


def _statuses() -> Iterator[Fault]:
    for status in (400, 402, 405, 406, 408, 410, 415, 418, 421, 422, 425, 426, 428, 431, 444, 451, 498, 499):
        yield Fault(f"{status} with a page", "status", _with(status, HTML), acts=False)
    for status in (401, 403, 404, 407, 409):
        yield Fault(f"{status} with a page", "status", _with(status, HTML), acts=False)
        yield Fault(f"{status} with JSON", "status", _with(status, JSON), acts=False)
    for status in (500, 501, 502, 504, 505, 507, 508, 511, 520, 524, 530, 599):
        yield from _either_way(f"{status} with a page", "status", _with(status, HTML))
    yield from _either_way("503 with nothing", "status", _with(503, b""))
    for word in ("099", "000", "20", "2000", "-200", "600", "700", "999", "199", "1e2", "+200", "2_0", "٢٠"):
        yield Fault(f"{word!a} with {{}}", "status", _with_word(word))
    for status in (202, 204, 205):
        yield Fault(f"{status} with nothing", "status", _with(status, b""))
    for status in (203, 206, 226, 299):
        yield Fault(f"{status} with the response", "status", _with(status), usable=True)


def _with_word(word: str) -> Sends:
    return lambda reply: [b"HTTP/1.1 " + word.encode() + reply.whole(body=b"{}")[len("HTTP/1.1 200") :], "close"]


def _redirects() -> Iterator[Fault]:
    for status in (300, 301, 302, 303, 304, 305, 307, 308, 399):
        yield _redirect(f"{status} to another host", status)
    for name, where in {
        "nowhere": "",
        "a relative path": "../../elsewhere",
        "javascript": "javascript:alert(1)",
        "a URL that is none": "http://[::1/%zz",
        "a file": "file:///etc/passwd",
        "60 kB": "/" + "x" * 60_000,
    }.items():
        yield Fault(f"302 to {name}", "redirect", _with(302, b"", Location=where), acts=False)
    yield _redirect("302 to another host, with the response", 302, None)


def _redirect(name: str, status: int, body: bytes | None = b"") -> Fault:
    return Fault(name, "redirect", lambda reply: [reply.whole(status, body, Location=reply.elsewhere)], acts=False)


def _retry_afters() -> Iterator[Fault]:
    fixed = ("0", "1", "59", "60", "61", "3600", "-1", "1.5", "soon", "9" * 12, "9" * 5000, "0x10", "", "1, 2", "1e9")
    odd = {text[:15]: text for text in (*fixed, "Mon, 31 Feb 2026 25:61:61 GMT")}
    for status in (429, 503):
        for name, text in odd.items():
            sends = _with(status, HTML, Retry_After=text)
            yield Fault(f"{status}, Retry-After {name}", "retry-after", sends, acts=False)
        for later in (-3600, 0, 30, 90, 86_400 * 365 * 50):
            sends = _later(status, later)
            yield Fault(f"{status}, Retry-After a date in {later} s", "retry-after", sends, acts=False)
        yield Fault(f"{status} without Retry-After", "retry-after", _with(status, HTML), acts=False)


def _later(status: int, later: float) -> Sends:
    return lambda reply: [reply.whole(status, HTML, Retry_After=reply.clock.date(later))]


def _odd_but_right() -> Iterator[Fault]:
    odd: dict[str, Sends] = {
        "closed after the response": lambda reply: [reply.whole(), "close"],
        "reset after the response": lambda reply: [reply.whole(), 0.02, "reset"],  # an RST takes along what is not read
        "more after the response": lambda reply: [reply.whole() + GARBAGE, "close"],
        "1,000 interim responses first": lambda reply: [b"HTTP/1.1 100 C\r\n\r\n" * 1000 + reply.whole()],
        "a byte at a time": lambda reply: [bytes([one]) for one in reply.whole()],
        "in chunks": lambda reply: [reply.head(Transfer_Encoding="chunked") + END + _chunked(reply.body) + b"0" + END],
        "until the connection ends": lambda reply: [reply.head(Connection="close") + END + reply.body, "close"],
        "HTTP/1.0": lambda reply: [b"HTTP/1.0" + reply.whole()[8:], "close"],
        "a byte order mark": _spoilt(lambda body: b"\xef\xbb\xbf" + body),
        "a header line without a colon": lambda reply: [
            reply.whole().replace(END, b"\r\nno colon here\r\nX: y" + END, 1)
        ],
        "a content length that is a word": lambda reply: [reply.whole(Content_Length="many"), "close"],
        "a header that is not ASCII": _with(None, X="\xff\xfe\x00"),
        "a content type of a page": _with(None, Content_Type="text/html; charset=nonsense"),
        "cookies": _with(None, Set_Cookie="a=b; Domain=.com; Max-Age=99999999999999999999; expires=Never"),
        "a location": _with(None, Location="http://[::1"),
        "no Date": lambda reply: [reply.whole(Date=None)],
        "a Date that is none": _with(None, Date="yesterday"),
        "a Date of 1970": _with(None, Date="Thu, 01 Jan 1970 00:00:00 GMT"),
        "a Date of 9999": _with(None, Date="Fri, 31 Dec 9999 23:59:59 GMT"),
        "a Date with an odd zone": _with(None, Date="Sun, 22 Nov 2026 12:00:00 +9959"),
        "a Date of the year 100": _with(None, Date="Sun, 01 Jan 0100 00:00:00 GMT"),
    }
    yield from _all("odd but right", odd, usable=True)
    blanks = _spoilt(lambda body: b" " * (10 * MEGABYTE) + body + b" " * (10 * MEGABYTE))
    yield Fault("20 MB of blanks around it", "odd but right", blanks, usable=True, heavy=True)


def mutations(response: Any) -> Iterator[tuple[str, bytes]]:
    """The response with one of its fields missing or of another type: what was done to which, and the body."""
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
    missing = object()
    for path in _paths(response):
        rest = {} if isinstance(path[-1], int) else {"missing": missing}  # a list without it has fewer syncs
        for name, value in {**rest, **values}.items():
            changed = json.loads(json.dumps(response))
            parent = functools.reduce(lambda inner, key: inner[key], path[:-1], changed)
            if value is missing:
                del parent[path[-1]]
            else:
                parent[path[-1]] = [parent[path[-1]]] if value is ... else value
            yield f"{'.'.join(map(str, path))} {name}", json.dumps(changed).encode()


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield (*before, key)
        yield from _paths(item, (*before, key))
