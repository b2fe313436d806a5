"""Bad weather on the machine's links, by the kernel's netem: what comes in, and what goes to the clients.

Packets are led through devices of our own (ifb), where each peer has a queue: what comes in before the machine
sees it, so even its own TCP can't tell the weather from that of a real network; what goes out only where the
receiver is no machine and can't have a queue itself. On the machine's own card is but one thing of ours, a
`clsact` with the filters that lead there. It is removed when the weather ends; the card's own queue stays.
"""

import ipaddress
import itertools
import json
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from nodes.hazards.programs import call

IN, OUT = "acked-in", "acked-out"
"""The devices that packets are led through."""
_ROOT = "1:"
_FIRST = 16
"""The number of the first peer's queue."""
_FIRST_FILTER = 1000
"""The number of the first filter that leads to a queue; those before spare what is not to be touched."""
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
            f"match {protocol} {near} {port} 0xffff flowid {_ROOT}1"
        )
    for where in sorted({_device(line) for line in lines}):
        made.append(f"qdisc add dev {where} root handle {_ROOT} htb")
    for number, line in enumerate(lines, start=_FIRST):
        where = _device(line)
        made += [
            f"class add dev {where} parent {_ROOT} classid {_ROOT}{number:x} htb rate 100gbit quantum 60000",
            f"qdisc add dev {where} parent {_ROOT}{number:x} handle {number:x}: {line.queue}",
        ]
    for prio, number, line, peer in _filters(lines):
        hook, side = ("ingress", "src") if line.inward else ("egress", "dst")
        version, protocol, bits = _family(peer)
        match = f"protocol {version} prio {prio} u32 match {protocol} {side} {peer}/{bits}"
        where = _device(line)
        made += [
            f"filter add dev {where} parent {_ROOT} {match} flowid {_ROOT}{number:x}",
            f"filter add dev {device} {hook} {match} action mirred egress redirect dev {where}",
        ]
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
        call("ip", "link", "add", IN, "type", "ifb")
        try:
            call("tc", "qdisc", "add", "dev", IN, "root", "netem", "delay", "1us")
        finally:
            call("ip", "link", "del", IN)
    except FileNotFoundError as error:
        return f"{error.filename} is not installed: apt-get install iproute2 (or your system's package)"
    except RuntimeError as error:
        return f"its kernel has no netem (modules sch_netem and ifb): {str(error).splitlines()[-1]}"
    return None


def clear() -> None:
    """End all weather, on whatever card it is, and whoever has made it. Safe to call twice."""
    there = {name for _, name in socket.if_nameindex()} & {IN, OUT}
    if not there:
        return
    for queue in json.loads(call("tc", "-json", "qdisc", "show")):
        if queue["kind"] in _HOOKS and _is_ours(queue["dev"]):
            call("tc", "qdisc", "del", "dev", queue["dev"], "clsact")
    for name in sorted(there):
        call("ip", "link", "del", name)


def change(device: str, lines: Sequence[Line], doors: Collection[tuple[str, int]]) -> None:
    """Let there be this weather and no other; packets that are being delayed are lost."""
    clear()
    for name in sorted({_device(line) for line in lines}):
        call("ip", "link", "add", name, "type", "ifb")
        call("ip", "link", "set", name, "up")
    if lines:
        call("tc", "-batch", "-", text=begin(device, lines, doors))


def counts(device: str, lines: Sequence[Line]) -> list[dict[str, int]]:
    """Return for each line how many packets came to it, left it, were lost in it, and are in it."""
    queues = {name: _queues(name) for name in {_device(line) for line in lines}}
    came = {inward: _came(device, inward) for inward in {line.inward for line in lines}}
    told = []
    for number, line in enumerate(lines, start=_FIRST):
        queue = queues[_device(line)].get(f"{number:x}:", {})
        told.append(
            {
                "sent": queue.get("packets", 0),
                "lost": queue.get("drops", 0),
                "held": queue.get("qlen", 0),
                "came": 0,
            }
        )
    for prio, number, line, _ in _filters(lines):
        told[number - _FIRST]["came"] += came[line.inward].get(prio, 0)
    return told


def _filters(lines: Iterable[Line]) -> Iterator[tuple[int, int, Line, str]]:
    """Yield the filters that lines take: each one's number, that of its queue, its line, and whose packets."""
    prio = _FIRST_FILTER
    for number, line in enumerate(lines, start=_FIRST):
        for peer in line.peers:
            yield prio, number, line, peer
            prio += 1


def _device(line: Line) -> str:
    return IN if line.inward else OUT


def _family(address: str) -> tuple[str, str, int]:
    """Return the protocol of an address, as a filter has it and as a match has it, and how many bits it has."""
    parsed = ipaddress.ip_address(address)
    return ("ip", "ip", 32) if parsed.version == 4 else ("ipv6", "ip6", 128)


def _is_ours(device: str) -> bool:
    """Tell whether the filters of a card lead to our devices."""
    listed = (call("tc", "filter", "show", "dev", device, hook) for hook in ("ingress", "egress"))
    return any(f"dev {name}" in text or f"device {name}" in text for text in listed for name in (IN, OUT))


def _queues(device: str) -> dict[str, dict[str, int]]:
    told = json.loads(call("tc", "-json", "-statistics", "qdisc", "show", "dev", device))
    return {each["handle"]: each for each in told if "handle" in each}


def _came(device: str, inward: bool) -> dict[int, int]:
    """Return how many packets each filter has led to its queue, by the filter's number."""
    hook = "ingress" if inward else "egress"
    told = json.loads(call("tc", "-json", "-statistics", "filter", "show", "dev", device, hook) or "[]")
    found = {}
    for each in told:
        for action in each.get("options", {}).get("actions", []):
            found[each["pref"]] = action["stats"]["packets"]
    return found
