"""What the fault episodes of a run did to copies: whose disk was wiped, whose power was cut, who was down.

An episode acted at some moment between `from_ns` and `injected_ns`. A copy that was reported before
`injected_ns` was there to be destroyed; whoever looks for it from `from_ns` on may find it gone. Both ends
are kept, because each excuse for a loss must be read in favour of the system.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from harness.episode import Episode

WIPES = "disk-loss"
"""The fault that destroys all that a node had stored."""
CUTS_POWER = "power-cut"
"""The fault that destroys what a node had in memory only."""
PROMOTES = "promote"
"""The fault by which an operator makes a node the primary."""

_STOPS = ("kill", "pause", CUTS_POWER, WIPES)
_UNSETTLES = (*_STOPS, "partition", "slow", PROMOTES)

FOREVER = (1 << 62) - 1


class Destruction(Struct, frozen=True, kw_only=True):
    """A node lost its memory, and if `disk` its disk too, at some moment in [`from_ns`, `until_ns`]."""

    node: str
    from_ns: int
    until_ns: int
    disk: bool
    episode: int


def destructions(episodes: Iterable[Episode]) -> tuple[Destruction, ...]:
    """Return what disk losses and power cuts destroyed, by time.

    An injection that failed half-way may have destroyed its target at any time until its heal; it counts
    as having done so, and the run is inconclusive for lack of evidence anyway.
    """
    found = [
        Destruction(
            node=node,
            from_ns=episode.from_ns,
            until_ns=_first(episode.injected_ns, episode.healing_ns, episode.until_ns),
            disk=episode.fault == WIPES,
            episode=episode.id,
        )
        for episode in episodes
        if episode.fault in (WIPES, CUTS_POWER)
        for node in episode.targets
    ]
    return tuple(sorted(found, key=lambda destruction: (destruction.until_ns, destruction.node)))


def down(episodes: Iterable[Episode], node: str) -> tuple[tuple[int, int], ...]:
    """Return when the node's processes surely did nothing: killed, paused, or without power."""
    return tuple(
        (episode.injected_ns, _first(episode.healing_ns))
        for episode in episodes
        if episode.fault in _STOPS
        and node in episode.targets
        and episode.bit
        and episode.injected_ns is not None
    )


def unsettling(episodes: Iterable[Episode], *, since_ns: int, until_ns: int = FOREVER) -> list[Episode]:
    """Return the episodes that can lead to another primary and that acted within the interval."""
    return [
        episode
        for episode in episodes
        if episode.fault in _UNSETTLES
        and episode.from_ns <= until_ns
        and _first(episode.until_ns) >= since_ns
    ]


def suspects(
    episodes: Sequence[Episode], *, node: str | None, since_ns: int, until_ns: int
) -> tuple[Episode, ...]:
    """Return the episodes that cost the cluster what `node` acknowledged after a call at `since_ns`.

    Those that hit the node itself and began before another primary was elected at `until_ns`, the latest
    first; if there are none, the latest of all.
    """
    acted = unsettling(episodes, since_ns=since_ns, until_ns=until_ns)
    acted.sort(key=lambda episode: episode.from_ns, reverse=True)
    hit = tuple(episode for episode in acted if node in episode.targets)
    return hit or tuple(acted[:1])


def _first(*times: int | None) -> int:
    return next((time for time in times if time is not None), FOREVER)
