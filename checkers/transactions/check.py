"""From transactions to a verdict: what is wrong, which consistency models that rules out, and which may hold."""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from checkers.transactions.anomalies import Anomaly
from checkers.transactions.columns import READ, Transactions
from checkers.transactions.cycles import Cycle, cycles
from checkers.transactions.dependencies import Analysis, Cases
from checkers.transactions.explanation import Story, explained
from checkers.transactions.fans import merged
from checkers.transactions.list_append import ListAppend
from checkers.transactions.models import MODELS, canonical, ruled_out, strongest, weakest
from checkers.transactions.orders import by_process, by_realtime
from checkers.transactions.registers import Inferences
from checkers.transactions.rw_register import RwRegister
from harness.errors import MissingError
from harness.history import OK
from harness.verdict import Verdict

STRICTEST = "strict-serializable"
"""What is asked for when nothing is: it forbids everything."""

EFFORT = 20_000_000
"""How many edges may be followed in search of short cycles: about ten seconds."""

STORIES = 10
"""How many cycles of one anomaly are told."""


_GRAVEST_FIRST = tuple(Anomaly)


class Found(Struct, frozen=True, kw_only=True):
    """An anomaly: how many there are, and some of them told."""

    anomaly: Anomaly
    count: int
    stories: tuple[Story, ...]


class Result(Struct, frozen=True, kw_only=True):
    """What a history of transactions comes to.

    The verdict is on the `consistency` that was asked for. `violated` are the weakest models that can't hold,
    `also_violated` all that imply them, `may_hold` the strongest that nothing speaks against. `reason` is why
    the verdict is inconclusive.
    """

    workload: str
    consistency: str
    verdict: Verdict
    found: tuple[Found, ...]
    violated: tuple[str, ...]
    also_violated: tuple[str, ...]
    may_hold: tuple[str, ...]
    transactions: int
    acknowledged: int
    infer: Inferences
    reason: str = ""

    @property
    def anomalies(self) -> tuple[str, ...]:
        """The names of what was found."""
        return tuple(str(each.anomaly) for each in self.found)


def check(
    txns: Transactions,
    workload: str = "list-append",
    *,
    consistency: str = STRICTEST,
    infer: Inferences | None = None,
    effort: int = EFFORT,
) -> Result:
    """Judge transactions on lists (`list-append`) or registers (`rw-register`).

    `infer` says what is taken for granted of registers. Raises KeyError for an unknown workload or
    consistency model. O(n log n) in micro-operations and elements that were read, plus the search of cycles, in
    which at most `effort` edges are followed; if that is not enough, or memory is not, or scipy is not there,
    what is found is right, but it may not be all: a model of which nothing is found is then not said to hold.
    """
    asked, infer = canonical(consistency), infer or Inferences()
    analysis = analysed(txns, workload, infer)
    found: list[Found] = []
    try:
        for each in _told(analysis.cases(), analysis):
            found.append(each)  # one by one, so that an error leaves what came before it
        rounds, complete = all_cycles(analysis, effort)
        found += _of_cycles(rounds, analysis)
        unsearched = "" if complete else "there are too many cycles to search them all"
    except MemoryError as error:  # what was found so far stands
        unsearched = f"not enough memory to search for cycles{f': {error}' if str(error) else ''}"
    except MissingError as error:
        unsearched = str(error)
    impossible = ruled_out(each.anomaly for each in found)
    reason = _doubt(analysis) or unsearched
    verdict = Verdict.INCONCLUSIVE if reason else Verdict.HOLDS
    least = weakest(impossible)
    return Result(
        workload=workload,
        consistency=asked,
        verdict=Verdict.VIOLATED if asked in impossible else verdict,
        found=tuple(sorted(found, key=lambda each: _GRAVEST_FIRST.index(each.anomaly))),
        violated=least,
        also_violated=tuple(each for each in impossible if each not in least),
        may_hold=strongest(each for each in MODELS if each not in impossible),
        transactions=len(txns),
        acknowledged=int(np.count_nonzero(txns.outcome == OK)),
        infer=infer,
        reason=reason,
    )


def analysed(txns: Transactions, workload: str, infer: Inferences) -> Analysis:
    """Return what the operations of a workload tell; raises KeyError for an unknown one."""
    match workload:
        case "list-append":
            return ListAppend(txns)
        case "rw-register":
            return RwRegister(txns, infer)
    raise KeyError(workload)


def all_cycles(analysis: Analysis, effort: int = EFFORT) -> tuple[list[Cycle], bool]:
    """Return the cycles of all orders, and whether the search was complete."""
    data = analysis.edges()
    process = by_process(analysis.txns, analysis.happened)
    realtime = by_realtime(analysis.txns, analysis.happened, data.nodes)
    return cycles(merged(data, process, realtime), effort=effort)


def _told(cases: Iterator[Cases], analysis: Analysis) -> Iterator[Found]:
    for each in cases:
        stories = tuple(Story.of_case(case, analysis) for case in each.some)
        yield Found(anomaly=each.anomaly, count=each.count, stories=stories)


def _of_cycles(found: Sequence[Cycle], analysis: Analysis) -> Iterator[Found]:
    by_name: dict[Anomaly, list[Cycle]] = {}
    for each in found:
        by_name.setdefault(each.anomaly, []).append(each)
    for anomaly in (each for each in Anomaly if each in by_name):
        those = sorted(by_name[anomaly], key=lambda each: (len(each), each.rows))
        stories = tuple(explained(each, analysis) for each in those[:STORIES])
        yield Found(anomaly=anomaly, count=len(those), stories=stories)


def _doubt(analysis: Analysis) -> str:
    """Return why nothing can be said to hold of such operations, or nothing."""
    txns = analysis.txns
    if not (txns.outcome == OK).any():
        return "no transaction was acknowledged"
    if not (txns.f[txns.outcome[analysis.owner] == OK] == READ).any():
        return "no acknowledged transaction read anything"
    if len(analysis.ambiguous):
        micro = int(analysis.ambiguous[0])
        key, value = txns.keys[int(txns.key[micro])], txns.name(int(txns.value[micro]))
        return f"{value} was written to {key} more than once: nothing can be told of such keys"
    return ""
