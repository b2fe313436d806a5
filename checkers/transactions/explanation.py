"""Why a cycle is one: each transaction with what it did, and what proves that it comes before the next."""

from msgspec import Struct

from checkers.transactions.cycles import Cycle
from checkers.transactions.dependencies import Analysis, Case, Evidence, Kind
from harness.history import OUTCOMES

LABELS = {Kind.WW: "ww", Kind.WR: "wr", Kind.RW: "rw", Kind.PROCESS: "process", Kind.REALTIME: "realtime"}


class Pointer(Struct, frozen=True, kw_only=True):
    """A micro-operation: the id of its transaction, and its place in it, from 0 on."""

    id: int
    place: int


class Step(Struct, frozen=True, kw_only=True):
    """One transaction of a story, and why it comes before the next: `edge` and `why` are empty where it need not.

    `before` and `after` are the micro-operations of the two that prove it, `witness` a read by anybody that
    shows the order of two writes; None for orders of time.
    """

    id: int
    process: int
    outcome: str
    call_ns: int
    return_ns: int
    micro: tuple[str, ...]
    edge: str = ""
    why: str = ""
    before: Pointer | None = None
    after: Pointer | None = None
    witness: Pointer | None = None


class Story(Struct, frozen=True, kw_only=True):
    """An anomaly told: a title, and the transactions that show it; in a cycle each comes before the next."""

    title: str
    steps: tuple[Step, ...]
    is_cycle: bool
    micro: tuple[Pointer, ...] = ()
    """What shows an anomaly that is no cycle."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The story in words."""
        told = [
            f"T{step.id} ({step.outcome}, process {step.process}): {', '.join(step.micro)}"
            for step in self.steps
        ]
        told += [
            f"T{step.id} comes before T{after.id} ({step.edge}): {step.why}"
            for step, after in zip(self.steps, (*self.steps[1:], self.steps[0]), strict=True)
            if step.why
        ]
        return tuple(told)

    @classmethod
    def of_case(cls, case: Case, analysis: Analysis) -> "Story":
        """Return an anomaly that needs no cycle."""
        rows = dict.fromkeys(int(analysis.owner[micro]) for micro in case.micro)
        return cls(
            title=case.text,
            steps=tuple(_step(row, analysis) for row in rows),
            is_cycle=False,
            micro=tuple(_pointer(micro, analysis) for micro in case.micro),
        )


def explained(cycle: Cycle, analysis: Analysis) -> Story:
    """Return a cycle with the proofs of its edges. O(its micro-operations) and one look-up each."""
    after = (*cycle.rows[1:], cycle.rows[0])
    steps = tuple(
        _linked(one, other, kind, analysis)
        for one, other, kind in zip(cycle.rows, after, cycle.kinds, strict=True)
    )
    names = " < ".join(f"T{step.id}" for step in (*steps, steps[0]))
    return Story(title=f"{cycle.anomaly}: {names}", steps=steps, is_cycle=True)


def _linked(one: int, other: int, kind: Kind, analysis: Analysis) -> Step:
    txns = analysis.txns
    if kind in (Kind.PROCESS, Kind.REALTIME):
        name, after = f"T{txns.id[one]}", f"T{txns.id[other]}"
        gap_ns = int(txns.call_ns[other] - txns.return_ns[one])
        who = f"process {txns.process[one]} called {after}" if kind is Kind.PROCESS else f"{after} was called"
        why = f"{who} {gap_ns:,} ns after {name} had returned"
        return _step(one, analysis, edge=LABELS[kind], why=why)
    evidence = analysis.evidence(kind, one, other)
    return _step(one, analysis, edge=LABELS[kind], why=evidence.text, evidence=evidence)


def _step(
    row: int, analysis: Analysis, *, edge: str = "", why: str = "", evidence: Evidence | None = None
) -> Step:
    txns, words = analysis.txns, analysis.words
    micro = range(int(txns.bounds[row]), int(txns.bounds[row + 1]))
    return Step(
        id=int(txns.id[row]),
        process=int(txns.process[row]),
        outcome=str(OUTCOMES[int(txns.outcome[row])]),
        call_ns=int(txns.call_ns[row]),
        return_ns=int(txns.return_ns[row]),
        micro=tuple(words.micro(each, lists=analysis.lists) for each in micro),
        edge=edge,
        why=why,
        before=None if evidence is None else _pointer(evidence.before, analysis),
        after=None if evidence is None else _pointer(evidence.after, analysis),
        witness=None if evidence is None or evidence.witness < 0 else _pointer(evidence.witness, analysis),
    )


def _pointer(micro: int, analysis: Analysis) -> Pointer:
    row = int(analysis.owner[micro])
    return Pointer(id=int(analysis.txns.id[row]), place=micro - int(analysis.txns.bounds[row]))
