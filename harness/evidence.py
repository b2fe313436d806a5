"""What nodes say about themselves, kept off the machines while they say it.

Every line that a supervised process prints is written to `evidence/<node>.jsonl` as it arrives, with the time
of its arrival, so a wiped disk takes no proof along. After the run the system turns the lines into events.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from harness.clock import Origin
from harness.errors import DamagedError, FolderError
from harness.events import NodeEvent
from harness.spool import LineFile, Spool
from harness.system import Reports, System

FOLDER = "evidence"


class Heard(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a node: `recv` is when it arrived, in nanoseconds since the origin.

    `exact` says that it arrived at the very instant at which it was printed; then that is the time of what it
    tells, whatever the node's own clock says.
    """

    recv: int
    line: str
    exact: bool = False


class EvidenceRecorder:
    """Writes down each node's lines; `take` is a cluster's `on_line`.

    It keeps lines between `start` and `stop`. `take` does not raise, as it is called by whoever reads a
    process's output: `error` holds the first failure to write.
    """

    def __init__(self) -> None:
        self.error: FolderError | None = None
        self._files: dict[str, LineFile] = {}
        self._origin_ns = 0
        self._exact = False
        self._encode = msgspec.json.Encoder().encode

    def start(
        self, spool: Spool, folder: Path, nodes: tuple[str, ...], origin: Origin, *, exact: bool = False
    ) -> None:
        """Begin to keep lines, one file a node; raises FolderError when these can't be created."""
        self._origin_ns = origin.monotonic_ns
        self._exact = exact
        self._files = {node: spool.open(folder / FOLDER / f"{node}.jsonl") for node in nodes}

    def stop(self) -> None:
        """Keep nothing from now on."""
        self._files = {}

    def take(self, node: str, monotonic_ns: int, line: bytes) -> None:
        """Keep a line that a node printed at `monotonic_ns` of CLOCK_MONOTONIC."""
        file = self._files.get(node)
        if file is None:
            return
        text = line.decode("utf-8", "backslashreplace")
        try:
            file.append(
                self._encode(Heard(recv=monotonic_ns - self._origin_ns, line=text, exact=self._exact))
            )
        except FolderError as error:
            self.error = self.error or error


def read(folder: Path, nodes: tuple[str, ...], system: System, origin: Origin) -> tuple[NodeEvent, ...]:
    """Return what the nodes of a recorded run reported, sorted by time; () if the system does not report.

    Events of one node at the same time stay in the order in which it printed them. A last line that was cut
    off is left out; any other damage raises DamagedError with file and line.
    """
    if not isinstance(system, Reports):
        return ()
    events: list[NodeEvent] = []
    for node in nodes:
        path = folder / FOLDER / f"{node}.jsonl"
        for number, heard in _lines(path):
            try:
                event = system.report(node, heard.line.encode(), origin.monotonic_ns)
            except Exception as error:
                raise DamagedError(
                    f"{path}:{number}: the system can't read its own report: {type(error).__name__}: {error}"
                ) from error
            if event is not None:
                events.append(replace(event, at_ns=heard.recv) if heard.exact else event)
    events.sort(key=lambda event: event.at_ns)
    return tuple(events)


def _lines(path: Path) -> Iterator[tuple[int, Heard]]:
    decode = msgspec.json.Decoder(Heard).decode
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n"):
                    return
                try:
                    yield number, decode(raw)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise DamagedError(f"{path}:{number}: damaged line: {error}") from error
    except OSError as error:
        raise DamagedError(f"{path}: {error.strerror or error}") from error
