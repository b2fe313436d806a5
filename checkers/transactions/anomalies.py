"""What can be wrong with a history of transactions, as the literature calls it.

The cycles are Adya's (Weak Consistency, 1999): G0, G1c, G-single, G2-item; G-nonadjacent is the cycle that
snapshot isolation forbids (Cerone and Gotsman, Analysing Snapshot Isolation, 2016), and G-cursor is Adya's of one
object, which needs no search. A cycle that needs the
order of one client's calls, or of real time, has `-process` or `-realtime` in its name. The others are those
of Elle (Kingsbury and Alvaro, 2020).
"""

import enum


class Anomaly(enum.StrEnum):
    """An anomaly; the order is from grave to slight within each family."""

    DUPLICATES = "duplicate-elements"
    """A list shows an element twice."""
    GARBAGE = "garbage-read"
    """A read shows what nobody wrote."""
    CYCLIC_VERSIONS = "cyclic-versions"
    """The versions of one register come before each other."""
    INCOMPATIBLE_ORDER = "incompatible-order"
    """Two reads of a list, neither of which shows a beginning of the other."""
    DIRTY_UPDATE = "dirty-update"
    """A committed write was made on top of an aborted one."""
    G1A = "G1a"
    """Aborted read: a committed transaction read what an aborted one wrote."""
    G1B = "G1b"
    """Intermediate read: a transaction read what another one overwrote before its end."""
    INTERNAL = "internal"
    """A read contradicts what its own transaction read or wrote before, or shows what that wrote only later."""
    FRACTURED_READ = "fractured-read"
    """A transaction saw one of another's writes, and missed another one (Bailis and others, 2014)."""
    LOST_UPDATE = "lost-update"
    """Two committed transactions read the same version and both wrote the next."""
    G_CURSOR = "G-cursor"
    """A transaction read a version, and wrote the key when another one had written the next."""
    G0 = "G0"
    """A cycle of write dependencies: dirty writes."""
    G1C = "G1c"
    """A cycle of write and read dependencies: circular information flow."""
    G_SINGLE = "G-single"
    """A cycle with one anti-dependency: read skew."""
    G_NONADJACENT = "G-nonadjacent"
    """A cycle with several anti-dependencies, no two of them next to each other."""
    G2_ITEM = "G2-item"
    """A cycle with anti-dependencies: write skew."""
    G0_PROCESS = "G0-process"
    G1C_PROCESS = "G1c-process"
    G_SINGLE_PROCESS = "G-single-process"
    G_NONADJACENT_PROCESS = "G-nonadjacent-process"
    G2_ITEM_PROCESS = "G2-item-process"
    G0_REALTIME = "G0-realtime"
    G1C_REALTIME = "G1c-realtime"
    G_SINGLE_REALTIME = "G-single-realtime"
    G_NONADJACENT_REALTIME = "G-nonadjacent-realtime"
    G2_ITEM_REALTIME = "G2-item-realtime"


CYCLES = (Anomaly.G0, Anomaly.G1C, Anomaly.G_SINGLE, Anomaly.G_NONADJACENT, Anomaly.G2_ITEM)
"""The cycles without an order of time, from grave to slight: whoever forbids one forbids those before it."""


class Order(enum.StrEnum):
    """Which order, besides that of the data, a cycle or a model counts in."""

    NONE = ""
    PROCESS = "process"
    REALTIME = "realtime"


ORDERS = tuple(Order)
"""From the weakest on: real time includes the order of each client's calls."""


def cycle(base: Anomaly, order: Order) -> Anomaly:
    """Return the name of a cycle that needs an order: `G1c`, `process` is `G1c-process`."""
    return Anomaly(f"{base}-{order}") if order else base


def parts(anomaly: Anomaly) -> tuple[Anomaly, Order]:
    """Return what an anomaly is without the order that it needs, and that order."""
    for order in (Order.PROCESS, Order.REALTIME):
        if anomaly.endswith(f"-{order}"):
            return Anomaly(anomaly.removesuffix(f"-{order}")), order
    return anomaly, Order.NONE
