"""A run as a sequence chart in text: who did what, top to bottom, a column for the clients and for each node."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from harness import analysis, assembly, course, episodes, evidence
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
from harness.workload import Workload, is_final_read

CLIENTS = "clients"
WIDTH = 24
MOST_ROWS = 400
MOST_LINES = 8
LONGEST_WORD = 2 * WIDTH


class Row(Struct, frozen=True, kw_only=True):
    """Something that happened at `at_ns`: in the column `who`, or across all of them if that is None."""

    at_ns: int
    who: str | None
    text: str


def chart(folder: Path) -> str:
    """Return the chart of a recorded run."""
    scenario = analysis.read_scenario(folder)
    history = History.open(folder / analysis.HISTORY_FILE)
    assert history.origin is not None, "a history on disk has its origin"
    went = course.read(folder)
    nodes = assembly.node_names(scenario.nodes)
    system, workload = assembly.system(scenario), assembly.workload(scenario)
    stopped_ns = went.stopped_ns if went is not None and went.stopped_ns is not None else None
    rows = [
        *_operations(history, workload, stopped_ns),
        *_events(evidence.read(folder, nodes, system, history.origin).events),
        *_faults(episodes.read(folder / analysis.EPISODES_FILE)),
    ]
    return drawn(sorted(rows, key=lambda row: row.at_ns), nodes) + "".join(_verdict(folder))


def _verdict(folder: Path) -> Iterator[str]:
    """Yield what was found, below the chart."""
    for check in analysis.analyse(folder).checks:
        for finding in check.findings if check.verdict is Verdict.VIOLATED else ():
            yield f"\nVIOLATED, says {check.checker}: {finding.title}\n"
            yield from (f"  {line}\n" for line in _abridged(finding.lines))


def _abridged(lines: Sequence[str]) -> Iterator[str]:
    """Yield the first and the last lines of a long story."""
    if len(lines) <= 2 * MOST_LINES:
        yield from lines
        return
    yield from lines[:MOST_LINES]
    yield f"… {len(lines) - 2 * MOST_LINES} more lines"
    yield from lines[-MOST_LINES:]


def drawn(rows: Sequence[Row], nodes: Sequence[str]) -> str:
    """Return rows as text, columns side by side."""
    columns = (CLIENTS, *nodes)
    lines = ["   time s  " + " ".join(name.ljust(WIDTH) for name in columns).rstrip()]
    for row in rows[:MOST_ROWS]:
        time = f"{row.at_ns / 1e9:9.4f}  "
        if row.who is None:
            lines.append(time + f"─── {row.text} ".ljust((WIDTH + 1) * len(columns), "─"))
            continue
        place = columns.index(row.who)
        for part in textwrap.wrap(_brief(row.text), WIDTH) or [""]:
            cells = [part if at == place else "│" for at in range(len(columns))]
            lines.append(time + " ".join(cell.ljust(WIDTH) for cell in cells).rstrip())
            time = " " * len(time)
    if len(rows) > MOST_ROWS:
        lines.append(f"… and {len(rows) - MOST_ROWS} more")
    return "\n".join(lines) + "\n"


def _brief(text: str) -> str:
    """Return a text with the middle of long words (keys, values) left out."""
    return " ".join(
        word if len(word) <= LONGEST_WORD else f"{word[: WIDTH - 1]}…{word[-4:]} ({len(word)} long)"
        for word in text.split(" ")
    )


def _operations(history: History, workload: Workload, stopped_ns: int | None) -> Iterator[Row]:
    for operation in history:
        if stopped_ns is not None and is_final_read(operation, node=operation.node, stopped_ns=stopped_ns):
            yield Row(
                at_ns=operation.return_ns or operation.call_ns,
                who=operation.node,
                text=f"final read: {_shown(operation, workload)}",
            )
            continue
        yield Row(at_ns=operation.call_ns, who=CLIENTS, text=f"→ {_call(operation)}")
        if operation.return_ns is not None:
            yield Row(at_ns=operation.return_ns, who=CLIENTS, text=_return(operation))


def _call(operation: Operation) -> str:
    return f"{operation.f} {' '.join(str(argument) for argument in operation.args)}"


def _return(operation: Operation) -> str:
    what = _call(operation)
    match operation.outcome:
        case Outcome.OK:
            where = "" if operation.epoch is None else f" {operation.epoch}:{operation.offset}"
            value = "" if operation.value is None else f" = {operation.value}"
            degraded = ", degraded" if operation.degraded else ""
            return f"← ok: {what}{value} ({operation.node}{where}{degraded})"
        case Outcome.FAIL:
            return f"← refused: {what}"
        case Outcome.INFO:
            return f"← unknown: {what}"


def _shown(operation: Operation, workload: Workload) -> str:
    seen = [f"{key}={value}" for key, value in workload.sees(operation)]
    return ", ".join(seen) or "nothing"


def _events(events: Iterable[NodeEvent]) -> Iterator[Row]:
    for event in events:
        text = _told(event)
        if text:
            yield Row(at_ns=event.at_ns, who=event.node, text=text)


def _told(event: NodeEvent) -> str:
    match event:
        case Stored(epoch=epoch, first=first, last=last, medium=medium):
            span = f"{first}" if first == last else f"{first} to {last}"
            return f"has {epoch}:{span} on {medium}"
        case Elected(epoch=epoch, cause=cause, heard=heard):
            return f"PRIMARY of {epoch} ({cause}; heard {', '.join(heard)})"
        case SteppedDown(epoch=epoch, reason=reason):
            return f"steps down from {epoch}: {reason}"
        case Waiting(reason=reason):
            return f"waits: {reason}"
        case Truncated(epoch=epoch, first=first, last=last):
            return f"CUTS {epoch}:{first} to {last} off its log"
        case Started(log_epoch=epoch, log_offset=last):
            return f"starts, its log ends at {epoch}:{last}" if last else "starts, blank"
        case Degraded(in_sync=in_sync):
            return f"DEGRADED: in sync are {', '.join(in_sync)}"
        case Restored():
            return "fully protected again"
        case Damaged(reason=reason):
            return f"refuses its log: {reason}"
    return ""


def _faults(struck: Iterable[Episode]) -> Iterator[Row]:
    for episode in struck:
        what = f"{episode.fault} {', '.join(episode.targets)}".rstrip()
        yield Row(at_ns=episode.injected_ns or episode.from_ns, who=None, text=what)
        if episode.healing_ns is not None:
            yield Row(at_ns=episode.healing_ns, who=None, text=f"end of {what}")
