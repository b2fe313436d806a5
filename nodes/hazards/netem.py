"""Bad weather on the machine's links, by the kernel's netem: what comes in, and what goes to the clients.

Packets are led through devices of our own (ifb), one for each peer: what comes in before the machine sees it, so
even its own TCP can't tell the weather from that of a real network; what goes out only where the receiver is no
machine and can't have such a device itself. (One device for all will not do: since 2025 kernels refuse a netem
that duplicates beside another one on a device.) On the machine's own card is but one thing of ours, a `clsact`
with the filters that lead there. It is removed when the weather ends; the card's own queue stays.
"""

import ipaddress
import itertools
import json
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from nodes.hazards.programs import call

_OURS = "acked-way"
"""What the names of the devices begin with that packets are led through; a number follows."""
_FIRST_FILTER = 1000
"""The number of the first filter that leads to a device; those before spare what is not to be touched."""
_LIMIT = 10_000
"""How many packets a queue holds; netem drops those beyond."""
_HOOKS = ("ingress", "clsact")


class Line(NamedTuple):
    """The weather on one link: with whom, by all addresses; into the machine or out of it; and its queue.

    The queue is in tc's words, such as `netem delay 1000us`.
    """

    peers: Sequence[str]
    inward: bool
    queue: str


def netem(weather: Mapping[str, Any]) -> str:
    """Return the queue for weather: times in ns, shares from 0 to 1, a rate in bytes a second.

    Packets overtake others by not being delayed: so there is a delay wherever there is reordering.
    """
    delay_us = max(weather["delay_ns"] // 1000, 10_000 if weather["reorder"] else 0)
    jitter_us = weather["jitter_ns"] // 1000
    words = [f"netem limit {_LIMIT}"]
    if delay_us or jitter_us:
        # netem's jitter goes both ways; ours only makes it longer.
        words.append(f"delay {delay_us + jitter_us // 2}us" + (f" {jitter_us // 2}us" if jitter_us else ""))
    for name, word in (("loss", "loss"), ("duplicate", "duplicate"), ("reorder", "reorder")):
        if weather[name]:
            words.append(f"{word} {weather[name] * 100:.4f}%")
    if weather["bytes_per_s"]:
        words.append(f"rate {weather['bytes_per_s'] * 8}bit")
    return " ".join(words)


def begin(device: str, lines: Iterable[Line], doors: Iterable[tuple[str, int]] = ()) -> str:
    """Return the batch for `tc` that makes the weather; `device` is the card of the cluster's network.

    `doors` are from where the harness comes, and to which of the machine's ports: that is spared.
    """
    lines = list(lines)
    if not lines:
        return ""
    made = [f"qdisc add dev {device} clsact"]
    sides = (("ingress", "src", "dport"), ("egress", "dst", "sport"))
    spared = itertools.product(sorted(doors), sides)
    for prio, ((address, port), (hook, far, near)) in enumerate(spared, start=1):
        version, protocol, bits = _family(address)
        # A filter that leads to a class and does nothing else ends the search: the packet goes its usual way.
        made.append(
            f"filter add dev {device} {hook} protocol {version} prio {prio} u32 "
            f"match {protocol} {far} {address}/{bits} match {protocol} protocol 6 0xff "
            f"match {protocol} {near} {port} 0xffff flowid 1:1"
        )
    made += [f"qdisc add dev {_device(number)} root {line.queue}" for number, line in enumerate(lines)]
    for prio, number, line, peer in _filters(lines):
        hook, side = ("ingress", "src") if line.inward else ("egress", "dst")
        version, protocol, bits = _family(peer)
        made.append(
            f"filter add dev {device} {hook} protocol {version} prio {prio} u32 "
            f"match {protocol} {side} {peer}/{bits} action mirred egress redirect dev {_device(number)}"
        )
    return "".join(f"{line}\n" for line in made)


def device_of(address: str) -> str:
    """Return the name of the card that has an address of this machine."""
    for card in json.loads(call("ip", "-json", "address", "show", "to", address)):
        return str(card["ifname"])
    raise RuntimeError(f"no card of this machine has the address {address}")


def why_not(address: str) -> str | None:
    """Return why there can't be weather on the card that has an address of this machine, or None.

    It is tried, on a device of our own.
    """
    try:
        device = device_of(address)
        for queue in json.loads(call("tc", "-json", "qdisc", "show", "dev", device)):
            if queue["kind"] in _HOOKS:
                return f"{device} has filters of somebody else's (tc qdisc show dev {device}): remove them"
        call("ip", "link", "add", _device(0), "type", "ifb")
        try:
            call("tc", "qdisc", "add", "dev", _device(0), "root", "netem", "delay", "1us")
        finally:
            call("ip", "link", "del", _device(0))
    except FileNotFoundError as error:
        return f"{error.filename} is not installed: apt-get install iproute2 (or your system's package)"
    except RuntimeError as error:
        return f"its kernel has no netem (modules sch_netem and ifb): {str(error).splitlines()[-1]}"
    return None


def clear() -> None:
    """End all weather, on whatever card it is, and whoever has made it. Safe to call twice."""
    there = [name for _, name in socket.if_nameindex() if name.startswith(_OURS)]
    if not there:
        return
    for queue in json.loads(call("tc", "-json", "qdisc", "show")):
        if queue["kind"] in _HOOKS and _is_ours(queue["dev"]):
            call("tc", "qdisc", "del", "dev", queue["dev"], "clsact")
    for name in there:
        call("ip", "link", "del", name)


def change(device: str, lines: Sequence[Line], doors: Collection[tuple[str, int]]) -> None:
    """Let there be this weather and no other; packets that are being delayed are lost."""
    clear()
    for number in range(len(lines)):
        call("ip", "link", "add", _device(number), "type", "ifb")
        call("ip", "link", "set", _device(number), "up")
    if lines:
        call("tc", "-batch", "-", text=begin(device, lines, doors))


def counts(device: str, lines: Sequence[Line]) -> list[dict[str, int]]:
    """Return for each line how many packets came to it, left it, were lost in it, and are in it."""
    queues = _queues()
    came = {inward: _came(device, inward) for inward in {line.inward for line in lines}}
    told = []
    for number in range(len(lines)):
        queue = queues.get(_device(number), {})
        told.append(
            {
                "sent": queue.get("packets", 0),
                "lost": queue.get("drops", 0),
                "held": queue.get("qlen", 0),
                "came": 0,
            }
        )
    for prio, number, line, _ in _filters(lines):
        told[number]["came"] += came[line.inward].get(prio, 0)
    return told


def _filters(lines: Iterable[Line]) -> Iterator[tuple[int, int, Line, str]]:
    """Yield the filters that lines take: each one's number, that of its line, the line, and whose packets."""
    prio = _FIRST_FILTER
    for number, line in enumerate(lines):
        for peer in line.peers:
            yield prio, number, line, peer
            prio += 1


def _device(number: int) -> str:
    return f"{_OURS}{number}"


def _family(address: str) -> tuple[str, str, int]:
    """Return the protocol of an address, as a filter has it and as a match has it, and how many bits it has."""
    parsed = ipaddress.ip_address(address)
    return ("ip", "ip", 32) if parsed.version == 4 else ("ipv6", "ip6", 128)


def _is_ours(device: str) -> bool:
    """Tell whether the filters of a card lead to our devices."""
    listed = (call("tc", "filter", "show", "dev", device, hook) for hook in ("ingress", "egress"))
    return any(f"dev {_OURS}" in text or f"device {_OURS}" in text for text in listed)


def _queues() -> dict[str, dict[str, int]]:
    """Return what each device's queue has counted."""
    told = json.loads(call("tc", "-json", "-statistics", "qdisc", "show"))
    return {each["dev"]: each for each in told if each["dev"].startswith(_OURS)}


def _came(device: str, inward: bool) -> dict[int, int]:
    """Return how many packets each filter has led to its queue, by the filter's number."""
    hook = "ingress" if inward else "egress"
    told = json.loads(call("tc", "-json", "-statistics", "filter", "show", "dev", device, hook) or "[]")
    found = {}
    for each in told:
        for action in each.get("options", {}).get("actions", []):
            found[each["pref"]] = action["stats"]["packets"]
    return found
