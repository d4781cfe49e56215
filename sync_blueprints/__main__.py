"""python -m sync_blueprints <command>: what the project offers to people and CI."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {  # each is sync_blueprints/<command>.py with `main(argv) -> exit code`, imported only when it is called
    "bundle": "make one zip file for each vendor, to upload to an orchestrator",
    "demo": "run every trigger and check against the sandbox, and show what they do",
    "docs": "write the pages in docs/",
    "export": "print blueprints as files for other engines",
    "run": "run blueprints, or a fleet of them, as an orchestrator would, with their guardrails",
    "sandbox": "imitate the vendors' APIs on this machine",
}


MODULES = {"run": "fleet_run"}  # sync_blueprints.run is the function


def main(argv: Sequence[str]) -> int:
    """The exit code of the command called; without a command, help and 2."""
    parser = argparse.ArgumentParser(prog="python -m sync_blueprints")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands (each has its own --help)")
    for name, gloss in COMMANDS.items():
        commands.add_parser(name, help=gloss, add_help=False)
    command = parser.parse_args(argv[:1]).command  # what follows is the command's own to parse
    if command is None:
        parser.print_help(sys.stderr)
        return 2
    exit_code: int = importlib.import_module(f"sync_blueprints.{MODULES.get(command, command)}").main(argv[1:])
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
