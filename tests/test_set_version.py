"""script/set-version: every place that repeats the version gets the new one, or none does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared import VERSION
from sync_blueprints.catalog import REPOSITORY

NEW = "12.34.56"
ONCE = ("CHANGELOG.md", "shared/__init__.py", "blueprints.yaml", "Dockerfile")
EXAMPLES = ("docs/orchestrators", "examples/orchestrators")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the files that name the version, with a piece of news in the changelog."""
    for name in EXAMPLES:
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    for name in ONCE:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(REPOSITORY / name, tmp_path / name)
    changelog = (tmp_path / "CHANGELOG.md").read_text("utf-8")
    news = changelog.replace("## [Unreleased]\n", "## [Unreleased]\n\n- News.\n", 1)
    (tmp_path / "CHANGELOG.md").write_text(news, encoding="utf-8")
    return tmp_path


def set_version(project: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, str(REPOSITORY / "script" / "set-version"), *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def contents(project: Path) -> dict[str, str]:
    return {
        path.relative_to(project).as_posix(): path.read_text("utf-8") for path in project.rglob("*") if path.is_file()
    }


def test_every_place_gets_the_new_version_and_the_changelog_its_date(project: Path) -> None:
    before = contents(project)
    assert set_version(project, NEW) == (0, "")
    after = contents(project)
    changed = {name for name in after if after[name] != before[name]}
    assert {name for name in changed if not name.startswith(EXAMPLES)} == set(ONCE)
    for name in changed - {"CHANGELOG.md"}:
        assert after[name] == before[name].replace(VERSION, NEW), name
        assert name not in ONCE or after[name].count(NEW) == 1, name
    assert re.search(
        rf"^## \[Unreleased\]\n\n## \[{NEW}\] - \d{{4}}-\d\d-\d\d\n\n- News\.", after["CHANGELOG.md"], re.M
    )
    texts = "".join(text for name, text in after.items() if name.startswith(EXAMPLES))
    assert set(re.findall(r"sync-blueprints:([\d.]+\d)", texts)) == {NEW}


def assert_refused(project: Path, says: str, *arguments: str) -> None:
    before = contents(project)
    code, said = set_version(project, *arguments)
    assert (code, says in said) == (1, True), said
    assert contents(project) == before


@pytest.mark.parametrize("times", [0, 2])
@pytest.mark.parametrize("name", ONCE[1:])
def test_nothing_is_changed_if_a_place_has_no_version_or_two(project: Path, name: str, times: int) -> None:
    text = (project / name).read_text("utf-8")
    (line,) = re.findall(rf"^.*{re.escape(VERSION)}.*\n", text, re.MULTILINE)
    (project / name).write_text(text.replace(line, line * times), encoding="utf-8")
    assert_refused(project, name, NEW)


def test_nothing_is_changed_if_there_is_no_news(project: Path) -> None:
    text = f"# Changelog\n\n## [Unreleased]\n\n## [{VERSION}] - 2026-11-29\n\n- Old.\n"
    (project / "CHANGELOG.md").write_text(text, encoding="utf-8")
    assert_refused(project, "CHANGELOG.md", NEW)


@pytest.mark.parametrize("arguments", [(), ("1.2",), ("v1.2.3",), ("1.2.3", "4")])
def test_what_is_no_version_is_refused(project: Path, arguments: tuple[str, ...]) -> None:
    assert_refused(project, "usage: ", *arguments)
