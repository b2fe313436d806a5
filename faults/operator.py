"""What operators do, rightly or wrongly: here, promote a node of their choice."""

import asyncio
from collections.abc import Mapping
from typing import Any

from harness.episode import Proof
from harness.errors import HarnessError, NodeError
from harness.fault import World
from harness.options import Options
from harness.system import Promotes, Role

_PROMOTED_S = 10.0
_ASK_EVERY_S = 0.05


class Promote:
    """Makes the target the primary by the operator's word (`harness.system.Promotes`).

    Option: `force` overrides the system's refusals (default false). Nothing is undone at the heal.
    """

    needs: tuple[type, ...] = (Promotes,)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._force = Options(options, ("force",)).flag("force", False)

    def target(self) -> str | None:
        """Aim at some replica."""
        return "replica"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Promote; proved by what the node itself says. Raises NodeError when the system refuses."""
        if len(targets) != 1:
            raise NodeError(f"one node can be promoted, not {len(targets)}: {', '.join(targets) or 'none'}")
        (name,) = targets
        system = world.system
        if not isinstance(system, Promotes):
            raise HarnessError(f"{system.name} has no way to promote a node")
        await system.promote(name, force=self._force)
        loop = asyncio.get_running_loop()
        end = loop.time() + _PROMOTED_S
        while True:
            role, epoch = await _role(world, name)
            if role is Role.PRIMARY:
                return (Proof(what=f"{name} says that it is the primary, epoch {epoch}", shown=True),)
            if loop.time() > end:
                return (Proof(what=f"{name} says that it is {role} after {_PROMOTED_S:g} s", shown=False),)
            await asyncio.sleep(_ASK_EVERY_S)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return nothing more: another node may have become primary since."""
        return ()

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Undo nothing."""
        return (Proof(what="a promotion is not undone", shown=True),)


async def _role(world: World, name: str) -> tuple[Role, int]:
    try:
        status = await world.system.status(name)
    except NodeError:
        return Role.UNKNOWN, 0
    return status.role, status.epoch
