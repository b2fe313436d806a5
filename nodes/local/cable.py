"""A local machine's cable: what leads from its port of the bridge into its network namespace."""

import asyncio
import json
import socket
import time
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
        """Lead the cable into a machine, give that its addresses, and wait until packets get through.

        The kernel opens the way a little later than it says that the interfaces are up, and drops what comes
        before; a TCP that has lost its first packet so is silent for a whole second.
        """
        await feed(network.cable_batch(self._place, boot.pid), "ip", "-batch", "-")
        addresses = network.machine_batch(self._place, self._everyone, versions=network.ip_versions())
        await self._ip(boot, "-batch", "-", stdin=addresses)
        deadline = time.monotonic() + _PLUG_S
        while not await self._is_open(boot):
            if time.monotonic() > deadline:
                raise NodeError(f"{self._place.name} has no network: its cable stays without a carrier")
            await asyncio.sleep(0.002)

    async def _is_open(self, boot: Boot) -> bool:
        """Tell whether both ends of the cable have noticed each other, and the bridge forwards to it."""
        show = ("-json", "-details", "link", "show", "dev")
        (outer,) = json.loads(await feed("", "ip", *show, self._place.port))
        (inner,) = json.loads(await self._ip(boot, *show, network.INTERFACE))
        forwards = outer["linkinfo"]["info_slave_data"]["state"] == "forwarding"
        return bool(forwards and outer["operstate"] == inner["operstate"] == "UP")

    async def _ip(self, boot: Boot, *arguments: str, stdin: str = "") -> bytes:
        """Run `ip` on the machine; raises NodeError if that fails."""
        done = await run_command(
            boot,
            ["ip", *arguments],
            stdin=stdin.encode(),
            timeout_s=_PLUG_S,
            env=self._environment,
        )
        if done.returncode != 0:
            complaint = done.stderr.decode(errors="replace").strip()
            raise NodeError(f"{self._place.name} has no network: {complaint}")
        return done.stdout

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
