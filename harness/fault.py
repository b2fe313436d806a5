"""What a fault is to the engine: inject, evidence, heal, evidence."""

from collections.abc import Mapping
from typing import Any, Protocol

from harness.episode import Proof
from harness.machine import Cluster, Machine
from harness.system import System


class World(Protocol):
    """What a fault may touch: the cluster, the system on it, and the books of who holds a node down or still."""

    @property
    def cluster(self) -> Cluster:
        """The cluster of this run."""

    @property
    def system(self) -> System:
        """The system under test."""

    def machine(self, name: str) -> Machine:
        """Return a machine by name."""

    async def hold(self, name: str) -> None:
        """Say that a fault keeps the system on `name` down; call before taking it down."""

    async def release(self, name: str) -> bool:
        """Withdraw one `hold`; when it was the last, start the system, unless it runs, and return True."""

    async def pause(self, name: str, by: object) -> None:
        """Stop the processes on `name` in the name of `by`; the machine must have the ability `Pause`."""

    async def resume(self, name: str, by: object) -> bool:
        """Withdraw the `pause` of `by`; when nobody else has one, let the processes go on and return True."""


class Fault(Protocol):
    """One fault, for one episode.

    A fault class is called with its options (raises SettingError). Its entry point is in the group
    `acked.faults`. The engine registers `heal` as the undo before it calls `inject`, so `heal` must be right
    after an `inject` that failed half-way or was cancelled, and when called twice.
    """

    needs: tuple[type, ...]
    """The ability protocols of `harness.machine` (or `harness.system`) without which it can't work."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Take the options of a scenario's fault entry."""

    def target(self) -> str | None:
        """Return the role or the node that it aims at by default; None when it needs no target."""

    async def inject(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Break something on `targets` and return what was seen of it from outside the injector."""

    async def evidence(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Return proofs that can be had only just before healing (packets dropped meanwhile), if any."""

    async def heal(self, world: World, targets: tuple[str, ...]) -> tuple[Proof, ...]:
        """Undo it and return what was seen of that."""
