"""Another order of a few blocks, where the one that the zones gave does not explain a refused compare-and-set.

The blocks of consecutive places can be taken in any order that explains them, from the value that was there
before: what comes before and after them stays right. So around each operation that fits nowhere some blocks are
searched anew together with it, and more of them if need be. Writes of unknown outcome that nobody saw may help:
one that happens there leaves another value.
"""

from collections import defaultdict

import numpy as np

from checkers.linearizability import engine
from checkers.linearizability.budget import Budget
from checkers.linearizability.columns import NEVER, Calls, CallsBuilder
from checkers.linearizability.models.registers import CasRegister
from checkers.linearizability.zones import ALWAYS, GAP, Places

WIDTHS = (4, 16, 64)
"""How many blocks to each side are searched anew."""

SPARE = 4
"""How many writes that nobody saw are offered to a search."""


def repair(calls: Calls, places: Places, budget: Budget) -> Places | None:
    """Return places with nobody homeless; None if a search of everything is needed. Raises OverBudget."""
    desk = _Desk(calls, places)
    for row, near in zip(places.homeless.tolist(), places.near.tolist(), strict=True):
        if not any(desk.settle(row, near // GAP, width, budget) for width in WIDTHS):
            return None
    return desk.places()


class _Desk:
    """The blocks around those that are homeless."""

    def __init__(self, calls: Calls, places: Places) -> None:
        self._calls = calls
        self._old = places
        last = int(places.place.max(initial=0)) // GAP
        reach = np.zeros(last + 2, dtype=np.bool_)
        for near in (places.near // GAP).tolist():
            reach[max(0, near - 2 * WIDTHS[-1]) : near + 2 * WIDTHS[-1]] = True
        self._last = last
        self._taken = np.flatnonzero(reach[places.place // GAP])
        self._rows: defaultdict[int, list[int]] = defaultdict(list)
        self._place: dict[int, int] = {}
        self._writer: dict[int, int] = {}
        for index in self._taken.tolist():
            self._put(int(places.rows[index]), int(places.place[index]), writes=bool(places.writes[index]))
        happened = np.zeros(len(calls), dtype=np.bool_)
        happened[places.rows] = True
        spare = ~happened & ~calls.known & (calls.kind == calls.code_of("write"))
        self._spare = spare
        self._left = np.flatnonzero(spare)
        self._cas = calls.code_of("cas")

    def settle(self, homeless: int, near: int, width: int, budget: Budget) -> bool:
        """Order the blocks around a place anew, with one more operation; tell whether that can be done.

        Not if a chain leads out of what is on the desk: nobody knows what comes before it, or hangs on it.
        """
        low, high = max(0, near - width), min(self._last, near + width)
        while low > 0 and self._chained(low):
            low -= 1
        while high < self._last and self._chained(high + 1):
            high += 1
        if not all(self._here(block) for block in (low - 1, low, high + 1)):
            return False
        inside = [place for place in range(low * GAP, (high + 1) * GAP) if place in self._rows]
        rows = [row for place in inside for row in self._rows[place]]
        order = self._search([*rows, homeless], self._free(homeless), low, budget)
        return order is not None and self._commit(order, inside, low)

    def places(self) -> Places:
        """Return all places, old and new."""
        untouched = np.ones(len(self._old.rows), dtype=np.bool_)
        untouched[self._taken] = False
        rows = np.array(list(self._place), dtype=np.intp)
        writes = np.isin(rows, np.array(list(self._writer.values()), dtype=np.intp))
        place = np.array(list(self._place.values()), dtype=np.int64)
        return Places(
            rows=np.concatenate((self._old.rows[untouched], rows)),
            place=np.concatenate((self._old.place[untouched], place)),
            writes=np.concatenate((self._old.writes[untouched], writes)),
            homeless=np.empty(0, dtype=np.intp),
            near=np.empty(0, dtype=np.int64),
        )

    def _free(self, homeless: int) -> list[int]:
        """Return a few writes that nobody saw and that may have happened by then."""
        by_then = self._calls.call_ns[self._left] <= self._calls.return_ns[homeless]
        free: list[int] = self._left[by_then].tolist()
        return free[-SPARE:]

    def _put(self, row: int, place: int, *, writes: bool) -> None:
        self._rows[place].append(row)
        self._place[row] = place
        if writes:
            self._writer[place] = row

    def _here(self, block: int) -> bool:
        """Tell whether a block is on the desk, or beyond the first (which nobody wrote) or the last there is."""
        return block < 1 or block > self._last or block * GAP in self._writer

    def _chained(self, block: int) -> bool:
        """Tell whether a block follows the one before by a compare-and-set."""
        writer = self._writer.get(block * GAP)
        return writer is not None and self._calls.kind[writer] == self._cas

    def _search(self, rows: list[int], spare: list[int], low: int, budget: Budget) -> list[int] | None:
        """Return an order of rows, and of spare ones as needed, from the value before the block `low`."""
        calls = self._calls
        builder = CallsBuilder()
        before = self._writer.get(self._latest(low - 1))
        if before is not None:
            value = calls.call(before).args[-1]
            builder.add(id=-1, f="write", args=(value,), result=None, call_ns=ALWAYS, return_ns=ALWAYS)
        for row in (*rows, *spare):
            call = calls.call(row)
            result, return_ns = call.result, int(calls.return_ns[row])
            if row not in spare and not call.known:
                result, return_ns = True if call.f == "cas" else None, NEVER - 1
            builder.add(
                id=row,
                f=call.f,
                args=call.args,
                result=result,
                call_ns=int(calls.call_ns[row]),
                return_ns=None if return_ns == NEVER else return_ns,
            )
        some = builder.build()
        order = engine.answer(CasRegister(), some, some.return_ns, budget).order
        return None if order is None else [row for row in some.id[order].tolist() if row >= 0]

    def _latest(self, block: int) -> int:
        """Return the last place of a block that is taken, or its first."""
        places = range(block * GAP + GAP - 1, block * GAP, -1)
        return next((place for place in places if place in self._rows), block * GAP)

    def _commit(self, order: list[int], inside: list[int], low: int) -> bool:
        """Give the rows their places: blocks that were there keep to whole ones, new ones go between."""
        writers = {self._writer[place] for place in inside if place in self._writer}
        placed: list[tuple[int, int, bool]] = []
        place = self._latest(low - 1) if low else 0
        for row in order:
            spare = bool(self._spare[row])
            if row in writers and not spare:
                place = place // GAP * GAP + GAP
            elif spare:
                place += 1
                if place % GAP == 0:
                    return False
            placed.append((row, place, row in writers or spare))
        for place in inside:
            for row in self._rows.pop(place):
                del self._place[row]
            self._writer.pop(place, None)
        for row, place, writes in placed:
            self._put(row, place, writes=writes)
        spent = [row for row, _, writes in placed if writes]
        self._left = np.setdiff1d(self._left, spent, assume_unique=True)
        return True
