"""The pages that are made from the catalog, the exit codes and the templates beside this file."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import jinja2

from sync_blueprints import exit_codes
from sync_blueprints.catalog import REPOSITORY, VENDORS, Blueprint, format_duration, load, version
from sync_blueprints.docs import troubleshooting
from sync_blueprints.export.steps import listed, slug
from sync_blueprints.templates import environment

TEMPLATES = Path(__file__).with_name("templates")
NOTICE = "<!-- Made by `sync-blueprints docs` from blueprints.yaml and sync_blueprints/docs/; edit those, not this. -->"
MADE = {  # pages and their templates, besides those of the blueprints
    "README.md": "front.md",
    "docs/README.md": "overview.md",
    "docs/exit-codes.md": "exit-codes.md",
    "docs/platform.md": "platform.md",
}
EXAMPLES = {  # values for the commands on the pages
    "RUDDERSTACK_CONNECTION_ID": "2a1bC3dE4fG5hI6jK7lM8nO9pQ0",
    "FIVETRAN_CONNECTOR_ID": "speak_inexpensive",
    "NANGO_PROVIDER_CONFIG_KEY": "salesforce",
}


def pages() -> dict[str, str]:
    """All pages that are made, by their paths in the repository."""
    blueprints = load()
    templates = _templates(blueprints)
    made = {path: templates.get_template(name).render() for path, name in MADE.items()}
    copied = {f"docs/{name.lower()}": _copied(name) for name in ("SECURITY.md", "CHANGELOG.md")}
    template = templates.get_template("blueprint.md")
    own = {f"docs/{page_name(one)}": template.render(**_of(one, blueprints)) for one in blueprints}
    return {**made, **copied, **own}


def page_name(blueprint: Blueprint) -> str:
    """`Fivetran - Execute Sync` is on `fivetran-execute-sync.md`."""
    return f"{slug(blueprint.name)}.md"


def _templates(blueprints: Sequence[Blueprint]) -> jinja2.Environment:
    filters: dict[str, Callable[..., Any]] = {
        "cell": _cell,
        "code": _code,
        "duration": format_duration,
        "general": exit_codes.general,
        "json": json.dumps,
        "listed": listed,
        "page": page_name,
        "wrap": _wrap,
    }
    made = environment(TEMPLATES, filters)
    made.globals.update(
        blueprints=blueprints,
        by_name={one.name: one for one in blueprints},
        codes=list(exit_codes.load().values()),
        others=list(exit_codes.others().values()),
        again=exit_codes.again,
        notice=NOTICE,
        version=version(),
        vendors=VENDORS,
    )
    return made


def _of(blueprint: Blueprint, blueprints: Sequence[Blueprint]) -> dict[str, object]:
    """What the template of a blueprint's page shows."""
    kind = exit_codes.kind_of(blueprint)
    first, *others = [text.strip() for text in blueprint.description.split("\n") if text.strip()]
    triggers = [one for one in blueprints if one.vendor == blueprint.vendor and exit_codes.kind_of(one) == "trigger"]
    read = [name for one in triggers for name in one.files_written if "/variables/" in name] if kind == "check" else []
    codes = [one for one in exit_codes.load().values() if one.code in blueprint.exit_codes]
    rails = blueprint.guardrails
    return {
        "blueprint": blueprint,
        "kind": kind,
        "what_it_does": _linked(first, blueprint, blueprints),
        "good_to_know": [_linked(text, blueprint, blueprints) for text in others],
        "setup": (TEMPLATES / "setup" / page_name(blueprint)).read_text(encoding="utf-8").strip(),
        "examples": {one.reference: EXAMPLES[one.reference] for one in blueprint.inputs if one.reference in EXAMPLES},
        "before": triggers[0].name if kind == "check" else None,
        "codes": [(one, exit_codes.outcomes(one, blueprint), *exit_codes.of(one, blueprint)) for one in codes],
        "retried": [202] if kind == "trigger" else sorted(filter(rails.try_again_on, blueprint.exit_codes)),
        "only_with_wait": exit_codes.ONLY_WITH_WAIT if kind == "trigger" else (),
        "read": {name: path for name, path in _handoffs(read).items() if name != "starting.pickle"},
        "written": _handoffs(blueprint.files_written),
        "kept": [name for name in blueprint.files_written if "/responses/" in name],
        "troubles": troubleshooting.of(blueprint),
    }


def _handoffs(paths: Sequence[str]) -> dict[str, str]:
    """The files in variables/ by name, each once: with {log_id_} in its path where it has one, which comes first."""
    found: dict[str, str] = {}
    for path in paths:
        if "/variables/" in path:
            found.setdefault(path.rpartition("/")[2].replace("{log_id_}", ""), path)
    return found


def _copied(name: str) -> str:
    """A file of the repository's root as a page of the site: its links lead from docs/."""
    text = (REPOSITORY / name).read_text(encoding="utf-8").replace("](docs/", "](")
    text = re.sub(r"^## \[(.+?)\]", r"## \1", text, flags=re.MULTILINE)
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{NOTICE}\n{rest}"


def _linked(text: str, blueprint: Blueprint, blueprints: Sequence[Blueprint]) -> str:
    """The text with the names of other blueprints as links to their pages."""
    for one in blueprints:
        if one is not blueprint:
            text = text.replace(f'"{one.name}"', f"[{one.name}]({page_name(one)})")
    return text


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _wrap(text: str) -> str:
    """A paragraph in lines; no line begins with a dash, which would make a list."""
    glued = " ".join(text.split()).replace(" - ", "\0- ")
    return textwrap.fill(glued, 120, break_on_hyphens=False, break_long_words=False).replace("\0", " ")
