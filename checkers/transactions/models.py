"""Consistency models, which of them imply which, and what each anomaly rules out.

Adya's levels are known by their usual names (PL-1 is read uncommitted, PL-2 read committed, PL-2+ consistent
view, PL-2.99 repeatable read, PL-3 serializable). Snapshot isolation is that of Cerone and Gotsman: snapshots
may be old, and what it forbids are cycles in which no two anti-dependencies are next to each other; so
serializability implies it. Each level has two stronger kinds: a *strong session* one, in which the order of
each client's calls counts (Daudjee and Salem 2004), and a *strong* one, in which real time counts. Strong
serializability is strict serializability. Nothing here looks at predicates, so that repeatable read and
serializability fall together.
"""

import functools
from collections.abc import Iterable

from checkers.transactions.anomalies import Anomaly, Order, parts

BASES: dict[str, tuple[str, ...]] = {
    "read-uncommitted": (),
    "read-committed": ("read-uncommitted",),
    "read-atomic": ("read-committed",),
    "cursor-stability": ("read-committed",),
    "consistent-view": ("cursor-stability",),
    "repeatable-read": ("cursor-stability",),
    "snapshot-isolation": ("consistent-view", "read-atomic"),
    "serializable": ("repeatable-read", "snapshot-isolation"),
}
"""The levels, each with those that it implies, weaker ones first."""

RULES_OUT: dict[Anomaly, tuple[str, ...]] = {
    Anomaly.DUPLICATES: ("read-uncommitted",),
    Anomaly.GARBAGE: ("read-uncommitted",),
    Anomaly.CYCLIC_VERSIONS: ("read-uncommitted",),
    Anomaly.G0: ("read-uncommitted",),
    Anomaly.INCOMPATIBLE_ORDER: ("read-committed",),
    Anomaly.DIRTY_UPDATE: ("read-committed",),
    Anomaly.G1A: ("read-committed",),
    Anomaly.G1B: ("read-committed",),
    Anomaly.G1C: ("read-committed",),
    Anomaly.INTERNAL: ("read-atomic",),
    Anomaly.FRACTURED_READ: ("read-atomic", "consistent-view", "repeatable-read"),
    Anomaly.LOST_UPDATE: ("cursor-stability",),
    Anomaly.G_CURSOR: ("cursor-stability",),
    Anomaly.G_SINGLE: ("consistent-view", "repeatable-read"),
    Anomaly.G_NONADJACENT: ("snapshot-isolation", "repeatable-read"),
    Anomaly.G2_ITEM: ("repeatable-read",),
}
"""The weakest levels that each anomaly rules out; with an order, it rules out those of the same order."""

_PREFIXES = {Order.NONE: "", Order.PROCESS: "strong-session-", Order.REALTIME: "strong-"}
_STRICT = "strict-serializable"

ALIASES: dict[str, str] = {
    "strong-serializable": _STRICT,
    "strong-session": "strong-session-serializable",
    "PL-1": "read-uncommitted",
    "PL-2": "read-committed",
    "PL-2+": "consistent-view",
    "PL-2.99": "repeatable-read",
    "PL-3": "serializable",
    "PL-SI": "snapshot-isolation",
    "PL-SS": _STRICT,
    "conflict-serializable": "serializable",
}
"""Other names."""


def model(base: str, order: Order = Order.NONE) -> str:
    """Return the name of a level of some order."""
    name = _PREFIXES[order] + base
    return ALIASES.get(name, name)


def _implied() -> dict[str, tuple[str, ...]]:
    weaker = {Order.NONE: (), Order.PROCESS: (Order.NONE,), Order.REALTIME: (Order.PROCESS,)}
    return {
        model(base, order): (
            *(model(each, order) for each in implied),
            *(model(base, each) for each in weaker[order]),
        )
        for order in Order
        for base, implied in BASES.items()
    }


IMPLIES = _implied()
"""Every model, with those that it implies directly."""

MODELS = tuple(IMPLIES)

NAMES = (
    *MODELS,
    *(prefix + alias for alias in ALIASES if ALIASES[alias] in BASES for prefix in _PREFIXES.values()),
    *(alias for alias in ALIASES if ALIASES[alias] not in BASES),
)
"""Every name that `canonical` knows."""


def canonical(name: str) -> str:
    """Return the name of a model that is known by several; raises KeyError for what is no model."""
    for order in (Order.PROCESS, Order.REALTIME, Order.NONE):
        prefix = _PREFIXES[order]
        base = name.removeprefix(prefix)
        if name.startswith(prefix) and ALIASES.get(base, base) in BASES:
            return model(ALIASES.get(base, base), order)
    name = ALIASES.get(name, name)
    if name not in IMPLIES:
        raise KeyError(name)
    return name


@functools.cache
def weaker(name: str) -> frozenset[str]:
    """Return a model and all that it implies."""
    return frozenset((name,)).union(*(weaker(each) for each in IMPLIES[name]))


def ruled_out(anomalies: Iterable[Anomaly]) -> tuple[str, ...]:
    """Return the models that can't hold, in the order of `MODELS`."""
    named = set()
    for anomaly in anomalies:
        base, order = parts(anomaly)
        named |= {model(each, order) for each in RULES_OUT[base]}
    return tuple(each for each in MODELS if not named.isdisjoint(weaker(each)))


def weakest(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of some models that imply none of the others."""
    given = tuple(names)
    return tuple(each for each in given if weaker(each).isdisjoint(set(given) - {each}))


def strongest(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of some models that none of the others implies."""
    given = tuple(names)
    implied = {each for other in given for each in weaker(other) if each != other}
    return tuple(each for each in given if each not in implied)
