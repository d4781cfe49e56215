"""Acme's scripts on the wire."""

from __future__ import annotations

from dataclasses import dataclass

from tests.wire import Scripts, fixture_of

KEY = {"ACME_API_KEY": "the-key"}


@dataclass
class Acme(Scripts):
    """What is expected of Acme's scripts, and the scripts themselves."""

    name = "acme"
    home = "https://api.acme.example"
    credentials = KEY
    of = {**KEY, "ACME_JOB_ID": "job-7"}  # noqa: RUF012
    start_path = "/runs"


acme = fixture_of(Acme)
