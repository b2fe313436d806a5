"""Cases of anomalies that need no cycle: how many there are, and some of them in words."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from checkers.transactions.anomalies import Anomaly
from checkers.transactions.columns import WRITE, Ints, Mask, Transactions
from checkers.transactions.dependencies import Case, Cases
from checkers.transactions.spans import spanned

STORIES = 10
"""How many cases of one anomaly are told."""

Found = TypeVar("Found")


def cases(anomaly: Anomaly, found: Sequence[Found], case: Callable[[Found], Case]) -> Cases | None:
    """Return what was found, the first ones told by `case`; None if it is nothing."""
    if not len(found):
        return None
    return Cases(anomaly=anomaly, count=len(found), some=tuple(case(each) for each in found[:STORIES]))


def pairs(first: Ints, second: Ints) -> list[tuple[int, int]]:
    """Return two columns as pairs."""
    return list(zip(first.tolist(), second.tolist(), strict=True))


def updates(txns: Transactions, owner: Ints, reads: Ints, version: Ints) -> list[tuple[int, int]]:
    """Return pairs of reads of one version by different transactions, all of which wrote the key.

    `reads` are external ones, at most one of each transaction and key; `version` tells which version of its
    key each showed. O(n log n).
    """
    keys = max(1, len(txns.keys))
    written = np.unique((owner * keys + txns.key)[txns.f == WRITE])
    updating = _among(owner[reads] * keys + txns.key[reads], written)
    reads, version = reads[updating], version[updating]
    order = np.lexsort((version, txns.key[reads]))
    reads, version = reads[order], version[order]
    key = txns.key[reads]
    same = np.flatnonzero((key[1:] == key[:-1]) & (version[1:] == version[:-1]))
    return pairs(reads[same], reads[same + 1])


def _among(values: Ints, known: Ints) -> Mask:
    if not len(known):
        return np.zeros(len(values), np.bool_)
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    among: Mask = known[place] == values
    return among


def elements(txns: Transactions, read: int) -> Ints:
    """Return the codes of the list that a read showed."""
    return txns.elements[spanned(txns.start[read : read + 1], txns.size[read : read + 1])]
