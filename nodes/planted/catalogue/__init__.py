"""All planted bugs, by the way in which they lose acknowledged writes."""

from collections.abc import Mapping

from nodes.planted.bug import Bug
from nodes.planted.catalogue import (
    damaged_disk,
    degrading,
    durability,
    elections,
    exposure,
    leases,
    outcomes,
    power,
    recovery,
    snapshots,
    wrong_copy,
)

_FILES = (
    durability,
    wrong_copy,
    degrading,
    elections,
    leases,
    exposure,
    recovery,
    snapshots,
    outcomes,
    power,
    damaged_disk,
)

BUGS: Mapping[str, Bug] = {bug.name: bug for file in _FILES for bug in file.BUGS}
"""Each bug by its name."""
