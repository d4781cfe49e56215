"""The catalog page, docs/index.html: one file with a form for each blueprint and the texts to copy from it.

The parts beside this file are put into one another as they are: there is no build step, and no other file.
"""

from __future__ import annotations

import base64
import hashlib
import html
import importlib
import inspect
import json
import re
from pathlib import Path
from string import Template

from shared import inputs, strict_json
from shared.inputs import Specification, specifications
from sync_blueprints import export
from sync_blueprints.catalog import Blueprint, load
from sync_blueprints.docs import exit_codes

HERE = Path(__file__).parent
LABELS = {
    "platform": "Fleet YAML",
    "docker": "Docker",
    "github": "GitHub Actions",
    "kubernetes": "Kubernetes",
    "argo": "Argo",
    "airflow": "Airflow",
}
GENERAL = {"vendor": "the vendor", "VENDOR": "<VENDOR>"}  # in the table, which is about no vendor


def render() -> str:
    """The page as HTML, the same from the same catalog."""
    blueprints = load()
    style, script = (HERE / "style.css").read_text("utf-8"), (HERE / "script.js").read_text("utf-8")
    vendors = list(dict.fromkeys(one.vendor for one in blueprints))
    csp = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template((HERE / "template.html").read_text("utf-8")).substitute(
        csp=csp,
        style=style,
        script=script,
        data=_in_script(json.dumps(_data(blueprints), ensure_ascii=False, separators=(",", ":"))),
        vendors=f"{', '.join(vendors[:-1])} and {vendors[-1]}",
        filters="\n      ".join(
            f'<label><input type="radio" name="vendor" value="{_text(one)}"> {_text(one)}</label>' for one in vendors
        ),
        list="\n".join(_group(vendor, [one for one in blueprints if one.vendor == vendor]) for vendor in vendors),
        first=page_of(blueprints[0]),
        codes="\n".join(_row(one) for _, one in sorted({**exit_codes.load(), **exit_codes.others()}.items())),
    )


def slug(blueprint: Blueprint) -> str:
    return export.steps.slug(blueprint.name)


def page_of(blueprint: Blueprint) -> str:
    """The blueprint's page, beside this one."""
    return f"{slug(blueprint)}.md"


def _data(blueprints: list[Blueprint]) -> dict[str, object]:
    outside = exit_codes.others()
    codes = {**exit_codes.load(), **outside}
    return {
        "blueprints": [_blueprint(one) for one in blueprints],
        "engines": [{"id": name, "label": LABELS.get(name, name)} for name in export.ENGINES],
        "limits": {
            "PREDEFINED_GROUP": inputs.PREDEFINED_GROUP,
            "LONGEST_IDENTIFIER": inputs.LONGEST_IDENTIFIER,
            "MOST_DEPTH": strict_json.MOST_DEPTH,
            "MOST_DIGITS": strict_json.MOST_DIGITS,
        },
        "codes": {
            code: {
                "meaning": one.meaning,
                "what_to_do": one.what_to_do,
                "by_kind": one.by_kind,
                "retry": one.retry,
                "outcomes": one.outcomes,
                "outside": code in outside,
            }
            for code, one in codes.items()
        },
    }


def _blueprint(one: Blueprint) -> dict[str, object]:
    module = importlib.import_module(one.file_to_run[: -len(".py")].replace("/", "."))
    declared = {spec.variable: spec for spec in specifications(module.Inputs).values()}
    order = sorted(one.inputs, key=lambda given: not given.required)
    return {
        "slug": slug(one),
        "name": one.name,
        "vendor": one.vendor,
        "kind": exit_codes.kind_of(one),
        "script": one.file_to_run,
        "page": page_of(one),
        "authorization": f"{one.vendor.lower()}-authorization.md",
        "synopsis": one.synopsis,
        "description": one.description,
        "exit_codes": one.exit_codes,
        "templates": {name: export.template(name, one) for name in export.ENGINES},
        "inputs": [
            {
                "name": given.reference,
                "label": given.display_name,
                "type": given.type,
                "required": given.required,
                "default": given.default,
                "multiline": given.multiline,
                "about": given.description,
                **rule(declared[given.reference]),
            }
            for given in order
        ],
    }


def rule(spec: Specification) -> dict[str, object]:
    """What a declaration checks: the function that made its parser, and the plain values which that goes by.

    A run has no use for these, so that it is not made to carry them: they are read from the parser itself.
    """
    found = inspect.getclosurevars(spec.parse)
    values = {**found.globals, **found.nonlocals}
    plain = {name: value for name, value in values.items() if isinstance(value, (str, int, tuple))}
    return {"rule": spec.parse.__qualname__.split(".")[0], "limits": plain}


def _group(vendor: str, blueprints: list[Blueprint]) -> str:
    items = "\n".join(
        f'<li data-slug="{slug(one)}"><a href="{page_of(one)}">{_text(one.name.partition(" - ")[2])}</a>'
        f"<p>{_text(one.synopsis)}</p></li>"
        for one in blueprints
    )
    return f"<section><h2>{_text(vendor)}</h2>\n<ul>\n{items}\n</ul></section>"


def _row(one: exit_codes.ExitCode) -> str:
    meaning = re.sub("`([^`]+)`", r"<code>\1</code>", _text(one.meaning.format(**GENERAL)))
    cells = f"<td>{meaning}</td><td>{_text(one.retry)}</td>"
    return f'<tr><th scope="row">{one.code}</th>{cells}</tr>'


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _in_script(text: str) -> str:
    r"""JSON that cannot end the script element it stands in: `<` occurs in texts alone, where \u003c means the same."""
    return text.replace("<", "\\u003c")


def _text(text: str) -> str:
    return html.escape(text)
