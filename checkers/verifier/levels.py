"""Which anomalies each consistency model forbids, written out."""

_DIRTY = ("duplicate-elements", "garbage-read", "cyclic-versions", "G0")
_COMMITTED = (*_DIRTY, "incompatible-order", "dirty-update", "G1a", "G1b", "G1c")
_UPDATES = ("lost-update", "G-cursor")
_SKEWS = (*_UPDATES, "fractured-read", "G-single")

_FORBIDS: dict[str, tuple[str, ...]] = {
    "read-uncommitted": _DIRTY,
    "read-committed": _COMMITTED,
    "read-atomic": (*_COMMITTED, "internal", "fractured-read"),
    "cursor-stability": (*_COMMITTED, *_UPDATES),
    "consistent-view": (*_COMMITTED, *_SKEWS),
    "repeatable-read": (*_COMMITTED, *_SKEWS, "G-nonadjacent", "G2-item"),
    "snapshot-isolation": (*_COMMITTED, *_SKEWS, "internal", "G-nonadjacent"),
    "serializable": (*_COMMITTED, *_SKEWS, "internal", "G-nonadjacent", "G2-item"),
}


def forbids(model: str, anomaly: str) -> bool:
    """Tell whether a model, by its usual name, forbids an anomaly."""
    model = model.replace("strict-serializable", "strong-serializable")
    orders = [""]
    for prefix, more in (("strong-session-", ["-process"]), ("strong-", ["-process", "-realtime"])):
        if model.startswith(prefix):
            model, orders = model.removeprefix(prefix), [*orders, *more]
    return any(anomaly == base + order for base in _FORBIDS.get(model, ()) for order in orders)
