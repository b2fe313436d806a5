"""How a history is written: JSON lines, one when a call is made and one when it returns.

The first line is a header. Calls and returns follow in the order of their times, so a crash of the harness
leaves a history that is right up to its last line. `harness.history` reads it again.

Arguments and values are what JSON has: None, bool, int, float, str, lists, and dicts with str
keys; tuples and sets come back as lists.
"""

from typing import Any

import msgspec
from msgspec import Struct

from harness.clock import Origin
from harness.errors import DamagedError, HarnessError
from harness.operation import Invocation, Outcome, Reply
from harness.spool import LineFile

FORMAT = "acked-history"
VERSION = 1


class Header(Struct, frozen=True, kw_only=True):
    """The first line of a history file."""

    format: str
    version: int
    origin: Origin


def read_header(first: bytes, path: str) -> Header:
    """Return what the first line of a history says; raises DamagedError when it is no such line."""
    if not first.endswith(b"\n"):
        raise DamagedError(f"{path}:1: nothing was recorded: the header is missing or incomplete")
    try:
        header = msgspec.json.decode(first, type=Header)
    except msgspec.DecodeError as error:
        raise DamagedError(f"{path}:1: this is no history: {error}") from error
    if (header.format, header.version) != (FORMAT, VERSION):
        raise DamagedError(
            f"{path}:1: format {header.format!r} version {header.version}; "
            f"this reads {FORMAT!r} version {VERSION}"
        )
    return header


class CallLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A client was asked to do something; `call` is when, in nanoseconds since the origin."""

    id: int
    process: int
    f: str
    args: tuple[Any, ...] = ()
    node: str | None = None
    call: int


class ReturnLine(Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"returned": "return"}):
    """What became of the call with the same id; `node` is the one that answered."""

    id: int
    returned: int
    outcome: Outcome
    value: Any = None
    epoch: int | None = None
    offset: int | None = None
    degraded: bool = False
    node: str | None = None
    error: str | None = None


class Recorder:
    """Writes a history as it happens.

    Every method raises FolderError when the file can't be written any more, and HarnessError when a client
    answered with a value that JSON does not have.
    """

    def __init__(self, file: LineFile, origin: Origin) -> None:
        self._file = file
        self._encode = msgspec.json.Encoder().encode
        self._next_id = 0
        file.append(self._encode(Header(format=FORMAT, version=VERSION, origin=origin)))

    def call(self, invocation: Invocation, *, process: int, call_ns: int) -> int:
        """Record a call and return its id; ids count from 0."""
        id_ = self._next_id
        self._next_id += 1
        self._write(
            CallLine(
                id=id_,
                process=process,
                f=invocation.f,
                args=invocation.args,
                node=invocation.node,
                call=call_ns,
            )
        )
        return id_

    def ok(self, id_: int, *, return_ns: int, reply: Reply) -> None:
        """Record that the operation happened, and what it answered."""
        self._write(
            ReturnLine(
                id=id_,
                returned=return_ns,
                outcome=Outcome.OK,
                value=reply.value,
                epoch=reply.epoch,
                offset=reply.offset,
                degraded=reply.degraded,
                node=reply.node,
            )
        )

    def failed(self, id_: int, *, return_ns: int, outcome: Outcome, error: str) -> None:
        """Record that the operation did not happen (FAIL) or that nobody knows (INFO), and why."""
        text = error.encode("utf-8", "backslashreplace").decode()
        self._write(ReturnLine(id=id_, returned=return_ns, outcome=outcome, error=text))

    def _write(self, line: CallLine | ReturnLine) -> None:
        try:
            encoded = self._encode(line)
        except (TypeError, ValueError, OverflowError) as error:
            raise HarnessError(f"operation {line.id} can't be recorded: {error}") from error
        self._file.append(encoded)
