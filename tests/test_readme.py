"""The README: short, and its example does what it shows. (Its tables are made from the catalog, see test_docs.)"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

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
def test_the_example_prints_what_it_shows(tmp_path: Path) -> None:
    _, call, *shown = re.search(r"```console\n(.*?)\n```", README, re.DOTALL)[1].splitlines()  # type: ignore[index]
    assert call.split()[-1] == FIVETRAN.script("trigger_sync")
    with Sandbox() as sandbox:
        stage = Stage(sandbox, tmp_path, FIVETRAN, CONNECTOR)
        assert stage.run("update_connector", FIVETRAN_SCHEDULE_TYPE="manual").exit_code == 0
        ended = stage.run("trigger_sync", FIVETRAN_WAIT="TRUE", LOG_LEVEL="INFO", FIVETRAN_POLL_INTERVAL="")
    printed = [*ended.stderr.splitlines(), ended.stdout.strip()]
    assert [plain(line) for line in printed[:-1]] == [plain(line) for line in shown[:-1]]
    assert printed[-1].startswith(shown[-1].removesuffix("…}"))


@pytest.mark.slow
@pytest.mark.sockets
def test_the_python_example_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    with Sandbox() as sandbox:
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
