"""Workflows as Argo would take them: hera's models of its API, and what those do not say."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from sync_blueprints.catalog import REPOSITORY
from tests.exporting import CONNECTOR, PODS, TRIGGER, excluded_in_argo, exported, inputs, scripts


def manifests(*arguments: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(exported("argo", *arguments)))


@pytest.mark.parametrize("command", PODS)
def test_argos_models_take_the_manifests_and_give_them_back_unchanged(command: str) -> None:
    models = pytest.importorskip("hera.workflows.models")  # the hera that knows `schedules` needs Python 3.10
    for document in manifests(*PODS[command]):
        model = getattr(models, document["kind"]).model_validate(document)
        assert json.loads(model.model_dump_json(by_alias=True, exclude_none=True)) == document


@pytest.mark.parametrize("command", PODS)
def test_what_the_models_do_not_say_holds_too(command: str) -> None:
    printed = exported("argo", *PODS[command])
    workflow, *cron = yaml.safe_load_all(printed)
    templates = {one["name"]: one for one in workflow["spec"]["templates"]}
    assert len(templates) == len(workflow["spec"]["templates"])
    called = [step["template"] for group in templates[workflow["spec"]["entrypoint"]]["steps"] for step in group]
    assert all(len(group) == 1 for group in templates["main"]["steps"])  # one after the other
    assert called == [one["name"] for one in scripts(printed)]
    if "volumeClaimTemplates" in workflow["spec"]:
        assert workflow["spec"]["volumeClaimGC"] == {"strategy": "OnWorkflowCompletion"}, "also if the run failed"
    shared = [one["metadata"]["name"] for one in workflow["spec"].get("volumeClaimTemplates", [])]
    shared += [one["name"] for one in workflow["spec"].get("volumes", [])]
    for template in scripts(printed):
        container = template["container"]
        volumes = shared + [one["name"] for one in template.get("volumes", [])]
        assert [one["name"] for one in container["volumeMounts"]] == volumes
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert (container["imagePullPolicy"], container["command"]) == ("IfNotPresent", ["sync-blueprints"])
        assert (REPOSITORY / container["args"][0]).is_file()
        assert not re.search("{{", json.dumps(template))
    for one in cron:
        assert one["spec"]["workflowSpec"]["workflowTemplateRef"]["name"] == workflow["metadata"]["name"]
        assert (one["spec"]["schedules"], one["spec"]["timezone"]) == ([PODS[command][-1]], "Etc/UTC")


@pytest.mark.parametrize(("waits", "retried"), [("FALSE", True), ("TRUE", False)])
def test_a_trigger_whose_pod_is_lost_is_retried_unless_it_waits(waits: str, retried: bool) -> None:
    (template,) = scripts(exported("argo", TRIGGER, *CONNECTOR, *inputs(f"FIVETRAN_WAIT={waits}")))
    assert (-1 not in excluded_in_argo(template)) is retried
