"""What a machine is made of: its disk, its cable to the network, its namespaces; and the switch for it all."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from harness.errors import FolderError, NodeError
from harness.tasks import uninterrupted
from nodes.linux.boot import Boot, last_complaint
from nodes.linux.command import run_command
from nodes.linux.disk import Disk

_BOOT_S = 20.0


class Cable(Protocol):
    """What joins a machine to its network."""

    async def plug(self, boot: Boot) -> None:
        """Join a machine that has just started."""

    async def pull(self) -> None:
        """Let nothing pass from now on. Safe to call twice, and before `plug`."""

    async def remove(self) -> None:
        """Let nothing that the machine left behind ever be heard; it has ended. Safe to call twice."""


class Hardware:
    """A machine that can be on or off; made switched off, without a disk.

    `namespaces` are the options of unshare(1) for what the machine has of its own, `mounts` the shell commands
    that it begins with. A machine whose PID 1 dies by itself is lost: all that ran there is gone, and it counts
    as off. `on_loss` is told what it complained of last.

    Its public coroutines are carried out one after the other, and to their end even when the caller is
    cancelled: a machine is never left between on and off, except by an error, after which `switch_off` and
    `switch_on` start from what there is.
    """

    def __init__(
        self,
        name: str,
        disk: Disk,
        cable: Cable,
        environment: Mapping[str, str],
        *,
        namespaces: Sequence[str],
        mounts: Sequence[str],
        on_loss: Callable[[str], None],
    ) -> None:
        self._name = name
        self._on_loss = on_loss
        self._disk = disk
        self._cable = cable
        self._environment = environment
        self._namespaces = namespaces
        self._mounts = mounts
        self._boot: Boot | None = None
        self._on = False
        self._installing = False
        self._watch: asyncio.Task[None] | None = None
        self._switching = asyncio.Lock()

    @property
    def boot(self) -> Boot | None:
        """The running machine, or None when it is off."""
        return self._boot if self._on and self._boot is not None and self._boot.running else None

    @property
    def why_off(self) -> str:
        """Why it is off, in words that follow its name."""
        return "has no power" if self._boot is None or self._boot.ending else "is gone: its PID 1 died"

    async def install(self) -> None:
        """Put in a blank disk in place of the one it had; switch off for that, and on again."""
        await self._change(self._install)

    async def replace_disk(self) -> None:
        """Put in a blank disk in place of the one it had; what was off stays off.

        After an error, a machine that had been on is off: to be done again, which switches it on.
        """
        await self._change(self._replace_disk)

    async def switch_on(self) -> None:
        """Start it with what its disk holds; does nothing when it is on. Raises NodeError."""
        await self._change(self._switch_on)

    async def switch_off(self) -> None:
        """Take its power, as in a power cut; does nothing when it is off.

        First every process stops where it is, then the disk forgets what was not flushed and the network goes
        silent, then every process ends. Were the network first, the processes would have the time to flush all
        that they had been sent. Returns when the kernel has let go of all of it.
        """
        await self._change(self._stay_off)

    async def _stay_off(self) -> None:
        self._installing = False
        await self._switch_off()

    async def _change(self, change: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def alone() -> None:
            async with self._switching:
                await change()

        await uninterrupted(alone())

    async def _install(self) -> None:
        self._installing = True
        await self._switch_off()
        await self._format()
        await self._switch_on()
        self._installing = False

    async def _replace_disk(self) -> None:
        if self.boot is not None or self._installing:
            await self._install()
        else:
            await self._switch_off()  # what is left of a start that failed
            await self._format()

    async def _format(self) -> None:
        try:
            await asyncio.to_thread(self._disk.format)
        except OSError as error:
            raise FolderError(f"no disk for {self._name}: {error}") from error

    async def _switch_on(self) -> None:
        if self.boot is not None:
            return
        await self._switch_off()
        log = self._disk.directory.with_name("init.log")
        boot = self._boot = await Boot.start(self._name, log, namespaces=self._namespaces)
        done = await run_command(
            boot,
            ["/bin/sh", "-e", "-c", "\n".join([*self._mounts, self._disk.mount_script()])],
            stdin=b"",
            timeout_s=_BOOT_S,
            env=self._environment,
        )
        if done.returncode != 0:
            complaint = done.stderr.decode(errors="replace").strip()
            raise NodeError(f"{self._name} did not boot: {complaint}")
        await self._cable.plug(boot)
        self._on = True
        self._watch = asyncio.create_task(self._await_loss(boot, log))

    async def _await_loss(self, boot: Boot, log: Path) -> None:
        if await boot.lost():
            complaint = last_complaint(log)
            # What unshare has to say of the death of its child is not why that died.
            self._on_loss("" if complaint.startswith("unshare: ") else complaint)

    async def _switch_off(self) -> None:
        boot = self._boot
        if boot is None:
            return
        self._on = False
        if not await self._stand_still(boot):
            await self._cable.pull()
        failure = await self._lose_power(boot)
        await self._cable.pull()
        await boot.end()
        await self._cable.remove()
        await self._disk.released()
        boot.close()
        self._boot = None
        if self._watch is not None:
            await self._watch
            self._watch = None
        if failure is not None:
            raise NodeError(f"{self._name} went off, but its disk did not lose power: {failure}") from failure

    async def _stand_still(self, boot: Boot) -> bool:
        """Stop every process, so that none sees its disk fail: nobody lives to tell of a power cut."""
        try:
            await boot.signal(-1, signal.SIGSTOP)
        except NodeError:  # its PID 1 died, or hangs: it is killed in a moment in any case
            return False
        return True

    async def _lose_power(self, boot: Boot) -> OSError | None:
        """Have the disk forget what was not flushed; return why it may have kept it, if anything says so."""
        try:
            if boot.running:
                await asyncio.to_thread(self._disk.lose_power, boot.root)
        except OSError as error:
            return error if boot.running else None
        return None
