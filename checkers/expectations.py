"""What a scenario expects to see, by name: beyond what any run is judged for.

A scenario exists to show something. If it does not show (no write was lost although the scenario is there to
lose some), the run proves nothing about it and is `inconclusive`; if a promise is broken, it is `violated`.

| name | values | met when | otherwise |
| --- | --- | --- | --- |
| loss | shown | an acknowledged write was lost, and that is permitted | inconclusive |
| | none | none was lost, permitted or not | violated |
| | any | always: losses are judged by the contract alone | |
| suffix | shown | an epoch lost its last entries, and only those | inconclusive; a hole: violated |
| degraded | shown, none | a write was (none was) acknowledged as degraded | inconclusive; violated |
| blocked | an episode | no write called during it was acknowledged before its end | violated |
| flowing | an episode | writes called during it were acknowledged before its end | violated |
| refused | shown | a node that would become primary had to wait, during a fault | inconclusive |
| failover | shown, none | another node became (none became) the primary | inconclusive; violated |
| truncated | shown | a node cut a divergent suffix off its log | inconclusive |
| unapplied | shown | a node crashed with entries that it had not applied | inconclusive |
| unflushed | shown | a node lost power with entries in memory only | inconclusive |
| phantoms | shown, none | a read showed (none showed) what did not last | inconclusive; violated |
| latency | during, ratio_at_least | the median of writes rose by this factor | inconclusive |
| | during, ratio_at_most | it rose by no more than this factor | violated |
| fenced | shown | a former primary came back and acknowledged nothing in vain | inconclusive; violated |
| recovered | yes, no | the system did (did not) acknowledge writes after the last heal | violated |

An episode is named by the scenario's `as`, or by its fault. `blocked` and `flowing` count from `GRACE_S` after
the fault struck, or from another time: {during: cut, after_s: 1}. Whatever the nodes must report is
`inconclusive` for systems that do not, and so is `recovered` for runs that ended before it was known.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from checkers.evidence.case import Case
from checkers.evidence.holders import count_copies
from checkers.expected import observations, windows
from checkers.expected.answers import Answer, broken, met, not_shown
from checkers.expected.fencing import fenced
from checkers.rulings.story import LOST
from harness.checker import CheckResult, Finding, RecordedRun
from harness.system import SettingError
from harness.verdict import Verdict, merge
from harness.words import plural

GRACE_S = 0.25
"""How long after a fault struck `blocked` and `flowing` begin to count, unless they say otherwise."""

Results = Sequence[CheckResult]


class Expectation(Struct, frozen=True, kw_only=True):
    """One name: a reader of its values that raises SettingError, and how what was read is answered."""

    read: Callable[[str, Any], Any]
    answer: Callable[[Any, RecordedRun, Results], Answer]


class During(Struct, frozen=True, kw_only=True):
    """The value of `blocked` and `flowing`: an episode, and from when on it counts."""

    episode: str
    after_s: float = GRACE_S


class Ratio(Struct, frozen=True, kw_only=True):
    """The value of `latency`: an episode and a bound."""

    episode: str
    at_least: float | None = None
    at_most: float | None = None


def validate(expect: Mapping[str, Any]) -> None:
    """Raise SettingError for a name or a value that is not in the table."""
    for name, value in expect.items():
        if name not in _TABLE:
            raise SettingError(str(name), f"unknown expectation {name!r}", tuple(_TABLE))
        _TABLE[name].read(name, value)


def recovery_expected(expect: Mapping[str, Any]) -> bool:
    """Tell whether the system is expected to acknowledge writes in the end, as it is unless `expect` denies it."""
    return expect.get("recovered") not in (False, "no")


def check(expect: Mapping[str, Any], run: RecordedRun, results: Sequence[CheckResult]) -> CheckResult:
    """Judge a run by a scenario's expectations; `results` are those of the other checkers."""
    validate(expect)
    answers = {
        name: _TABLE[name].answer(_TABLE[name].read(name, value), run, results)
        for name, value in expect.items()
    }
    as_expected = sum(answer.verdict is Verdict.HOLDS for answer in answers.values())
    return CheckResult(
        checker="expectations",
        verdict=merge((Verdict.HOLDS, *(answer.verdict for answer in answers.values()))),
        summary=f"{as_expected} of {plural(len(answers), 'expectation')} met",
        findings=tuple(
            Finding(verdict=answer.verdict, title=f"{name}: {answer.seen}", lines=answer.lines)
            for name, answer in answers.items()
        ),
        figures={figure: value for answer in answers.values() for figure, value in answer.figures.items()},
    )


def _word(*words: str) -> Callable[[str, Any], str]:
    """Return a reader of one of these words."""

    def read(name: str, value: Any) -> str:
        if value not in words:
            raise SettingError(name, f"{name} does not know {value!r}", words)
        return str(value)

    return read


def _flag(name: str, value: Any) -> bool:
    """Read yes or no, which YAML may already have turned into a truth value."""
    if value not in (True, False, "yes", "no"):
        raise SettingError(name, f"{name} does not know {value!r}", ("yes", "no"))
    return value in (True, "yes")


def _during(name: str, value: Any) -> During:
    fields = _fields(name, value if isinstance(value, Mapping) else {"during": value}, ("during", "after_s"))
    return During(episode=_episode(name, fields), after_s=_number(name, fields, "after_s", GRACE_S))


def _ratio(name: str, value: Any) -> Ratio:
    if not isinstance(value, Mapping):
        raise SettingError(name, f"{name} is written {{during: an episode, ratio_at_least: a number}}")
    fields = _fields(name, value, ("during", "ratio_at_least", "ratio_at_most"))
    if len(fields) != 2 or "during" not in fields:
        raise SettingError(name, f"{name} needs during, and one of ratio_at_least and ratio_at_most")
    return Ratio(
        episode=_episode(name, fields),
        at_least=_number(name, fields, "ratio_at_least", None),
        at_most=_number(name, fields, "ratio_at_most", None),
    )


def _fields(name: str, value: Mapping[str, Any], allowed: tuple[str, ...]) -> Mapping[str, Any]:
    for field in value:
        if field not in allowed:
            raise SettingError(f"{name}.{field}", f"unknown field {field!r}", allowed)
    return value


def _episode(name: str, fields: Mapping[str, Any]) -> str:
    episode = fields.get("during")
    if not isinstance(episode, str) or not episode:
        raise SettingError(name, f"{name} needs the name of an episode or of a fault, not {episode!r}")
    return episode


def _number(name: str, fields: Mapping[str, Any], field: str, default: Any) -> Any:
    value = fields.get(field, default)
    if field in fields and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
        raise SettingError(f"{name}.{field}", f"{field} is a number from 0 on, not {value!r}")
    return value


def _figure(results: Results, checker: str, figure: str) -> int | None:
    """Return a figure of another checker; None if it did not come to one."""
    for result in results:
        if result.checker == checker and figure in result.figures:
            return int(result.figures[figure])
    return None


def _loss(word: str, run: RecordedRun, results: Results) -> Answer:
    lost, permitted = (_figure(results, "durability", figure) for figure in ("lost", "permitted"))
    if lost is None:
        return not_shown("losses were not counted")
    told = f"{plural(lost, 'acknowledged write')} lost, {permitted} of them permitted"
    if word == "shown" and not permitted:
        return not_shown("the loss that this scenario provokes was not seen")
    if word == "none" and lost:
        stories = [finding for result in results for finding in result.findings if LOST in finding.title]
        lines = [line for story in stories[:1] for line in (story.title, *story.lines)]
        return broken(f"{told}, and none is expected", *lines)
    return met(told)


def _suffix(_: str, run: RecordedRun, results: Results) -> Answer:
    case = Case(run)
    ledger = case.ledger
    judged = count_copies(case).judged & ledger.covered
    survived, lost = (
        ledger.last_offsets(judged & case.survived),
        ledger.first_offsets(judged & ~ledger.present),
    )
    if not lost:
        return not_shown("no write with a known log entry was lost")
    for epoch, first in lost.items():
        last = survived.get(epoch)
        if last is not None and last > first:
            return broken(f"offset {first} of epoch {epoch} was lost, and {last} survived")
    proper = [epoch for epoch in lost if epoch in survived]
    if not proper:
        return not_shown("of the epochs that lost writes, none survived in part")
    epoch = proper[0]
    return met(f"epoch {epoch} survived up to offset {survived[epoch]} and was lost from {lost[epoch]} on")


def _counted(
    word: str, run: RecordedRun, results: Results, *, what: str, checker: str, figure: str
) -> Answer:
    """Answer `shown` and `none` from another checker's figure."""
    count = _figure(results, checker, figure)
    if count is None:
        return not_shown(f"{figure} were not counted")
    told = plural(count, what)
    if word == "shown":
        return met(told) if count else not_shown(told)
    return broken(f"{told}, and none is expected") if count else met(told)


def _recovered(expected: bool, run: RecordedRun, results: Results) -> Answer:
    if run.recovered is None:
        return not_shown("the run ended before it was known whether the system recovers")
    begun = [one for one in run.episodes if one.injected_ns is not None or one.healing_ns is not None]
    unhealed = [episode.fault for episode in begun if episode.until_ns is None]
    if not run.recovered and unhealed:
        return not_shown(f"no write was acknowledged, but {unhealed[0]} was never healed")
    told = "writes were acknowledged" if run.recovered else "no write was acknowledged"
    answer = met if run.recovered is expected else broken
    return answer(f"{told} after the last heal")


_SHOWN, _SHOWN_OR_NONE = _word("shown"), _word("shown", "none")


def _observed(observe: Callable[[RecordedRun], Answer]) -> Expectation:
    return Expectation(read=_SHOWN, answer=lambda _, run, __: observe(run))


_TABLE: Mapping[str, Expectation] = {
    "loss": Expectation(read=_word("shown", "none", "any"), answer=_loss),
    "suffix": Expectation(read=_SHOWN, answer=_suffix),
    "degraded": Expectation(
        read=_SHOWN_OR_NONE,
        answer=partial(_counted, what="degraded acknowledgement", checker="durability", figure="degraded"),
    ),
    "blocked": Expectation(
        read=_during,
        answer=lambda value, run, _: windows.blocked(run, value.episode, grace_s=value.after_s),
    ),
    "flowing": Expectation(
        read=_during,
        answer=lambda value, run, _: windows.flowing(run, value.episode, grace_s=value.after_s),
    ),
    "refused": _observed(observations.refused),
    "failover": Expectation(
        read=_SHOWN_OR_NONE,
        answer=lambda word, run, _: observations.failover(run, expected=word == "shown"),
    ),
    "truncated": _observed(observations.truncated),
    "unapplied": _observed(observations.unapplied),
    "unflushed": _observed(observations.unflushed),
    "phantoms": Expectation(
        read=_SHOWN_OR_NONE, answer=partial(_counted, what="phantom", checker="phantom", figure="phantoms")
    ),
    "latency": Expectation(
        read=_ratio,
        answer=lambda value, run, _: windows.latency(
            run, value.episode, at_least=value.at_least, at_most=value.at_most
        ),
    ),
    "fenced": _observed(fenced),
    "recovered": Expectation(read=_flag, answer=_recovered),
}
