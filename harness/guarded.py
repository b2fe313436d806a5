"""A checker that fails is an error of its own, with its traceback; it hides nothing that others find."""

import gc
import traceback
from collections.abc import Callable

from harness import memory
from harness.checker import CheckResult, Finding
from harness.system import SettingError
from harness.verdict import Verdict


def guarded(
    name: str, check: Callable[[], CheckResult], *, memory_limit_mb: float | None = None
) -> CheckResult:
    """Return what a checker finds, or that it failed and how.

    One for which there is not enough memory (within `memory_limit_mb`, if there is such a limit) has found
    nothing: that is inconclusive. A setting that it does not know is the user's affair: SettingError.
    """
    try:
        return check()
    except SettingError:
        raise
    except Exception as error:
        if memory.ran_out(error):
            verdict, summary = Verdict.INCONCLUSIVE, memory.shortage(memory_limit_mb)
            lines: tuple[str, ...] = ()
        else:
            verdict, summary = Verdict.ERROR, f"the checker failed: {type(error).__name__}: {error}"
            lines = tuple(traceback.format_exc().splitlines())
    gc.collect()  # what it held is not taken from those that follow
    finding = Finding(verdict=verdict, title=summary, lines=lines)
    return CheckResult(checker=name, verdict=verdict, summary=summary, findings=(finding,))
