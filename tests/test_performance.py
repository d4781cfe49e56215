"""What the page on performance says and can be checked without a clock: simulated waits, and numbers of requests."""

from __future__ import annotations

import sys

import pytest

from bench import startup, waiting
from bench.__main__ import PAGE, marked, put
from sync_blueprints.sandbox import Sandbox


def test_the_page_shows_the_tables_that_the_simulation_of_waits_prints():
    assert marked(PAGE.read_text(encoding="utf-8"), "waiting") == waiting.report(), (
        "python -m bench --only waiting --write"
    )


def test_a_table_goes_between_its_marks_and_nowhere_else():
    page = "before\n<!-- one -->\nold\n<!-- end -->\n<!-- two -->\nother\n<!-- end -->\n"
    assert put(page, "one", r"new \1" + "\n") == page.replace("old", r"new \1")
    assert marked(page, "two") == "other\n"
    assert marked(page, "three") is None


@pytest.mark.sockets
def test_a_run_makes_three_requests_at_most_over_one_connection(tmp_path):
    with Sandbox() as sandbox:
        found = {
            name: (len(requests), len({one.client for one in requests}))
            for name, _, requests in startup.measured(sandbox, tmp_path, sys.executable)
        }
    assert all(count <= 3 and connections == 1 for count, connections in found.values()), found
    assert len(found) == 8
