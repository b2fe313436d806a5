"""A checker that fails is an error of its own, with its traceback; it hides nothing that others find."""

import errno
import gc
import traceback
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool

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
    except Exception as error:
        if ran_out(error):
            result = out_of_memory(name, error)
        else:
            summary = f"the checker failed: {type(error).__name__}: {error}"
            lines = tuple(traceback.format_exc().splitlines())
            finding = Finding(verdict=Verdict.ERROR, title=summary, lines=lines)
            result = CheckResult(checker=name, verdict=finding.verdict, summary=summary, findings=(finding,))
    gc.collect()  # what a checker that failed held is not taken from those that follow
    return result


def ran_out(error: BaseException) -> bool:
    """Tell whether an error means that there was not enough memory, for us or for a process that we started."""
    match error:
        case MemoryError() | BrokenProcessPool():
            return True
        case OSError():
            return error.errno == errno.ENOMEM
        case RuntimeError():
            return "can't start new thread" in str(error)
    return False


def out_of_memory(name: str, error: BaseException) -> CheckResult:
    """Return what a check comes to for which there was not enough memory."""
    summary = f"not enough memory{f': {error}' if str(error) else ''}"
    finding = Finding(verdict=Verdict.INCONCLUSIVE, title=summary)
    return CheckResult(checker=name, verdict=finding.verdict, summary=summary, findings=(finding,))
