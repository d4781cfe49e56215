"""Shell completion, where argcomplete is installed: eval "$(register-python-argcomplete sync-blueprints)"."""

from __future__ import annotations

import argparse

from sync_blueprints.__main__ import COMMANDS
from sync_blueprints.catalog import VENDORS, load
from sync_blueprints.export import ORCHESTRATORS


def complete() -> None:
    """Print what may come next on the command line, and exit; do nothing without argcomplete."""
    try:
        import argcomplete
    except ImportError:
        return
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    names = [one.name for one in load()]
    scripts = [one.file_to_run for one in load()]
    for command in (*COMMANDS, *scripts):
        sub = commands.add_parser(command)
        if command == "export":
            sub.add_argument("orchestrator", choices=list(ORCHESTRATORS))
        elif command == "list":
            sub.add_argument("vendor", nargs="?", choices=VENDORS)
        if command in ("show", "run", "export"):
            sub.add_argument("names", nargs="*", choices=names)
        elif command == "explain":
            sub.add_argument("code")
            sub.add_argument("name", choices=names)
    argcomplete.autocomplete(parser, validator=lambda name, typed: name.lower().startswith(typed.lower()))
