"""Prints how many small wrong changes of the checkers their tests notice: `make mutation ARGS="--minutes 15"`.

In a copy of the program one change at a time is made, drawn from all that there are, and the tests of what was
changed are run until the first fails. A change that no test notices is printed: it is a hole in the tests, or a
change that changes nothing (a bound that only makes a search faster, a value that can't occur).
"""

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutate import Mutant, mutants

ROOT = Path(__file__).parents[2]
COPIED = ("harness", "nodes", "checkers", "faults", "tests", "docs", "pyproject.toml", "README.md")

TARGETS: dict[str, tuple[str, ...]] = {
    "checkers/linearizability/*.py": (
        "tests/checkers/linearizability", "tests/checkers/histories/test_linearizable.py",
    ),
    "checkers/linearizability/models/*.py": (
        "tests/checkers/linearizability", "tests/checkers/histories/test_unknown_operations.py",
    ),
    "checkers/transactions/*.py": ("tests/checkers/transactions", "tests/checkers/histories/test_isolation.py"),
    "checkers/histories/*.py": ("tests/checkers/histories",),
    "checkers/sessions/*.py": ("tests/checkers/sessions",),
    "checkers/durability.py": ("tests/checkers/test_durability.py", "tests/checkers/test_durability_model.py"),
    "checkers/rulings/*.py": (
        "tests/checkers/test_durability.py", "tests/checkers/test_durability_model.py",
        "tests/checkers/test_unreported.py", "tests/checkers/test_toll.py", "tests/checkers/test_failing_disks.py",
    ),
    "checkers/evidence/*.py": (
        "tests/checkers/test_durability.py", "tests/checkers/test_durability_model.py",
        "tests/checkers/test_incidents.py", "tests/checkers/test_ledger.py", "tests/checkers/test_lineage.py",
        "tests/checkers/test_reports.py", "tests/checkers/test_recency.py",
        "tests/checkers/test_linearizable_keys.py", "tests/checkers/test_failing_disks.py",
        "tests/checkers/test_copies.py", "tests/checkers/test_phantom.py", "tests/checkers/test_integrity.py",
        "tests/checkers/test_staleness.py", "tests/checkers/test_evidence_defined.py",
        "tests/checkers/test_instants.py", "tests/checkers/test_keys.py",
    ),
    "checkers/verifier/*.py": ("tests/checkers/verifier",),
}  # fmt: skip
"""Which tests are of which files."""

SKIPPED = ("picture.py", "__init__.py")
"""What draws is looked at, and tested by its shapes only."""

KILLED, SURVIVED, ENDLESS = "killed", "survived", "endless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A mutant of a file, with the tests that should notice it."""

    file: str
    mutant: Mutant
    tests: tuple[str, ...]


def all_mutants(only: str) -> Iterator[Chosen]:
    """Yield every mutant of the files whose path has `only` in it."""
    for pattern, tests in TARGETS.items():
        for path in sorted(ROOT.glob(pattern)):
            file = str(path.relative_to(ROOT))
            if path.name not in SKIPPED and only in file:
                yield from (Chosen(file=file, mutant=each, tests=tests) for each in mutants(path.read_text()))


def copied(folder: Path) -> Path:
    """Copy what is tested, and make it what is imported."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    os.chdir(folder)
    return folder


def outcome(tests: tuple[str, ...], limit_s: float) -> str:
    """Run tests in a process of their own, and tell what came of them."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        import pytest

        options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not cluster and not root and not redis"]
        options += ["--hypothesis-profile", "mutation"]  # of tests/conftest.py
        os._exit(0 if pytest.main([*options, *tests]) == 0 else 1)
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return SURVIVED if os.waitstatus_to_exitcode(status) == 0 else KILLED
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return ENDLESS


def baseline(chosen: list[Chosen]) -> dict[tuple[str, ...], float]:
    """Return how long each set of tests takes when nothing is changed; exits where one fails."""
    times = {}
    for tests in dict.fromkeys(each.tests for each in chosen):
        began = time.monotonic()
        if outcome(tests, 600) != SURVIVED:
            sys.exit(f"without any change these tests fail: {' '.join(tests)}")
        times[tests] = time.monotonic() - began
    return times


def main() -> int:
    """Try mutants until the time is over, and print the score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15, help="of CPU (15)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only files with this in their path")
    options = parser.parse_args()
    chosen = list(all_mutants(options.only))
    random.Random(options.seed).shuffle(chosen)
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = copied(Path(name))
        import numpy  # noqa: F401 - loaded once, for all the processes to come
        import pytest  # noqa: F401

        times = baseline(chosen)
        for each in chosen:
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            if used.ru_utime + used.ru_stime > 60 * options.minutes:
                break
            place = folder / each.file
            whole = place.read_text()
            place.write_text(each.mutant.source)
            result = outcome(each.tests, 20 + 4 * times[each.tests])
            place.write_text(whole)
            counts.setdefault(each.file, Counter())[result] += 1
            if result == SURVIVED:
                change = each.mutant
                print(
                    f"{each.file}:{change.line}:{change.column}: {change.before} -> {change.after}",
                    flush=True,
                )
    for file, count in sorted(counts.items()):
        print(f"{file}: {count[KILLED] + count[ENDLESS]} of {count.total()}")
    total = sum(counts.values(), Counter())
    noticed = total[KILLED] + total[ENDLESS]
    print(
        f"{noticed} of {total.total()} noticed ({noticed / max(1, total.total()):.0%}), {total[ENDLESS]} by time; "
        f"{len(chosen)} are possible"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
