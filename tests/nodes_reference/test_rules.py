"""Every election hears of every acknowledged write: by brute force over all sets of holders and voters."""

import itertools

import pytest

from nodes.reference.log import Mark
from nodes.reference.rules import Ballot, Record, majority, obstacle, protected, protected_degraded
from nodes.reference.settings import Failover, Member, Mode, Settings


def settings_of(count: int, mode: Mode, **changes: object) -> Settings:
    members = tuple(Member(name=f"n{i}", host="-", port=1) for i in range(1, count + 1))
    return Settings(name="n1", members=members, mode=mode, **changes)  # type: ignore[arg-type]


def record_of(settings: Settings, **changes: object) -> Record:
    members = {n: n for n in settings.names}
    return Record(epoch=101, seq=1, members=members, need=majority(len(members)), **changes)  # type: ignore[arg-type]


def ballots(names: tuple[str, ...], record: Record | None) -> dict[str, Ballot]:
    return {name: Ballot(identity=name, log=Mark(101, 5), record=record) for name in names}


def subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [s for size in range(len(names) + 1) for s in itertools.combinations(names, size)]


SAFE = [
    (count, mode, k)
    for count in (2, 3, 4, 5)
    for mode in (Mode.SEMI_SYNC, Mode.SYNC, Mode.QUORUM, Mode.HYBRID)
    for k in (range(1, count) if mode is Mode.SEMI_SYNC else [1])
]


@pytest.mark.parametrize(("count", "mode", "k"), SAFE)
def test_an_election_meets_every_set_of_holders(count: int, mode: Mode, k: int) -> None:
    settings = settings_of(count, mode, k=k)
    record = record_of(settings)
    elections = [s for s in subsets(settings.names) if obstacle(settings, ballots(s, record)) is None]
    assert elections, "no election is ever won"
    for primary in settings.names if mode is not Mode.HYBRID else settings.sync_set:
        for holders in subsets(settings.names):
            if primary not in holders:
                continue
            confirmed = {name: 7 for name in holders if name != primary}
            if protected(settings, primary, 7, confirmed) < 7:
                continue
            for heard in elections:
                assert set(heard) & set(holders), f"{heard} would not know what {holders} hold"


@pytest.mark.parametrize("count", [3, 4, 5])
def test_a_rule_with_one_vote_less_would_be_wrong(count: int) -> None:
    """The brute force above can fail: a plain majority does not meet all holders of semi-sync."""
    settings = settings_of(count, Mode.SEMI_SYNC)
    heard = settings.names[-majority(count) :]
    holders = [s for s in subsets(settings.names) if "n1" in s and len(s) == 2]
    assert any(not set(h) & set(heard) for h in holders) == (majority(count) < count - 1)


def test_after_degrading_one_of_those_in_sync_must_be_heard() -> None:
    settings = settings_of(3, Mode.SYNC)
    record = record_of(settings, in_sync=("n1",))
    assert "in sync" in str(obstacle(settings, ballots(("n2", "n3"), record)))
    assert obstacle(settings, ballots(("n1", "n3"), record)) is None
    assert protected_degraded(("n1",), "n1", 9, {}) == 9
    assert protected_degraded(("n1", "n2"), "n1", 9, {"n2": 4}) == 4


def test_a_new_disk_has_no_vote_until_it_is_a_member_and_no_longer_joining() -> None:
    settings = settings_of(3, Mode.QUORUM)
    record = record_of(settings)
    votes = ballots(("n1", "n2"), record) | {"n2": Ballot(identity="new", log=Mark(101, 5), record=None)}
    assert "majority" in str(obstacle(settings, votes))
    members = {"n1": "n1", "n2": "new", "n3": "n3"}
    joining = Record(epoch=101, seq=2, members=members, joining="n2", need=2)
    votes = ballots(("n1",), joining) | {"n2": Ballot(identity="new", log=Mark(101, 5), record=joining)}
    assert "majority" in str(obstacle(settings, votes))
    joined = Record(epoch=101, seq=3, members=members, need=2)
    votes = ballots(("n1",), joined) | {"n2": Ballot(identity="new", log=Mark(101, 5), record=joined)}
    assert obstacle(settings, votes) is None


def test_the_newest_record_counts() -> None:
    settings = settings_of(3, Mode.SYNC)
    old, new = (
        record_of(settings),
        Record(epoch=201, seq=1, members=record_of(settings).members, in_sync=("n3",), need=2),
    )
    votes = ballots(("n1",), old) | ballots(("n2",), new)
    assert "n3" in str(obstacle(settings, votes))


def test_five_nodes_with_one_confirmation_need_four_logs() -> None:
    settings = settings_of(5, Mode.SEMI_SYNC)
    reason = obstacle(settings, ballots(("n2", "n3", "n4"), record_of(settings)))
    assert reason is not None and "needs 4 of 5" in reason


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": Mode.SEMI_SYNC, "k": 3}, "k is 3"),
        ({"mode": Mode.SYNC, "sync_set": ("n9",)}, "n9"),
        ({"mode": Mode.HYBRID, "sync_set": ("n1",)}, "pair"),
        ({"mode": Mode.ASYNC, "degrade_after_ns": 5}, "degrade"),
        ({"mode": Mode.SYNC, "failover": Failover.MIRROR}, "witness"),
        ({"mode": Mode.SYNC, "lease_ns": 9, "election_ns": 9}, "lease"),
    ],
)
def test_settings_that_do_not_fit_together(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings_of(3, **changes)  # type: ignore[arg-type]
