"""python -m tools publish: the blueprints of the catalogue created, or updated, in an organization of the platform.

The API is as the platform's documentation describes it (2024); it has never been tried with an account.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared import inputs
from shared.errors import InvalidInputError
from shared.http import NOT_JSON, Answer, Wire, WireError
from shared.masking import Mask
from tools.bundle import BundleError, bundles_of, sources, uncommitted
from tools.catalogue import REPOSITORY, Blueprint, CatalogueError, Guardrails, Input, find, load

API_URL = "https://api.app.shipyardapp.com"
TYPES = {  # the platform's number 8 is a file, which no input of the catalogue is
    "Alphanumeric": 1,
    "Integer": 2,
    "Floating Point": 3,
    "Boolean": 4,
    "Date": 5,
    "Select": 6,
    "Password": 7,
}
ENABLED = 3
PYTHON = 2
PYTHON_VERSION = "3.9"  # the newest that the platform has
LONGEST_RUNTIME = 3600  # seconds: its form takes 4 h, its API only this
READ_TIMEOUT = 120  # seconds
UNCHANGED = "no blueprint was created or changed"
DRY_RUN_UPLOAD = {"id": "<RequestID of the upload>", "url": "<ExternalFile of the upload>"}


class PublishError(Exception):
    """A blueprint was not published; the message says whether it may exist in the platform all the same."""


class UploadError(PublishError):
    """The bundle was not taken, and neither would the next one be."""


class Environment:
    """What is read from the environment."""

    api_key: str = inputs.password("SHIPYARD_API_KEY")


@dataclass(frozen=True)
class Published:
    """A blueprint in the platform. `id` None: its creation was sent, and what came of it is not known."""

    id: str | None
    inputs: Mapping[str, str] = field(default_factory=dict)  # the ids of its inputs, by their reference names


@dataclass(frozen=True)
class Memory:
    """The file that keeps the ids: {organization: {blueprint: {"id": …, "inputs": {reference: id}}}}."""

    path: Path

    def recall(self, org: str, name: str) -> Published | None:
        """What is known of a blueprint. Raises PublishError if the file cannot be read."""
        entry = self._all().get(org, {}).get(name)
        return None if entry is None else Published(entry["id"], entry["inputs"])

    def keep(self, org: str, name: str, published: Published | None) -> None:
        """Remember a blueprint, or forget it; on the disk when this returns. Raises PublishError."""
        known = self._all()
        if published is None:
            known.get(org, {}).pop(name, None)
        else:
            known.setdefault(org, {})[name] = {"id": published.id, "inputs": dict(published.inputs)}
        try:
            self._write(json.dumps(known, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
        except OSError as fault:
            raise PublishError(f"{self.path} cannot be written: {fault}") from fault

    def _all(self) -> dict[str, dict[str, Any]]:
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as fault:
            raise PublishError(f"{self.path} cannot be read: {fault}; nothing is sent without the ids in it") from fault
        if not _is_memory(known):
            raise PublishError(f"{self.path} is no file of published ids; nothing is sent without the ids in it")
        return dict(known)

    def _write(self, text: str) -> None:
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@dataclass(frozen=True)
class Platform:
    """The API for one organization. `mask` hides the key in what it says."""

    org: str
    wire: Wire
    mask: Mask

    def upload(self, file_name: str, content: bytes) -> dict[str, str]:
        """A bundle's `id` and `url`, for one blueprint. Raises UploadError."""
        try:
            answer = self.wire.send(
                "POST", upload_path(self.org), None, None, READ_TIMEOUT, {"file": (file_name, content)}
            )
        except WireError as error:
            raise UploadError(
                f"{file_name} could not be uploaded: {self.mask.words(str(error))}; {UNCHANGED}"
            ) from error
        if not answer.good:
            raise UploadError(f"{file_name} was not accepted: the platform answered {self.said(answer)}; {UNCHANGED}")
        data = _places(answer)[0] if _places(answer) else {}
        request_id, url = data.get("RequestID"), data.get("ExternalFile")
        if not (isinstance(request_id, str) and isinstance(url, str) and request_id and url):
            raise UploadError(
                f"{file_name} was uploaded, but the answer lacks RequestID or ExternalFile: {self.said(answer)}; "
                f"{UNCHANGED}"
            )
        return {"id": request_id, "url": url}

    def create(self, payload: object) -> Answer:
        """Raises WireError."""
        return self.wire.send("POST", blueprint_path(self.org), None, payload, READ_TIMEOUT)

    def update(self, blueprint_id: str, payload: object) -> Answer:
        """Raises WireError."""
        return self.wire.send("POST", blueprint_path(self.org, blueprint_id), None, payload, READ_TIMEOUT)

    def said(self, answer: Answer) -> str:
        """The status and the words of an answer, fit for a message."""
        text = answer.text if answer.body is NOT_JSON else json.dumps(self.mask.tree(answer.body), ensure_ascii=False)
        hint = {
            401: " (is SHIPYARD_API_KEY right?)",
            403: " (may this key change blueprints of this organization?)",
            404: " (is the organization's id right?)",
        }.get(answer.status, " (a redirect; none is followed)" if 300 <= answer.status < 400 else "")
        words = self.mask.words(re.sub(r"<[^>]{0,1000}>", " ", self.mask(text)[:20_000]), 300)
        return f"{answer.status}{hint}: {words or 'no further words'}"


def upload_path(org: str) -> str:
    return f"/orgs/{org}/temporary_external_files"


def blueprint_path(org: str, blueprint_id: str | None = None) -> str:
    return f"/orgs/{org}/blueprints" + (f"/{blueprint_id}" if blueprint_id else "")


def payload_of(
    blueprint: Blueprint, file_name: str, uploaded: Mapping[str, str], input_ids: Mapping[str, str]
) -> dict[str, Any]:
    """A blueprint as the API takes it. `input_ids`: those of its inputs that the platform has, by reference name."""
    rails = blueprint.guardrails
    return {
        "name": blueprint.name,
        "synopsis": blueprint.synopsis,
        "description": blueprint.description,
        "state": ENABLED,
        "pallet_type": PYTHON,
        "pallet_config": {
            "version": PYTHON_VERSION,
            "command": {"program": "python3", "file_to_run": blueprint.file_to_run},
            "external_file": {"temp": {"file_name": file_name, **uploaded}},
        },
        "spec_list": [_spec(one, input_ids.get(one.reference)) for one in blueprint.inputs],
        "retry_strategy": {"number_of_retries": rails.retry_count, "ttr": int(rails.retry_wait)},
        "runtime_timeout": runtime_timeout(rails),
        "exclude_exit_code_ranges": [list(codes) for codes in rails.exclude_exit_code_ranges],
    }


def runtime_timeout(rails: Guardrails) -> int:
    """The runtime cutoff in seconds, as far as the API takes one."""
    return min(max(int(rails.runtime_cutoff), 300), LONGEST_RUNTIME)


def known_of(blueprint: Blueprint, org: str, memory: Memory, taken_over: str | None) -> Published | None:
    """The blueprint in the platform, None if it has to be created. Raises PublishError if nobody knows.

    `taken_over`: its id as the caller knows it, which counts.
    """
    known = memory.recall(org, blueprint.name)
    if taken_over:
        same = known is not None and known.id == taken_over
        return known if same else Published(taken_over)
    if known is not None and known.id is None:
        raise PublishError(f"an earlier run sent its creation and did not learn what came of it. {_look(memory)}")
    return known


def publish(
    blueprint: Blueprint, platform: Platform, memory: Memory, bundle: tuple[str, bytes], taken_over: str | None = None
) -> str:
    """Upload the bundle, then create the blueprint or update the known one; returns what was done. Raises PublishError.

    Nothing is sent twice. Each blueprint has an upload of its own: it is not known whether one may be used twice.
    """
    known = known_of(blueprint, platform.org, memory, taken_over)
    uploaded = platform.upload(*bundle)
    payload = payload_of(blueprint, bundle[0], uploaded, known.inputs if known else {})
    if known is None or known.id is None:
        created = _created(blueprint, platform, memory, payload)
        note = "; its answer does not tell the ids of the inputs" if _lacks_ids(blueprint, created) else ""
        return f"created, its id is {created.id}{note}"
    _updated(blueprint, platform, memory, known, payload)
    lacking = _lacks_ids(blueprint, known)
    if not lacking:
        return f"updated, its id is {known.id}"
    return (
        f"updated, its id is {known.id}. Sent without an id, so that the platform may take them for new inputs: "
        f"{', '.join(lacking)}. Look at the vessels that use them"
    )


def dry_run(
    blueprints: Iterable[Blueprint],
    platform_url: str,
    org: str,
    memory: Memory,
    bundles: Mapping[str, tuple[str, bytes]],
    taken_over: str | None = None,
) -> list[dict[str, Any]]:
    """The requests that would be sent; an upload's id and URL are not known yet. Raises PublishError."""
    planned = []
    for blueprint in blueprints:
        name, content = bundles[blueprint.vendor]
        try:
            known = known_of(blueprint, org, memory, taken_over)
        except PublishError as fault:
            raise PublishError(f"{blueprint.name}: {fault}") from fault
        path = blueprint_path(org, known.id if known else None)
        payload = payload_of(blueprint, name, DRY_RUN_UPLOAD, known.inputs if known else {})
        sha256 = hashlib.sha256(content).hexdigest()
        planned.append(
            {
                "blueprint": blueprint.name,
                "upload": {"method": "POST", "url": platform_url + upload_path(org), "file": name, "sha256": sha256},
                "request": {"method": "POST", "url": platform_url + path, "json": payload},
            }
        )
    return planned


def main(argv: Sequence[str]) -> int:
    """The command; returns 0 if all were published, 1 if not, 2 for a wrong command line, key or file of ids."""
    parser = argparse.ArgumentParser(
        prog="python -m tools publish",
        description="Upload the bundles and create the blueprints of the catalogue in the platform, or update those "
        "that this command created before. The API key is read from SHIPYARD_API_KEY. The platform's API is taken as "
        "its documentation describes it (2024); this has not been tried with an account, so begin with one blueprint "
        "(--only) and look at it in the platform. "
        f"The API limits a run to {LONGEST_RUNTIME // 60} minutes, so that longer runtime cutoffs of the catalogue "
        "are cut to that, with a warning.",
    )
    parser.add_argument("--org", required=True, type=_identifier, help="the organization's id")
    parser.add_argument("--only", action="append", metavar="NAME", help="this blueprint alone; may be given repeatedly")
    parser.add_argument("--id", type=_identifier, help="the platform's id of the one --only: update what is there")
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent, as JSON, and send nothing")
    parser.add_argument(
        "--ids",
        type=Path,
        default=REPOSITORY / "published.json",
        metavar="FILE",
        help="remembers what was created, so that it is updated the next time; keep it (default: published.json)",
    )
    parser.add_argument("--api-url", type=_url, default=API_URL, metavar="URL", help="default: %(default)s")
    given = parser.parse_args(argv)
    if given.id and len(given.only or ()) != 1:
        parser.error("--id belongs to one blueprint: name it with --only")
    memory = Memory(given.ids.resolve())
    try:
        catalogue = load()
        wanted = list(dict.fromkeys(find(name, catalogue) for name in given.only)) if given.only else list(catalogue)
        bundles = bundles_of(wanted, sources())
        for path in uncommitted():
            _say(f"{path} is not as committed; what is uploaded has it as committed")
        memory.recall(given.org, wanted[0].name)  # where it cannot be read, nothing is sent
        _warn_of_runtime(wanted)
        if given.dry_run:
            planned = dry_run(wanted, given.api_url, given.org, memory, bundles, given.id)
            print(json.dumps(planned, indent=2))
            return 0
        key = inputs.read(Environment, os.environ).api_key
    except (BundleError, CatalogueError, PublishError, InvalidInputError) as fault:
        _say(str(fault))
        return 2
    wire = Wire(given.api_url, lambda request: request, {"X-Shipyard-API-Key": key}, time)
    try:
        return _publish_all(wanted, Platform(given.org, wire, Mask([key])), memory, bundles, given.id)
    except KeyboardInterrupt:
        _say("interrupted; the next run updates what is remembered, and says where it is not known what came of it")
        return 130


def _publish_all(
    wanted: Sequence[Blueprint],
    platform: Platform,
    memory: Memory,
    bundles: Mapping[str, tuple[str, bytes]],
    taken_over: str | None,
) -> int:
    exit_code = 0
    for place, blueprint in enumerate(wanted):
        try:
            done = publish(blueprint, platform, memory, bundles[blueprint.vendor], taken_over)
        except PublishError as fault:
            _say(f"{blueprint.name}: {fault}")
            exit_code = 1
            left = ", ".join(other.name for other in wanted[place + 1 :])
            if isinstance(fault, UploadError) and left:
                _say(f"not tried, because no upload will work now: {left}")
                break
        else:
            print(f"{blueprint.name}: {done}", flush=True)
    return exit_code


def _created(blueprint: Blueprint, platform: Platform, memory: Memory, payload: object) -> Published:
    """Create it once. That is noted beforehand, so that no later run creates it again before somebody has looked."""
    try:
        memory.keep(platform.org, blueprint.name, Published(None))
    except PublishError as fault:
        raise PublishError(f"{fault}; it was not created, because its id could not be kept") from fault
    try:
        answer = platform.create(payload)
    except WireError as error:
        problem = platform.mask.words(str(error))
        if error.sent:
            raise PublishError(
                f"the platform gave no answer to its creation: {problem}. It may have been created. {_look(memory)}"
            ) from error
        memory.keep(platform.org, blueprint.name, None)
        raise PublishError(f"the platform could not be reached: {problem}; it was not created") from error
    if 300 <= answer.status < 500 and answer.status != 408:
        memory.keep(platform.org, blueprint.name, None)
        raise PublishError(f"the platform refused to create it with {platform.said(answer)}; it was not created")
    if not answer.good:
        raise PublishError(
            f"the platform answered its creation with {platform.said(answer)}. It may have been created. "
            f"{_look(memory)}"
        )
    blueprint_id = next(iter(_ids(answer)), None)
    if blueprint_id is None:
        raise PublishError(
            f"it was created, but the answer does not tell its id: {platform.said(answer)}. {_look(memory)}"
        )
    created = Published(blueprint_id, _input_ids(answer))
    try:
        memory.keep(platform.org, blueprint.name, created)
    except PublishError as fault:
        raise PublishError(f"created, its id is {blueprint_id}, but {fault}. {_look(memory)}") from fault
    return created


def _updated(blueprint: Blueprint, platform: Platform, memory: Memory, known: Published, payload: object) -> None:
    assert known.id is not None  # noqa: S101 - for mypy: it is known
    try:
        answer = platform.update(known.id, payload)
    except WireError as error:
        doubt = "it may have been updated all the same" if error.sent else "it was not updated"
        raise PublishError(
            f"the platform could not be reached: {platform.mask.words(str(error))}; {doubt}. Publish again"
        ) from error
    if answer.status == 404:
        raise PublishError(
            f"the platform does not know {known.id}: {platform.said(answer)}. If it was deleted there, remove its "
            f"entry from {memory.path} and publish again"
        )
    if 300 <= answer.status < 500 and answer.status != 408:
        raise PublishError(f"the platform refused to update {known.id} with {platform.said(answer)}")
    if not answer.good or not isinstance(answer.body, dict):
        raise PublishError(
            f"the platform answered its update with {platform.said(answer)}; it may have been updated all the same. "
            "Publish again"
        )
    here = {one.reference for one in blueprint.inputs}
    input_ids = {name: value for name, value in {**known.inputs, **_input_ids(answer)}.items() if name in here}
    memory.keep(platform.org, blueprint.name, Published(known.id, input_ids))


def _spec(one: Input, input_id: str | None) -> dict[str, Any]:
    """An input as the API takes it; with its id it stays the same input for the vessels that use it."""
    spec = {
        "display_name": one.display_name,
        "name": one.reference,
        "type": TYPES[one.type],
        "required": one.required,
        "placeholder": "",
        "description": one.description,
        "default": one.default,
    }
    if one.type == "Alphanumeric":
        spec["type_spec"] = {"multiline": one.multiline}
    if one.type == "Select":
        spec["type_spec"] = [{"name": option, "value": option} for option in one.options]
    return {"id": input_id, **spec} if input_id else spec


def _places(answer: Answer) -> list[dict[str, Any]]:
    """Where an answer may tell of a blueprint: in its `data`, there in `blueprint`, else at its top.

    The documentation shows no more than that there are `data`.
    """
    top = answer.body if isinstance(answer.body, dict) else {}
    data = top.get("data")
    inner = _named(data, "blueprint") if isinstance(data, dict) else []
    return [place for place in (data, *inner, top) if isinstance(place, dict)]


def _named(place: Mapping[str, Any], *names: str) -> list[Any]:
    """The values of these keys, however they are spelled: spec_list, SpecList."""
    return [value for key, value in place.items() if key.replace("_", "").lower() in names]


def _ids(answer: Answer) -> list[str]:
    return [
        str(value)
        for place in _places(answer)
        for value in _named(place, "id", "blueprintid")
        if isinstance(value, (str, int)) and not isinstance(value, bool) and inputs.fits(str(value))
    ]


def _input_ids(answer: Answer) -> dict[str, str]:
    lists = [value for place in _places(answer) for value in _named(place, "speclist") if isinstance(value, list)]
    pairs = [
        (name, value)
        for item in (lists[0] if lists else [])
        if isinstance(item, dict)
        for name in _named(item, "name")
        for value in _named(item, "id")
    ]
    return {name: value for name, value in pairs if isinstance(name, str) and isinstance(value, str) and value}


def _lacks_ids(blueprint: Blueprint, published: Published) -> list[str]:
    return [one.reference for one in blueprint.inputs if one.reference not in published.inputs]


def _is_memory(known: object) -> bool:
    if not isinstance(known, dict) or not all(isinstance(entries, dict) for entries in known.values()):
        return False
    return all(
        isinstance(entry, dict)
        and set(entry) == {"id", "inputs"}
        and (entry["id"] is None or (isinstance(entry["id"], str) and inputs.fits(entry["id"])))
        and isinstance(entry["inputs"], dict)
        and all(isinstance(value, str) for value in entry["inputs"].values())
        for entries in known.values()
        for entry in entries.values()
    )


def _look(memory: Memory) -> str:
    return (
        "Look for it in the platform: if it is there, publish it with --only and --id and its id (the address of its "
        f"page has it), else remove its entry from {memory.path} and publish again"
    )


def _warn_of_runtime(blueprints: Iterable[Blueprint]) -> None:
    cut = [one.name for one in blueprints if one.guardrails.runtime_cutoff > LONGEST_RUNTIME]
    if cut:
        _say(
            f"the API takes no runtime cutoff above {LONGEST_RUNTIME // 60} minutes, so that the catalogue's is cut to "
            f"that for {', '.join(cut)}. With Wait, keep Wait Timeout below it, or raise the cutoff in the platform "
            "after each publishing"
        )


def _say(line: str) -> None:
    print(f"publish: {line}", file=sys.stderr, flush=True)


def _identifier(text: str) -> str:
    if not inputs.fits(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no id; it has letters, digits, - and _ alone")
    return text


def _url(text: str) -> str:
    try:
        return str(inputs.url("--api-url", default=None).parse(text))
    except inputs.InputError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
