"""The pages: up to date, complete, without a dead link, and true where code can tell."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml

from shared import errors
from sync_blueprints import BlueprintFailed, exit_codes
from sync_blueprints.catalog import REPOSITORY, VENDORS, Blueprint, load
from sync_blueprints.docs import SITE, build, made, pages, troubleshooting
from sync_blueprints.sandbox import APIS, Sandbox
from tests.exporting import blocks, command_in, program_in, shell

DOCS = REPOSITORY / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
TEXTS = [*PAGES, *sorted(REPOSITORY.glob("*.md")), REPOSITORY / "bench" / "README.md"]
NEW = tuple(f"{vendor.lower()}-" for vendor in VENDORS if vendor not in APIS)  # the sandbox does not know them yet
WITH_COMMANDS = [
    path for path in TEXTS if "```sh" in path.read_text(encoding="utf-8") and not path.name.startswith(NEW)
]
RUN = ("sync-blueprints ", "python fivetran", "export ", "read -rs ", "sh ")  # commands of blocks that are run
NOT_RUN = (
    *("pipx ", "git clone ", "cd ", "pip ", "python -m pip ", "python -m venv ", ".venv/bin/", "script/", "docker "),
    *("sync-blueprints sandbox", "sync-blueprints bundle", "cp .env.example ", "kubectl ", "argo ", "printf "),
    *("eval ", "systemctl ", "loginctl ", "journalctl ", "python -m bench", "~/mutmut/"),
)
BASH = shutil.which("bash")
ERRORS = [one for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "exit_code")]

each_blueprint = pytest.mark.parametrize("blueprint", load(), ids=lambda one: one.name)


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {title!r}"
    return found[1]


def test_every_page_that_is_made_is_up_to_date() -> None:
    for name, text in made().items():
        assert (REPOSITORY / name).read_text(encoding="utf-8") == text, f"{name}: run sync-blueprints docs"


def test_every_page_is_in_the_navigation_and_no_other() -> None:
    navigation = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = re.findall(r'": "([^"]+)"', json.dumps(navigation))
    assert sorted(listed) == [path.relative_to(DOCS).as_posix() for path in PAGES]


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 10), reason="the site's generator needs Python 3.10")
def test_the_site_is_built_without_a_warning_and_every_link_leads_somewhere(capfd: pytest.CaptureFixture[str]) -> None:
    assert build() == 0, capfd.readouterr()
    found = sorted(page for page in SITE.rglob("*.html") if page.name != "404.html")
    assert len(found) == len(PAGES) + 1
    assert (SITE / "search.json").is_file()
    for page in found:
        for link in re.findall(r'(?:href|src)="([^"#:]+)[#"]', page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            assert SITE in [target, *target.parents], (page, link)
            assert (target / "index.html" if target.is_dir() else target).is_file(), (page, link)


@pytest.mark.parametrize("page", TEXTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_block_can_be_read_in_its_language(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    readers: dict[str, Callable[[str], object]] = {
        "yaml": lambda block: list(yaml.compose_all(block)),
        "json": json.loads,
        "python": lambda block: compile(block, page.name, "exec"),
        "sh": lambda block: subprocess.run(["/bin/sh", "-n"], input=block, text=True, check=True),
        "console": str,  # test_readme runs it
        "crontab": str,
    }
    for language, read in readers.items():
        for block in blocks(text, language):
            assert read(block), block
    assert sum(len(blocks(text, language)) for language in readers) == text.count("```") / 2


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_a_page_names_only_inputs_blueprints_and_files_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    paths = re.findall(r"\b((?:[a-z]+_blueprints|examples|script)/[\w./-]+\w)", text)
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []
    inputs = {one.reference for blueprint in load() for one in blueprint.inputs}
    inputs |= {f"{name}_FILE" for name in inputs} | {"FIVETRAN_CONNECTION_ID", "RUDDERSTACK_", "FIVETRAN_IF_RUNING"}
    prefixes = "|".join(vendor.upper() for vendor in VENDORS)
    assert set(re.findall(rf"\b(?:{prefixes})_[A-Z_]*", text)) <= inputs
    vendors = "|".join(VENDORS)
    names = {one.name for one in load()}
    assert set(re.findall(rf'"((?:{vendors}) - [^"]+)"', text)) <= names
    assert not re.search(r"\{(vendor|VENDOR|page)\}", text), "not filled in"


@each_blueprint
def test_a_blueprints_page_has_its_inputs_exit_codes_and_guardrails(blueprint: Blueprint) -> None:
    text = (DOCS / pages.page_name(blueprint)).read_text(encoding="utf-8")
    names = re.findall(r"^\| [^|]+ \| `([A-Z_]+)` \|", section(text, "Inputs"), re.MULTILINE)
    assert names == [one.reference for one in blueprint.inputs]
    codes = re.findall(r"^\| (\d+)", section(text, "Exit codes"), re.MULTILINE)
    assert sorted(map(int, codes)) == list(blueprint.exit_codes)
    (template,) = map(yaml.safe_load, blocks(section(text, "On the platform"), "yaml"))
    assert template["source"]["inputs"] == {one.reference: one.default for one in blueprint.inputs}
    raw = yaml.safe_load((REPOSITORY / "blueprints.yaml").read_text(encoding="utf-8"))["blueprints"]
    assert template["guardrails"] == next(one["guardrails"] for one in raw if one["name"] == blueprint.name)


def test_there_are_words_for_every_exit_code_and_for_no_other() -> None:
    known = exit_codes.load()
    assert set(known) == {code for blueprint in load() for code in blueprint.exit_codes}
    assert not set(known) & set(exit_codes.others())
    for error in ERRORS:
        if error.__dict__.get("exit_code"):
            assert error.outcome in known[error.exit_code].outcomes
            assert known[error.exit_code].retry == error.retryable, error


def messages(vendor: str) -> Iterator[str]:
    """All texts in the code that a vendor's blueprints run, with … for what is filled in."""
    for path in [*REPOSITORY.glob("shared/*.py"), *REPOSITORY.glob(f"{vendor.lower()}_blueprints/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"%(\.\d+)?[sdf]", "…", node.value)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_message_that_is_quoted_is_one_of_the_code(vendor: str) -> None:
    known = list(messages(vendor))
    for one in [*troubleshooting.load("all"), *troubleshooting.load(vendor)]:
        assert any(one["message"] in text for text in known), one["message"]


@each_blueprint
def test_troubleshooting_has_a_message_for_every_bad_ending(blueprint: Blueprint) -> None:
    codes = {code for one in troubleshooting.of(blueprint) for code in one["codes"]}
    assert set(blueprint.exit_codes) - {0, 129, 130, 143} <= codes


@pytest.mark.slow
@pytest.mark.sockets
@pytest.mark.skipif(BASH is None, reason="the blocks are for bash and its like")
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=str)
def test_every_command_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    command_in(tmp_path / "bin")
    program_in(tmp_path / "bin", "python", sys.executable)
    text = page.read_text(encoding="utf-8")
    for fleet in blocks(text, "yaml"):
        if "vessels:" in fleet:
            (tmp_path / "fleet.yaml").write_text(quick(fleet), encoding="utf-8")
    commands = [one for block in blocks(text, "sh") for one in re.findall(r"(?:.*(?:\\|&&)\n)*.+\n", block)]
    assert [one for one in commands if not one.startswith((*RUN, *NOT_RUN))] == []
    script = quick("".join(one for one in commands if not one.startswith(NOT_RUN)))
    (tmp_path / "fivetran_blueprints").symlink_to(REPOSITORY / "fivetran_blueprints")
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    with Sandbox() as sandbox:  # of its own: what one page started must not help another
        secrets = "".join(f"{sandbox.environment[name]}\n" for name in re.findall(r"read -rs (\w+)", script))
        own = {"SHIPYARD_ARTIFACTS_DIRECTORY": str(tmp_path / "artifacts"), **sandbox.environment}
        done = shell(f"set -e\n{script}", tmp_path, stdin=secrets, program=str(BASH), **own)
    assert done.returncode == 0, done.stderr


def quick(text: str) -> str:
    """With IDs that the sandbox knows, and without long waits."""
    for example, known in {
        **dict.fromkeys(pages.EXAMPLES.values(), "succeeds_in_1"),
        "succeeds_in_5": "succeeds_in_1",
        "NANGO_PROVIDER_CONFIG_KEY=succeeds_in_1": "NANGO_PROVIDER_CONFIG_KEY=sandbox",
        " --retry-count 0": " --retry-wait 1s",
        "--fleet examples/fivetran.yaml": "--fleet examples/fivetran.yaml --retry-wait 1s",
        "retry_wait: 5m0s": "retry_wait: 1s",
        'Check Sync Status"\n': 'Check Sync Status" --retry-wait 1s\n',
    }.items():
        text = text.replace(example, known)
    return text


each_ending = pytest.mark.parametrize(
    ("connector", "outcome"), [("succeeds_in_1", "succeeded"), ("fails_in_1", "failed")]
)


def defined_in(page: str, changed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The names that the one block of an orchestrator's page defines."""
    (text,) = blocks((DOCS / "orchestrators" / page).read_text("utf-8"), "python")
    for old, new in (changed or {}).items():
        text = text.replace(old, new)
    names: dict[str, Any] = {"__name__": "page"}
    exec(text, names)  # noqa: S102 - it is the page's
    return names


@pytest.mark.sockets
@each_ending
def test_the_block_for_mage_triggers_and_fails_as_the_sync_does(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, connector: str, outcome: str
) -> None:
    mage = Mock(custom=lambda function: function, get_secret_value=sandbox.environment.__getitem__)
    package = "mage_ai.data_preparation"
    for name in ("mage_ai", package, f"{package}.decorators", f"{package}.shared", f"{package}.shared.secrets"):
        monkeypatch.setitem(sys.modules, name, mage)
    url = f'"FIVETRAN_API_URL": "{sandbox.url}", "FIVETRAN_WAIT"'
    sync = defined_in("mage.md", {"speak_inexpensive": connector, '"FIVETRAN_WAIT"': url})["sync_fivetran"]
    with contextlib.nullcontext() if outcome == "succeeded" else pytest.raises(BlueprintFailed):
        assert sync()["outcome"] == "succeeded"


@pytest.mark.sockets
@each_ending
def test_the_activity_for_temporal_runs_in_its_test_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, connector: str, outcome: str
) -> None:
    testing = pytest.importorskip("temporalio.testing")
    from temporalio.exceptions import ApplicationError

    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    activity = defined_in("temporal.md")["run_blueprint"]
    inputs = {"FIVETRAN_CONNECTOR_ID": connector, "FIVETRAN_WAIT": "TRUE", "FIVETRAN_API_URL": sandbox.url}
    arguments = ("Fivetran - Execute Sync", inputs, ["FIVETRAN_API_KEY", "FIVETRAN_API_SECRET"])
    with contextlib.nullcontext() if outcome == "succeeded" else pytest.raises(ApplicationError) as raised:
        ended = testing.ActivityEnvironment().run(activity, *arguments)
        assert ended["outcome"] == "succeeded"
    assert raised is None or (raised.value.type, raised.value.non_retryable) == ("failed", True)
