"""Linearizability: each object behaves as if every operation on it happened at one instant within its interval.

The search itself, its models and its certificates are in `checkers.linearizability`; here a history's operations
are put into a model's words, and what was found into ours.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from checkers.histories.calls import (
    ASIDE,
    WORDS,
    MisshapenError,
    keyed_calls,
    model_for,
    plain_calls,
    whole_calls,
)
from checkers.linearizability import MODELS, Calls, Model, Result, check
from checkers.linearizability.findings import findings, linearizations, windows
from checkers.linearizability.model import Starting
from checkers.linearizability.models.words import shown
from harness.checker import CheckResult, Finding
from harness.columns.table import Table
from harness.history_checker import LINEARIZABLE, Request
from harness.options import Options
from harness.system import SettingError
from harness.verdict import Verdict
from harness.words import plural, tallied

PARTS_IN_ARGUMENTS = ("multi-register",)
"""The models whose objects are one, with parts that are named in the arguments."""


class Linearizable:
    """Checks every object of a history against a model, which the operations tell or the request names.

    Options: `failed_cas` (false): a compare-and-set that failed without an error shows that the value was
    another. Jepsen's clients fail it for that; others may fail it for any reason, and then it shows nothing.
    `orders` (false): certify what holds, too, by an order of each object's operations. `start`: what registers
    or counters begin as, where that is not what their model says.
    """

    name = "linearizable"
    levels = LINEARIZABLE

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, ("failed_cas", "orders", "start"))
        self._failed_cas = read.flag("failed_cas", False)
        self._orders = read.flag("orders", False)
        self._start = read.scalar("start")

    def fits(self, table: Table) -> bool:
        """Whether the operations tell the model."""
        return model_for(table) is not None

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge every object; raises SettingError for a model that there is not."""
        if request.own_model is not None:
            if request.own_model.name in MODELS:  # certificates would be of that one
                own = request.own_model.name
                raise SettingError("model", f"{own!r} is the name of a model that comes with Acked")
            return self._judged(self._begun(request.own_model), plain_calls(table), request)
        name = request.model or model_for(table)
        if name is None:
            return self._undecided("the operations do not tell what the objects are: name it with --model")
        if name not in MODELS:
            raise SettingError("model", f"there is no model {name!r}", tuple(MODELS))
        if len(table) and not table.called(*WORDS[name]).any():
            return self._undecided(f"there is no operation of a {name}")
        if unknown := table.others(*WORDS[name], *ASIDE):
            return self._undecided(_unknown(name, unknown))
        try:
            model = self._begun(MODELS[name])
            calls = self._calls(table, model)
        except MisshapenError as error:
            return self._undecided(f"{name}: {error}")
        result = self._judged(model, calls, request)
        aside = table.others(*WORDS[name])
        return (
            replace(result, summary=f"{result.summary}; passed over: {tallied(aside)}") if aside else result
        )

    def _begun(self, model: Model) -> Model:
        """Return the model of objects that begin as the options say."""
        if self._start is None:
            return model
        if not isinstance(model, Starting):
            raise SettingError("set linearizable.start", f"what a {model.name} begins as is no choice")
        try:
            return model.starting(self._start)
        except ValueError as error:
            raise SettingError("set linearizable.start", f"{error}, not {self._start!r}") from error

    def _calls(self, table: Table, model: Model) -> Calls:
        if model.name in PARTS_IN_ARGUMENTS:
            return whole_calls(table, model)
        return keyed_calls(table, model.name, failed_cas=self._failed_cas)

    def _judged(self, model: Model, calls: Calls, request: Request) -> CheckResult:
        if not len(calls):
            return self._undecided(f"there is no operation of a {model.name}")
        result = check(
            calls,
            model,
            time_limit_s=request.time_limit_s,
            memory_limit_mb=request.memory_limit_mb,
            # What a user's own file defines can't be sent to other processes.
            jobs=1 if request.own_model is not None else request.jobs,
        )
        bad = sum(each.verdict is Verdict.VIOLATED for each in result.objects)
        counted = f"{plural(len(calls), 'operation')} on {plural(len(result.objects), 'object')}"
        return CheckResult(
            checker=self.name,
            verdict=result.verdict,
            summary=f"{self._named(model)}: {counted}, {bad} not linearizable",
            findings=findings(result),
            figures={"objects": len(result.objects), "violated": bad, "steps": result.steps},
            anomalies=("not-linearizable",) if bad else (),
            certificate=self._certificate(result, calls),
        )

    def _named(self, model: Model) -> str:
        return model.name if self._start is None else f"{model.name}, begun as {shown(self._start)}"

    def _certificate(self, result: Result, calls: Calls) -> Mapping[str, Any] | None:
        if result.verdict is Verdict.VIOLATED:
            return windows(result)
        return linearizations(result.linearizations(calls)) if self._orders and result.objects else None

    def _undecided(self, why: str) -> CheckResult:
        finding = Finding(verdict=Verdict.INCONCLUSIVE, title=why)
        return CheckResult(checker=self.name, verdict=finding.verdict, summary=why, findings=(finding,))


def _unknown(model: str, counts: Mapping[str, int]) -> str:
    """Tell which operations a model does not know: what they did to its objects is anybody's guess."""
    total = plural(sum(counts.values()), "operation")
    return f"a {model} does not know {total}, which may have changed anything: {tallied(counts)}"
