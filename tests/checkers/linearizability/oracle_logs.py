"""Reads the histories with known verdicts that lie beside the repository."""

import json
import os
import re
from pathlib import Path

from checkers.linearizability.columns import Calls, CallsBuilder
from checkers.linearizability.model import UNKNOWN

FOLDER = Path(os.environ.get("ACKED_ORACLES") or Path(__file__).parents[4] / "shared" / "oracles")

ETCD = re.compile(r"INFO\s+jepsen\.util - (\d+)\s+:(\w+)\s+:(\w+)\s+(.*)")
KV = re.compile(r'\{:process (\d+), :type :(\w+), :f :(\w+), :key "(.*?)", :value (.*)\}')


def verdicts() -> dict[str, str]:
    """Return what is known of each file, by its name; nothing where the folder is not there."""
    index = FOLDER / "verdicts.json"
    return json.loads(index.read_text()) if index.is_file() else {}


def read(name: str) -> tuple[Calls, str]:
    """Return the calls of a file, and the name of the model."""
    lines = (FOLDER / name).read_text().splitlines()
    return (_etcd(lines), "cas-register") if name.startswith("etcd") else (_kv(lines), "kv-append")


def _etcd(lines: list[str]) -> Calls:
    builder = CallsBuilder()
    open_calls: dict[str, tuple[int, str, tuple[int, ...], int]] = {}
    count = 0
    for at, line in enumerate(lines):
        match = ETCD.fullmatch(line)
        if not match:
            continue
        process, kind, f, rest = match.groups()
        numbers = tuple(int(each) for each in re.findall(r"-?\d+", rest))
        if kind == "invoke":
            open_calls[process] = (at, f, numbers, count)
            count += 1
            continue
        call_ns, f, args, number = open_calls.pop(process)
        result = {"ok": True, "fail": False}.get(kind, UNKNOWN)
        if f == "read":
            args, result = (), (next(iter(numbers), None) if kind == "ok" else UNKNOWN)
        builder.add(
            id=number,
            process=int(process),
            f=f,
            args=args,
            result=None if f == "write" and kind == "ok" else result,
            call_ns=call_ns,
            return_ns=at,
        )
    for process, (call_ns, f, args, number) in open_calls.items():
        known = () if f == "read" else args
        builder.add(id=number, process=int(process), f=f, args=known, call_ns=call_ns)
    return builder.build()


def _kv(lines: list[str]) -> Calls:
    builder = CallsBuilder()
    open_calls: dict[str, tuple[int, str, str, tuple[str, ...]]] = {}
    for at, line in enumerate(lines):
        match = KV.fullmatch(line)
        assert match, line
        process, kind, f, key, value = match.groups()
        text = value.strip('"')
        if kind == "invoke":
            open_calls[process] = (at, f, key, () if f == "get" else (text,))
            continue
        call_ns, f, key, args = open_calls.pop(process)
        result = text if f == "get" else None
        builder.add(
            id=call_ns,
            process=int(process),
            key=key,
            f=f,
            args=args,
            result=result,
            call_ns=call_ns,
            return_ns=at,
        )
    for process, (call_ns, f, key, args) in open_calls.items():
        builder.add(id=call_ns, process=int(process), key=key, f=f, args=args, call_ns=call_ns)
    return builder.build()
