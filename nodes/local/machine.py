"""A machine of kind local: what the engine may ask of it, carried out on its hardware."""

import asyncio
import signal
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from harness.draws import Draws
from harness.errors import NodeError
from harness.machine import MACHINE, Completed, Death, OnDeath, OnLine, Point
from nodes.linux import rot
from nodes.linux.disk import Disk, Ext4Disk
from nodes.linux.hardware import Hardware
from nodes.linux.machine import LinuxMachine
from nodes.linux.output import Output, outputs, to_all
from nodes.linux.process import Supervised
from nodes.linux.programs import search_path
from nodes.local import crash
from nodes.local.cable import BridgeCable
from nodes.local.network import Place

_NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid")
_MOUNTS = (
    "mount -t proc proc /proc",
    "mount -t tmpfs -o mode=755 tmpfs /run",
    "mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
)


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
        self._errors: dict[str, Output] = {}
        environment = {"PATH": search_path(), "HOME": str(disk.directory), "LANG": "C.UTF-8"}
        hardware = Hardware(
            place.name,
            disk,
            BridgeCable(place, everyone, environment),
            environment,
            namespaces=_NAMESPACES,
            mounts=_MOUNTS,
            on_loss=self._lost,
        )
        self._machine = LinuxMachine(place.name, hardware, disk, environment)

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
        boot = self._machine.boot
        return None if boot is None else boot.network

    async def install(self) -> None:
        """Give it a blank disk and switch it on, for the first time."""
        await self._machine.install()

    async def shut_down(self) -> None:
        """Switch it off for good. Safe to call twice, and after an `install` that failed."""
        await self._machine.switch_off()

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
        ended = await self._machine.run(argv, stdin=stdin, timeout_s=timeout_s, env=env or {})
        return Completed(returncode=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)

    async def put(self, local: Path, remote: str) -> None:
        """Copy a file to an absolute path on the machine, flushed to its disk; its folders are made."""
        await self._machine.put(local, remote)

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file, or a folder with all in it, from an absolute path on the machine."""
        await self._machine.get(remote, local)

    async def exists(self, remote: str) -> bool:
        """Tell whether there is something at an absolute path on the machine."""
        return await self._machine.exists(remote)

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
    ) -> Supervised:
        """Start a supervised process; it gets the same small environment as a command.

        Its output is appended to `<name>.log` in the machine's folder of logs, lines of standard output and
        error as they come. Only complete lines of at most 1 MiB are given to `on_line`. Raises NodeError when
        it can't be started, or while one of that name still runs.
        """

        def sinks() -> tuple[Output, Output]:
            made = outputs(name, self._log(name), to_all(self._on_line, on_line))
            self._errors[name] = made[1]
            return made

        return await self._machine.start(name, argv, env=env or {}, sinks=sinks, on_death=self._died)

    async def alive(self) -> Collection[int]:
        """Return the ids, as the harness sees them, of the machine's processes except its PID 1."""
        return frozenset(self._machine.living())

    async def kill(self) -> Collection[int]:
        """Kill every process in the same instant, and return the ids of those that were running.

        Returns when they are gone and what they had printed has been read. The machine's kernel lives on: it
        keeps the page cache, and tells the peers of their connections that these are closed.
        """
        return await self._machine.kill()

    async def crash_at(self, point: Point, *, count: int, power: bool, within_s: float) -> Collection[int]:
        """Kill every process when one of them comes to `point`, with `power` by a loss of power.

        The system calls of all are watched until then, which slows them down. The one that makes the step is
        stopped before it; others of the machine may go on for a millisecond.
        """
        machine = self._machine
        victims = frozenset(machine.living())

        async def sprung() -> bool:
            return bool(victims) and await crash.crash(
                victims, point, count=count, within_s=within_s, ip=self._ip, everyone=self._everyone
            )

        if not await machine.condemned_while(sprung()):
            return frozenset()
        if power:
            await machine.switch_off()
        else:
            await machine.kill()
        return victims

    async def pause(self) -> None:
        """Stop every process; returns once the kernel shows each of their threads as stopped."""
        await self._machine.pause()

    async def resume(self) -> None:
        """Let every process go on."""
        await self._machine.resume()

    async def stopped(self) -> bool:
        """Tell, from /proc, whether there are processes and every thread of them is stopped."""
        return self._machine.stopped()

    async def wipe(self) -> None:
        """Lose the disk: the machine goes off as in a power cut, and comes back with a blank one.

        A machine without power gets its blank disk, and stays off. After an error it may be off; to wipe it
        again brings it back.
        """
        await self._machine.wipe()

    async def disk_identity(self) -> str:
        """Return the UUID of its file system, or the inode and birth of its folder."""
        return await self._machine.disk_identity()

    def _log(self, process: str) -> Path:
        return self._logs / f"{process}.log"

    def _died(self, process: Supervised) -> None:
        """Tell of a process that ended by itself, unless it left others behind to do its work."""
        status = process.returncode
        assert status is not None, "only what has ended is told of"
        if status != 0 or not self._machine.living():
            log = self._log(process.name).relative_to(self._logs.parents[1])
            self._tell(process.name, status, last_line=self._errors[process.name].last_line, log=str(log))

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


class PowerMachine(LocalMachine):
    """A machine that can lose its power, too (`harness.machine.PowerCut`), and on whose disk bits can flip.

    `draws` says which. Its disk is sealed: an image that is mounted nowhere else.
    """

    seal = "an image file of the run's own, mounted in the machine's own namespace only"

    def __init__(
        self,
        place: Place,
        everyone: Collection[Place],
        *,
        ip: int,
        disk: Ext4Disk,
        draws: Draws,
        logs: Path,
        on_line: OnLine | None,
        on_death: OnDeath | None,
    ) -> None:
        super().__init__(place, everyone, ip=ip, disk=disk, logs=logs, on_line=on_line, on_death=on_death)
        self._ext4 = disk
        self._draws = draws

    async def rot(self, bits: int) -> int:
        """Flip bits of what is durable; return how many of its files' bytes show it."""
        files = Path(f"{self._machine.powered_boot().root}{self.directory}")
        try:
            with self._ext4.beneath() as disk:
                return await asyncio.to_thread(rot.rot, files, disk, bits, self._draws.below)
        except OSError as error:
            raise NodeError(
                f"{self.name}: its files changed or went while bits were flipped: {error}"
            ) from error

    async def cut_power(self) -> None:
        """Cut the power: peers hear nothing more, what was not flushed is lost, and all processes end.

        Returns when nothing of the machine is left but its disk. Without power already, does nothing.
        """
        await self._machine.switch_off()

    async def restore_power(self) -> None:
        """Start the machine again, same addresses, with what its disk held; processes are not started.

        With power already, does nothing.
        """
        await self._machine.switch_on()

    async def powered(self) -> bool:
        """Tell whether the machine is on."""
        return self._machine.boot is not None
