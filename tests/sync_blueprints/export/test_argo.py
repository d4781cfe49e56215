"""Workflows as Argo would take them: hera's models of its API, and what those do not say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from sync_blueprints.catalog import Blueprint, find, load
from sync_blueprints.export import ENGINES, Options, Step
from tests.exporting import exported

TRIGGER, CHECK = find("Fivetran - Execute Sync"), find("Fivetran - Check Sync Status")
CONNECTOR = ("--input", "FIVETRAN_CONNECTOR_ID=speak_inexpensive")
COMMANDS = {
    "a trigger": (TRIGGER.name, *CONNECTOR),
    "a trigger and its check": (TRIGGER.name, CHECK.name, *CONNECTOR, "--namespace", "syncs"),
    "on a schedule": (TRIGGER.name, CHECK.name, *CONNECTOR, "--schedule", "0 2 * * *", "--name", "nightly"),
    "credentials": ("Nango - Check Credentials",),
}


def manifests(*arguments: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(exported("argo", *arguments)))


def scripts(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in workflow["spec"]["templates"] if "container" in one]


def retried(template: dict[str, Any], exit_code: int) -> bool:
    """What the expression says after a pod with this exit code; Argo says -1 where there was none."""
    found = re.fullmatch(
        r"asInt\(lastRetry\.exitCode\) not in (\[[-0-9, ]+\])", template["retryStrategy"]["expression"]
    )
    assert found
    return exit_code not in json.loads(found[1])


@pytest.mark.parametrize("command", COMMANDS)
def test_argos_models_take_the_manifests_and_give_them_back_unchanged(command: str) -> None:
    models = pytest.importorskip("hera.workflows.models")  # the hera that knows `schedules` needs Python 3.10
    for document in manifests(*COMMANDS[command]):
        model = getattr(models, document["kind"]).model_validate(document)
        assert json.loads(model.model_dump_json(by_alias=True, exclude_none=True)) == document


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_models_do_not_say_holds_too(command: str) -> None:
    workflow, *cron = manifests(*COMMANDS[command])
    templates = {one["name"]: one for one in workflow["spec"]["templates"]}
    assert len(templates) == len(workflow["spec"]["templates"])
    called = [step["template"] for group in templates[workflow["spec"]["entrypoint"]]["steps"] for step in group]
    assert all(len(group) == 1 for group in templates["main"]["steps"])  # one after the other
    assert called == [one["name"] for one in scripts(workflow)]
    claims = [one["metadata"]["name"] for one in workflow["spec"].get("volumeClaimTemplates", [])]
    volumes = claims + [one["name"] for one in workflow["spec"].get("volumes", [])]
    for template in scripts(workflow):
        assert [one["name"] for one in template["container"]["volumeMounts"]] == volumes == ["artifacts"]
        assert template["container"]["securityContext"]["readOnlyRootFilesystem"] is True
        assert not re.search("{{", json.dumps(template))
    for one in cron:
        assert one["spec"]["workflowSpec"]["workflowTemplateRef"]["name"] == workflow["metadata"]["name"]
        assert (one["spec"]["schedules"], one["spec"]["timezone"]) == (["0 2 * * *"], "Etc/UTC")


@pytest.mark.parametrize("blueprint", load(), ids=lambda blueprint: blueprint.name)
def test_the_guardrails_are_the_catalogs(blueprint: Blueprint) -> None:
    (template,) = scripts(yaml.safe_load(ENGINES["argo"]([Step(blueprint, {})], Options())))
    rails, retries = blueprint.guardrails, template["retryStrategy"]
    assert retries["limit"] == rails.retry_count
    assert retries["retryPolicy"] == "Always"
    assert template["activeDeadlineSeconds"] == rails.runtime_cutoff
    assert all(retried(template, code) is rails.try_again_on(code) for code in range(1, 256))
    assert retried(template, -1)
    assert template["container"]["args"] == [f"/app/{blueprint.file_to_run}"]
    pauses = {0: None, 300: {"duration": "5m", "factor": 1}}
    assert retries.get("backoff") == pauses[int(rails.retry_wait)]


def test_the_volume_of_a_run_goes_also_if_the_run_failed() -> None:
    (workflow,) = manifests(*COMMANDS["a trigger and its check"])
    assert workflow["spec"]["volumeClaimGC"] == {"strategy": "OnWorkflowCompletion"}


def test_a_trigger_that_waits_is_not_run_again_once_its_sync_may_have_begun() -> None:
    (workflow,) = manifests(TRIGGER.name, *CONNECTOR, "--input", "FIVETRAN_WAIT=TRUE")
    (template,) = scripts(workflow)
    assert [code for code in (-1, 137, 143, 202, 210, 220, 249) if retried(template, code)] == [202]
