"""`sync-blueprints docs`: the pages that are made from the catalog, and the site with all pages."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sync_blueprints import catalog_page
from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.docs import pages

PAGE = "docs/catalog.html"
SITE = REPOSITORY / "site"


def main(argv: Sequence[str]) -> int:
    """The command; returns 1 if a page is stale (--check) or the site has dead links, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog="sync-blueprints docs", description="Write the generated pages.")
    parser.add_argument("--check", action="store_true", help="write nothing, and exit 1 if a page would change")
    parser.add_argument("--site", action="store_true", help="then build the site in site/; exit 1 on any warning")
    given = parser.parse_args(argv)
    if not (REPOSITORY / "mkdocs.yml").is_file():
        parser.exit(2, "sync-blueprints docs: the pages exist only in a clone of the repository\n")
    stale = {name: text for name, text in made().items() if _written(REPOSITORY / name) != text}
    for name, text in stale.items():
        if not given.check:
            (REPOSITORY / name).write_bytes(text.encode())
        print(f"{name} {'is stale: run sync-blueprints docs' if given.check else 'was written'}")
    if given.check and stale:
        return 1
    return build() if given.site else 0


def made() -> dict[str, str]:
    """Everything that is made, by its path in the repository."""
    return {**pages.pages(), PAGE: catalog_page.render()}


def build() -> int:
    """Build the site from mkdocs.yml; a dead link ends it with 1."""
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    exit_code = subprocess.run(command, cwd=REPOSITORY, check=False).returncode
    if exit_code == 0:
        shutil.copytree(REPOSITORY / "examples", SITE / "examples", dirs_exist_ok=True)
        for page in SITE.rglob("*.html"):
            page.write_text(_within_the_site(page), encoding="utf-8")
    return exit_code


def _within_the_site(page: Path) -> str:
    """A page of the site with links into it: the catalog page names the sources of pages, others files beside docs/."""
    text = page.read_text(encoding="utf-8")
    if page == SITE / "catalog.html":
        return re.sub(r'href="([^"#:]*)\.md"', r'href="\1/"', text).replace('href="README/"', 'href="./"')
    up = "../" * (len(page.relative_to(SITE).parts) - 1)
    return text.replace(f'href="../{up}', f'href="{up}') if up else text


def _written(page: Path) -> str | None:
    return page.read_text(encoding="utf-8") if page.is_file() else None
