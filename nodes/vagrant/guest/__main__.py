"""Carries out one request: `python3 guest.pyz`, with a JSON object on standard input.

`do` names a function of the table below, the other members are its arguments. What it returns is printed as
JSON. What can't be done is told on standard error in one line, with status 1.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from nodes.vagrant.guest import clock, disk, weather
from nodes.vagrant.guest.weather import Line


def _change_weather(device: str, lines: list[list[Any]]) -> None:
    weather.change(device, [Line(*line) for line in lines])


def _count_weather(device: str, lines: list[list[Any]]) -> list[dict[str, int]]:
    return weather.counts(device, [Line(*line) for line in lines])


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "make disk": disk.make,
    "attach disk": disk.attach,
    "remove disk": disk.remove,
    "identify disk": disk.identity,
    "break disk": disk.break_disk,
    "mend disk": disk.mend_disk,
    "count bites": disk.bites,
    "probe disk": disk.probe,
    "read clocks": clock.read,
    "jump clock": clock.jump,
    "drift clocks": clock.drift,
    "change weather": _change_weather,
    "count weather": _count_weather,
}


def main() -> None:
    """Carry out the request on standard input."""
    request = json.load(sys.stdin)
    try:
        answer = FUNCTIONS[request.pop("do")](**request)
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(1)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
