"""What it takes to install what a run needs, and to run it first: python bench/install.py [--pairs 15].

The wheels are fetched once, by pip from its registry, and counted; then each is installed again and again, in turn,
from the folder they lie in, into a new and empty virtual environment, and the trigger runs once. So the seconds hold
everything but the download, whose bytes are in the table. Our scripts have no bytecode at that first run, as they lie
in a vessel after unpacking; pip compiles what it installs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.older import OLDER
from bench.processes import (
    INHERITED,
    PYTHON,
    ROOT,
    Cost,
    Run,
    cost,
    empty_environment,
    medians,
    pip_install,
    product,
    ratios,
    table,
)
from bench.startup import FIVETRAN, SOURCE
from tools.sandbox import Sandbox

OURS = "requirements.txt"


def fetch(requirement: str, folder: Path) -> tuple[int, int]:
    """How many wheels a requirement needs, and their bytes; they are left in `folder`."""
    download = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    cost(Run((*download, "--dest", str(folder), *_wanted(requirement)), pip_install("").environment))
    sizes = [wheel.stat().st_size for wheel in folder.iterdir()]
    return len(sizes), sum(sizes)


def _wanted(requirement: str) -> tuple[str, ...]:
    return ("-r", str(ROOT / OURS)) if requirement == OURS else (requirement,)


def on_disk(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


def report(pairs: int = 15) -> str:
    """The table: what each needs, and the seconds beside ours."""
    inputs = {**FIVETRAN, **SOURCE}
    triggers = {
        OURS: "fivetran_blueprints/trigger_sync.py",
        **{one.requirement: script for script, one in OLDER.items()},
    }
    with tempfile.TemporaryDirectory() as name, Sandbox() as sandbox:
        folder = Path(name)
        environment = {**INHERITED, **sandbox.environment, **inputs, "LOG_LEVEL": "WARNING"}
        wheels = {requirement: fetch(requirement, folder / "wheels" / requirement) for requirement in triggers}
        installs: dict[str, list[Cost]] = {requirement: [] for requirement in triggers}
        firsts: dict[str, list[Cost]] = {requirement: [] for requirement in triggers}
        disk = {}
        for number in range(pairs + 1):
            for requirement, script in triggers.items():
                place = folder / f"{number}-{requirement}"
                python = empty_environment(place / "venv")
                before = on_disk(place / "venv")
                local = ("--no-index", "--find-links", str(folder / "wheels" / requirement))
                installed = cost(pip_install(python, *local, *_wanted(requirement)))
                disk[requirement] = on_disk(place / "venv") - before
                own = {**environment, "SHIPYARD_ARTIFACTS_DIRECTORY": str(place / "artifacts")}
                if requirement == OURS:
                    scripts = product(place / "product", compiled=False)
                    first = cost(Run((python, str(scripts / script)), own))
                else:
                    first = cost(OLDER[script].run(python, place, own, sandbox.url))
                if number:  # the first round does not count
                    installs[requirement].append(installed)
                    firsts[requirement].append(first)
    header = (
        "what is installed",
        "wheels",
        "MB to download",
        "MB on disk",
        "install, s",
        "first run, s",
        "both, CPU s",
        "both to ours, wall",
        "both to ours, CPU",
    )
    both = {one: [Cost(*map(sum, zip(a, b))) for a, b in zip(installs[one], firsts[one])] for one in triggers}
    rows = []
    for requirement in triggers:
        number, size = wheels[requirement]
        beside = ratios(both[requirement], both[OURS])
        rows.append(
            (
                requirement,
                str(number),
                f"{size / 1e6:.2f}",
                f"{disk[requirement] / 1e6:.2f}",
                f"{medians(installs[requirement]).wall:.2f}",
                f"{medians(firsts[requirement]).wall:.2f}",
                f"{medians(both[requirement]).cpu:.2f}",
                f"{beside.wall:.2f}",
                f"{beside.cpu:.2f}",
            )
        )
    return f"Python {PYTHON}, {pairs} pairs.\n\n{table(header, rows)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--pairs", type=int, default=15, help="counted installations of each (default 15)")
    print(report(parser.parse_args().pairs))


if __name__ == "__main__":
    main()
