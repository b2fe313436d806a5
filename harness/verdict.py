"""The four verdicts and the one rule by which they merge."""

import enum
from collections.abc import Iterable


class Verdict(enum.StrEnum):
    """What a check, a cell or a whole run concludes."""

    HOLDS = "holds"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    VIOLATED = "violated"


class ExitCode(enum.IntEnum):
    """What the process tells its caller; scripts rely on these numbers."""

    HOLDS = 0
    VIOLATED = 1
    INCONCLUSIVE = 2
    ERROR = 3
    USAGE = 64
    INTERRUPTED = 130


_RANK = {Verdict.HOLDS: 0, Verdict.INCONCLUSIVE: 1, Verdict.ERROR: 2, Verdict.VIOLATED: 3}
_EXIT = {
    Verdict.HOLDS: ExitCode.HOLDS,
    Verdict.VIOLATED: ExitCode.VIOLATED,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Verdict.ERROR: ExitCode.ERROR,
}


def merge(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of a whole from those of its parts.

    A violation is a fact that nothing else in the run can undo, so it outranks everything; a harness error
    comes next, because what it hid is unknown. Nothing at all proves nothing: `inconclusive`.
    """
    return max(verdicts, key=_RANK.__getitem__, default=Verdict.INCONCLUSIVE)


def exit_code(verdict: Verdict, *, interrupted: bool = False) -> ExitCode:
    """Return the exit code of a verdict; an interrupt shows unless something was violated."""
    if interrupted and verdict is not Verdict.VIOLATED:
        return ExitCode.INTERRUPTED
    return _EXIT[verdict]
