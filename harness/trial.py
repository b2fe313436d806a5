"""The part of a run that is recorded: from machines that start to the last read and log.

A trial notes what goes wrong and goes on to what can still be done: after any error the faults are healed,
and what was recorded is on disk. Only being cancelled makes it raise.
"""

import asyncio
import contextlib
import itertools
import traceback
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness import final_reads, logs, readiness
from harness.abilities import lacking, offered
from harness.analysis import EPISODES_FILE, HISTORY_FILE
from harness.clock import HOST_TIME, Clock, Origin, Time
from harness.course import Course
from harness.deaths import Deaths
from harness.draws import derive
from harness.episodes import EpisodeLog
from harness.errors import AckedError, FolderError, NodeError
from harness.evidence import EvidenceRecorder
from harness.generator import Generator
from harness.generators import rate, time_limit
from harness.history import History
from harness.interrupts import Interrupted, Interrupts, unless
from harness.machine import Cluster, OwnTime, SealedDisk, Unhurried, Watched
from harness.operation import Invocation
from harness.parts import Parts
from harness.recording import Recorder
from harness.results import ERROR_FILE
from harness.runner import Runner
from harness.schedule import Schedule
from harness.session import Desk, Session
from harness.spool import LineFile, Spool
from harness.targets import ANSWER_S, SILENT_S, Targets, ask, primary_of
from harness.tasks import own_cancellation
from harness.workload import MOST_ATTEMPTS, reserve
from harness.world import RunWorld

QUICK_S = 5.0
"""How long recovery, the final reads and the logs may take each, once the user has asked to stop."""

SETTLE_S = 5.0
"""How long the nodes may take to agree, at least, once writes are acknowledged again."""

READ_S = 5.0
"""How long one final read may take, at least."""


class Books(Struct, frozen=True, kw_only=True):
    """What a trial writes into while it goes on."""

    history: LineFile
    desk: Desk
    episodes: EpisodeLog


class Trial:
    """One recorded run; `run` it once, then see its `course`."""

    def __init__(
        self, parts: Parts, *, evidence: EvidenceRecorder, deaths: Deaths, interrupts: Interrupts
    ) -> None:
        self._parts = parts
        self._evidence = evidence
        self._deaths = deaths
        self._interrupts = interrupts
        self._nodes = parts.system.contract().nodes
        self._processes = itertools.count(-1, -1)
        self._recovery_writes: tuple[Invocation, ...] = ()
        self._protection_writes: tuple[Invocation, ...] = ()
        self._schedule: Schedule | None = None
        self._seconds: dict[str, float] = {}
        self._course = Course()
        self._time: Time = parts.cluster.time if isinstance(parts.cluster, OwnTime) else HOST_TIME
        self._origin = Origin.now(self._time)

    @property
    def course(self) -> Course:
        """The course that the run has taken so far."""
        return replace(
            self._course,
            seconds=dict(self._seconds),
            deaths=self._deaths.since(self._origin),
            sealed=offered(SealedDisk, self._parts.cluster, self._parts.system),
        )

    async def run(self) -> None:
        """Do it all; when this returns, all faults are healed, or their episodes say that they are not."""
        try:
            with Spool(threaded=not isinstance(self._parts.cluster, OwnTime)) as spool:
                try:
                    books = self._open(spool)
                    await self._record(books)
                    self._note_unwritten(books)
                finally:
                    self._evidence.stop()
        except FolderError as error:
            self.note(error)

    async def heal(self) -> None:
        """Heal every fault that is still open; the second interrupt cuts injections short."""
        if self._schedule is None:
            return
        watcher = asyncio.create_task(_when(self._interrupts.abort, self._schedule.interrupt))
        try:
            with self.phase("heal"):
                await self._schedule.heal_all()
            self._schedule = None
        finally:
            watcher.cancel()

    def break_off(self) -> None:
        """Keep that the run was cut short."""
        self._course = replace(self._course, interrupted=True)

    def note(self, error: Exception) -> None:
        """Keep an error: the first as what ended the run, all with their tracebacks in the run's folder."""
        text = str(error) if isinstance(error, AckedError) else f"{type(error).__name__}: {error}"
        if self._course.error is None:
            self._course = replace(self._course, error=text)
        self._keep_traceback(error)

    def stray(self, message: str, error: BaseException | None) -> None:
        """Keep what went wrong where nobody waited for it, as a warning."""
        self.warn(f"{message}: {error}" if error else message)
        if error is not None:
            self._keep_traceback(error)

    def warn(self, text: str) -> None:
        """Keep something that went wrong but costs the verdict nothing; once."""
        if text not in self._course.warnings:
            self._course = replace(self._course, warnings=(*self._course.warnings, text))

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Take the time of a phase and tell the observer that it begins."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._parts.observer.on_phase(name)
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + loop.time() - began

    def _keep_traceback(self, error: BaseException) -> None:
        try:
            with (self._parts.folder / ERROR_FILE).open("a") as file:
                traceback.print_exception(error, file=file)
        except OSError as failure:
            self.warn(f"{ERROR_FILE}: {failure.strerror or failure}")

    def _open(self, spool: Spool) -> Books:
        parts, origin = self._parts, self._origin
        self._evidence.start(
            spool,
            parts.folder,
            tuple(parts.cluster.machines),
            origin,
            exact=isinstance(parts.cluster, OwnTime),
        )
        history = spool.open(parts.folder / HISTORY_FILE)
        return Books(
            history=history,
            episodes=EpisodeLog(spool.open(parts.folder / EPISODES_FILE), parts.observer),
            desk=Desk(
                make_client=parts.system.client,
                recorder=Recorder(history, origin),
                clock=Clock(origin, self._time),
                timeout_s=parts.scenario.operation_timeout_s,
                observer=parts.observer,
            ),
        )

    def _note_unwritten(self, books: Books) -> None:
        for error in (self._evidence.error, books.episodes.error):
            if error is not None:
                self.note(error)

    async def _record(self, books: Books) -> None:
        try:
            await self._attempt(_while_all_there(self._parts.cluster, self._work(books)))
        finally:
            await self._attempt(self.heal())
        if self._course.started_ns is not None:
            await self._attempt(self._recover(books))
            await self._attempt(self._read(books))
        if "start" in self._seconds:
            await self._attempt(self._fetch_logs())

    async def _attempt(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            with own_cancellation("a part of the run"):
                await work
        except Interrupted as interrupted:
            self.break_off()
            if isinstance(interrupted.__cause__, Exception):
                self.note(interrupted.__cause__)
        except Exception as error:
            self.note(error)

    async def _work(self, books: Books) -> None:
        parts, stop = self._parts, self._interrupts.stop.wait
        generator = parts.workload.generator(self._nodes, seed=derive(parts.scenario.seed, "workload"))
        first, generator = reserve(parts.workload, generator, MOST_ATTEMPTS)
        self._recovery_writes, generator = reserve(parts.workload, generator, MOST_ATTEMPTS)
        self._protection_writes, generator = reserve(parts.workload, generator, MOST_ATTEMPTS)
        with self.phase("up"):
            await unless(stop(), parts.cluster.up())
        plan = zip(parts.scenario.faults, parts.faults, strict=True)
        if (why := lacking(plan, cluster=parts.cluster, system=parts.system)) is not None:
            self._course = replace(self._course, skipped=why)
            return
        with self.phase("start"):
            await unless(stop(), self._bring_up(books, first))
        with self.phase("run"):
            await self._clients(books, generator)

    async def _bring_up(self, books: Books, writes: tuple[Invocation, ...]) -> None:
        parts, session = self._parts, self._session(books.desk)
        try:
            await readiness.bring_up(parts, self._nodes, session, writes, deaths=self._deaths)
        finally:
            await session.close()

    async def _clients(self, books: Books, generator: Generator) -> None:
        parts, scenario, clock = self._parts, self._parts.scenario, books.desk.clock
        patience_s = parts.cluster.patience_s if isinstance(parts.cluster, Unhurried) else 0.0
        self._schedule = Schedule(
            scenario.faults,
            parts.faults,
            world=RunWorld(cluster=parts.cluster, system=parts.system),
            targets=Targets(
                parts.system,
                tuple(parts.cluster.machines),
                silent_s=ANSWER_S if patience_s else SILENT_S,
            ),
            clock=clock,
            log=books.episodes,
            seed=scenario.seed,
            patience_s=patience_s,
        )
        limit_s = scenario.time_limit_s + patience_s
        source = time_limit(rate(generator, scenario.rate), int(limit_s * 1e9))
        runner = Runner(source, desk=books.desk, workers=scenario.clients)
        watchers = [asyncio.create_task(_when(self._interrupts.stop, runner.stop))]
        started_ns = clock.now_ns()
        self._course = replace(self._course, started_ns=started_ns)
        self._schedule.start(started_ns)
        if patience_s:
            watchers.append(asyncio.create_task(self._stop_in_time(runner, self._schedule)))
        try:
            await unless(self._interrupts.abort.wait(), runner.run())
        finally:
            for watcher in watchers:
                watcher.cancel()
            self._course = replace(
                self._course, stopped_ns=clock.now_ns(), interrupted=self._interrupts.stop.is_set()
            )

    async def _stop_in_time(self, runner: Runner, schedule: Schedule) -> None:
        """Stop the clients of machines that take their time: not before the faults have met them."""
        limit_s = self._parts.scenario.time_limit_s
        await asyncio.sleep(limit_s)
        await schedule.lasted(due_by_s=limit_s)
        runner.stop()

    async def _recover(self, books: Books) -> None:
        books.history.check()
        with self.phase("recover"):
            await unless(self._interrupts.patience(QUICK_S), self._recover_within(books))

    async def _recover_within(self, books: Books) -> None:
        system, wait_s = self._parts.system, self._parts.scenario.recovery_s
        loop = asyncio.get_running_loop()
        end = loop.time() + wait_s
        session = self._session(books.desk)
        try:
            survivor = await readiness.write_until_acknowledged(
                system, self._nodes, session, self._recovery_writes, deadline_s=wait_s
            )
            self._course = replace(self._course, recovered=True, survivor=survivor)
            if system.contract().degrades:
                await self._protect(session, within_s=end - loop.time())
            left_s = max(SETTLE_S, end - loop.time())
            state = await readiness.settle(system, self._nodes, deadline_s=left_s)
            self._course = replace(self._course, settled=state.certain, unsettled=state.complaint)
        except NodeError as error:
            self._course = replace(self._course, recovered=False, unsettled=str(error))
        finally:
            await session.close()

    async def _protect(self, session: Session, *, within_s: float) -> None:
        """Write until an acknowledgement is not degraded any more."""
        try:
            survivor = await readiness.write_until_acknowledged(
                self._parts.system,
                self._nodes,
                session,
                self._protection_writes,
                deadline_s=within_s,
                degraded=False,
            )
            self._course = replace(self._course, protected=True, survivor=survivor)
        except NodeError:
            self._course = replace(self._course, protected=False)

    async def _read(self, books: Books) -> None:
        parts = self._parts
        books.history.check()
        books.history.drain()
        with self.phase("read"):
            history = History.open(parts.folder / HISTORY_FILE)
            keys = final_reads.keys_of(history, parts.workload)
            desk = replace(books.desk, timeout_s=max(READ_S, books.desk.timeout_s))
            reads = final_reads.read_all(
                parts.workload, keys, self._nodes, make_session=lambda: self._session(desk)
            )
            complaints = await unless(self._interrupts.patience(QUICK_S), reads)
            statuses = await unless(self._interrupts.patience(QUICK_S), ask(parts.system, self._nodes))
        self._doubt(complaints)
        primary, survivor = primary_of(statuses), self._course.survivor
        if survivor is not None and primary != survivor:
            self._doubt((f"the primary was {survivor}, and after the final reads {primary or 'nobody'}",))
            self._course = replace(self._course, survivor=None, settled=False)

    def _doubt(self, complaints: Iterable[str]) -> None:
        unsettled = "; ".join(filter(None, (self._course.unsettled, *complaints)))
        self._course = replace(self._course, unsettled=unsettled or None)

    async def _fetch_logs(self) -> None:
        with self.phase("logs"):
            parts = self._parts
            fetching = logs.fetch(parts.system, parts.cluster, parts.folder / logs.FOLDER)
            for complaint in await unless(self._interrupts.patience(QUICK_S), fetching):
                self.warn(complaint)

    def _session(self, desk: Desk) -> Session:
        return Session(desk, process=next(self._processes), renumber=lambda _: next(self._processes))


async def _while_all_there(cluster: Cluster, work: Coroutine[Any, Any, None]) -> None:
    """Do `work`; raises NodeError as soon as a machine is lost that no fault has taken."""
    if isinstance(cluster, Watched):
        await unless(_loss(cluster), work)
    else:
        await work


async def _loss(cluster: Watched) -> None:
    raise NodeError(await cluster.lost())


async def _when(event: asyncio.Event, action: Callable[[], None]) -> None:
    await event.wait()
    action()
