"""The script for cron and systemd: run in an empty home, and what it sets up run, too."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sync_blueprints.export.schedule import check_schedule, on_calendar
from sync_blueprints.sandbox import Sandbox
from tests.exporting import CHECK, CONNECTOR, TRIGGER, command_in, exported, inputs, program_in, shell

pytestmark = pytest.mark.skipif(not shutil.which("flock"), reason="flock is util-linux's")

FOLDER = ".config/sync-blueprints"
SYSTEMD_ANALYZE = shutil.which("systemd-analyze") or ""
SHELLCHECK = str(Path(sys.executable).parent / "shellcheck")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a space in its path, with `sync-blueprints` on PATH."""
    command_in(tmp_path / "a home" / "bin")
    return tmp_path / "a home"


def set_up(home: Path, *arguments: str, secrets: Mapping[str, str] | None = None) -> str:
    """What the exported script prints; the secrets are then filled in."""
    done = shell(exported("cron", *arguments, "--name", "nightly"), home)
    assert done.returncode == 0, done.stderr
    lines = [f"{name}='{value}'\n" for name, value in (secrets or {}).items()]
    if secrets is not None:
        (home / FOLDER / "nightly.env").write_text("".join(lines), encoding="utf-8")
    return done.stdout


def test_shellcheck_finds_nothing_in_the_scripts(home: Path, tmp_path: Path) -> None:
    (tmp_path / "setup.sh").write_text(exported("cron", TRIGGER, CHECK, *CONNECTOR), encoding="utf-8")
    set_up(home, TRIGGER, *CONNECTOR)
    for script in (tmp_path / "setup.sh", home / FOLDER / "nightly.sh"):
        subprocess.run([SHELLCHECK, "--exclude=SC1091", str(script)], check=True)


def test_secrets_are_kept_private_and_survive_another_setup(home: Path) -> None:
    set_up(home, TRIGGER, *CONNECTOR)
    env = home / FOLDER / "nightly.env"
    assert env.stat().st_mode & 0o777 == 0o600
    assert env.read_text("utf-8") == "FIVETRAN_API_KEY=''\nFIVETRAN_API_SECRET=''\n"
    env.write_text("FIVETRAN_API_KEY='mine'\n", encoding="utf-8")
    set_up(home, TRIGGER, *CONNECTOR)
    assert "mine" in env.read_text("utf-8")


def test_nothing_is_set_up_without_the_command(tmp_path: Path) -> None:
    done = shell(exported("cron", TRIGGER, *CONNECTOR), tmp_path, PATH="/usr/bin:/bin")
    assert (done.returncode, done.stderr) == (1, "sync-blueprints is not installed, or not on PATH\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sockets
@pytest.mark.parametrize(("connector", "exit_code"), [("succeeds_in_1", 0), ("fails_in_1", 211)])
def test_the_crontab_line_is_silent_after_a_success_and_shows_the_log_of_a_failure(
    home: Path, connector: str, exit_code: int
) -> None:
    with Sandbox() as sandbox:
        given = (f"FIVETRAN_CONNECTOR_ID={connector}", f"FIVETRAN_API_URL={sandbox.url}", "2:FIVETRAN_WAIT=TRUE")
        printed = set_up(home, TRIGGER, CHECK, *inputs(*given), secrets=sandbox.environment)
        line = printed.splitlines()[-1].strip()
        assert line.startswith("0 2 * * * ")
        mailed = shell(line[len("0 2 * * * ") :], home)
        assert ("exit code 211" in mailed.stdout) is bool(exit_code)
        assert (mailed.stdout == "") is not bool(exit_code)
        assert sandbox.starts == [("fivetran", connector)]
        assert shell(shlex.quote(str(home / FOLDER / "nightly.sh")), home).returncode == exit_code


def test_a_run_beside_another_one_ends_at_once_and_starts_nothing(home: Path) -> None:
    set_up(home, TRIGGER, *CONNECTOR)
    program_in(home / "bin", "sync-blueprints", "sh", "-c", f'echo started >>"{home}/log"; exec sleep 60')
    script = str(home / FOLDER / "nightly.sh")
    with subprocess.Popen([script], env={"PATH": os.environ["PATH"]}) as first:
        while not (home / "log").exists():
            assert first.poll() is None
        second = shell(shlex.quote(script), home)
        first.terminate()
    assert second.returncode == 0
    assert (home / "log").read_text("utf-8") == "started\n"


@pytest.mark.skipif(not SYSTEMD_ANALYZE, reason="systemd is not there")
def test_systemd_takes_the_units(home: Path) -> None:
    set_up(home, TRIGGER, CHECK, *CONNECTOR, "--schedule", "*/15 6-18 1,15 jan-mar mon-fri")
    units = home / ".config" / "systemd" / "user"
    files = [str(units / name) for name in ("nightly.service", "nightly.timer")]
    done = shell(shlex.join([SYSTEMD_ANALYZE, "verify", "--user", "--man=no", *files]), home, XDG_RUNTIME_DIR=str(home))
    assert (done.returncode, [line for line in done.stderr.splitlines() if "nightly" in line]) == (0, [])


@pytest.mark.parametrize(
    ("schedule", "events"),
    [
        ("0 2 * * *", ["*-*-* 2:0:00"]),
        ("*/15 * * * *", ["*-*-* *:0/15:00"]),
        ("5,35 0-6,22 */2 JAN-mar,12 *", ["*-1..3,12-1/2 0..6,22:5,35:00"]),
        ("0 5 * * mon-fri", ["Mon,Tue,Wed,Thu,Fri *-*-* 5:0:00"]),
        ("0 5 * * 0", ["Sun *-*-* 5:0:00"]),
        ("0 5 * * */2", ["Sun,Tue,Thu,Sat *-*-* 5:0:00"]),
        ("0 5 * * 1/3", ["Mon,Thu *-*-* 5:0:00"]),
        ("0 5 1,15 * 1", ["*-*-1,15 5:0:00", "Mon *-*-* 5:0:00"]),  # cron takes day and weekday as alternatives
        ("10-40/10 5 */1 * 1", ["Mon *-*-1/1 5:10..40/10:00"]),
    ],
)
def test_a_schedule_of_cron_as_events_of_systemd(schedule: str, events: list[str]) -> None:
    check_schedule(schedule)
    assert on_calendar(schedule) == events
    if SYSTEMD_ANALYZE:
        subprocess.run([SYSTEMD_ANALYZE, "calendar", *events], stdout=subprocess.DEVNULL, check=True)
