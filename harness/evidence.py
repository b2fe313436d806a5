"""What nodes say about themselves, kept off the machines while they say it.

Every line that a supervised process prints is written to `evidence/<node>.jsonl` as it arrives, with the time
of its arrival, so a wiped disk takes no proof along. After the run the system turns the lines into events.
"""

from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from harness import json_lines
from harness.alignment import Alignments
from harness.clock import Origin
from harness.errors import DamagedError, FolderError
from harness.events import NodeEvent
from harness.machine import ClockSample
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


class Reported(NamedTuple):
    """What nodes reported, sorted by time, and by how much the times of two places may be wrong to each other."""

    events: tuple[NodeEvent, ...]
    clock_error_ns: int


class EvidenceRecorder:
    """Writes down each node's lines, and how its clock compares, as a cluster tells it.

    It keeps what comes between `start` and `stop`. `take` and `take_clock` do not raise, as they are called by
    whoever reads a process's output: `error` holds the first failure to write.
    """

    def __init__(self) -> None:
        self.error: FolderError | None = None
        self._files: dict[str, LineFile] = {}
        self._clocks: dict[str, LineFile] = {}
        self._spool: Spool | None = None
        self._folder = Path()
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
        self._spool, self._folder = spool, folder / FOLDER

    def stop(self) -> None:
        """Keep nothing from now on."""
        self._files, self._clocks, self._spool = {}, {}, None

    def take(self, node: str, monotonic_ns: int, line: bytes) -> None:
        """Keep a line that a node printed at `monotonic_ns` of CLOCK_MONOTONIC."""
        file = self._files.get(node)
        if file is None:
            return
        text = line.decode("utf-8", "backslashreplace")
        heard = Heard(recv=monotonic_ns - self._origin_ns, line=text, exact=self._exact)
        try:
            file.append(self._encode(heard))
        except FolderError as error:
            self.error = self.error or error

    def take_clock(self, node: str, sample: ClockSample) -> None:
        """Keep how a machine's clock compares; only machines with clocks of their own have such a file."""
        if self._spool is None:
            return
        try:
            if node not in self._clocks:
                self._clocks[node] = self._spool.open(self._folder / f"{node}.clock.jsonl")
            aligned = replace(sample, at_ns=sample.at_ns - self._origin_ns)
            self._clocks[node].append(self._encode(aligned))
        except FolderError as error:
            self.error = self.error or error


def read(folder: Path, nodes: tuple[str, ...], system: System, origin: Origin) -> Reported:
    """Return what the nodes of a recorded run reported; nothing if the system does not report.

    Times are as the harness's clock would have shown them, as far as is known; none is later than when the
    report arrived. Events of one node stay in the order in which it printed them. A last line that was cut off
    is left out; any other damage raises DamagedError with file and line.
    """
    if not isinstance(system, Reports):
        return Reported((), 0)
    events: list[NodeEvent] = []
    errors_ns = [0, 0]
    for node in nodes:
        of_node, error_ns = _of_node(folder, node, system, origin)
        events.extend(of_node)
        errors_ns.append(error_ns)
    events.sort(key=attrgetter("at_ns"))
    return Reported(tuple(events), sum(sorted(errors_ns)[-2:]))


def _of_node(folder: Path, node: str, system: Reports, origin: Origin) -> tuple[list[NodeEvent], int]:
    """Return the events of one node in their order, and by how much their times may be wrong."""
    path, clock = folder / FOLDER / f"{node}.jsonl", folder / FOLDER / f"{node}.clock.jsonl"
    samples = [sample for _, sample in json_lines.read(clock, ClockSample)] if clock.exists() else []
    alignment = Alignments(samples) if samples else None
    events: list[NodeEvent] = []
    last_ns, worst_ns = -1 << 62, 0
    for number, heard in json_lines.read(path, Heard):
        try:
            event = system.report(node, heard.line.encode(), origin.monotonic_ns)
        except Exception as error:
            raise DamagedError(
                f"{path}:{number}: the system can't read its own report: {type(error).__name__}: {error}"
            ) from error
        if event is None:
            continue
        at_ns = heard.recv if heard.exact else event.at_ns
        if alignment is not None:
            aligned_ns, error_ns = alignment.of(event.at_ns, heard_ns=heard.recv)
            at_ns = last_ns = max(last_ns, min(aligned_ns, heard.recv))
            worst_ns = max(worst_ns, error_ns)
        events.append(event if at_ns == event.at_ns else replace(event, at_ns=at_ns))
    return events, worst_ns
