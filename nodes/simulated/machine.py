"""A machine of kind sim: what the engine may ask of it, carried out in memory and virtual time."""

import asyncio
import itertools
import random
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from harness import plugins
from harness.errors import NodeError
from harness.machine import (
    ClockReading,
    Completed,
    Death,
    DiskFault,
    DiskProbe,
    OnDeath,
    OnLine,
    Point,
)
from nodes.simulated.breakage import Breakage
from nodes.simulated.clock import MachineClock
from nodes.simulated.disk import Disk
from nodes.simulated.loop import VirtualLoop
from nodes.simulated.pipe import Place
from nodes.simulated.process import KILLED, Program, SimulatedProcess
from nodes.simulated.streams import Streams
from nodes.simulated.tape import Tape

MS = 1_000_000
DIRECTORY = "/data"
PROGRAMS = "acked.programs"


class _Trap:
    """A crash that waits for a step."""

    def __init__(
        self, point: Point, count: int, sprung: "asyncio.Future[tuple[int, ...]]", *, power: bool
    ) -> None:
        self._point = point
        self._left = count
        self.sprung = sprung
        self.power = power

    def springs(self, point: Point) -> bool:
        """Count a step; tell whether it is the one."""
        if self._point not in (point, Point.ANY) or self.sprung.done():
            return False
        self._left -= 1
        return not self._left


class SimulatedMachine:
    """A `harness.machine.Machine` to which everything can be done that can be done to any."""

    def __init__(
        self,
        name: str,
        address: str,
        *,
        loop: VirtualLoop,
        net: Streams,
        tape: Tape,
        logs: Path,
        on_line: OnLine | None,
        on_death: OnDeath | None,
    ) -> None:
        self.loop = loop
        self.disk = Disk(tape.part(f"disk {name}"))
        self.clock = MachineClock()
        self._name = name
        self._address = address
        self._net = net
        self._tape = tape
        self._disk_times = tape.stream(f"disk times {name}")
        self._logs = logs
        self._on_line = on_line
        self._on_death = on_death
        self._pids = itertools.count(100)
        self._running: dict[int, SimulatedProcess] = {}
        self.place = Place(name)
        self._mean_flush_ns = tape.choice(f"disk speed {name}", (MS // 2, 1 * MS, 2 * MS, 4 * MS))
        self.traps: list[_Trap] = []
        self._breakage = Breakage(self.disk, tape.part(f"breakage {name}"))
        self._drifts: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Its name in the cluster."""
        return self._name

    @property
    def address(self) -> str:
        """Its address on the simulated network."""
        return self._address

    @property
    def directory(self) -> str:
        """Where the system keeps its data."""
        return DIRECTORY

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Refuse: there are no commands on a simulated machine."""
        raise NodeError(f"{self._name} is simulated: it can't run {argv[0]}")

    async def put(self, local: Path, remote: str) -> None:
        """Copy a file to the simulated disk, durably."""
        self.disk.write_file(Path(remote), local.read_bytes())  # noqa: ASYNC240 - time stands still meanwhile

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file, or a folder with all in it, from the simulated disk; raises NodeError if there is none."""
        inside = f"{remote}/"
        found = {
            path: content
            for path, content in self.disk.contents().items()
            if content is not None and (path == remote or path.startswith(inside))
        }
        if remote not in self.disk.names.visible:
            raise NodeError(f"{self._name}: {remote}: no such file")
        for path, content in found.items():
            target = local / path.removeprefix(inside) if path != remote else local
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    async def exists(self, remote: str) -> bool:
        """Tell whether there is something at a path of the simulated disk."""
        return remote in self.disk.names.visible

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
    ) -> SimulatedProcess:
        """Start a process: `python -m MODULE …`, where MODULE is a program for simulated machines."""
        if not self.place.powered:
            raise NodeError(f"{self._name} has no power")
        program, rest = _program(argv)
        pid = next(self._pids)
        rng = random.Random(self._tape.below(f"process {self._name}", 1 << 53))
        takers = [take for take in (self._on_line, on_line) if take is not None]
        process = SimulatedProcess(self, name, pid, env=env or {}, on_line=takers, rng=rng)
        self._running[pid] = process
        process.begin(program, rest)
        return process

    async def alive(self) -> Collection[int]:
        """Return the ids of all processes."""
        return tuple(self._running)

    # What can be done to it

    async def kill(self) -> Collection[int]:
        """Kill all processes at this instant; the page cache stays, and peers are told."""
        return self._end_all(silently=False)

    async def pause(self) -> None:
        """Stop all processes."""
        for process in self._running.values():
            process.stopped = True

    async def resume(self) -> None:
        """Let them go on."""
        for process in self._running.values():
            self.loop.release(process)

    async def stopped(self) -> bool:
        """Tell whether there are processes and all are stopped."""
        return bool(self._running) and all(process.stopped for process in self._running.values())

    async def cut_power(self) -> None:
        """Cut the power: nothing is told to anyone, and what was not flushed meets its fate."""
        self.lose_power()

    def lose_power(self) -> None:
        """Cut the power at this very instant."""
        if self.place.powered:
            self._end_all(silently=True)
            self.place.powered = False
            self.disk.power_cut()

    async def crash_at(self, point: Point, *, count: int, power: bool, within_s: float) -> Collection[int]:
        """Let all processes die when one comes to `point`."""
        trap = _Trap(point, count, self.loop.create_future(), power=power)
        self.traps.append(trap)
        try:
            async with asyncio.timeout(within_s):
                return await trap.sprung
        except TimeoutError:
            return () if trap.sprung.cancelled() else trap.sprung.result()
        finally:
            self.traps.remove(trap)

    async def restore_power(self) -> None:
        """Switch the machine on; processes are not started."""
        self.place.powered = True

    async def powered(self) -> bool:
        """Tell whether it is on."""
        return self.place.powered

    async def wipe(self) -> None:
        """Kill all processes and put a blank disk in."""
        self._end_all(silently=False)
        self.disk.wipe()

    async def disk_identity(self) -> str:
        """Return what tells this disk from its successor."""
        return self.disk.identity

    async def break_disk(self, key: str, fault: DiskFault, *, amount: int = 0) -> None:
        """Let the disk have a fault, under the name `key`."""
        self._breakage.begin(key, fault, amount)

    async def mend_disk(self, key: str) -> bool:
        """End the fault of a key; tell whether no other key keeps the same."""
        return self._breakage.end(key)

    async def disk_bites(self) -> Mapping[DiskFault, int]:
        """Return how often each fault of the disk has made a difference."""
        return self._breakage.bites()

    async def rot(self, bits: int) -> int:
        """Flip bits of what is durable."""
        return self._breakage.rot(bits)

    async def probe_disk(self) -> DiskProbe:
        """Write, flush and remove a file; raises NodeError without power."""
        if not self.place.powered:
            raise NodeError(f"{self._name} has no power")
        error, extra_ns, durable = self._breakage.probe()
        took_ns = self._mean_flush_ns + extra_ns
        await asyncio.sleep(took_ns / 1e9)
        return DiskProbe(error=error, took_ns=took_ns, durable=durable)

    async def set_drift(self, key: str, ppm: int) -> None:
        """Let the clocks run `ppm` millionths too fast, under the name `key`."""
        self._drifts[key] = ppm
        self.clock.set_drift(sum(self._drifts.values()), self.loop.time_ns())

    async def jump_clock(self, by_ns: int) -> None:
        """Set the wall clock forward, or back."""
        self.clock.jump(by_ns)

    async def read_clocks(self) -> ClockReading:
        """Read the clocks."""
        now_ns = self.loop.time_ns()
        return ClockReading(monotonic_ns=self.clock.read_ns(now_ns), wall_ns=self.clock.wall_ns(now_ns))

    # What its processes ask

    def end(self, process: SimulatedProcess, status: int) -> None:
        """Take note that a process has ended by itself."""
        if self._running.pop(process.pid, None) is None:
            return
        self._net.died(process, silently=False)
        process.over(status)
        if self._on_death is not None and not process.awaited:
            self._on_death(
                Death(
                    node=self._name,
                    process=process.name,
                    at_ns=self.loop.time_ns(),
                    status=status,
                    last_line=process.last_line,
                    log=f"logs/{self._name}/{process.name}.err",
                )
            )

    def log(self, name: str, line: str) -> None:
        """Keep a line that a process printed for people."""
        path = self._logs / f"{name}.err"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(line + "\n")

    def reached(self, point: Point) -> None:
        """Take note that a process is about to take a step, and crash if that was to be."""
        for trap in self.traps:
            if trap.springs(point):
                victims = tuple(self._running)
                if trap.power:
                    self.lose_power()
                else:
                    self._end_all(silently=False)
                trap.sprung.set_result(victims)
                return

    def flush_ns(self) -> int:
        """Return how long a flush takes; to be asked once for each."""
        return self.sync_ns() + self.disk.stalled_ns()

    def sync_ns(self) -> int:
        """Return how long a flush takes if nothing is wrong with the disk."""
        mean = self._mean_flush_ns
        return mean // 4 + int(self._disk_times.expovariate(4 / 3) * mean)

    def job_ns(self) -> int:
        """Return how long a piece of work beside the process's main one takes."""
        return int(self._disk_times.expovariate(1.0) * MS)

    def _end_all(self, *, silently: bool) -> tuple[int, ...]:
        victims, self._running = self._running, {}
        for process in victims.values():
            self._net.died(process, silently=silently)  # first: what it does as it ends, nobody hears
            process.over(KILLED)
        return tuple(victims)


def _program(argv: Sequence[str]) -> tuple[Program, tuple[str, ...]]:
    if len(argv) < 3 or argv[1] != "-m":
        raise NodeError(
            f"simulated machines can't run {argv[0]}: only `python -m MODULE` of group {PROGRAMS}"
        )
    program: Program = plugins.load(PROGRAMS, argv[2])
    return program, tuple(argv[3:])
