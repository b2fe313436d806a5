"""Brings a cluster of virtual machines up and down, and makes it fresh again between runs."""

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import hosts as harness_hosts
from harness.errors import NodeError
from harness.hosts import Hosts
from harness.tasks import together
from nodes.vagrant import command, console, plain_hosts, power, settings, ssh_config
from nodes.vagrant.settings import Provider, Settings
from nodes.vagrant.ssh_config import Host
from nodes.vagrant.vagrant import OnProgress, Vagrant

_BOOT_S = 600.0
"""A machine whose processor is emulated boots within a minute, within several on a busy host."""
_PATIENCE_S = 120.0
"""How long a machine goes on without the harness: a busy host may let it wait for long."""
_TRY_S = 60.0
_PANIC_S = 60.0
_PANIC = "Kernel panic"
_LOOK_S = 0.05
_BETWEEN_TRIES_S = 1.0


class VirtualMachines:
    """A cluster of virtual machines; what belongs to it is kept in one folder."""

    def __init__(self, made_of: Settings, folder: Path) -> None:
        self.settings = made_of
        self.folder = folder
        self.vagrant = Vagrant(made_of, folder)
        self.power = power.of(made_of.provider, self.vagrant)

    @property
    def ssh_config(self) -> Path:
        """The configuration with which OpenSSH logs in on the machines."""
        return self.folder / "ssh-config"

    @property
    def known_hosts(self) -> Path:
        """The machines' host keys: only machines that have these are talked to."""
        return self.folder / "known_hosts"

    @property
    def hosts(self) -> Hosts:
        """How to reach the machines, as Vagrant and `up` have it."""
        device = settings.DATA_DISK if self.settings.provider is Provider.LIBVIRT else ""
        return Hosts(
            hosts=tuple(
                harness_hosts.Host(host=name, address=settings.address(number), sudo=True, device=device)
                for number, name in enumerate(self.settings.names, start=1)
            ),
            known_hosts=str(self.known_hosts),
            ssh_config=str(self.ssh_config),
            patience_s=_PATIENCE_S,
        )

    async def up(self, on_progress: OnProgress) -> None:
        """Bring all machines up, learn how to log in on them, and keep how they are now for `reset`.

        What there is already is used. Raises NodeError, with the end of their consoles, for machines that do
        not come up.
        """
        settings.save(self.settings, self.folder)
        try:
            await self.vagrant.up(on_progress)
            hosts = await self.vagrant.ssh_hosts()
        except NodeError as error:
            raise NodeError("\n".join([str(error), *self._last_words()])) from error
        keys = await self._host_keys(hosts)
        self.known_hosts.write_text(ssh_config.render_known_hosts(hosts, keys))
        self.ssh_config.write_text(ssh_config.render(hosts, self.known_hosts))
        plain = plain_hosts.render(self.hosts, seen_from=self.folder)
        (self.folder / "nodes.yaml").write_text(plain)
        await self._all_answer()
        on_progress("keeping how the machines are now, for resets")
        await together(self.power.keep_fresh(name) for name in self.settings.names)

    async def reset(self) -> None:
        """Make all machines what they were when they came up, in seconds; only their clocks show today."""
        await together(self.power.make_fresh(name) for name in self.settings.names)
        await self._all_answer()

    async def down(self, on_progress: OnProgress) -> None:
        """Remove all machines and all that is kept of them."""
        await self.vagrant.destroy(on_progress)
        await asyncio.to_thread(shutil.rmtree, self.folder)

    async def say(self, name: str, words: str) -> str:
        """Run a command on a machine over SSH, its host key checked, and return what it printed."""
        status, printed, complaint = await command.run(
            ["ssh", "-F", str(self.ssh_config), "-o", "BatchMode=yes", name, words], silence_s=_TRY_S
        )
        if status != 0:
            raise NodeError(f"{name}: {words!r} failed: {complaint.strip()}")
        return printed

    async def answers(self, name: str) -> None:
        """Wait until a machine that boots can be logged in on, and set its clock to the host's."""
        deadline = time.monotonic() + _BOOT_S
        while True:
            try:
                await self.say(name, f"sudo date --utc --set=@{time.time():.3f}")
                return
            except NodeError as error:
                if time.monotonic() > deadline:
                    words = [f"{name} does not let us in for {_BOOT_S:g} s: {error}", *self._last_words()]
                    raise NodeError("\n".join(words)) from error
            await asyncio.sleep(_BETWEEN_TRIES_S)

    def printed(self, name: str) -> int:
        """Return how much a machine has printed on its console."""
        return console.size(self.folder, name)

    async def panicked(self, name: str, since: int) -> str:
        """Wait until a machine says on its console that its kernel panicked; return what it says.

        `since` is what had been printed before. Raises NodeError when it does not say so.
        """
        deadline = time.monotonic() + _PANIC_S
        while (said := console.line_after(self.folder, name, since, _PANIC)) is None:
            if time.monotonic() > deadline:
                words = [f"{name}: its kernel does not panic within {_PANIC_S:g} s", *self._last_words()]
                raise NodeError("\n".join(words))
            await asyncio.sleep(_LOOK_S)
        return said[said.index(_PANIC) :]

    async def _all_answer(self) -> None:
        await together(self.answers(name) for name in self.settings.names)

    async def _host_keys(self, hosts: Sequence[Host]) -> Mapping[str, Sequence[str]]:
        """Return the machines' public keys: known beforehand, or what they say when they are first up."""
        if self.settings.host_key:
            key = await asyncio.to_thread(Path(self.settings.host_key).read_text)
            return {host.name: [key] for host in hosts}
        told = await together(
            self.vagrant.say(host.name, "cat /etc/ssh/ssh_host_*_key.pub") for host in hosts
        )
        return {host.name: keys.splitlines() for host, keys in zip(hosts, told, strict=True)}

    def _last_words(self) -> Sequence[str]:
        """Return the ends of the machines' consoles."""
        lines = []
        for name in self.settings.names:
            said = console.last_lines(self.folder, name)
            lines += [f"the console of {name} ends:", *(f"  {line}" for line in said)] if said else []
        return lines
