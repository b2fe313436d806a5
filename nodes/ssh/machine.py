"""A machine that is reached over SSH: what the engine may ask of it, carried out by its agent."""

import itertools
import secrets
import signal
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.draws import Draws
from harness.errors import NodeError
from harness.hosts import Host
from harness.machine import MACHINE, ClockReading, Completed, Death, OnDeath, OnLine
from nodes.linux.output import outputs, to_all
from nodes.ssh import transfer
from nodes.ssh.asks import hazard
from nodes.ssh.clocks import MachineClocks
from nodes.ssh.link import Link
from nodes.ssh.process import SshProcess

_GRACE_S = 30.0
"""How much longer than a command may take its answer may take, on a machine that is out of reach meanwhile."""


class SshMachine:
    """A machine whose processes can be killed and paused, and that can lose its power and its disk.

    Its processes have a PID namespace of their own on the host, so that all of them can be killed at once, and
    /dev/shm of their own. All else is the host's. Nothing of the harness's files is seen there. When its power
    is cut the host itself goes on; what ran on the machine, what its disk was not told to keep, and its word in
    the cluster's network are gone as in a power cut. Where that can't be done, the cluster's `missing` says so.
    `draws` says which bits of its disk rot.

    Without power it has no processes: asked to kill, pause or resume them it does nothing, and what needs
    power raises NodeError.
    """

    def __init__(
        self,
        name: str,
        link: Link,
        *,
        host: Host,
        logs: Path,
        draws: Draws,
        on_line: OnLine | None,
        on_death: OnDeath | None,
    ) -> None:
        self._name = name
        self._link = link
        self._host = host
        self._logs = logs
        self._draws = draws
        self._clocks = MachineClocks(name, link)
        self._on_line = on_line
        self._on_death = on_death
        self._numbers = itertools.count(1)
        self._processes: dict[int, SshProcess] = {}
        self._began: Mapping[str, Any] = {}
        self._address = ""

    @property
    def name(self) -> str:
        """Its name in the cluster (n1, n2, …)."""
        return self._name

    @property
    def address(self) -> str:
        """Its IP address on the cluster's network."""
        return self._address

    @property
    def directory(self) -> str:
        """Where the system keeps its data: the root of the machine's own disk."""
        return str(self._began["directory"])

    @property
    def python(self) -> str:
        """The Python that its agent runs with."""
        return self._host.python

    @property
    def software(self) -> str:
        """The folder for what a system brings along; neither a wipe nor a power cut takes it."""
        return str(self._began["software"])

    async def begin(
        self, address: str, *, probe_port: int, everyone: Collection[str], blank: bool = True
    ) -> Mapping[str, str]:
        """Make the machine, switched on; return what it lacks, and why.

        Unless it is to be `blank`, its disk keeps what the host has on it since the last time.
        """
        self._address = address
        answered = await self._link.ask(
            "begin",
            name=self._name,
            address=address,
            probe_port=probe_port,
            everyone=sorted(everyone),
            device=self._host.device,
            blank=blank,
        )
        self._began = answered.value
        missing: Mapping[str, str] = self._began["missing"]
        return missing

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
        answered = await self._link.ask(
            "run",
            body=stdin,
            timeout_s=timeout_s + _GRACE_S,
            argv=list(argv),
            env=dict(env or {}),
            limit_s=timeout_s,
        )
        cut = answered.value["stdout"]
        return Completed(
            returncode=answered.value["returncode"], stdout=answered.body[:cut], stderr=answered.body[cut:]
        )

    async def put(self, local: Path, remote: str) -> None:
        """Copy a file to an absolute path on the machine, flushed to its disk; its folders are made."""
        await transfer.put(self._link, secrets.token_hex(8), local, remote)

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file, or a folder with all in it, from an absolute path on the machine."""
        await transfer.get(self._link, remote, local)

    async def exists(self, remote: str) -> bool:
        """Tell whether there is something at an absolute path on the machine."""
        return bool((await self._link.ask("exists", remote=remote)).value)

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
    ) -> SshProcess:
        """Start a supervised process; it gets the same small environment as a command.

        Its output is appended to `<name>.log` in the machine's folder of logs, as it comes. Only complete
        lines of at most 1 MiB are given to `on_line`. Raises NodeError when it can't be started, or while one
        of that name still runs.
        """
        running = [one for one in self._processes.values() if one.name == name and one.returncode is None]
        if running:
            raise NodeError(f"{self._name}: {name} is running already; see {self._log(name)}")
        number = next(self._numbers)
        process = self._processes[number] = SshProcess(
            name,
            number,
            self._link,
            outputs(name, self._log(name), to_all(self._on_line, on_line)),
            on_death=self._died,
        )
        try:
            await self._link.ask("start", process=number, name=name, argv=list(argv), env=dict(env or {}))
        except NodeError:
            process.lost()
            del self._processes[number]
            raise
        return process

    async def alive(self) -> Collection[int]:
        """Return the ids, as the host sees them, of the machine's processes except its PID 1."""
        return frozenset((await self._link.ask("alive")).value)

    async def kill(self) -> Collection[int]:
        """Kill every process in the same instant, and return the ids of those that were running.

        Returns when they are gone and what they had printed has been read. The machine's kernel lives on: it
        keeps the page cache, and tells the peers of their connections that these are closed.
        """
        return frozenset((await self._link.ask("kill")).value)

    async def pause(self) -> None:
        """Stop every process; returns once the kernel shows each of their threads as stopped."""
        await self._link.ask("pause")

    async def resume(self) -> None:
        """Let every process go on."""
        await self._link.ask("resume")

    async def stopped(self) -> bool:
        """Tell, from the machine's /proc, whether there are processes and every thread of them is stopped."""
        return bool((await self._link.ask("stopped")).value)

    async def wipe(self) -> None:
        """Lose the disk: the machine goes off as in a power cut, and comes back with a blank one.

        A machine without power gets its blank disk, and stays off. After an error it may be off; to wipe it
        again brings it back.
        """
        await self._link.ask("wipe")

    async def disk_identity(self) -> str:
        """Return the UUID of its file system, or the inode and birth of its folder."""
        return str((await self._link.ask("identity")).value)

    async def rot(self, bits: int) -> int:
        """Flip bits of what is durable; return how many of its files' bytes show it."""
        return int(await hazard(self._link, "rot", bits=bits, seed=self._draws.bits()))

    async def set_drift(self, key: str, ppm: int) -> None:
        """Let all clocks of the host run `ppm` millionths too fast; drifts under several keys add up."""
        await self._clocks.set_drift(key, ppm)

    async def jump_clock(self, by_ns: int) -> None:
        """Set the host's wall clock forward, or back; at the end of the run it is right again."""
        await self._clocks.jump_clock(by_ns)

    async def read_clocks(self) -> ClockReading:
        """Read the host's clocks."""
        return await self._clocks.read_clocks()

    async def cut_power(self) -> None:
        """Cut the power: peers hear nothing more, what was not flushed is lost, and all processes end.

        Returns when nothing of the machine is left but its disk. Without power already, does nothing.
        """
        await self._link.ask("off")

    async def restore_power(self) -> None:
        """Start the machine again with what its disk held; processes are not started.

        With power already, does nothing.
        """
        await self._link.ask("on")

    async def powered(self) -> bool:
        """Tell whether the machine is on."""
        return bool((await self._link.ask("powered")).value)

    def heard(self, at_ns: int, event: Mapping[str, Any], body: bytes) -> None:
        """Take what happened on the machine by itself; `at_ns` is when it was heard of."""
        if event["event"] == "lost":
            self._tell(MACHINE, -signal.SIGKILL, last_line=event["text"])
            return
        process = self._processes[event["process"]]
        match event["event"]:
            case "printed":
                process.printed(event["stream"], at_ns, body)
            case "silent":
                process.silent(event["stream"])
            case "died" if event["status"] != 0 or not event["left"]:
                process.died(event["status"])
            case "ended":
                process.ended(event["status"])

    @property
    def last_words(self) -> str:
        """What its processes said last, to be appended to a message."""
        said = [f"{one.name} said last: {one.last_line}" for one in self._processes.values() if one.last_line]
        return "".join(f"; {line}" for line in said)

    def gone(self, why: str) -> None:
        """Take note that the machine can't be reached any more."""
        self.vanished()
        self._tell(MACHINE, -signal.SIGKILL, last_line=why)

    def vanished(self) -> None:
        """Take note that all its processes have gone with it."""
        for process in self._running():
            process.lost()

    def _running(self) -> list[SshProcess]:
        return [process for process in self._processes.values() if process.returncode is None]

    def _log(self, process: str) -> Path:
        return self._logs / f"{process}.log"

    def _died(self, process: SshProcess, status: int) -> None:
        log = self._log(process.name).relative_to(self._logs.parents[1])
        self._tell(process.name, status, last_line=process.last_line, log=str(log))

    def _tell(self, process: str, status: int, *, last_line: str, log: str = "") -> None:
        if self._on_death is not None:
            self._on_death(
                Death(
                    node=self._name,
                    process=process,
                    at_ns=time.monotonic_ns(),
                    status=status,
                    last_line=last_line,
                    log=log,
                )
            )
