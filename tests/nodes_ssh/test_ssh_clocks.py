"""Clocks of hosts: drifts that add up, within what a kernel allows."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import NodeError
from nodes.ssh.clocks import MachineClocks


class Recorded:
    """An agent that notes by how much it let the clocks drift."""

    def __init__(self) -> None:
        self.drifts: list[int] = []

    async def ask(self, do: str, *, what: str, arguments: dict[str, Any]) -> SimpleNamespace:
        assert (do, what) == ("hazard", "drift clocks")
        self.drifts.append(arguments["ppm"])
        return SimpleNamespace(value=None)


def test_drifts_of_several_keys_add_up() -> None:
    agent = Recorded()

    async def go() -> None:
        clocks = MachineClocks("n1", agent)
        await clocks.set_drift("one", 20_000)
        await clocks.set_drift("other", -5_000)
        await clocks.set_drift("one", 0)
        await clocks.set_drift("other", 0)

    asyncio.run(go())
    assert agent.drifts == [20_000, 15_000, -5_000, 0]


def test_more_than_a_tenth_is_refused_and_changes_nothing() -> None:
    agent = Recorded()

    async def go() -> None:
        clocks = MachineClocks("n1", agent)
        await clocks.set_drift("one", 90_000)
        with pytest.raises(NodeError, match="n1: its kernel lets clocks drift by 100000 millionths"):
            await clocks.set_drift("other", 20_000)
        await clocks.set_drift("third", 10_000)

    asyncio.run(go())
    assert agent.drifts == [90_000, 100_000]
