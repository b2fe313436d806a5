"""What a replica tells that it has, what it shows, and what becomes of a divergent end of its log."""

from typing import Any

import pytest
from lone_node import Lone, S, beat, entries, record_of

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.settings import MS, Failover, Mode
from nodes.reference.state import State

NOW = 10 * S


def following(*epochs: int, common: int | None = None, **changes: Any) -> tuple[Lone, int]:
    """A replica n1 of the primary n2 in epoch 202, fed from `common` on; returns its stream's number too."""
    lone = Lone("n1", *epochs, **changes)
    lone.hear("n2", beat(202), NOW)
    (follow,) = lone.sent(ms.Follow)
    accept = ms.Accept(epoch=202, stream=follow.stream, common=len(epochs) if common is None else common)
    lone.hear("n2", accept, NOW)
    return lone, follow.stream


def append(
    lone: Lone, stream: int, prev: tuple[int, int], *epochs: int, commit: int = 0, echo: int = 0
) -> None:
    message = ms.Append(epoch=202, stream=stream, prev=prev[1], prev_epoch=prev[0], commit=commit, echo=echo)
    lone.hear("n2", message, NOW, b"".join(entries(prev[1] + 1, *epochs)))


def confirmed(lone: Lone) -> list[int]:
    return [one.flushed for one in lone.sent(ms.Appended)]


def test_it_flushes_before_it_confirms() -> None:
    lone, stream = following(101)
    append(lone, stream, (101, 1), 202, 202)
    assert confirmed(lone) == []
    lone.flushed(NOW)
    assert confirmed(lone) == [3]


def test_it_tells_what_is_on_its_disk_when_it_asks_to_be_fed() -> None:
    lone, stream = following(101)
    append(lone, stream, (101, 1), 202, 202)
    lone.node.disconnected("n2", NOW)
    lone.node.connected("n2", ms.Hello(name="n2", identity="n2", blank=False), NOW)
    lone.hear("n2", beat(202), NOW)
    (follow,) = lone.sent(ms.Follow)
    assert (follow.last, follow.flushed) == (3, 1)


def test_in_memory_mode_it_confirms_first_and_flushes_soon() -> None:
    lone, stream = following(101, mode=Mode.SEMI_SYNC_MEMORY)
    append(lone, stream, (101, 1), 202)
    assert [(one.flushed, one.written) for one in lone.sent(ms.Appended)] == [(1, 2)]
    assert not any(isinstance(one, fx.Flush) for one in lone.done)
    later = NOW + 200 * MS
    assert lone.node.wake_at() <= later
    lone.node.tick(later)
    lone.drain(later)
    assert any(isinstance(one, fx.Flush) for one in lone.done)


def test_a_flush_makes_durable_what_was_written_before_it_began() -> None:
    lone, stream = following(101)
    append(lone, stream, (101, 1), 202)
    append(lone, stream, (202, 2), 202)
    lone.node.flushed_to(2, lone.node.generation, NOW)
    lone.drain(NOW)
    assert confirmed(lone) == [2]


@pytest.mark.parametrize("under_way", [False, True])
def test_a_divergent_end_is_cut_exactly_and_its_flush_says_nothing_of_what_follows(under_way: bool) -> None:
    lone = Lone("n1", 101, 101, 101)
    lone.hear("n2", beat(202), NOW)
    (follow,) = lone.sent(ms.Follow)
    old = lone.node.generation
    lone.hear("n2", ms.Accept(epoch=202, stream=follow.stream, common=2), NOW)
    (cut,) = [one for one in lone.done if isinstance(one, fx.Cut)]
    assert (cut.after, list(cut.frames)) == (2, entries(3, 101))
    assert lone.node.log.end.index == 2
    append(lone, follow.stream, (101, 2), 202, 202)
    assert lone.node.log.epoch_at(3) == 202
    assert confirmed(lone) in ([], [2])
    if under_way:
        lone.node.flushed_to(3, old, NOW)
        lone.drain(NOW)
        assert confirmed(lone) == []
    lone.flushed(NOW)
    assert confirmed(lone) == [4]


def test_a_gap_in_the_stream_is_noticed() -> None:
    lone, stream = following(101)
    append(lone, stream, (202, 2), 202)
    append(lone, stream, (101, 1), 202)
    assert lone.node.log.last == 1, "it asks anew before it takes more"
    lone.hear("n2", beat(202, stream=stream), NOW)
    assert lone.sent(ms.Follow)


def test_an_entry_that_comes_twice_is_taken_once() -> None:
    lone, stream = following(101)
    append(lone, stream, (101, 1), 202, 202)
    append(lone, stream, (101, 1), 202, 202, 202, commit=4)
    lone.flushed(NOW)
    assert lone.node.log.last == 4
    assert lone.node.state.get("k") == [1, 2, 3, 4]


def test_readers_see_what_is_protected_and_on_this_disk() -> None:
    lone, stream = following(101, apply_delay_ns=100 * MS)
    append(lone, stream, (101, 1), 202, 202, commit=2)
    lone.drain(NOW + 99 * MS)
    assert lone.node.applied == 0, "it shows with a delay"
    lone.drain(NOW + 100 * MS)
    assert lone.node.applied == 1, "entry 2 is protected, but not on this disk"
    lone.flushed(NOW + 100 * MS)
    assert lone.node.applied == 2


def test_what_is_readable_is_reported_where_it_lags() -> None:
    for delay_ns, reported in ((0, []), (100 * MS, [1])):
        lone, stream = following(101, apply_delay_ns=delay_ns)
        append(lone, stream, (101, 1), 202, commit=1)
        done = [*lone.done, *lone.flushed(NOW), *lone.drain(NOW + 100 * MS)]
        assert lone.node.applied == 1
        reports = [one.event for one in done if isinstance(one, fx.Report)]
        assert [event["offset"] for event in reports if event["event"] == "applied"] == reported


def read(lone: Lone, now: int, *, bound_ms: float) -> dict[str, Any]:
    lone.node.request(1, {"op": "get", "key": "k", "replica": True, "max_lag_ms": bound_ms}, now)
    lone.drain(now)
    return lone.answers()[1]


def test_a_read_is_bounded_by_what_the_primary_vouched_for() -> None:
    lone, stream = following(101)
    assert read(lone, NOW, bound_ms=1e9)["ok"] is False, "nobody has vouched yet"
    append(lone, stream, (101, 1), 202, commit=2, echo=NOW - 300 * MS)
    assert read(lone, NOW, bound_ms=1e9)["ok"] is False, "what was vouched for is not readable yet"
    lone.flushed(NOW)
    assert read(lone, NOW, bound_ms=301)["lag_ms"] == 300
    assert read(lone, NOW, bound_ms=299)["ok"] is False
    assert read(lone, NOW + 2 * MS, bound_ms=301)["ok"] is False


def test_a_flush_under_way_says_nothing_of_a_log_that_a_snapshot_replaces() -> None:
    lone = Lone("n1", 101, 101)
    lone.hear("n2", beat(202), NOW)
    (follow,) = lone.sent(ms.Follow)
    old = lone.node.generation
    lone.hear("n2", ms.Install(epoch=202, stream=follow.stream, index=50, common=0), NOW)
    lone.hear("n2", ms.Part(epoch=202, stream=follow.stream, index=50, offset=0, end=True), NOW, b"x")
    assert any(isinstance(one, fx.InstallSnapshot) for one in lone.done)
    assert lone.node.generation != old
    (lost,) = [one.event for one in lone.done if isinstance(one, fx.Report)]
    assert (lost["event"], lost["first"], lost["last"]) == ("truncated", 1, 2)


def test_what_follows_a_snapshot_is_asked_for_at_once() -> None:
    lone = Lone("n1", 101, 101)
    lone.hear("n2", beat(202), NOW)
    (follow,) = lone.sent(ms.Follow)
    lone.hear("n2", ms.Install(epoch=202, stream=follow.stream, index=50, common=0), NOW)
    lone.hear("n2", ms.Part(epoch=202, stream=follow.stream, index=50, offset=0, end=True), NOW, b"x")
    brought = entries(51, 202, 202)
    lone.node.installed(State(sessions=10), 50, [(101, 1, 2), (202, 3, 50)], brought, NOW + 1)
    lone.drain(NOW + 1)
    (again,) = [one for one in lone.sent(ms.Follow) if one.stream != follow.stream]
    assert (again.base, again.last, again.flushed) == (50, 52, 52)
    assert lone.node.applied == 50
    (stored,) = [
        one.event
        for one in lone.done
        if isinstance(one, fx.Report) and one.event["event"] == "stored" and one.event["epoch"] == 202
    ]
    assert (stored["first"], stored["last"], stored["medium"]) == (3, 52, "disk")


def installations(lone: Lone) -> list[fx.InstallSnapshot]:
    return [one for one in lone.done if isinstance(one, fx.InstallSnapshot)]


def test_a_snapshot_is_installed_once_all_is_there_that_the_log_has_in_common_beyond_it() -> None:
    lone = Lone("n1", 101, 101, 101, 101)
    lone.hear("n2", beat(202), NOW)
    (follow,) = lone.sent(ms.Follow)

    def hear(message: type[Any], blob: bytes = b"", **fields: Any) -> list[fx.InstallSnapshot]:
        lone.hear("n2", message(epoch=202, stream=follow.stream, **fields), NOW, blob)
        return installations(lone)

    second, third = entries(2, 101, 101)
    assert not hear(ms.Install, index=1, common=3)
    assert not hear(ms.Rest, second + third, index=1), "it comes behind the last part"
    assert not hear(ms.Part, b"x", index=1, offset=0, end=False)
    assert not hear(ms.Part, b"y", index=1, offset=1, end=True)
    assert not hear(ms.Rest, third, index=1), "entry 2 was lost on the way"
    assert not hear(ms.Rest, second + third, index=2), "that is of another snapshot"
    assert not hear(ms.Rest, second, index=1)
    assert not lone.node.reloading
    assert hear(ms.Rest, second + third, index=1) == [fx.InstallSnapshot(1, (second, third))]
    (lost,) = [one.event for one in lone.done if isinstance(one, fx.Report)]
    assert (lost["event"], lost["first"], lost["last"]) == ("truncated", 4, 4)
    assert not hear(ms.Rest, second + third, index=1), "once is enough"


def waits(lone: Lone, now: int) -> list[str]:
    lone.node.tick(now)
    lone.drain(now)
    return [
        one.event["reason"]
        for one in lone.done
        if isinstance(one, fx.Report) and one.event["event"] == "waiting"
    ]


def new_disk() -> fx.Meta:
    return fx.Meta(identity="another disk", record=record_of("n1", "n2", "n3"))


@pytest.mark.parametrize(
    ("lone", "reason"),
    [
        (Lone("n3", 101, mode=Mode.HYBRID), "waits for one of the pair: n1, n2"),
        (Lone("n1", meta=new_disk()), "waits for a primary that takes it in: its disk is new"),
        (Lone("n2", 101, failover=Failover.MANUAL), "waits for the last primary, or for an operator"),
    ],
)
def test_a_node_that_must_not_stand_for_election_says_so_for_as_long_as_there_is_no_primary(
    lone: Lone, reason: str
) -> None:
    assert not waits(lone, lone.node.settings.election_ns // 2)
    for now in (10 * S, 20 * S):
        assert waits(lone, now) == [reason]
        assert not lone.sent(ms.AskVote)
        assert lone.node.requests.status(now)["waits_for"] == reason
