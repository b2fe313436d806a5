"""Parquet: a history as a table of other tools (pandas, DuckDB, Polars), and the fastest format to read.

One row an operation, in the order of calls: `id`, `process`, `f`, `call_ns`, `return_ns`, `outcome`, `args` and
`value` as JSON, `node`, `error`, `epoch`, `offset`, `degraded`. Needs pyarrow (the extra `parquet`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from harness.clock import Origin
from harness.columns.table import Logged, Table
from harness.columns.values import Builder, concatenate
from harness.errors import DamagedError, MissingError, UsageError
from harness.history import OUTCOMES
from harness.reading.arguments import arguments
from harness.reading.events import NONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORIGIN = b"acked.origin"
"""The file's metadata that holds the origin of the times, as JSON."""

COLUMNS = (
    "id", "process", "f", "call_ns", "return_ns", "outcome", "args", "value", "node", "error",
    "epoch", "offset", "degraded",
)  # fmt: skip
"""The columns of a file."""


def pyarrow() -> Any:
    """Return the library; raises MissingError, which says how to install it."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingError("Parquet needs pyarrow: pip install 'acked[parquet]'") from None
    return pyarrow


def read(path: Path) -> Table:
    """Return the history in a file that `harness.exporting.parquet` wrote.

    Raises UsageError for another Parquet file, and DamagedError for one that can't be read.
    """
    arrow = pyarrow()
    try:
        found = arrow.parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        raise DamagedError(f"{path}: can't be read: {error}") from error
    missing = [name for name in COLUMNS if name not in found.column_names]
    if missing:
        raise UsageError(f"{path}: no history: columns are missing: {', '.join(missing)}")
    try:
        return _table(found)
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        raise DamagedError(f"{path}: damaged: {error}") from error


def _table(found: Any) -> Table:
    cells = Builder()

    def integers(name: str, dtype: type[np.generic]) -> "NDArray[Any]":
        return np.asarray(found[name].fill_null(NONE).to_numpy(), dtype)

    def coded(name: str) -> "tuple[NDArray[np.int64], list[str]]":
        column = found[name].combine_chunks().dictionary_encode()
        codes = column.indices.fill_null(NONE).to_numpy(zero_copy_only=False).astype(np.int64)
        return codes, column.dictionary.to_pylist()

    def texts(name: str) -> "NDArray[np.int32]":
        codes, distinct = coded(name)
        places = np.array([*(cells.text(text) for text in distinct), NONE], np.int32)
        return places[codes]

    f, names = coded("f")
    outcome, words = coded("outcome")
    epoch, offset = integers("epoch", np.int64), integers("offset", np.int64)
    degraded = np.asarray(found["degraded"].to_numpy(), np.bool_)
    logged = Logged(epoch=epoch, offset=offset, degraded=degraded)
    spoke = bool((epoch >= 0).any() or (offset >= 0).any() or degraded.any())
    node, error = texts("node"), texts("error")
    told = arguments(found.select(["args", "value"]))
    values = concatenate((cells.build(), told.values))  # texts first: what indexes them stays as it is
    origin = (found.schema.metadata or {}).get(ORIGIN)
    return Table(
        id=integers("id", np.int64),
        process=integers("process", np.int64),
        f=f.astype(np.uint16),
        names=tuple(names),
        call_ns=integers("call_ns", np.int64),
        return_ns=integers("return_ns", np.int64),
        outcome=np.array([OUTCOMES.index(word) for word in words], np.uint8)[outcome],
        args=told.first,
        arity=told.arity.astype(np.uint16),
        value=told.value,
        node=node,
        error=error,
        values=values,
        logged=logged if spoke else None,
        origin=None if origin is None else msgspec.json.decode(origin, type=Origin),
    )
