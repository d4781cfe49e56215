"""What the README, the changelog and the page on performance show; test_docs has what is made from the catalog."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench import startup, waiting
from bench.__main__ import PAGE, shown
from shared import VERSION
from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Sandbox
from tests.processes import FIVETRAN, Stage

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
CONNECTOR = "succeeds_in_4"


def test_the_readme_is_short_and_leads_to_the_demo_and_the_tests_early() -> None:
    lines = README.splitlines()
    assert len(lines) < 150
    assert all(any(command in line for line in lines[:35]) for command in ("script/demo", "script/test"))
    assert f"@v{VERSION}" in README


@pytest.mark.slow
@pytest.mark.sockets
def test_the_example_prints_what_it_shows(sandbox: Sandbox, tmp_path: Path) -> None:
    _, call, *lines = re.search(r"```console\n(.*?)\n```", README, re.DOTALL)[1].splitlines()  # type: ignore[index]
    assert call.split()[-1] == FIVETRAN.script("trigger_sync")
    stage = Stage(sandbox, tmp_path, FIVETRAN, CONNECTOR)
    assert stage.run("update_connector", FIVETRAN_SCHEDULE_TYPE="manual").exit_code == 0
    ended = stage.run("trigger_sync", FIVETRAN_WAIT="TRUE", LOG_LEVEL="INFO", FIVETRAN_POLL_INTERVAL="")
    printed = [*ended.stderr.splitlines(), ended.stdout.strip()]
    assert [plain(line) for line in printed[:-1]] == [plain(line) for line in lines[:-1]]
    assert printed[-1].startswith(lines[-1].removesuffix("…}"))


@pytest.mark.slow
@pytest.mark.sockets
def test_the_python_example_runs(sandbox: Sandbox) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    block = block.replace('"speak_inexpensive"', f'"succeeds_in_1", "FIVETRAN_API_URL": "{sandbox.url}"')
    for secret in ("FIVETRAN_API_KEY", "FIVETRAN_API_SECRET"):
        block = block.replace(f'"{secret}": "…"', f'"{secret}": "{sandbox.environment[secret]}"')
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - it is the page's
    assert names["result"].outcome == "succeeded"


def plain(line: str) -> str:
    """Without what differs from run to run."""
    return re.sub("[0-9]+", "0", line.replace(CONNECTOR, "speak_inexpensive"))


def test_the_changelog_has_this_version() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)[:2] == ["Unreleased", VERSION]


def test_the_page_shows_the_tables_that_the_simulation_of_waits_prints() -> None:
    assert shown(PAGE.read_text(encoding="utf-8")) == waiting.report(), "python -m bench --only waiting --write"


@pytest.mark.sockets
def test_a_run_makes_three_requests_at_most_over_one_connection() -> None:
    found = {name: (len(requests), len({one.client for one in requests})) for name, _, requests in startup.measured()}
    assert all(count <= 3 and connections == 1 for count, connections in found.values()), found
    assert len(found) == 8
