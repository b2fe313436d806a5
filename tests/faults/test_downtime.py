import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fake_world import FakeWorld

from faults.disk import DiskLoss
from faults.power import KernelPanic, PowerCut
from faults.process import Kill
from harness.errors import NodeError
from harness.fault import Fault

N1 = ("n1",)
FAULTS = [Kill, PowerCut, KernelPanic, DiskLoss]


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scenario())


@pytest.mark.parametrize("make", FAULTS)
def test_a_fault_takes_the_system_down_and_starts_it_again(make: Callable[..., Fault]) -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), make({})
        old = set(world["n1"].running)
        others = set(world["n2"].running)
        proofs = await fault.inject(world, N1)
        assert proofs
        assert all(proof.shown for proof in proofs), proofs
        assert not world["n1"].running
        healed = await fault.heal(world, N1)
        assert all(proof.shown for proof in healed), healed
        assert world["n1"].running
        assert not world["n1"].running & old
        assert world["n1"].calls.count("start") == 1
        assert world["n2"].running == others
        assert await fault.heal(world, N1) == healed[-1:], "healing twice starts nothing twice"
        assert world["n1"].calls.count("start") == 1

    run(scenario)


@pytest.mark.parametrize("first", FAULTS)
@pytest.mark.parametrize("second", FAULTS)
def test_only_the_last_to_let_go_starts_the_system(
    first: Callable[..., Fault], second: Callable[..., Fault]
) -> None:
    async def scenario() -> None:
        world, one, other = FakeWorld(), first({}), second({})
        await one.inject(world, N1)
        await other.inject(world, N1)
        healed = await one.heal(world, N1)
        assert all(proof.shown for proof in healed), healed
        assert "another fault still keeps it down" in healed[-1].what
        assert "start" not in world["n1"].calls
        assert all(proof.shown for proof in await other.heal(world, N1))
        assert world["n1"].calls.count("start") == 1
        assert world["n1"].running

    run(scenario)


def test_a_kill_that_heals_while_the_power_is_off_does_not_fail() -> None:
    async def scenario() -> None:
        world, kill, power = FakeWorld(), Kill({}), PowerCut({})
        await power.inject(world, N1)
        (proof,) = await kill.inject(world, N1)
        assert not proof.shown, "there was nothing to kill"
        (healed,) = await kill.heal(world, N1)
        assert healed.shown
        assert not world["n1"].running
        await power.heal(world, N1)
        assert world["n1"].running

    run(scenario)


@pytest.mark.parametrize(("make", "call"), [(Kill, "kill"), (PowerCut, "cut_power"), (DiskLoss, "wipe")])
def test_heal_is_right_after_an_injection_that_failed(make: Callable[..., Fault], call: str) -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), make({})
        world["n2"].fails.add(call)
        with pytest.raises(NodeError, match=f"n2: {call} failed"):
            await fault.inject(world, ("n1", "n2", "n3"))
        for name in ("n1", "n3"):
            assert not world[name].running, "the others were broken all the same"
        healed = await fault.heal(world, ("n1", "n2", "n3"))
        assert all(proof.shown for proof in healed), healed
        for name in ("n1", "n2", "n3"):
            assert world[name].running
            assert world[name].on
            assert world[name].calls.count("start") == 1

    run(scenario)


@pytest.mark.parametrize("make", FAULTS)
def test_heal_is_right_before_any_injection(make: Callable[..., Fault]) -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), make({})
        before = set(world["n1"].running)
        (proof,) = await fault.heal(world, N1)
        assert proof.shown
        assert world["n1"].running == before
        assert world["n1"].calls == []

    run(scenario)


@pytest.mark.parametrize("make", FAULTS)
def test_heal_is_right_after_an_injection_that_was_cancelled(make: Callable[..., Fault]) -> None:
    async def scenario(steps: int) -> bool:
        world, fault = FakeWorld(), make({})
        injection = asyncio.create_task(fault.inject(world, ("n1", "n2")))  # type: ignore[arg-type]
        for _ in range(steps):
            await asyncio.sleep(0)
        finished = injection.done()
        injection.cancel()
        await asyncio.wait([injection])
        healed = await fault.heal(world, ("n1", "n2"))
        assert all(proof.shown for proof in healed), healed
        for name in ("n1", "n2"):
            assert world[name].running
            assert world[name].on
        return finished

    steps = 0
    while not asyncio.run(scenario(steps)):
        steps += 1
    assert steps > 1, "it was cancelled in the middle at least once"


@pytest.mark.parametrize("make", FAULTS)
def test_a_start_that_failed_is_tried_again(make: Callable[..., Fault]) -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), make({})
        await fault.inject(world, N1)
        world["n1"].fails.add("start")
        with pytest.raises(NodeError, match="n1: start failed"):
            await fault.heal(world, N1)
        healed = await fault.heal(world, N1)
        assert all(proof.shown for proof in healed), healed
        assert world["n1"].running

    run(scenario)


def test_a_machine_that_did_not_get_its_power_back_is_tried_again() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), PowerCut({})
        await fault.inject(world, N1)
        world["n1"].fails.add("restore_power")
        with pytest.raises(NodeError):
            await fault.heal(world, N1)
        assert not world["n1"].on
        assert all(proof.shown for proof in await fault.heal(world, N1))
        assert world["n1"].running

    run(scenario)


def test_power_that_was_off_already_proves_nothing_and_stays_off() -> None:
    async def scenario() -> None:
        world, one, other = FakeWorld(), PowerCut({}), PowerCut({})
        await one.inject(world, N1)
        (proof,) = await other.inject(world, N1)
        assert not proof.shown
        await other.heal(world, N1)
        assert not world["n1"].on, "the power is the other fault's to restore"
        await one.heal(world, N1)
        assert world["n1"].running

    run(scenario)


def test_a_power_cut_that_ended_early_is_noticed() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), PowerCut({})
        await fault.inject(world, N1)
        assert all(proof.shown for proof in await fault.evidence(world, N1))
        world["n1"].on = True
        assert not all(proof.shown for proof in await fault.evidence(world, N1))

    run(scenario)


def test_nothing_running_is_no_kill() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), Kill({})
        world["n1"].running = set()
        (proof,) = await fault.inject(world, N1)
        assert not proof.shown
        assert proof.what == "nothing ran on n1"

    run(scenario)


def test_a_system_that_dies_at_its_start_is_no_heal() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), Kill({})

        async def die(machine: object) -> None:
            pass

        await fault.inject(world, N1)
        world.sut.start = die
        (proof,) = await fault.heal(world, N1)
        assert not proof.shown
        assert proof.what == "nothing runs on n1 after its start"

    run(scenario)


@pytest.mark.parametrize("make", [Kill, DiskLoss])
def test_a_machine_that_is_gone_is_no_heal(make: Callable[..., Fault]) -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), make({})
        world["n1"].on, world["n1"].running = False, set()
        await fault.inject(world, N1)
        for _ in range(2):
            with pytest.raises(NodeError, match="n1 is off, and no fault keeps it so"):
                await fault.heal(world, N1)

    run(scenario)


def test_a_wipe_that_was_cut_short_is_done_again_at_the_heal() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), DiskLoss({})
        world["n1"].fails.add("wipe")
        with pytest.raises(NodeError, match="n1: wipe failed"):
            await fault.inject(world, N1)
        world["n1"].fails.add("wipe")
        with pytest.raises(NodeError, match="n1: wipe failed"):
            await fault.heal(world, N1)
        assert all(proof.shown for proof in await fault.heal(world, N1))
        assert world["n1"].calls == ["wipe", "wipe", "wipe", "start"]
        assert all(proof.shown for proof in await fault.heal(world, N1))
        assert world["n1"].calls.count("wipe") == 3, "what is whole is left alone"

    run(scenario)
