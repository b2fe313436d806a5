"""Power cuts and kernel panics: processes, connections and all that was not flushed are gone in one instant."""

from collections.abc import Mapping
from typing import Any

from faults import crash_point
from faults.downtime import Downtime
from harness import machine
from harness.episode import Proof
from harness.errors import HarnessError
from harness.fault import World
from harness.machine import CLIENTS
from harness.options import Options
from harness.tasks import together


class PowerCut:
    """Cuts the power of all targets at the same time, and restores it at the heal.

    Options: those of `faults.crash_point`, by which each target loses its power at a step of its work.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._point = crash_point.read(options)
        self.needs: tuple[type, ...] = (machine.PowerCut, *crash_point.needs(self._point))
        self._downtime = Downtime()
        self._cut: set[str] = set()

    def target(self) -> str | None:
        """Aim at the primary."""
        return "primary"

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Cut; proved by what is left of the machines: no power, no process, no answer."""
        for name in targets:
            await self._downtime.begin(world, name)
        proofs = await together(self._cut_power(world, name) for name in targets)
        return tuple(proof for of_one in proofs for proof in of_one)

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return whether the power is off to this moment."""
        return await together(self._is_off(world, name) for name in targets)

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Restore the power and start the system again, unless another fault still keeps it down."""
        proofs = await together(self._restore(world, name) for name in targets)
        return tuple(proof for of_one in proofs for proof in of_one)

    async def _cut_power(self, world: World, name: str) -> tuple[Proof, ...]:
        target = _machine(world, name)
        if not await target.powered():
            self._downtime.down(name)
            return (Proof(what=f"{name} had no power already", shown=False),)
        ran = len(await world.machine(name).alive())
        self._cut.add(name)
        struck = await self._strike(world, name)
        if not all(proof.shown for proof in struck):
            return struck
        self._downtime.down(name)
        answers = await world.cluster.reach(CLIENTS, name)
        network = f"{name}, where {ran} processes ran, {'answers' if answers else 'answers nobody'}"
        return *struck, await self._is_off(world, name), Proof(what=network, shown=not answers)

    async def _strike(self, world: World, name: str) -> tuple[Proof, ...]:
        """Take the power; proofs that are not shown say that it is still there."""
        if self._point is None:
            await _machine(world, name).cut_power()
        elif not await self._point.crash(world, name, power=True):
            self._cut.discard(name)
            self._downtime.spared(name)
            return (Proof(what=self._point.missed(name), shown=False),)
        return ()

    async def _is_off(self, world: World, name: str) -> Proof:
        powered, alive = await _machine(world, name).powered(), await world.machine(name).alive()
        what = f"{name} has {'power' if powered else 'no power'} and {len(alive)} processes"
        return Proof(what=what, shown=not powered and not alive)

    async def _restore(self, world: World, name: str) -> tuple[Proof, ...]:
        proofs = []
        if name in self._cut:
            target = _machine(world, name)
            await target.restore_power()
            powered = await target.powered()
            proofs.append(Proof(what=f"{name} has {'power' if powered else 'no power'}", shown=powered))
        proofs.append(await self._downtime.end(world, name))
        self._cut.discard(name)
        return tuple(proofs)


class KernelPanic(PowerCut):
    """Lets the kernels of all targets panic, by sysrq; at the heal the machines are reset. No options.

    The power stays on, and the machine is silent: nothing is said to its peers. Its memory is lost.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        Options(options)
        super().__init__({})
        self.needs = (machine.OwnKernel,)

    async def _strike(self, world: World, name: str) -> tuple[Proof, ...]:
        target = world.machine(name)
        if not isinstance(target, machine.OwnKernel):
            raise HarnessError(f"{name} has no kernel of its own")
        said = await target.panic()
        return (Proof(what=f"the console of {name}: {said}", shown=bool(said)),)


def _machine(world: World, name: str) -> machine.PowerCut:
    target = world.machine(name)
    if not isinstance(target, machine.PowerCut):
        raise HarnessError(f"{name} can't lose its power")
    return target
