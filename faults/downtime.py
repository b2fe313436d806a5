"""Keeps the system on some nodes down for a fault, and starts it again when the last such fault lets go."""

from harness.episode import Proof
from harness.fault import World
from harness.machine import Kill


class Downtime:
    """The nodes that one fault holds down (`harness.fault.World.hold`), through one episode.

    `begin`, then take the node down, then say `down`, or `spared` if nothing was done to it. `end` is right
    whatever of that has happened, and may be repeated: a start that failed is tried again.
    """

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._known: set[str] = set()
        self._to_start: set[str] = set()
        self._ended: dict[str, Proof] = {}

    async def begin(self, world: World, name: str) -> None:
        """Hold a node, unless it holds it already; call before anything is broken on it."""
        if name not in self._held:
            await world.hold(name)
            self._held.add(name)

    def down(self, name: str) -> None:
        """Note that nothing of the system runs on a node any more."""
        self._known.add(name)

    def spared(self, name: str) -> None:
        """Note that the fault has not touched a node; it may run, or be kept down by another fault."""
        self._known.add(name)

    async def end(self, world: World, name: str) -> Proof:
        """Let go of a node, and return what is seen there; raises what the start of the system raises.

        While another fault holds the node, or has its power, nothing is to be seen yet: that is no failure.
        """
        if name in self._to_start:
            await self.begin(world, name)
        if name not in self._held:
            return self._ended.get(name, Proof(what=f"{name} had not been touched", shown=True))
        machine = world.machine(name)
        if name not in self._known and isinstance(machine, Kill):
            await machine.kill()  # the injection was cut short: half of the processes may be gone
        again = "" if await machine.alive() else " again"
        self._held.discard(name)
        self._to_start.add(name)
        started = await world.release(name)
        self._to_start.discard(name)
        if not started:
            proof = Proof(what=f"{name} let go; another fault still keeps it down", shown=True)
        else:
            pids = sorted(await machine.alive())
            what = (
                f"{name} runs{again}, {listing(pids)}" if pids else f"nothing runs on {name} after its start"
            )
            proof = Proof(what=what, shown=bool(pids))
        self._ended[name] = proof
        return proof


async def revive(world: World, name: str, *, on: str = "") -> Proof:
    """Start the system on a node where it has ended by itself; one that runs is left alone."""
    if await world.machine(name).alive():
        return Proof(what=f"{name} runs", shown=True)
    downtime = Downtime()
    await downtime.begin(world, name)
    downtime.down(name)
    proof = await downtime.end(world, name)
    return Proof(what=f"{proof.what}, on {on}", shown=proof.shown) if on else proof


def listing(pids: list[int]) -> str:
    """Return process ids in words, the first of many only."""
    shown = ", ".join(str(pid) for pid in pids[:5])
    more = f" and {len(pids) - 5} more" if len(pids) > 5 else ""
    return f"{'pids' if len(pids) > 1 else 'pid'} {shown}{more}"
