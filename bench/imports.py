"""What a run imports beyond `import requests`, by module: python bench/imports.py [--runs 15].

`-X importtime` tells the time of each import without those it makes itself; the figures are the least of the runs, as
another process in between makes an import take longer, never shorter.
`imports-3.9.md` and `imports-3.13.md` keep what it printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.processes import INHERITED, PYTHON, product, table

SCRIPTS = [
    f"{vendor}_blueprints/{script}.py"
    for vendor in ("fivetran", "rudderstack", "nango")
    for script in ("trigger_sync", "check_sync_status")
]


def imported(command: Sequence[str]) -> dict[str, int]:
    """The modules that a process imports, and the microseconds of each by itself."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *command], env=INHERITED, capture_output=True, text=True, check=False
    )
    lines = [line.partition(":")[2].split("|") for line in ended.stderr.splitlines() if line.startswith("import time:")]
    return {name.strip(): int(own) for own, _, name in lines if own.strip().isdecimal()}


def report(runs: int = 15) -> str:
    """The table, by module; without inputs a script ends with exit 206 once it has imported what it needs."""
    found: dict[str, dict[str, list[int]]] = {script: defaultdict(list) for script in SCRIPTS}
    requests: list[int] = []
    with tempfile.TemporaryDirectory() as name:
        folder = product(Path(name))
        imported(["-c", "import requests"])
        for _ in range(runs):
            base = imported(["-c", "import requests"])
            requests.append(sum(base.values()))
            for script in SCRIPTS:
                for module, own in imported([str(folder / script)]).items():
                    if module not in base:
                        found[script][module].append(own)
    least = {script: {module: min(times) for module, times in modules.items()} for script, modules in found.items()}
    most = {module: max(one.get(module, 0) for one in least.values()) for one in least.values() for module in one}
    rows = [
        [f"`{module}`", *(str(one.get(module, "")) for one in least.values())]
        for module in sorted(most, key=lambda module: (-most[module], module))
    ]
    rows.append(["all of these", *(str(sum(one.values())) for one in least.values())])
    header = ["microseconds", *(script.replace("_blueprints/", " ").partition(".")[0] for script in SCRIPTS)]
    least_of_all = f"`import requests` takes {min(requests):,} microseconds"
    return f"Python {PYTHON}, the least of {runs} runs; {least_of_all}.\n\n{table(header, rows)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--runs", type=int, default=15, help="runs of each script (default 15)")
    print(report(parser.parse_args().runs))


if __name__ == "__main__":
    main()
