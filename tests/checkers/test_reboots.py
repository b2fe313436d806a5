"""A machine of its own that loses its power, as it is recorded: its clock begins anew, its log must not."""

import json
from pathlib import Path

import pytest
from recorded_runs import NODES, Script, ms

from checkers.retention import Retention
from harness import evidence
from harness.clock import Origin
from harness.contract import Mode
from harness.evidence import EvidenceRecorder, Reported
from harness.machine import ClockSample
from harness.spool import Spool
from harness.system import SystemConfig
from harness.verdict import Verdict
from nodes.adapters.reference import ReferenceSystem

ORIGIN = Origin(utc="2026-01-02T03:04:05.678Z", monotonic_ns=ms(1_000_000))
LIVES = ((40_000, 0), (39_000, 30_000), (35_000, 60_000))
"""What n2's clock showed when it was heard of first in each of its lives, and when that was, in ms."""


class Recorded:
    """What n2 reports in each life, as the reference store prints it, on its own clock."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, bytes]] = []

    def says(self, life: int, *, after: int, **event: object) -> None:
        shown, at = LIVES[life]
        line = json.dumps({"at": ms(shown + after), **event}).encode()
        self._lines.append((ORIGIN.monotonic_ns + ms(at + after + 2), line))

    def starts(self, life: int, last: int) -> None:
        self.says(life, after=500, event="started", identity="a", log_epoch=1, log_offset=last, applied=0)

    def stores(self, life: int, first: int, last: int) -> None:
        self.says(life, after=5000, event="stored", epoch=1, first=first, last=last, medium="disk")

    def reported(self, folder: Path) -> Reported:
        """Have it recorded in a run's folder, with a comparison of the clocks once a second, and read it."""
        recorder = EvidenceRecorder()
        with Spool() as spool:
            recorder.start(spool, folder, NODES, ORIGIN)
            for number, (shown, at) in enumerate(LIVES):
                for second in range(10):
                    compared = ClockSample(
                        at_ns=ORIGIN.monotonic_ns + ms(at + 1000 * second),
                        ahead_ns=ms(shown - at) - ORIGIN.monotonic_ns,
                        error_ns=ms(1),
                        start=f"start {number}",
                    )
                    recorder.take_clock("n2", compared)
            for heard_ns, line in self._lines:
                recorder.take("n2", heard_ns, line)
            recorder.stop()
        system = ReferenceSystem(SystemConfig(mode=Mode.QUORUM, nodes=NODES, settings={}, seed=1))
        return evidence.read(folder, NODES, system, ORIGIN)


def judged(reported: Reported) -> tuple[Verdict, str]:
    script = Script(Mode.QUORUM)
    script.events = list(reported.events)
    result = Retention().check(script.run(clock_error_ns=reported.clock_error_ns))
    return result.verdict, result.summary


def test_what_was_durable_is_looked_for_in_the_next_life(tmp_path: Path) -> None:
    recorded = Recorded()
    recorded.starts(0, 0)
    recorded.stores(0, 1, 9)
    recorded.starts(1, 9)
    recorded.stores(1, 10, 20)
    recorded.starts(2, 20)
    reported = recorded.reported(tmp_path)
    times = [event.at_ns for event in reported.events]
    wanted = [
        at + after
        for (_, at), afters in zip(LIVES, ((500, 5000), (500, 5000), (500,)), strict=True)
        for after in afters
    ]
    assert times == [pytest.approx(ms(at), abs=ms(2)) for at in wanted]
    assert reported.clock_error_ns <= ms(2)
    assert judged(reported) == (Verdict.HOLDS, "what was durable was there again: 2 restarts")


def test_what_is_lacking_after_the_second_outage_is_found(tmp_path: Path) -> None:
    recorded = Recorded()
    recorded.starts(0, 0)
    recorded.stores(0, 1, 9)
    recorded.starts(1, 9)
    recorded.stores(1, 10, 20)
    recorded.starts(2, 15)
    assert judged(recorded.reported(tmp_path)) == (
        Verdict.VIOLATED,
        "of 2 restarts, 1 lacked what had been durable",
    )
