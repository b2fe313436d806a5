"""A lost write's story: acknowledged when and by whom, held where, destroyed by what, and what that means."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from checkers.evidence.case import Case
from checkers.evidence.fates import Copy, Loss
from checkers.evidence.ledger import Write
from checkers.rulings.losses import Lost
from checkers.rulings.ruling import GRAVEST_FIRST, Judgement, Ruling
from checkers.words import at, names, rest
from harness.checker import Finding
from harness.episode import Episode
from harness.events import Elected
from harness.verdict import Verdict
from harness.words import plural

STORIES = 10
"""How many have their story told; the others are counted."""

COPIES = 3
"""How many copies that a node had one after the other are told; of more the first ones and the last."""

LOST = "was acknowledged and is lost"
"""What the titles of all stories say."""

VERDICTS: Mapping[Ruling, Verdict] = {
    Ruling.PERMITTED: Verdict.HOLDS,
    Ruling.FORBIDDEN: Verdict.VIOLATED,
    Ruling.UNPROVED: Verdict.INCONCLUSIVE,
}
"""What a ruling on one lost write means for the run."""

_GONE = {
    Loss.WIPED: "its disk was lost",
    Loss.DAMAGED: "its disk was damaged",
    Loss.UNFLUSHED: "it lost power before its flush",
    Loss.TRUNCATED: "it cut the write off its log",
}


class Judged(Protocol):
    """A write with the ruling on it."""

    @property
    def write(self) -> Write:
        """The write."""

    @property
    def judgement(self) -> Judgement:
        """The ruling."""


J = TypeVar("J", bound=Judged)


class Gravest(Generic[J]):
    """Picks those to tell: the first of each ruling are kept, and of all others where they are in the log."""

    def __init__(self, judged: Iterable[J] = ()) -> None:
        self._first: dict[Ruling, list[J]] = {ruling: [] for ruling in GRAVEST_FIRST}
        self._epochs = {ruling: array("q") for ruling in GRAVEST_FIRST}
        self._offsets = {ruling: array("q") for ruling in GRAVEST_FIRST}
        for each in judged:
            self.add(each)

    def add(self, judged: J) -> None:
        """Take one more into account."""
        ruling, write = judged.judgement.ruling, judged.write
        if len(self._first[ruling]) < STORIES:
            self._first[ruling].append(judged)
        self._epochs[ruling].append(-1 if write.epoch is None else write.epoch)
        self._offsets[ruling].append(-1 if write.offset is None else write.offset)

    def findings(self, story: Callable[[J], Finding], *, what: str) -> Iterator[Finding]:
        """Yield the gravest as stories, and the rest, which is `what`, as ranges of offsets."""
        told = 0
        for ruling in GRAVEST_FIRST:
            stories = self._first[ruling][: STORIES - told]
            told += len(stories)
            yield from map(story, stories)
            untold = zip(
                self._epochs[ruling][len(stories) :], self._offsets[ruling][len(stories) :], strict=True
            )
            entries = [entry if min(entry) >= 0 else (None, None) for entry in untold]
            if entries:
                yield rest(VERDICTS[ruling], f"{what}, {ruling}", entries)


def tell(case: Case, lost: Lost) -> Finding:
    """Return the story of a lost write, oldest event first, the ruling last."""
    episodes = [episode for episode in case.run.episodes if episode.id in lost.judgement.episodes]
    events = [
        (lost.write.call_ns, f"called: {lost.write.element}"),
        (lost.write.return_ns or lost.write.call_ns, _acknowledged(case, lost)),
    ]
    events += _copies(lost.judgement.copies)
    events += [(episode.from_ns, _fault(episode)) for episode in episodes]
    if lost.judgement.election is not None:
        events.append((lost.judgement.election.at_ns, _election(lost.judgement.election)))
    lines = [f"{at(time_ns)}: {text}" for time_ns, text in sorted(events, key=lambda event: event[0])]
    if not lost.judgement.copies:
        lines.append("which nodes had a copy is not known")
    return Finding(
        verdict=VERDICTS[lost.judgement.ruling],
        title=f"{lost.write.element} {LOST}: {lost.judgement.ruling}",
        lines=(*lines, _conclusion(lost.judgement)),
    )


def _acknowledged(case: Case, lost: Lost) -> str:
    write = lost.write
    entry = "" if write.offset is None else f" as offset {write.offset} of epoch {write.epoch}"
    degraded = ", marked as degraded" if write.degraded else ""
    return f"acknowledged by {case.primary_of(write) or 'a node that is not known'}{entry}{degraded}"


def _copies(copies: Iterable[Copy]) -> Iterator[tuple[int, str]]:
    """Yield what became of copies; of many that one node had in turn the first ones and the last."""
    by_node: dict[str, list[Copy]] = {}
    for copy in copies:
        by_node.setdefault(copy.node, []).append(copy)
    for node, each in by_node.items():
        own = sorted(each, key=lambda copy: copy.memory_ns)
        told = own
        if len(own) > COPIES:
            told = [*own[: COPIES - 1], own[-1]]
            between = own[COPIES - 1 : -1]
            yield between[0].memory_ns, f"{node} had it again, and lost it, {plural(len(between), 'time')}"
        for copy in told:
            yield from _copy(copy)


def _copy(copy: Copy) -> Iterator[tuple[int, str]]:
    if copy.disk_ns is None or copy.memory_ns < copy.disk_ns:
        yield copy.memory_ns, f"{copy.node} had it in memory"
    if copy.disk_ns is not None:
        yield copy.disk_ns, f"{copy.node} had it on disk"
    if copy.loss is not None and copy.lost_ns is not None:
        by = "" if copy.episode is None else f" (episode {copy.episode})"
        yield copy.lost_ns, f"{copy.node} had it no longer: {_GONE[copy.loss]}{by}"


def _fault(episode: Episode) -> str:
    aim = f" of {names(episode.targets)}" if episode.targets else ""
    until = "" if episode.until_ns is None else f", until {at(episode.until_ns)}"
    return f"episode {episode.id}: {episode.fault}{aim}{until}"


def _election(election: Elected) -> str:
    return (
        f"{election.node} became primary of epoch {election.epoch} ({election.cause}), having heard "
        f"{names(election.heard)}; its log ended with offset {election.log_offset} of epoch {election.log_epoch}"
    )


def _conclusion(judgement: Judgement) -> str:
    clause = "" if judgement.permit is None else f" (clause {judgement.permit})"
    return f"{judgement.ruling}: {judgement.reason}{clause}"
