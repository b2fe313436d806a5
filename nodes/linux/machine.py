"""A machine whose hardware is this host's: what may be asked of it, carried out."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path

from harness.errors import NodeError
from nodes.linux import files, procfs
from nodes.linux.boot import Boot
from nodes.linux.command import Ended, run_command
from nodes.linux.disk import Disk
from nodes.linux.hardware import Hardware
from nodes.linux.process import Sink, Supervised

_SETTLE_S = 20.0
"""How long processes may take to die or to stop: they may have to finish a flush first."""
_PAUSE_ROUND_S = 0.5


class LinuxMachine:
    """Processes that can be killed and paused together, on hardware that can lose its power and its disk.

    Without power it has no processes: asked to kill, pause or resume them it does nothing, and what needs
    power raises NodeError.
    """

    def __init__(self, name: str, hardware: Hardware, disk: Disk, environment: Mapping[str, str]) -> None:
        self.name = name
        self._hardware = hardware
        self._disk = disk
        self._environment = environment
        self._processes: dict[str, Supervised] = {}

    @property
    def boot(self) -> Boot | None:
        """The running machine's namespaces, or None without power."""
        return self._hardware.boot

    async def install(self) -> None:
        """Give it a blank disk and switch it on, for the first time."""
        await self._hardware.install()

    async def run(
        self, argv: Sequence[str], *, stdin: bytes, timeout_s: float, env: Mapping[str, str]
    ) -> Ended:
        """Run a command to its end; raises NodeError when it can't be started or takes too long.

        Only the command itself is waited for: a daemon that it leaves behind may keep its output open. It
        gets a small environment of its own (PATH, HOME, LANG), to which `env` is added.
        """
        return await run_command(
            self.powered_boot(),
            argv,
            stdin=stdin,
            timeout_s=timeout_s,
            env={**self._environment, **env},
        )

    async def put(self, local: Path, remote: str) -> None:
        """Copy a file to an absolute path on the machine, flushed to its disk; its folders are made."""
        await self._copy(lambda root: files.put(local, root / remote.lstrip("/")), remote)

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file, or a folder with all in it, from an absolute path on the machine."""
        await self._copy(lambda root: files.get(root / remote.lstrip("/"), local), remote)

    async def exists(self, remote: str) -> bool:
        """Tell whether there is something at an absolute path on the machine."""
        boot = self.powered_boot()
        return await asyncio.to_thread((boot.root / remote.lstrip("/")).exists)

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        sinks: Callable[[], tuple[Sink, Sink]],
        on_death: Callable[[Supervised], None],
    ) -> Supervised:
        """Start a supervised process; it gets the same small environment as a command.

        `sinks` makes what takes its output. Raises NodeError when it can't be started, or while one of that
        name still runs.
        """
        boot = self.powered_boot()
        former = self._processes.get(name)
        if former is not None and former.returncode is None:
            raise NodeError(f"{self.name}: {name} is running already")
        process = self._processes[name] = await Supervised.start(
            name,
            boot,
            argv,
            env={**self._environment, **env},
            sinks=sinks(),
            on_death=on_death,
        )
        return process

    async def kill(self) -> frozenset[int]:
        """Kill every process in the same instant, and return the ids of those that were running.

        Returns when they are gone and what they had printed has been read. The machine's kernel lives on: it
        keeps the page cache, and tells the peers of their connections that these are closed.
        """
        boot = self.boot
        if boot is None:
            return frozenset()
        victims, running = frozenset(self.living()), self._running()
        for process in running:
            process.condemn()
        await boot.signal(-1, signal.SIGKILL)
        # Those that were born after the first look were killed as well, and are dying.
        victims |= frozenset(self.living())
        deadline = time.monotonic() + _SETTLE_S
        while not victims.isdisjoint(self.living()):
            if time.monotonic() > deadline:
                raise NodeError(f"{self.name}: {self.living()} survive SIGKILL for {_SETTLE_S:g} s")
            await asyncio.sleep(0.001)
        await _ended(running)
        return victims

    async def condemned_while(self, dying: Awaitable[bool]) -> bool:
        """Await what may end all processes, and return whether it did; if it did, their deaths are not told of."""
        running = self._running()
        for process in running:
            process.condemn()
        died = False
        try:
            died = await dying
        finally:
            if not died:
                for process in running:
                    process.spare()
        return died

    async def pause(self) -> None:
        """Stop every process; returns once the kernel shows each of their threads as stopped."""
        boot = self.boot
        if boot is None:
            return
        deadline = time.monotonic() + _SETTLE_S
        while True:
            await boot.signal(-1, signal.SIGSTOP)
            round_ends = time.monotonic() + _PAUSE_ROUND_S
            while time.monotonic() < round_ends:
                if procfs.all_stopped(self.living()):
                    return
                await asyncio.sleep(0.001)
            if time.monotonic() > deadline:
                await self.resume()
                raise NodeError(f"{self.name}: processes could not be stopped: {self.living()}")
            # A parent in vfork can't stop before its child goes on: let them, and try again.
            await self.resume()

    async def resume(self) -> None:
        """Let every process go on."""
        boot = self.boot
        if boot is not None:
            await boot.signal(-1, signal.SIGCONT)

    def stopped(self) -> bool:
        """Tell, from /proc, whether there are processes and every thread of them is stopped."""
        living = self.living()
        return bool(living) and procfs.all_stopped(living)

    async def wipe(self) -> None:
        """Lose the disk: the machine goes off as in a power cut, and comes back with a blank one.

        A machine without power gets its blank disk, and stays off. After an error it may be off; to wipe it
        again brings it back.
        """
        running = self._running()
        await self._hardware.replace_disk()
        await _ended(running)

    async def disk_identity(self) -> str:
        """Return the UUID of its file system, or the inode and birth of its folder."""
        return await asyncio.to_thread(self._disk.identity)

    async def switch_off(self) -> None:
        """Cut the power: peers hear nothing more, what was not flushed is lost, and all processes end.

        Returns when nothing of the machine is left but its disk. Without power already, does nothing. Safe
        after an `install` that failed.
        """
        running = self._running()
        await self._hardware.switch_off()
        await _ended(running)

    async def switch_on(self) -> None:
        """Start the machine again with what its disk held; processes are not started.

        With power already, does nothing.
        """
        await self._hardware.switch_on()

    def powered_boot(self) -> Boot:
        """Return the running machine's namespaces; raises NodeError without power."""
        boot = self.boot
        if boot is None:
            raise NodeError(f"{self.name} {self._hardware.why_off}")
        return boot

    def living(self) -> dict[int, frozenset[str]]:
        """Return all processes but PID 1, by this host's ids, with the states of their threads."""
        boot = self.boot
        return {} if boot is None else procfs.living(boot.pid_namespace, init=boot.pid)

    def _running(self) -> list[Supervised]:
        return [process for process in self._processes.values() if process.returncode is None]

    async def _copy(self, copy: Callable[[Path], None], remote: str) -> None:
        boot = self.powered_boot()
        try:
            await asyncio.to_thread(copy, boot.root)
        except OSError as error:
            where = str(error.filename or "").removeprefix(str(boot.root))
            place = f" ({where})" if where not in ("", remote) else ""
            raise NodeError(
                f"{self.name}: copying {remote} failed: {error.strerror or error}{place}"
            ) from error


async def _ended(processes: Collection[Supervised]) -> None:
    """Wait for the end of processes that were killed, and until all that they printed has been read."""
    for process in processes:
        await process.wait()
        await process.drained()
