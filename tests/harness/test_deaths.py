"""Processes that die by themselves are told of everywhere, and a start that failed is not waited for."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeSystem
from test_lifecycle import RESERVED, Play

from harness import analysis, report, summary
from harness.clock import Origin
from harness.course import Course
from harness.deaths import Deaths, told
from harness.errors import NodeError
from harness.machine import MACHINE, Death, Machine
from harness.operation import Reply
from harness.soundness import judge
from harness.verdict import Verdict, exit_code

DEATH = Death(
    node="n2", process="store", at_ns=5_000, status=65, last_line="wrong checksum", log="logs/n2/store.log"
)
WORDS = "store on n2 exited with status 65: wrong checksum (logs/n2/store.log)"


@pytest.mark.parametrize(
    ("death", "words"),
    [
        (DEATH, WORDS),
        (Death(node="n1", process="x", at_ns=0, status=-9), "x on n1 was killed by SIGKILL"),
        (Death(node="n1", process="x", at_ns=0, status=-40), "x on n1 was killed by signal 40"),
        (
            Death(node="n1", process=MACHINE, at_ns=0, status=-9, last_line="OSError"),
            "the machine n1 is gone, with all that ran on it: OSError",
        ),
    ],
)
def test_a_death_in_words(death: Death, words: str) -> None:
    assert death.words == words


def test_times_count_from_the_origin() -> None:
    async def main() -> tuple[Death, ...]:
        deaths = Deaths()
        deaths.take(DEATH)
        return deaths.since(Origin(utc="", monotonic_ns=2_000))

    assert [death.at_ns for death in asyncio.run(main())] == [3_000]


def test_work_goes_on_until_the_first_death() -> None:
    async def main() -> None:
        deaths = Deaths()
        assert await deaths.unless_any(asyncio.sleep(0, "done")) == "done"
        hanging = asyncio.create_task(deaths.unless_any(asyncio.Event().wait()))
        await asyncio.sleep(0)
        deaths.take(DEATH)
        with pytest.raises(NodeError, match="wrong checksum"):
            await asyncio.wait_for(hanging, 10)

    asyncio.run(main())


class Fragile(FakeSystem):
    """A store whose process on n2 dies at its start, while nobody is primary."""

    async def start(self, machine: Machine) -> None:
        await super().start(machine)
        if machine.name == "n2":
            self.primary_rules = False
            machine._config.on_death(DEATH)  # type: ignore[attr-defined]


def test_a_node_that_dies_at_its_start_is_told_of_at_once(tmp_path: Path) -> None:
    play = Play(tmp_path, ready_s=10_000.0)  # a wait to the end would be cut off by the play
    play.system = Fragile()
    result = play.act()
    assert result.verdict is Verdict.ERROR
    assert exit_code(result.verdict) == 3
    assert result.error is not None
    assert result.error.startswith(f"fake did not come up: {WORDS}; logs: {tmp_path}")
    assert [death.node for death in result.deaths] == ["n2"]


def test_a_death_during_the_run_is_told_of_and_costs_no_verdict(tmp_path: Path) -> None:
    play = Play(tmp_path)

    async def die(client: Any, value: int) -> Reply | None:
        if value == RESERVED + 10:  # some way into the clients' own writes
            play.cluster.config.on_death(DEATH)  # type: ignore[misc]
        return None

    play.system.before_append = die  # type: ignore[assignment]
    result = play.act()
    assert result.verdict is Verdict.HOLDS, result
    (death,) = result.deaths
    assert death.words == WORDS
    line = told(result.deaths)[0]
    assert line.endswith(WORDS)
    assert f"  died: {line}" in list(summary.lines(result))
    assert summary.summarise(result, folder=None).deaths == result.deaths
    assert WORDS in report.write_run(tmp_path).read_text()
    again = analysis.analyse(tmp_path, system=play.system, workload=play.workload)  # type: ignore[arg-type]
    assert again.deaths == result.deaths, "it is on record"


@pytest.mark.parametrize(
    "went",
    [
        Course(started_ns=1, stopped_ns=9, recovered=False, deaths=(DEATH,)),
        Course(started_ns=1, stopped_ns=9, recovered=True, unsettled="n2 did not answer", deaths=(DEATH,)),
    ],
)
def test_what_keeps_a_system_from_recovering_is_told_with_it(went: Course) -> None:
    result = judge(went, [], acknowledged=5, planned=0)
    (finding,) = result.findings
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.lines[-1] == f"at 0.000 s {WORDS}"
