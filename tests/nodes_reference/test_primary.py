"""What a primary takes for a copy, how long it may acknowledge, and whom it lets join."""

from dataclasses import replace
from typing import Any

import pytest
from lone_node import Lone, S, beat_reply, entries

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.feed import Feed
from nodes.reference.primary import Primary
from nodes.reference.settings import MS, Failover, Mode

NOW = 10 * S

BEAT = 100 * MS
"""The time between two heartbeats."""


def write(lone: Lone, request: int = 1, now: int = NOW) -> int:
    """Take a write; return its place in the log, on this node's own disk."""
    lone.node.request(request, {"op": "append", "key": "k", "element": request}, now)
    lone.drain(now)
    lone.flushed(now)
    return lone.node.log.last


def serving(mode: Mode = Mode.QUORUM, *epochs: int, count: int = 3, **changes: Any) -> tuple[Lone, Primary]:
    """A primary whose epoch is protected, with a replica n2."""
    lone = Lone("n1", *(epochs or (101,)), count=count, mode=mode, **changes)
    primary = lone.elect(201, NOW)
    lone.follow("n2", lone.node.log.last, NOW)
    return lone, primary


# Copies


@pytest.mark.parametrize(
    ("stream", "epoch", "counts"), [(7, 201, True), (7, 101, False), (6, 201, False), (6, 101, False)]
)
def test_a_confirmation_counts_in_its_own_stream_and_epoch_only(
    stream: int, epoch: int, counts: bool
) -> None:
    lone, _ = serving()
    index = write(lone)
    lone.confirm("n2", index, NOW, stream=stream, epoch=epoch)
    assert (lone.answers().get(1, {}).get("ok") is True) is counts


def test_a_confirmation_reaches_no_further_than_what_was_sent() -> None:
    feed = Feed()
    feed.start(1, 5, 3)
    assert (feed.sent, feed.written, feed.flushed) == (5, 5, 3)
    feed.sending(7, 100)
    feed.acknowledged(9, 9)
    assert (feed.flushed, feed.written) == (7, 7)


def test_what_a_replica_has_only_in_memory_is_no_copy_on_disk() -> None:
    lone, _ = serving()
    index = write(lone)
    lone.hear("n2", ms.Appended(epoch=201, stream=7, flushed=index - 1, written=index, clock=1), NOW)
    assert not lone.answers()
    lone.hear("n3", ms.Appended(epoch=201, stream=0, flushed=index, written=index, clock=1), NOW)
    assert not lone.answers(), "n3 has no stream"


def test_what_is_not_on_the_own_disk_is_not_acknowledged() -> None:
    lone, _ = serving()
    lone.node.request(1, {"op": "append", "key": "k", "element": 1}, NOW)
    (flush,) = [one for one in lone.drain(NOW) if isinstance(one, fx.Flush)]
    lone.node.request(2, {"op": "append", "key": "k", "element": 2}, NOW)
    lone.drain(NOW)
    lone.confirm("n2", lone.node.log.last, NOW)
    assert not lone.answers()
    lone.node.flushed_to(flush.upto, flush.generation, NOW)
    lone.drain(NOW)
    assert list(lone.answers()) == [1], "the flush was begun before the second write"


def test_a_disk_that_the_cluster_does_not_know_is_no_copy() -> None:
    lone, _ = serving()
    lone.follow("n2", lone.node.log.last, NOW, identity="another disk")
    index = write(lone)
    lone.confirm("n2", index, NOW)
    assert not lone.answers()


def test_an_inherited_tail_is_protected_by_an_entry_of_the_own_epoch() -> None:
    """Ongaro and Ousterhout 2014, figure 8: a majority that has it is not enough."""
    lone = Lone("n1", 101, 101, 101, mode=Mode.QUORUM)
    primary = lone.elect(201, NOW)
    lone.follow("n2", 3, NOW)
    assert lone.node.commit == 0
    lone.confirm("n2", primary.start, NOW)
    assert lone.node.commit == primary.start


def test_the_third_site_gets_only_what_the_pair_has() -> None:
    lone, _ = serving(Mode.HYBRID)
    lone.follow("n3", 1, NOW)
    index = write(lone)
    assert not lone.sent(ms.Append, "n3")
    lone.confirm("n2", index, NOW)
    (sent,) = lone.sent(ms.Append, "n3")
    assert sent.commit == index


def test_readers_see_what_has_its_copies() -> None:
    lone, _ = serving()
    index = write(lone)
    assert lone.node.state.get("k") in (None, [1]) and lone.node.applied < index
    lone.confirm("n2", index, NOW)
    assert lone.node.applied == index


def test_a_new_primary_answers_no_read_before_its_epoch_is_protected() -> None:
    lone = Lone("n1", 101, 101, mode=Mode.QUORUM)
    primary = lone.elect(201, NOW)
    lone.node.request(1, {"op": "get", "key": "k"}, NOW)
    lone.drain(NOW)
    assert lone.answers()[1]["ok"] is False
    lone.follow("n2", 2, NOW)
    lone.confirm("n2", primary.start, NOW)
    lone.node.request(2, {"op": "get", "key": "k"}, NOW)
    lone.drain(NOW)
    assert lone.answers()[2]["value"] == [1, 2]


# The lease


def test_a_lease_is_dated_from_the_heartbeat_that_was_answered() -> None:
    lone, primary = serving()
    assert primary.lease_until(NOW) == NOW + 600 * MS
    record = primary.protection.record
    lone.hear("n2", beat_reply(201, NOW + 100, record, identity="n2"), NOW + 500 * MS)
    assert primary.lease_until(NOW + 500 * MS) == NOW + 100 + 600 * MS


def test_the_first_lease_is_dated_from_when_the_votes_were_asked_for() -> None:
    lone = Lone("n1", 101, mode=Mode.ASYNC)
    primary = lone.elect(201, NOW, asked_ns=NOW - 500 * MS)
    assert primary.lease_until(NOW) == NOW + 100 * MS


def test_a_lease_takes_a_majority_of_the_disks_that_the_cluster_knows() -> None:
    lone = Lone("n1", 101, count=5, mode=Mode.ASYNC)
    primary = lone.elect(201, NOW, voters="n2 n3")
    record = primary.protection.record
    later = NOW + 500 * MS
    lone.hear("n2", beat_reply(201, later, record, identity="n2"), later)
    assert primary.lease_until(later) == NOW + 600 * MS, "two of five are no majority"
    lone.hear("n4", beat_reply(201, later, record, identity="another disk"), later)
    assert primary.lease_until(later) == NOW + 600 * MS, "a new disk has no say"
    lone.hear("n4", beat_reply(201, later, record, identity="n4"), later)
    assert primary.lease_until(later) == later + 600 * MS


def test_without_a_lease_nothing_is_acknowledged_and_nothing_read() -> None:
    lone, _ = serving(Mode.ASYNC)
    index = write(lone)
    (reply,) = [one for one in lone.done if isinstance(one, fx.Reply)]
    assert reply.until_ns == NOW + 600 * MS, "nor may the answer leave later"
    lone.node.request(2, {"op": "get", "key": "k"}, NOW)
    (reply,) = [one for one in lone.drain(NOW) if isinstance(one, fx.Reply)]
    assert reply.until_ns == NOW + 600 * MS
    late = NOW + 600 * MS
    assert write(lone, 3, late) == index + 1
    assert not lone.answers()
    lone.node.request(4, {"op": "get", "key": "k"}, late)
    lone.drain(late)
    assert lone.answers()[4]["ok"] is False


def test_a_primary_that_hears_of_a_later_epoch_steps_down_and_leaves_its_writes_in_doubt() -> None:
    lone, primary = serving(Mode.QUORUM, failover=Failover.MANUAL)
    write(lone)
    lone.hear("n3", beat_reply(201, NOW, primary.protection.record, identity="n3", promised=302), NOW)
    assert not isinstance(lone.node.role, Primary)
    answer = lone.answers()[1]
    assert (answer["ok"], answer["sure"]) == (False, False)


def test_a_replica_s_clock_is_sent_back_only_under_a_lease() -> None:
    """The replica takes it for the time at which its state was current."""
    lone, primary = serving()
    lone.confirm("n2", lone.node.log.last, NOW)
    primary.feeds["n2"].clock = 55
    write(lone)
    assert lone.sent(ms.Append, "n2") == []
    lone.drain(NOW)

    def echo(now: int) -> int:
        primary.connected("n2", now)
        lone.drain(now)
        (sent,) = lone.sent(ms.Heartbeat, "n2")
        assert isinstance(sent, ms.Heartbeat)
        return sent.echo

    assert echo(NOW) == 55
    assert echo(NOW + 600 * MS) == 0
    lone.node.disconnected("n2", NOW)
    lone.node.connected("n2", ms.Hello(name="n2", identity="n2", blank=False), NOW)
    lone.drain(NOW)
    assert echo(NOW) == 0, "it may have come back with another clock"


# Degrading


def degraded(**changes: Any) -> tuple[Lone, Primary, int]:
    """A primary that has begun to degrade because n3 is away; its record is on no other disk yet."""
    lone, primary = serving(Mode.SYNC, degrade_after_ns=200 * MS, **changes)
    lone.follow("n3", 2, NOW)
    for peer in ("n2", "n3"):
        lone.confirm(peer, 2, NOW)
        lone.hear(peer, beat_reply(201, NOW, primary.protection.record, identity=peer), NOW)
    lone.node.disconnected("n3", NOW)
    index = write(lone)
    lone.confirm("n2", index, NOW)
    for later in (NOW + 100 * MS, NOW + 200 * MS, NOW + 300 * MS):
        assert primary.protection.record.in_sync is None or later > NOW + 200 * MS, "too early"
        lone.node.tick(later)
        lone.drain(later)
    assert primary.protection.record.in_sync == ("n1", "n2")
    return lone, primary, index


def test_the_degraded_state_is_durable_elsewhere_before_the_first_acknowledgement() -> None:
    lone, primary, _ = degraded()
    later = NOW + 300 * MS
    assert not lone.answers()
    old = lone.record
    lone.hear("n2", beat_reply(201, later, old, identity="n2"), later)
    assert not lone.answers(), "it holds an older record"
    lone.hear("n2", beat_reply(201, later, primary.protection.record, identity="n2"), later)
    assert lone.answers()[1]["degraded"] is True


def test_a_degraded_acknowledgement_waits_for_all_that_are_in_sync() -> None:
    lone, primary, index = degraded()
    later = NOW + 300 * MS
    lone.hear("n2", beat_reply(201, later, primary.protection.record, identity="n2"), later)
    following = write(lone, 2, later)
    assert not lone.answers()
    lone.confirm("n2", index, later)
    assert not lone.answers()
    lone.confirm("n2", following, later)
    assert lone.answers()[2]["degraded"] is True


def test_who_may_never_degrade_waits() -> None:
    lone, primary = serving(Mode.SYNC)
    index = write(lone)
    lone.confirm("n2", index, NOW)
    for step in range(1, 9):
        at = NOW + step * BEAT
        lone.hear("n2", beat_reply(201, at, primary.protection.record, identity="n2"), at)
        lone.node.tick(at)
        lone.drain(at)
        assert not lone.answers()
    assert primary.protection.record.in_sync is None


# Joining


def test_a_new_disk_joins_when_it_has_caught_up_and_counts_when_that_is_recorded() -> None:
    lone, primary = serving(Mode.QUORUM, count=5)

    def beat(now: int) -> Any:
        lone.node.tick(now)
        lone.drain(now)
        return primary.protection.record

    def kept(peer: str, identity: str = "") -> None:
        lone.hear(peer, beat_reply(201, NOW, primary.protection.record, identity=identity or peer), NOW)

    for peer in ("n2", "n3"):
        kept(peer)
    lone.follow("n4", 0, NOW, identity="another disk")
    kept("n4", "another disk")
    assert beat(NOW + BEAT).joining is None, "it has caught up with nothing yet"
    for peer in ("n2", "n4"):
        lone.follow("n3", 2, NOW)
        lone.confirm(peer, 2, NOW)
    record = beat(NOW + 2 * BEAT)
    assert (record.joining, record.members["n4"], record.need) == ("n4", "another disk", 3)
    assert "n4" not in primary.confirmed()
    kept("n4", "another disk")
    assert primary.protection.record.joining == "n4", "its own word is not enough"
    kept("n2")
    lone.follow("n5", 2, NOW, identity="a third disk")
    kept("n5", "a third disk")
    assert beat(NOW + 3 * BEAT).joining == "n4", "one at a time"
    assert "n4" not in primary.confirmed()
    kept("n3")
    assert primary.protection.record.joining is None
    assert "n4" in primary.confirmed()
    for peer in ("n2", "n3"):
        kept(peer)
    assert beat(NOW + 4 * BEAT).joining == "n5"


def test_a_record_counts_once_enough_hold_this_very_one() -> None:
    lone = Lone("n1", 101, count=5, mode=Mode.QUORUM)
    primary = lone.elect(201, NOW, voters="n2 n3")
    protection = primary.protection
    for peer in ("n2", "n3"):
        assert not protection.stable
        lone.hear(peer, beat_reply(201, NOW, protection.record, identity=peer), NOW)
    assert protection.stable
    before = protection.record
    protection.propose(replace(before, seq=before.seq + 1), NOW)
    assert not protection.stable
    for peer in ("n2", "n3"):
        lone.hear(peer, beat_reply(201, NOW, before, identity=peer), NOW)
    assert not protection.stable


# What is compacted away


def test_a_replica_that_needs_what_is_compacted_away_gets_the_snapshot() -> None:
    lone, primary = serving(Mode.ASYNC, 101, 101, 101)
    feed = primary.feeds["n2"]
    feed.start(7, 1, 1)
    lone.node.log.compact(2)
    lone.node.snapshots.current = 2
    lone.drain(NOW)
    assert not lone.sent(ms.Append, "n2")
    assert feed.stream == 0, "it is told so by the next heartbeat, and asks again"
    lone.follow("n2", 1, NOW)
    (install,) = lone.sent(ms.Install, "n2")
    assert (install.index, install.common) == (2, 1)
    lone.follow("n2", 2, NOW)
    assert lone.sent(ms.Accept, "n2")


@pytest.mark.parametrize("batch_bytes", [1, 1000])
def test_what_a_replica_has_beyond_the_snapshot_comes_behind_it(
    batch_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose own snapshot holds entries that diverged can't go back to the last common one."""
    monkeypatch.setattr("nodes.reference.primary.BATCH_BYTES", batch_bytes)
    lone, _ = serving(Mode.SYNC, 101, 101, 101, 101)
    lone.node.snapshots.current = 2
    stream = lone.follow("n2", 4, NOW, base=7)
    (install,) = lone.sent(ms.Install, "n2")
    assert (install.index, install.common) == (2, 4)
    for end in (False, True):
        lone.node.part_read(fx.ReadPart("n2", stream, 2, 0), b"x", end)
        lone.drain(NOW)
        assert len(lone.sent(ms.Part, "n2")) == 1
        brought = [one for one in lone.done if isinstance(one, fx.Send) and isinstance(one.message, ms.Rest)]
        assert bool(brought) is end
    assert b"".join(one.blob for one in brought) == b"".join(entries(3, 101, 101))
    assert len(brought) == (2 if batch_bytes == 1 else 1)
    assert {(one.to, one.message.stream, one.message.index) for one in brought} == {("n2", stream, 2)}


def test_a_snapshot_that_another_one_has_replaced_is_not_passed_on() -> None:
    lone, _ = serving(Mode.ASYNC, 101, 101, 101)
    lone.node.snapshots.current = 2
    stream = lone.follow("n2", 3, NOW, base=7)
    lone.node.log.compact(3)
    lone.node.part_read(fx.ReadPart("n2", stream, 2, 0), b"x", True)
    lone.drain(NOW)
    assert not lone.sent(ms.Part) + lone.sent(ms.Rest)
