"""Hostile files where a check looks for its hand-over: exit 221, nothing run, little memory, and no waiting."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from shared.artifacts import HANDOVER

from shared import pickles
from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox
from tests.shared.test_pickles import HOSTILE
from tests.test_scripts import FIVETRAN, NANGO, NOBODY_LISTENS, Ended, Kind, in_parallel, run

pytestmark = [pytest.mark.slow, pytest.mark.sockets]

MOST_MEGABYTES = 64
NAME = "🚀" * 36
CREDENTIALS = {
    "FIVETRAN_API_KEY": "key-of-mine",
    "FIVETRAN_API_SECRET": "secret-of-mine",
    "NANGO_SECRET_KEY": "secret-of-mine",
    "FIVETRAN_API_URL": NOBODY_LISTENS,
    "NANGO_API_URL": NOBODY_LISTENS,
}
MEASURED = """
import atexit, runpy, sys
def tell():
    peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
    print("peak", *peak, file=sys.stderr)
atexit.register(tell)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def filled(head: bytes, unit: bytes, tail: bytes, most: int = 999_990) -> bytes:
    """As many units as a file of a megabyte has room for."""
    return b"\x80\x04" + head + unit * ((most - 2 - len(head) - len(tail)) // len(unit)) + tail


DENSE = {
    "nothing a million times": filled(b"](", b"N", b"e."),
    "what is memoized": filled(b"](", b"N\x94", b"e."),
    "short texts": filled(b"](", b"\x8c\x02ab", b"e."),
    "wide texts": filled(b"](", b"\x8c\x04\xf0\x9f\x9a\x80", b"e."),
    "one wide text": b"\x80\x04X" + struct.pack("<I", 999_000) + b"x" * 998_996 + b"\xf0\x9f\x9a\x80.",
    "numbers": filled(b"](", b"M\xff\xff", b"e."),
    "floats": filled(b"](", b"G\x3f\xf8\0\0\0\0\0\0", b"e."),
    "long numbers": filled(b"](", b"\x8a\xff" + b"\x7f" * 255, b"e."),
    "lists": filled(b"](", b"]", b"e.", 100_000),
    "dicts of one": filled(b"](", b"}\x8c\x02abNs", b"e.", 699_990),
    "tuples of three": filled(b"](", b"NNN\x87", b"e.", 399_990),
    "spans of time": filled(b"cdatetime\ntimedelta\nq\0](", b"h\0)R", b"e."),
    "keys": b"\x80\x04}(" + b"".join(b"\x8c\x05%05xN" % n for n in range(120_000)) + b"u.",
    "marks": filled(b"", b"(", b"."),
    "frames": filled(b"", b"\x95" + b"\0" * 8, b"N."),
    "empty appends": filled(b"]", b"(e", b"."),
    "empty updates": filled(b"}", b"(u", b"."),
    "texts fetched again": filled(b"X" + struct.pack("<I", 300) + b"x" * 300 + b"q\0](", b"h\0", b"e."),
}


def check(kind: Kind, folder: Path, content: bytes, more: Mapping[str, str]) -> tuple[Ended, float]:
    """A check with `content` as its hand-over, and the most memory that it took, in MB (0 where nothing tells)."""
    variables = folder / f"{kind.vendor}-blueprints" / "variables"
    variables.mkdir(parents=True)
    (variables / HANDOVER).write_bytes(content)
    environment = {**CREDENTIALS, "PATH": os.environ["PATH"], "SHIPYARD_ARTIFACTS_DIRECTORY": str(folder), **more}
    measured = ["-c", MEASURED] if sys.platform == "linux" else []
    ended = run([*measured, str(REPOSITORY / kind.script("check_sync_status"))], environment, folder)
    lines = ended.stderr.splitlines()
    peak = int(lines[-1].split()[1]) / 1024 if measured else 0.0
    stderr = "\n".join(lines[:-1] if measured else lines)
    assert [path.name for path in variables.iterdir()] == [HANDOVER], "something was run"
    assert not set(folder.iterdir()) - {variables.parent}, "something was run"
    return Ended(ended.exit_code, ended.stdout, stderr), peak


def refused(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """The names of the hostile files that are not refused as they should be."""
    more = {FIVETRAN.id_variable: "x"}  # an id that is given changes nothing
    _, usual = check(FIVETRAN, folder / "usual", b"\x80\x04N.", more)

    def fault(item: tuple[int, tuple[str, bytes]]) -> str:
        number, (title, content) = item
        ended, peak = check(FIVETRAN, folder / str(number), content, more)
        if ended.exit_code != 221 or ended.result["outcome"] != "artifact_error" or "Traceback" in ended.stderr:
            return f"{title}: {ended}"
        return f"{title}: {peak - usual:.0f} MB" if peak - usual >= MOST_MEGABYTES else ""

    return [one for one in in_parallel(fault, enumerate(files.items())) if one]


def test_every_hostile_pickle_is_refused_by_the_real_check(tmp_path: Path) -> None:
    assert refused(tmp_path, {**HOSTILE, **DENSE}) == []


def test_many_entries_of_one_long_name_take_little_memory(tmp_path: Path) -> None:
    """They are a hand-over like others, whose entries the vendor does not know any more."""
    most = 60_000  # some 960,000 bytes
    handover = {
        "version": 1,
        "attempt": "x",
        "provider_config_key": "sandbox",
        "connection_id": "succeeds",
        "syncs": ["orders"],
        "server_time": None,
        "start_grace": 600,
        "ids": [f"{number:05x}" for number in range(most)],
        "finished_at": [None] * most,
        "were_running": [False] * most,
        "labels": [NAME] * most,
    }
    with Sandbox() as sandbox:
        environment = {**sandbox.environment, "LOG_LEVEL": "DEBUG"}
        _, usual = check(NANGO, tmp_path / "usual", b"\x80\x04N.", environment)
        ended, peak = check(NANGO, tmp_path / "many", pickles.dump(handover), environment)
    assert ended.result["outcome"] == "failed"
    assert len(ended.result["message"]) <= 2000
    assert peak - usual < MOST_MEGABYTES
