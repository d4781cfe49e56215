"""`sync-blueprints export`: blueprints with their guardrails as files for other orchestrators."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields

from shared import inputs
from sync_blueprints.catalog import Blueprint, CatalogError, Input, find, guardrails_given
from sync_blueprints.export.orchestrators import ORCHESTRATORS
from sync_blueprints.export.schedule import check_schedule
from sync_blueprints.export.steps import ExportError, Options, Orchestrator, Step, handed_over_by, listed

__all__ = ["ORCHESTRATORS", "ExportError", "Options", "Orchestrator", "Step", "is_handed_over", "main"]


def main(argv: Sequence[str]) -> int:
    """The command: prints the file. Returns 2 for a wrong command line."""
    parser = argparse.ArgumentParser(
        prog="sync-blueprints export",
        usage="%(prog)s ORCHESTRATOR NAME... [options]",
        description="Print the file that runs blueprints in an orchestrator, one after the other, with their retries "
        "and time limits.",
        epilog="Secrets are never written to the file; it refers to them by name.",
    )
    parser.add_argument(
        "orchestrator", choices=list(ORCHESTRATORS), metavar="ORCHESTRATOR", help=", ".join(ORCHESTRATORS)
    )
    parser.add_argument("blueprints", nargs="+", metavar="NAME", help="a blueprint's name or file")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="[N:]NAME=VALUE",
        help="an input of every blueprint that has it, or with N: of the Nth only; a check after a trigger gets no "
        "IDs, because the handoff has them",
    )
    parser.add_argument("--name", help="the workflow's name (default: from the first blueprint's name)")
    parser.add_argument("--image", default=Options().image, help="default: %(default)s")
    parser.add_argument("--schedule", metavar="CRON", help='five fields, such as "0 2 * * *"')
    parser.add_argument("--namespace", help="for Kubernetes, Argo, and Kestra")
    parser.add_argument("--openshift", action="store_true", help="Kubernetes and Argo: no fixed user IDs")
    parser.add_argument("--secret-files", action="store_true", help="Kubernetes and Argo: secrets as mounted files")
    parser.add_argument("--retry-count", metavar="N", help="overrides the catalog")
    parser.add_argument("--retry-wait", metavar="5m", help="overrides the catalog")
    parser.add_argument("--runtime-cutoff", metavar="4h0m0s", help="per attempt; overrides the catalog")
    given = parser.parse_args(argv)
    try:
        steps = _steps(given)
        options = Options(**{field.name: getattr(given, field.name) for field in fields(Options)})
        _check_options(given.orchestrator, options)
        text = ORCHESTRATORS[given.orchestrator](steps, options)
    except (CatalogError, ExportError) as error:
        parser.exit(2, f"export: {error}\n")
    sys.stdout.buffer.write(text.encode())
    return 0


def _check_options(orchestrator: str, options: Options) -> None:
    """Raises ExportError for an option that the export has no use for, and for a schedule that is none."""
    for field in fields(Options):
        if getattr(options, field.name) != field.default and field.name not in ORCHESTRATORS[orchestrator].options:
            able = [name for name, one in ORCHESTRATORS.items() if field.name in one.options]
            option = field.name.replace("_", "-")
            raise ExportError(f"--{option} is not an option for {orchestrator}; only for {listed(able)}")
    if options.schedule is not None:
        check_schedule(options.schedule)


def _steps(given: argparse.Namespace) -> list[Step]:
    """The blueprints of the command line with their guardrails and inputs. Raises CatalogError or ExportError."""
    rails = guardrails_given(vars(given))
    for name in rails:
        if name not in ORCHESTRATORS[given.orchestrator].guardrails:
            raise ExportError(f"--{name.replace('_', '-')} is not an option for {given.orchestrator}")
    blueprints = [find(name) for name in given.blueprints]
    chosen: list[dict[str, str]] = [{} for _ in blueprints]
    for text in given.input:
        for place, name, value in _destinations(text, blueprints, given.orchestrator):
            chosen[place][name] = value
    _check_order(blueprints)
    steps = [Step(blueprint.with_guardrails(**rails), values) for blueprint, values in zip(blueprints, chosen)]
    for step in steps:
        _check_inputs(step)
    return steps


def _destinations(text: str, blueprints: Sequence[Blueprint], orchestrator: str) -> Iterator[tuple[int, str, str]]:
    """Which blueprints (by their places) take an `--input`. Raises ExportError."""
    found = re.fullmatch(r"(?:([0-9]+):)?([A-Za-z0-9_]+)=(.*)", text, re.DOTALL)
    if not found:
        raise ExportError(f"--input takes NAME=VALUE or N:NAME=VALUE, not {text!r}")
    number, name, value = found.groups()
    if number and not 1 <= int(number) <= len(blueprints):
        raise ExportError(f"--input {number}:{name}: there are {len(blueprints)} blueprints; the first is 1")
    candidates = [int(number) - 1] if number else range(len(blueprints))
    takers = {place: spec for place in candidates for spec in blueprints[place].inputs if spec.reference == name}
    if not takers:
        known = [spec.reference for place in candidates for spec in blueprints[place].inputs if spec.type != "Password"]
        raise ExportError(f"no blueprint here has an input {name}; there are {', '.join(dict.fromkeys(known))}")
    if any(spec.type == "Password" for spec in takers.values()):
        raise ExportError(f"{name} is a secret and is never written to the file, which refers to it by name")
    for refused in ORCHESTRATORS[orchestrator].refused:
        if refused in value:
            raise ExportError(f"{name} contains {refused}, which {orchestrator} would interpret as an expression")
    if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise ExportError(f"{name} contains something that is not text")
    for place, spec in takers.items():
        if number or not is_handed_over(spec) or handed_over_by(place, blueprints) is None:
            yield place, name, value


def is_handed_over(spec: Input) -> bool:
    """Whether it is one of the ids that say what is synced; a trigger's handoff has all of them."""
    return spec.type == "Alphanumeric" and not spec.reference.endswith("_API_URL")


def _check_order(blueprints: Sequence[Blueprint]) -> None:
    """Raises ExportError where it is unclear which sync a check is to check, or one would be left unchecked."""
    for place, check in enumerate(blueprints):
        before = [
            one for one in blueprints[:place] if one.vendor == check.vendor and (one.starts or one.kind == "check")
        ]
        if check.kind == "check" and [one.starts for one in before[-2:]] == [True, True]:
            raise ExportError(f"{check.name} comes after two triggers; name a check after each of them")


def _check_inputs(step: Step) -> None:
    """Raises ExportError naming all problems of the inputs, as a run would, and the options that are missing."""
    script = importlib.import_module(step.blueprint.module)
    secrets = dict.fromkeys(step.blueprint.secrets, "set-by-the-orchestrator")
    _, error = inputs.read(script.Inputs, {**secrets, **step.inputs})
    if error:
        needed = [one.reference for one in step.blueprint.inputs if one.required and one.type != "Password"]
        missing = [f"--input {name}=…" for name in needed if inputs.given_text(step.inputs, name) is None]
        hint = f"; add {' '.join(missing)}" if missing else ""
        raise ExportError(f"{step.blueprint.name}: {error}{hint}")
