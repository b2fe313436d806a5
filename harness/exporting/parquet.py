"""A history as Parquet, one row an operation; see `harness.reading.parquet` for the columns."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from harness.columns.table import CHUNK, Table
from harness.columns.values import spanned
from harness.exporting.plain import plain
from harness.history import OUTCOMES
from harness.reading.parquet import COLUMNS, ORIGIN, pyarrow

_ROWS = 16 * CHUNK
"""How many rows a group has."""


def write(table: Table, path: Path) -> None:
    """Write the table; raises MissingError without pyarrow, and OSError."""
    arrow = pyarrow()
    metadata = {} if table.origin is None else {ORIGIN: msgspec.json.encode(table.origin)}
    schema = _schema(arrow).with_metadata(metadata)
    with arrow.parquet.ParquetWriter(path, schema, compression="zstd") as file:
        for first in range(0, max(1, len(table)), _ROWS):
            rows = np.arange(first, min(first + _ROWS, len(table)))
            columns = _columns(table, rows)
            arrays = [arrow.array(columns[name], schema.field(name).type) for name in COLUMNS]
            file.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def _schema(arrow: Any) -> Any:
    text = arrow.dictionary(arrow.int32(), arrow.string())
    types = {
        "id": arrow.int64(),
        "process": arrow.int64(),
        "f": text,
        "call_ns": arrow.int64(),
        "return_ns": arrow.int64(),
        "outcome": text,
        "args": arrow.string(),
        "value": arrow.string(),
        "node": text,
        "error": text,
        "epoch": arrow.int64(),
        "offset": arrow.int64(),
        "degraded": arrow.bool_(),
    }
    return arrow.schema([(name, types[name]) for name in COLUMNS])


def _columns(table: Table, rows: "np.typing.NDArray[np.int64]") -> dict[str, Any]:
    encode, texts = msgspec.json.Encoder().encode, table.values.texts
    arity = table.arity[rows].astype(np.int64)
    args, ends = table.values.objects(spanned(table.args[rows], arity)), np.cumsum(arity).tolist()
    spans = [args[end - count : end] for end, count in zip(ends, arity.tolist(), strict=True)]
    values = table.values.objects(table.value[rows])
    logged = table.logged

    def known(column: "np.typing.NDArray[np.int64] | None") -> list[int | None]:
        numbers = [] if column is None else column[rows].tolist()
        return [None if number < 0 else number for number in numbers] or [None] * len(rows)

    def named(column: "np.typing.NDArray[np.int32]") -> list[str | None]:
        return [None if place < 0 else texts[place] for place in column[rows].tolist()]

    return {
        "id": table.id[rows],
        "process": table.process[rows],
        "f": [table.names[code] for code in table.f[rows].tolist()],
        "call_ns": table.call_ns[rows],
        "return_ns": known(table.return_ns),
        "outcome": [str(OUTCOMES[code]) for code in table.outcome[rows].tolist()],
        "args": [encode(plain(span)).decode() for span in spans],
        "value": [None if value is None else encode(plain(value)).decode() for value in values],
        "node": named(table.node),
        "error": named(table.error),
        "epoch": known(None if logged is None else logged.epoch),
        "offset": known(None if logged is None else logged.offset),
        "degraded": [False] * len(rows) if logged is None else logged.degraded[rows],
    }
