"""What the fault episodes of a run did to copies: whose disk was wiped, damaged or deceitful, whose power was cut.

An episode acted at some moment between `from_ns` and `injected_ns`. A copy that was reported before
`injected_ns` was there to be destroyed; whoever looks for it from `from_ns` on may find it gone. Both ends
are kept, because each excuse for a loss must be read in favour of the system.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from harness.episode import Episode

WIPES = "disk-loss"
"""The fault that destroys all that a node had stored."""
CUTS_POWER = ("power-cut", "kernel-panic")
"""The faults that destroy what a node had in memory only."""
RESTARTS = ("disk-detached", "cache-loss", "lost-flush")
"""The faults that do so at their heal, and not before: the machine restarts then."""
PROMOTES = "promote"
"""The fault by which an operator makes a node the primary."""

LIES = ("lying-flush", "lost-flush")
"""The faults by which a disk says that something is durable which is not. The end of the first makes that true,
the other ends with a loss of power."""
DAMAGES = ("bit-rot", "lost-write", "misdirected-write")
"""The faults after which nothing that a disk held can be relied on: beyond what any contract covers."""
_DECEIVES = (*LIES, "lost-write", "misdirected-write")

_STOPS = ("kill", "pause", *CUTS_POWER, WIPES)

FOREVER = (1 << 62) - 1


class Destruction(Struct, frozen=True, kw_only=True):
    """A node lost its memory, and if `disk` its disk too, at some moment in [`from_ns`, `until_ns`].

    With `damage` the disk is still there, but what it held does not count any more. `power` tells that it was the
    power, which makes it come out what a disk had only said to be durable.
    """

    node: str
    from_ns: int
    until_ns: int
    disk: bool
    episode: int
    damage: bool
    power: bool


def destructions(episodes: Sequence[Episode]) -> tuple[Destruction, ...]:
    """Return what disk losses, damages and power cuts destroyed, by time.

    An injection that failed half-way may have destroyed its target at any time until its heal; it counts
    as having done so, and the run is inconclusive for lack of evidence anyway. Damage is done until the heal,
    at which a node that does not want to start gets a blank disk. What a restart at the heal destroys may be
    destroyed until then, too.
    """
    found = [
        destruction
        for episode in episodes
        for node in episode.targets
        if (destruction := _destruction(episode, node, episodes)) is not None
    ]
    return tuple(sorted(found, key=lambda destruction: (destruction.until_ns, destruction.node)))


def _destruction(episode: Episode, node: str, episodes: Sequence[Episode]) -> Destruction | None:
    """Return what an episode destroyed on a node. A lie does no harm unless the power was cut meanwhile."""
    damage = episode.fault in DAMAGES or (episode.fault in LIES and _cut_during(episode, node, episodes))
    if not damage and episode.fault not in (WIPES, *CUTS_POWER, *RESTARTS):
        return None
    at_the_heal = damage or episode.fault in RESTARTS
    ends_ns = () if at_the_heal else (episode.injected_ns, episode.healing_ns)
    return Destruction(
        node=node,
        from_ns=episode.from_ns,
        until_ns=_first(*ends_ns, episode.until_ns),
        disk=damage or episode.fault == WIPES,
        episode=episode.id,
        damage=damage,
        power=episode.fault in (*CUTS_POWER, *RESTARTS),
    )


def _cut_during(lie: Episode, node: str, episodes: Sequence[Episode]) -> bool:
    return any(
        episode.fault in (*CUTS_POWER, *RESTARTS)
        and node in episode.targets
        and episode.from_ns <= _first(lie.until_ns)
        and _first(episode.until_ns) >= lie.from_ns
        for episode in episodes
    )


class Deception(Struct, frozen=True, kw_only=True):
    """From `from_ns` until `until_ns` a node's disk may have said that something is durable which was not."""

    node: str
    from_ns: int
    until_ns: int


def deceptions(episodes: Iterable[Episode]) -> tuple[Deception, ...]:
    """Return whose disks deceived them, and when: a lie ends with its fault, a write that is lost stays so."""
    return tuple(
        Deception(
            node=node,
            from_ns=episode.from_ns,
            until_ns=FOREVER if episode.fault in DAMAGES else _first(episode.until_ns),
        )
        for episode in episodes
        if episode.fault in _DECEIVES
        for node in episode.targets
    )


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
    """Return the episodes that acted within the interval; any fault can lead to another primary."""
    return [
        episode
        for episode in episodes
        if episode.from_ns <= until_ns and _first(episode.until_ns) >= since_ns
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
