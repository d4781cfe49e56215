"""The catalog page, docs/catalog.html: one file with a form for each blueprint and the texts to copy from it."""

from __future__ import annotations

import base64
import hashlib
import importlib
import inspect
import json
import re
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape

from shared import inputs, values
from sync_blueprints import exit_codes, export
from sync_blueprints.catalog import VENDORS, Blueprint, Input, load
from sync_blueprints.catalog_page.snippets import RETRIES, SCHEDULES, Selection, Texts, selections
from sync_blueprints.docs.pages import page_name
from sync_blueprints.sandbox import APIS
from sync_blueprints.templates import environment

HERE = Path(__file__).parent
SANDBOX_URL = "http://127.0.0.1:8642"
SANDBOX_ID = "succeeds_in_5"


def render() -> str:
    """The page as HTML, the same from the same catalog."""
    blueprints = load()
    style, script = (HERE / "style.css").read_text("utf-8"), (HERE / "script.js").read_text("utf-8")
    offered = selections(blueprints)
    template = environment(HERE, {"code": _code}, html=True).get_template("template.html")
    return template.render(
        csp=f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        style=Markup(style),  # noqa: S704 - these are our own files
        script=Markup(script),  # noqa: S704
        data=Markup(json.dumps(_data(offered), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")),  # noqa: S704
        vendors=VENDORS,
        blueprints=blueprints,
        page_of=page_name,
        selections=[_shown(one) for one in offered],
        codes=[*exit_codes.load().values(), *exit_codes.others().values()],
        general=exit_codes.general,
        orchestrators=[(name, one.label) for name, one in export.ORCHESTRATORS.items()],
        schedules=SCHEDULES,
        retries=RETRIES,
        image=export.Options().image,
    )


def _shown(selection: Selection) -> dict[str, object]:
    """What the template shows of a selection: its texts, and its fields with the steps that take them."""
    first = selection.blueprints[0]
    taken = [selection.inputs(place) for place in range(len(selection.blueprints))]
    known = {
        one.reference: (one, blueprint) for blueprint in reversed(selection.blueprints) for one in blueprint.inputs
    }
    names = dict.fromkeys(name for step in taken for name in step)
    return {
        "id": selection.id,
        "title": " + ".join(one.name.partition(" - ")[2] for one in selection.blueprints),
        "names": [one.name for one in selection.blueprints],
        "vendor": first.vendor,
        "blueprints": selection.blueprints,
        "synopsis": first.synopsis if len(taken) == 1 else f"{first.synopsis[:-1]}, and check whether it succeeded.",
        "search": " ".join([*(f"{one.name} {one.synopsis}" for one in selection.blueprints), *names]).lower(),
        "fields": [
            {
                "input": known[name][0],
                "attributes": attributes(*known[name]),
                "steps": "".join(str(place) for place, step in enumerate(taken) if name in step),
                "example": _sandbox_value(first.vendor, name),
            }
            for name in names
        ],
    }


def attributes(one: Input, blueprint: Blueprint) -> dict[str, object]:
    """What a browser checks of an input, from the script's own declaration."""
    module = importlib.import_module(blueprint.module)
    declared = {field.variable: field for field in inputs.fields(module.Inputs).values()}[one.reference]
    rules = inspect.getclosurevars(declared.parse)
    found = {name: value for name, value in rules.nonlocals.items() if name in ("min", "max", "pattern")}
    if "pattern" in found:
        found = {"pattern": _for_browsers(str(found["pattern"])), "maxlength": values.MAX_IDENTIFIER}
    if one.type == "Integer":
        found |= {"type": "number"}
    elif one.reference.endswith("_API_URL"):
        found |= {"type": "url", "pattern": "https?://.+"}
    return {**found, **({"required": ""} if one.required else {})}


def _for_browsers(pattern: str) -> str:
    """The pattern as HTML reads it, with the flag v: in a class more has to be escaped, and a quote must not be."""

    def escaped(found: re.Match[str]) -> str:
        inside = re.sub(r"(\\[^\"'])|\\([\"'])|([(){}/|])", lambda one: one[1] or one[2] or f"\\{one[3]}", found[1])
        return "[" + re.sub("-$", r"\\-", inside) + "]"

    return re.sub(r"\[((?:\\.|[^]\\])+)\]", escaped, pattern)


def _sandbox_value(vendor: str, name: str) -> str:
    api = APIS.get(vendor)
    known = {api.id_variable: SANDBOX_ID, f"{vendor.upper()}_API_URL": SANDBOX_URL, **api.more} if api else {}
    return known.get(name, "")


def _data(offered: Sequence[Selection]) -> dict[str, object]:
    """What the script fills in: the exports as templates, and what to do about every exit code."""
    texts = Texts()
    templates = {one.id: {name: texts.template(name, one) for name in export.ORCHESTRATORS} for one in offered}
    return {
        "templates": templates,
        "lines": list(texts.lines),
        "sets": list(texts.sets),
        "keys": list(texts.keys),
        "selections": {
            one.id: {"names": [each.name for each in one.blueprints], "wait": one.wait, "name": one.name}
            for one in offered
        },
        "orchestrators": {
            name: {
                "options": [*one.options, *(["retries"] if "retry_count" in one.guardrails else [])],
                "quoting": one.quoting,
                "escapes": one.escapes,
                "refused": one.refused,
            }
            for name, one in export.ORCHESTRATORS.items()
        },
        "answers": {one.name: _answers(one) for one in load()},
    }


def _answers(blueprint: Blueprint) -> dict[int, list[str]]:
    """By exit code: what it means, what to do, and whether a retry would help."""
    kind = exit_codes.kind_of(blueprint)
    own = {code: one for code, one in exit_codes.load().items() if code in blueprint.exit_codes}
    codes = {**own, **exit_codes.others()}
    return {code: [*exit_codes.of(one, blueprint), exit_codes.again(one, kind)] for code, one in codes.items()}


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _code(text: str) -> Markup:
    """Text with `words in backquotes` as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - it is escaped
