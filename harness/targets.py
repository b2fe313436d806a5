"""Which nodes a fault hits: roles in a scenario become names at the moment when the fault fires.

A role says what a node is to the system right now, as the nodes themselves tell: so "the primary" is the one
of this instant, and "a holder" the replica that has confirmed most. Where several fit, the draw is seeded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from harness.draws import Draws
from harness.errors import NodeError
from harness.scenario import ROLES
from harness.system import NodeStatus, Role, System
from harness.tasks import broken_off, own_cancellation, together

PRIMARY_WAIT_S = 5.0
"""How long a fault that needs to know the primary waits for one, or for the targets of another step."""

ASK_EVERY_S = 0.1

ANSWER_S = 3.0
"""How long a node may take to tell its status, whatever the system says about that."""

SILENT_S = 0.1
"""How long silent nodes are waited for, once one has said that it is the primary: a fault is to be in time."""


class Targets:
    """Resolves the targets of one run's fault steps, and remembers those that were given a name.

    What a node is that has not answered `silent_s` after the primary did, nobody knows: it has no role.
    """

    def __init__(self, system: System, nodes: tuple[str, ...], *, silent_s: float = SILENT_S) -> None:
        self._system = system
        self._nodes = nodes
        self._silent_s = silent_s
        self._bound: dict[str, tuple[str, ...]] = {}

    def bind(self, name: str, targets: tuple[str, ...]) -> None:
        """Give targets the name by which later steps call them, as `$name`."""
        self._bound[name] = targets

    async def resolve(self, target: str | None, draws: Draws) -> tuple[str, ...]:
        """Return the nodes that `target` means now, in the cluster's order, each once; () for None.

        Waits up to `PRIMARY_WAIT_S` for a primary where the role depends on one, and for a `$name` that is
        not bound yet. Raises NodeError when that did not come, or when there is no node of the role.
        """
        if target is None:
            return ()
        chosen: set[str] = set()
        for part in target.split("+"):
            chosen.update(await self._part(part.strip(), draws))
        return tuple(node for node in self._nodes if node in chosen)

    async def _part(self, part: str, draws: Draws) -> tuple[str, ...]:
        if part.startswith("$"):
            return await self._bound_to(part[1:])
        if part in self._nodes:
            return (part,)
        if part == "all":
            return self._nodes
        if part in ("minority", "majority"):
            minority = max(1, (len(self._nodes) - 1) // 2)
            count = minority if part == "minority" else len(self._nodes) // 2 + 1
            return tuple(draws.shuffled(self._nodes)[:count])
        if part not in ROLES:
            raise NodeError(f"{part!r} is neither a node ({', '.join(self._nodes)}) nor a role")
        statuses = await wait_for_primary(
            lambda: ask(self._system, self._nodes, silent_s=self._silent_s), deadline_s=PRIMARY_WAIT_S
        )
        return _by_role(part, statuses, draws)

    async def _bound_to(self, name: str) -> tuple[str, ...]:
        loop = asyncio.get_running_loop()
        end = loop.time() + PRIMARY_WAIT_S
        while name not in self._bound:
            if loop.time() >= end:
                raise NodeError(f"${name} stands for no targets: the step that binds it did not find any")
            await asyncio.sleep(ASK_EVERY_S)
        return self._bound[name]


async def ask(system: System, nodes: tuple[str, ...], *, silent_s: float = ANSWER_S) -> dict[str, NodeStatus]:
    """Return the status of each node that answers in time, asked all at the same time.

    Once a node has said that it is the primary, the others are waited for `silent_s`.
    """
    loop = asyncio.get_running_loop()
    asked = [asyncio.create_task(_status(system, node)) for node in nodes]
    pending, statuses, end = set(asked), dict[str, NodeStatus](), float("inf")
    try:
        while pending and (left_s := end - loop.time()) > 0:
            timeout_s = None if left_s == float("inf") else left_s
            done, pending = await asyncio.wait(
                pending, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            answers = await together(task for task in asked if task in done)
            statuses |= {node: status for node, status in answers if status is not None}
            if primary_of(statuses) is not None:
                end = min(end, loop.time() + silent_s)
    finally:
        await together(broken_off(task) for task in asked if task in pending)
    return {node: statuses[node] for node in nodes if node in statuses}


async def _status(system: System, node: str) -> tuple[str, NodeStatus | None]:
    try:
        with own_cancellation(f"the status of {node}"):
            async with asyncio.timeout(ANSWER_S):
                return node, await system.status(node)
    except (NodeError, TimeoutError):
        return node, None


def primary_of(statuses: Mapping[str, NodeStatus]) -> str | None:
    """Return who is the primary; of several that say so (one was fenced and does not know yet), the newest."""
    primaries = [node for node, status in statuses.items() if status.role is Role.PRIMARY]
    return max(primaries, key=lambda node: statuses[node].epoch, default=None)


async def wait_for_primary(
    look: Callable[[], Awaitable[dict[str, NodeStatus]]], *, deadline_s: float
) -> dict[str, NodeStatus]:
    """Return the statuses as soon as one node says it is the primary; raises NodeError after the deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while True:
        statuses = await look()
        if primary_of(statuses) is not None:
            return statuses
        if loop.time() >= end:
            raise NodeError(f"no node was primary for {deadline_s:g} s: {describe(statuses)}")
        await asyncio.sleep(ASK_EVERY_S)


def describe(statuses: Mapping[str, NodeStatus]) -> str:
    """Return what each node said of itself, in one line."""
    if not statuses:
        return "no node answered"
    return "; ".join(
        f"{node} is {status.role}" + (f" ({status.note})" if status.note else "")
        for node, status in statuses.items()
    )


def _by_role(role: str, statuses: Mapping[str, NodeStatus], draws: Draws) -> tuple[str, ...]:
    primary = primary_of(statuses)
    assert primary is not None, "roles are resolved only once there is a primary"
    if role == "primary":
        return (primary,)
    replicas = tuple(
        node for node, status in statuses.items() if node != primary and status.role is Role.REPLICA
    )
    if not replicas:
        raise NodeError(f"there is no {role} to hit: {describe(statuses)}")
    if role == "replica":
        return (draws.choice(replicas),)
    if role == "replicas":
        return replicas
    confirmed = {node: _confirmed(node, statuses, primary) for node in replicas}
    extreme = max(confirmed.values()) if role == "holder" else min(confirmed.values())
    return (draws.choice([node for node in replicas if confirmed[node] == extreme]),)


def _confirmed(node: str, statuses: Mapping[str, NodeStatus], primary: str) -> int:
    """Return how far a replica has confirmed: the primary's word, or else its own; -1 when neither tells."""
    offset = statuses[primary].replicas.get(node)
    if offset is None:
        offset = statuses[node].flushed
    return -1 if offset is None else offset
