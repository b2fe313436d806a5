"""Bad weather: what several come to, how netem is told, and what was counted."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from harness.machine import CLIENTS, Weather
from nodes.hazards.netem import Line, begin, netem
from nodes.ssh.weather import MachineWeather, added

MS = 1_000_000
ADDRESSES = {CLIENTS: "192.168.56.1", "n1": "192.168.56.11", "n2": "192.168.56.12"}


def words(weather: Weather) -> str:
    return netem(msgspec.structs.asdict(weather))


def test_netem_is_told_what_there_is_and_no_more() -> None:
    assert words(Weather()) == "netem limit 10000"
    assert words(Weather(delay_ns=200 * MS)) == "netem limit 10000 delay 200000us"
    assert words(Weather(loss=0.02, duplicate=0.01)) == "netem limit 10000 loss 2.0000% duplicate 1.0000%"
    assert words(Weather(bytes_per_s=1000)) == "netem limit 10000 rate 8000bit"


def test_jitter_only_makes_it_longer() -> None:
    assert words(Weather(delay_ns=20 * MS, jitter_ns=20 * MS)) == "netem limit 10000 delay 30000us 10000us"


def test_packets_can_be_overtaken_only_where_they_are_late() -> None:
    assert words(Weather(reorder=0.05)) == "netem limit 10000 delay 10000us reorder 5.0000%"


def test_weather_of_several_keys_adds_up() -> None:
    both = added(
        [
            Weather(delay_ns=5, loss=0.5, bytes_per_s=100),
            Weather(delay_ns=7, loss=0.5, bytes_per_s=50),
            Weather(),
        ]
    )
    assert both == Weather(delay_ns=12, loss=0.75, bytes_per_s=50)


def test_what_comes_in_is_led_through_a_queue_of_its_sender() -> None:
    batch = begin(
        "eth1", [Line(["10.0.0.1"], True, "netem delay 1us"), Line(["fd00::2"], True, "netem loss 1%")]
    )
    lines = batch.splitlines()
    assert lines[0] == "qdisc add dev eth1 clsact"
    assert "qdisc add dev acked-way1 root netem loss 1%" in lines
    assert any("ip src 10.0.0.1/32 action mirred egress redirect dev acked-way0" in line for line in lines)
    assert any("ip6 src fd00::2/128 action mirred egress redirect dev acked-way1" in line for line in lines)


def test_what_goes_to_the_clients_has_a_queue_of_our_own_too() -> None:
    lines = begin("eth1", [Line(["10.0.0.9"], False, "netem delay 1us")]).splitlines()
    on_the_card = [line for line in lines if "dev eth1" in line]
    assert on_the_card[0] == "qdisc add dev eth1 clsact"
    assert all("egress" in line for line in on_the_card[1:])
    assert any("dst 10.0.0.9/32 action mirred egress redirect dev acked-way0" in line for line in lines)


def test_all_addresses_of_a_sender_lead_to_its_queue() -> None:
    lines = begin("eth1", [Line(["10.0.0.1", "10.0.0.2"], True, "netem delay 1us")]).splitlines()
    assert sum("redirect dev acked-way0" in line for line in lines) == 2
    assert sum("netem" in line for line in lines) == 1


def test_the_way_of_the_harness_is_spared_before_anything_is_led_astray() -> None:
    lines = begin("eth1", [Line(["10.0.0.9"], True, "netem loss 1%")], [("10.0.0.9", 22)]).splitlines()
    spared = [line for line in lines if "flowid 1:1" in line]
    assert ["ingress" in line for line in spared] == [True, False]
    assert "match ip src 10.0.0.9/32" in spared[0] and "match ip dport 22" in spared[0]
    numbers = [int(line.split(" prio ")[1].split()[0]) for line in lines if "filter add dev eth1" in line]
    assert numbers == sorted(numbers)


def test_fair_weather_needs_nothing() -> None:
    assert begin("eth1", []) == ""


class Recorded:
    """An agent that notes what it is asked, and counts ten packets more at each look."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.changes = 0
        self._sent = 0

    async def ask(self, do: str, *, what: str, arguments: dict[str, Any]) -> SimpleNamespace:
        lines = list(arguments["lines"])
        if what == "change weather":
            self.lines, self.changes, self._sent = lines, self.changes + 1, 0
            return SimpleNamespace(value=None)
        assert lines == self.lines, "what is counted is what there is"
        self._sent += 10
        return SimpleNamespace(
            value=[{"sent": self._sent, "lost": 1, "held": 0, "came": self._sent - 2} for _ in lines]
        )


def weather_of(agents: Mapping[str, Recorded]) -> MachineWeather:
    return MachineWeather(agents, lambda place, by: [ADDRESSES[place]])


@pytest.fixture
def agents() -> dict[str, Recorded]:
    return {"n1": Recorded(), "n2": Recorded()}


def test_a_link_has_its_weather_at_the_receiver_and_that_of_clients_at_the_sender(
    agents: dict[str, Recorded],
) -> None:
    async def go() -> None:
        await weather_of(agents).disturb(
            "k", [("n1", "n2"), (CLIENTS, "n1"), ("n1", CLIENTS)], Weather(loss=0.5)
        )

    asyncio.run(go())
    told = "netem limit 10000 loss 50.0000%"
    assert agents["n2"].lines == [Line(["192.168.56.11"], True, told)]
    assert sorted(agents["n1"].lines) == [
        Line(["192.168.56.1"], False, told),
        Line(["192.168.56.1"], True, told),
    ]


def test_machines_whose_weather_stays_are_left_alone(agents: dict[str, Recorded]) -> None:
    async def go() -> None:
        weather = weather_of(agents)
        await weather.disturb("one", [("n1", "n2")], Weather(delay_ns=MS))
        await weather.disturb("other", [("n2", "n1")], Weather(delay_ns=MS))
        await weather.calm("other")
        await weather.calm("other")

    asyncio.run(go())
    assert agents["n2"].changes == 1
    assert agents["n1"].changes == 2
    assert agents["n1"].lines == []


def test_counts_go_on_when_other_weather_is_added(agents: dict[str, Recorded]) -> None:
    async def go() -> list[int]:
        weather, link = weather_of(agents), ("n1", "n2")
        await weather.disturb("one", [link], Weather(delay_ns=MS))
        counts = [(await weather.disturbed())[link].delayed]
        await weather.disturb("other", [link], Weather(delay_ns=MS))
        counts.append((await weather.disturbed())[link].delayed)
        await weather.calm("one")
        counts.append((await weather.disturbed())[link].delayed)
        return counts

    assert asyncio.run(go()) == [10, 30, 50]


def test_duplicates_are_what_left_beyond_what_came(agents: dict[str, Recorded]) -> None:
    async def go() -> int:
        weather, link = weather_of(agents), ("n1", "n2")
        await weather.disturb("one", [link], Weather(duplicate=0.5))
        return (await weather.disturbed())[link].duplicated

    assert asyncio.run(go()) == 3
