"""Running `python -m sync_blueprints export` within a test."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

from sync_blueprints.export import main


@dataclass(frozen=True)
class Printed:
    """How the command ended."""

    exit_code: int
    stdout: str
    stderr: str


def export(*arguments: str) -> Printed:
    """Run the command with these arguments."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    stderr = io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            exit_code = main(arguments)
        except SystemExit as end:
            exit_code = int(end.code or 0)
    stdout.flush()
    return Printed(exit_code, stdout.buffer.getvalue().decode(), stderr.getvalue())


def exported(*arguments: str) -> str:
    """What the command prints; it must succeed."""
    printed = export(*arguments)
    assert printed.exit_code == 0, printed.stderr
    return printed.stdout
