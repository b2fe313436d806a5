"""From a history to its verdict: which checkers are for it, what each finds, and what that comes to."""

import difflib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness import memory, plugins
from harness.checker import CheckResult, Finding
from harness.columns.table import Table
from harness.errors import UsageError
from harness.guarded import guarded
from harness.history import OK
from harness.history_checker import HistoryChecker, Knowing, Levelled, Request
from harness.system import SettingError
from harness.verdict import Verdict, merge
from harness.words import tallied

CHECKERS = "acked.history_checkers"
MEASURES = "acked.history_measures"
"""What is told of every history, and by itself proves nothing."""

CHOICE = "choice"
"""The check that says that no checker is for this history."""

Watch = Callable[[str], None]
"""Told the name of each checker before it begins."""


class Judgement(Struct, frozen=True, kw_only=True):
    """What a history comes to. `chosen` are the checkers that were chosen by its operations, if none was named."""

    verdict: Verdict
    operations: int
    checks: tuple[CheckResult, ...]
    chosen: tuple[str, ...] = ()

    @property
    def anomalies(self) -> tuple[str, ...]:
        """The names of all that is amiss, each once."""
        return tuple(dict.fromkeys(name for check in self.checks for name in check.anomalies))

    def with_check(self, check: CheckResult) -> "Judgement":
        """Return the judgement with one check more."""
        return replace(self, checks=(*self.checks, check), verdict=merge((self.verdict, check.verdict)))


def checkers(names: Sequence[str], options: Mapping[str, Mapping[str, Any]]) -> tuple[HistoryChecker, ...]:
    """Return the checkers called so, with their options; all that there are, and no measures, for no names.

    Raises UsageError for a name or an option that there is not.
    """
    wanted = tuple(names) or plugins.installed(CHECKERS)
    for name in options:
        if name not in (*wanted, *plugins.installed(MEASURES)):
            raise UsageError(f"--set {name}.…: no checker of that name is asked for")
    return tuple(_made(name, options.get(name, {})) for name in wanted)


def refuse_unknown_level(name: str | None, asked: Sequence[HistoryChecker]) -> None:
    """Raise UsageError, which lists what there is, for a consistency model that none of these checkers knows."""
    known = dict.fromkeys(level for each in asked if isinstance(each, Levelled) for level in each.levels)
    if name is not None and name not in known:
        listing = ", ".join(known) or "none by these checkers"
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise UsageError(f"--consistency: there is no model {name!r}; allowed: {listing}{hint}")


def measures(options: Mapping[str, Mapping[str, Any]]) -> tuple[HistoryChecker, ...]:
    """Return what is told of every history."""
    return tuple(_made(name, options.get(name, {})) for name in plugins.installed(MEASURES))


def judge(
    table: Table,
    request: Request,
    *,
    named: Sequence[HistoryChecker] = (),
    available: Sequence[HistoryChecker] = (),
    measures: Sequence[HistoryChecker] = (),
    watch: Watch = lambda _: None,
) -> Judgement:
    """Judge a history by the `named` checkers, or by those of the `available` ones that are for its operations.

    A history without an acknowledged operation proves nothing, and neither does one that no checker is for: both
    are inconclusive. The limits are for all checkers together, and what holds the history counts as well.
    Raises UsageError for a request that a checker does not know.
    """
    began = time.monotonic()
    checks: list[CheckResult] = []
    chosen = () if named else tuple(each for each in available if _fits(each, table))
    for checker in (*(named or chosen), *(each for each in measures if _fits(each, table))):
        if any(checker.name == done.checker for done in checks):
            continue
        watch(checker.name)
        left = request
        if request.time_limit_s is not None:
            spent = time.monotonic() - began
            left = replace(request, time_limit_s=max(0.0, request.time_limit_s - spent))
        if request.memory_limit_mb is not None:
            left = replace(left, memory_limit_mb=max(1, request.memory_limit_mb - memory.used_mb()))
        try:
            found = guarded(checker.name, partial(checker.check, table, left))
            checks.append(_with_passed_over(found, checker, table))
        except SettingError as error:
            raise _refused(f"--{error.field}", error) from error
    if not named and not chosen:
        checks.insert(0, _nobody(table))
    if not (table.outcome == OK).any():
        checks = [_proves_nothing(check) for check in checks]
    return Judgement(
        verdict=merge(check.verdict for check in checks),
        operations=len(table),
        checks=tuple(checks),
        chosen=tuple(each.name for each in chosen),
    )


def _made(name: str, options: Mapping[str, Any]) -> HistoryChecker:
    group = MEASURES if name in plugins.installed(MEASURES) else CHECKERS
    try:
        made: HistoryChecker = plugins.make(group, name, HistoryChecker, options)
    except SettingError as error:
        raise _refused(f"--set {name}.{error.field}", error) from error
    return made


def _refused(option: str, error: SettingError) -> UsageError:
    allowed = f"; allowed: {', '.join(error.allowed)}" if error.allowed else ""
    return UsageError(f"{option}: {error}{allowed}")


def _fits(checker: HistoryChecker, table: Table) -> bool:
    """Whether a checker is for a history; one that fails to tell is asked, and fails with a traceback."""
    try:
        return checker.fits(table)
    except Exception:
        return True


def _with_passed_over(check: CheckResult, checker: HistoryChecker, table: Table) -> CheckResult:
    """Return a check that says which operations it left out: whether they matter is for who made the history."""
    others = table.others(*checker.knows) if isinstance(checker, Knowing) else {}
    if not others:
        return check
    return replace(check, summary=f"{check.summary}; passed over: {tallied(others)}")


def _nobody(table: Table) -> CheckResult:
    names = ", ".join(sorted(table.names)) or "none"
    title = f"no checker is known for these operations ({names}): name one with --checker or --model"
    finding = Finding(verdict=Verdict.INCONCLUSIVE, title=title)
    return CheckResult(checker=CHOICE, verdict=finding.verdict, summary=title, findings=(finding,))


def _proves_nothing(check: CheckResult) -> CheckResult:
    return replace(check, verdict=merge((check.verdict, Verdict.INCONCLUSIVE)))
