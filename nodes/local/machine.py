"""A machine of kind local: what the engine may ask of it, carried out on its hardware."""

import asyncio
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from harness.draws import Draws
from harness.errors import NodeError
from harness.machine import MACHINE, Completed, Death, OnDeath, OnLine, Point
from nodes.local import crash, files, procfs
from nodes.local.boot import Boot
from nodes.local.command import run_command
from nodes.local.disk import BareDisk, Disk
from nodes.local.hardware import Hardware
from nodes.local.network import Place
from nodes.local.process import LocalProcess, both
from nodes.local.programs import search_path

_SETTLE_S = 20.0
"""How long processes may take to die or to stop: they may have to finish a flush first."""
_PAUSE_ROUND_S = 0.5


class LocalMachine:
    """A machine whose processes can be killed, at a chosen step too, and paused, and whose disk can be lost.

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
        on_death: OnDeath | None,
    ) -> None:
        self._place = place
        self._address = place.address(ip)
        self._ip = ip
        self._everyone = everyone
        self._disk = disk
        self._logs = logs
        self._on_line = on_line
        self._on_death = on_death
        self._environment = {"PATH": search_path(), "HOME": str(disk.directory), "LANG": "C.UTF-8"}
        self._hardware = Hardware(place, everyone, disk, self._environment, on_loss=self._lost)
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
        boot = self._hardware.boot
        return None if boot is None else boot.network

    async def install(self) -> None:
        """Give it a blank disk and switch it on, for the first time."""
        await self._hardware.install()

    async def shut_down(self) -> None:
        """Switch it off for good. Safe to call twice, and after an `install` that failed."""
        await self._switch_off()

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
            self._powered_boot(),
            argv,
            stdin=stdin,
            timeout_s=timeout_s,
            env={**self._environment, **(env or {})},
        )

    async def put(self, local: Path, remote: str) -> None:
        """Copy a file to an absolute path on the machine, flushed to its disk; its folders are made."""
        await self._copy(lambda root: files.put(local, root / remote.lstrip("/")), remote)

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file, or a folder with all in it, from an absolute path on the machine."""
        await self._copy(lambda root: files.get(root / remote.lstrip("/"), local), remote)

    async def exists(self, remote: str) -> bool:
        """Tell whether there is something at an absolute path on the machine."""
        boot = self._powered_boot()
        return await asyncio.to_thread((boot.root / remote.lstrip("/")).exists)

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
            env={**self._environment, **(env or {})},
            log=self._log(name),
            on_line=both(self._on_line, on_line),
            on_death=self._died,
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
        boot = self._hardware.boot
        if boot is None:
            return frozenset()
        victims, running = frozenset(self._living()), self._running()
        for process in running:
            process.condemn()
        await boot.signal(-1, signal.SIGKILL)
        # Those that were born after the first look were killed as well, and are dying.
        victims |= frozenset(self._living())
        deadline = time.monotonic() + _SETTLE_S
        while not victims.isdisjoint(self._living()):
            if time.monotonic() > deadline:
                raise NodeError(f"{self.name}: {self._living()} survive SIGKILL for {_SETTLE_S:g} s")
            await asyncio.sleep(0.001)
        await _ended(running)
        return victims

    async def crash_at(self, point: Point, *, count: int, power: bool, within_s: float) -> Collection[int]:
        """Kill every process when one of them comes to `point`, with `power` by a loss of power.

        The system calls of all are watched until then, which slows them down. The one that makes the step is
        stopped before it; others of the machine may go on for a millisecond.
        """
        victims, running = frozenset(self._living()), self._running()
        for process in running:
            process.condemn()
        if not victims or not await crash.crash(
            victims, point, count=count, within_s=within_s, ip=self._ip, everyone=self._everyone
        ):
            for process in running:
                process.spare()
            return frozenset()
        if power:
            await self._switch_off()
        else:
            await self.kill()
        return victims

    async def pause(self) -> None:
        """Stop every process; returns once the kernel shows each of their threads as stopped."""
        boot = self._hardware.boot
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
        boot = self._hardware.boot
        if boot is not None:
            await boot.signal(-1, signal.SIGCONT)

    async def stopped(self) -> bool:
        """Tell, from /proc, whether there are processes and every thread of them is stopped."""
        living = self._living()
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

    async def _switch_off(self) -> None:
        running = self._running()
        await self._hardware.switch_off()
        await _ended(running)

    def _powered_boot(self) -> Boot:
        boot = self._hardware.boot
        if boot is None:
            raise NodeError(f"{self.name} {self._hardware.why_off}")
        return boot

    def _living(self) -> dict[int, frozenset[str]]:
        boot = self._hardware.boot
        return {} if boot is None else procfs.living(boot.pid_namespace, init=boot.pid)

    def _running(self) -> list[LocalProcess]:
        return [process for process in self._processes.values() if process.returncode is None]

    def _log(self, process: str) -> Path:
        return self._logs / f"{process}.log"

    def _died(self, process: LocalProcess) -> None:
        """Tell of a process that ended by itself, unless it left others behind to do its work."""
        status = process.returncode
        assert status is not None, "only what has ended is told of"
        if status != 0 or not self._living():
            log = self._log(process.name).relative_to(self._logs.parents[1])
            self._tell(process.name, status, last_line=process.last_line, log=str(log))

    def _lost(self, complaint: str) -> None:
        self._tell(MACHINE, -signal.SIGKILL, last_line=complaint, log="")

    def _tell(self, process: str, status: int, *, last_line: str, log: str) -> None:
        if self._on_death is not None:
            self._on_death(
                Death(
                    node=self.name,
                    process=process,
                    at_ns=time.monotonic_ns(),
                    status=status,
                    last_line=last_line,
                    log=log,
                )
            )

    async def _copy(self, copy: Callable[[Path], None], remote: str) -> None:
        boot = self._powered_boot()
        try:
            await asyncio.to_thread(copy, boot.root)
        except OSError as error:
            where = str(error.filename or "").removeprefix(str(boot.root))
            place = f" ({where})" if where not in ("", remote) else ""
            raise NodeError(
                f"{self.name}: copying {remote} failed: {error.strerror or error}{place}"
            ) from error


class PowerMachine(LocalMachine):
    """A machine that can lose its power, too (`harness.machine.PowerCut`), and on whose disk bits can flip.

    `draws` says which.
    """

    def __init__(
        self,
        place: Place,
        everyone: Collection[Place],
        *,
        ip: int,
        disk: BareDisk,
        draws: Draws,
        logs: Path,
        on_line: OnLine | None,
        on_death: OnDeath | None,
    ) -> None:
        super().__init__(place, everyone, ip=ip, disk=disk, logs=logs, on_line=on_line, on_death=on_death)
        self._bare = disk
        self._draws = draws

    async def rot(self, bits: int) -> int:
        """Flip bits of what is durable; return how many of its files' bytes show it."""
        root = self._powered_boot().root
        try:
            return await asyncio.to_thread(self._bare.rot, root, bits, self._draws)
        except OSError as error:
            raise NodeError(
                f"{self.name}: its files changed or went while bits were flipped: {error}"
            ) from error

    async def cut_power(self) -> None:
        """Cut the power: peers hear nothing more, what was not flushed is lost, and all processes end.

        Returns when nothing of the machine is left but its disk. Without power already, does nothing.
        """
        await self._switch_off()

    async def restore_power(self) -> None:
        """Start the machine again, same addresses, with what its disk held; processes are not started.

        With power already, does nothing.
        """
        await self._hardware.switch_on()

    async def powered(self) -> bool:
        """Tell whether the machine is on."""
        return self._hardware.boot is not None


async def _ended(processes: Sequence[LocalProcess]) -> None:
    """Wait for the end of processes that were killed, and until all that they printed has been read."""
    for process in processes:
        await process.wait()
        await process.drained()
