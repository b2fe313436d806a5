"""Who gets a vote, and what is durable before it is given."""

import pytest
from lone_node import Lone, S, beat, record_of

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.primary import Primary
from nodes.reference.settings import MS, Failover, Mode

LATER = 10 * S


def ask(epoch: int, log: tuple[int, int], *, trial: bool = False) -> ms.AskVote:
    return ms.AskVote(epoch=epoch, log_epoch=log[0], log_index=log[1], trial=trial)


def vote(lone: Lone, peer: str, message: ms.AskVote, now: int = LATER) -> ms.VoteReply:
    lone.hear(peer, message, now)
    (reply,) = lone.sent(ms.VoteReply, peer)
    assert isinstance(reply, ms.VoteReply)
    return reply


@pytest.mark.parametrize(
    ("log", "granted"),
    [
        ((203, 3), True),
        ((203, 4), True),
        ((302, 1), True),
        ((203, 2), False),
        ((101, 900), False),
        ((0, 0), False),
    ],
)
def test_a_vote_is_for_a_log_at_least_as_recent(log: tuple[int, int], granted: bool) -> None:
    assert vote(Lone("n1", 101, 101, 203), "n2", ask(502, log)).granted is granted


def test_a_vote_is_durable_before_it_is_told_and_given_once() -> None:
    lone = Lone("n1", 101)
    assert vote(lone, "n2", ask(502, (101, 1))).granted
    assert [meta.promised for meta in lone.saved()] == [502]
    assert not vote(lone, "n3", ask(403, (101, 1)), 2 * LATER).granted
    assert not vote(lone, "n2", ask(502, (101, 1)), 2 * LATER).granted


def test_a_trial_binds_nobody() -> None:
    lone = Lone("n1", 101)
    assert vote(lone, "n2", ask(502, (101, 1), trial=True)).granted
    assert not lone.saved()
    assert vote(lone, "n3", ask(403, (101, 1))).granted


def test_an_epoch_belongs_to_one_candidate() -> None:
    assert "not one of n3's" in vote(Lone("n1", 101), "n3", ask(502, (101, 1))).reason


def test_a_new_disk_has_no_vote() -> None:
    meta = fx.Meta(identity="another disk", promised=101, record=record_of("n1", "n2", "n3"))
    assert "disk is new" in vote(Lone("n1", 101, meta=meta), "n2", ask(502, (101, 1))).reason


def test_a_vote_is_kept_for_a_primary_that_was_heard_just_now() -> None:
    lone = Lone("n1", 101)
    lone.hear("n3", beat(203), LATER)
    assert "heard of n3" in vote(lone, "n2", ask(502, (101, 1)), LATER + 600 * MS).reason
    assert vote(lone, "n2", ask(502, (101, 1)), LATER + 700 * MS).granted


def test_a_restarted_voter_does_not_know_whom_it_heard_just_now() -> None:
    lone = Lone("n1", 101, now=LATER)
    assert "start of its own process" in vote(lone, "n2", ask(502, (101, 1)), LATER + 600 * MS).reason
    assert vote(lone, "n2", ask(502, (101, 1)), LATER + 700 * MS).granted


def test_a_primary_does_not_vote_while_it_holds_its_lease() -> None:
    lone = Lone("n1", 101)
    lone.elect(201, LATER)
    assert "is the primary itself" in vote(lone, "n2", ask(502, (201, 2)), LATER + 590 * MS).reason
    assert vote(lone, "n2", ask(502, (201, 2)), LATER + 2 * S).granted


def test_an_old_primary_is_not_obeyed_and_is_told_so() -> None:
    lone = Lone("n1", 101)
    vote(lone, "n2", ask(502, (101, 1)))
    lone.hear("n3", beat(203), LATER + 1)
    (reply,) = lone.sent(ms.HeartbeatReply, "n3")
    assert reply.promised == 502
    assert lone.node.heard_of == "n2"
    lone.hear("n3", beat(603), LATER + 2)
    assert [meta.promised for meta in lone.saved()] == [603], (
        "and a new one is remembered before it is answered"
    )


def test_an_older_record_does_not_take_the_place_of_a_newer_one() -> None:
    lone = Lone("n2", 101)
    names = ("n1", "n2", "n3")
    for seq, kept in ((3, 3), (2, 3), (4, 4)):
        record = record_of(*names, epoch=201, seq=seq, in_sync=("n1",))
        lone.hear("n1", ms.Propose(epoch=201, record=ms.record_to_json(record) or {}), LATER)
        assert lone.node.record is not None
        assert lone.node.record.seq == kept
        assert [one.record_seq for one in lone.sent(ms.Recorded)] == ([seq] if seq == kept else [])
        assert [meta.record for meta in lone.saved() if meta.record == record] == (
            [record] if seq == kept else []
        )


# Candidates


def grant(epoch: int, *, trial: bool, who: str, promised: int = 0) -> ms.VoteReply:
    return ms.VoteReply(
        epoch=epoch,
        trial=trial,
        granted=True,
        reason="",
        promised=promised,
        identity=who,
        log_epoch=0,
        log_index=0,
        record=ms.record_to_json(record_of("n1", "n2", "n3", "n4", "n5")),
    )


def test_a_candidate_tries_first_and_then_asks_and_counts_each_by_itself() -> None:
    lone = Lone("n1", 101, count=5, mode=Mode.QUORUM)
    lone.node.tick(LATER)
    lone.drain(LATER)
    assert {one.trial for one in lone.sent(ms.AskVote)} == {True}
    assert not lone.saved()
    lone.hear("n2", grant(201, trial=True, who="n2"), LATER)
    assert not lone.sent(ms.AskVote)
    lone.hear("n3", grant(201, trial=True, who="n3"), LATER)
    assert {one.trial for one in lone.sent(ms.AskVote)} == {False}
    assert [meta.promised for meta in lone.saved()] == [201], (
        "its own vote is durable before it asks for others"
    )
    for peer in ("n2", "n3", "n4"):
        lone.hear(peer, grant(201, trial=True, who=peer), LATER)
    assert not isinstance(lone.node.role, Primary), "votes on trial do not count"
    lone.hear("n2", grant(201, trial=False, who="n2"), LATER)
    lone.hear("n2", grant(201, trial=False, who="n2"), LATER)
    lone.hear("n3", grant(101, trial=False, who="n3"), LATER)
    assert not isinstance(lone.node.role, Primary), "a vote counts once, and for its epoch"
    lone.hear("n3", grant(201, trial=False, who="n3"), LATER)
    assert isinstance(lone.node.role, Primary)


@pytest.mark.parametrize(("name", "stands"), [("n1", True), ("n2", True), ("n3", False)])
def test_the_third_site_never_stands(name: str, stands: bool) -> None:
    lone = Lone(name, 101, mode=Mode.HYBRID)
    lone.node.tick(LATER)
    lone.drain(LATER)
    assert bool(lone.sent(ms.AskVote)) is stands


def test_a_node_with_a_new_disk_does_not_stand() -> None:
    meta = fx.Meta(identity="another disk", promised=101, record=record_of("n1", "n2", "n3"))
    lone = Lone("n1", 101, meta=meta)
    lone.node.tick(LATER)
    lone.drain(LATER)
    assert not lone.sent(ms.AskVote)


# Operators


@pytest.mark.parametrize(
    ("identity", "in_sync", "why"),
    [
        ("n1", None, None),
        ("n1", ("n1", "n2"), None),
        ("n1", ("n2",), "n2 acknowledged"),
        ("other", None, "disk is new"),
    ],
)
def test_an_operator_promotes_no_node_that_lacks_acknowledged_writes_but_by_force(
    identity: str, in_sync: tuple[str, ...] | None, why: str | None
) -> None:
    meta = fx.Meta(identity=identity, promised=101, record=record_of("n1", "n2", "n3", in_sync=in_sync))
    lone = Lone("n1", 101, meta=meta, mode=Mode.SYNC, failover=Failover.MANUAL, degrade_after_ns=1 * S)
    lone.node.request(1, {"op": "promote"}, LATER)
    lone.drain(LATER)
    assert isinstance(lone.node.role, Primary) is (why is None)
    assert why is None or why in lone.answers()[1]["error"]
    lone.node.request(2, {"op": "promote", "force": True}, LATER)
    lone.drain(LATER)
    assert isinstance(lone.node.role, Primary)
