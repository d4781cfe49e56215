"""Hostile inputs, environments, folders and words: refused or neutralised, whatever the script."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared.blueprint import _mask

from shared import inputs
from shared.errors import InvalidInputError
from sync_blueprints.catalog import REPOSITORY
from sync_blueprints.sandbox import Request, Sandbox
from sync_blueprints.sandbox.world import Answer
from tests.test_scripts import FIVETRAN, KINDS, SCRIPTS, Kind, Stage, finish, in_parallel, run

MODULES = [importlib.import_module(f"{script.parent.name}.{script.stem}") for script in SCRIPTS]
IDENTIFIERS = ("RUDDERSTACK_SOURCE_ID", "RUDDERSTACK_CONNECTION_ID", "FIVETRAN_CONNECTOR_ID")
HOSTILE = [
    *("../../etc/passwd", "..", ".", "a/../b", "%2e%2e%2f", "%2e%2e/", "..%5c", "a\\..\\b", "/etc/passwd", "~", "a;b"),
    *("a\x00b", "a\nb", "a\r\nSet-Cookie: x", "\x1b[2J", "\x9b31m", "\u202eabc", "a\u200bb", "\ufeffa", "a\u2028b"),
    *("аbc", "ａbc", "a\u0301", "K", "ſ", "ı", "１２３", "٣", "²", "ß", "\udcff\udcfe", "\ud83d"),  # noqa: RUF001
    *(
        "x" * 10_000,
        "0" * 10_000,
        "[" * 10_000,
        '{"a":' * 5_000,
        "9" * 400,
        "1e999",
        "NaN",
        "-0",
        "+5",
        "0x10",
        "1_000",
    ),
    *("$(reboot)", "`reboot`", "${HOME}", "{0.__class__}", "%s%n", "' OR 1=1 --", "<script>", "TRUE\x00", "true;false"),
    *("http://127.0.0.1@evil.test", "http://evil.test\\@127.0.0.1", "https://[::1", "https://a:99999", "//evil.test"),
    *(
        "https://evil.test/?",
        "https://evil.test/#",
        "file:///etc/passwd",
        "https://\u202eevil.test",
        "https://ⓔvil.test",
    ),
    *("None", "none", "", " ", "\t\n", "\u00a0", inputs.PREDEFINED_GROUP),
]
words = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_characters="\x00"), max_size=50)


def outcome(module: ModuleType, environment: Mapping[str, str]) -> Any:
    """What the script's inputs become, or the message that refuses them, as it is shown; anything else fails."""
    try:
        return inputs.read(module.Inputs, environment)
    except InvalidInputError as error:
        return _mask(module.Inputs, environment).words(str(error), 20_000)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_environment_is_read_or_refused_in_words_fit_to_be_shown(module: ModuleType, data: st.DataObject) -> None:
    specifications = list(inputs.specifications(module.Inputs).values())
    usual = {"Password": "s3cr3t+of/mine", "Select": "join", "Boolean": "TRUE", "Integer": "7", "Alphanumeric": "id_1"}
    environment = {
        spec.variable: data.draw(words | st.just(usual[spec.type]), spec.variable)
        for spec in specifications
        if spec.required or data.draw(st.booleans())
    }
    found = outcome(module, environment)
    if isinstance(found, str):
        assert found.isprintable()
        assert any(spec.variable in found for spec in specifications)
        for spec in specifications:
            value = environment.get(spec.variable, "").strip()
            if spec.type == "Password" and len(value) >= 4 and value not in f"{HOSTILE} {specifications}":
                assert ascii(value)[1:-1].lower() not in found.lower()
        return
    for name, spec in inputs.specifications(module.Inputs).items():
        value = vars(found)[name]
        if spec.variable in IDENTIFIERS and value is not None:
            assert re.fullmatch(r"[A-Za-z0-9_-]{1,200}", value, re.ASCII)
        if spec.type == "Password":
            assert value.isascii()
            assert value.isprintable()
        if spec.variable.endswith("_API_URL") and value is not None:
            assert re.fullmatch(r"https?://[!-~]+", value)
            assert not set("@?#") & set(value)


@pytest.mark.parametrize("value", [one for one in HOSTILE if one.strip() not in ("", "None")], ids=ascii)
@pytest.mark.parametrize("variable", IDENTIFIERS)
def test_an_id_that_could_be_more_than_an_id_is_refused(variable: str, value: str) -> None:
    module = next(
        one
        for one in MODULES
        if one.__name__.startswith(variable.split("_")[0].lower() + "_") and one.__name__.endswith("trigger_sync")
    )
    secrets = {"RUDDERSTACK_ACCESS_TOKEN": "token", "FIVETRAN_API_KEY": "the-key", "FIVETRAN_API_SECRET": "the-secret"}
    found = outcome(module, {**secrets, variable: value})
    fine = re.fullmatch(r"[A-Za-z0-9_-]{1,200}", value) is not None and value != inputs.PREDEFINED_GROUP
    assert isinstance(found, str) is not fine, found
    if not fine:
        assert variable in found
        assert len(found) < 1000


# --- in real processes ---


@pytest.mark.sockets
@pytest.mark.skipif(sys.platform != "linux", reason="names and variables of any bytes")
def test_an_environment_that_is_not_utf8_changes_no_verdict(tmp_path: Path) -> None:
    odd = "\udcff\udcfe\x1b[2J"
    with Sandbox() as sandbox:
        for kind in (FIVETRAN,):
            stage = Stage(sandbox, tmp_path / f"folder {odd}", kind, "succeeds_in_0")
            stage.folder.mkdir()
            more = {
                "LOG_LEVEL": odd,
                "SHIPYARD_LOG_ID": f"../{odd}",
                "SHIPYARD_FLEET_UPSTREAM_LOG_IDS": f"{odd},../../x,,ok",
                "GITHUB_OUTPUT": str(tmp_path / odd),
                "GITHUB_STEP_SUMMARY": str(tmp_path / "no such folder" / odd),
                "UNRELATED": odd,
                f"ODD{odd}": "x",
                "PYTHONIOENCODING": "ascii",
                "LC_ALL": "C",
            }
            for verb in ("trigger_sync", "check_sync_status"):
                ended = stage.run(verb, **more)
                assert ended.exit_code == 0, ended
                assert ended.stderr.isascii()
                assert "\x1b" not in ended.stderr
            refused = stage.run("trigger_sync", **more, FIVETRAN_CONNECTOR_ID=odd)
            assert refused.exit_code == 206
    assert (tmp_path / odd).read_text("utf-8").count("\n") == 12


@pytest.mark.sockets
@pytest.mark.parametrize("safe_path", [False, True])
def test_nothing_is_imported_from_the_folder_that_a_script_is_started_in(safe_path: bool, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    modules = {path.stem for path in REPOSITORY.glob("shared/*.py")} | set(
        sys.stdlib_module_names if sys.version_info >= (3, 10) else ["json", "logging", "pickle"]
    )
    for name in modules | {"requests", "urllib3", "certifi", "idna", "charset_normalizer", "sitecustomize", "client"}:
        (hostile / f"{name}.py").write_text("raise SystemExit(99)\n", encoding="utf-8")
    for name in ("shared", "fivetran_blueprints", "rudderstack_blueprints", "nango_blueprints"):
        (hostile / name).mkdir()
        (hostile / name / "__init__.py").write_text("raise SystemExit(99)\n", encoding="utf-8")
    shutil.copy(hostile / "client.py", hostile / "shared" / "errors.py")
    environment = {"PYTHONSAFEPATH": "1"} if safe_path else {"PYTHONPATH": ""}
    for ended in in_parallel(lambda script: run([str(script)], environment, hostile), SCRIPTS):
        assert ended.exit_code == 206, ended


class Talkative(Sandbox):
    """Refuses everything with the words that it was made with."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__()
        self.words, self.status = words, status

    def answer(self, request: Request) -> Answer:
        super().answer(request)
        body = {"error": {"code": self.words, "message": self.words}, "message": self.words, "code": self.words}
        return Answer(self.status, body)


ORDERS = (
    "\x1b[2J\x1b]0;title\x07\x1b]8;;https://evil.test\x1b\\\x9b31m\u202e\u2066\r\n::set-output name=outcome::succeeded"
    "\n::error::x\n##[error]x\n##vso[task.setvariable variable=x]y\n##teamcity[x]\u2028outcome=succeeded\u2029\x85\x0b"
    "\x0c\x1c\x1d\x1eexit-code=0\nEOF\n<<EOF\nexit-code<<EOF\n0\nEOF\n%0A::set-output\x00\x7f\ud800\U000e0041|</td>"
    "<script>`"
)


@pytest.mark.sockets
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_vendors_words_steer_neither_terminal_nor_ci(kind: Kind, tmp_path: Path) -> None:
    output, summary = tmp_path / "output", tmp_path / "summary"
    with Talkative(ORDERS) as vendor:
        stage = Stage(vendor, tmp_path / "stage", kind, "succeeds")
        ended = stage.run("trigger_sync", GITHUB_OUTPUT=str(output), GITHUB_STEP_SUMMARY=str(summary))
    assert ended.exit_code == 201, ended
    for line in [*ended.stderr.splitlines(), ended.stdout.rstrip("\n"), *output.read_text("utf-8").splitlines()]:
        assert line.isprintable(), ascii(line)
    for line in [*ended.stderr.splitlines(), *ended.stdout.splitlines()]:
        assert not line.lstrip().startswith("::")
        assert not re.search(r"##\w*\[", line), line
    keys = [line.partition("=")[0] for line in re.split(r"\r\n|\n|\r", output.read_bytes().decode())]
    assert keys == ["exit-code", "outcome", "sync-id", "message", ""]
    assert "exit-code=201" in output.read_text("utf-8")
    table = summary.read_text("utf-8").splitlines()
    assert [line.count("|") for line in table if line] == [3] * 6
    assert "<script" not in summary.read_text("utf-8")


@pytest.mark.sockets
@pytest.mark.parametrize("unit", ["x", "&amp;", "\\", "\u202e", "%41", " "], ids=ascii)
def test_words_of_megabytes_are_cut(unit: str, tmp_path: Path) -> None:
    with Talkative(unit * (2_000_000 // len(unit))) as vendor:
        ended = Stage(vendor, tmp_path, FIVETRAN, "succeeds").run("trigger_sync")
    assert ended.exit_code == 201, ended.stderr[:2000]
    assert len(ended.result["message"]) <= 2000
    assert max(map(len, ended.stderr.splitlines())) <= 20_000
    assert len(ended.stderr) < 50_000
    kept = tmp_path / "artifacts" / "fivetran-blueprints" / "responses" / "sync_succeeds_response.json"
    assert json.loads(kept.read_text("utf-8"))["message"][:1] == unit[:1]


# --- many at once ---


@pytest.mark.slow
@pytest.mark.sockets
def test_fifty_triggers_and_fifty_waiting_checks_in_one_folder_do_not_cross(tmp_path: Path) -> None:
    """Each pair has a log id and a sync of its own; every other one fails. All are at work at the same time."""
    pairs = [(KINDS[number % len(KINDS)], number) for number in range(50)]

    def variables(kind: Kind, number: int) -> dict[str, str]:
        behaviour = "fails" if number % 2 else "succeeds"
        return {kind.id_variable: f"{behaviour}_in_3_x{number}", "SHIPYARD_LOG_ID": f"log{number}"}

    with Sandbox() as sandbox:
        stages = {kind: Stage(sandbox, tmp_path, kind, "any") for kind in KINDS}
        triggers = [stages[kind].start("trigger_sync", **variables(kind, number)) for kind, number in pairs]
        begun = [finish(process) for process in triggers]
        assert {ended.exit_code for ended in begun} == {0}, [ended for ended in begun if ended.exit_code]
        checks = []
        for kind, number in pairs:
            upstream = {"SHIPYARD_FLEET_UPSTREAM_LOG_IDS": f"log{number}", "SHIPYARD_LOG_ID": f"check{number}"}
            nothing = {kind.id_variable: "None", "NANGO_PROVIDER_CONFIG_KEY": "", "NANGO_SYNCS": ""}
            checks.append(
                stages[kind].start("check_sync_status", **nothing, **upstream, **{kind.variable("WAIT"): "TRUE"})
            )
        results = [(process.communicate(timeout=120), process.returncode) for process in checks]
    for (kind, number), ((stdout, stderr), code) in zip(pairs, results):
        wanted = variables(kind, number)[kind.id_variable]
        result = json.loads(stdout)
        told = result["id"] if kind.vendor != "nango" else result["connection_id"]
        assert (told, code) == (wanted, 211 if number % 2 else 0), stderr
    assert sorted(id_ for _, id_ in sandbox.starts) == sorted(variables(*pair)[pair[0].id_variable] for pair in pairs)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".") or "starting" in path.name]
