"""What clients got while a fault acted: blocked writes, flowing writes, and how long writes took.

A fault surely acted from `injected_ns` to `healing_ns` of its episode. A write belongs to that window if it
was called and returned within; one that was under way when the fault struck says nothing about it.
"""

from collections.abc import Sequence
from statistics import median

from checkers.expected.answers import Answer, broken, met, not_shown
from checkers.words import at, seconds
from harness.checker import RecordedRun
from harness.episode import Episode
from harness.operation import Operation, Outcome
from harness.words import plural

SAMPLES = 5
"""How many acknowledged writes a median needs."""


def episodes_named(run: RecordedRun, name: str) -> list[Episode]:
    """Return the episodes that the scenario gave this name, or else those of the fault of this name."""
    named = [episode for episode in run.episodes if episode.name == name]
    return named or [episode for episode in run.episodes if episode.fault == name]


def blocked(run: RecordedRun, during: str, *, grace_s: float) -> Answer:
    """Answer whether no write was acknowledged while the fault acted, from `grace_s` after it struck."""
    windows = _windows(run, during, grace_s=grace_s)
    if not windows:
        return not_shown(f"no episode {during} acted for longer than {grace_s:g} s")
    writes = _writes(run, windows)
    through = [write for write in writes if write.outcome is Outcome.OK]
    if through:
        first = through[0]
        return broken(
            f"{plural(len(through), 'write')} acknowledged during {during}",
            f"the first was called at {at(first.call_ns)} (operation {first.id})",
        )
    if not writes:
        return not_shown(f"no write was tried during {during}")
    return met(f"no write was acknowledged during {during}, of {len(writes)} tried")


def flowing(run: RecordedRun, during: str, *, grace_s: float) -> Answer:
    """Answer whether writes were acknowledged while the fault acted, from `grace_s` after it struck."""
    windows = _windows(run, during, grace_s=grace_s)
    if not windows:
        return not_shown(f"no episode {during} acted for longer than {grace_s:g} s")
    writes = _writes(run, windows)
    through = sum(write.outcome is Outcome.OK for write in writes)
    if through:
        return met(f"{plural(through, 'write')} acknowledged during {during}")
    if not writes:
        return not_shown(f"no write was tried during {during}")
    return broken(f"no write was acknowledged during {during}, of {len(writes)} tried")


def latency(
    run: RecordedRun, during: str, *, at_least: float | None = None, at_most: float | None = None
) -> Answer:
    """Answer how the median latency of writes during the fault compares with that before any fault."""
    windows = _windows(run, during, grace_s=0.0)
    if not windows:
        return not_shown(f"no episode {during} acted")
    calm_until_ns = min(episode.from_ns for episode in run.episodes)
    before = _latencies_ns(_writes(run, [(0, calm_until_ns)]))
    within = _latencies_ns(_writes(run, windows))
    if min(len(before), len(within)) < SAMPLES:
        return not_shown(f"too few acknowledged writes: {len(before)} before, {len(within)} during {during}")
    was_ns, became_ns = median(before), median(within)
    ratio = became_ns / max(was_ns, 1)
    told = f"median latency of writes {seconds(round(was_ns))} before, {seconds(round(became_ns))} during {during}"
    figures = {"latency_before_s": was_ns / 1e9, "latency_during_s": became_ns / 1e9, "latency_ratio": ratio}
    if at_least is not None and ratio < at_least:
        return not_shown(f"{told}: {ratio:.2f} times as much, expected at least {at_least:g}", **figures)
    if at_most is not None and ratio > at_most:
        return broken(f"{told}: {ratio:.2f} times as much, expected at most {at_most:g}", **figures)
    return met(f"{told}: {ratio:.2f} times as much", **figures)


def _windows(run: RecordedRun, during: str, *, grace_s: float) -> list[tuple[int, int]]:
    grace_ns = round(grace_s * 1e9)
    return [
        (episode.injected_ns + grace_ns, until_ns)
        for episode in episodes_named(run, during)
        if episode.injected_ns is not None
        and (until_ns := _first(episode.healing_ns, run.stopped_ns)) > episode.injected_ns + grace_ns
    ]


def _writes(run: RecordedRun, windows: Sequence[tuple[int, int]]) -> list[Operation]:
    """Return the writes called and returned in a window, and those that never returned, called in one."""
    return [
        operation
        for operation in run.history
        if any(
            from_ns <= operation.call_ns and _first(operation.return_ns, operation.call_ns) <= until_ns
            for from_ns, until_ns in windows
        )
        and run.workload.writes(operation)
    ]


def _latencies_ns(writes: Sequence[Operation]) -> list[int]:
    return [
        write.return_ns - write.call_ns
        for write in writes
        if write.outcome is Outcome.OK and write.return_ns is not None
    ]


def _first(time_ns: int | None, otherwise_ns: int) -> int:
    return otherwise_ns if time_ns is None else time_ns
