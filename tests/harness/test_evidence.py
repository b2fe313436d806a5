from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeSystem, ReportingSystem
from test_spool import SmallDisk

from harness import evidence
from harness.clock import Origin
from harness.errors import DamagedError
from harness.events import NodeEvent, Waiting
from harness.evidence import EvidenceRecorder
from harness.machine import ClockSample
from harness.spool import Spool

ORIGIN = Origin(utc="2026-01-02T03:04:05.678Z", monotonic_ns=1000)
NODES = ("n1", "n2")


class Timed(ReportingSystem):
    """Lines are `<CLOCK_MONOTONIC> <what>`."""

    def report(self, node: str, line: bytes, origin_ns: int) -> NodeEvent | None:
        at, _, what = line.decode().partition(" ")
        if what == "noise":
            return None
        return Waiting(node=node, at_ns=int(at) - origin_ns, epoch=1, reason=what)


def keep(folder: Path, lines: list[tuple[str, bytes]]) -> None:
    recorder = EvidenceRecorder()
    recorder.take("n1", 1, b"too early")
    with Spool() as spool:
        recorder.start(spool, folder, NODES, ORIGIN)
        for node, line in lines:
            recorder.take(node, 2000, line)
        recorder.take("n9", 1, b"nobody")
        recorder.stop()
        recorder.take("n1", 1, b"too late")
    assert recorder.error is None


def test_lines_become_events_sorted_by_the_nodes_own_times(tmp_path: Path) -> None:
    keep(
        tmp_path,
        [("n1", b"1030 c"), ("n2", b"1020 b"), ("n2", b"1010 a"), ("n1", b"9 noise"), ("n1", b"1030 d")],
    )
    events = evidence.read(tmp_path, NODES, Timed(), ORIGIN).events
    assert [(event.node, event.at_ns, event.reason) for event in waiting(events)] == [
        ("n2", 10, "a"),
        ("n2", 20, "b"),
        ("n1", 30, "c"),
        ("n1", 30, "d"),
    ]


def waiting(events: tuple[NodeEvent, ...]) -> Iterator[Waiting]:
    for event in events:
        assert isinstance(event, Waiting)
        yield event


def test_a_system_that_does_not_report_has_no_events(tmp_path: Path) -> None:
    keep(tmp_path, [("n1", b"1 a")])
    assert evidence.read(tmp_path, NODES, FakeSystem(), ORIGIN).events == ()


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    keep(tmp_path, [("n1", b"1005 \xff\x00end")])
    (event,) = waiting(evidence.read(tmp_path, NODES, Timed(), ORIGIN).events)
    assert event.reason == "\\xff\x00end"


def test_a_cut_off_line_is_left_out_and_other_damage_named(tmp_path: Path) -> None:
    keep(tmp_path, [("n2", b"1001 a"), ("n2", b"1002 b")])
    path = tmp_path / "evidence" / "n2.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    assert len(evidence.read(tmp_path, NODES, Timed(), ORIGIN).events) == 1
    path.write_bytes(b"{}\n" + whole)
    with pytest.raises(DamagedError, match=r"n2.jsonl:1: damaged line"):
        evidence.read(tmp_path, NODES, Timed(), ORIGIN)
    path.unlink()
    with pytest.raises(DamagedError, match=r"n2.jsonl: No such file"):
        evidence.read(tmp_path, NODES, Timed(), ORIGIN)


def test_a_report_that_its_system_cannot_read_is_named(tmp_path: Path) -> None:
    keep(tmp_path, [("n1", b"1001 a"), ("n1", b"odd")])
    with pytest.raises(DamagedError, match=r"n1.jsonl:2: the system can't read its own report: ValueError"):
        evidence.read(tmp_path, NODES, Timed(), ORIGIN)


def test_a_full_disk_is_remembered_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = EvidenceRecorder()
    spool = Spool()
    monkeypatch.setattr(spool, "open", lambda path: spool.adopt(path, SmallDisk(room=10)))
    recorder.start(spool, tmp_path, ("n1",), ORIGIN)
    recorder.take("n1", 1, b"line")
    recorder._files["n1"].drain()
    recorder.take("n1", 1, b"line")
    recorder.take("n1", 1, b"line")
    assert recorder.error is not None
    assert "No space left" in str(recorder.error)


def test_times_of_machines_with_clocks_of_their_own_are_the_harnesss(tmp_path: Path) -> None:
    recorder = EvidenceRecorder()
    with Spool() as spool:
        recorder.start(spool, tmp_path, NODES, ORIGIN)
        recorder.take_clock("n1", ClockSample(at_ns=1100, ahead_ns=5000, error_ns=20))
        recorder.take_clock("n2", ClockSample(at_ns=1100, ahead_ns=-300, error_ns=30))
        recorder.take("n1", 1200, b"6100 first")
        recorder.take("n1", 1200, b"6350 late")
        recorder.take("n2", 1190, b"850 second")
        recorder.stop()
    reported = evidence.read(tmp_path, NODES, Timed(), ORIGIN)
    assert reported.clock_error_ns == 50
    assert [(event.at_ns, event.reason) for event in waiting(reported.events)] == [
        (100, "first"),
        (150, "second"),
        (200, "late"),  # it can't have happened after it was heard of
    ]


def test_a_clock_that_began_anew_with_the_power_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    """n1 shows 5000 to 5200 in both of its lives; n2 goes on. All of n1's second life comes after its first."""
    recorder = EvidenceRecorder()
    with Spool() as spool:
        recorder.start(spool, tmp_path, NODES, ORIGIN)
        recorder.take_clock("n1", ClockSample(at_ns=1100, ahead_ns=4000, error_ns=20, start="first"))
        recorder.take("n1", 1210, b"5150 flushed 9")
        recorder.take_clock("n1", ClockSample(at_ns=1200, ahead_ns=4000, error_ns=20, start="first"))
        recorder.take("n2", 1300, b"1250 elected")
        recorder.take_clock("n1", ClockSample(at_ns=3100, ahead_ns=2000, error_ns=30, start="second"))
        recorder.take("n1", 3170, b"5150 started with 9")
        recorder.take_clock("n1", ClockSample(at_ns=3200, ahead_ns=2000, error_ns=30, start="second"))
        recorder.stop()
    reported = evidence.read(tmp_path, NODES, Timed(), ORIGIN)
    assert [(event.at_ns, event.reason) for event in waiting(reported.events)] == [
        (150, "flushed 9"),
        (250, "elected"),
        (2150, "started with 9"),
    ]
    assert reported.clock_error_ns == 30, "the two lives do not contradict each other"
