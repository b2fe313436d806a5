"""Is the system there? Before a run, and again after its faults: a primary answers and a write is acknowledged.

The harness's own writes are taken from the workload, ahead of the clients', so that they are like any other
write of the run: unique, recorded, and judged. A system counts as ready, or as recovered, only by such a
write.
"""

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from harness import logs
from harness.deaths import Deaths
from harness.errors import NodeError
from harness.operation import Invocation, Outcome
from harness.parts import Parts
from harness.session import Answer, Session
from harness.system import NodeStatus, System
from harness.targets import ask, describe, primary_of
from harness.tasks import together

PAUSE_S = 0.1
"""How long to wait between attempts, at least."""


async def bring_up(
    parts: Parts, nodes: tuple[str, ...], session: Session, writes: Sequence[Invocation], *, deaths: Deaths
) -> None:
    """Prepare and start the system on every machine, and wait until a write is acknowledged.

    Raises NodeError as soon as one of its processes has died, and when it all takes longer than the
    scenario's `ready_s`, counted from the first start; it says what is amiss with which node, and where the
    logs are.
    """
    await parts.system.setup(parts.cluster)
    try:
        await deaths.unless_any(_start(parts, nodes, session, writes))
    except NodeError as error:
        raise NodeError(
            f"{parts.system.name} did not come up: {error}; logs: {parts.folder / logs.FOLDER}"
        ) from error


async def _start(
    parts: Parts, nodes: tuple[str, ...], session: Session, writes: Sequence[Invocation]
) -> None:
    system, ready_s = parts.system, parts.scenario.ready_s
    loop = asyncio.get_running_loop()
    end = loop.time() + ready_s
    limit = asyncio.timeout(ready_s)
    try:
        async with limit:
            await together(system.start(machine) for machine in parts.cluster.machines.values())
            await system.form()
        left_s = max(0.0, end - loop.time())
        await write_until_acknowledged(system, nodes, session, writes, deadline_s=left_s)
    except TimeoutError as error:
        complaint = f"starting took more than {ready_s:g} s" if limit.expired() else str(error) or "timed out"
        raise NodeError(complaint) from error


async def write_until_acknowledged(
    system: System,
    nodes: tuple[str, ...],
    session: Session,
    writes: Sequence[Invocation],
    *,
    deadline_s: float,
    degraded: bool = True,
) -> str:
    """Write until a write is acknowledged while a node says it is the primary; return the node that did so.

    Without `degraded` an acknowledgement that is marked so does not count, nor one of a primary that says it
    goes on with fewer copies: where all nodes are quick, a write may have all its copies though nobody waits for
    them. Raises NodeError after the deadline; it tells what each node said last, and how the last write failed.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    pause_s = max(PAUSE_S, deadline_s / len(writes))
    statuses: dict[str, NodeStatus] = {}
    complaint = "no write was tried: no node was primary"
    attempts = iter(writes)
    while (left_s := end - loop.time()) > 0:
        began = loop.time()
        try:
            async with asyncio.timeout(left_s):
                statuses = await ask(system, nodes)
                if (primary := primary_of(statuses)) is not None and (write := next(attempts, None)):
                    answer = await session.perform(write)
                    flaw = _flaw(answer, primary)
                    if flaw is None and not degraded:
                        flaw = _short(answer, primary, statuses[primary])
                    if flaw is None:
                        return primary
                    complaint = flaw
        except TimeoutError:
            break
        await asyncio.sleep(max(0.0, min(began + pause_s, end) - loop.time()))
    silent = ", ".join(node for node in nodes if node not in statuses)
    raise NodeError(
        f"no write was acknowledged within {deadline_s:g} s: {describe(statuses)}"
        + (f"; no answer from {silent}" if silent and statuses else "")
        + f"; {complaint}"
    )


def _flaw(answer: Answer, primary: str) -> str | None:
    """Return what is amiss with a write; None: `primary` has acknowledged it."""
    reply = answer.reply
    if answer.outcome is not Outcome.OK or reply is None:
        return f"the last write: {answer.error}"
    if reply.node not in (None, primary):
        return f"the last write was acknowledged by {reply.node}, while {primary} was the primary"
    return None


def _short(answer: Answer, primary: str, status: NodeStatus) -> str | None:
    """Return what tells that an acknowledged write need not have had all its copies, if anything does."""
    if answer.reply is not None and answer.reply.degraded:
        return "the last write was acknowledged as degraded"
    if status.degraded:
        return f"{primary} said that it goes on with fewer copies"
    return None


class Settling(Struct, frozen=True, kw_only=True):
    """How the wait for the nodes ended: what is amiss, and whether they surely have applied the same."""

    complaint: str | None
    certain: bool


async def settle(system: System, nodes: tuple[str, ...], *, deadline_s: float) -> Settling:
    """Wait until all nodes have applied the same offset, or until the deadline.

    With a system that has no offsets there is nothing to wait for once every node answers, and it is not
    certain that they have applied the same.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while True:
        statuses = await ask(system, nodes)
        complaint = _unsettled(statuses, nodes)
        if complaint is None:
            certain = all(status.applied is not None for status in statuses.values())
            return Settling(complaint=None, certain=certain)
        if loop.time() >= end:
            return Settling(complaint=f"after {deadline_s:g} s {complaint}", certain=False)
        await asyncio.sleep(PAUSE_S)


def _unsettled(statuses: dict[str, NodeStatus], nodes: tuple[str, ...]) -> str | None:
    silent = [node for node in nodes if node not in statuses]
    if silent:
        return f"{', '.join(silent)} did not answer"
    applied = {node: status.applied for node, status in statuses.items()}
    if len(set(applied.values())) == 1:
        return None
    return "the nodes had applied " + ", ".join(
        f"{node}: {'nothing known' if offset is None else offset}" for node, offset in applied.items()
    )
