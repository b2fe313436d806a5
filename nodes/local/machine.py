"""A machine of kind local: what the engine may ask of it, carried out on its namespaces, disk and cable."""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import NodeError
from harness.machine import Completed, OnLine
from nodes.local import files, kernel, network, procfs
from nodes.local.boot import Boot
from nodes.local.command import run_command
from nodes.local.disk import Disk
from nodes.local.network import Place
from nodes.local.process import LocalProcess, both
from nodes.local.programs import feed, search_path
from nodes.local.uninterrupted import uninterrupted

_SETTLE_S = 20.0
"""How long processes may take to die or to stop: they may have to finish a flush first."""
_PAUSE_ROUND_S = 0.5


class LocalMachine:
    """A machine whose processes can be killed and paused, and whose disk can be lost.

    A machine has its own processes, network, mounts, host name, /proc, /run and /dev/shm. The rest of the
    file system, /tmp included, is the host's: keep data in `directory`, and sockets there or in /run.

    Without power it has no processes: asked to kill, pause or resume them it does nothing, and what needs
    power raises NodeError.
    """

    def __init__(
        self,
        place: Place,
        everyone: Collection[Place],
        *,
        ip: int,
        disk: Disk,
        logs: Path,
        on_line: OnLine | None,
    ) -> None:
        self._place = place
        self._everyone = everyone
        self._address = place.address(ip)
        self._disk = disk
        self._logs = logs
        self._on_line = on_line
        self._boot: Boot | None = None
        self._on = False
        self._switching = asyncio.Lock()
        self._processes: dict[str, LocalProcess] = {}

    @property
    def name(self) -> str:
        """Its name in the cluster (n1, n2, …), and its host name."""
        return self._place.name

    @property
    def address(self) -> str:
        """Its IP address on the cluster's network."""
        return self._address

    @property
    def directory(self) -> str:
        """Where the system keeps its data: the root of the machine's own disk."""
        return str(self._disk.directory)

    @property
    def network_namespace(self) -> int | None:
        """A descriptor of its network namespace, to open a socket there; None without power."""
        boot = self._boot_if_on()
        return None if boot is None else boot.network

    async def install(self) -> None:
        """Give it a blank disk and switch it on, for the first time."""
        await uninterrupted(self._locked(self._install))

    async def shut_down(self) -> None:
        """Switch it off for good. Safe to call twice, and after an `install` that failed."""
        await uninterrupted(self._locked(self._switch_off))

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a command to its end; raises NodeError when it can't be started or takes too long.

        Only the command itself is waited for: a daemon that it leaves behind may keep its output open. It
        gets a small environment of its own (PATH, HOME, LANG), to which `env` is added.
        """
        return await run_command(
            self._powered_boot(), argv, stdin=stdin, timeout_s=timeout_s, env=self._environment(env)
        )

    async def put(self, local: Path, remote: str) -> None:
        """Copy a file to an absolute path on the machine, flushed to its disk; its folders are made."""
        await self._copy(lambda root: files.put(local, root / remote.lstrip("/")), remote)

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file, or a folder with all in it, from an absolute path on the machine."""
        await self._copy(lambda root: files.get(root / remote.lstrip("/"), local), remote)

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
    ) -> LocalProcess:
        """Start a supervised process; it gets the same small environment as a command.

        Its output is appended to `<name>.log` in the machine's folder of logs, lines of standard output and
        error as they come. Only complete lines of at most 1 MiB are given to `on_line`. Raises NodeError when
        it can't be started, or while one of that name still runs.
        """
        boot = self._powered_boot()
        former = self._processes.get(name)
        if former is not None and former.returncode is None:
            raise NodeError(f"{self.name}: {name} is running already; see {self._log(name)}")
        process = await LocalProcess.start(
            name,
            boot,
            argv,
            env=self._environment(env),
            log=self._log(name),
            on_line=both(self._on_line, on_line),
        )
        self._processes[name] = process
        return process

    async def alive(self) -> Collection[int]:
        """Return the ids, as the harness sees them, of the machine's processes except its PID 1."""
        return frozenset(self._living())

    async def kill(self) -> Collection[int]:
        """Kill every process in the same instant, and return the ids of those that were running.

        Returns when they are gone and what they had printed has been read. The machine's kernel lives on: it
        keeps the page cache, and tells the peers of their connections that these are closed.
        """
        boot = self._boot_if_on()
        if boot is None:
            return frozenset()
        victims, running = frozenset(self._living()), self._running()
        await boot.signal(-1, signal.SIGKILL)
        deadline = time.monotonic() + _SETTLE_S
        while not victims.isdisjoint(self._living()):
            if time.monotonic() > deadline:
                raise NodeError(f"{self.name}: {self._living()} survive SIGKILL for {_SETTLE_S:g} s")
            await asyncio.sleep(0.001)
        await _ended(running)
        return victims

    async def pause(self) -> None:
        """Stop every process; returns once the kernel shows each of their threads as stopped."""
        boot = self._boot_if_on()
        if boot is None:
            return
        deadline = time.monotonic() + _SETTLE_S
        while True:
            await boot.signal(-1, signal.SIGSTOP)
            round_ends = time.monotonic() + _PAUSE_ROUND_S
            while time.monotonic() < round_ends:
                if procfs.all_stopped(self._living()):
                    return
                await asyncio.sleep(0.001)
            if time.monotonic() > deadline:
                await self.resume()
                raise NodeError(f"{self.name}: processes could not be stopped: {self._living()}")
            # A parent in vfork can't stop before its child goes on: let them, and try again.
            await self.resume()

    async def resume(self) -> None:
        """Let every process go on."""
        boot = self._boot_if_on()
        if boot is not None:
            await boot.signal(-1, signal.SIGCONT)

    async def stopped(self) -> bool:
        """Tell, from /proc, whether there are processes and every thread of them is stopped."""
        living = self._living()
        return bool(living) and procfs.all_stopped(living)

    async def wipe(self) -> None:
        """Lose the disk: the machine goes off as in a power cut, and comes back with a blank one.

        A machine without power gets its blank disk, and stays off.
        """
        await uninterrupted(self._locked(self._wipe))

    async def disk_identity(self) -> str:
        """Return the UUID of its file system, or the inode and birth of its folder."""
        return await asyncio.to_thread(self._disk.identity)

    async def _locked(self, change: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with self._switching:
            await change()

    async def _install(self) -> None:
        await asyncio.to_thread(self._disk.format)
        await self._switch_on()

    async def _wipe(self) -> None:
        was_on = self._on
        await self._switch_off()
        await asyncio.to_thread(self._disk.format)
        if was_on:
            await self._switch_on()

    async def _switch_on(self) -> None:
        boot = self._boot = await Boot.start(self.name, self._disk.directory.with_name("init.log"))
        await feed(network.cable_batch(self._place, boot.pid), "ip", "-batch", "-")
        script = (
            "mount -t proc proc /proc",
            "mount -t tmpfs -o mode=755 tmpfs /run",
            "mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
            self._disk.mount_script(),
            "exec ip -batch -",
        )
        addresses = network.machine_batch(self._place, self._everyone, versions=network.ip_versions())
        done = await run_command(
            boot,
            ["/bin/sh", "-e", "-c", "\n".join(script)],
            stdin=addresses.encode(),
            timeout_s=_SETTLE_S,
            env=self._environment(None),
        )
        if done.returncode != 0:
            raise NodeError(f"{self.name} did not boot: {done.stderr.decode(errors='replace').strip()}")
        self._on = True

    async def _switch_off(self) -> None:
        """Lose the power: first the network goes silent, then the disk forgets, then everything ends.

        Right also after a `_switch_on` that failed half-way.
        """
        boot = self._boot
        if boot is None:
            return
        self._on = False
        running = self._running()
        if self._plugged_in():
            kernel.set_link(self._place.port, up=False)
        if boot.running:
            # Stopped first, so that none sees its disk fail: nobody lives to tell of a power cut.
            await boot.signal(-1, signal.SIGSTOP)
            await asyncio.to_thread(self._disk.lose_power, boot.root)
        await boot.end()
        if self._plugged_in():
            # The machine's end of the cable goes along. Its network namespace may outlive the processes,
            # because connections that they left behind still try to send: it must never reach anyone.
            await feed(f"link delete {self._place.port}", "ip", "-batch", "-")
        await _ended(running)
        await self._disk.released()
        boot.close()
        self._boot = None

    def _plugged_in(self) -> bool:
        return any(name == self._place.port for _, name in socket.if_nameindex())

    def _boot_if_on(self) -> Boot | None:
        return self._boot if self._on and self._boot is not None and self._boot.running else None

    def _powered_boot(self) -> Boot:
        boot = self._boot_if_on()
        if boot is None:
            raise NodeError(f"{self.name} has no power")
        return boot

    def _living(self) -> dict[int, frozenset[str]]:
        boot = self._boot_if_on()
        return {} if boot is None else procfs.living(boot.pid_namespace, init=boot.pid)

    def _running(self) -> list[LocalProcess]:
        return [process for process in self._processes.values() if process.returncode is None]

    def _log(self, process: str) -> Path:
        return self._logs / f"{process}.log"

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        return {"PATH": search_path(), "HOME": self.directory, "LANG": "C.UTF-8", **(more or {})}

    async def _copy(self, copy: Callable[[Path], None], remote: str) -> None:
        boot = self._powered_boot()
        try:
            await asyncio.to_thread(copy, boot.root)
        except OSError as error:
            raise NodeError(f"{self.name}: copying {remote} failed: {error}") from error


class PowerMachine(LocalMachine):
    """A machine that can lose its power, too (`harness.machine.PowerCut`); its disk must be able to."""

    async def cut_power(self) -> None:
        """Cut the power: peers hear nothing more, what was not flushed is lost, and all processes end.

        Returns when nothing of the machine is left but its disk. Without power already, does nothing.
        """
        await uninterrupted(self._locked(self._switch_off))

    async def restore_power(self) -> None:
        """Start the machine again, same addresses, with what its disk held; processes are not started.

        With power already, does nothing.
        """
        await uninterrupted(self._locked(self._restore))

    async def powered(self) -> bool:
        """Tell whether the machine is on."""
        return self._boot_if_on() is not None

    async def _restore(self) -> None:
        if self._boot_if_on() is None:
            await self._switch_off()  # what a failed start may have left
            await self._switch_on()


async def _ended(processes: Sequence[LocalProcess]) -> None:
    """Wait for the end of processes that were killed, and until all that they printed has been read."""
    for process in processes:
        await process.wait()
        await process.drained()
