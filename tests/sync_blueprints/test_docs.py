"""The pages in docs/ held against the catalog, the errors, the messages of the code, and the commands there are."""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rudderstack_blueprints import client as rudderstack
from shared import errors, waiting
from sync_blueprints.__main__ import COMMANDS
from sync_blueprints.catalog import REPOSITORY, VENDORS, Blueprint, folder_of, load
from sync_blueprints.docs import exit_codes, pages, troubleshooting
from sync_blueprints.sandbox import Sandbox

DOCS = REPOSITORY / "docs"
BLUEPRINTS = load()
NAMES = {one.name: one for one in BLUEPRINTS}
MADE = pages.pages()
PAGES = sorted(DOCS.rglob("*.md"))
PAGES_HERE = [path for path in PAGES if path.parent == DOCS]
WRITTEN_BY_HAND = [path for path in PAGES if path.relative_to(DOCS).as_posix() not in MADE]
BASH = shutil.which("bash")
OTHERS = {0, 130, 143}  # success, SIGINT and SIGTERM: these are no errors

needs_bash = pytest.mark.skipif(BASH is None, reason="the blocks are for bash and its like")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
# Those of the engines hold YAML and shell of other programs, too, and have tests of their own.
each_page_here = pytest.mark.parametrize("page", PAGES_HERE, ids=lambda path: path.name)
each_blueprint = pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda one: one.name)


def page_of(blueprint: Blueprint) -> str:
    return (DOCS / pages.page_name(blueprint)).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {title!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a text's tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rules = {number for number, row in enumerate(cells) if set("".join(row)) <= set("-: ")}
    return [row for number, row in enumerate(cells) if not {number, number + 1} & rules]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", prose(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.lru_cache
def messages(vendor: str) -> list[str]:
    """All texts in the code that a vendor's blueprints run, with … for what is filled in."""
    found = []
    for path in [*REPOSITORY.glob("shared/*.py"), *REPOSITORY.glob(f"{vendor.lower()}_blueprints/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%(\.\d+)?[sdf]", "…", node.value))
    return found


@pytest.mark.parametrize("name", MADE)
def test_a_page_is_as_the_catalog_and_its_parts_make_it(name: str) -> None:
    path = DOCS / name
    assert path.is_file(), "run python -m sync_blueprints docs"
    assert path.read_text(encoding="utf-8") == MADE[name], "run python -m sync_blueprints docs"


def test_no_page_is_left_of_a_blueprint_that_is_gone() -> None:
    assert not [path.name for path in WRITTEN_BY_HAND if pages.NOTICE in path.read_text(encoding="utf-8")]
    parts = {path.name for path in pages.PARTS.glob("*.md")}
    assert parts == set(MADE)


@pytest.mark.slow
def test_the_command_tells_of_a_stale_page_and_writes_it_anew(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    names = ["blueprints.yaml", "shared", "sync_blueprints", "docs", "README.md", "CHANGELOG.md", "SECURITY.md"]
    names += [folder_of(vendor).name for vendor in VENDORS]
    for name in names:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, copy / name)
        elif source.is_file():
            copy.mkdir(exist_ok=True)
            shutil.copy(source, copy / name)

    def docs(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "sync_blueprints", "docs", *arguments]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    assert docs("--check") == (0, "")
    catalog = copy / "blueprints.yaml"
    catalog.write_text(catalog.read_text(encoding="utf-8").replace("Nango drops a start", "Nango loses a start"))
    made = ("nango-trigger-sync.md", "index.html")
    assert docs("--check") == (
        1,
        "".join(f"docs/{name} is stale: run python -m sync_blueprints docs\n" for name in made),
    )
    assert docs() == (0, "".join(f"docs/{name} was written\n" for name in made))
    assert "Nango loses a start" in (copy / "docs/nango-trigger-sync.md").read_text(encoding="utf-8")
    assert docs("--check") == (0, "")


def test_there_are_words_for_every_exit_code_and_for_no_other() -> None:
    raw = yaml.safe_load(exit_codes.FILE.read_text(encoding="utf-8"))
    known = exit_codes.load()
    assert set(known) == {one.exit_code for one in exit_codes.CLASSES} | OTHERS
    assert set(known) == {code for blueprint in BLUEPRINTS for code in blueprint.exit_codes}
    assert not set(known) & set(exit_codes.others())
    for code, words in {**raw["exit_codes"], **raw["others"]}.items():
        needed = {"meaning", "what_to_do"} if code in OTHERS or code in raw["others"] else {"what_to_do"}
        assert needed <= set(words) <= {"meaning", "what_to_do", "retry", *exit_codes.KINDS.values()}, code
        assert ("meaning" in words) == ("meaning" in needed), f"{code}: the meaning of an error is its docstring"


def test_each_kind_of_blueprint_has_words_of_its_own_only_for_codes_that_it_ends_with() -> None:
    for one in exit_codes.load().values():
        users = {exit_codes.kind_of(blueprint) for blueprint in BLUEPRINTS if one.code in blueprint.exit_codes}
        assert set(one.by_kind) <= users, one.code


def test_the_outcomes_are_those_of_the_errors() -> None:
    known = exit_codes.load()
    assert known[202].outcomes == ("not_started", "unclear")
    assert {word for one in known.values() for word in one.outcomes} == {
        one.outcome for one in [*exit_codes.CLASSES, errors.Interruption]
    }
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    listed = next(row for row in rows(readme) if row[0] == "0")[2]
    assert set(listed.strip("`").split("`, `")) == {word for some in exit_codes.SUCCESSES.values() for word in some}


@each_blueprint
def test_the_page_lists_how_the_blueprint_can_end_and_whether_a_retry_helps(blueprint: Blueprint) -> None:
    listed = {int(row[0]): row for row in rows(section(page_of(blueprint), "Exit codes"))}
    assert set(listed) == set(blueprint.exit_codes)
    check = blueprint.path.stem == "check_sync_status"
    for one in exit_codes.CLASSES:
        if one.exit_code in listed:
            helps = {"yes": "yes", "no": "no", "check: yes": "yes" if check else "no"}[one.again]
            assert listed[one.exit_code][3] == helps
    assert all(row[4] for row in listed.values())


@each_blueprint
def test_the_page_says_after_which_codes_the_guardrails_try_again(blueprint: Blueprint) -> None:
    text = " ".join(section(page_of(blueprint), "Exit codes").split())
    (listed,) = re.findall(r"The guardrails above try again .*?, after (.*?)\. A run", text)
    expected = {code for code in blueprint.exit_codes if blueprint.guardrails.try_again_on(code)}
    assert {int(code) for code in re.findall(r"\d+", listed)} == expected


@each_blueprint
def test_the_variables_are_those_of_the_catalog(blueprint: Blueprint) -> None:
    listed = [
        [
            one.display_name,
            one.reference,
            one.type + " (multi-line)" * one.multiline,
            "yes" if one.required else "no",
            one.default or "-",
            ", ".join(one.options) or "-",
            " ".join(one.description.split()),
        ]
        for one in blueprint.inputs
    ]
    found = rows(section(page_of(blueprint), "Variables"))
    assert [[*(cell.replace("`", "") for cell in row[:6]), row[6].replace("\\|", "|")] for row in found] == listed


@each_blueprint
def test_the_template_has_every_input_and_the_guardrails_of_the_catalog(blueprint: Blueprint) -> None:
    (template,) = map(yaml.safe_load, blocks(page_of(blueprint), "yaml"))
    raw = yaml.safe_load((REPOSITORY / "blueprints.yaml").read_text(encoding="utf-8"))["blueprints"]
    assert template["source"] == {
        "blueprint": blueprint.name,
        "inputs": {one.reference: one.default for one in blueprint.inputs},
        "type": "BLUEPRINT",
    }
    (rails,) = [one["guardrails"] for one in raw if one["name"] == blueprint.name]
    assert template["guardrails"] == rails


def test_the_template_of_rudderstacks_trigger_reads_as_users_know_it() -> None:
    (template,) = blocks(page_of(NAMES["RudderStack - Trigger Sync"]), "yaml")
    assert template.startswith(
        "source:\n  blueprint: RudderStack - Trigger Sync\n  inputs:\n    RUDDERSTACK_ACCESS_TOKEN: "
    )
    assert template.endswith(
        """\
  type: BLUEPRINT
guardrails:
  retry_count: 1
  retry_wait: 0s
  runtime_cutoff: 4h0m0s
  exclude_exit_code_ranges:
    - "200"
    - "201"
    - "203"
    - "204"
    - "205"
    - "206"
    - "210"
    - "211"
    - "212"
    - "213"
    - "221"
"""
    )


@each_blueprint
def test_the_files_are_those_of_the_catalog(blueprint: Blueprint) -> None:
    expected = set(blueprint.files_written)
    if exit_codes.kind_of(blueprint) == "check":
        triggers = [
            one for one in BLUEPRINTS if one.vendor == blueprint.vendor and exit_codes.kind_of(one) == "trigger"
        ]
        expected |= {name for one in triggers for name in one.files_written if "/variables/" in name}
    named = set(re.findall(r"`([a-z]+-blueprints/[^`]+)`", section(page_of(blueprint), "Files")))
    named |= {name.replace("{log_id_}", "") for name in named}  # as the page says of each such file
    assert named == expected


@pytest.mark.parametrize("one", troubleshooting.load(), ids=lambda one: f"{one.vendor} {one.message}"[:60])
def test_a_message_that_is_quoted_is_one_of_the_code(one: troubleshooting.Trouble) -> None:
    for vendor in [one.vendor] if one.vendor else VENDORS:
        assert any(one.message in text for text in messages(vendor)), f"{vendor} never says so"
    shown = [
        blueprint
        for blueprint in BLUEPRINTS
        if one.vendor in ("", blueprint.vendor) and exit_codes.kind_of(blueprint) in one.kinds
    ]
    assert shown, "no page has it"
    for blueprint in shown:
        assert f"| `{one.message}` |" in page_of(blueprint)
        assert not one.codes or set(one.codes) & set(blueprint.exit_codes), blueprint.name
    assert set(one.codes) <= {code for blueprint in shown for code in blueprint.exit_codes}


def test_the_spans_of_time_in_the_words_are_those_of_the_code() -> None:
    words = exit_codes.FILE.read_text(encoding="utf-8") + troubleshooting.FILE.read_text(encoding="utf-8")
    assert f"could not be reached for {waiting.FAILING_AT_MOST // 60} minutes" in words
    assert rudderstack.STOP_TAKES_AT_MOST == 5 * 60
    assert "still ran five minutes later" in words
    for blueprint in BLUEPRINTS:
        if exit_codes.kind_of(blueprint) == "check":
            rails = blueprint.guardrails
            assert (rails.retry_wait, rails.retry_count * rails.retry_wait) == (5 * 60, 2 * 3600)
            text = " ".join(section(page_of(blueprint), "Recommended set-up").split())
            assert "every five minutes, up to two hours" in text


@each_blueprint
def test_troubleshooting_has_a_message_for_every_bad_ending(blueprint: Blueprint) -> None:
    codes = {code for one in troubleshooting.of(blueprint) for code in one.codes}
    assert set(blueprint.exit_codes) - OTHERS <= codes


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    text = prose(page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(\s*([^)\s]+)\s*\)", text)
    for link in links:
        if re.match(r"https://[a-z.]+/", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert REPOSITORY in target.parents
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_reached_from_the_overview() -> None:
    reached, left = set(), [DOCS / "README.md"]
    while left:
        page = left.pop()
        reached.add(page)
        links = re.findall(r"\]\(\s*([^)#\s]+\.md)", prose(page.read_text(encoding="utf-8")))
        left += {(page.parent / link).resolve() for link in links if "://" not in link} - reached - set(left)
    assert set(PAGES) <= reached


@each_page
def test_lines_are_wrapped_but_for_tables_and_what_cannot_be(page: Path) -> None:
    for line in prose(page.read_text(encoding="utf-8")).splitlines():
        assert len(line) <= 120 or line.startswith(("|", "![")), line


@each_page
def test_no_mark_is_left_that_was_to_be_filled_in(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace(pages.NOTICE, "")
    assert "<!--" not in re.sub(r"<!-- [a-z]+( 3\.[0-9]+)? -->", "", text)  # around tables that bench/ writes
    assert not re.search(r"\{(vendor|VENDOR|page)\}", text)


@each_page
def test_every_yaml_and_json_block_is_read_by_its_reader(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in blocks(text, "yaml"):
        assert list(yaml.compose_all(block))
    for block in blocks(text, "json"):
        json.loads(block)
    assert text.count("```") % 2 == 0


@each_page_here
def test_vessels_name_blueprints_and_inputs_that_there_are(page: Path) -> None:
    for fleet in map(yaml.safe_load, blocks(page.read_text(encoding="utf-8"), "yaml")):
        for vessel in fleet.get("vessels", {}).values():
            if vessel["source"]["type"] == "BLUEPRINT":
                blueprint = NAMES[vessel["source"]["blueprint"]]
                assert set(vessel["source"]["inputs"]) <= {one.reference for one in blueprint.inputs}
        for start, ends in fleet.get("connections", {}).items():
            assert {start, *ends} <= set(fleet["vessels"])


@each_page_here
def test_every_variable_and_blueprint_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {one.reference for blueprint in BLUEPRINTS for one in blueprint.inputs}
    vendors = "|".join(vendor.upper() for vendor in VENDORS)
    assert set(re.findall(rf"\b(?:{vendors})_[A-Z_]+\b", text)) <= known
    named = set(re.findall(rf"\[((?:{'|'.join(VENDORS)})\s+-\s+[\w ]+?)\]", text))
    assert {" ".join(name.split()) for name in named} <= set(NAMES)


@functools.lru_cache
def help_of(command: str) -> str:
    words = [sys.executable, "-m", "sync_blueprints", command, "--help"]
    return subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60).stdout


def commands() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES_HERE:
        for block in blocks(page.read_text(encoding="utf-8"), "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                words = words[next((n for n, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), 0) :]
                if words and words[0].endswith("python"):
                    yield page.name, words


@pytest.mark.parametrize(
    "words", [pytest.param(words, id=f"{page}: {' '.join(words)}"[:80]) for page, words in commands()]
)
def test_a_command_of_ours_and_its_options_exist(words: list[str]) -> None:
    if words[1:3] != ["-m", "sync_blueprints"]:
        assert (REPOSITORY / words[1]).is_file()
        return
    assert words[3] in COMMANDS
    for word in words[4:]:
        if word.startswith("--"):
            assert re.search(rf"{word}\b", help_of(words[3])), f"{words[3]} has no {word}"
        if " - " in word:
            assert word in NAMES


def in_bash(script: str, environment: dict[str, str], given: str = "") -> subprocess.CompletedProcess[str]:
    """What a block of a page does in the project's folder, with this Python."""
    return subprocess.run(
        [
            str(BASH),
            "-c",
            re.sub(r"^((?:[A-Z_]+=\S+ )*)python ", rf"\1{shlex.quote(sys.executable)} ", script, flags=re.M),
        ],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **environment},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.sockets
@needs_bash
@pytest.mark.parametrize(
    ("vendor", "replaced", "expected"),
    [
        (
            "RudderStack",
            {"2a1bC3dE4fG5hI6jK7lM8nO9pQ0": "succeeds_in_5"},
            ["valid (exit code 0)", "succeeded (exit code 0)"],
        ),
        ("Fivetran", {}, ["valid (exit code 0)", "not_found (exit code 204)"]),
        ("Nango", {"=salesforce": "=sandbox"}, ["valid (exit code 0)", "succeeded (exit code 0)"]),
    ],
)
def test_what_an_authorization_page_says_to_try_works(
    vendor: str, replaced: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    text = (DOCS / f"{vendor.lower()}-authorization.md").read_text(encoding="utf-8")
    script = "".join(blocks(section(text, "Try it"), "sh"))
    for old, new in replaced.items():
        assert old in script
        script = script.replace(old, new)
    with Sandbox() as sandbox:
        known = {name: value for name, value in sandbox.environment.items() if name.startswith(vendor.upper())}
        url = known.pop(f"{vendor.upper()}_API_URL")
        environment = {f"{vendor.upper()}_API_URL": url, "SHIPYARD_ARTIFACTS_DIRECTORY": str(tmp_path)}
        done = in_bash(script, environment, "".join(f"{secret}\n" for secret in known.values()))
    ends = re.findall(r"^(\w+ \(exit code \d+\))", done.stderr, re.MULTILINE)
    assert ends == expected, done.stderr


@pytest.mark.slow
@needs_bash
@pytest.mark.sockets
def test_the_sandbox_can_be_tried_as_the_page_says() -> None:
    text = (DOCS / "local-runs.md").read_text(encoding="utf-8")
    script = blocks(section(text, "Try it without an account"), "sh")[1]
    with Sandbox() as sandbox:
        done = in_bash(script, sandbox.environment)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()][-1] == "succeeded"


@pytest.mark.slow
@needs_bash
@pytest.mark.sockets
def test_the_fleet_of_the_page_runs(tmp_path: Path) -> None:
    text = (DOCS / "local-runs.md").read_text(encoding="utf-8")
    (fleet,) = blocks(section(text, "A whole fleet"), "yaml")
    file = tmp_path / "fleet.yaml"
    file.write_text(fleet.replace("speak_inexpensive", "succeeds_in_0").replace("5m0s", "1s"), encoding="utf-8")
    script = blocks(section(text, "A whole fleet"), "sh")[0].replace("fleet.yaml", shlex.quote(str(file)))
    with Sandbox() as sandbox:
        done = in_bash(script, sandbox.environment)
    assert done.returncode == 0, done.stderr


@needs_bash
def test_the_export_of_the_page_is_a_fleet() -> None:
    text = (DOCS / "local-runs.md").read_text(encoding="utf-8")
    done = in_bash(blocks(section(text, "A whole fleet"), "sh")[1], {})
    fleet = yaml.safe_load(done.stdout)
    assert list(fleet["vessels"]) == ["Fivetran - Execute Sync", "Fivetran - Check Sync Status"]
