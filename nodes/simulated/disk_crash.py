"""All that a power cut can leave of a disk, one state after the other.

After Mohan and others 2018 (CrashMonkey) and Pillai and others 2014 (ALICE), but on a model of the disk instead
of a recording of one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nodes.simulated.disk import Disk
from nodes.simulated.disk_choices import Choices, Same, Seeded, every_way
from nodes.simulated.disk_file import File


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashStates:
    """What a power cut can leave of `disk`, which stays as it is; see `crash_states`."""

    disk: Disk
    total: int
    """How many ways there are; some may look the same."""
    limit: int
    seed: int

    @property
    def sampled(self) -> bool:
        """Whether there are more than `limit`, so that only a sample is gone through."""
        return self.total > self.limit

    def __iter__(self) -> Iterator[Disk]:
        """Yield each state, as a disk of its own; of a sample, first those with nothing and all kept."""
        if not self.sampled:
            yield from every_way(self._cut)
            return
        yield self._cut(Same(last=False))
        yield self._cut(Same(last=True))
        random = Seeded(self.seed)
        for _ in range(self.limit - 2):
            yield self._cut(random)

    def _cut(self, choices: Choices) -> Disk:
        disk = self.disk.copy(choices)
        disk.power_cut()
        return disk


def crash_states(disk: Disk, *, limit: int = 1000, seed: int = 1) -> CrashStates:
    """Return what a power cut could leave of `disk` now: every state, or `limit` (two at least) by `seed`."""
    assert limit >= 2, "a sample has its two extremes"
    return CrashStates(disk=disk, total=_count(disk), limit=limit, seed=seed)


def _count(disk: Disk) -> int:
    """Count the ways: for each beginning of the journal, the product over the files that it leaves."""
    total = 0
    states: dict[int, int] = {}
    names = dict(disk.names.durable)
    for change in ((), *disk.names.journal):
        for path, node in change:
            if node is None:
                names.pop(path, None)
            else:
                names[path] = node
        product = 1
        for node in names.values():
            if isinstance(node, File):
                if id(node) not in states:
                    states[id(node)] = node.states()
                product *= states[id(node)]
        total += product
    return total
