"""Bad weather on the machine's links, by the kernel's netem: what comes in, and what goes to the clients.

Packets that come in are led through a device of our own (ifb), where each sender has a queue, before the machine
sees them; so even its own TCP can't tell the weather from that of a real network. What goes out has a queue only
where the receiver is no machine and can't have one itself.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from nodes.hazards.programs import attempt, call, succeeds

DEVICE = "acked-in"
_ROOT = "1:"
_FIRST = 16
"""The number of the first peer's queue."""
_LIMIT = 10_000
"""How many packets a queue holds; netem drops those beyond."""


class Line(NamedTuple):
    """The weather on one link: with whom, into the machine or out of it, and netem's words for it."""

    peer: str
    inward: bool
    netem: str


def netem(weather: Mapping[str, Any]) -> str:
    """Return netem's words for weather: times in ns, shares from 0 to 1, a rate in bytes a second.

    Packets overtake others by not being delayed: so there is a delay wherever there is reordering.
    """
    delay_us = max(weather["delay_ns"] // 1000, 10_000 if weather["reorder"] else 0)
    jitter_us = weather["jitter_ns"] // 1000
    words = [f"limit {_LIMIT}"]
    if delay_us or jitter_us:
        # netem's jitter goes both ways; ours only makes it longer.
        words.append(f"delay {delay_us + jitter_us // 2}us" + (f" {jitter_us // 2}us" if jitter_us else ""))
    for name, word in (("loss", "loss"), ("duplicate", "duplicate"), ("reorder", "reorder")):
        if weather[name]:
            words.append(f"{word} {weather[name] * 100:.4f}%")
    if weather["bytes_per_s"]:
        words.append(f"rate {weather['bytes_per_s'] * 8}bit")
    return " ".join(words)


def begin(device: str, lines: Iterable[Line]) -> str:
    """Return the batch for `tc` that makes the weather; `device` is the card of the cluster's network."""
    made: list[str] = []
    lines = list(lines)
    if any(line.inward for line in lines):
        made.append(f"qdisc add dev {device} ingress")
    for where, inward in ((DEVICE, True), (device, False)):
        here = [line for line in lines if line.inward is inward]
        if here:
            made.append(f"qdisc add dev {where} root handle {_ROOT} htb")
        for number, line in enumerate(here, start=_FIRST):
            side = "src" if inward else "dst"
            made += [
                f"class add dev {where} parent {_ROOT} classid {_ROOT}{number:x} htb rate 100gbit quantum 60000",
                f"qdisc add dev {where} parent {_ROOT}{number:x} handle {number:x}: netem {line.netem}",
                f"filter add dev {where} parent {_ROOT} protocol ip prio {number} "
                f"u32 match ip {side} {line.peer}/32 flowid {_ROOT}{number:x}",
            ]
            if inward:
                made.append(
                    f"filter add dev {device} parent ffff: protocol ip prio {number} "
                    f"u32 match ip src {line.peer}/32 action mirred egress redirect dev {DEVICE}"
                )
    return "".join(f"{line}\n" for line in made)


def device_of(address: str) -> str:
    """Return the name of the card that has an address of this machine."""
    for card in json.loads(call("ip", "-json", "address", "show", "to", address)):
        return str(card["ifname"])
    raise RuntimeError(f"no card of this machine has the address {address}")


def clear() -> None:
    """End all weather, on whatever card it is. Safe to call twice."""
    for queue in json.loads(call("tc", "-json", "qdisc", "show", "ingress")):
        _clear(queue["dev"])
    attempt(["ip", "link", "del", DEVICE])  # there may be none


def change(device: str, lines: list[Line]) -> None:
    """Let there be this weather and no other; packets that are being delayed are lost."""
    _clear(device)
    if any(line.inward for line in lines) and not succeeds("ip", "link", "show", DEVICE):
        call("ip", "link", "add", DEVICE, "type", "ifb")
        call("ip", "link", "set", DEVICE, "up")
    call("tc", "-batch", "-", text=begin(device, lines))


def _clear(device: str) -> None:
    for where in ((device, "root"), (device, "ingress"), (DEVICE, "root")):
        attempt(["tc", "qdisc", "del", "dev", *where])  # there may be none


def counts(device: str, lines: list[Line]) -> list[dict[str, int]]:
    """Return for each line how many packets came to it, left it, were lost in it, and are in it.

    Those that came are counted only where lines lead into the machine.
    """
    queues = {
        name: _queues(name) for name in (device, *([DEVICE] if any(line.inward for line in lines) else []))
    }
    came = _came(device)
    numbers = {True: _FIRST, False: _FIRST}
    told = []
    for line in lines:
        number = numbers[line.inward]
        numbers[line.inward] += 1
        queue = queues[DEVICE if line.inward else device].get(f"{number:x}:", {})
        counted = {
            "sent": queue.get("packets", 0),
            "lost": queue.get("drops", 0),
            "held": queue.get("qlen", 0),
        }
        told.append({**counted, "came": came.get(number, 0) if line.inward else sum(counted.values())})
    return told


def _queues(device: str) -> dict[str, dict[str, int]]:
    told = json.loads(call("tc", "-json", "-statistics", "qdisc", "show", "dev", device))
    return {each["handle"]: each for each in told if "handle" in each}


def _came(device: str) -> dict[int, int]:
    """Return how many packets each filter has led to its queue, by the filter's number."""
    told = json.loads(call("tc", "-json", "-statistics", "filter", "show", "dev", device, "ingress") or "[]")
    found = {}
    for each in told:
        for action in each.get("options", {}).get("actions", []):
            found[each["pref"]] = action["stats"]["packets"]
    return found
