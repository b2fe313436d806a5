"""Whether transactions were strictly serializable: one after the other, each between its call and its return.

Judged are the lists of the run: appends and reads of the primary, alone or in transactions, whose values tell
who wrote what (`checkers.transactions`). What transactions do to other keys is left out: an anomaly among
the lists is one all the same. Where reads of the primary need not be linearizable, nothing is judged
(`checkers.evidence.excuses`). Without scipy, which is an extra, what is found without cycles stands, and otherwise
nothing is judged: a run asks for all checks that there are, not for this one.
"""

from typing import Any

from checkers.evidence.case import Case
from checkers.evidence.excuses import excuse
from checkers.evidence.keys import Part, parts, strangers
from checkers.transactions import READ, Builder, Result, Transactions, certificate, check
from checkers.transactions.components import available
from checkers.transactions.findings import findings, summary
from checkers.words import names
from harness.checker import CheckResult, RecordedRun
from harness.history import OK
from harness.verdict import Verdict


class Transactional:
    """Checks that transactions on lists are strictly serializable."""

    name = "transactions"

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge the run: two passes over the history, and O(n log n) in its micro-operations."""
        if run.left_down:
            return self._not_judged("the system is expected not to recover")
        if excused := excuse(Case(run)):
            return self._not_judged(excused)
        if unknown := strangers(run):
            return self._not_judged(f"nobody knows what {names(unknown)} did to which list")
        txns = _transactions(run)
        if not (txns.f[txns.outcome[txns.owner] == OK] == READ).any():
            return self._not_judged("no list was read")
        result = check(txns, "list-append")
        if result.verdict is Verdict.INCONCLUSIVE and not available():
            return self._not_judged(result.reason)
        return self._told(result)

    def _told(self, result: Result) -> CheckResult:
        violated = result.verdict is Verdict.VIOLATED
        return CheckResult(
            checker=self.name,
            verdict=result.verdict,
            summary=summary(result),
            findings=findings(result),
            figures={
                "transactions": result.transactions,
                "anomalies": {str(each.anomaly): each.count for each in result.found},
            },
            anomalies=result.anomalies,
            certificate=certificate(result) if violated else None,
        )

    def _not_judged(self, why: str) -> CheckResult:
        return CheckResult(checker=self.name, verdict=Verdict.HOLDS, summary=f"not judged: {why}")


def _transactions(run: RecordedRun) -> Transactions:
    others = {key for each in run.history for key, part in parts(each) if part.f not in ("read", "append")}
    builder = Builder()
    for operation in run.history:
        micro = [_micro(key, part) for key, part in parts(operation) if key not in others]
        if micro:
            builder.add(
                micro,
                id=operation.id,
                process=operation.process,
                call_ns=operation.call_ns,
                return_ns=operation.return_ns,
                outcome=operation.outcome,
            )
    return builder.build()


def _micro(key: str, part: Part) -> tuple[str, str, Any]:
    return (part.f, key, part.answer) if part.f == "read" else (part.f, key, part.args[0])
