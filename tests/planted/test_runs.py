"""Runs of the store with each planted bug in simulation, where nothing else is wrong."""

from pathlib import Path
from types import ModuleType

import pytest

from harness import report, running, summary
from harness.campaign.one import digest
from harness.contract import Mode
from harness.result import RunResult
from harness.scenario import FaultStep, Scenario
from harness.verdict import Verdict
from nodes.loading import OWN_CODE
from nodes.planted import BUGS, Bug, variant
from nodes.simulated import store

TOO_EARLY = "the simulated disks know that it acknowledges before what it counts is flushed"
TOO_FEW = "it counts too few copies of every write"

SHOWN_WITHOUT_FAULTS = {
    "ack-before-local-flush": TOO_EARLY,
    "lose-last-group-commit-batch": TOO_EARLY,
    "own-log-not-counted": TOO_EARLY,
    "ack-before-replica-flush": TOO_EARLY,
    "memory-counts-as-disk": TOO_EARLY,
    "segment-without-directory-fsync": TOO_EARLY,
    "flush-skipped-at-rotation": TOO_EARLY,
    "count-one-replica-twice": TOO_FEW,
    "one-confirmation-too-few": TOO_FEW,
    "half-is-a-quorum": TOO_FEW,
    "sync-set-is-any-one": TOO_FEW,
    "count-the-async-site": TOO_FEW,
    "half-of-the-members-elects": TOO_FEW,
    "degrade-though-never": "it degrades, which it must not, whenever a replica is a little late",
    "transaction-in-part": "it leaves out a part of most transactions",
}
"""Bugs that a run without any fault may show, and why."""


def run(
    folder: Path, bug: Bug | None = None, *, span_s: float = 1.0, faults: tuple[FaultStep, ...] = ()
) -> RunResult:
    where = bug.where if bug else None
    planted = {"bug": bug.name} if bug else {}
    scenario = Scenario(
        name="calm",
        mode=where.modes[0] if where and where.modes else Mode.QUORUM,
        nodes=where.nodes if where and where.nodes else 3,
        machines="sim",
        settings={**(where.settings if where else {}), **planted},
        workload=where.workload if where and where.workload else "append",
        clients=5,
        rate=100.0,
        time_limit_s=span_s,
        seed=1,
        faults=faults,
    )
    return running.perform(scenario, folder)


@pytest.mark.parametrize("bug", BUGS.values(), ids=lambda bug: bug.name)
def test_the_store_works_with_each_bug_while_nothing_happens(bug: Bug, tmp_path: Path) -> None:
    result = run(tmp_path, bug)
    assert result.error is None
    assert result.acknowledged > 50
    assert result.deaths == ()
    if bug.name not in SHOWN_WITHOUT_FAULTS:
        assert result.verdict is Verdict.HOLDS, [check.summary for check in result.checks]
    assert result.system == f"reference with the planted bug {bug.name}"


def test_every_bug_that_is_shown_without_faults_is_there() -> None:
    assert set(SHOWN_WITHOUT_FAULTS) <= set(BUGS)


def test_nodes_run_what_is_planted(tmp_path: Path) -> None:
    result = run(tmp_path, BUGS["half-is-a-quorum"])
    assert {check.checker for check in result.checks if check.verdict is Verdict.VIOLATED} == {"copies"}


def test_clients_run_what_is_planted(tmp_path: Path) -> None:
    bug = BUGS["client-takes-a-timeout-for-a-failure"]
    stall = FaultStep(fault="pause", target="primary", at_s=1.1, for_s=1.2)
    result = run(tmp_path, bug, span_s=3.0, faults=(stall,))
    told = {check.checker: check for check in result.checks if check.verdict is Verdict.VIOLATED}
    assert set(told) <= {"durability", "linearizable"}
    title = told["durability"].findings[0].title
    assert "was refused, and is there in the end" in title
    assert title in told["durability"].summary


def test_every_page_of_a_run_says_what_was_planted(tmp_path: Path) -> None:
    result = run(tmp_path, BUGS["half-is-a-quorum"])
    name = "reference with the planted bug half-is-a-quorum"
    assert name in next(summary.lines(result))
    assert summary.summarise(result, folder=None).system == name
    assert name in report.write_run(tmp_path).read_text()


def test_a_run_does_not_depend_on_where_its_variant_lies(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        variant.code_of.cache_clear()
        run(tmp_path / name, BUGS["promote-the-shortest-log"])
        digests.append(digest(tmp_path / name))
    assert digests[0] == digests[1]


def test_a_run_that_names_no_bug_is_one_of_the_store_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: set[str] = set()
    load = store.load

    def noting(code: str, module: str) -> ModuleType:
        loaded.add(code)
        found = load(code, module)
        assert found.__name__ == f"nodes.reference.{module}"
        return found

    monkeypatch.setattr(store, "load", noting)
    monkeypatch.setattr(variant, "source_tree", lambda bug: pytest.fail("a bug was planted"))
    result = run(tmp_path)
    assert result.verdict is Verdict.HOLDS
    assert result.system == "reference"
    assert loaded == {OWN_CODE}
