"""Carries out requests, one after the other: a line of JSON in, a line of JSON out, to the end of its input.

In a request `do` names a function of the table below, the other members are its arguments. An answer has what
it returned as `answer`, or as `error` in one line why it could not be done.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from nodes.vagrant.guest import clock, disk, weather

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
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
    "change weather": lambda device, lines: weather.change(device, [weather.Line(*line) for line in lines]),
    "count weather": lambda device, lines: weather.counts(device, [weather.Line(*line) for line in lines]),
}


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer each request."""
    for line in requests:
        answers.write(json.dumps(carry_out(json.loads(line))) + "\n")
        answers.flush()


def carry_out(request: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked; whatever goes wrong is told in the answer."""
    try:
        return {"answer": FUNCTIONS[request.pop("do")](**request)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Answer the requests on standard input."""
    serve(sys.stdin, sys.stdout)
