import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest
from fake_world import FakeWorld

from faults import network, operator
from faults.network import Partition
from faults.operator import Promote
from faults.power import PowerCut
from faults.process import Kill, Pause, Slow
from harness.episode import Proof
from harness.errors import NodeError
from harness.machine import CLIENTS

N1 = ("n1",)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scenario())


def shown(proofs: tuple[object, ...]) -> bool:
    return bool(proofs) and all(proof.shown for proof in proofs)  # type: ignore[attr-defined]


def test_a_partition_is_proved_by_probes_and_by_the_traffic_that_it_dropped() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), Partition({"shape": "primary-cut-off"})
        assert shown(await fault.inject(world, N1))
        (nothing,) = await fault.evidence(world, N1)
        assert not nothing.shown
        world.net.traffic(("n1", "n2"), (CLIENTS, "n1"), (CLIENTS, "n1"))
        (evidence,) = await fault.evidence(world, N1)
        assert evidence.shown
        assert evidence.what.startswith("3 packets dropped: clients -> n1 2, n1 -> clients 0, n1 -> n2 1,")
        assert shown(await fault.heal(world, N1))
        assert not world.net.cuts
        assert shown(await fault.heal(world, N1))

    run(scenario)


def test_a_cut_that_leaks_is_not_shown() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), Partition({"shape": "isolated"})
        world.net.leaks = True
        closed, opened = await fault.inject(world, N1)
        assert not closed.shown
        assert closed.what == "probes say otherwise than cut: n1 - n2, n1 - n3"
        assert opened.shown

    run(scenario)


def test_links_that_should_be_open_and_are_not_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_OPEN_S", 0)
    monkeypatch.setattr(network, "_HEALED_S", 0)

    async def scenario() -> None:
        world, fault = FakeWorld(), Partition({"shape": "isolated"})
        world.net.stuck = True
        closed, opened = await fault.inject(world, N1)
        assert closed.shown
        assert not opened.shown
        (healed,) = await fault.heal(world, N1)
        assert not healed.shown
        assert healed.what == "probes say otherwise than open again: n1 - n2, n1 - n3"

    run(scenario)


def test_a_shape_that_cuts_nothing_proves_nothing() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(2), Partition({"shape": "majority-ring"})
        (proof,) = await fault.inject(world, N1)
        assert not proof.shown
        assert await fault.evidence(world, N1) == ()
        assert shown(await fault.heal(world, N1))

    run(scenario)


def test_what_another_partition_of_the_same_links_dropped_before_is_no_evidence() -> None:
    async def scenario() -> None:
        world = FakeWorld()
        one, other = Partition({"shape": "isolated"}), Partition({"shape": "isolated"})
        await one.inject(world, N1)
        world.net.traffic(("n1", "n2"))
        await other.inject(world, N1)
        assert not shown(await other.evidence(world, N1))
        world.net.traffic(("n1", "n2"))
        (evidence,) = await other.evidence(world, N1)
        assert evidence.shown
        assert evidence.what.startswith("1 packet dropped")
        (evidence,) = await one.evidence(world, N1)
        assert evidence.what.startswith("2 packets dropped")

    run(scenario)


def test_partitions_of_the_same_links_heal_one_by_one() -> None:
    async def scenario() -> None:
        world = FakeWorld()
        one, other = Partition({"shape": "isolated"}), Partition({"shape": "isolated"})
        assert shown(await one.inject(world, N1))
        assert shown(await other.inject(world, N1))
        (healed,) = await one.heal(world, N1)
        assert healed.shown
        assert healed.what == "withdrawn; other faults keep these places apart"
        assert not await world.net.reach("n1", "n2")
        assert shown(await other.heal(world, N1))
        assert await world.net.reach("n1", "n2")

    run(scenario)


def test_a_partition_does_not_expect_answers_of_machines_without_power() -> None:
    async def scenario() -> None:
        world, cut, power = FakeWorld(), Partition({"shape": "isolated"}), PowerCut({})
        await power.inject(world, ("n2",))
        _, opened = await cut.inject(world, N1)
        assert opened.shown
        assert "n2" not in opened.what
        (healed,) = await cut.heal(world, N1)
        assert healed.shown
        assert healed.what == "open again, by probes: n1 - n3"

    run(scenario)


def test_heal_of_a_partition_is_right_after_an_injection_that_was_cancelled() -> None:
    async def scenario(steps: int) -> bool:
        world, fault = FakeWorld(), Partition({"shape": "halves"})
        injection = asyncio.create_task(fault.inject(world, N1))
        for _ in range(steps):
            await asyncio.sleep(0)
        finished = injection.done()
        injection.cancel()
        await asyncio.wait([injection])
        assert shown(await fault.heal(world, N1))
        assert not world.net.cuts
        return finished

    assert not asyncio.run(scenario(0))
    assert any(asyncio.run(scenario(steps)) for steps in itertools.count(1))


def test_a_pause_is_proved_at_both_ends_and_at_its_end() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), Pause({})
        assert shown(await fault.inject(world, N1))
        assert shown(await fault.evidence(world, N1))
        await world["n1"].resume()
        (early,) = await fault.evidence(world, N1)
        assert not early.shown
        await world["n1"].pause()
        assert shown(await fault.heal(world, N1))
        assert not world["n1"].is_paused
        assert shown(await fault.heal(world, N1))

    run(scenario)


def test_of_several_pauses_the_last_to_heal_wakes_the_node() -> None:
    async def scenario() -> None:
        world = FakeWorld()
        first, second, third = Pause({}), Pause({}), Pause({})
        for pause in (first, second):
            assert shown(await pause.inject(world, N1))
        (let_go,) = await second.heal(world, N1)
        assert let_go == Proof(what="n1 let go; another fault still keeps it stopped", shown=True)
        assert world["n1"].is_paused, "it went on, and the next pause hid that from the evidence of the first"
        assert shown(await third.inject(world, N1))
        assert shown(await first.evidence(world, N1))
        assert shown(await first.heal(world, N1))
        assert world["n1"].is_paused
        assert shown(await third.evidence(world, N1))
        assert shown(await third.heal(world, N1))
        assert not world["n1"].is_paused
        assert shown(await third.heal(world, N1))

    run(scenario)


def test_slowing_does_not_wake_what_is_paused() -> None:
    async def scenario() -> None:
        world, slow, pause = FakeWorld(), Slow({"share": 0.5, "period_s": 0.02}), Pause({})
        assert shown(await slow.inject(world, N1))
        assert shown(await pause.inject(world, N1))
        assert shown(await slow.heal(world, N1))
        assert shown(await pause.evidence(world, N1))
        assert shown(await pause.heal(world, N1))
        assert not world["n1"].is_paused

    run(scenario)


def test_a_pause_does_not_take_a_restarted_process_that_another_paused_for_its_own() -> None:
    async def scenario() -> None:
        world, first, kill, other = FakeWorld(), Pause({}), Kill({}), Pause({})
        for fault in (first, kill):
            assert shown(await fault.inject(world, N1))
        await kill.heal(world, N1)
        assert shown(await other.inject(world, N1))
        (proof,) = await first.evidence(world, N1)
        assert "started meanwhile" in proof.what
        assert not proof.shown

    run(scenario)


def test_a_resume_that_failed_is_tried_again() -> None:
    async def scenario() -> None:
        world, pause = FakeWorld(), Pause({})
        await pause.inject(world, N1)
        world["n1"].fails.add("resume")
        with pytest.raises(NodeError):
            await pause.heal(world, N1)
        assert shown(await pause.heal(world, N1))
        assert not world["n1"].is_paused

    run(scenario)


def test_a_pause_of_nothing_proves_nothing_but_a_kill_may_end_it() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), Pause({})
        await fault.inject(world, N1)
        await world["n1"].kill()
        assert shown(await fault.evidence(world, N1))
        (proof,) = await Pause({}).inject(world, N1)
        assert not proof.shown

    run(scenario)


def test_slow_stops_and_goes_until_the_heal() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), Slow({"share": 0.5, "period_s": 0.02})
        assert shown(await fault.inject(world, ("n1", "n2")))
        assert {"pause", "resume"} <= set(world["n2"].calls)
        assert shown(await fault.heal(world, ("n1", "n2")))
        assert not world["n1"].is_paused
        calls = len(world["n1"].calls)
        await asyncio.sleep(0.1)
        assert len(world["n1"].calls) == calls, "it goes on after the heal"
        assert shown(await fault.heal(world, ("n1", "n2")))

    run(scenario)


def test_slowing_that_broke_off_is_told_and_healed() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), Slow({"share": 0.5, "period_s": 0.02})
        world["n1"].fails.add("pause")
        (proof,) = await fault.inject(world, N1)
        assert not proof.shown
        assert proof.what == "n1: the slowing broke off: n1: pause failed"
        assert shown(await fault.heal(world, N1))

    run(scenario)


def test_a_promotion_is_proved_by_the_node_itself() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), Promote({"force": True})
        (proof,) = await fault.inject(world, ("n2",))
        assert world.sut.promoted == ("n2", True)
        assert proof.shown
        assert proof.what == "n2 says that it is the primary, epoch 2"
        (healed,) = await fault.heal(world, ("n2",))
        assert healed.shown
        for targets in ((), ("n1", "n2")):
            with pytest.raises(NodeError, match="one node can be promoted"):
                await fault.inject(world, targets)

    run(scenario)


def test_a_promotion_that_nobody_confirms_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "_PROMOTED_S", 0)

    async def scenario() -> None:
        world = FakeWorld()
        world.sut.listens = False
        (proof,) = await Promote({}).inject(world, ("n2",))
        assert not proof.shown
        assert world.sut.promoted == ("n2", False)

    run(scenario)
