"""A process on a simulated machine: a coroutine that sees only its machine, and can die at any step.

What it prints is kept as a real process's output is. It has the machine's clock, disk and network, and time
passes for it while it waits for its disk.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from harness.machine import OnLine, Point
from nodes.simulated.disk_view import View
from nodes.simulated.loop import Owner, ProcessDied

if TYPE_CHECKING:
    from nodes.simulated.machine import SimulatedMachine

T = TypeVar("T")

KILLED = -9

Program = Callable[["SimulatedProcess", Sequence[str]], Awaitable[int]]
"""What can run as a simulated process: a coroutine function of the process and its arguments."""


class SimulatedProcess(Owner):
    """A process (`harness.machine.Process`), and the host that its program sees (`nodes.reference.host.Host`)."""

    def __init__(
        self,
        machine: "SimulatedMachine",
        name: str,
        pid: int,
        *,
        env: Mapping[str, str],
        on_line: Sequence[OnLine],
        rng: random.Random,
    ) -> None:
        super().__init__()
        self.machine = machine
        self.pid = pid
        self.env = env
        self.rng = rng
        self.key = f"{name} {pid}"
        self.files: View = machine.disk.view(self.key, step=self._step)
        self.last_line = ""
        self.awaited = False
        self.censor: Callable[[bytes], bool] | None = None
        """Tells of each line of standard output whether it is left out: somebody else knows better."""
        self._name = name
        self._on_line = tuple(on_line)
        self._returncode: int | None = None
        self._ends: list[asyncio.Future[int]] = []
        self._begun = False
        self._jobs_end_ns = 0
        self._beside = False
        self._loop = machine.loop
        self._clock = machine.clock

    # harness.machine.Process

    @property
    def name(self) -> str:
        """The name under which it was started."""
        return self._name

    @property
    def returncode(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._returncode

    async def wait(self) -> int:
        """Wait for its end."""
        self.awaited = True
        if self._returncode is not None:
            return self._returncode
        end: asyncio.Future[int] = self._loop.create_future()
        self._ends.append(end)
        return await end

    async def stop(self, *, grace_s: float = 2.0) -> None:
        """End it: a simulated process has nothing to tidy up."""
        self.awaited = True
        self.machine.end(self, KILLED)

    # Its life

    def begin(self, program: Program, argv: Sequence[str]) -> None:
        """Run the program."""
        self._loop.run_as(self, self._main, program, argv)

    def _main(self, program: Program, argv: Sequence[str]) -> None:
        async def main() -> None:
            try:
                status = await program(self, argv)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self.log(f"{type(error).__name__}: {error}")
                status = 1
            self._loop.call_soon(self.machine.end, self, status)

        self._loop.create_task(main())

    def over(self, status: int) -> None:
        """Take note of its end."""
        self._returncode = status
        self._loop.end(self)
        self.machine.disk.release(self.key)
        for end in self._ends:
            if not end.done():
                end.set_result(status)

    # nodes.reference.host.Host

    def now_ns(self) -> int:
        """Return the machine's monotonic time."""
        true_ns, ahead_ns = self._loop.now_ns + self.spent_ns, self._clock.ahead_ns
        return self._clock.read_ns(true_ns) if ahead_ns is None else true_ns + ahead_ns

    def wall_ns(self) -> int:
        """Return what the machine's wall clock shows."""
        return self._clock.wall_ns(self._loop.now_ns + self.spent_ns)

    def true_ns(self, delay_ns: int) -> int:
        """Return how long a timer of the machine truly takes."""
        return delay_ns if self._clock.ahead_ns is not None else self._clock.true_ns(delay_ns)

    def new_identity(self) -> str:
        """Return the name of the machine's disk."""
        return self.machine.disk.identity

    def flush(self, descriptor: int, then: Callable[[BaseException | None], None]) -> None:
        """Flush a file beside other work."""
        token = self._aside(lambda: self.files.begin_sync(descriptor))
        wait_ns = self.machine.flush_ns()

        def end() -> None:
            try:
                self.files.end_sync(token)
            except OSError as error:
                then(error)
            else:
                self.reach(Point.FLUSHED)
                then(None)

        self._loop.at_ns(self._loop.time_ns() + wait_ns, end, owner=self)

    def work(self, job: Callable[[], T], then: Callable[[T | None, BaseException | None], None]) -> None:
        """Do a job beside other work, behind earlier jobs."""
        self._jobs_end_ns = max(self._jobs_end_ns, self._loop.time_ns()) + self.machine.job_ns()

        def carry_out() -> None:
            try:
                result = self._aside(job)
            except Exception as error:
                then(None, error)
            else:
                then(result, None)

        self._loop.at_ns(self._jobs_end_ns, carry_out, owner=self)

    def _aside(self, job: Callable[[], T]) -> T:
        """Do something that does not keep the process itself busy."""
        self._beside = True
        try:
            return job()
        finally:
            self._beside = False

    def report(self, lines: bytes) -> None:
        """Print lines to standard output."""
        for line in lines.splitlines():
            if self.censor is None or not self.censor(line):
                self.print(line)

    def print(self, line: bytes) -> None:
        """Print one line to standard output, whatever the censor says."""
        at_ns = self._loop.now_ns + self.spent_ns
        for take in self._on_line:
            take(at_ns, line)

    def log(self, line: str) -> None:
        """Print a line to standard error; who is dead says nothing, whatever its coroutines do as they end."""
        if self._returncode is not None:
            return
        self.last_line = line
        self.machine.log(self._name, line)

    def close(self) -> None:
        """Nothing is to be closed."""

    def _step(self, call: str, path: Path | None) -> None:
        """Let the disk's time pass, and let the process die here if that is planned."""
        if self.dead:
            raise ProcessDied
        if call == "write":
            if self.machine.traps:
                self.reach(Point.WRITE)
        elif call.startswith("sync"):
            if not self._beside:
                self.spent_ns += self.machine.sync_ns()
            self.reach(Point.FLUSH)

    def about_to_send(self, *, to_client: bool) -> None:
        """Take note that it is about to send something."""
        if self.machine.traps or self.dead:
            self.reach(Point.REPLY if to_client else Point.SEND)

    def reach(self, point: Point) -> None:
        """Come to a step; it may be the last one."""
        if self.machine.traps:
            self.machine.reached(point)
        if self.dead:
            raise ProcessDied
