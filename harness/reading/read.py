"""A history file, whoever wrote it, as a table.

The file is read once, as a stream of small pieces, which are parsed side by side where it is large: by threads as
long as they are ordinary, since the compiled scanner leaves Python to others meanwhile, and else by processes.
Memory is that of the table (about 100 bytes an operation), twice while calls and returns are joined, and some
pieces of a megabyte.
"""

import contextlib
import gc
import multiprocessing
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from harness import recording
from harness.clock import Origin
from harness.columns.table import Table
from harness.errors import DamagedError, UsageError
from harness.reading import formats
from harness.reading.events import Events, gathered
from harness.reading.joining import join_ids, join_processes
from harness.reading.piece import Cut, Format, MalformedError
from harness.reading.source import Piece, Source, last_boundary
from harness.words import plural

_OPENS = re.compile(rb"(?:[\s,]|;[^\n]*\n)*([\[(])")

PARALLEL_BYTES = 32 * 2**20
"""From which size on pieces of a file are parsed side by side."""

AHEAD = 2
"""How many pieces wait at most for each thread."""

Progress = Callable[[int, int], None]
"""Told how many bytes of how many have been read."""


class Reading(Struct, frozen=True, kw_only=True):
    """A history that was read, in which format, and what there is to say of it."""

    table: Table
    format: str
    notes: tuple[str, ...] = ()


def read(
    path: Path, *, format_name: str | None = None, jobs: int = 1, progress: Progress | None = None
) -> Reading:
    """Return the history in a file.

    The format is recognized unless it is named. Raises UsageError for a file that is none of the formats, and
    DamagedError, with file and line, for one that is damaged in its middle; an end that was cut off is left out,
    and noted.
    """
    if format_name == formats.PARQUET or (format_name is None and _is_parquet(path)):
        from harness.reading import parquet

        return Reading(table=parquet.read(path), format=formats.PARQUET)
    with Source(path) as source:
        found = _format(source, format_name)
        parser = _Parser(source, found, jobs=jobs if source.size_bytes > PARALLEL_BYTES else 1)
        parts = _watched(parser.parts(), source, progress)
        return _joined(gathered(parts, lambda: parser.share), parser, path)


def _watched(parts: Iterator[Events], source: Source, progress: Progress | None) -> Iterator[Events]:
    for part in parts:
        yield part
        if progress is not None:
            progress(source.done_bytes, source.size_bytes)


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == formats.PARQUET_MAGIC
    except OSError:
        return False  # what is wrong is told when it is opened as text


def _format(source: Source, name: str | None) -> Format:
    if name is not None:
        return formats.FORMATS[name]
    found = formats.recognized(source.head())
    if found is None:
        titles = "; ".join(each.title for each in formats.FORMATS.values())
        raise UsageError(f"{source.path}:1: no history that can be read; expected one of: {titles}")
    return found


def _joined(events: Events, parser: "_Parser", path: Path) -> Reading:
    notes = []
    if parser.truncated:
        notes.append("the end of the file was cut off and is left out")
    if events.skipped:
        what = "line" if parser.format.cut is Cut.LINES else "operation"
        notes.append(f"{plural(events.skipped, what)} of no client skipped")
    if parser.origin is not None:
        table = join_ids(events, str(path), parser.origin)
    else:
        joined = join_processes(events)
        table = joined.table
        if joined.uncalled:
            notes.append(
                f"{plural(joined.uncalled, 'completion')} without an invocation: taken to be concurrent with all "
                "that came before"
            )
    if not table.timed and len(table):
        notes.append("no usable times: the order of lines gives them")
    return Reading(table=table, format=parser.format.name, notes=tuple(notes))


class _Parser:
    """Parses a source piece by piece, in order; a piece that ends within an operation is joined with the next."""

    def __init__(self, source: Source, format_: Format, *, jobs: int) -> None:
        self.format = format_
        self.origin: Origin | None = None
        self._cut_off = False
        self._source = source
        self._jobs = jobs
        self._opened = b""
        self._sound = False
        self._parsed_bytes = 0

    @property
    def share(self) -> float:
        """How much of the text has been parsed, about."""
        return self._parsed_bytes / self._source.text_bytes

    @property
    def truncated(self) -> bool:
        """Whether the end of the file was cut off."""
        return self._cut_off or self._source.cut_short

    def parts(self) -> Iterator[Events]:
        """Yield the events of each piece."""
        carried: Piece | None = None
        for piece, outcome in self._outcomes(self._source.pieces(self.format.cut, skip=self._begin())):
            whole, found = piece, outcome
            self._parsed_bytes += len(piece.data)
            if carried is not None:
                whole = replace(carried, data=carried.data + piece.data, last=piece.last)
                found, carried = _outcome(self.format, whole.data), None
            if isinstance(found, Events):
                yield found
                self._sound = True
            elif found.incomplete and not piece.last:
                carried = whole
            else:
                yield self._without_end(whole, found)

    def _begin(self) -> int:
        """Return how many bytes there are before the first operation: a header, or the bracket of a list."""
        head = self._source.head()
        if self.format is formats.OWN:
            first, end, _ = head.partition(b"\n")
            self.origin = recording.read_header(first + end, str(self._source.path)).origin
            return len(first) + len(end)
        opened = _OPENS.match(head) if self.format.cut is Cut.OPERATIONS else None
        if opened is None:
            return 0
        self._opened = opened[1]
        return opened.end()

    def _ended(self, piece: Piece) -> Piece:
        """Return a piece without what ends the file: the closing bracket, or half a line."""
        if not piece.last:
            return piece
        if self.format is formats.OWN and not piece.data.endswith(b"\n"):
            self._cut_off |= bool(piece.data)
            return replace(piece, data=piece.data[: piece.data.rfind(b"\n") + 1])
        if self._opened:
            bare = piece.data.rstrip(b" \t\r\n,")
            if bare[-1:] == {b"[": b"]", b"(": b")"}[self._opened]:
                return replace(piece, data=bare[:-1])
            self._cut_off = True
        return piece

    def _outcomes(self, pieces: Iterator[Piece]) -> "Iterator[tuple[Piece, Events | MalformedError]]":
        ended = map(self._ended, pieces)
        if self._jobs == 1:
            for piece in ended:
                yield piece, _outcome(self.format, piece.data)
            return
        with _side_by_side(self.format, self._jobs) as submit:
            waiting: deque[tuple[Piece, Future[Events | MalformedError]]] = deque()
            for piece in ended:
                waiting.append((piece, submit(piece.data)))
                if len(waiting) > self._jobs * AHEAD:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()

    def _without_end(self, piece: Piece, wrong: MalformedError) -> Events:
        """Return the events of the last piece up to the operation in which the file ends.

        Raises DamagedError where something else is wrong, and UsageError where already the first line is.
        """
        at = last_boundary(piece.data, self.format.cut)
        if wrong.incomplete and piece.last and (at or self._sound):
            again = _outcome(self.format, piece.data[:at])
            if isinstance(again, Events):
                self._cut_off = True
                return again
        kind = DamagedError if self._sound or wrong.line else UsageError
        where = f"{self._source.path}:{piece.line + wrong.line}"
        raise kind(f"{where}: damaged: {wrong.message}; expected {self.format.title}")


def _outcome(format_: Format, data: bytes) -> "Events | MalformedError":
    return format_.scan(data) or _parsed(format_, data)


@contextlib.contextmanager
def _side_by_side(
    format_: Format, jobs: int
) -> "Iterator[Callable[[bytes], Future[Events | MalformedError]]]":
    """Yield what takes a piece and promises its outcome. Processes start only when one of them is needed."""
    context = multiprocessing.get_context("forkserver")
    with ThreadPoolExecutor(jobs) as threads, ProcessPoolExecutor(jobs, mp_context=context) as processes:

        def outcome(data: bytes) -> Events | MalformedError:
            return format_.scan(data) or processes.submit(_parsed, format_, data).result()

        yield lambda data: threads.submit(outcome, data)


def _parsed(format_: Format, data: bytes) -> "Events | MalformedError":
    try:
        with _uncollected():
            return format_.parse(data)
    except MalformedError as error:
        return error


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking millions of fresh objects that all stay: half of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
