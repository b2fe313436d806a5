"""Clocks of machines that have their own (`harness.machine.Clocks`)."""

from harness.errors import NodeError
from harness.machine import ClockReading
from nodes.hazards.clock import MOST_PPM
from nodes.ssh.asks import Agent, hazard


class MachineClocks:
    """The clocks of one machine. Services there that would set them right are stopped meanwhile."""

    def __init__(self, name: str, agent: Agent) -> None:
        self._name = name
        self._agent = agent
        self._drifts: dict[str, int] = {}

    async def set_drift(self, key: str, ppm: int) -> None:
        """Let all clocks run `ppm` millionths too fast; drifts under several keys add up.

        Raises NodeError for more than a kernel allows, a tenth.
        """
        drifts = {**self._drifts, key: ppm}
        total = sum(drifts.values())
        if abs(total) > MOST_PPM:
            raise NodeError(
                f"{self._name}: its kernel lets clocks drift by {MOST_PPM} millionths, not by {total}"
            )
        await hazard(self._agent, "drift clocks", ppm=total)
        self._drifts = {name: each for name, each in drifts.items() if each}

    def forget(self) -> None:
        """Take note that the machine has lost its power: its clocks run right again."""
        self._drifts.clear()

    async def jump_clock(self, by_ns: int) -> None:
        """Set the wall clock forward, or back; the monotonic one goes on."""
        await hazard(self._agent, "jump clock", by_ns=by_ns)

    async def read_clocks(self) -> ClockReading:
        """Read the clocks."""
        return ClockReading(**await hazard(self._agent, "read clocks"))
