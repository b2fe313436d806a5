"""From what a user names to what a search is about: modes, faults, and the planted bug that is looked for."""

import difflib
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from harness.campaign import exhaust
from harness.campaign.draw import Aim
from harness.campaign.plan import KINDS
from harness.contract import Mode
from harness.errors import UsageError
from harness.schema import LEAST_NODES
from nodes.planted import BUGS, Bug

MOST_NAMES = 20
"""Of how many names all are listed where one is wrong; of more the `NEAREST`."""
NEAREST = 6


def aim(
    *,
    modes: Sequence[str] = (),
    faults: Sequence[str] = (),
    nodes: int | None = None,
    bug: str | None = None,
    every_crash: bool = False,
) -> Aim:
    """Return the aim for what was named; raises UsageError for names that there are none of.

    With a bug it is the bug's own aim, except for what is named. For every crash, faults are those which crash.
    """
    kinds = exhaust.FAULTS if every_crash else tuple(KINDS)
    named = tuple(
        one_of(name, kinds, "--every-crash: --fault" if every_crash else "--fault") for name in faults
    )
    base = Aim() if bug is None else planted(of(bug))
    wanted = tuple(Mode(one_of(name, tuple(Mode), "--mode")) for name in modes) or base.modes
    for mode in wanted or tuple(Mode):
        least, why = LEAST_NODES.get(mode, (1, ""))
        if nodes is not None and nodes < least:
            raise UsageError(f"--nodes {nodes}: too few for {mode}, which needs at least {least}, {why}")
    return replace(
        base,
        modes=wanted,
        faults=named or (() if every_crash else base.faults),
        nodes=base.nodes if nodes is None else nodes,
        every_crash=every_crash,
    )


def planted(bug: Bug) -> Aim:
    """Return the aim that fits a planted bug: where it matters, struck by the faults that it needs."""
    return Aim(
        modes=bug.where.modes,
        faults=tuple(name for name in bug.needs if name in KINDS),
        nodes=bug.where.nodes,
        settings={**bug.where.settings, "bug": bug.name},
        workload=bug.where.workload,
    )


def of(name: str) -> Bug:
    """Return the planted bug that is called so; raises UsageError when there is none."""
    return BUGS[one_of(name, tuple(BUGS), "--bug")]


def one_of(name: str, names: Iterable[str], option: str) -> str:
    """Return the name if it is one of these; raises UsageError, with the nearest, for one that is not."""
    if name in (names := tuple(names)):
        return name
    nearest = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    known = f"there are: {', '.join(names)}"
    if len(names) > MOST_NAMES:
        some = difflib.get_close_matches(name, names, n=NEAREST, cutoff=0.0)
        known = f"the nearest of {len(names)} are: {', '.join(some)}"
    raise UsageError(f"{option} {name}: there is none of this name ({known}){hint}")
