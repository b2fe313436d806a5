"""Where the tries of a search are made: in processes on this host, or on a Dask cluster.

A worker may die in the middle, by a signal, for lack of memory or at the deadline of its work. Its call is made
again on another, twice at most.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import connection, forkserver, resource_tracker
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from harness.errors import HarnessError
from harness.signals import SIGNALS

Given = TypeVar("Given")
Result = TypeVar("Result")

LIVES: Final = 3
"""How often a call is made in all when workers die of it."""


class WorkerLostError(HarnessError):
    """The workers that made a call died, each time."""


class Executor(Protocol):
    """Makes calls elsewhere, several at a time; call and argument are sent there by pickle."""

    @property
    def jobs(self) -> int:
        """How many calls are made at a time."""

    def submit(self, call: Callable[[Given], Result], given: Given) -> "Future[Result]":
        """Have `call(given)` made; the future raises WorkerLostError if no worker lived to the end of it."""

    def close(self) -> None:
        """Break off what is not done, and leave nothing behind."""


class LocalProcesses:
    """Worker processes on this host, each led by a thread of ours, so that it is known whose work is lost."""

    def __init__(self, jobs: int, *, scratch: Path | None = None) -> None:
        """Prepare for `jobs` workers, whose temporary files are kept in `scratch`, by default in memory."""
        self.jobs = jobs
        # A server that forks them: threads of ours may hold locks, and starting Python anew takes long.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["harness.campaign.work"])
        _start_server()
        self._scratch = tempfile.mkdtemp(prefix="acked-", dir=scratch or _memory())
        self._leaders = ThreadPoolExecutor(jobs, thread_name_prefix="worker")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._pools: dict[ProcessPoolExecutor, int] = {}
        self._closed = False

    def submit(self, call: Callable[[Given], Result], given: Given) -> "Future[Result]":
        """Have a call made in one of the processes."""
        return self._leaders.submit(self._led, call, given)

    def pids(self) -> tuple[int, ...]:
        """Return the processes of the workers that have been started."""
        with self._lock:
            return tuple(self._pools.values())

    def close(self) -> None:
        """Kill the workers and remove what they left."""
        with self._lock:
            self._closed = True
            for pid in self._pools.values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._leaders.shutdown(cancel_futures=True)
        for pool in list(self._pools):
            pool.shutdown()
        self._pools.clear()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _led(self, call: Callable[[Given], Result], given: Given) -> Result:
        for _ in range(LIVES):
            try:
                return self._pool().submit(call, given).result()
            except BrokenExecutor:
                self._drop()
        raise WorkerLostError(f"{LIVES} workers died one after the other while they did this")

    def _pool(self) -> ProcessPoolExecutor:
        """Return the worker of this thread, which is a pool of one, started if need be."""
        pool: ProcessPoolExecutor | None = getattr(self._own, "pool", None)
        if pool is None:
            pool = ProcessPoolExecutor(
                1, mp_context=self._context, initializer=_begin, initargs=(self._scratch,)
            )
            self._own.pool = pool
            pid = pool.submit(os.getpid).result()
            with self._lock:
                self._pools[pool] = pid
                if self._closed:
                    os.kill(pid, signal.SIGKILL)
        return pool

    def _drop(self) -> None:
        pool: ProcessPoolExecutor = self._own.pool
        self._own.pool = None
        with self._lock:
            self._pools.pop(pool, None)
            if self._closed:
                raise WorkerLostError("closed")
        pool.shutdown(wait=False)


class DaskCluster:
    """The workers of a Dask cluster; its scheduler makes a call again whose worker was lost."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)

    @property
    def jobs(self) -> int:
        """How many workers there are now; they may come and go."""
        return max(1, len(self._client.nthreads()))

    def submit(self, call: Callable[[Given], Result], given: Given) -> "Future[Result]":
        """Have a call made by one of the workers."""
        made: Future[Result] = self._executor.submit(call, given)
        return made

    def close(self) -> None:
        """Cancel what is not done and leave the cluster, which goes on."""
        self._executor.shutdown(wait=False)
        self._client.close()


def _start_server() -> None:
    """Start the process that forks the workers. It and they inherit that signals are left to us."""
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(scratch: str) -> None:
    """Prepare a worker: it ends with its parent, and keeps its files where that will look."""
    threading.Thread(target=_end_with_parent, args=(scratch,), daemon=True).start()
    os.environ["TMPDIR"] = scratch
    tempfile.tempdir = scratch


def _end_with_parent(scratch: str) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has been started by somebody"
    connection.wait([parent.sentinel])
    shutil.rmtree(scratch, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGKILL)


def _memory() -> str | None:
    """Return where files cost no disk, if there is such a place."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a fresh folder is made in it
