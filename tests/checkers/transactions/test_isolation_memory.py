"""Without enough memory, or scipy, cycles can't be searched: that hides nothing that was found without them."""

import builtins
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from small_transactions import a, columns, r, t, w

from checkers.transactions import check, components
from checkers.transactions.findings import summary
from harness import cli, memory
from harness.operation import Outcome
from harness.verdict import Verdict

LOST = (t(1, r("x", []), a("x", 1)), t(2, r("x", []), a("x", 2)))
SOUND = (t(1, a("x", 1)), t(2, r("x", [1])))


@pytest.fixture
def unloaded(monkeypatch):
    """Let scipy seem not to be loaded yet."""
    for name in [each for each in sys.modules if each == "scipy" or each.startswith("scipy.")]:
        monkeypatch.delitem(sys.modules, name)


def test_without_room_for_scipy_it_is_not_loaded(unloaded, monkeypatch):
    monkeypatch.setattr(memory, "left_mb", lambda: 3)
    for txns, verdict in ((LOST, Verdict.VIOLATED), (SOUND, Verdict.INCONCLUSIVE)):
        result = check(columns(txns))
        assert result.verdict is verdict
        assert result.reason == "not enough memory to search for cycles: scipy takes 80 MB, and 3 are left"
    assert check(columns(LOST)).anomalies == ("lost-update",)
    assert summary(check(columns(LOST))) == "2 transactions: lost-update (1); not cursor-stability"
    assert not any(each.startswith("scipy") for each in sys.modules)


@pytest.fixture
def without(unloaded, monkeypatch):
    """Let the import of scipy fail in some way."""
    usual = builtins.__import__

    def fail(error):
        def failing(name, *args, **kwargs):
            if name.startswith("scipy"):
                raise error
            return usual(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", failing)

    return fail


MISSING = "cycles of transactions were not searched, which takes scipy: pip install 'acked[check]'"


@pytest.mark.parametrize(
    "error,reason",
    [
        (ModuleNotFoundError("No module named 'scipy'"), MISSING),
        (ImportError("no room"), "cycles of transactions were not searched: scipy can't be loaded: no room"),
    ],
)
def test_without_scipy_what_is_found_stands_and_nothing_is_said_to_hold(without, error, reason):
    without(error)
    lost, sound = check(columns(LOST)), check(columns(SOUND))
    assert (lost.verdict, lost.anomalies, lost.reason) == (Verdict.VIOLATED, ("lost-update",), reason)
    assert (sound.verdict, sound.anomalies, sound.reason) == (Verdict.INCONCLUSIVE, (), reason)


def test_the_extra_that_is_named_brings_scipy():
    needs = [each for each in metadata.requires("acked") if each.startswith("scipy")]
    assert needs and all("extra ==" in each for each in needs)
    assert any('extra == "check"' in each for each in needs)


WRONG = {
    "garbage-read": (t(1, r("x", 7)), t(2, w("x", 1))),
    "G1a": (t(1, w("x", 1), outcome=Outcome.FAIL), t(2, r("x", 1))),
    "G1b": (t(1, w("x", 1), w("x", 2)), t(2, r("x", 1))),
    "internal": (t(1, w("x", 1), r("x", 2)), t(2, w("x", 2))),
    "lost-update": (t(1, r("x", None), w("x", 1)), t(2, r("x", None), w("x", 2))),
}


@pytest.mark.parametrize("anomaly", WRONG)
def test_registers_are_judged_without_scipy_as_far_as_no_order_is_needed(without, anomaly):
    without(ModuleNotFoundError("No module named 'scipy'"))
    result = check(columns(WRONG[anomaly]), "rw-register")
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, (anomaly,))
    sound = check(columns((t(1, w("x", 1)), t(2, r("x", 1)))), "rw-register")
    assert (sound.verdict, sound.reason) == (Verdict.INCONCLUSIVE, MISSING)


def test_what_is_loaded_already_needs_no_room(monkeypatch):
    assert check(columns(SOUND)).verdict is Verdict.HOLDS
    monkeypatch.setattr(memory, "left_mb", lambda: 3)
    assert check(columns(SOUND)).verdict is Verdict.HOLDS


@pytest.mark.parametrize("threads", [None, "7"])
def test_it_is_loaded_with_one_thread_and_that_is_nobody_elses_affair(unloaded, monkeypatch, threads):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if threads is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", threads)
    seen, usual = [], builtins.__import__

    def watched(name, *args, **kwargs):
        if name == "scipy.sparse":
            seen.append(os.environ["OPENBLAS_NUM_THREADS"])
            raise ModuleNotFoundError(name)
        return usual(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", watched)
    result = check(columns(LOST))
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("lost-update",))
    assert set(seen) == {"1"} and os.environ.get("OPENBLAS_NUM_THREADS") == threads


def test_memory_that_runs_out_in_the_search(monkeypatch):
    def hungry(*_):
        raise MemoryError

    monkeypatch.setattr(components, "components", hungry)
    result = check(columns(SOUND))
    assert (result.verdict, result.reason) == (
        Verdict.INCONCLUSIVE,
        "not enough memory to search for cycles",
    )
    assert check(columns(LOST)).verdict is Verdict.VIOLATED


def test_the_limit_of_the_command_is_kept_in_the_search(tmp_path: Path):
    """Wherever the limit is hit, the command ends, and what was seen before stands."""
    path = tmp_path / "h.jsonl"
    made = ["generate", "list-append", "--operations", "20000", "--isolation", "snapshot"]
    assert cli.main([*made, "--anomaly", "lost-update", "--out", str(path)]) == 0
    told = {}
    for limit_mb in (150, 170, 190, 400):
        argv = [sys.executable, "-m", "harness", "check", str(path), "--json", "--memory-limit", str(limit_mb),
                "--jobs", "1", "--checker", "list-append", "--checker", "statistics"]  # fmt: skip
        ended = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        assert ended.stderr == "" and ended.returncode in (1, 2)
        checks = {each["checker"]: each for each in json.loads(ended.stdout)["checks"]}
        told[limit_mb] = (ended.returncode, checks)
        assert all(each["verdict"] != "error" for each in checks.values())
    assert told[400][0] == 1 and "G-single" in told[400][1]["list-append"]["anomalies"]
    scarce = [checks["list-append"] for _, checks in told.values() if "list-append" in checks]
    assert any("not enough memory to search for cycles" in str(each["findings"]) for each in scarce)
    assert all(each["verdict"] == "violated" for each in scarce if each["anomalies"])
