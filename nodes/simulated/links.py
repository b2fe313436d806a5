"""The simulated network as packets see it: one link for each direction between two places.

A link takes its time over each packet. What else it does depends on what is wrong with it, each under the name of
whoever wanted it so: cuts swallow packets, clogs keep them until they are gone, and weather (`harness.machine`)
delays, loses, repeats, overtakes and throttles them.
"""

import math
import random
from collections.abc import Callable, Collection, Iterable, Mapping

from harness.machine import Link as Direction
from harness.machine import Mischief, Weather
from nodes.simulated.tape import Tape

_log = math.log

US = 1_000
MS = 1_000_000

BASE_NS = 100 * US
SPREAD_NS = 100 * US
"""A packet takes BASE_NS and a time that is short for most and long for few: exponential, with this mean."""

HELD_BACK_NS = 5 * MS
"""A packet that is to be overtaken takes up to this much longer than it would, so that later ones can pass it."""


def combined(weathers: Iterable[Weather]) -> Weather | None:
    """Return what several weathers on one link come to: delays add up, the tightest throttle counts."""
    several = tuple(weathers)
    if not several:
        return None
    rates = [weather.bytes_per_s for weather in several if weather.bytes_per_s]
    return Weather(
        delay_ns=sum(weather.delay_ns for weather in several),
        jitter_ns=sum(weather.jitter_ns for weather in several),
        loss=1 - math.prod(1 - weather.loss for weather in several),
        duplicate=1 - math.prod(1 - weather.duplicate for weather in several),
        reorder=1 - math.prod(1 - weather.reorder for weather in several),
        bytes_per_s=min(rates, default=0),
    )


class PacketLink:
    """One direction between two places. Probes meet what all packets meet, but are not counted."""

    def __init__(self, draws: random.Random) -> None:
        self.weathers: dict[str, Weather] = {}
        self.cuts: set[str] = set()
        self.clogs: set[str] = set()
        self.dropped = self.held = 0
        self.delayed = self.lost = self.duplicated = self.reordered = self.throttled = 0
        self._weather: Weather | None = None
        self._free_ns = 0
        self._random = draws.random
        self._opening: list[Callable[[], object]] = []

    @property
    def mischief(self) -> Mischief:
        """What weather has done to packets so far."""
        return Mischief(
            delayed=self.delayed,
            lost=self.lost,
            duplicated=self.duplicated,
            reordered=self.reordered,
            throttled=self.throttled,
        )

    def set_weather(self, key: str, weather: Weather | None) -> None:
        """Change what is wrong under a name, or nothing any more."""
        self.weathers.pop(key, None)
        if weather is not None:
            self.weathers[key] = weather
        self._weather = combined(self.weathers.values())

    def arrivals(self, now_ns: int, size_bytes: int, *, probe: bool = False) -> tuple[int, ...]:
        """Return when a packet sent now arrives: never, once, or twice. Cuts and clogs are looked at then."""
        flight_ns = BASE_NS - int(_log(1 - self._random()) * SPREAD_NS)
        weather = self._weather
        if weather is None:
            return (now_ns + flight_ns,)
        counted = not probe
        start_ns = now_ns
        if weather.bytes_per_s:
            self.throttled += counted and self._free_ns > now_ns
            start_ns = max(now_ns, self._free_ns)
            start_ns += size_bytes * 1_000_000_000 // weather.bytes_per_s
            self._free_ns = start_ns
        if weather.loss and self._random() < weather.loss:
            self.lost += counted
            return ()
        first_ns = start_ns + flight_ns + self._late_ns(weather, counted=counted)
        if weather.duplicate and self._random() < weather.duplicate:
            self.duplicated += counted
            flight_ns = BASE_NS - int(_log(1 - self._random()) * SPREAD_NS)
            return (first_ns, start_ns + flight_ns + weather.delay_ns)
        return (first_ns,)

    def _late_ns(self, weather: Weather, *, counted: bool) -> int:
        late_ns = weather.delay_ns
        if weather.jitter_ns:
            late_ns += int(self._random() * weather.jitter_ns)
        self.delayed += counted and late_ns > 0
        if weather.reorder and self._random() < weather.reorder:
            self.reordered += counted
            late_ns += int(self._random() * HELD_BACK_NS)
        return late_ns

    def drop(self, *, probe: bool = False) -> None:
        """Count a packet that a cut has swallowed."""
        self.dropped += not probe

    def when_open(self, deliver: Callable[[], object], *, probe: bool = False) -> None:
        """Keep a packet in a clog; `deliver` is called when the link is unclogged."""
        self.held += not probe
        self._opening.append(deliver)

    def unclog(self, key: str) -> None:
        """Remove a clog; behind the last, all that has waited arrives at once, in order."""
        self.clogs.discard(key)
        if not self.clogs:
            waiting, self._opening = self._opening, []
            for deliver in waiting:
                deliver()


class Links:
    """All directions between the places of a network, made when they are first used."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._links: dict[Direction, PacketLink] = {}

    def between(self, source: str, target: str) -> PacketLink:
        """Return one direction."""
        link = self._links.get((source, target))
        if link is None:
            draws = self._tape.stream(f"network {source} {target}")
            link = self._links[source, target] = PacketLink(draws)
        return link

    def cut(self, key: str, links: Collection[Direction]) -> None:
        """Swallow all packets on these links, under a name; cuts add up."""
        for source, target in links:
            self.between(source, target).cuts.add(key)

    def mend(self, key: str) -> None:
        """Undo what was cut under a name."""
        for link in self._links.values():
            link.cuts.discard(key)

    def dropped(self) -> dict[Direction, int]:
        """Return how many packets each link that is cut now has swallowed."""
        return {name: link.dropped for name, link in self._links.items() if link.cuts}

    def disturb(self, key: str, links: Collection[Direction], weather: Weather) -> None:
        """Let there be weather on these links, under a name."""
        for source, target in sorted(links):
            self.between(source, target).set_weather(key, weather)

    def calm(self, key: str) -> None:
        """End the weather of a name."""
        for link in self._links.values():
            link.set_weather(key, None)

    def disturbed(self) -> Mapping[Direction, Mischief]:
        """Return what weather has done on each link where there is some now."""
        return {name: link.mischief for name, link in self._links.items() if link.weathers}

    def clog(self, key: str, links: Collection[Direction]) -> None:
        """Keep all packets on these links, under a name."""
        for source, target in links:
            self.between(source, target).clogs.add(key)

    def unclog(self, key: str) -> None:
        """Let go what was kept under a name, link by link."""
        for _, link in sorted(self._links.items()):
            link.unclog(key)

    def held(self) -> dict[Direction, int]:
        """Return how many packets each link that is clogged now has kept."""
        return {name: link.held for name, link in self._links.items() if link.clogs}
