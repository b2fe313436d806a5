"""Way 10: the disk lies, tears or rots, and the store takes its word."""

from nodes.planted.bug import Bug, Edit, Where

_READ = "while (frame := frame_at(data, offset)) is not None:"
_ADD = "def _mark(kind: int, value: int) -> bytes:\n"

_EMPTIED = '''def _emptied(data: bytes, offset: int) -> bytes:
    """Return the frame at `offset` with nothing in it, and its length unchanged."""
    length, _ = FRAME.unpack_from(data, offset)
    spare = length - HEAD.size
    if spare < 0 or offset + FRAME.size + length > len(data):
        raise DamageError(f"impossible length {length} at byte {offset}")
    index, epoch = HEAD.unpack_from(data, offset + FRAME.size)
    return encode(index, epoch, b"null".ljust(spare) if spare else b"")


'''

_TORN_TAIL = '''def _lenient(data: bytes, offset: int) -> bytes | None:
    """Return the frame at `offset`; one that is damaged and the last is taken for an empty one."""
    try:
        return frame_at(data, offset)
    except DamageError:
        frame = _emptied(data, offset)
        if any(data[offset + len(frame) :]):
            raise
        return frame


'''

_MIDDLE = '''def _lenient(data: bytes, offset: int) -> bytes | None:
    """Return the frame at `offset`; one that is damaged, with another behind it, is taken for an empty one."""
    try:
        return frame_at(data, offset)
    except DamageError:
        frame = _emptied(data, offset)
        if frame_at(data, offset + len(frame)) is None:
            raise
        return frame


'''

_LENIENT_READ = Edit("wal.py", _READ, _READ.replace("frame_at", "_lenient"))

BUGS = (
    Bug(
        name="crc-not-checked",
        way=10,
        summary="The checksum of an entry is not compared with its content.",
        edits=(
            Edit(
                "records.py",
                "    if zlib.crc32(data[start:end]) != crc:\n"
                '        raise DamageError(f"wrong checksum at byte {offset}")\n',
                "",
            ),
        ),
        needs=("bit-rot", "kill"),
    ),
    Bug(
        name="torn-tail-accepted",
        way=10,
        summary="An entry that was torn by a loss of power is taken for a whole one, without its content.",
        edits=(_LENIENT_READ, Edit("wal.py", _ADD, _EMPTIED + _TORN_TAIL + _ADD)),
        needs=("power-cut",),
    ),
    Bug(
        name="damage-in-the-middle-skipped",
        way=10,
        summary="A damaged entry with sound ones behind it is skipped.",
        edits=(_LENIENT_READ, Edit("wal.py", _ADD, _EMPTIED + _MIDDLE + _ADD)),
        needs=("bit-rot", "kill"),
    ),
    Bug(
        name="damage-taken-for-a-torn-tail",
        way=10,
        summary="Everything behind a damaged entry is cut off, though it is known to have been durable.",
        edits=(Edit("wal.py", "if proven > found.last:", "if False:"),),
        where=Where(settings={"segment_kb": 1024}),
        needs=("bit-rot", "kill", "partition"),
    ),
    Bug(
        name="fsync-error-swallowed",
        way=10,
        summary="An error of the flush is ignored, and what should have been flushed counts as durable.",
        edits=(
            Edit(
                "server.py",
                '                self._fail(FatalError(f"flushing the log failed: {error}"))\n'
                "                return\n",
                "                pass\n",
            ),
        ),
        needs=("flush-error", "power-cut"),
        real="flush-error",
    ),
    Bug(
        name="log-trusted-after-a-failed-flush",
        way=10,
        summary="After a failed flush and a restart, what the page cache shows of the log is taken for durable.",
        edits=(
            Edit(
                "wal.py",
                "        self._files.write(self._current, data[:offset] + bytes(rubbish), 0)\n"
                "        self._files.sync(self._current)\n",
                "        self._files.write(self._current, bytes(rubbish), offset)\n"
                "        self._files.sync(self._current)\n",
            ),
        ),
        needs=("flush-error", "power-cut"),
        real="flush-error",
    ),
    Bug(
        name="snapshot-renamed-before-flush",
        way=10,
        summary="A snapshot takes the place of the former one before it is flushed.",
        edits=(
            Edit(
                "snapshot.py",
                "        self._files.sync(self._descriptor)\n"
                "        self._files.close(self._descriptor)\n"
                "        adopt(self._making, self._path, files=self._files)\n",
                "        adopt(self._making, self._path, files=self._files)\n"
                "        self._files.sync(self._descriptor)\n"
                "        self._files.close(self._descriptor)\n",
            ),
        ),
        where=Where(settings={"snapshot_kb": 1, "retain_kb": 0, "segment_kb": 16}),
        needs=("power-cut",),
    ),
)
