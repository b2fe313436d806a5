"""A lost write's story: acknowledged when and by whom, held where, destroyed by what, and what that means."""

from collections.abc import Iterator, Mapping

from checkers.evidence.case import Case
from checkers.evidence.fates import Copy, Loss
from checkers.rulings.losses import Lost
from checkers.rulings.ruling import Judgement, Ruling
from checkers.words import at, names
from harness.checker import Finding
from harness.episode import Episode
from harness.events import Elected
from harness.verdict import Verdict

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
    Loss.UNFLUSHED: "it lost power before its flush",
    Loss.TRUNCATED: "it cut the write off its log",
}


def tell(case: Case, lost: Lost) -> Finding:
    """Return the story of a lost write, oldest event first, the ruling last."""
    episodes = [episode for episode in case.run.episodes if episode.id in lost.judgement.episodes]
    events = [
        (lost.write.call_ns, f"called: {lost.write.element}"),
        (lost.write.return_ns or lost.write.call_ns, _acknowledged(case, lost)),
    ]
    for copy in lost.judgement.copies:
        events += _copy(copy)
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
