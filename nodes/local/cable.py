"""A local machine's cable: what leads from its port of the bridge into its network namespace."""

import socket
from collections.abc import Collection, Mapping

from harness.errors import NodeError
from nodes.linux import kernel
from nodes.linux.boot import Boot
from nodes.linux.command import run_command
from nodes.linux.programs import feed
from nodes.local import network
from nodes.local.network import Place

_PLUG_S = 20.0


class BridgeCable:
    """The way of one machine into the network (`nodes.linux.hardware.Cable`)."""

    def __init__(self, place: Place, everyone: Collection[Place], environment: Mapping[str, str]) -> None:
        self._place = place
        self._everyone = everyone
        self._environment = environment

    async def plug(self, boot: Boot) -> None:
        """Lead the cable into a machine, and give that its addresses."""
        await feed(network.cable_batch(self._place, boot.pid), "ip", "-batch", "-")
        addresses = network.machine_batch(self._place, self._everyone, versions=network.ip_versions())
        done = await run_command(
            boot,
            ["ip", "-batch", "-"],
            stdin=addresses.encode(),
            timeout_s=_PLUG_S,
            env=self._environment,
        )
        if done.returncode != 0:
            complaint = done.stderr.decode(errors="replace").strip()
            raise NodeError(f"{self._place.name} has no network: {complaint}")

    async def pull(self) -> None:
        """Let nothing pass from now on."""
        if self._plugged_in():
            kernel.set_link(self._place.port, up=False)

    async def remove(self) -> None:
        """Take the cable away from a machine that has ended.

        The machine's end of the cable goes along. Its network namespace may outlive the processes, because
        connections that they left behind still try to send: it must never reach anyone.
        """
        if self._plugged_in():
            await feed(f"link delete {self._place.port}", "ip", "-batch", "-")

    def _plugged_in(self) -> bool:
        return any(name == self._place.port for _, name in socket.if_nameindex())
