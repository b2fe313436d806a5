"""Whether every key behaved as one copy: what the primary answered can be put into one order for each key.

Judged are the keys that somebody read: lists, sets, and registers with compare-and-set, each against its model in
`checkers.linearizability`. What a transaction does to a key happens there at one instant. Reads of named nodes
may be stale and are left out. Where reads of the primary need not be linearizable, nothing is judged
(`checkers.evidence.excuses`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from checkers.evidence.case import Case
from checkers.evidence.excuses import excuse
from checkers.evidence.keys import Done, keys, model_of, strangers
from checkers.linearizability import MODELS, UNKNOWN, Calls, CallsBuilder, Model, Result, check
from checkers.linearizability.composed import TOGETHER, Composed
from checkers.linearizability.findings import findings, linearizations, windows
from checkers.words import names
from harness.checker import CheckResult, RecordedRun
from harness.verdict import Verdict, merge
from harness.words import plural

SEARCH_MB = 2_000
"""How much a search may hold where there is no other limit."""

Group = tuple[Calls, Result]


class Linearizable:
    """Checks that each key is linearizable, within the limits of the run's check."""

    name = "linearizable"

    def check(self, run: RecordedRun) -> CheckResult:
        """Judge every key that was read: one pass over the history, and a search for each of these keys."""
        if run.left_down:
            return self._not_judged("the system is expected not to recover")
        if excused := excuse(Case(run)):
            return self._not_judged(excused)
        if unknown := strangers(run):
            return self._not_judged(f"no model knows {names(unknown)}")
        read = {key: done for key, done in keys(run).items() if any(each.observes for each in done)}
        groups = [self._checked(run, model, those) for model, those in _by_model(read)]
        if not groups:
            return self._not_judged("no key was read that is a list, a set or a register")
        results = [result for _, result in groups]
        objects = [each for result in results for each in result.objects]
        bad = sum(each.verdict is Verdict.VIOLATED for each in objects)
        operations = sum(len(calls) for calls, _ in groups)
        verdict = merge(result.verdict for result in results)
        return CheckResult(
            checker=self.name,
            verdict=verdict,
            summary=f"{plural(operations, 'operation')} on {plural(len(objects), 'key')} that "
            f"{'was' if len(objects) == 1 else 'were'} read: {bad} not linearizable",
            findings=findings(*results),
            figures={"keys": len(objects), "not_judged": len(read) - len(objects), "violated": bad},
            anomalies=("not-linearizable",) if bad else (),
            certificate=windows(*results) if bad else _orders(groups),
        )

    def _checked(self, run: RecordedRun, model: Model, those: Mapping[str, Sequence[Done]]) -> Group:
        calls = _calls(those)
        return calls, check(
            calls,
            model,
            time_limit_s=run.limits.time_limit_s,
            memory_limit_mb=run.limits.memory_limit_mb or SEARCH_MB,
        )

    def _not_judged(self, why: str) -> CheckResult:
        return CheckResult(checker=self.name, verdict=Verdict.HOLDS, summary=f"not judged: {why}")


def _by_model(read: Mapping[str, Sequence[Done]]) -> Iterable[tuple[Model, Mapping[str, Sequence[Done]]]]:
    """Yield the keys of each model; those that transactions touch more than once need more of a model."""
    groups: dict[tuple[str, bool], dict[str, Sequence[Done]]] = {}
    for key, done in read.items():
        model = model_of(done)
        if model is not None:
            together = any(len(each.parts) > 1 for each in done)
            groups.setdefault((model, together), {})[key] = done
    for (model, together), those in groups.items():
        yield Composed(MODELS[model]) if together else MODELS[model], those


def _calls(those: Mapping[str, Sequence[Done]]) -> Calls:
    builder = CallsBuilder()
    for key, done in those.items():
        for each in done:
            f, args, answer = _call(each)
            builder.add(
                id=each.operation.id,
                f=f,
                args=args,
                result=answer if each.known else UNKNOWN,
                call_ns=each.operation.call_ns,
                return_ns=each.operation.return_ns if each.known else None,
                key=key,
                process=each.operation.process,
            )
    return builder.build()


def _call(done: Done) -> tuple[str, tuple[Any, ...], Any]:
    """Return what was done as a model reads it; what is merely done has no answer."""
    if len(done.parts) == 1:
        part = done.parts[0]
        return part.f, part.args, _answer(part.f, part.answer)
    parts = tuple((part.f, part.args) for part in done.parts)
    return TOGETHER, (parts,), tuple(_answer(part.f, part.answer) for part in done.parts)


def _answer(f: str, answer: Any) -> Any:
    return answer if f in ("read", "cas") else None


def _orders(groups: Iterable[Group]) -> Mapping[str, Any] | None:
    found = [order for calls, result in groups for order in result.linearizations(calls)]
    return linearizations(found) if found else None
