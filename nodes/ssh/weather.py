"""Bad weather between hosts (`harness.machine.BadWeather`), by the netem of their kernels.

A link's weather is at its receiver; only that of links to the clients is at their sender, because the host of the
clients may have no netem.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from harness.machine import CLIENTS, Link, Mischief, Weather
from harness.tasks import together, uninterrupted
from nodes.hazards.netem import Line, netem
from nodes.ssh.asks import Agent, hazard


class MachineWeather:
    """The weather in force, by key. Used on one event loop.

    `agents` are asked by name, whoever they are at that time. `seen` returns the addresses of a place, the first
    argument, by which a machine knows it.
    """

    def __init__(self, agents: Mapping[str, Agent], seen: Callable[[str, str], Collection[str]]) -> None:
        self._agents = agents
        self._seen = seen
        self._keys: dict[str, dict[Link, Weather]] = {}
        self._in_force: dict[Link, Weather] = {}
        self._before: dict[Link, Counter[str]] = {}
        self._absent: set[str] = set()
        self._changing = asyncio.Lock()

    async def leave(self, name: str) -> None:
        """Ask nothing of a machine from now on: it has no power, and no weather."""
        async with self._changing:
            self._absent.add(name)
            self._in_force = {link: each for link, each in self._in_force.items() if _place(link) != name}

    async def come_back(self, name: str) -> None:
        """Let there be weather again where it should be, on a machine that has power again."""
        self._absent.discard(name)
        await uninterrupted(self._apply())

    async def disturb(self, key: str, links: Collection[Link], weather: Weather) -> None:
        """Let there be weather on `links`, under the name `key`; that of several keys adds up."""
        self._keys[key] = dict.fromkeys(links, weather)
        await uninterrupted(self._apply())

    async def calm(self, key: str) -> None:
        """End the weather of a key. Safe to call twice."""
        if self._keys.pop(key, None) is not None:
            await uninterrupted(self._apply())

    async def disturbed(self) -> Mapping[Link, Mischief]:
        """Return what weather has done so far on each link where there is some now.

        netem does not count packets that overtake others; they are among those that it delays.
        """
        async with self._changing:
            counts = await self._counts(self._in_force)
        return {
            link: _mischief(self._before.get(link, Counter()) + counts[link], weather)
            for link, weather in self._in_force.items()
        }

    async def _apply(self) -> None:
        """Change the weather on the machines where it must change."""
        async with self._changing:
            links = sorted(
                link
                for link in {link for each in self._keys.values() for link in each}
                if _place(link) not in self._absent
            )
            wanted = {
                link: added([each[link] for each in self._keys.values() if link in each]) for link in links
            }
            changed = {
                link
                for link in wanted.keys() | self._in_force
                if wanted.get(link) != self._in_force.get(link)
            }
            places = {_place(link) for link in changed}
            lost = {link: each for link, each in self._in_force.items() if _place(link) in places}
            for link, count in (await self._counts(lost)).items():
                self._before[link] = self._before.get(link, Counter()) + count
            await together(self._change(name, wanted) for name in sorted(places))
            self._in_force = wanted

    async def _change(self, name: str, wanted: Mapping[Link, Weather]) -> None:
        here = [link for link in wanted if _place(link) == name]
        await hazard(
            self._agents[name],
            "change weather",
            lines=self._lines(here, wanted),
        )

    async def _counts(self, links: Mapping[Link, Weather]) -> dict[Link, "Counter[str]"]:
        by_place = {name: [link for link in links if _place(link) == name] for name in map(_place, links)}
        told = await together(
            hazard(
                self._agents[name],
                "count weather",
                lines=self._lines(here, links),
            )
            for name, here in by_place.items()
        )
        return {
            link: Counter(count)
            for here, counts in zip(by_place.values(), told, strict=True)
            for link, count in zip(here, counts, strict=True)
        }

    def _lines(self, links: Iterable[Link], weather: Mapping[Link, Weather]) -> list[Line]:
        return [
            Line(
                list(self._seen(*((receiver, sender) if receiver == CLIENTS else (sender, receiver)))),
                receiver != CLIENTS,
                netem(msgspec.structs.asdict(weather[sender, receiver])),
            )
            for sender, receiver in links
        ]


def added(weathers: Collection[Weather]) -> Weather:
    """Return what several weathers come to: times add up, shares are of what is left, the least rate holds."""

    def share(name: str) -> float:
        return 1.0 - math.prod(1.0 - float(getattr(each, name)) for each in weathers)

    return Weather(
        delay_ns=sum(each.delay_ns for each in weathers),
        jitter_ns=sum(each.jitter_ns for each in weathers),
        loss=share("loss"),
        duplicate=share("duplicate"),
        reorder=share("reorder"),
        bytes_per_s=min((each.bytes_per_s for each in weathers if each.bytes_per_s), default=0),
    )


def _place(link: Link) -> str:
    """Return the machine that makes the weather on a link."""
    sender, receiver = link
    return sender if receiver == CLIENTS else receiver


def _mischief(counts: "Counter[str]", weather: Weather) -> Mischief:
    slow = weather.delay_ns or weather.jitter_ns or weather.reorder
    return Mischief(
        delayed=counts["sent"] if slow else 0,
        lost=counts["lost"],
        duplicated=max(0, counts["sent"] + counts["lost"] + counts["held"] - counts["came"]),
        throttled=counts["sent"] if weather.bytes_per_s else 0,
    )
