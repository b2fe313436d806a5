"""How findings say times, nodes and offsets, the same everywhere."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from harness.checker import Finding
from harness.verdict import Verdict

RUNS = 8
"""How many runs of offsets are written out; more are told as their first and last, and how many."""


def at(time_ns: int) -> str:
    """Return a time of a run as text: seconds since its origin."""
    return f"{time_ns / 1e9:.3f} s"


def seconds(duration_ns: int) -> str:
    """Return a duration as text, in seconds."""
    return f"{duration_ns / 1e9:.3f} s"


def names(nodes: Collection[str]) -> str:
    """Return nodes as text: "n1, n2", sorted, or "no node"."""
    return ", ".join(sorted(nodes)) or "no node"


def runs(entries: Iterable[tuple[int | None, int | None]]) -> str:
    """Return log entries (epoch, offset) as text, neighbours joined: "epoch 2: 4-9, 11"."""
    offsets: dict[int, set[int]] = defaultdict(set)
    for epoch, offset in entries:
        if epoch is not None and offset is not None:
            offsets[epoch].add(offset)
    return "; ".join(f"epoch {epoch}: {_joined(found)}" for epoch, found in sorted(offsets.items()))


def rest(verdict: Verdict, what: str, entries: Sequence[tuple[int | None, int | None]]) -> Finding:
    """Return the finding that stands for the writes that are not told one by one."""
    told = runs(entries)
    title = f"{len(entries)} more: {what}"
    return Finding(verdict=verdict, title=title, lines=(f"offsets of {told}",) if told else ())


def _joined(offsets: Iterable[int]) -> str:
    spans: list[list[int]] = []
    for offset in sorted(offsets):
        if spans and spans[-1][1] == offset - 1:
            spans[-1][1] = offset
        else:
            spans.append([offset, offset])
    if len(spans) > RUNS:
        count = sum(last - first + 1 for first, last in spans)
        return f"{spans[0][0]}-{spans[-1][1]}, {count} of them"
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
