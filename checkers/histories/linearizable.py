"""Linearizability: each object behaves as if every operation on it happened at one instant within its interval.

The search itself, its models and its certificates are in `checkers.linearizability`; here a history's operations
are put into a model's words, and what was found into ours.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from checkers.histories.calls import WORDS, keyed_calls, model_for
from checkers.linearizability import MODELS, Result, Window, check
from harness.checker import CheckResult, Finding
from harness.columns.table import Table
from harness.history_checker import Request
from harness.options import Options
from harness.system import SettingError
from harness.verdict import Verdict
from harness.words import plural

STORIES = 5
"""How many objects are told of one by one."""


class Linearizable:
    """Checks every object of a history against a model, which the operations tell or `Request.model` names.

    Option: `failed_cas` (false): a compare-and-set that failed without an error shows that the value was another.
    Jepsen's clients fail it for that; others may fail it for any reason, and then it shows nothing.
    """

    name = "linearizable"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._failed_cas = Options(options, ("failed_cas",)).flag("failed_cas", False)

    def fits(self, table: Table) -> bool:
        """Whether the operations tell the model."""
        return model_for(table) is not None

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge every object; raises SettingError for a model that there is not."""
        name = request.model or model_for(table)
        if name is None:
            return self._undecided("the operations do not tell what the objects are: name it with --model")
        if name not in WORDS:
            raise SettingError("model", f"there is no model {name!r}", tuple(WORDS))
        calls = keyed_calls(table, name, failed_cas=self._failed_cas)
        if not len(calls):
            return self._undecided(f"there is no operation of a {name}")
        result = check(
            calls,
            MODELS[name],
            time_limit_s=request.time_limit_s,
            memory_limit_mb=request.memory_limit_mb,
            jobs=request.jobs,
        )
        bad = sum(each.verdict is Verdict.VIOLATED for each in result.objects)
        return CheckResult(
            checker=self.name,
            verdict=result.verdict,
            summary=f"{name}: {plural(len(calls), 'operation')} on {plural(len(result.objects), 'object')}, "
            f"{bad} not linearizable",
            findings=_findings(result),
            figures={"objects": len(result.objects), "violated": bad, "steps": result.steps},
            anomalies=("not-linearizable",) if bad else (),
            certificate=_certificate(result) if bad else None,
        )

    def _undecided(self, why: str) -> CheckResult:
        finding = Finding(verdict=Verdict.INCONCLUSIVE, title=why)
        return CheckResult(checker=self.name, verdict=finding.verdict, summary=why, findings=(finding,))


def _findings(result: Result) -> tuple[Finding, ...]:
    told = tuple(_told(window) for window in result.windows[:STORIES])
    undecided = tuple(Finding(verdict=Verdict.INCONCLUSIVE, title=reason) for reason in result.reasons)
    return (*told, *undecided)


def _told(window: Window) -> Finding:
    entry = "any state" if window.any_state else " or ".join(window.entry_texts)
    lines = [f"before: {entry}"]
    for each in window.required:
        lines.append(f"operation {each.id} of process {each.process}: {each.text}")
        lines.extend((f"  {each.story}",) if each.story else ())
    where = "" if window.key is None else f" on {window.key}"
    title = f"no order of {plural(len(window.required), 'operation')}{where} is possible"
    return Finding(verdict=Verdict.VIOLATED, title=title, lines=tuple(lines))


def _certificate(result: Result) -> Mapping[str, Any]:
    return {"kind": "window", "windows": [msgspec.to_builtins(window) for window in result.windows]}
