"""What holds for every export: guardrails, inputs, secrets, and quoting."""

from __future__ import annotations

import ast
import itertools
import json
import re
import shlex
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sync_blueprints.catalog import CUT_SHORT, REPOSITORY, VENDORS, find, load
from sync_blueprints.export import ORCHESTRATORS, Options, Step
from sync_blueprints.export.steps import in_json
from tests.exporting import CHECK, CONNECTOR, TRIGGER, export, exported, fleets, inputs

CHAINS = [one for one in ORCHESTRATORS if one != "dagster"]  # whose assets wait by themselves
CUTOFF = "activeDeadlineSeconds: {rails.runtime_cutoff:.0f}"
NOT_AFTER = 'expression: "asInt(lastRetry.exitCode) not in {with_lost}"'
LINES = {  # that have the guardrails, as far as an orchestrator can
    "kubernetes": ["backoffLimit: {rails.retry_count}", "values: {codes}", CUTOFF],
    "argo": ["limit: {rails.retry_count}", "retryPolicy: Always", NOT_AFTER, CUTOFF],
    "kestra": ["timeout: PT{rails.runtime_cutoff:.0f}S"],
}
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))


@pytest.mark.parametrize("orchestrator", ["platform", "cron", *LINES])
def test_the_retries_are_the_catalogs_but_none_where_a_second_sync_might_start(orchestrator: str) -> None:
    for blueprint, waits in itertools.product(load(), (False, True)):
        rails = blueprint.guardrails
        lost = waits and blueprint.starts
        codes = [one for one in range(1, 256) if not rails.try_again_on(one) or (lost and one in CUT_SHORT)]
        step = Step(blueprint, {f"{blueprint.prefix}WAIT": "true"} if waits else {})
        text = ORCHESTRATORS[orchestrator]([step], Options())
        if orchestrator in LINES:
            found = {line.partition("  #")[0].strip() for line in text.splitlines()}
            expected = {"rails": rails, "codes": codes, "with_lost": [-1, *codes] if lost else codes}
            assert {line.format(**expected) for line in LINES[orchestrator]} <= found, blueprint.name
        else:
            (vessel,) = fleets(text)
            assert vessel["guardrails"]["exclude_exit_code_ranges"] == list(map(str, codes)), blueprint.name


@given(TEXTS)
def test_a_quoted_value_is_the_same_in_yaml_json_and_python(text: str) -> None:
    quoted = in_json(text)
    assert yaml.safe_load(quoted) == json.loads(quoted) == ast.literal_eval(quoted) == text


@pytest.mark.parametrize("orchestrator", CHAINS)
def test_an_input_reaches_every_blueprint_or_the_numbered_one_but_a_check_gets_no_id(orchestrator: str) -> None:
    given = inputs("FIVETRAN_API_URL=http://127.0.0.1:1", "2:FIVETRAN_POLL_INTERVAL=1789")
    text = exported(orchestrator, TRIGGER, CHECK, *CONNECTOR, *given)
    assert [text.count(value) for value in ("http://127.0.0.1:1", "1789", "speak_inexpensive")] == [2, 1, 1]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "FIVETRAN_CONNECTOR_ID is required but not set; add --input FIVETRAN_CONNECTOR_ID=…\n"),
        (["FIVETRAN_CONNECTOR_ID= "], "not set; add --input FIVETRAN_CONNECTOR_ID=…\n"),
        (["FIVETRAN_API_KEY=abc"], "FIVETRAN_API_KEY is a secret and is never written to the file"),
        (["FIVETRAN_ID=abc"], "no blueprint here has an input FIVETRAN_ID; there are FIVETRAN_CONNECTOR_ID, "),
        (["FIVETRAN_CONNECTOR_ID"], "--input takes NAME=VALUE"),
        (["2:FIVETRAN_CONNECTOR_ID=a"], "there are 1 blueprints; the first is 1"),
        (["FIVETRAN_CONNECTOR_ID=a/b"], "FIVETRAN_CONNECTOR_ID is 'a/b'"),
        (["FIVETRAN_WAIT=maybe", "FIVETRAN_POLL_INTERVAL=0"], "FIVETRAN_POLL_INTERVAL is '0'"),
        (["FIVETRAN_CONNECTOR_ID=\udcff"], "not text"),
    ],
)
def test_inputs_that_a_run_would_refuse_are_refused_here(given: list[str], told: str) -> None:
    printed = export("docker", TRIGGER, *inputs(*given))
    assert (printed.exit_code, printed.stdout) == (2, "")
    assert told in printed.stderr
    assert "abc" not in printed.stderr
    assert ("; add --input" in printed.stderr) == ("is required but not set" in printed.stderr)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["kubernetes", TRIGGER, "--schedule", "@daily"], "expected five fields"),
        (["argo", TRIGGER, "--schedule", "0 24 * * *"], "'24' is not a hour"),
        (["airflow", TRIGGER, "--schedule", "0 2 * * 7"], "'7' is not a weekday"),
        (["airflow", TRIGGER, "--schedule", "0 5-2 * * *"], "'5-2' is not a hour"),
        (["airflow", TRIGGER, "--schedule", "0 2 * foo *"], "'foo' is not a month"),
        (["airflow", TRIGGER, "--schedule", "*/0 2 * * *"], "'*/0' is not a minute"),
        (["kubernetes", TRIGGER, "--name", "Nightly_Sync"], "'Nightly_Sync' cannot be a name"),
        (["argo", TRIGGER, "--name", "n" * 53], "at most 52"),
        (["kubernetes", TRIGGER, "--namespace", "a b"], "'a b' cannot be a name"),
        (["airflow", TRIGGER, "--name", "a b"], "'a b' cannot be the ID of a DAG"),
        (["docker", "Fivetran - Start"], "there is no blueprint 'Fivetran - Start'"),
        (["docker", TRIGGER, "--retry-count", "-1"], "'-1' is not a number of retries"),
        (["argo", TRIGGER, TRIGGER, CHECK], "comes after two triggers"),
        (["kubernetes", TRIGGER, CHECK, CHECK, "--schedule", "0 2 * * *"], "takes one blueprint"),
        (["argo", TRIGGER, *inputs("FIVETRAN_API_URL=http://a/{{b")], "FIVETRAN_API_URL contains {{"),
        (["kestra", TRIGGER, *inputs("FIVETRAN_API_URL=http://a/{%b")], "FIVETRAN_API_URL contains {%"),
        (["kestra", TRIGGER, "--namespace", "Team"], "'Team' cannot be a namespace of Kestra"),
        (["kestra", TRIGGER, "--openshift"], "--openshift is not an option for kestra; only for kubernetes and argo"),
        (["kestra", TRIGGER, "--retry-count", "3"], "--retry-count is not an option for kestra"),
        (["cron", TRIGGER, "--name", "a/b"], "'a/b' cannot be a file's name"),
        (["platform", TRIGGER, "--retry-wait", "30s"], "a fleet has up to 24 retries"),
        (["dagster", TRIGGER, CHECK], "an asset waits until its sync has ended"),
        (["helm", TRIGGER], "'helm'"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_the_reason(arguments: list[str], told: str) -> None:
    printed = export(*arguments, *CONNECTOR)
    assert (printed.exit_code, printed.stdout) == (2, "")
    assert told in printed.stderr


@pytest.mark.parametrize(
    ("orchestrator", "text"),
    [
        *(("docker", "--retry-wait 5m0s "), ("github", 'retry-wait: "5m0s"'), ("airflow", "=timedelta(minutes=5)")),
        *(("dagster", "RetryPolicy(max_retries=1, delay=300)"), ("prefect", "retry_delay_seconds=300,")),
        ("argo", 'backoff:\n          duration: "5m"\n          factor: 1 '),
    ],
)
def test_guardrails_other_than_the_catalogs_are_written_and_no_others(orchestrator: str, text: str) -> None:
    assert text not in exported(orchestrator, TRIGGER, *CONNECTOR)
    assert text in exported(orchestrator, TRIGGER, *CONNECTOR, "--retry-wait", "5m")


@pytest.mark.parametrize("orchestrator", ORCHESTRATORS)
def test_an_orchestrator_has_a_use_for_every_option_that_it_takes(orchestrator: str) -> None:
    write, steps = ORCHESTRATORS[orchestrator], [Step(find(TRIGGER), {})]
    values = {"name": "n", "image": "an/image:1", "namespace": "syncs", "schedule": "0 3 * * *"}
    given = Options(**{option: values.get(option, True) for option in write.options})
    for option in write.options:
        assert write(steps, replace(given, **{option: getattr(Options(), option)})) != write(steps, given), option


@pytest.mark.parametrize("orchestrator", ORCHESTRATORS)
@pytest.mark.parametrize("vendor", VENDORS)
def test_every_secret_is_a_reference(orchestrator: str, vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = find(f"{vendor.lower()}_blueprints/trigger_sync.py")
    ids = [one.reference for one in trigger.inputs if one.required and one.type != "Password"]
    for secret in trigger.secrets:
        monkeypatch.setenv(secret, "canary")
    text = exported(orchestrator, trigger.name, *inputs(f"{ids[0] if ids else 'RUDDERSTACK_CONNECTION_ID'}=abc"))
    assert "canary" not in text
    assert all(secret in text for secret in trigger.secrets)


def test_an_example_is_what_its_command_in_the_docs_prints_today() -> None:
    command = r"^sync-blueprints export ((?:[^\n]|\\\n)*?)\s*> (\S+)$"
    pages = [page.read_text("utf-8") for page in sorted((REPOSITORY / "docs/orchestrators").glob("*.md"))]
    commands = {path: text for page in pages for text, path in re.findall(command, page, re.MULTILINE)}
    files = (REPOSITORY / "examples/orchestrators").iterdir()
    assert sorted(commands) == sorted(file.name for file in files)
    for name, text in commands.items():
        printed = exported(*shlex.split(text.replace("\\\n", " ")))
        path = REPOSITORY / "examples/orchestrators" / name
        assert path.read_text("utf-8") == printed, f"run the command in examples/orchestrators again that made {name}"
