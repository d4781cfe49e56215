"""Manifests as Kubernetes would take them: its own schemas, and what those do not say."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sync_blueprints.catalog import Blueprint, find, load
from sync_blueprints.export import ENGINES, Options, Step
from tests.exporting import exported

TRIGGER, CHECK = find("Fivetran - Execute Sync"), find("Fivetran - Check Sync Status")
CONNECTOR = ("--input", "FIVETRAN_CONNECTOR_ID=speak_inexpensive")
NAME = re.compile("[a-z0-9]([-a-z0-9]*[a-z0-9])?")
VERSIONS = ["1.31", kubernetes_validate.latest_version()]
COMMANDS = {
    "a trigger": (TRIGGER.name, *CONNECTOR),
    "a trigger and its check": (TRIGGER.name, CHECK.name, *CONNECTOR),
    "with a name and a namespace": (TRIGGER.name, CHECK.name, *CONNECTOR, "--name", "nightly", "--namespace", "syncs"),
    "on a schedule": (TRIGGER.name, CHECK.name, *CONNECTOR, "--schedule", "0 2 * * *"),
    "credentials on a schedule": ("Nango - Check Credentials", "--schedule", "*/30 * * * *"),
    "a waiting trigger": (TRIGGER.name, *CONNECTOR, "--input", "FIVETRAN_WAIT=true"),
    "four vessels": (
        *("Fivetran - Update Connector", TRIGGER.name, CHECK.name, CHECK.name),
        *(*CONNECTOR, "--input", "FIVETRAN_PAUSED=FALSE"),
    ),
}


def manifests(*arguments: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(exported("kubernetes", *arguments)))


def jobs(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The specs of all Jobs, also of those that a CronJob makes."""
    specs = [one["spec"] for one in documents if one["kind"] == "Job"]
    return specs + [one["spec"]["jobTemplate"]["spec"] for one in documents if one["kind"] == "CronJob"]


def container(job: dict[str, Any]) -> dict[str, Any]:
    (only,) = job["template"]["spec"]["containers"]
    return only


def variables(job: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in container(job)["env"]}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("command", COMMANDS)
def test_manifests_are_valid(command: str, version: str) -> None:
    for document in manifests(*COMMANDS[command]):
        kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_schemas_do_not_say_holds_too(command: str) -> None:
    documents = manifests(*COMMANDS[command])
    names = [(one["kind"], one["metadata"]["name"]) for one in documents]
    assert len(set(names)) == len(names)
    assert all(NAME.fullmatch(name) and len(name) <= 63 for _, name in names)
    assert len({one["metadata"].get("namespace") for one in documents}) == 1
    claims = [name for kind, name in names if kind == "PersistentVolumeClaim"]
    assert jobs(documents)
    for job in jobs(documents):
        pod = job["template"]["spec"]
        exit_codes = [rule["onExitCodes"] for rule in job["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
        assert [one["containerName"] for one in exit_codes] == [container(job)["name"]]
        assert all(one["values"] == sorted(set(one["values"])) and 0 not in one["values"] for one in exit_codes)
        assert all(len(one["values"]) <= 255 for one in exit_codes)
        assert pod["restartPolicy"] == "Never"
        assert len(variables(job)) == len(container(job)["env"])
        (volume,) = pod["volumes"]
        (mount,) = container(job)["volumeMounts"]
        assert (mount["name"], mount["mountPath"]) == (volume["name"], "/artifacts")
        assert variables(job)["SHIPYARD_ARTIFACTS_DIRECTORY"] == "/artifacts"
        assert [volume.get("persistentVolumeClaim", {}).get("claimName")] == (claims or [None])


@pytest.mark.parametrize("command", COMMANDS)
def test_pods_keep_to_the_restricted_standard_and_get_no_token(command: str) -> None:
    for job in jobs(manifests(*COMMANDS[command])):
        pod = job["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0  # a user that the image names cannot be told from root
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(job)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == set(container(job)["resources"])


@pytest.mark.parametrize("blueprint", load(), ids=lambda blueprint: blueprint.name)
def test_the_guardrails_are_the_catalogs(blueprint: Blueprint) -> None:
    text = ENGINES["kubernetes"]([Step(blueprint, {})], Options())
    (job,) = jobs(list(yaml.safe_load_all(text)))
    rails = blueprint.guardrails
    fails, ignores = job["podFailurePolicy"]["rules"]
    assert fails["action"] == "FailJob"
    assert fails["onExitCodes"]["operator"] == "In"
    assert fails["onExitCodes"]["values"] == [code for code in range(1, 256) if not rails.try_again_on(code)]
    assert ignores == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert job["backoffLimit"] == rails.retry_count
    assert job["template"]["spec"]["activeDeadlineSeconds"] == rails.runtime_cutoff
    assert container(job)["args"] == [blueprint.file_to_run]


def test_a_check_is_a_job_of_its_own_that_waits_for_its_trigger_to_be_started() -> None:
    trigger, check = jobs(manifests(TRIGGER.name, CHECK.name, *CONNECTOR))
    assert "suspend" not in trigger
    assert check["suspend"] is True
    assert "initContainers" not in check["template"]["spec"]


def test_a_check_waits_by_itself_and_gives_up_before_its_pod_is_ended() -> None:
    (_, check) = jobs(manifests(TRIGGER.name, CHECK.name, *CONNECTOR, "--runtime-cutoff", "1h"))
    assert variables(check)["FIVETRAN_WAIT"] == "TRUE"
    assert variables(check)["FIVETRAN_WAIT_TIMEOUT"] == "50"
    assert check["template"]["spec"]["activeDeadlineSeconds"] == 3600


def test_a_waiting_that_the_user_chose_is_left_alone() -> None:
    chosen = ("--input", "2:FIVETRAN_WAIT=FALSE", "--input", "2:FIVETRAN_WAIT_TIMEOUT=5")
    (_, check) = jobs(manifests(TRIGGER.name, CHECK.name, *CONNECTOR, *chosen))
    assert variables(check)["FIVETRAN_WAIT"] == "FALSE"
    assert variables(check)["FIVETRAN_WAIT_TIMEOUT"] == "5"


@pytest.mark.parametrize("command", ["a waiting trigger", "on a schedule"])
def test_a_trigger_that_waits_is_not_run_again_once_its_sync_may_have_begun(command: str) -> None:
    (job,) = jobs(manifests(*COMMANDS[command]))
    fails, taken_away = job["podFailurePolicy"]["rules"]
    assert {137, 143, 210, 220} < set(fails["onExitCodes"]["values"])
    assert 202 not in fails["onExitCodes"]["values"]
    assert taken_away["action"] == "FailJob"


def test_a_scheduled_check_becomes_a_wait_of_its_trigger() -> None:
    failed_rows = ("--input", "2:RUDDERSTACK_FAIL_ON_FAILED_ROWS=TRUE", "--input", "RUDDERSTACK_CONNECTION_ID=abc")
    names = ("RudderStack - Trigger Sync", "RudderStack - Check Sync Status")
    (job,) = jobs(manifests(*names, *failed_rows, "--schedule", "0 2 * * *"))
    assert container(job)["args"] == ["rudderstack_blueprints/trigger_sync.py"]
    assert variables(job)["RUDDERSTACK_WAIT"] == "TRUE"
    assert variables(job)["RUDDERSTACK_FAIL_ON_FAILED_ROWS"] == "TRUE"
    assert variables(job)["RUDDERSTACK_CONNECTION_ID"] == "abc"


def test_a_cron_job_does_not_overlap_with_itself() -> None:
    (cron,) = [one for one in manifests(*COMMANDS["on a schedule"]) if one["kind"] == "CronJob"]
    assert cron["spec"]["concurrencyPolicy"] == "Forbid"
    assert (cron["spec"]["schedule"], cron["spec"]["timeZone"]) == ("0 2 * * *", "Etc/UTC")


def test_a_value_is_not_taken_for_a_reference_to_another_variable() -> None:
    update = (
        "Fivetran - Update Connector",
        *CONNECTOR,
        "--input",
        'FIVETRAN_CUSTOM_UPDATE={"a": "$(FIVETRAN_API_KEY) $$"}',
    )
    (job,) = jobs(manifests(*update))
    assert variables(job)["FIVETRAN_CUSTOM_UPDATE"] == '{"a": "$$(FIVETRAN_API_KEY) $$$$"}'


@pytest.mark.parametrize("spoiled", ["unknown key", "wrong type"])
def test_the_validator_would_see_a_fault(spoiled: str) -> None:
    (*_, job) = manifests(*COMMANDS["a trigger"])
    if spoiled == "unknown key":
        job["spec"]["podFailurePolicy"]["rules"][0]["onExitCode"] = {}
    else:
        job["spec"]["backoffLimit"] = "1"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.31", strict=True)
