"""A node's folder: what it finds there when it starts, and the effects that change it.

meta       identity, promised epoch, protection record
flushed    how far the log was durable, at least
snapshot   the state up to some entry
log/       the entries behind it, in segments
cut/       entries that diverged from a later primary's log, kept for whoever asks what became of them

While another node's snapshot is installed it is `snapshot.to-go-with-N`: it counts from the moment on that the log
has its segment N, which goes on behind it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nodes.reference.effects import Meta
from nodes.reference.files import Files
from nodes.reference.log import Log, Range
from nodes.reference.meta import MetaFile
from nodes.reference.node import Recovered
from nodes.reference.records import position
from nodes.reference.replica import PART_BYTES
from nodes.reference.settings import Settings
from nodes.reference.snapshot import SnapshotWriter, UnsoundError, adopt, read
from nodes.reference.state import State
from nodes.reference.wal import RefusedError, Wal

_WAITING = "snapshot.to-go-with-"


class FatalError(Exception):
    """The node can't go on: what its disk holds is no longer known."""


class Storage:
    """The open folder. Its methods block; `sync` and those of snapshots are meant for other threads."""

    def __init__(self, folder: Path, settings: Settings, *, files: Files, identity: str) -> None:
        """Open the folder and read it into `recovered`; on a blank disk, `identity` becomes that of the disk.

        Raises RefusedError when what should be there is damaged, and BlockingIOError when another process
        has it open.
        """
        self._folder = folder
        self._sessions = settings.sessions
        self._files = files
        files.make_folder(folder)
        self._lock = files.lock(folder / "lock")
        self._writer: SnapshotWriter | None = None
        try:
            self._meta = MetaFile(folder / "meta", files=files, identity=identity)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        self.wal = Wal(folder / "log", files=files, segment_bytes=settings.segment_bytes)
        self.recovered = self._recover()

    def _recover(self) -> Recovered:
        self._finish_installation()
        state = State(sessions=self._sessions)
        base, history = self._load(state)
        found = self.wal.found
        if found.first > base + 1:
            raise RefusedError(f"the log begins at entry {found.first}, but the snapshot ends at {base}")
        if (
            found.first <= base <= found.last
            and position(found.frames[base - found.first])[1] != history[-1][0]
        ):
            raise RefusedError(f"the log and the snapshot have different entries {base}")
        if found.last < base:
            self.wal.reset(base)  # the snapshot is durable, and some of what it holds was not so in the log
            log = Log(base=base, history=history)
        else:
            kept = [row for row in history if row[1] < found.first]
            if kept:
                epoch, first, last = kept[-1]
                kept[-1] = (epoch, first, min(last, found.first - 1))
            log = Log(base=found.first - 1, history=kept, frames=found.frames)
        return Recovered(meta=self._meta.meta, log=log, state=state, snapshot=base)

    def _load(self, state: State) -> tuple[int, list[Range]]:
        path = self._folder / "snapshot"
        if not self._files.exists(path):
            return 0, []
        try:
            return read(path, state, files=self._files)
        except UnsoundError as error:
            raise RefusedError(str(error)) from error

    def save_meta(self, meta: Meta) -> None:
        """Make `meta` durable."""
        self._meta.save(meta)

    # Snapshots

    def begin_snapshot(self, index: int, history: Sequence[Range]) -> None:
        """Start a snapshot; one that was being written is dropped."""
        self.abandon_snapshot()
        self._writer = SnapshotWriter(self._folder, index, history, files=self._files)

    def snapshot_rows(self, rows: Sequence[list[Any]]) -> None:
        """Add rows to it; nothing is added to one that was given up. When this raises, it is given up."""
        if self._writer is None:
            return
        try:
            self._writer.rows(rows)
        except OSError:
            self.abandon_snapshot()
            raise

    def finish_snapshot(self) -> None:
        """Make it durable and current; raises OSError, also when it was given up before."""
        if self._writer is None:
            raise OSError("the snapshot had been given up")
        self._writer.finish()
        self._writer = None

    def abandon_snapshot(self) -> None:
        """Drop the snapshot that is being written."""
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None

    def load_snapshot(self) -> State:
        """Return the state of the current snapshot."""
        state = State(sessions=self._sessions)
        self._load(state)
        return state

    def read_part(self, offset: int) -> tuple[bytes, bool]:
        """Return the bytes at `offset` of the current snapshot's file, and whether they are its last."""
        files = self._files
        descriptor = files.open(self._folder / "snapshot")
        try:
            data = files.read(descriptor, PART_BYTES, offset)
            return data, offset + len(data) >= files.size(descriptor)
        finally:
            files.close(descriptor)

    def write_part(self, offset: int, data: bytes) -> None:
        """Keep a part of a snapshot that another node sends."""
        fresh = offset == 0
        descriptor = self._files.open(self._folder / "snapshot.in", create=fresh, truncate=fresh)
        try:
            self._files.write(descriptor, data, offset)
        finally:
            self._files.close(descriptor)

    def install(self, index: int, frames: Sequence[bytes]) -> tuple[State, list[Range]]:
        """Make the received snapshot current and start the log anew behind it with `frames`, durably.

        That happens in one step: the new log names the snapshot. A crash leaves either all that was there before
        or all that is new; recovery gives the snapshot its name. Raises UnsoundError if what came is not the
        snapshot up to `index`, and OSError if there is no room for the log; then everything is as it was. What
        goes wrong after that is a FatalError.
        """
        arrived = self._folder / "snapshot.in"
        state = State(sessions=self._sessions)
        found, history = read(arrived, state, files=self._files)
        if found != index:
            raise UnsoundError(f"the snapshot ends at entry {found}, not at {index}")
        descriptor = self._files.open(arrived)
        try:
            self._files.sync(descriptor)
        finally:
            self._files.close(descriptor)
        self.abandon_snapshot()
        self.wal.prepare_reset(frames)
        waiting = self._folder / f"{_WAITING}{self.wal.next_number}"
        try:
            adopt(arrived, waiting, files=self._files)
            self.wal.reset(index, frames)
            adopt(waiting, self._folder / "snapshot", files=self._files)
        except OSError as error:
            raise FatalError(f"a snapshot could not be installed to the end: {error}") from error
        return state, history

    def _finish_installation(self) -> None:
        """Adopt a snapshot whose log was begun before a crash; remove one whose log was not."""
        for name in self._files.names(self._folder):
            if name == f"{_WAITING}{self.wal.base_number}":
                adopt(self._folder / name, self._folder / "snapshot", files=self._files)
            elif name.startswith(_WAITING):
                self._files.unlink(self._folder / name)

    def close(self) -> None:
        """Close the files and let others open the folder."""
        self.abandon_snapshot()
        self.wal.close()
        self._meta.close()
        self._files.close(self._lock)
