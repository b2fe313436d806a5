"""A checker that fails is an error of its own, with its traceback; it hides nothing that others find."""

import traceback
from collections.abc import Callable

from harness.checker import CheckResult, Finding
from harness.system import SettingError
from harness.verdict import Verdict


def guarded(name: str, check: Callable[[], CheckResult]) -> CheckResult:
    """Return what a checker finds, or that it failed and how.

    One for which there is not enough memory has found nothing: that is inconclusive. A setting that it does not
    know is the user's affair: SettingError.
    """
    try:
        return check()
    except SettingError:
        raise
    except MemoryError as error:
        verdict, summary = Verdict.INCONCLUSIVE, f"not enough memory: {error}"
        lines: tuple[str, ...] = ()
    except Exception as error:
        verdict, summary = Verdict.ERROR, f"the checker failed: {type(error).__name__}: {error}"
        lines = tuple(traceback.format_exc().splitlines())
    finding = Finding(verdict=verdict, title=summary, lines=lines)
    return CheckResult(checker=name, verdict=verdict, summary=summary, findings=(finding,))
