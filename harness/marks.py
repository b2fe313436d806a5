"""What nodes reported, as marks for the timeline: who became primary when, who waited, what was cut off."""

from collections import Counter
from collections.abc import Iterable, Iterator

from harness.charts import Mark
from harness.events import (
    Cause,
    Damaged,
    Degraded,
    Elected,
    NodeEvent,
    Restored,
    SteppedDown,
    Truncated,
    Waiting,
)

MOST_ALIKE = 2
"""How often the same is marked of a node that does it again and again."""

MOST = 40
"""More marks than this hide what they mark; the first ones tell how it began."""

_MOST_LETTERS = 90


def of(events: Iterable[NodeEvent]) -> Iterator[Mark]:
    """Yield the marks of a run's events, at most `MOST`; what a node says again at once is said once."""
    said: dict[str, str] = {}
    alike: Counter[tuple[str, str]] = Counter()
    count = 0
    for event in events:
        words = _words(event)
        if words is None or said.get(event.node) == words:
            continue
        said[event.node] = words
        alike[event.node, words] += 1
        if alike[event.node, words] > MOST_ALIKE:
            continue
        label = f"{event.node} {words}"
        if len(label) > _MOST_LETTERS:
            label = label[: _MOST_LETTERS - 1] + "…"
        yield Mark(at_ns=event.at_ns, label=label)
        count += 1
        if count == MOST:
            return


def _words(event: NodeEvent) -> str | None:
    match event:
        case Elected(cause=Cause.BOOTSTRAP):
            return f"primary of epoch {event.epoch}"
        case Elected():
            return f"primary of epoch {event.epoch} by {event.cause}, heard {', '.join(event.heard)}"
        case SteppedDown():
            return f"steps down: {event.reason}"
        case Waiting():
            return event.reason
        case Truncated():
            return f"cut off {event.first} to {event.last} of epoch {event.epoch}"
        case Degraded():
            return f"degraded to {', '.join(event.in_sync)}"
        case Restored():
            return "back to full protection"
        case Damaged():
            return f"refuses its disk: {event.reason}"
    return None
