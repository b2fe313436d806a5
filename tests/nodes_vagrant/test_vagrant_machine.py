"""A virtual machine's outages, with its hypervisor and its agent in the test's hands."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from harness.draws import Draws
from harness.errors import NodeError
from harness.hosts import Host
from nodes.ssh.link import Answered, Link
from nodes.vagrant.machine import Outage, VagrantMachine
from nodes.vagrant.power import Power

_SAID: dict[str, Any] = {
    "begin": {"missing": {}, "directory": "/d", "software": "/s"},
    "hazard": {},
}
"""What the agent answers."""


class Way:
    """A link whose agent can't make a machine unless it `can`."""

    def __init__(self) -> None:
        self.can = True
        self.opened = True

    async def open(self) -> None:
        assert not self.opened, "it is open"
        self.opened = True

    async def part(self) -> None:
        self.opened = False

    async def ask(self, do: str, **_: Any) -> Answered:
        if do == "begin" and not self.can:
            raise NodeError("n1: its disk is busy")
        return Answered(_SAID.get(do, {}), b"", 0, 0)


class Supply:
    async def cut(self, name: str) -> None:
        pass

    async def restore(self, name: str) -> None:
        pass

    async def powered(self, name: str) -> bool:
        return True


def machine(way: Way, *, device: str = "/dev/vdb") -> VagrantMachine:
    async def nothing(_: str) -> None:
        pass

    async def silence(_: str, __: int) -> str:
        return ""

    outage = Outage(cast(Power, Supply()), nothing, nothing, nothing, lambda _: 0, silence)
    return VagrantMachine(
        "n1",
        cast(Link, way),
        outage=outage,
        host=Host(host="n1", device=device),
        logs=Path(),
        draws=Draws(0),
        on_line=None,
        on_death=None,
    )


@pytest.mark.parametrize("device", ["/dev/vdb", ""])
def test_only_a_disk_of_its_own_is_sealed_and_can_fail(device: str) -> None:
    missing = asyncio.run(
        machine(Way(), device=device).begin("10.0.0.1", probe_port=1, everyone=["10.0.0.1"])
    )
    lacks = {"FaultyDisk", "DetachableDisk", "WriteCache", "SealedDisk"}
    assert missing.keys() == (set() if device else lacks)


def test_a_machine_that_could_not_begin_is_begun_again_over_one_connection() -> None:
    async def outage() -> None:
        way = Way()
        cut = machine(way)
        await cut.begin("10.0.0.1", probe_port=1, everyone=["10.0.0.1"])
        await cut.cut_power()
        way.can = False
        with pytest.raises(NodeError, match="its disk is busy"):
            await cut.restore_power()
        assert not await cut.powered()
        way.can = True
        await cut.restore_power()
        assert await cut.powered() and way.opened

    asyncio.run(outage())
