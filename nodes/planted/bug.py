"""What a planted bug is: an edit of the store's source, and what is known of when it bites."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.contract import Mode

LOST_NAME = "lost-name"
"""A power cut that takes the new name of a file though another file was flushed since. Simulated disks do so; on
ext4 the flush of any new file makes all earlier names durable."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one module of `nodes.reference`: `before`, which must be there exactly once, becomes `after`."""

    module: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """In which scenarios a bug matters. What is not given is free: () for all modes, None for any number."""

    modes: tuple[Mode, ...] = ()
    nodes: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    workload: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A defect to plant.

    `way` is how acknowledged writes get lost by it, of the ten that are known from real systems:
    1 acknowledged before durable. 2 acknowledged from the wrong copy. 3 silent degrading. 4 the wrong node is
    promoted. 5 a stale primary goes on. 6 a waiting write is exposed. 7 recovery truncates or resyncs in the
    wrong direction. 8 the client misreads the outcome. 9 correlated power loss. 10 the disk lies.

    `summary` says what the store does wrong. `needs` are the names of faults that make it matter. `real` is
    True if faults that real machines have can show it, else the name of what it waits for: a fault, or LOST_NAME.
    """

    name: str
    way: int
    summary: str
    edits: tuple[Edit, ...]
    where: Where = field(default_factory=Where)
    needs: tuple[str, ...] = ()
    real: Literal[True] | str = True
