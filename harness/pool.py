"""Runs commands as child processes, several at a time, each with a deadline, none left behind.

Every child leads a session of its own, so a terminal's Ctrl-C reaches only us; it is killed by the kernel
when we die. Its output goes to files, which also outlive a child that hangs.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path

from msgspec import Struct

from harness import results
from harness.errors import AckedError, MissingError

_SETPRIV = "setpriv"
_DIE_WITH_PARENT = ("--pdeathsig", "KILL")


class Job(Struct, frozen=True, kw_only=True):
    """A command to run; `stdout` and `stderr` are files that receive its output.

    Of jobs with the same `lane` one runs at a time; one without a lane is in nobody's way.
    """

    name: str
    argv: tuple[str, ...]
    stdout: Path
    stderr: Path
    deadline_s: float
    lane: str = ""


class Ended(Struct, frozen=True, kw_only=True):
    """How a job ended: its exit status (negative: the signal), and whether we had to kill it for its time.

    `failure` is why it could not be started at all; its exit status means nothing then.
    """

    job: Job
    returncode: int
    seconds: float
    timed_out: bool = False
    failure: str | None = None

    @property
    def killed(self) -> bool:
        """Whether it was killed, by whomever."""
        return self.returncode == -signal.SIGKILL

    def tail(self, lines: int = 5) -> str:
        """Return the end of what it wrote to standard error, in one line."""
        try:
            text = self.job.stderr.read_text(errors="replace")
        except OSError:
            return ""
        return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())


class Pool:
    """Runs jobs `at_once` at a time; `interrupt` ends it early, and calling that again ends it at once.

    Raises MissingError where a program that it starts jobs with is not installed.
    """

    def __init__(self, at_once: int, *, on_start: Callable[[Job], None] = lambda job: None) -> None:
        setpriv = shutil.which(_SETPRIV)
        if setpriv is None:
            raise MissingError(f"{_SETPRIV} is not installed: apt-get install util-linux")
        self._setpriv = setpriv
        self._at_once = at_once
        self._on_start = on_start
        self._asked: signal.Signals | None = None
        self._running: dict[str, asyncio.subprocess.Process] = {}

    @property
    def interrupted(self) -> bool:
        """Whether `interrupt` was called."""
        return self._asked is not None

    def interrupt(self) -> None:
        """Start no more jobs and ask those that run to end; the second time, kill them."""
        # SIGTERM: where we were started in the background, our children ignore SIGINT.
        self._asked = signal.SIGKILL if self.interrupted else signal.SIGTERM
        for process in self._running.values():
            _signal(process, self._asked)

    async def run(self, jobs: Sequence[Job]) -> AsyncIterator[Ended]:
        """Run all jobs and yield each as it ends; those not yet started when interrupted never come."""
        waiting, lanes = list(jobs), set[str]()
        tasks: set[asyncio.Task[Ended]] = set()
        try:
            while waiting or tasks:
                while len(tasks) < self._at_once and (job := self._next(waiting, lanes)) is not None:
                    waiting.remove(job)
                    lanes.add(job.lane)
                    tasks.add(asyncio.create_task(self._one(job)))
                if not tasks:
                    return
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                lanes -= {task.result().job.lane for task in done}
                for task in done:
                    yield task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _next(self, waiting: Sequence[Job], lanes: Collection[str]) -> Job | None:
        """Return the first job that may be started now."""
        if self.interrupted:
            return None
        return next((job for job in waiting if not job.lane or job.lane not in lanes), None)

    async def _one(self, job: Job) -> Ended:
        self._on_start(job)
        begun = time.monotonic()
        try:
            process = await self._start(job)
        except (AckedError, OSError) as error:
            return Ended(job=job, returncode=0, seconds=time.monotonic() - begun, failure=str(error))
        timed_out = False
        self._running[job.name] = process
        try:
            if self._asked is not None:  # while it was being started
                _signal(process, self._asked)
            async with asyncio.timeout(job.deadline_s):
                await process.wait()
        except TimeoutError:
            timed_out = True
        finally:
            if process.returncode is None:
                _signal(process, signal.SIGKILL)
            returncode = await process.wait()
            del self._running[job.name]
        seconds = time.monotonic() - begun
        return Ended(job=job, returncode=returncode, seconds=seconds, timed_out=timed_out)

    async def _start(self, job: Job) -> asyncio.subprocess.Process:
        with contextlib.ExitStack() as files:
            with results.storing(job.stdout):
                stdout, stderr = (files.enter_context(path.open("wb")) for path in (job.stdout, job.stderr))
            return await asyncio.create_subprocess_exec(
                self._setpriv,
                *_DIE_WITH_PARENT,
                *job.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signal a child: to end it, with all of its session; to ask it, only the child itself."""
    with contextlib.suppress(ProcessLookupError):
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
