"""A workload written out: these operations, by these clients, at these times.

It is how a run is told in the fewest words, and done again: what a shrunk scenario holds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from checkers.workloads import append, mixed
from harness.errors import UsageError
from harness.generator import BLOCKED, Context, Generator, Step, Wait, in_order
from harness.operation import Invocation, Operation
from harness.options import Options
from harness.system import SettingError
from harness.workload import RESERVED, Element, Workload, reserve

BASES: Mapping[str, Callable[[Mapping[str, Any]], Workload]] = {"append": append, "mixed": mixed}

LONGEST_S = 86_400
"""A script takes less than a day."""

_FIELDS = ("at", "by", "f", "args", "node")


def _key(value: Any) -> bool:
    return isinstance(value, str)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


def _whole_or_none(value: Any) -> bool:
    return value is None or _whole(value)


def _keys(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_key, value))


def _step(value: Any) -> bool:
    match value:
        case ["append" | "add" | "put", key, written]:
            return _key(key) and _whole(written)
        case ["get", key, None]:
            return _key(key)
    return False


def _steps(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_step, value))


_WRITE = ("a key and a whole number", (_key, _whole))
_ARGS: Mapping[str, tuple[str, tuple[Callable[[Any], bool], ...]]] = {
    "append": _WRITE,
    "add": _WRITE,
    "put": _WRITE,
    "increment": _WRITE,
    "cas": ("a key, a whole number or null, and a whole number", (_key, _whole_or_none, _whole)),
    "get": ("a key", (_key,)),
    "get_within": ("a key and a whole number of milliseconds", (_key, _whole)),
    "peek": ("a list of keys", (_keys,)),
    "txn": ("a list of steps such as [append, k, 1] or [get, k, null]", (_steps,)),
}
"""What each operation takes, in words and as tests, one for each argument."""

_OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "append": ("append", "get", "get_within", "peek"),
    "mixed": tuple(_ARGS),
}
"""Which operations there are, by the workload whose meaning they have."""


class Call(Struct, frozen=True, kw_only=True):
    """One operation to come: `at_ns` after the clients have begun, worker `by` does `invocation`."""

    at_ns: int
    by: int
    invocation: Invocation


class script:  # noqa: N801 - an entry point is called as scenarios spell it
    """Operations as they are listed.

    Options: `of`, the workload whose meaning they have (append or mixed) and whose writes the harness takes for
    its own, `with` its options; `until`, the time in seconds at which the run ends, at least; and `calls`, a list
    of `{at: seconds, by: client, f: …, args: […], node: n1}`, where `node` may be left out. What becomes of each
    write must be plain in the end: no two write the same value to a key, and what is put is put once.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, ("of", "with", "until", "calls"))
        of = read.choice("of", "append", list(BASES))
        self._base: Workload = BASES[of](options.get("with", {}))
        self._until_ns = round(read.number("until", 1.0, above=0, below=LONGEST_S) * 1e9)
        calls = options.get("calls", ())
        if not isinstance(calls, list | tuple):
            raise SettingError("calls", f"calls is a list of operations, not {calls!r}")
        self._calls = tuple(_call(place, entry, _OPERATIONS[of]) for place, entry in enumerate(calls))
        self._refuse_ambiguous()
        self.least_clients = 1 + max((call.by for call in self._calls), default=0)
        self.checkers = self._base.checkers

    def generator(self, nodes: tuple[str, ...], *, seed: int) -> Generator:
        """Return the writes of the base that the harness takes for itself, then the listed operations."""
        base = self._base.generator(nodes, seed=seed)
        own, _ = reserve(self._base, base, RESERVED)
        taken = {element for write in own for element in self._base.writes(write)}
        for place, call in enumerate(self._calls):
            for key, value in taken.intersection(self._base.writes(call.invocation)):
                raise UsageError(f"calls.{place}: {key}={value} is among what the harness writes for itself")
        lines: dict[int, list[Call]] = {}
        for call in sorted(self._calls, key=lambda call: call.at_ns):
            lines.setdefault(call.by, []).append(call)
        listed = Listed(
            lines={by: tuple(calls) for by, calls in lines.items()},
            places={},
            left=len(self._calls),
            span_ns=self._until_ns,
            start_ns=None,
        )
        return in_order([*own, listed])

    def _refuse_ambiguous(self) -> None:
        """Refuse writes of which nobody could tell afterwards what became of each."""
        seen: dict[Element, int] = {}
        kinds: dict[str, tuple[str, int]] = {}
        for place, call in enumerate(self._calls):
            for element in self._base.writes(call.invocation):
                if element in seen:
                    told = f"calls.{place} writes {element[0]}={element[1]}, as calls.{seen[element]} does"
                    raise SettingError("calls", f"{told}: each write needs a value of its own")
                seen[element] = place
            for f, key in _written(call.invocation):
                kind, before = kinds.setdefault(key, (_KINDS[f], place))
                if kind != _KINDS[f] or (kind == "register" and before != place):
                    told = f"calls.{place} writes {key}, as calls.{before} does"
                    raise SettingError("calls", f"{told}: a key is one list, one set, or written once")

    def writes(self, operation: Operation | Invocation) -> tuple[Element, ...]:
        """Return what the base says."""
        return self._base.writes(operation)

    def sees(self, operation: Operation) -> Iterable[Element]:
        """Return what the base says."""
        return self._base.sees(operation)

    def final_reads(self, keys: Iterable[str], node: str) -> Iterator[Invocation]:
        """Yield the base's reads."""
        yield from self._base.final_reads(keys, node)


_KINDS = {"append": "list", "add": "set", "put": "register", "cas": "register", "increment": "counter"}


def _written(invocation: Invocation) -> Iterator[tuple[str, str]]:
    """Yield what an operation does to which keys."""
    if invocation.f == "txn":
        yield from ((f, key) for f, key, _ in invocation.args[0] if f in _KINDS)
    elif invocation.f in _KINDS:
        yield invocation.f, invocation.args[0]


class Listed(Struct, frozen=True, kw_only=True):
    """Each worker's line of calls, and how far each has come."""

    lines: Mapping[int, tuple[Call, ...]]
    places: Mapping[int, int]
    left: int
    span_ns: int
    start_ns: int | None

    def next(self, context: Context) -> tuple[Step, Generator]:
        """Answer with the worker's next call when its time has come."""
        start_ns = context.now_ns if self.start_ns is None else self.start_ns
        begun = self if self.start_ns is not None else self._with(start_ns=start_ns)
        line, place = self.lines.get(context.worker, ()), self.places.get(context.worker, 0)
        if place < len(line):
            call = line[place]
            if context.now_ns < start_ns + call.at_ns:
                return Wait(start_ns + call.at_ns), begun
            places = {**self.places, context.worker: place + 1}
            return call.invocation, begun._with(places=places, left=self.left - 1)
        if context.now_ns < start_ns + self.span_ns:
            return Wait(start_ns + self.span_ns), begun
        return (BLOCKED if self.left else None), begun

    def _with(self, **changes: Any) -> "Listed":
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return Listed(**{**fields, **changes})


def _call(place: int, entry: Any, known: tuple[str, ...]) -> Call:
    where = f"calls.{place}"
    if not isinstance(entry, Mapping):
        raise SettingError(
            "calls", f"{where} is not a mapping such as {{at: 1.5, by: 0, f: put, args: [k, 1]}}"
        )
    for field in entry:
        if field not in _FIELDS:
            raise SettingError("calls", f"{where} has an unknown field {field!r}", _FIELDS)
    at, by, f = entry.get("at"), entry.get("by", 0), entry.get("f")
    args, node = entry.get("args", []), entry.get("node")
    if not isinstance(at, int | float) or isinstance(at, bool) or not 0 <= at < LONGEST_S:
        raise SettingError("calls", f"{where}.at is a time in seconds, below {LONGEST_S}, not {at!r}")
    if not isinstance(by, int) or isinstance(by, bool) or by < 0:
        raise SettingError("calls", f"{where}.by is the number of a client from 0 on, not {by!r}")
    if not isinstance(f, str) or not isinstance(args, list | tuple) or not isinstance(node, str | None):
        raise SettingError("calls", f"{where} needs f (a name) and args (a list); node is a node's name")
    if f not in known:
        raise SettingError("calls", f"{where}.f does not know {f!r}; allowed: {', '.join(known)}")
    words, tests = _ARGS[f]
    if len(args) != len(tests) or not all(test(value) for test, value in zip(tests, args, strict=True)):
        raise SettingError("calls", f"{where}.args: {f} takes {words}, not {args!r}")
    return Call(at_ns=round(at * 1e9), by=by, invocation=Invocation(f=f, args=_tuples(args), node=node))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list | tuple) else value
