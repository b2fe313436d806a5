"""Acknowledgements of an old epoch: made after a newer one had acknowledged, and of writes that it does not hold.

A primary that was followed by another one may go on acknowledging what the new one holds. Anything else is
lost. It is certain only of a write that was called after the newer epoch's acknowledgement had arrived: an
answer may be long on its way. What was called before and answered after shows how wide the window is.
"""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.evidence.ledger import Ledger, Write

Ints = NDArray[np.int64]


class Late(Struct, frozen=True, kw_only=True):
    """A lost write of an old epoch; `newer` had been acknowledged in a newer one before this was called."""

    write: Write
    newer: Write


def late(ledger: Ledger) -> Iterator[Late]:
    """Yield the writes that were called after a newer epoch had acknowledged, and are not there in the end.

    Those that are marked as degraded are left out. O(n log n).
    """
    rows, newest = _by_return(ledger)
    lost = _lost(ledger)
    before = np.searchsorted(ledger.return_ns[rows], ledger.call_ns[lost], "left") - 1
    for row, place in zip(lost.tolist(), before.tolist(), strict=True):
        if place >= 0 and ledger.epoch[newest[place]] > ledger.epoch[row] and not ledger.degraded[row]:
            yield Late(write=ledger.write(row), newer=ledger.write(int(newest[place])))


def window_ns(ledger: Ledger) -> int:
    """Return for how long an old epoch went on acknowledging what was lost, after a newer one had begun to."""
    rows, newest = _by_return(ledger)
    begun, first = np.unique(ledger.epoch[newest], return_index=True)
    lost = _lost(ledger)
    place = np.searchsorted(begun, ledger.epoch[lost], "right")
    lost, place = lost[place < len(begun)], place[place < len(begun)]
    return int((ledger.return_ns[lost] - ledger.return_ns[rows[first[place]]]).max(initial=0))


def _lost(ledger: Ledger) -> Ints:
    """Return the acknowledged rows that are not there in the end, of known epochs."""
    return np.flatnonzero(ledger.acknowledged() & (ledger.epoch >= 0) & ledger.covered & ~ledger.present)


def _by_return(ledger: Ledger) -> tuple[Ints, Ints]:
    """Return the acknowledged rows by return, and for each the first of the newest epoch until then."""
    rows = np.flatnonzero(ledger.acknowledged() & (ledger.epoch >= 0))
    rows = rows[np.argsort(ledger.return_ns[rows], kind="stable")]
    if not len(rows):
        return rows, rows
    newest = np.maximum.accumulate(ledger.epoch[rows])
    new = np.concatenate(([True], newest[1:] != newest[:-1]))
    return rows, rows[np.flatnonzero(new)[np.cumsum(new) - 1]]
