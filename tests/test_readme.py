"""The README held against the catalog, the errors, the files that triggers write, and the commands there are.

Where a table is wrong, the failing test shows the rows as they should be.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from shared.artifacts import Artifacts
from shared.masking import Mask

from fivetran_blueprints import client as fivetran
from nango_blueprints import client as nango
from rudderstack_blueprints import client as rudderstack
from shared import VERSION, errors
from shared.inputs import specifications
from sync_blueprints.__main__ import COMMANDS
from sync_blueprints.catalog import REPOSITORY, load
from tests.support import NOW
from tests.test_catalog import default_as_text, module_of

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLUEPRINTS = load()
SHORT_NAMES = {
    "trigger_sync.py": "trigger",
    "check_sync_status.py": "check",
    "update_connector.py": "update",
    "check_credentials.py": "credentials",
}


def section(title: str) -> str:
    """What is under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no heading {title!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without their heads; code marks are cut."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]
    rules = {number for number, row in enumerate(cells) if set("".join(row)) <= set("-: ")}
    return [row for number, row in enumerate(cells) if not {number, number + 1} & rules]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("vendor", ["RudderStack", "Fivetran", "Nango"])
def test_the_variables_of_a_vendor_are_those_of_the_catalog_and_of_the_code(vendor: str) -> None:
    blueprints = [one for one in BLUEPRINTS if one.vendor == vendor]
    expected: dict[str, list[str]] = {}
    for variable in dict.fromkeys(one.reference for blueprint in blueprints for one in blueprint.inputs):
        users = [one for one in blueprints if variable in {each.reference for each in one.inputs}]
        specs = [
            spec
            for user in users
            for spec in specifications(module_of(user).Inputs).values()
            if spec.variable == variable
        ]
        facts = {(spec.type, spec.options, spec.multiline, default_as_text(spec)) for spec in specs}
        assert len(facts) == 1, f"{variable} is not the same in all scripts"
        ((kind, options, multiline, default),) = facts
        names = [SHORT_NAMES[user.path.name] for user in users]
        needing = [name for name, spec in zip(names, specs) if spec.required]
        expected[variable] = [
            kind + (f": {', '.join(options)}" if options else "") + (", multi-line" if multiline else ""),
            "all" if len(users) == len(blueprints) else ", ".join(names),
            "yes" if needing == names else ", ".join(needing) or "no",
            default or "",
        ]
    table = rows(section(vendor))
    assert {row[0]: row[1:5] for row in table} == expected
    assert [row[0] for row in table] == list(expected), "the catalog has them in another order"
    assert all(row[5] for row in table), "every variable has a meaning"


def test_the_exit_codes_are_those_of_the_errors() -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "again")]
    expected = [
        # The first line of a docstring is the row, or its first sentence if more follows for those who read the code.
        [
            str(one.exit_code),
            one.__name__,
            one.outcome,
            (one.__doc__ or "").splitlines()[0].split(". ")[0].rstrip("."),
            one.again,
        ]
        for one in sorted(classes, key=lambda one: one.exit_code)
    ]
    table = rows(section("Exit codes"))
    assert [[*row[:3], row[3].rstrip("."), row[4]] for row in table[1:-2]] == expected
    assert table[0][:3] == ["0", "", "started`, `joined`, `succeeded`, `updated`, `valid"]
    outcome = errors.Interruption.outcome
    assert [row[:3] for row in table[-2:]] == [[str(128 + n), "Interruption", outcome] for n in (2, 15)]


def test_the_exit_codes_are_those_of_the_catalog() -> None:
    listed = {int(row[0]) for row in rows(section("Exit codes"))}
    assert listed == {code for blueprint in BLUEPRINTS for code in blueprint.exit_codes}


def test_the_scripts_are_those_of_the_catalog() -> None:
    expected = [[one.file_to_run, one.name, one.synopsis] for one in BLUEPRINTS]
    assert rows(README.partition("\n## ")[0]) == expected


def test_the_files_handed_over_are_those_that_the_triggers_write(tmp_path: Path) -> None:
    handovers = {
        "RudderStack": [
            rudderstack.Handover("x", is_source=True, sync_id="1"),
            rudderstack.Handover("x", is_source=False, sync_id="1"),
        ],
        "Fivetran": [fivetran.Handover("x", execution_time=NOW)],
        "Nango": [nango.Handover(nango.Selection("x"), {})],
    }
    table = rows(section("Files handed over"))
    for vendor, ones in handovers.items():
        written: set[str] = set()
        for one in ones:
            artifacts = Artifacts(tmp_path, vendor.lower(), "LOG", [], Mask())
            folder = tmp_path / f"{vendor.lower()}-blueprints" / "variables"
            artifacts.prepare()
            with artifacts.starting(one):
                written |= {path.name for path in folder.iterdir()}
            artifacts.save(one)
            written |= {path.name for path in folder.iterdir()}
        listed = {row[0] for row in table if row[2] == "every trigger" or row[2].startswith(f"{vendor} trigger")}
        both = {name.replace("{log_id_}", prefix) for name in listed for prefix in ("LOG_", "")}
        assert both == written
        catalogd = {
            Path(file).name.replace("{log_id_}", "LOG_")
            for blueprint in BLUEPRINTS
            for file in blueprint.files_written
            if blueprint.vendor == vendor and "/variables/" in file
        }
        assert both == catalogd


def test_the_guardrails_of_the_fleet_are_the_catalogs() -> None:
    catalog = yaml.safe_load((REPOSITORY / "blueprints.yaml").read_text(encoding="utf-8"))["blueprints"]
    by_name = {one["name"]: one for one in catalog}
    (fleet,) = [one for one in map(yaml.safe_load, blocks("yaml")) if "vessels" in one]
    for vessel in fleet["vessels"].values():
        blueprint = by_name[vessel["source"]["blueprint"]]
        assert vessel["guardrails"] == blueprint["guardrails"]
        assert set(vessel["source"].get("inputs", {})) <= {one["reference"] for one in blueprint["inputs"]}
    assert fleet["connections"].keys() <= fleet["vessels"].keys()


def test_the_commands_exist() -> None:
    jobs = [one for one in map(yaml.safe_load, blocks("yaml")) if "jobs" in one]
    steps = [step.get("run", "") for one in jobs for job in one["jobs"].values() for step in job["steps"]]
    lines = [line for block in blocks("sh") for line in block.splitlines()] + steps
    commands = [words for words in (shlex.split(line, comments=True) for line in lines) if words]
    assert len(commands) > 8
    for words in commands:
        words = [word for word in words if not re.fullmatch(r"[A-Z_]+=.*", word)]
        if words[0].startswith("script/"):
            assert (REPOSITORY / words[0]).stat().st_mode & 0o100, words
        elif words[1:3] == ["-m", "sync_blueprints"]:
            assert words[3] in COMMANDS
            assert set(words[4:]) <= {one.name for one in BLUEPRINTS}
        elif words[0].endswith("python"):
            assert (REPOSITORY / words[1]).is_file(), words
        else:
            assert words[0] in ("export", "echo", "pip"), words
        for word in words[1:]:
            assert not word.endswith((".py", ".txt")) or (REPOSITORY / word).is_file(), word


def test_every_variable_and_every_file_that_is_named_exists() -> None:
    known = {one.reference for blueprint in BLUEPRINTS for one in blueprint.inputs}
    vendors = "|".join({one.vendor.upper() for one in BLUEPRINTS})
    assert set(re.findall(rf"\b(?:{vendors})_[A-Z_]+", README)) <= known
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target
    for name in re.findall(r"`([a-z_]+/|[a-z_-]+\.(?:yaml|txt))`", README):
        assert (REPOSITORY / name).exists() or name == "responses/", name


def test_the_changelog_has_this_version() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)[:2] == ["Unreleased", VERSION]
