"""The pages in docs/ as text: what the catalog, the errors and the code tell, joined with the hand-written parts."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from sync_blueprints.catalog import REPOSITORY, Blueprint, Input, find, load
from sync_blueprints.docs import exit_codes, troubleshooting
from sync_blueprints.export import fleet
from sync_blueprints.export.steps import SECRET, Options, Step

DOCS = REPOSITORY / "docs"
PARTS = Path(__file__).with_name("parts")
WIDTH = 120
NOTICE = "<!-- Made by `python -m sync_blueprints docs` from blueprints.yaml and sync_blueprints/docs/: change those, not this page. -->"
NOT_GIVEN = "not given"
EXAMPLE_FLEET: Mapping[str, Mapping[str, str]] = {
    "Fivetran - Update Connector": {
        "FIVETRAN_CONNECTOR_ID": "speak_inexpensive",
        "FIVETRAN_SCHEDULE_TYPE": "manual",
    },
    "Fivetran - Execute Sync": {"FIVETRAN_CONNECTOR_ID": "speak_inexpensive", "FIVETRAN_IF_RUNNING": "join"},
    "Fivetran - Check Sync Status": {},
}
FILES = {  # what a file of a trigger holds, by its name without the log id
    "sync.pickle": "All that the check needs, as one dict of plain values.",
    "starting.pickle": "The same, from just before the start is sent until its outcome is known.",
    "source_id.pickle": "The source's id, as text, if a source was run.",
    "connection_id.pickle": "The connection's id, as text, if a connection was synced.",
    "sync_id.pickle": "RudderStack's id of the sync, as text, if it gave one.",
    "force_sync.pickle": "A list of the connector's id and the time of the start (UTC).",
    "connector_id.pickle": "The connector's id, as text.",
    "execution_time.pickle": "The time of the start (UTC).",
}
OTHER_PAGES = {  # beside those of the blueprints; the ones that are there are listed, in this order
    "catalog-page.md": "choose a blueprint, fill in a form, copy the ready YAML, command or manifest",
    "rudderstack-authorization.md": "make an access token, find the ids, try it",
    "fivetran-authorization.md": "make an API key, find the connector's id, try it",
    "nango-authorization.md": "make an API key, find the integration's id, try it",
    "platform.md": "upload the blueprints to the platform, by hand or with one command, and build a fleet",
    "local-runs.md": "run blueprints and whole fleets on a machine of your own, with the guardrails",
    "engines/docker.md": "run them in a container",
    "engines/github-actions.md": "run them as a step of GitHub Actions",
    "engines/gitlab-ci.md": "run them as a job of GitLab CI",
    "engines/kubernetes.md": "run them as a Kubernetes Job or CronJob",
    "engines/argo.md": "run them as an Argo Workflow",
    "engines/airflow.md": "run them as an Airflow DAG",
    "performance.md": "what a run costs, and how soon the end of a sync is seen",
    "../SECURITY.md": "what is promised about secrets, files and faults, and how it is tested",
    "../README.md": "the project's front page, with all variables in one table per vendor",
    "../CHANGELOG.md": "what changed from version to version",
}


def pages() -> dict[str, str]:
    """All pages that are made, by their names in docs/."""
    blueprints = load()
    made = {page_name(blueprint): blueprint_page(blueprint, blueprints) for blueprint in blueprints}
    made["platform.md"] = platform_page(blueprints)
    return {"README.md": overview(blueprints, made), **made}


def page_name(blueprint: Blueprint) -> str:
    """`Fivetran - Execute Sync` is on `fivetran-execute-sync.md`."""
    return re.sub(r"[^a-z0-9]+", "-", blueprint.name.lower()) + ".md"


def blueprint_page(blueprint: Blueprint, blueprints: Sequence[Blueprint]) -> str:
    part = (PARTS / page_name(blueprint)).read_text(encoding="utf-8").strip()
    others = [one for one in blueprints if one is not blueprint]
    sections = [
        f"# {blueprint.name}",
        NOTICE,
        blueprint.synopsis,
        "## Overview",
        *(wrapped(linked(paragraph, others)) for paragraph in blueprint.description.split("\n") if paragraph.strip()),
        wrapped(
            f"[Credentials and ids]({blueprint.vendor.lower()}-authorization.md): which ones are needed, how they are "
            "made and where they are found. [All pages](README.md)."
        ),
        "## Recommended set-up",
        part,
        "## Variables",
        variables(blueprint.inputs),
        wrapped(
            "Every value arrives as text. Blanks around it are cut; an empty value and the text `None` count as not "
            "given. Booleans are `TRUE` or `FALSE`, and an option is taken in any case. Passwords belong in a "
            "credential of the platform or a secret of your engine, never in a file or on a command line."
        ),
        "## YAML",
        wrapped(
            "The template for the platform's YAML editor, with the guardrails of this blueprint. An input that stays "
            "`null` is not given."
        ),
        f"```yaml\n{yaml_template(blueprint)}```",
        "## Exit codes",
        wrapped(
            "A code answers one question: will a retry help? The last line of the log and the JSON on stdout say which "
            "code it was, the outcome in a word, and a message for you."
        ),
        exit_code_table(blueprint),
        wrapped(retried(blueprint)),
        "## Files",
        files(blueprint, blueprints),
        "## Troubleshooting",
        "Search for words of your message. `…` stands for an id, a time or the vendor's own words.",
        troubleshooting_table(blueprint),
    ]
    return "\n\n".join(sections) + "\n"


def overview(blueprints: Sequence[Blueprint], made: Iterable[str]) -> str:
    listed = [[f"[{one.name}]({page_name(one)})", one.synopsis] for one in blueprints]
    others = [[str(one.code), one.meaning, one.what_to_do] for one in exit_codes.others().values()]
    return filled(
        "README.md",
        {
            "blueprints": table(["Page", "What it does"], listed),
            "other pages": table(["Page", "What it is for"], other_pages(made)),
            "other exit codes": table(["Code", "What it means", "What to do"], others),
        },
    )


def platform_page(blueprints: Sequence[Blueprint]) -> str:
    chain = [find(name, blueprints) for name in EXAMPLE_FLEET]
    steps = [Step(one, EXAMPLE_FLEET[one.name]) for one in chain]
    listed = [[f"[{one.name}]({page_name(one)})", f"`{one.file_to_run}`"] for one in blueprints]
    return filled(
        "platform.md",
        {
            "files to run": table(["Blueprint", "File To Run"], listed),
            "fleet": f"```yaml\n{fleet.render(steps, Options('Fivetran to warehouse'))}```",
        },
    )


def filled(name: str, marks: Mapping[str, str]) -> str:
    """A hand-written page with each `<!-- mark -->` replaced."""
    text = (PARTS / name).read_text(encoding="utf-8")
    for mark, words in marks.items():
        before, found, after = text.partition(f"<!-- {mark} -->")
        if not found:
            raise ValueError(f"{name} has no place for its {mark}: <!-- {mark} -->")
        text = before + words + after
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{NOTICE}\n{rest}"


def other_pages(made: Iterable[str]) -> list[list[str]]:
    """The pages beside the blueprints' that are there: those of OTHER_PAGES, then any further one."""
    known = {"README.md", *made, *OTHER_PAGES}
    further = sorted(
        name for name in (path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")) if name not in known
    )
    return [
        [f"[{_title(DOCS / name)}]({name})", OTHER_PAGES.get(name, "")]
        for name in [*OTHER_PAGES, *further]
        if (DOCS / name).is_file()
    ]


def variables(inputs: Sequence[Input]) -> str:
    rows = [
        [
            one.display_name,
            f"`{one.reference}`",
            one.type + (" (multi-line)" if one.multiline else ""),
            "yes" if one.required else "no",
            "-" if one.default is None else f"`{one.default}`",
            ", ".join(f"`{option}`" for option in one.options) or "-",
            one.description,
        ]
        for one in inputs
    ]
    return table(["Name", "Reference", "Type", "Required", "Default", "Options", "Description"], rows)


def yaml_template(blueprint: Blueprint) -> str:
    """A vessel of the platform with every input of the blueprint: its default, or null."""
    given = {one.reference: NOT_GIVEN if one.default is None else one.default for one in blueprint.inputs}
    text = "\n".join(fleet.vessel(Step(blueprint, given))) + "\n"
    for one in blueprint.inputs:
        remark = ("  # required" if one.required else "") + (", by a credential" if one.type == SECRET else "")
        text = text.replace(f'{one.reference}: "{NOT_GIVEN}"', f"{one.reference}: null{remark}")
    return text


def exit_code_table(blueprint: Blueprint) -> str:
    kind = exit_codes.kind_of(blueprint)
    known = exit_codes.load()
    rows = []
    for one in known.values():
        if one.code in blueprint.exit_codes:
            meaning, what_to_do = exit_codes.of(one, blueprint)
            outcomes = exit_codes.SUCCESSES[kind] if one.code == 0 else one.outcomes
            words = ", ".join(f"`{word}`" for word in outcomes)
            rows.append([str(one.code), words, meaning, exit_codes.again(one, kind) or "-", what_to_do])
    return table(["Code", "Outcome", "What it means", "Will a retry help?", "What to do"], rows)


def retried(blueprint: Blueprint) -> str:
    """After which codes the guardrails of the catalog try again."""
    rails = blueprint.guardrails
    codes = [str(code) for code in exit_codes.load() if code in blueprint.exit_codes and rails.try_again_on(code)]
    times = "once" if rails.retry_count == 1 else f"up to {rails.retry_count} times"
    wait = f"{rails.retry_wait / 60:g} minutes later" if rails.retry_wait else "without a pause"
    return (
        f"The guardrails above try again {times}, {wait}, after {', '.join(codes[:-1])} and {codes[-1]}. A run that "
        f"takes longer than {_hours(rails.runtime_cutoff)} is ended with 143. Codes that no blueprint ends with are in "
        "the [overview](README.md#other-exit-codes)."
    )


def files(blueprint: Blueprint, blueprints: Sequence[Blueprint]) -> str:
    kind = exit_codes.kind_of(blueprint)
    written = [PurePosixPath(name) for name in blueprint.files_written]
    handed = [path for path in written if path.parent.name == "variables"]
    kept = [path for path in written if path.parent.name == "responses"]
    read: list[PurePosixPath] = []
    if kind == "check":
        (trigger,) = (
            one for one in blueprints if one.vendor == blueprint.vendor and exit_codes.kind_of(one) == "trigger"
        )
        read = [PurePosixPath(name) for name in trigger.files_written if "/variables/" in name]
    if not written:
        return "None is written or read."
    parts = [
        wrapped(
            "They lie in the artifacts folder, which `SHIPYARD_ARTIFACTS_DIRECTORY` names: by default "
            "`shipyard-artifacts` in the folder that the blueprint was started in. All vessels of a fleet share it."
        )
    ]
    if handed:
        parts += ["Handed over to the check, once the start was accepted:", _file_table(handed)]
    if read:
        parts += [
            wrapped(
                "Read, if they are there: first those with a log id of the vessels directly before this one, then "
                "those without:"
            ),
            _file_table(read),
        ]
    if handed or read:
        parts.append(
            wrapped(
                "`{log_id_}` is the log id of the trigger's vessel (`SHIPYARD_LOG_ID`) and an underscore; each such "
                "file is also written under its name without it. The files are Python pickles, of which only plain "
                "values are ever read. A check that finds a `starting.pickle` but not its sync knows "
                "that the trigger was killed half-way (exit 221)."
            )
        )
    if kept:
        names = " and ".join(f"`{path}`" for path in kept)
        parts.append(
            wrapped(
                f"Kept for you, also when the run ends badly: {blueprint.vendor}'s last answer as JSON, in {names}."
            )
        )
    return "\n\n".join(parts)


def troubleshooting_table(blueprint: Blueprint) -> str:
    rows = [
        [f"`{one.message}`", ", ".join(map(str, one.codes)) or "-", one.cause, one.cure]
        for one in troubleshooting.of(blueprint)
    ]
    return table(["Message", "Exit code", "What happened", "What to do"], rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines)


def wrapped(text: str) -> str:
    """A paragraph in lines; a dash stays at the end of one, because at the beginning it would make a list."""
    glued = " ".join(text.split()).replace(" - ", "\0- ")
    lines = textwrap.fill(glued, WIDTH, break_on_hyphens=False, break_long_words=False)
    return lines.replace("\0", " ")


def linked(text: str, blueprints: Iterable[Blueprint]) -> str:
    """The text with the first mention of each of the blueprints, by its full name, made a link to its page."""
    for one in blueprints:
        text = re.sub(f'"?{re.escape(one.name)}"?', f"[{one.name}]({page_name(one)})", text, count=1)
    return text


def _file_table(paths: Sequence[PurePosixPath]) -> str:
    """The files, each once: a name that is also written with the log id is told with it alone."""
    names = {path.name for path in paths}
    rows = [
        [f"`{path}`", FILES[path.name.replace("{log_id_}", "")]]
        for path in paths
        if "{log_id_}" + path.name not in names
    ]
    return table(["File", "What it holds"], rows)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:g} hours" if seconds >= 3600 else f"{seconds / 60:g} minutes"


def _title(page: Path) -> str:
    found = re.search(r"^# (.+)$|<title>(.+?)</title>", page.read_text(encoding="utf-8"), re.MULTILINE)
    return (found[1] or found[2]) if found else page.name
