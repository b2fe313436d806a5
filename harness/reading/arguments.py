"""Arguments and answers that are JSON in columns of text, as cells: by the compiled scanner where it is built.

Texts of many rows become lines of maps, which the scanner reads as it reads a history's own lines. What it does
not know is decoded and put into cells in Python; both come to the same.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec import Struct

from harness.columns.values import Builder, Kind, Values, concatenate
from harness.reading import scanned
from harness.reading.events import NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

CHUNK = 1 << 16
"""How many rows are turned into cells at once."""


class Arguments(Struct, frozen=True, kw_only=True):
    """Of each row the cell of the first argument and how many there are, and the cell of the answer, or NONE."""

    first: "Ints"
    arity: "Ints"
    value: "Ints"
    values: Values


def arguments(table: Any) -> Arguments:
    """Return the columns `args` and `value` of JSON texts (pyarrow's) as cells; null is none. O(length).

    Raises msgspec.DecodeError for what is no JSON, and TypeError for arguments that are no list.
    """
    parts = list(_parts(table))
    values = concatenate(part.values for part in parts)
    lengths = [len(part.values) for part in parts]
    bases = np.cumsum([0, *lengths])[:-1].tolist()
    joined = zip(parts, bases, strict=True)
    shifted = [
        (part.first + base, np.where(part.value < 0, NONE, part.value + base)) for part, base in joined
    ]
    none = [np.zeros(0, np.int64)]
    return Arguments(
        first=np.concatenate([*(first for first, _ in shifted), *none]),
        arity=np.concatenate([*(part.arity for part in parts), *none]),
        value=np.concatenate([*(value for _, value in shifted), *none]),
        values=values,
    )


def _parts(table: Any) -> Iterator[Arguments]:
    for batch in table.to_batches(max_chunksize=CHUNK):
        args, value = batch.column("args"), batch.column("value")
        yield _scanned(args, value) or _decoded(args.to_pylist(), value.to_pylist())


def _scanned(args: Any, value: Any) -> Arguments | None:
    from pyarrow import compute

    text = compute.binary_join_element_wise(
        '{"args":', args.fill_null("null"), ',"value":', value.fill_null("null"), "}\n", ""
    )
    _, offsets, data = text.buffers()
    ends = np.frombuffer(offsets, np.int32)
    begin, end = int(ends[text.offset]), int(ends[text.offset + len(text)])
    found = scanned.maps(memoryview(data)[begin:end].tobytes(), ("args", "value"))
    if found is None or found.count != len(args):
        return None
    listed = found.fields["args"]
    if not ((listed.kind == Kind.LIST) | (listed.kind == Kind.NIL)).all():
        return None
    arity = listed.size.astype(np.int64)
    return Arguments(
        first=np.where(arity > 0, listed.payload, 0),
        arity=arity,
        value=found.fields["value"].payload,
        values=found.values,
    )


def _decoded(args: Sequence[str | None], value: Sequence[str | None]) -> Arguments:
    cells = Builder()
    first, arity = cells.add_spans(_objects(args, "[]"))
    answers = _objects(value, "null")
    told = np.fromiter((each is not None for each in answers), np.bool_, len(answers))
    begin = cells.add(answers)
    places = np.where(told, begin + np.arange(len(answers)), NONE)
    return Arguments(first=first, arity=arity, value=places, values=cells.build())


def _objects(texts: Sequence[str | None], absent: str) -> "Sequence[Any]":
    """Return the values of a column of JSON: decoded all at once."""
    found: list[Any] = msgspec.json.Decoder().decode_lines("\n".join(text or absent for text in texts))
    return found
