"""Runs the tests against small faults put into shared/ and the clients: python bench/mutation.py ['shared.status.*' …]

mutmut makes the mutants and remembers their results (mutants/; `mutmut show NAME` prints one). Its own runner starts
pytest anew for every mutant and for thousands of tests that takes hours, so here pytest collects once and each mutant
is a fork that runs the tests which reach its function, those that killed its neighbours first, until one fails.
Mutants already killed are not run again while their function stays as it was. Needs bench/requirements.txt.
"""

from __future__ import annotations

import argparse
import ast
import fnmatch
import gc
import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

MOST_SECONDS = 2.0  # of CPU for one test; longer ones are left out
MOST_SECONDS_ELSEWHERE = 1.0  # of CPU for the tests of other modules
MOST_WAIT = 40  # seconds of the clock for one mutant: it may wait for what never comes
MOST_BYTES = 2 << 30  # a mutant that never ends its wait fills a list instead
FOLDERS = [f"tests/{name}" for name in ("shared", "rudderstack_blueprints", "fivetran_blueprints", "nango_blueprints")]
KILLED, SURVIVED, UNREACHED, TIMED_OUT = 1, 0, 33, 36  # mutmut's codes


class Mutant(NamedTuple):
    """`function`: as mutmut's trampolines record it."""

    name: str
    function: str
    data: Any  # mutmut's SourceFileMutationData
    wording: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", help="names of mutants, default all")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--survivors", action="store_true", help="run nothing; list what survived and may matter")
    parser.add_argument("--again", action="store_true", help="run only those that survived the last time")
    given = parser.parse_args()
    mutants = generate(given.patterns or ["*"], given.jobs)
    if not given.survivors:
        os.chdir("mutants")
        tried = [one for one in mutants if not killed(one) and not one.wording]
        if given.again:
            tried = [one for one in tried if killed(one) is not None]
        plugin = Runner(tried, given.jobs)
        options = ["-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider", "-m", "not slow and not sockets"]
        failed = pytest.main([*options, *FOLDERS], [plugin])
        os.chdir("..")
        if failed:
            return 2
        anew = [one for one in mutants if one.data.exit_code_by_key[one.name] == UNREACHED and not one.wording]
        with ThreadPoolExecutor(given.jobs) as pool:
            for mutant, code in zip(anew, pool.map(run_anew, anew)):
                note(mutant, code)
    return report(mutants)


def generate(patterns: list[str], jobs: int) -> list[Mutant]:
    """The mutants in mutants/, made anew where a source has changed."""
    from mutmut.__main__ import collect_source_file_mutation_data, create_mutants  # not until arguments are read
    from mutmut.mutation.trampoline import set_mutant_under_test
    from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths
    from mutmut.utils.format_utils import mangled_name_from_mutant_name

    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    shutil.rmtree("mutants/tests", ignore_errors=True)
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    create_mutants(jobs)
    found, _ = collect_source_file_mutation_data(mutant_names=[])
    return [
        Mutant(name, mangled_name_from_mutant_name(name), data, is_wording(*read(name, data.path)))
        for data, name, _ in found
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    ]


def killed(mutant: Mutant) -> bool | None:
    """None: not tried yet."""
    code = mutant.data.exit_code_by_key[mutant.name]
    return None if code is None else code not in (SURVIVED, UNREACHED)


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def note(mutant: Mutant, code: int) -> None:
    mutant.data.exit_code_by_key[mutant.name] = code
    mutant.data.save()


def run_anew(mutant: Mutant) -> int:
    """For what is called while modules are imported, as the declarations of inputs are: a process of its own."""
    tests = [f"tests/{'/test_'.join(mutant.function.split('.')[:2])}.py", "tests/test_catalogue.py"]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "MUTANT_UNDER_TEST": mutant.name}
    done = subprocess.run(command, cwd="mutants", env=environment, capture_output=True, timeout=600, check=False)
    return KILLED if done.returncode else SURVIVED


class Runner:
    """A pytest plug-in: the tests run once unchanged, then as forks with one mutant each."""

    def __init__(self, mutants: list[Mutant], jobs: int) -> None:
        self.mutants = mutants
        self.jobs = jobs
        self.tests: dict[str, list[tuple[float, int]]] = defaultdict(list)  # by function: seconds of CPU, item
        self.killers: dict[str, list[int]] = defaultdict(list)
        self.spawned = False

    def pytest_configure(self, config: pytest.Config) -> None:  # noqa: ARG002
        from hypothesis import HealthCheck, settings

        every = list(HealthCheck)
        settings.register_profile("mutation", None, max_examples=20, derandomize=True, database=None, deadline=None,
                                  suppress_health_check=every)  # fmt: skip
        settings.load_profile("mutation")
        sys.addaudithook(self.listen)

    def listen(self, event: str, _args: object) -> None:
        if event == "subprocess.Popen":
            self.spawned = True

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.learn(session)
        if not session.testsfailed:
            os.chdir("..")
            self.run(session)
            os.chdir("mutants")
        return True

    def learn(self, session: pytest.Session) -> None:
        """Which tests reach which functions; one that starts processes counts for its whole module."""
        from mutmut.mutation.trampoline import set_mutant_under_test
        from mutmut.state import state

        set_mutant_under_test("stats")
        stored = Path("reached.json")  # by test: its seconds, and what it reaches
        known = json.loads(stored.read_text()) if stored.exists() else {}
        for number, item in enumerate(session.items):
            if item.nodeid not in known:
                state()._stats.clear()
                self.spawned = False
                before = cpu_seconds()
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                if session.testsfailed:
                    return
                module = item.path.stem.replace("test_", "shared.") + ".*"
                known[item.nodeid] = cpu_seconds() - before, [*state()._stats, *([module] if self.spawned else [])]
            seconds, reached = known[item.nodeid]
            if seconds <= MOST_SECONDS:
                for function in reached:
                    self.tests[function].append((seconds, number))
        stored.write_text(json.dumps(known))
        for function in {mutant.function for mutant in self.mutants}:
            self.tests[function] = self.chosen(session, function)

    def chosen(self, session: pytest.Session, function: str) -> list[tuple[float, int]]:
        """All tests of the function's own module, the quickest first, then as many of the others as time permits."""
        folder, module = function.split(".")[:2]
        reaching = sorted(self.tests[function] + self.tests[f"{folder}.{module}.*"])
        if folder != "shared":
            return reaching
        files = {number: session.items[number].path for _, number in reaching}
        own = [one for one in reaching if files[one[1]].stem == f"test_{module}"]
        own = own or [one for one in reaching if files[one[1]].parent.name == folder]
        others = [one for one in reaching if one not in own]
        random.Random(1).shuffle(others)
        seconds = itertools.accumulate(one[0] for one in others)
        return own + [one for one, so_far in zip(others, seconds) if so_far <= MOST_SECONDS_ELSEWHERE]

    def run(self, session: pytest.Session) -> None:
        running: dict[int, tuple[Mutant, int, str, float]] = {}
        waiting = random.Random(1).sample(self.mutants, len(self.mutants))  # stopped early, it is a fair sample
        gc.collect()
        gc.freeze()
        gc.disable()  # or each fork copies all memory
        done = 0
        started = time.monotonic()
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop(0)
                if not self.tests[mutant.function]:
                    note(mutant, UNREACHED)
                    continue
                reader, writer = os.pipe()
                folder = tempfile.mkdtemp(prefix="mutant-")
                pid = os.fork()
                if not pid:
                    os.close(reader)
                    self.be(mutant, session, writer, Path(folder))
                os.close(writer)
                running[pid] = (mutant, reader, folder, time.monotonic())
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid:
                for other, (_, _, _, since) in running.items():
                    if time.monotonic() - since > MOST_WAIT:
                        os.killpg(other, signal.SIGKILL)
                time.sleep(0.003)
                continue
            mutant, reader, folder, _ = running.pop(pid)
            said = os.read(reader, 100).decode()
            os.close(reader)
            shutil.rmtree(folder, ignore_errors=True)
            if said == "survived":
                note(mutant, SURVIVED)
            else:
                if said:
                    killers = self.killers[mutant.function]
                    if int(said) in killers:
                        killers.remove(int(said))
                    killers.insert(0, int(said))
                note(mutant, KILLED if said else TIMED_OUT)
            done += 1
            if done % 100 == 0:
                seconds = time.monotonic() - started
                print(f"{done} of {len(self.mutants)} after {seconds:.0f} s", file=sys.__stderr__, flush=True)

    def be(self, mutant: Mutant, session: pytest.Session, writer: int, folder: Path) -> None:
        """In the fork: run the tests, tell the first that fails, never return."""
        try:
            from mutmut.mutation.trampoline import set_mutant_under_test

            os.setpgid(0, 0)
            os.chdir("mutants")
            silence = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(silence, number)
            tests = self.tests[mutant.function]
            resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
            session.config._tmp_path_factory._basetemp = folder  # type: ignore[attr-defined]
            set_mutant_under_test(mutant.name)
            known = self.killers[mutant.function][:5]
            for seconds, number in sorted(tests, key=lambda test: test[1] not in known):
                item = session.items[number]
                signal.setitimer(signal.ITIMER_PROF, 1 + 10 * seconds)  # ends this process
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                if session.testsfailed:
                    os.write(writer, str(number).encode())
                    os._exit(1)
            os.write(writer, b"survived")
            os._exit(0)
        finally:
            os._exit(3)


def report(mutants: list[Mutant]) -> int:
    """Print what survived of what may matter, then figures for each module."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    figures: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant in mutants:
        dead = killed(mutant)
        fate = "wording" if mutant.wording else "not tried" if dead is None else "killed" if dead else "survived"
        figures[mutant.function.rpartition(".")[0]].update(["mutants", fate])
        if fate == "survived":
            diff = get_diff_for_mutant(mutant.name, path=mutant.data.path).splitlines()[2:]
            print("\n".join(["", mutant.name, *(line for line in diff if line[0] in "+-@")]))
    figures["all"] = sum(figures.values(), Counter())
    columns = ("mutants", "wording", "not tried", "killed", "survived")
    print("\n" + "module".ljust(32) + "".join(column.rjust(11) for column in columns) + "score".rjust(11))
    for module, count in figures.items():
        score = f"{count['killed'] / ((count['killed'] + count['survived']) or 1):.1%}"
        print(module.ljust(32) + "".join(str(count[column]).rjust(11) for column in columns) + score.rjust(11))
    return 0


def read(name: str, path: Path) -> list[ast.stmt]:
    """The body of the function as it was and as it was changed."""
    from mutmut.mutation.data import MutantLineSpans
    from mutmut.mutation.diff_apply import generated_function_names

    spans = MutantLineSpans.load(path)
    sources = spans.read_function_sources(generated_function_names(name))
    functions = [ast.parse(textwrap.dedent(source)).body[0] for source in sources]
    for function in functions:
        function.name = ""  # type: ignore[attr-defined]  # which tells the two apart
    return functions


def is_wording(one: Any, other: Any, *, within: str = "") -> bool:
    """Whether two trees differ in nothing but a log line, or in how a sentence is worded.

    A sentence has two words with a blank between; what joins the parts of an f-string, or of a list within one, counts
    as wording, too. A message that is gone altogether does not.
    """
    if isinstance(one, ast.Call) and ast.unparse(one.func).startswith("log."):
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, ast.Constant) and isinstance(other, ast.Constant) and one.value != other.value:
        text, changed = str(one.value), str(other.value)
        same = changed.replace("XX", "").lower() == text.replace("XX", "").lower()
        return same and bool(re.search("[A-Za-z:;,] [a-z(]", text) or text in (", ", "; ") or within == "f-string")
    if isinstance(one, ast.JoinedStr):
        within = "f-string"
    pairs = (
        itertools.zip_longest(one, other)
        if isinstance(one, list)
        else [(getattr(one, field, None), getattr(other, field, None)) for field in one._fields]
        if isinstance(one, ast.AST)
        else []
    )
    for left, right in pairs:
        if tree(left) != tree(right):
            return is_wording(left, right, within=within)
    return False


def tree(node: object) -> str:
    if isinstance(node, list):
        return str([tree(one) for one in node])
    return ast.dump(node) if isinstance(node, ast.AST) else repr(node)


if __name__ == "__main__":
    sys.exit(main())
