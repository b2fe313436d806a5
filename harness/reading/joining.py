"""From calls and returns to operations: the same for every format."""

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from msgspec import Struct

from harness.clock import Origin
from harness.columns.table import Logged, Table
from harness.errors import DamagedError
from harness.history import INFO
from harness.reading.events import NONE, Calls, Events, Returns

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

HEADER_LINES = 1
"""How many lines of our own histories come before the first event."""


class Joined(Struct, frozen=True, kw_only=True):
    """A history as operations, and how many of its returns have no call."""

    table: Table
    uncalled: int


def join_processes(events: Events) -> Joined:
    """Join each return with the last call of its process: O(n log n).

    A call that is followed by another call of its process never returned. A return without a call is an
    operation that was called at an unknown time; it gets the earliest time of the history, so that it is taken to
    be concurrent with all that comes before its return.
    """
    calls, returns = events.calls, events.returns
    matched = _last_call(calls, returns)
    orphans = np.flatnonzero(matched < 0)
    if len(orphans):
        calls = _with_calls_for(calls, returns, orphans)
        matched = matched + len(orphans)
        matched[orphans] = np.arange(len(orphans))
    ids = np.arange(len(calls.joint))
    table = _table(events, calls, returns, matched, ids=ids, origin=None)
    return Joined(table=table, uncalled=len(orphans))


def join_ids(events: Events, path: str, origin: Origin) -> Table:
    """Join each return with the call that has its id: O(n) where ids count up, as a recorder writes them.

    Raises DamagedError, with file and line, for a return that has no call before it, and for an id that is
    called or returns twice.
    """
    calls, returns = events.calls, events.returns
    by_id = np.argsort(calls.joint, kind="stable")
    ids = calls.joint[by_id]
    place = np.searchsorted(ids, returns.joint)
    known = place < len(ids)
    known[known] = ids[place[known]] == returns.joint[known]
    matched = np.full(len(returns.joint), NONE, np.int64)
    matched[known] = by_id[place[known]]
    known[known] = calls.order[matched[known]] < returns.order[known]
    twice = np.concatenate((_repeated(calls.joint, calls.order), _repeated(returns.joint, returns.order)))
    wrong = np.concatenate((returns.order[~known], twice))
    if len(wrong):
        line = int(wrong.min()) + HEADER_LINES + 1
        raise DamagedError(f"{path}:{line}: damaged line: neither a new call nor the return of an open one")
    return _table(events, calls, returns, matched, ids=calls.joint, origin=origin)


def _last_call(calls: Calls, returns: Returns) -> "NDArray[np.int64]":
    """Return for each return the index of the call just before it in its process, or NONE."""
    joint = np.concatenate((calls.joint, returns.joint))
    in_order = np.argsort(np.concatenate((calls.order, returns.order)), kind="stable")
    _, small = np.unique(joint, return_inverse=True)
    if len(small) and small.max() < 2**16:
        small = small.astype(np.uint16)  # sorted by radix
    by_process = in_order[np.argsort(small[in_order], kind="stable")]
    before = np.full(len(joint), NONE, np.int64)
    before[by_process[1:]] = by_process[:-1]
    found = before[len(calls.joint) :]
    is_call = (found >= 0) & (found < len(calls.joint))
    is_call[is_call] = calls.joint[found[is_call]] == returns.joint[is_call]
    return np.where(is_call, found, NONE)


def _with_calls_for(calls: Calls, returns: Returns, orphans: "NDArray[np.int64]") -> Calls:
    """Return the calls, and before them a call for each return that has none."""
    count = len(orphans)
    earliest = min((times.min() for times in (calls.time_ns, returns.time_ns) if len(times)), default=0)
    value = returns.value[orphans]
    return Calls(
        joint=np.concatenate((returns.joint[orphans], calls.joint)),
        process=np.concatenate((returns.joint[orphans], calls.process)),
        f=np.concatenate((returns.f[orphans], calls.f)),
        args=np.concatenate((value, calls.args)),
        arity=np.concatenate(((value >= 0).astype(np.uint16), calls.arity)),
        time_ns=np.concatenate((np.full(count, earliest), calls.time_ns)),
        node=np.concatenate((np.full(count, NONE, np.int32), calls.node)),
        order=np.concatenate((np.zeros(count, np.int64), calls.order)),
    )


def _repeated(joint: "NDArray[np.int64]", order: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """Return the order of each event whose joint an earlier one has."""
    by_joint = np.argsort(joint, kind="stable")
    again = np.flatnonzero(joint[by_joint[1:]] == joint[by_joint[:-1]]) + 1
    return order[by_joint[again]]


def _table(
    events: Events,
    calls: Calls,
    returns: Returns,
    matched: "NDArray[np.int64]",
    *,
    ids: "NDArray[np.int64]",
    origin: Origin | None,
) -> Table:
    call_ns, return_ns, timed = _times(calls, returns, matched)

    def of_return(column: "NDArray[Scalar]", missing: int) -> "NDArray[Scalar]":
        found = np.full(len(ids), missing, column.dtype)
        found[matched] = column
        return found

    node = of_return(returns.node, NONE)
    epoch, offset = of_return(returns.epoch, NONE), of_return(returns.offset, NONE)
    degraded = of_return(returns.degraded, False)
    told = bool((epoch >= 0).any() or (offset >= 0).any() or degraded.any())
    return Table(
        id=ids,
        process=calls.process,
        f=calls.f,
        names=events.names,
        call_ns=call_ns,
        return_ns=of_return(return_ns, NONE),
        outcome=of_return(returns.outcome, INFO),
        args=calls.args,
        arity=calls.arity,
        value=of_return(returns.value, NONE),
        node=np.where(node < 0, calls.node, node),
        error=of_return(returns.error, NONE),
        values=events.values,
        logged=Logged(epoch=epoch, offset=offset, degraded=degraded) if told else None,
        timed=timed,
        origin=origin,
    )


def _times(
    calls: Calls, returns: Returns, matched: "NDArray[np.int64]"
) -> "tuple[NDArray[np.int64], NDArray[np.int64], bool]":
    """Return the times of calls and returns: as told, or the order of lines where they are missing or absurd."""
    told = bool((calls.time_ns >= 0).all() and (returns.time_ns >= 0).all())
    if told and (returns.time_ns >= calls.time_ns[matched]).all():
        return calls.time_ns, returns.time_ns, True
    return calls.order, returns.order, False
