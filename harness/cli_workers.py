"""The workers that commands which search have: processes of this host, or a Dask cluster."""

import contextlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import signals
from harness.campaign.executors import DaskCluster, Executor, LocalProcesses
from harness.errors import MissingError, UsageError
from harness.interrupts import Interrupts


@contextlib.contextmanager
def workers(
    kind: str, jobs: int | None, scheduler: str | None, *, scratch: Path | None = None
) -> Iterator[Executor]:
    """Have workers: processes of this host, or a Dask cluster; they are gone, or left, at the end.

    Processes of this host keep their temporary files in `scratch`, by default in memory.
    Raises UsageError for options that do not fit, MissingError where Dask is not installed.
    """
    executor = _executor(kind, jobs, scheduler, scratch)
    try:
        yield executor
    finally:
        executor.close()


def asked_to_stop() -> Interrupts:
    """Have signals ask for a stop from now on."""
    interrupts = Interrupts()
    # To the end: once there is a verdict, no signal keeps it from being told.
    signals.give(interrupts.notice)
    return interrupts


def _executor(kind: str, jobs: int | None, scheduler: str | None, scratch: Path | None) -> Executor:
    if kind == "local":
        if scheduler is not None:
            raise UsageError("--scheduler: only with --executor dask")
        # Libraries that start a thread for each core would make it unsafe to fork the workers.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        return LocalProcesses(jobs or os.cpu_count() or 1, scratch=scratch)
    if scheduler is None:
        raise UsageError("--executor dask: name the scheduler of the cluster, with --scheduler ADDRESS")
    if jobs is not None:
        raise UsageError("--jobs: the workers of a Dask cluster are as many as there are")
    try:
        dask: Any = importlib.import_module("distributed")
    except ImportError as error:
        raise MissingError("Dask is not installed: pip install 'acked[dask]'") from error
    try:
        # What is no address is refused first: a client that was never connected takes 20 s to go, and complains.
        dask.comm.get_address_host_port(scheduler)
        client = dask.Client(scheduler, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"--scheduler {scheduler}: no Dask scheduler answers there: {error}") from error
    if any(threads > 1 for threads in client.nthreads().values()):
        client.close()
        raise UsageError("--executor dask: simulations need processes: start workers with --nthreads 1")
    return DaskCluster(client)
