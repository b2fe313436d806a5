"""The store's core keeps its promises under random faults: many short runs in virtual time, by mode."""

import random

import pytest
from little_world import MS, S, World

from nodes.reference import snapshots
from nodes.reference.settings import Failover, Mode, Visibility

SEEDS = range(40)

CLUSTERS = {
    "semi_sync": {"mode": Mode.SEMI_SYNC},
    "semi_sync, five nodes": {"mode": Mode.SEMI_SYNC, "count": 5},
    "semi_sync, k = 2": {"mode": Mode.SEMI_SYNC, "k": 2, "count": 4},
    "semi_sync, degrading": {"mode": Mode.SEMI_SYNC, "degrade_after_ns": 300 * MS},
    "semi_sync on_apply": {"mode": Mode.SEMI_SYNC, "visibility": Visibility.ON_APPLY},
    "sync": {"mode": Mode.SYNC},
    "sync, a set of two": {"mode": Mode.SYNC, "sync_set": ("n1", "n2"), "count": 5},
    "sync, degrading": {"mode": Mode.SYNC, "degrade_after_ns": 300 * MS},
    "quorum": {"mode": Mode.QUORUM},
    "quorum, four nodes": {"mode": Mode.QUORUM, "count": 4},
    "quorum, small snapshots": {"mode": Mode.QUORUM, "snapshot_bytes": 2000, "retain_bytes": 500},
    "hybrid": {"mode": Mode.HYBRID},
    "hybrid, degrading": {"mode": Mode.HYBRID, "degrade_after_ns": 300 * MS, "count": 4},
    "mirror": {
        "mode": Mode.SYNC,
        "failover": Failover.MIRROR,
        "witness": True,
        "degrade_after_ns": 300 * MS,
    },
    "manual": {"mode": Mode.SEMI_SYNC, "failover": Failover.MANUAL},
}


def disturb(world: World, rng: random.Random, *, wipes: bool, power: bool) -> None:
    """Do one random thing to the cluster, or undo all."""
    choice = rng.random()
    name = rng.choice(world.names)
    alive = [n for n in world.names if world.nodes[n] is not None]
    if choice < 0.25:
        left = set(rng.sample(world.names, rng.randint(1, len(world.names) - 1)))
        world.partition(left, set(world.names) - left)
    elif choice < 0.45 and name in alive:
        world.kill(name)
    elif choice < 0.60 and name in alive and power:
        for victim in alive if rng.random() < 0.3 else [name]:
            world.power_cut(victim)
    elif choice < 0.70 and name in alive:
        world.pause(name)
    elif choice < 0.73 and wipes and len(alive) == len(world.names):
        # One disk at a time, the next only after the former is a member again; and none while writes are
        # degraded, for its owner may be the only holder.
        status = [world.status(n) for n in world.names]
        if all(one.get("member") and one.get("in_sync") is None for one in status):
            world.wipe(name)
    else:
        world.heal()


def run(seed: int, *, wipes: bool = False, power: bool = True, **cluster: object) -> World:
    world = World(seed, **cluster)  # type: ignore[arg-type]
    rng = random.Random(seed)
    world.bootstrap()
    for step in range(60):
        for _ in range(rng.randint(1, 12)):
            world.write(rng.choice(world.names) if rng.random() < 0.2 else world.primary() or "n1")
        for name in world.names:
            world.read(name, f"k{rng.randrange(3)}", lag_ns=rng.choice((None, 100 * MS, 1 * S)))
        world.run(rng.randint(5, 300) * MS)
        if step % 2:
            disturb(world, rng, wipes=wipes, power=power)
    world.heal()
    world.until(world.recovered)
    return world


def lost(world: World) -> list[object]:
    primary = world.primary()
    assert primary is not None
    there = world.survivors(primary)
    for name in world.data:
        assert world.survivors(name) == there, "the nodes differ after recovery"
    settings = world.settings[primary]
    if settings.mode is not Mode.ASYNC and settings.leased:
        for read in world.reads:
            assert read.due <= read.seen, f"{read.by} answered at {read.at} without {read.due - read.seen}"
            phantoms = read.seen - there
            assert not phantoms or settings.visibility is Visibility.ON_APPLY, f"{read.by} showed {phantoms}"
    return [ack for ack in world.acks if ack.value not in there]


@pytest.mark.parametrize("name", CLUSTERS)
def test_nothing_acknowledged_is_lost(name: str) -> None:
    acknowledged = 0
    for seed in SEEDS:
        world = run(seed, **CLUSTERS[name])
        assert lost(world) == [], f"seed {seed}"
        acknowledged += len(world.acks)
    assert acknowledged > 20 * len(SEEDS), "hardly anything was acknowledged: the test shows nothing"


@pytest.mark.parametrize("name", ["semi_sync", "semi_sync, five nodes", "sync", "quorum", "hybrid", "mirror"])
def test_one_lost_disk_at_a_time_loses_nothing(name: str) -> None:
    wiped = 0
    for seed in SEEDS:
        world = run(seed, wipes=True, **CLUSTERS[name])
        assert lost(world) == [], f"seed {seed}"
        wiped += sum(
            event["event"] == "started" and event["log_offset"] == 0 for event in world.events
        ) - len(world.names)
    assert wiped > 5, "no disk was lost: the test shows nothing"


def test_kills_lose_nothing_of_what_is_only_in_memory() -> None:
    for seed in SEEDS:
        world = run(seed, power=False, mode=Mode.SEMI_SYNC_MEMORY)
        assert lost(world) == [], f"seed {seed}"


def test_async_loses_only_the_end_of_an_epoch() -> None:
    losses = 0
    for seed in SEEDS:
        world = run(seed, mode=Mode.ASYNC)
        gone = lost(world)
        losses += len(gone)
        kept = {ack.value for ack in world.acks} - {ack.value for ack in gone}
        for ack in gone:
            later = [
                a for a in world.acks if a.epoch == ack.epoch and a.offset > ack.offset and a.value in kept
            ]
            assert not later, f"seed {seed}: a hole in epoch {ack.epoch}"
            assert any(e["event"] == "elected" and e["epoch"] > ack.epoch for e in world.events)
    assert losses > 0, "async never lost anything: the test shows nothing"


def test_a_healthy_cluster_stays_calm() -> None:
    world = World(1, mode=Mode.SYNC)
    world.bootstrap()
    for _ in range(100):
        world.write("n1")
        world.run(50 * MS)
    world.run(1 * S)
    assert len(world.acks) == 100
    assert [event["epoch"] for event in world.events if event["event"] == "elected"] == [101]


def test_a_cluster_of_one_elects_itself_after_a_crash() -> None:
    world = World(1, count=1, mode=Mode.QUORUM)
    world.bootstrap()
    world.write("n1")
    world.run(1 * S)
    world.power_cut("n1")
    world.start("n1")
    world.until(world.recovered)
    assert lost(world) == []
    assert len(world.acks) == 1


def test_a_node_promoted_by_force_goes_on_alone_after_a_crash() -> None:
    """It is the whole cluster by then; the others have lost their disks and have no vote."""
    world = World(1, mode=Mode.ASYNC)
    world.bootstrap()
    for name in ("n1", "n2"):
        world.wipe(name)
    world.force("n3")
    assert world.primary() == "n3"
    world.power_cut("n3")
    world.start("n3")
    world.until(lambda: world.primary() == "n3")
    world.heal()
    world.until(world.recovered)


def test_a_lagging_node_promoted_by_force_brings_the_others_into_line() -> None:
    """Their snapshots reach further than its log: they take its own instead."""
    for seed in range(5):
        world = World(seed, mode=Mode.SEMI_SYNC, snapshot_bytes=2000, retain_bytes=500)
        world.bootstrap()
        world.write("n1")
        world.run(1 * S)
        world.partition({"n1", "n2"}, {"n3"})
        for _ in range(200):
            world.write("n1")
            world.run(5 * MS)
        world.run(1 * S)
        for name in ("n1", "n2"):
            world.power_cut(name)
        world.force("n3")
        world.heal()
        world.until(world.recovered)
        assert world.primary() == "n3"
        assert len(world.survivors("n1")) < len(world.acks), "nothing was cut: the test shows nothing"


def test_the_entry_that_opens_an_epoch_is_degraded_without_a_client() -> None:
    world = World(1, mode=Mode.SYNC, degrade_after_ns=300 * MS)
    world.bootstrap()
    world.write("n1")
    world.run(1 * S)
    world.kill("n3")
    world.kill("n1")
    world.start("n1")
    world.until(lambda: world.primary() is not None)


def test_writes_have_all_their_copies_again_when_everyone_is_back() -> None:
    world = World(1, mode=Mode.SYNC, degrade_after_ns=300 * MS)
    world.bootstrap()
    world.partition({"n1", "n2"}, {"n3"})
    world.write("n1")
    world.until(lambda: len(world.acks) == 1)
    world.heal()
    world.until(lambda: world.status("n1")["in_sync"] is None)
    world.write("n1")
    world.until(lambda: len(world.acks) == 2)
    assert [ack.degraded for ack in world.acks] == [True, False]


@pytest.mark.parametrize("snapshot_bytes", [8 << 20, 1000])
def test_a_retry_at_the_next_primary_is_not_done_again(snapshot_bytes: int) -> None:
    world = World(1, mode=Mode.QUORUM, snapshot_bytes=snapshot_bytes, retain_bytes=500)
    world.bootstrap()
    body = {"op": "append", "key": "k0", "element": 1000, "session": "s", "seq": 1}
    answers: list[dict[str, object]] = []
    world.ask("n1", body, answers.append)
    for _ in range(30):
        world.write("n1")
        world.run(20 * MS)
    for name in ("n2", "n3", "n1"):
        world.kill(name)
        world.start(name)
    world.until(lambda: world.primary() is not None)
    world.kill(world.primary() or "n1")
    world.until(lambda: world.primary() is not None)
    world.ask(world.primary() or "n2", body, answers.append)
    world.until(lambda: len(answers) == 2)
    assert [answer["ok"] for answer in answers] == [True, True]
    world.heal()
    world.until(world.recovered)
    assert lost(world) == []


def test_the_log_that_a_snapshot_replaces_holds_nothing_that_must_be_applied() -> None:
    """The nodes are killed at every step of making snapshots, again and again."""
    world = World(1, mode=Mode.QUORUM, snapshot_bytes=1500, retain_bytes=300)
    world.bootstrap()
    for step in range(60):
        world.write(world.primary() or "n1")
        world.run((7 + step % 5) * MS)
        if step % 6 == 5:
            world.kill(world.names[step // 6 % 3])
            world.run(50 * MS)
            world.heal()
            world.until(world.recovered)
            world.survivors(world.names[step // 6 % 3])
    assert lost(world) == []


def test_a_write_that_is_too_large_is_surely_refused() -> None:
    world = World(1, mode=Mode.QUORUM)
    world.bootstrap()
    answers: list[dict[str, object]] = []
    world.ask("n1", {"op": "put", "key": "k", "value": "x" * (3 << 20)}, answers.append)
    world.run(1 * S)
    assert answers[0]["ok"] is False
    assert answers[0]["sure"] is True
    world.write("n1")
    world.until(lambda: len(world.acks) == 1)


def test_a_promotion_does_not_break_the_promise_to_a_living_primary() -> None:
    """The operator's word to step down is lost: the candidate waits until the primary's lease has ended."""
    for seed in range(20):
        world = World(seed, mode=Mode.QUORUM)
        world.bootstrap()
        world.write("n1")
        world.run(1 * S)
        world.partition({"n1", "n2"}, {"n2", "n3"})
        world.run(2 * S)
        world.partition({"n1"}, {"n2", "n3"})
        world.ask("n2", {"op": "promote"}, lambda _: None)
        for _ in range(300):
            world.run(10 * MS)
            serving = [name for name in world.names if world.status(name).get("serving")]
            assert len(serving) <= 1, f"seed {seed}: {serving} answer at the same time"
        assert serving in (["n2"], ["n3"])


@pytest.mark.parametrize("failover", [Failover.AUTOMATIC, Failover.MANUAL])
@pytest.mark.parametrize("after_ms", range(0, 24, 2))
def test_a_power_cut_while_the_second_member_joins_needs_no_operator(
    after_ms: int, failover: Failover
) -> None:
    """The one that was promoted by force goes on, with or without the one that was joining."""
    world = World(after_ms, mode=Mode.ASYNC, failover=failover)
    world.bootstrap()
    for name in ("n1", "n2"):
        world.wipe(name)
    world.force("n3")
    world.start("n1")
    disk = world.disks["n3"]
    world.until(lambda: disk.meta.record is not None and len(disk.meta.record.members) == 2, step_ns=1 * MS)
    world.run(after_ms * MS)
    for name in ("n3", "n1"):
        world.power_cut(name)
        world.start(name)
    world.until(lambda: world.primary() is not None)
    world.heal()
    world.until(world.recovered)


def test_a_joining_member_whose_disk_is_lost_again_joins_with_the_next_one() -> None:
    world = World(1, mode=Mode.ASYNC)
    world.bootstrap()
    for name in ("n1", "n2"):
        world.wipe(name)
    world.force("n3")
    world.start("n1")
    disk = world.disks["n3"]
    world.until(lambda: disk.meta.record is not None and disk.meta.record.joining == "n1", step_ns=1 * MS)
    world.wipe("n1")
    world.run(1 * S)
    world.heal()
    world.until(world.recovered)


def test_a_snapshot_is_saved_in_the_same_turn_in_which_an_older_state_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An old primary whose readers were ahead goes back to its last snapshot while it makes the next one."""
    monkeypatch.setattr(snapshots, "ROWS_A_STEP", 1)
    world = World(1, mode=Mode.QUORUM, visibility=Visibility.ON_APPLY, retain_bytes=1)
    world.bootstrap()
    node = world.nodes["n1"]
    assert node is not None

    def write(count: int) -> None:
        for _ in range(count):
            value = next(world.values)
            body = {"op": "append", "key": "k0", "element": value, "session": f"c{value}", "seq": 1}
            world.ask("n1", body, lambda _: None)

    write(500)
    world.until(world.recovered)
    node.snapshots.wanted = True
    world.until(lambda: node.snapshots.current > 0)
    write(5)
    world.until(world.recovered)
    node.snapshots.wanted = True
    world.until(lambda: node.snapshots.busy, step_ns=1 * MS)
    world.hold_disk("n1")
    world.partition({"n1"}, {"n2", "n3"})
    write(3)
    world.run(5 * MS)
    world.pause("n1")
    world.until(lambda: world.primary() in ("n2", "n3"))
    world.heal()
    world.until(lambda: node.reloading, step_ns=1 * MS)
    assert node.snapshots.busy, "the older state is not asked for while the next snapshot is being made"
    world.until(lambda: not node.snapshots.busy)
    world.release_disk("n1")
    world.until(world.recovered)
    assert lost(world) == []


def test_what_arrives_while_a_state_is_loaded_is_not_forgotten() -> None:
    """Nothing is written afterwards that would show the gap."""
    world = World(1, mode=Mode.QUORUM, visibility=Visibility.ON_APPLY, snapshot_bytes=2000, retain_bytes=500)
    world.bootstrap()
    while world.disks["n1"].snapshot is None:
        world.write("n1")
        world.run(20 * MS)
    world.write("n1")
    world.until(world.recovered)
    world.partition({"n1"}, {"n2", "n3"})
    for _ in range(5):
        world.write("n1")
    world.until(lambda: world.primary() in ("n2", "n3"))
    world.hold_disk("n1")
    world.heal()
    node = world.nodes["n1"]
    assert node is not None
    world.until(lambda: node.reloading)
    world.run(1 * S)
    world.release_disk("n1")
    world.until(world.recovered)
