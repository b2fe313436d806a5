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
        return out_of_memory(name, error)
    except Exception as error:
        summary = f"the checker failed: {type(error).__name__}: {error}"
        lines = tuple(traceback.format_exc().splitlines())
        finding = Finding(verdict=Verdict.ERROR, title=summary, lines=lines)
    return CheckResult(checker=name, verdict=finding.verdict, summary=summary, findings=(finding,))


def out_of_memory(name: str, error: MemoryError) -> CheckResult:
    """Return what a check comes to for which there was not enough memory."""
    summary = f"not enough memory{f': {error}' if str(error) else ''}"
    finding = Finding(verdict=Verdict.INCONCLUSIVE, title=summary)
    return CheckResult(checker=name, verdict=finding.verdict, summary=summary, findings=(finding,))
