"""What clients do in a run, so that the fate of every write can be told afterwards.

Each write leaves a trace of its own: a value that no other write of the run uses, under a key. A read of the
final state then answers for each acknowledged write whether it is still there; no model of the store and no
search is needed. `append` is the smallest such workload and the easiest to read in a report; `mixed` uses
every kind of write that a key-value store offers.

Increments leave no trace of their own: they go to separate counters that `checkers.counters` bounds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from harness.draws import Draws
from harness.generator import Context, Generator, Step, stateful
from harness.operation import Invocation, Operation, Outcome
from harness.options import Options
from harness.workload import Element

BATCH = 200
"""How many keys one final read asks for."""

COUNTER = "counter-"
"""What the names of counters begin with: their values are sums, not traces."""

_REMEMBERED = 8
_CHECKERS = (
    "durability",
    "copies",
    "phantom",
    "convergence",
    "liveness",
    "recency",
    "staleness",
    "retention",
    "sessions",
    "linearizable",
)
_READS = ("reads", "replica_reads", "bounded", "max_lag_ms")


class State(Struct, frozen=True, kw_only=True):
    """Where a workload stands: the next unused value, and the keys written last, newest first."""

    value: int = 0
    recent: tuple[str, ...] = ()

    def after(self, *keys: str) -> "State":
        """Return the state after a write to `keys`, one value each."""
        fresh = dict.fromkeys((*keys, *self.recent))
        return State(value=self.value + len(keys), recent=tuple(fresh)[:_REMEMBERED])


class Traced:
    """How the traces of a store's operations are read, whichever of them a workload uses."""

    checkers: tuple[str, ...] = _CHECKERS

    def writes(self, operation: Operation | Invocation) -> tuple[Element, ...]:
        """Return the elements that the operation writes if it happens; a refused `cas` writes nothing."""
        args = operation.args
        match operation.f:
            case "append" | "add" | "put":
                return ((args[0], args[1]),)
            case "cas":
                return () if _refused(operation) else ((args[0], args[2]),)
            case "txn":
                return tuple((key, value) for f, key, value in args[0] if f in ("append", "add", "put"))
        return ()

    def sees(self, operation: Operation) -> Sequence[Element]:
        """Return the elements that an `ok` read showed; lists and sets element by element, in their order."""
        shown: Iterable[tuple[str, Any]]
        match operation.f:
            case "get" | "get_within":
                return _elements(operation.args[0], operation.value)
            case "peek":
                shown = zip(operation.args[0], operation.value or (), strict=False)
            case "txn":
                shown = ((key, value) for f, key, value in operation.value or () if f == "get")
            case _:
                return ()
        return [element for key, value in shown for element in _elements(key, value)]

    def final_reads(self, keys: Iterable[str], node: str) -> Iterator[Invocation]:
        """Yield reads of all `keys` on `node`, up to 200 keys each."""
        ordered = tuple(dict.fromkeys(keys))
        for first in range(0, len(ordered), BATCH):
            yield Invocation(f="peek", args=(ordered[first : first + BATCH],), node=node)


class Reading:
    """Which reads a workload makes: the options that all workloads have in common.

    `reads` is the share of operations that read (0.2); `replica_reads` the share of the reads that ask one
    node for what it has, however stale (0.25); `bounded` the share of these that a node must refuse when it is
    more than `max_lag_ms` (200) behind (0: the system need not know such reads).
    """

    def __init__(self, read: Options) -> None:
        self.share = read.share("reads", 0.2)
        self._replicas = read.share("replica_reads", 0.25)
        self._bounded = read.share("bounded", 0.0)
        self._max_lag_ms = read.whole("max_lag_ms", 200)

    def of(self, key: str, draws: Draws, nodes: tuple[str, ...]) -> Invocation:
        """Return a read of a key."""
        if not draws.chance(self._replicas):
            return Invocation(f="get", args=(key,))
        node = draws.choice(nodes)
        if self._bounded and draws.chance(self._bounded):
            return Invocation(f="get_within", args=(key, self._max_lag_ms), node=node)
        return Invocation(f="peek", args=((key,),), node=node)


class append(Traced):  # noqa: N801 - an entry point is called as scenarios spell it
    """Unique integers appended to lists, and reads of the lists written last.

    Options: those of `Reading`; `length`, how many elements a list gets before a fresh one follows (100);
    `lists`, how many lists are written at the same time (4); `key_bytes` (`named`).
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, (*_READS, "length", "lists", "key_bytes"))
        self.reading = Reading(read)
        self.length = read.whole("length", 100, least=1)
        self.lists = read.whole("lists", 4, least=1)
        self.key_bytes = read.whole("key_bytes", 0)

    def generator(self, nodes: tuple[str, ...], *, seed: int) -> Generator:
        """Return appends in the order of their values, mixed with reads."""

        def step(_: Context, state: State, draws: Draws) -> tuple[Step, State]:
            if state.recent and draws.chance(self.reading.share):
                return self.reading.of(draws.choice(state.recent), draws, nodes), state
            key = self._list(state.value)
            return Invocation(f="append", args=(key, state.value)), state.after(key)

        return stateful(step, State(), seed=seed)

    def _list(self, value: int) -> str:
        generation = value // (self.length * self.lists)
        return named(f"list-{generation * self.lists + value % self.lists}", self.key_bytes)


class mixed(Traced):  # noqa: N801 - an entry point is called as scenarios spell it
    """Every write whose fate can be told, increments, and reads.

    Puts and compare-and-sets go to fresh keys, so nothing is overwritten; adds and appends to shared sets
    and lists; a transaction writes two or three of them, all or nothing, and may read. Options: those of
    `Reading`; `length`, over how many writes the same sets and lists are used (100); `counters`, how many
    counters are incremented (4; 0 leaves increments out); `key_bytes` (`named`).
    """

    checkers: tuple[str, ...] = (*_CHECKERS, "transactions")

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, (*_READS, "length", "counters", "key_bytes"))
        self.reading = Reading(read)
        self.length = read.whole("length", 100, least=1)
        self.counters = read.whole("counters", 4)
        self.key_bytes = read.whole("key_bytes", 0)

    def generator(self, nodes: tuple[str, ...], *, seed: int) -> Generator:
        """Return writes of all kinds in equal shares, mixed with reads."""
        kinds = ("put", "cas", "add", "append", "txn") + (("increment",) if self.counters else ())

        def step(_: Context, state: State, draws: Draws) -> tuple[Step, State]:
            if state.recent and draws.chance(self.reading.share):
                return self.reading.of(draws.choice(state.recent), draws, nodes), state
            return self._write(draws.choice(kinds), state, draws)

        return stateful(step, State(), seed=seed)

    def final_reads(self, keys: Iterable[str], node: str) -> Iterator[Invocation]:
        """Yield reads of all `keys` and of the counters."""
        return super().final_reads((*keys, *(f"{COUNTER}{i}" for i in range(self.counters))), node)

    def _write(self, kind: str, state: State, draws: Draws) -> tuple[Invocation, State]:
        value, generation, long = state.value, state.value // self.length, self.key_bytes
        match kind:
            case "put":
                key = named(f"put-{value}", long)
                return Invocation(f="put", args=(key, value)), state.after(key)
            case "cas":
                key = named(f"cas-{value}", long)
                return Invocation(f="cas", args=(key, None, value)), state.after(key)
            case "add":
                key = named(f"set-{generation}", long)
                return Invocation(f="add", args=(key, value)), state.after(key)
            case "append":
                key = named(f"list-{generation}-{draws.below(3)}", long)
                return Invocation(f="append", args=(key, value)), state.after(key)
            case "increment":
                key = f"{COUNTER}{draws.below(self.counters)}"
                return Invocation(f="increment", args=(key, 1 + draws.below(3))), state
            case _:
                return _transaction(state, generation, draws, long)


def named(key: str, key_bytes: int) -> str:
    """Return a key, made `key_bytes` long if it is shorter.

    Long keys make long entries of a log: a loss of power tears them, and files are full after a few.
    """
    return key.ljust(key_bytes, ".")


def _transaction(state: State, generation: int, draws: Draws, key_bytes: int) -> tuple[Invocation, State]:
    first = draws.below(3)
    lists = [named(f"list-{generation}-{(first + place) % 3}", key_bytes) for place in range(3)]
    micro: list[tuple[str, str, int | None]] = [
        ("append", lists[0], state.value),
        ("append", lists[1], state.value + 1),
    ]
    if draws.chance(0.5):
        third = (("append", lists[2]), ("add", named(f"set-{generation}", key_bytes)))
        f, key = draws.choice((*third, ("put", named(f"put-{state.value + 2}", key_bytes))))
        micro.append((f, key, state.value + 2))
    written = tuple(key for _, key, _ in micro)
    if state.recent and draws.chance(0.3):
        micro.append(("get", draws.choice(state.recent), None))
    return Invocation(f="txn", args=(tuple(micro),)), state.after(*written)


def _refused(operation: Operation | Invocation) -> bool:
    return (
        isinstance(operation, Operation) and operation.outcome is Outcome.OK and operation.value is not True
    )


def _elements(key: str, value: Any) -> Sequence[Element]:
    if value is None or key.startswith(COUNTER):
        return ()
    if isinstance(value, int):
        return ((key, value),)
    return [(key, element) for element in value]
