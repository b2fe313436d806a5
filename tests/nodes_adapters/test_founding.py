"""How the reference store's cluster is founded where the first node takes its time."""

import asyncio
from pathlib import Path

import pytest

from harness import assembly, lifecycle
from harness.contract import Mode
from harness.interrupts import Interrupts
from harness.scenario import Scenario
from harness.verdict import Verdict
from nodes.adapters.reference import ANSWER_S
from nodes.simulated.cluster import SimulatedCluster
from nodes.simulated.loop import VirtualLoop
from nodes.simulated.machine import SimulatedMachine

SLOW_UNTIL_S = 8.0


def test_a_first_node_that_answers_late_has_founded_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, flush_ns, flushes = SimulatedMachine.sync_ns, int(0.8 * ANSWER_S * 1e9), []

    def slow(machine: SimulatedMachine) -> int:
        if machine.name != "n1" or machine.loop.time() > SLOW_UNTIL_S:
            return usual(machine)
        flushes.append(machine.loop.time())
        return flush_ns

    monkeypatch.setattr(SimulatedMachine, "sync_ns", slow)
    scenario = Scenario(
        name="x", mode=Mode.QUORUM, machines="sim", clients=2, rate=40, time_limit_s=1, seed=1, ready_s=60
    )
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        result = runner.run(
            lifecycle.execute(
                scenario,
                machines=SimulatedCluster,
                system=assembly.system(scenario),
                workload=assembly.workload(scenario),
                faults=(),
                folder=tmp_path,
                interrupts=Interrupts(),
            )
        )
    assert flushes, "the disk was slow while the node was founding the cluster"
    assert result.error is None
    assert result.verdict is Verdict.HOLDS, [check for check in result.checks if check.findings]
