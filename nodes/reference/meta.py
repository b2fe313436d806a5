"""The few facts that a node must never forget: its identity, the epoch that it promised, the protection record.

They are kept twice, in a file of two slots of fixed size, one written and flushed before the other. So a torn
write leaves one of them, and what was kept outlives damage to either. A full disk can't prevent a vote from being
remembered.
"""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

from nodes.reference.effects import Meta
from nodes.reference.files import Files
from nodes.reference.messages import ProtocolError, record_from_json, record_to_json

SLOT_BYTES = 16 << 10
_HEAD = struct.Struct(">QII")


class MetaFile:
    """The open file. One writer at a time."""

    def __init__(self, path: Path, *, files: Files, identity: str) -> None:
        """Open the file or, on a blank disk, make one with this new identity; raises ValueError if damaged."""
        self._files = files
        self._seq = 0
        self._last = 1
        """The slot that is sound for sure, and therefore written last."""
        if files.exists(path):
            self._descriptor = files.open(path)
            self.meta = self._load(path)
            # Written anew, so that what was read from the page cache is surely on the disk: after a failed flush
            # the kernel may show bytes that it will never write.
            self.save(self.meta)
        else:
            making = path.with_name(f"{path.name}.new")
            self._descriptor = files.open(making, create=True, truncate=True)
            files.allocate(self._descriptor, 2 * SLOT_BYTES)
            self.save(Meta(identity=identity))
            files.rename(making, path)
            files.sync_folder(path.parent)

    def _load(self, path: Path) -> Meta:
        slots = [(*found, number) for number in (0, 1) if (found := self._slot(number)) is not None]
        if not slots:
            raise ValueError(f"{path}: neither of its two copies is sound")
        self._seq, data, self._last = max(slots, key=lambda slot: slot[0])
        return Meta(
            identity=data["identity"], promised=data["promised"], record=record_from_json(data["record"])
        )

    def _slot(self, number: int) -> tuple[int, dict[str, Any]] | None:
        raw = self._files.read(self._descriptor, SLOT_BYTES, number * SLOT_BYTES)
        if len(raw) < _HEAD.size:
            return None
        seq, length, crc = _HEAD.unpack_from(raw)
        body = raw[_HEAD.size : _HEAD.size + length]
        if seq == 0 or len(body) != length or zlib.crc32(body, seq & 0xFFFFFFFF) != crc:
            return None
        data: dict[str, Any] = json.loads(body)
        return seq, data

    def save(self, meta: Meta) -> None:
        """Make `meta` durable; returns when it is."""
        self._seq += 1
        body = json.dumps(
            {
                "identity": meta.identity,
                "promised": meta.promised,
                "record": record_to_json(meta.record),
            }
        ).encode()
        if len(body) > SLOT_BYTES - _HEAD.size:
            raise ProtocolError(f"a record of {len(body)} bytes is too large to keep")
        head = _HEAD.pack(self._seq, len(body), zlib.crc32(body, self._seq & 0xFFFFFFFF))
        for number in (1 - self._last, self._last):
            self._files.write(self._descriptor, head + body, number * SLOT_BYTES)
            self._files.sync_data(self._descriptor)
        self.meta = meta

    def close(self) -> None:
        """Close the file."""
        self._files.close(self._descriptor)
