"""A table written to a file in one of the formats that others read, and that `harness.reading` reads again."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from harness import results
from harness.clock import Origin
from harness.columns.table import Table
from harness.exporting import jepsen
from harness.exporting.events import CALL, events
from harness.exporting.plain import plain
from harness.operation import Outcome
from harness.reading import edn
from harness.recording import FORMAT, VERSION, CallLine, Header, ReturnLine

NO_ORIGIN = Origin(utc="1970-01-01T00:00:00.000Z", monotonic_ns=0)
"""The origin of a history that does not tell it."""

_BLOCK = 4096


def export(table: Table, path: Path, target: str) -> None:
    """Write a history; `target` is a key of `WRITERS`, or "parquet".

    Raises MissingError where a library is missing, FolderError when the disk is full, and UsageError where the
    file can't be written.
    """
    if target == "parquet":
        from harness.exporting import parquet

        with results.storing(path):
            parquet.write(table, path)
        return
    lines = WRITERS[target](table)
    with results.storing(path), path.open("wb") as file:
        block: list[bytes] = []
        for line in lines:
            block.append(line)
            if len(block) == _BLOCK:
                file.write(b"\n".join(block) + b"\n")
                block.clear()
        if block:
            file.write(b"\n".join(block) + b"\n")


def edn_lines(table: Table) -> Iterator[bytes]:
    """Yield Jepsen's EDN, an operation's map a line."""
    for index, (kind, operation) in enumerate(events(table)):
        found = jepsen.invocation(operation) if kind == CALL else jepsen.completion(operation)
        if table.timed:
            found["time"] = operation.call_ns if kind == CALL else operation.return_ns
        found["index"] = index
        pairs = ", ".join(f":{name} {edn.write(value)}" for name, value in found.items())
        yield f"{{{pairs}}}".encode()


def json_lines(table: Table) -> Iterator[bytes]:
    """Yield the same maps as JSON, an object a line, as elle-cli reads them."""
    encode = msgspec.json.Encoder().encode
    for index, (kind, operation) in enumerate(events(table)):
        found = jepsen.invocation(operation) if kind == CALL else jepsen.completion(operation)
        if table.timed:
            found["time"] = operation.call_ns if kind == CALL else operation.return_ns
        found["index"] = index
        yield encode(plain(found))


def own_lines(table: Table) -> Iterator[bytes]:
    """Yield our own history's lines."""
    encode = msgspec.json.Encoder().encode
    yield encode(Header(format=FORMAT, version=VERSION, origin=table.origin or NO_ORIGIN))
    for kind, operation in events(table):
        if kind == CALL:
            yield encode(
                CallLine(
                    id=operation.id,
                    process=operation.process,
                    f=operation.f,
                    args=tuple(map(plain, operation.args)),
                    node=operation.node,
                    call=operation.call_ns,
                )
            )
            continue
        ok = operation.outcome is Outcome.OK
        yield encode(
            ReturnLine(
                id=operation.id,
                returned=operation.return_ns or 0,
                outcome=operation.outcome,
                value=plain(operation.value),
                epoch=operation.epoch,
                offset=operation.offset,
                degraded=operation.degraded,
                node=operation.node if ok else None,
                error=operation.error,
            )
        )


WRITERS: Mapping[str, Callable[[Table], Iterator[bytes]]] = {
    "edn": edn_lines,
    "json": json_lines,
    "jsonl": own_lines,
}
"""The formats that are text, by name."""
