"""The reads that end a run: everything that was written, on every node, recorded like any other operation."""

import asyncio
from collections.abc import Callable, Iterable

from harness.history import History
from harness.operation import Outcome
from harness.session import Session
from harness.tasks import together
from harness.workload import Workload

ATTEMPTS = 5
PAUSE_S = 0.2


def keys_of(history: History, workload: Workload) -> tuple[str, ...]:
    """Return the keys of everything that any operation writes if it happened, in order of appearance."""
    keys: dict[str, None] = {}
    for operation in history:
        for key, _ in workload.writes(operation):
            keys[key] = None
    return tuple(keys)


async def read_all(
    workload: Workload, keys: Iterable[str], nodes: tuple[str, ...], *, make_session: Callable[[], Session]
) -> tuple[str, ...]:
    """Read all keys on all nodes, the nodes at the same time; return what could not be read, in words.

    Each read is tried up to `ATTEMPTS` times. A node whose read fails for good is not asked for the rest.
    """
    kept = tuple(keys)
    complaints = await together(_read_node(workload, kept, node, make_session()) for node in nodes)
    return tuple(complaint for complaint in complaints if complaint is not None)


async def _read_node(workload: Workload, keys: tuple[str, ...], node: str, session: Session) -> str | None:
    try:
        for invocation in workload.final_reads(keys, node):
            for attempt in range(ATTEMPTS):
                if attempt:
                    await asyncio.sleep(PAUSE_S)
                answer = await session.perform(invocation)
                if answer.outcome is Outcome.OK:
                    break
            else:
                return f"the final reads of {node} failed: {answer.error}"
    finally:
        await session.close()
    return None
