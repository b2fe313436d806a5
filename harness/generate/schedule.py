"""When operations of a made-up history happen: by clients that are always busy, each with a moment of effect.

Every client calls its next operation right after the one before has returned. Durations are exponential, and an
operation takes effect at a uniform moment between its call and its return, so the history is linearizable in the
order of these moments. An operation of unknown outcome took effect or not, perhaps only after its client had given
up; its process is followed by a fresh one.
"""

from typing import TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from harness.history import INFO, OK

Scalar = TypeVar("Scalar", bound=np.generic)
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MEAN_NS = 1_000_000
"""How long an operation takes on average."""


class Schedule(Struct, frozen=True, kw_only=True):
    """Operations in the order of their calls. `effect_ns` tells when they happen, if they are `applied`."""

    call_ns: Ints
    return_ns: Ints
    effect_ns: Ints
    process: Ints
    outcome: NDArray[np.uint8]
    applied: Flags

    def __len__(self) -> int:
        return len(self.call_ns)

    def in_effect(self) -> Ints:
        """Return the rows in the order of their effects."""
        return np.argsort(self.effect_ns, kind="stable")


def schedule(
    random: np.random.Generator, operations: int, *, clients: int, unknown: float, sure: Flags | None = None
) -> Schedule:
    """Draw when `operations` happen, a share of them with an unknown outcome. O(n log n).

    `sure` are those that have a known outcome in any case, in the order of the calls.
    """
    # Some more than each client's share, so that those that are quick stay busy to the end.
    share = operations / clients
    rounds = int(share + 6 * share**0.5) + 10
    durations = random.exponential(MEAN_NS, (clients, rounds)).astype(np.int64) + 2
    returns = np.cumsum(durations + 1, axis=1) + random.integers(0, MEAN_NS, (clients, 1))
    calls = returns - durations
    lost = random.random((clients, rounds)) < unknown
    lives: Ints = (
        np.cumsum(lost, axis=1) - lost
    )  # how often the client's process was followed by another before
    process = np.arange(clients)[:, None] + clients * lives
    order = np.argsort(calls, axis=None, kind="stable")[:operations]
    call, returned, span = calls.ravel()[order], returns.ravel()[order], durations.ravel()[order]
    doubtful = lost.ravel()[order]
    if sure is not None:
        doubtful &= ~sure
    late = np.where(doubtful, 2, 1)
    return Schedule(
        call_ns=call,
        return_ns=returned,
        effect_ns=call + (random.random(operations) * span * late).astype(np.int64),
        process=process.ravel()[order],
        outcome=np.where(doubtful, INFO, OK).astype(np.uint8),
        applied=~doubtful | (random.random(operations) < 0.5),
    )


def with_an_end(when: Schedule) -> Schedule:
    """Return the schedule with its last operation after all others, by a process of its own, and acknowledged."""
    end = int(when.return_ns.max()) + MEAN_NS

    def ended(column: "NDArray[Scalar]", last: int) -> "NDArray[Scalar]":
        return np.concatenate((column[:-1], np.array([last], column.dtype)))

    return Schedule(
        call_ns=ended(when.call_ns, end),
        effect_ns=ended(when.effect_ns, end + 1),
        return_ns=ended(when.return_ns, end + 2),
        process=ended(when.process, int(when.process.max()) + 1),
        outcome=ended(when.outcome, OK),
        applied=ended(when.applied, True),
    )
