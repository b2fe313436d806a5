"""Faults that take a machine of its own: what they count as evidence, and what their heal does."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fake_world import FakeWorld

from faults.detached_disk import DiskDetached
from faults.power import KernelPanic
from faults.write_cache import CacheLoss, LostFlush
from harness.errors import NodeError

N1 = ("n1",)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scenario())


def test_a_panic_is_proved_by_the_console_and_by_silence() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), KernelPanic({})
        proofs = await fault.inject(world, N1)
        assert all(proof.shown for proof in proofs)
        assert [proof.what for proof in proofs] == [
            "the console of n1: Kernel panic",
            "n1 has no power and 0 processes",
            "n1, where 2 processes ran, answers nobody",
        ]
        assert all(proof.shown for proof in await fault.heal(world, N1))
        assert world["n1"].calls == ["panic", "restore_power", "start"]

    run(scenario)


def test_a_kernel_that_goes_on_is_no_panic() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), KernelPanic({})
        world["n1"].says = ""
        (proof,) = await fault.inject(world, N1)
        assert not proof.shown

    run(scenario)


def test_a_disk_that_is_gone_is_proved_by_a_probe_and_by_the_systems_own_flushes() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), DiskDetached({})
        (probe,) = await fault.inject(world, N1)
        assert (probe.what, probe.shown) == ("n1: a probe of the disk: Input/output error", True)
        assert world["n1"].running, "it is not the fault that ends the system"
        (nothing,) = await fault.evidence(world, N1)
        assert not nothing.shown
        world["n1"].refused = 1
        (refused,) = await fault.evidence(world, N1)
        assert (refused.what, refused.shown) == ("n1: 1 failed flushes", True)
        (healed,) = await fault.heal(world, N1)
        assert healed.shown
        assert world["n1"].calls == ["detach_disk", "attach_disk", "start"]
        assert await fault.heal(world, N1) == (healed,)

    run(scenario)


def test_a_cache_is_lost_at_the_heal_and_that_is_told() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), CacheLoss({})
        assert await fault.inject(world, N1) == ()
        (nothing,) = await fault.evidence(world, N1)
        assert not nothing.shown
        world["n1"].taken = 10
        (taken,) = await fault.evidence(world, N1)
        assert taken.shown
        lost, runs = await fault.heal(world, N1)
        assert lost.what == (
            "n1: 10 writes up to the last flush (number 5) stayed, and 3 writes after it went with the power"
        )
        assert lost.shown and runs.shown
        assert world["n1"].calls == ["begin_caching", "lose_cache", "start"]

    run(scenario)


def test_a_node_that_refuses_a_disk_that_lost_its_flushes_gets_a_blank_one() -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), LostFlush({"flushes": 3})
        world.sut.refuses = {"n1 disk 0"}
        await fault.inject(world, N1)
        assert world["n1"].lost_flushes == 3
        world["n1"].taken = 10
        _, runs = await fault.heal(world, N1)
        assert (runs.shown, "on a blank disk" in runs.what) == (True, True), runs
        assert world["n1"].disk == 1

    run(scenario)


@pytest.mark.parametrize(
    ("make", "call"),
    [(DiskDetached, "attach_disk"), (DiskDetached, "start"), (CacheLoss, "lose_cache"), (CacheLoss, "start")],
)
def test_a_heal_that_failed_is_tried_again(make: Callable[..., DiskDetached | CacheLoss], call: str) -> None:
    async def scenario() -> None:
        world, fault = FakeWorld(), make({})
        await fault.inject(world, N1)
        world["n1"].taken = 2
        world["n1"].fails.add(call)
        with pytest.raises(NodeError, match=call):
            await fault.heal(world, N1)
        assert (await fault.heal(world, N1))[-1].shown
        assert world["n1"].running

    run(scenario)
