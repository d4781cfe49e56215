"""The container image, tried with a real daemon; script/test-docker builds it, names it in TEST_IMAGE and runs this."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator

import pytest
import yaml

from shared import VERSION
from sync_blueprints.catalog import REPOSITORY
from tests.orchestrators.integration import unique

IMAGE = os.environ.get("TEST_IMAGE", "")
NETWORK = shlex.split(os.environ.get("DOCKER_RUN_ARGS", ""))
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.sockets,
    pytest.mark.skipif(not IMAGE, reason="no image is named in TEST_IMAGE: script/test-docker builds and tries one"),
]

TRIGGER = "fivetran_blueprints/trigger_sync.py"
CHECK = "fivetran_blueprints/check_sync_status.py"


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def docker_says(*arguments: str) -> str:
    done = docker(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_for(text: str, container: str) -> str:
    for _ in range(300):
        done = docker("logs", container)
        so_far = done.stdout + done.stderr
        if text in so_far:
            return so_far
        time.sleep(0.1)
    raise AssertionError(f"{text!r} did not appear in the log of the container:\n{so_far}")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What another container needs to talk to a sandbox in a container: its network, and the variables as a file."""
    name = unique("sandbox")
    docker_says("run", "--detach", "--name", name, *(NETWORK or ["--network=none"]), IMAGE, "sandbox", "--port", "0")
    try:
        printed = wait_for("# ", name)
        file = tmp_path_factory.mktemp("sandbox") / ".env"
        file.write_text("".join(f"{line}\n" for line in re.findall(r"^export (\S+)$", printed, re.MULTILINE)))
        yield [*(NETWORK or [f"--network=container:{name}"]), "--env-file", str(file)]
    finally:
        stopped = docker("stop", "--time", "2", name)
        exit_code = docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip()
        docker("rm", "--force", "--volumes", name)
    assert (stopped.returncode, exit_code) == (0, "0")


@pytest.fixture
def volume() -> Iterator[str]:
    name = unique("artifacts")
    docker_says("volume", "create", name)
    yield name
    docker_says("volume", "rm", "--force", name)


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    given = [f"--env={name}={value}" for name, value in variables.items()]
    return docker("run", "--rm", *HARDENED, *given, *arguments)


@pytest.mark.parametrize("command", [[TRIGGER], ["run", "Fivetran - Execute Sync"]], ids=["script", "run"])
@pytest.mark.parametrize("moment", ["import 'runpy'", " is running"], ids=["while it starts", "while it waits"])
@pytest.mark.parametrize(("signal", "expected"), [("TERM", 143), ("INT", 130)])
def test_a_signal_ends_a_container_within_two_seconds(
    sandbox: list[str], command: list[str], moment: str, signal: str, expected: int
) -> None:
    if command[0] == "run":
        moment = moment.replace("runpy", "sync_blueprints")
    inputs = {"FIVETRAN_WAIT": "TRUE", "FIVETRAN_CONNECTOR_ID": unique("succeeds_in_600"), "PYTHONVERBOSE": "1"}
    given = [f"--env={name}={value}" for name, value in inputs.items()]
    options = ("--detach", f"--stop-signal=SIG{signal}", *HARDENED, *sandbox, *given)
    container = docker_says("run", *options, IMAGE, *command)
    try:
        wait_for(moment, container)
        docker_says("stop", "--time", "2", container)  # killed after two seconds, and the exit code were 137
        exit_code = int(docker_says("inspect", "--format", "{{.State.ExitCode}}", container))
        assert exit_code == expected, docker("logs", container)
    finally:
        docker("rm", "--force", "--volumes", container)


@pytest.mark.parametrize(("arguments", "said"), [([], "trigger_sync.py"), (["sh"], "'sh'")])
def test_without_arguments_or_with_those_of_a_shell_it_shows_help_and_fails(arguments: list[str], said: str) -> None:
    done = run("--network=none", IMAGE, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert run("--network=none", IMAGE, "--help").returncode == 0


def test_a_folder_that_root_owns_is_221_with_what_to_do(sandbox: list[str], volume: str) -> None:
    mounted = [f"--volume={volume}:/artifacts"]
    closed = "touch /artifacts/it; chmod 0755 /artifacts"  # an empty volume would become the image's folder again
    docker_says("run", "--rm", "--user=0", "--network=none", *mounted, "--entrypoint=sh", IMAGE, "-c", closed)
    done = run(*sandbox, *mounted, IMAGE, TRIGGER, FIVETRAN_CONNECTOR_ID="succeeds_in_0_xroot")
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (221, "artifact_error")
    assert "let the user with the id 10001 write to /artifacts;" in done.stderr


def test_any_user_may_run_it_and_another_container_finds_the_handoff(sandbox: list[str], volume: str) -> None:
    mounted = [*sandbox, f"--volume={volume}:/artifacts", "--user=4711:4711", IMAGE]
    assert run(*mounted, TRIGGER, FIVETRAN_CONNECTOR_ID="succeeds_in_0_xuser").returncode == 0
    assert run(*mounted, CHECK, FIVETRAN_WAIT="TRUE").returncode == 0


def test_the_image_says_what_it_is() -> None:
    config = json.loads(docker_says("image", "inspect", IMAGE))[0]["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.version"] == VERSION
    assert list(config["Volumes"]) == ["/artifacts"]


def test_nothing_is_compiled_when_a_container_starts(sandbox: list[str]) -> None:
    for script, variables in ((TRIGGER, {"FIVETRAN_CONNECTOR_ID": "succeeds_in_0_xcompiled"}), ("run", {})):
        done = run(*sandbox, IMAGE, script, PYTHONVERBOSE="1", **variables)
        loaded = re.findall(r"code object from '?(/[^\s']+)'?", done.stderr)
        assert len(loaded) > 50
        assert [path for path in loaded if not path.endswith((".pyc", "/bin/sync-blueprints"))] == []


def test_only_what_runs_is_in_the_image() -> None:
    find = ["find", "/src", "/wheels", "/artifacts", "-type", "f"]
    done = run("--network=none", f"--entrypoint={find[0]}", IMAGE, *find[1:])
    assert done.stdout == ""


def test_export_and_demo_need_the_image_alone() -> None:
    exported = run("--network=none", IMAGE, "export", "docker", "Fivetran - Check Credentials")
    assert (exported.returncode, "docker run" in exported.stdout) == (0, True), exported.stderr
    demo = run("--network=none", IMAGE, "demo")
    assert demo.returncode == 0, demo.stdout + demo.stderr


def test_what_the_docs_show_goes_through(sandbox: list[str], volume: str) -> None:
    page = (REPOSITORY / "docs" / "orchestrators" / "docker.md").read_text(encoding="utf-8")
    lines = re.findall(r"^docker run (.+--env-file \.env .+)$", page, re.MULTILINE)
    assert len(lines) == 3
    connector = f"--env=FIVETRAN_CONNECTOR_ID={unique('succeeds_in_1')}"
    for line in lines:
        words = [IMAGE if word == "sync-blueprints" else word for word in shlex.split(line)]
        words[words.index("artifacts:/artifacts")] = f"{volume}:/artifacts"
        words[words.index("--env-file") : words.index("--env-file") + 2] = [*sandbox, connector]
        done = docker("run", *[word.replace("30s", "1s") for word in words])
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(bool(NETWORK), reason="needs a network of its own, because the port is fixed")
def test_the_services_of_compose_work_together(volume: str) -> None:
    services = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))["services"]
    name = unique("sandbox")
    docker_says("run", "--detach", "--name", name, *HARDENED, "--network=none", IMAGE, *services["sandbox"]["command"])
    try:
        wait_for("# ", name)
        test = services["sandbox"]["healthcheck"]["test"]
        assert test[0] == "CMD"
        assert docker("exec", name, *test[1:]).returncode == 0
        assert docker("exec", name, *[word.replace("8642", "8643") for word in test[1:]]).returncode != 0
        for service in (services["trigger"], services["check"]):
            # Without a network between containers no name can be resolved.
            variables = {**service["environment"], "FIVETRAN_API_URL": "http://127.0.0.1:8642"}
            mounted = [f"--network=container:{name}", f"--volume={volume}:/artifacts", IMAGE]
            done = run(*mounted, *service["command"], **variables)
            assert done.returncode == 0, done.stderr
    finally:
        docker("rm", "--force", "--volumes", name)
