"""What was called on objects of one kind, as numpy columns: all that a check of linearizability reads.

One row is one operation. Values are interned: wherever a value may stand there is a code into `values`, so that
models without a search of their own work on small integers, and a history of ten million operations fits into
memory (46 bytes a row, and the values).
"""

from array import array
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from checkers.linearizability.model import UNKNOWN, Call

NEVER = int(np.iinfo(np.int64).max)
"""When an operation returned that did not, or of which nothing is known: it may take effect at any later time."""

NIL = 0
"""The code of None, whatever else there is."""

_PLAIN = frozenset((int, str, float, type(None)))
"""The types whose values Python tells apart."""

ABSENT = -1
"""The code of an argument or a result that there is not."""


class Calls(Struct, frozen=True, kw_only=True):
    """Operations, one a row, in any order; what surely failed is left out.

    Times are nanoseconds from any origin. Intervals are closed: an operation that returns in the nanosecond in
    which another is called is concurrent with it. `return_ns` is `NEVER` where `known` is False: such an
    operation may have happened at any time after its call, or not at all.

    `key` indexes `keys`: the objects, which are independent of each other. `kind` indexes `kinds`: what is
    done, in the words of the model (`read`, `write`, `cas`, …). `first` and `second` are the codes of the
    arguments; an operation with more of them has them all, as one tuple, in `first`. `result` is the code of
    what was answered. `values[NIL]` is None. `id` and `process` tell what a row is in the recorded history.
    """

    key: NDArray[np.int32]
    keys: Sequence[Any]
    call_ns: NDArray[np.int64]
    return_ns: NDArray[np.int64]
    kind: NDArray[np.uint8]
    kinds: tuple[str, ...]
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    result: NDArray[np.int32]
    known: NDArray[np.bool_]
    values: Sequence[Any]
    id: NDArray[np.int64]
    process: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.key)

    def call(self, row: int) -> Call:
        """Return what was done in a row, as models read it."""
        first, second, result = int(self.first[row]), int(self.second[row]), int(self.result[row])
        args = tuple(self.values[code] for code in (first, second) if code != ABSENT)
        answer = UNKNOWN if not self.known[row] else None if result == ABSENT else self.values[result]
        return Call(f=self.kinds[self.kind[row]], args=args, result=answer)

    def take(self, rows: "NDArray[np.intp] | NDArray[np.bool_]") -> "Calls":
        """Return some of the rows, in this order, over the same keys and values."""
        return Calls(
            key=self.key[rows],
            keys=self.keys,
            call_ns=self.call_ns[rows],
            return_ns=self.return_ns[rows],
            kind=self.kind[rows],
            kinds=self.kinds,
            first=self.first[rows],
            second=self.second[rows],
            result=self.result[rows],
            known=self.known[rows],
            values=self.values,
            id=self.id[rows],
            process=self.process[rows],
        )

    def compact(self) -> "Calls":
        """Return the same rows over those values only that are in them."""
        codes = [self.first, self.second, self.result]
        held, places = np.unique(np.concatenate(([ABSENT, NIL], *codes)), return_inverse=True)
        first, second, result = np.split(places[2:].astype(np.int32) - 1, 3)
        return replace(
            self,
            first=first,
            second=second,
            result=result,
            values=tuple(self.values[code] for code in held[1:].tolist()),
        )

    def code_of(self, kind: str) -> int:
        """Return the code of a kind of operation, ABSENT if there is none of it."""
        return self.kinds.index(kind) if kind in self.kinds else ABSENT


class CallsBuilder:
    """Collects operations one by one and makes columns of them; some microseconds an operation.

    Values are told apart as Python does, except that True and False are no numbers.
    """

    def __init__(self) -> None:
        self._keys: dict[Hashable, int] = {}
        self._kinds: dict[str, int] = {}
        self._values: dict[Hashable, int] = {identity(None): NIL}
        self._spelled: list[Any] = [None]
        self._call_ns, self._return_ns, self._id = (array("q") for _ in range(3))
        self._key, self._first, self._second, self._result, self._process = (array("i") for _ in range(5))
        self._kind, self._known = (array("B") for _ in range(2))

    def add(
        self,
        *,
        id: int,
        f: str,
        args: tuple[Any, ...] = (),
        result: Any = UNKNOWN,
        call_ns: int,
        return_ns: int | None = None,
        key: Hashable = None,
        process: int = 0,
    ) -> None:
        """Add an operation; its outcome is unknown when there is no `return_ns`, or no `result`."""
        known = result is not UNKNOWN and return_ns is not None
        codes = [self._code(arg) for arg in (args if len(args) <= 2 else (args,))]
        first, second = (*codes, ABSENT, ABSENT)[:2]
        self._call_ns.append(call_ns)
        self._return_ns.append(return_ns if known and return_ns is not None else NEVER)
        self._id.append(id)
        self._key.append(self._keys.setdefault(key, len(self._keys)))
        self._first.append(first)
        self._second.append(second)
        self._result.append(self._code(result) if known else ABSENT)
        self._process.append(process)
        self._kind.append(self._kinds.setdefault(f, len(self._kinds)))
        self._known.append(known)

    def build(self) -> Calls:
        """Return what was added, in the order in which it was."""
        return Calls(
            key=np.array(self._key),
            keys=tuple(self._keys),
            call_ns=np.array(self._call_ns),
            return_ns=np.array(self._return_ns),
            kind=np.array(self._kind),
            kinds=tuple(self._kinds),
            first=np.array(self._first),
            second=np.array(self._second),
            result=np.array(self._result),
            known=np.array(self._known, dtype=np.bool_),
            values=tuple(self._spelled),
            id=np.array(self._id),
            process=np.array(self._process),
        )

    def _code(self, value: Any) -> int:
        frozen = freeze(value)
        code = self._values.setdefault(identity(frozen), len(self._spelled))
        if code == len(self._spelled):
            self._spelled.append(frozen)
        return code


def freeze(value: Any) -> Any:
    """Return a value that can be a key and a state: lists become tuples, sets frozen, mappings sorted pairs."""
    match value:
        case list() | tuple():
            return tuple(freeze(each) for each in value)
        case set() | frozenset():
            return frozenset(freeze(each) for each in value)
        case dict():
            return tuple(sorted((freeze(key), freeze(each)) for key, each in value.items()))
    return value


def apart(values: Iterable[Hashable]) -> tuple[Hashable, ...]:
    """Return values each once, in the order in which they come."""
    return tuple({identity(value): value for value in values}.values())


def value_code(values: Sequence[Any], codes: Iterable[int], value: Hashable) -> int:
    """Return which of the codes stands for a value, or one that none of them is."""
    wanted = identity(value)
    alike = (code for code in codes if values[code] == value and identity(values[code]) == wanted)
    return next(alike, len(values))


def identity(value: Any) -> Hashable:
    """Return what tells a value from others; Python takes True for 1."""
    if isinstance(value, bool):
        return (bool, value)
    if isinstance(value, tuple) and not _PLAIN.issuperset(map(type, value)):
        return tuple(map(identity, value))
    return value  # type: ignore[no-any-return]
