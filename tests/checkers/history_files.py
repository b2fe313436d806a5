"""Histories as files, for those who read nothing else."""

import json

from checkers.verifier import read_history

HEADER = {
    "format": "acked-history",
    "version": 1,
    "origin": {"utc": "1970-01-01T00:00:00.000Z", "monotonic_ns": 0},
}


def call(id, f, *args, at, process=0, node=None):
    """Return the line of a call."""
    line = {"id": id, "process": process, "f": f, "args": list(args), "call": at}
    return line if node is None else {**line, "node": node}


def back(id, *, at, value=None, outcome="ok", node=None):
    """Return the line of a return."""
    line = {"id": id, "return": at, "outcome": outcome, "value": value}
    return line if node is None else {**line, "node": node}


def op(id, f, *args, at, until=None, value=None, outcome="ok", process=0, node=None):
    """Return the lines of an operation; of one that never returned only the call."""
    lines = [call(id, f, *args, at=at, process=process, node=node)]
    if until is not None:
        lines.append(back(id, at=until, value=value, outcome=outcome, node=node))
    return lines


def write(path, *operations):
    """Write a history, its lines in the order of time."""
    lines = sorted(
        (line for lines in operations for line in lines),
        key=lambda line: line.get("call", line.get("return")),
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in (HEADER, *lines)))
    return path


def history(path, *operations):
    """Write a history and read it."""
    return read_history(write(path, *operations))
