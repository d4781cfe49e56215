"""Messages that people search for, what happened and what to do: the files in troubleshooting/, read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sync_blueprints.catalog import Blueprint
from sync_blueprints.exit_codes import SUCCESSES, kind_of

FOLDER = Path(__file__).with_name("troubleshooting")


def load(name: str) -> list[dict[str, Any]]:
    """The messages of a vendor alone, or of `all`; `…` in one stands for what differs from run to run."""
    raw = yaml.safe_load((FOLDER / f"{name.lower()}.yaml").read_text(encoding="utf-8"))
    return [{"kinds": tuple(SUCCESSES), **one, "message": one["message"].format()} for one in raw]


def of(blueprint: Blueprint) -> list[dict[str, Any]]:
    """What concerns one blueprint: its own codes only, and its vendor's name in place of {vendor} and {VENDOR}."""
    vendor = blueprint.vendor
    names = {"vendor": vendor, "VENDOR": vendor.upper(), "page": f"{vendor.lower()}-authorization.md"}
    return [
        {
            "message": one["message"],
            "codes": [code for code in one["codes"] if code in blueprint.exit_codes],
            "cause": one["cause"].format(**names),
            "cure": one["cure"].format(**names),
        }
        for one in [*load("all"), *load(vendor)]
        if kind_of(blueprint) in one["kinds"]
    ]
