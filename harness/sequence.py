"""A run as a sequence: who did what, top to bottom, in a column for the clients and one for each node.

What a node does over and over is told the first times and the last; of a long run, what lies around its faults and
the moments of which the findings tell.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import groupby
from operator import and_
from pathlib import Path
from typing import Any, Final, TypeGuard

from msgspec import Struct
from msgspec.structs import replace

from harness import analysis, assembly, course, episodes, evidence
from harness.checker import CheckResult, Finding
from harness.episode import Episode
from harness.events import (
    Damaged,
    Degraded,
    Elected,
    NodeEvent,
    Restored,
    Started,
    SteppedDown,
    Stored,
    Truncated,
    Waiting,
)
from harness.history import History
from harness.operation import Operation, Outcome
from harness.verdict import Verdict
from harness.words import brief
from harness.workload import Workload, is_final_read

CLIENTS: Final = "clients"
MOST_ROWS: Final = 80
MOST_OPERATIONS: Final = 20_000
"""Of how many operations a page still has a chart: all of them are held in memory for it."""
MOST_STORIES: Final = 3
"""How many findings are told, and have what is around them shown."""
MOST_REPEATS: Final = 5
"""How often a node may do the same until the times between are left out."""
MOST_VALUES: Final = 12
"""How many values of a read are told."""
FARTHER: Final = 10
"""By how many rows what is near a fault counts as farther than what is near a moment of a story."""

_MOMENT = re.compile(r"(\d+\.\d+) s: ")
"""What a line of a story begins with, if it tells of a moment."""


class Row(Struct, frozen=True, kw_only=True):
    """Something that happened at `at_ns`: in the column `who`, or across all of them if that is None.

    `kind` says what it is: `call`, `ok`, `fail`, `info`, `read`, `told` (by a node), `grave` (the same, about who
    is primary or about what it gave up), `fault`.
    """

    at_ns: int
    who: str | None
    kind: str
    text: str


class Gap(Struct, frozen=True, kw_only=True):
    """Rows that are left out, and how many."""

    rows: int


class Chart(Struct, frozen=True, kw_only=True):
    """What happened, row by row, and what was found: the findings that are violations, by checker."""

    columns: tuple[str, ...]
    rows: tuple[Row | Gap, ...]
    violations: tuple[tuple[str, Finding], ...]


def of(folder: Path) -> Chart:
    """Return the sequence of a recorded run, which is judged again; raises what `analysis.analyse` raises."""
    return judged(folder, analysis.analyse(folder).checks)


def judged(folder: Path, checks: Iterable[CheckResult]) -> Chart:
    """Return the sequence of a recorded run that was judged already; raises what `analysis.analyse` raises."""
    scenario = analysis.read_scenario(folder)
    history = History.open(folder / analysis.HISTORY_FILE)
    assert history.origin is not None, "a history on disk has its origin"
    went = course.read(folder)
    nodes = assembly.node_names(scenario.nodes)
    system, workload = analysis.made(folder, scenario)
    stopped_ns = went.stopped_ns if went is not None and went.stopped_ns is not None else None
    rows = [
        *operations(history, workload, stopped_ns),
        *node_rows(evidence.read(folder, nodes, system, history.origin).events),
        *_faults(episodes.read(folder / analysis.EPISODES_FILE)),
    ]
    violations = tuple(
        (check.checker, finding)
        for check in checks
        if check.verdict is Verdict.VIOLATED
        for finding in check.findings
        if finding.verdict is Verdict.VIOLATED
    )
    return Chart(
        columns=(CLIENTS, *nodes),
        rows=around(
            told_together(sorted(rows, key=lambda row: row.at_ns)),
            [at_ns for _, finding in violations[:MOST_STORIES] for at_ns in moments(finding)],
        ),
        violations=violations,
    )


def told_together(rows: Iterable[Row]) -> list[Row]:
    """Leave out what a node did again and again: of more than a few times the first two and the last remain."""
    rows = list(rows)
    total = Counter((row.who, row.text) for row in rows if row.kind in ("told", "grave"))
    seen: Counter[tuple[str | None, str]] = Counter()
    kept = []
    for row in rows:
        what = (row.who, row.text)
        seen[what] += 1
        if total[what] <= MOST_REPEATS or seen[what] <= 2:
            kept.append(row)
        elif seen[what] == total[what]:
            kept.append(replace(row, text=f"{row.text}, {total[what]} times in all"))
    return kept


def moments(finding: Finding) -> Iterator[int]:
    """Yield the moments of which a finding tells, in nanoseconds."""
    for line in finding.lines:
        if told := _MOMENT.match(line):
            yield round(float(told[1]) * 1e9)


def around(rows: Sequence[Row], moments_ns: Iterable[int], most: int = MOST_ROWS) -> tuple[Row | Gap, ...]:
    """Return rows, sorted by time; of more than `most` the first, the last, and those near moments and faults."""
    if len(rows) <= most:
        return tuple(rows)
    times_ns = [row.at_ns for row in rows]
    told = sorted({bisect_left(times_ns, at_ns) for at_ns in moments_ns})
    struck = [place for place, row in enumerate(rows) if row.kind == "fault"]
    edge = most // 8

    def far(place: int) -> tuple[bool, int]:
        nearest = min(_distance(told, place), _distance(struck, place) + FARTHER)
        return edge <= place < len(rows) - edge, nearest

    kept = set(sorted(range(len(rows)), key=far)[:most])
    parts: list[Row | Gap] = []
    for shown, places in groupby(range(len(rows)), key=kept.__contains__):
        if shown:
            parts.extend(rows[place] for place in places)
        else:
            parts.append(Gap(rows=sum(1 for _ in places)))
    return tuple(parts)


def _distance(centres: Sequence[int], place: int) -> int:
    """Return how far it is to the nearest of some places, which are sorted."""
    after = bisect_left(centres, place)
    return min((abs(centre - place) for centre in centres[max(0, after - 1) : after + 1]), default=1 << 62)


def operations(history: History, workload: Workload, stopped_ns: int | None) -> Iterator[Row]:
    """Yield calls and answers, which have a number in common."""
    final: list[Operation] = []
    others: list[Operation] = []
    for operation in history:
        at_the_end = stopped_ns is not None and is_final_read(
            operation, node=operation.node, stopped_ns=stopped_ns
        )
        (final if at_the_end else others).append(operation)
    others.sort(key=lambda operation: operation.call_ns)
    for number, operation in enumerate(others, 1):
        name = f"{number} (the harness)" if operation.process < 0 else f"{number}"
        yield Row(
            at_ns=operation.call_ns,
            who=CLIENTS,
            kind="call",
            text=brief(f"→ {name}: {operation.f} {' '.join(map(_plain, operation.args))}"),
        )
        if operation.return_ns is not None:
            yield Row(
                at_ns=operation.return_ns,
                who=CLIENTS,
                kind=str(operation.outcome),
                text=brief(f"← {number}: {_return(operation, workload)}"),
            )
    yield from _final_reads(final, workload)


def _final_reads(reads: Sequence[Operation], workload: Workload) -> Iterator[Row]:
    """Yield what each node had in the end; what all of them had is only counted if it is much."""
    seen: dict[str, Counter[str]] = {}
    at_ns: dict[str, int] = {}
    for read in reads:
        assert read.node is not None, "a final read asks one node"
        seen.setdefault(read.node, Counter()).update(f"{key}={value}" for key, value in workload.sees(read))
        at_ns[read.node] = read.return_ns or read.call_ns
    shared = reduce(and_, seen.values()) if len(seen) > 1 else Counter()
    if shared.total() <= MOST_VALUES:
        shared = Counter()
    for node, values in seen.items():
        own = list((values - shared).elements())
        told = [f"{shared.total()} that all have"] if shared else []
        told += own[:MOST_VALUES]
        told += [f"{len(own) - MOST_VALUES} more"] if len(own) > MOST_VALUES else []
        yield Row(
            at_ns=at_ns[node],
            who=node,
            kind="read",
            text=brief(f"final read: {', '.join(told) or 'nothing'}"),
        )


def _return(operation: Operation, workload: Workload) -> str:
    match operation.outcome:
        case Outcome.OK:
            place = (operation.epoch, operation.offset)
            where = "" if None in place else " {}:{}".format(*place)
            value = _value(operation, blind=bool(workload.writes(operation)))
            shown = f" = {value}" if value else ""
            degraded = ", degraded" if operation.degraded else ""
            return f"{operation.f} ok, {operation.node}{where}{degraded}{shown}"
        case Outcome.FAIL:
            return f"{operation.f} refused"
        case Outcome.INFO:
            return f"{operation.f} unknown"


def _value(operation: Operation, *, blind: bool) -> str:
    """Return what an answer showed: of a transaction the steps that read, "" if it shows nothing by its nature."""
    value, asked = operation.value, operation.args[0] if operation.args else None
    if value is None and blind:
        return ""
    if _steps(asked) and _steps(value) and len(asked) == len(value):
        read = [step for step, before in zip(value, asked, strict=True) if before[-1] is None]
        return "; ".join(" ".join((*map(str, step[:-1]), _short(step[-1]))) for step in read)
    if _keys(asked) and isinstance(value, list | tuple) and len(asked) == len(value):
        return "; ".join(f"{key} {_short(each)}" for key, each in zip(asked, value, strict=True))
    return _short(value)


def _short(value: Any) -> str:
    """Return a value for reading, of a long list its ends."""
    if not isinstance(value, list | tuple) or len(value) <= MOST_VALUES:
        return str(value)
    half = MOST_VALUES // 2
    ends = [*map(str, value[:half]), f"… {len(value) - 2 * half} more …", *map(str, value[-half:])]
    return f"[{', '.join(ends)}]"


def _plain(argument: Any) -> str:
    """Return an argument for reading: of a transaction its steps, one after the other, without what is asked."""
    if _steps(argument):
        return "; ".join(" ".join(str(part) for part in step if part is not None) for step in argument)
    return ", ".join(argument) if _keys(argument) else _short(argument)


def _keys(value: Any) -> TypeGuard[Sequence[str]]:
    """Tell whether a value is a list of keys."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(part, str) for part in value)


def _steps(value: Any) -> TypeGuard[Sequence[Sequence[Any]]]:
    """Tell whether a value is that of a transaction: a list of lists."""
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(step, list | tuple) and bool(step) for step in value)
    )


def node_rows(events: Iterable[NodeEvent]) -> Iterator[Row]:
    """Yield what nodes reported."""
    for event in events:
        text = _told(event)
        if text:
            kind = "told" if isinstance(event, Stored | Started | Restored) else "grave"
            yield Row(at_ns=event.at_ns, who=event.node, kind=kind, text=brief(text))


def _told(event: NodeEvent) -> str:
    match event:
        case Stored(epoch=epoch, first=first, last=last, medium=medium):
            return f"has {epoch}:{_span(first, last)} on {medium}"
        case Elected(epoch=epoch, cause=cause, heard=heard):
            return f"PRIMARY of {epoch} ({cause}; heard {', '.join(heard)})"
        case SteppedDown(epoch=epoch, reason=reason):
            return f"steps down from {epoch}: {reason}"
        case Waiting(reason=reason):
            return reason if reason.startswith("waits") else f"waits: {reason}"
        case Truncated(epoch=epoch, first=first, last=last):
            return f"CUTS {epoch}:{_span(first, last)} off its log"
        case Started(log_epoch=epoch, log_offset=last):
            return f"starts, its log ends at {epoch}:{last}" if last else "starts, blank"
        case Degraded(in_sync=in_sync):
            return f"DEGRADED: in sync are {', '.join(in_sync)}"
        case Restored():
            return "fully protected again"
        case Damaged(reason=reason):
            return f"refuses its log: {reason}"
    return ""


def _span(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _faults(struck: Iterable[Episode]) -> Iterator[Row]:
    for episode in struck:
        what = f"{episode.fault} {', '.join(episode.targets)}".rstrip()
        yield Row(at_ns=episode.injected_ns or episode.from_ns, who=None, kind="fault", text=what)
        if episode.healing_ns is not None:
            yield Row(at_ns=episode.healing_ns, who=None, kind="fault", text=f"end of {what}")
