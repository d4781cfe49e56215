"""Manifests as Kubernetes and Argo would take them: their own schemas and models, and what those do not say."""

from __future__ import annotations

import json
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sync_blueprints.catalog import REPOSITORY, version
from tests.exporting import BOTH, CONNECTOR, PODS, exported, inputs, jobs, scripts

NAME = re.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?")
VERSIONS = ["1.31", kubernetes_validate.latest_version()]


def container(job: dict[str, Any]) -> dict[str, Any]:
    (only,) = job["template"]["spec"]["containers"]
    return only


def variables(job: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in container(job)["env"]}


@pytest.mark.parametrize("api", VERSIONS)
@pytest.mark.parametrize("command", PODS)
def test_kubernetes_schemas_take_the_manifests(command: str, api: str) -> None:
    for document in yaml.safe_load_all(exported("kubernetes", *PODS[command])):
        kubernetes_validate.validate(document, api, strict=True)


@pytest.mark.parametrize("command", PODS)
def test_what_kubernetes_schemas_do_not_say_holds_too(command: str) -> None:
    printed = exported("kubernetes", *PODS[command])
    documents = list(yaml.safe_load_all(printed))
    names = [(one["kind"], one["metadata"]["name"]) for one in documents]
    assert len(set(names)) == len(names)
    assert all(NAME.fullmatch(name) and len(name) <= 63 for _, name in names)
    assert len({one["metadata"].get("namespace") for one in documents}) == 1
    claims = [name for kind, name in names if kind == "PersistentVolumeClaim"]
    for cron in [one["spec"] for one in documents if one["kind"] == "CronJob"]:
        assert (cron["schedule"], cron["timeZone"]) == (PODS[command][-1], "Etc/UTC")
        assert cron["concurrencyPolicy"] == "Forbid", "it does not overlap with itself"
    assert jobs(printed)
    for job in jobs(printed):
        pod = job["template"]["spec"]
        (exit_codes,) = [rule["onExitCodes"] for rule in job["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
        assert exit_codes["containerName"] == container(job)["name"]
        assert pod["restartPolicy"] == "Never"
        assert len(variables(job)) == len(container(job)["env"])
        assert {one["name"] for one in container(job)["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
        assert container(job)["image"] == f"sync-blueprints:{version()}"
        assert container(job)["imagePullPolicy"] == "IfNotPresent"
        assert container(job)["volumeMounts"][0]["mountPath"] == "/artifacts"
        assert variables(job)["SHIPYARD_ARTIFACTS_DIRECTORY"] == "/artifacts"
        assert [pod["volumes"][0].get("persistentVolumeClaim", {}).get("claimName")] == (claims or [None])


@pytest.mark.parametrize("command", PODS)
def test_pods_keep_to_the_restricted_standard_and_get_no_token(command: str) -> None:
    for job in jobs(exported("kubernetes", *PODS[command])):
        pod = job["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        # A user that the image names cannot be told from root; OpenShift sets one itself and refuses any other.
        user = pod["securityContext"].get("runAsUser")
        assert user is None if command == "on OpenShift" else user > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(job)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == set(container(job)["resources"])


@pytest.mark.parametrize("orchestrator", ["kubernetes", "argo"])
def test_on_openshift_no_user_is_fixed_and_secrets_can_be_files(orchestrator: str) -> None:
    usual = exported(orchestrator, *BOTH)
    assert all(word in usual for word in ("runAsUser", "runAsGroup", "fsGroup", "secretKeyRef"))
    other = exported(orchestrator, *BOTH, "--openshift", "--secret-files")
    assert not [word for word in ("runAsUser", "runAsGroup", "fsGroup", "secretKeyRef") if word in other]
    assert re.search(r"- name: FIVETRAN_API_KEY_FILE\n +value: /secrets/FIVETRAN_API_KEY\n", other)
    assert other.count("mountPath: /secrets\n") == other.count("secretName: fivetran-credentials\n") == 2


@pytest.mark.parametrize(
    ("given", "wait", "timeout"),
    [((), "TRUE", "50"), (inputs("2:FIVETRAN_WAIT=FALSE", "2:FIVETRAN_WAIT_TIMEOUT=5"), "FALSE", "5")],
    ids=["as usual", "as the user chose"],
)
def test_a_check_waits_by_itself_and_ends_before_its_pod_does(given: tuple[str, ...], wait: str, timeout: str) -> None:
    (trigger, check) = jobs(exported("kubernetes", *BOTH, "--runtime-cutoff", "1h", *given))
    assert "suspend" not in trigger
    assert check["suspend"] is True
    assert variables(check)["FIVETRAN_WAIT"] == wait
    assert variables(check)["FIVETRAN_WAIT_TIMEOUT"] == timeout
    assert check["template"]["spec"]["activeDeadlineSeconds"] == 3600


@pytest.mark.parametrize(
    ("command", "action"), [("a trigger", "Ignore"), ("a waiting trigger", "FailJob"), ("on a schedule", "FailJob")]
)
def test_a_pod_that_the_cluster_removes_is_replaced_unless_its_sync_may_run(command: str, action: str) -> None:
    (job,) = jobs(exported("kubernetes", *PODS[command]))
    _, removed = job["podFailurePolicy"]["rules"]
    assert removed == {"action": action, "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def test_a_scheduled_check_becomes_a_wait_of_its_trigger() -> None:
    given = inputs("2:RUDDERSTACK_FAIL_ON_FAILED_ROWS=TRUE", "RUDDERSTACK_CONNECTION_ID=abc")
    names = ("RudderStack - Trigger Sync", "RudderStack - Check Sync Status")
    (job,) = jobs(exported("kubernetes", *names, *given, "--schedule", "0 2 * * *"))
    assert container(job)["args"] == ["rudderstack_blueprints/trigger_sync.py"]
    expected = {"WAIT": "TRUE", "FAIL_ON_FAILED_ROWS": "TRUE", "CONNECTION_ID": "abc"}
    assert {f"RUDDERSTACK_{name}": value for name, value in expected.items()}.items() <= variables(job).items()
    assert 143 in job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]


def test_a_value_is_not_taken_for_a_reference_to_another_variable() -> None:
    update = inputs('FIVETRAN_CUSTOM_UPDATE={"a": "$(FIVETRAN_API_KEY) $$"}')
    (job,) = jobs(exported("kubernetes", "Fivetran - Update Connector", *CONNECTOR, *update))
    assert variables(job)["FIVETRAN_CUSTOM_UPDATE"] == '{"a": "$$(FIVETRAN_API_KEY) $$$$"}'


@pytest.mark.parametrize("command", PODS)
def test_argos_models_take_the_manifests_and_give_them_back_unchanged(command: str) -> None:
    models = pytest.importorskip("hera.workflows.models")  # the hera that knows `schedules` needs Python 3.10
    for document in yaml.safe_load_all(exported("argo", *PODS[command])):
        model = getattr(models, document["kind"]).model_validate(document)
        assert json.loads(model.model_dump_json(by_alias=True, exclude_none=True)) == document


@pytest.mark.parametrize("command", PODS)
def test_what_argos_models_do_not_say_holds_too(command: str) -> None:
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
        volumes = shared + [one["name"] for one in template.get("volumes", [])]
        assert [one["name"] for one in template["container"]["volumeMounts"]] == volumes
        assert template["container"]["command"] == ["sync-blueprints"]
        assert (REPOSITORY / template["container"]["args"][0]).is_file()
        assert not re.search("{{", json.dumps(template))
    for one in cron:
        assert one["spec"]["workflowSpec"]["workflowTemplateRef"]["name"] == workflow["metadata"]["name"]
        assert (one["spec"]["schedules"], one["spec"]["timezone"]) == ([PODS[command][-1]], "Etc/UTC")
