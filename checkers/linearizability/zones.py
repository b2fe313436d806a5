"""Registers whose values are each written once: an exact answer without a search.

When every value is written once, each read tells which write it saw. All operations on one value then form a
block that nothing may come between, and only the order of the blocks is open (Gibbons and Korach, "Testing
shared memories", 1997). A successful compare-and-set ties the block of the value that it expects to the block of
the value that it sets: a chain of blocks is one block.

A block must come before another if one of its operations returned before one of the other's was called. Let
`ends` be the earliest return in a block and `begins` the latest call: A before B if ends(A) < begins(B). If these
demands have a cycle they have one of two blocks. Where ends < begins the block holds the register from the one to
the other (a forward zone), and no two such zones may overlap; where not, it can take place at any one instant
between (a backward zone), but not if that lies inside a forward zone. That is two sorts.

Unknown operations: one whose value is never seen need not have happened; one whose value is seen has.

A refused compare-and-set only saw another value. It mostly fits somewhere into the order found here; if it does
not, another order might do, and the question is left to others (see `repair`).
"""

import enum
from collections.abc import Iterable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.linearizability.columns import ABSENT, NEVER, NIL, Calls

Rows = NDArray[np.intp]
Slots = NDArray[np.int64]
Times = NDArray[np.int64]

ALWAYS = int(np.iinfo(np.int64).min)
"""When the value that nobody wrote was written."""


GAP = 8
"""How far one place is from the next."""


class Ruling(enum.Enum):
    """What the zones say; UNDECIDED leaves it to a search."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


class Places(Struct, frozen=True, kw_only=True):
    """An order that explains all, as the place of the block that each of `rows` is in.

    Within a block the write (or compare-and-set) comes first, the others follow in the order of their calls.
    Places are `GAP` apart, so that there is room between them. `homeless` are refused compare-and-sets that fit
    nowhere in this order, `near` the places at which they would have to be.
    """

    rows: Rows
    place: Slots
    writes: NDArray[np.bool_]
    homeless: Rows
    near: Slots

    def order(self, calls: Calls) -> Rows:
        """Return the rows in this order. O(n log n)."""
        return self.rows[np.lexsort((calls.call_ns[self.rows], ~self.writes, self.place))]


class Zones(Struct, frozen=True, kw_only=True):
    """The ruling on one register, with its proof: `places`, or `suspects`, rows that alone can't be ordered.

    When it is undecided there are `places` only if values are unique and a few refused are homeless.
    """

    ruling: Ruling
    places: Places | None = None
    suspects: tuple[int, ...] = ()


class _ViolatedError(Exception):
    """These rows can't be ordered."""

    def __init__(self, rows: Iterable[int]) -> None:
        super().__init__()
        self.rows = tuple(sorted({int(row) for row in rows if row >= 0}))


class _UndecidedError(Exception):
    """Values are not unique."""


def rule(calls: Calls) -> Zones:
    """Rule on the calls of one register that begins as None. O(n log n), on arrays of the size of the history."""
    try:
        register = _Register(calls)
        chains = _Chains(register)
        places = _places(register, chains)
        ruling = Ruling.UNDECIDED if len(places.homeless) else Ruling.HOLDS
        return Zones(ruling=ruling, places=places)
    except _ViolatedError as violated:
        return Zones(ruling=Ruling.VIOLATED, suspects=_closed(calls, violated.rows))
    except _UndecidedError:
        return Zones(ruling=Ruling.UNDECIDED)


class _Register:
    """The blocks of one register. Values are slots 0 … size - 1; slot 0 is what nobody wrote.

    `writer` is the row that wrote each value, -1 where it did not happen; `live` tells which values there
    were. `ends` is the earliest return of a write and its reads, `begins` the latest call.
    """

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        read, write, cas = (calls.kind == calls.code_of(f) for f in ("read", "write", "cas"))
        agreed, refused = (_answered(calls, cas, answer) for answer in (True, False))
        known = calls.known
        self.reads = np.flatnonzero(read & known)
        self.refused = np.flatnonzero(cas & known & refused)
        written = write | (cas & ~(known & refused))
        self.writes = np.flatnonzero(written)
        self._check_shape(read, write, cas, known & ~agreed & ~refused)
        expects = np.flatnonzero(cas & written)
        value = np.where(write, calls.first, calls.second)
        seen = np.where(calls.result == ABSENT, NIL, calls.result)
        self._lay_out(value[self.writes], seen[self.reads], calls.first[expects], calls.first[self.refused])
        self.wrote = self.slot(value[self.writes])
        self.saw = self.slot(seen[self.reads])
        self.refused_saw = self.slot(calls.first[self.refused])
        counts = np.bincount(self.wrote, minlength=self.size)
        if counts[0] or (counts > 1).any():
            raise _UndecidedError
        self.writer = np.full(self.size, -1)
        self.writer[self.wrote] = self.writes
        self.expected, self.set = self._happened(expects, value)
        self._bounds()

    def slot(self, codes: NDArray[np.int32]) -> Slots:
        """Return the slots of codes."""
        if self._codes is not None:
            return np.searchsorted(self._codes, codes)
        return np.where(codes == NIL, 0, codes.astype(np.int64) - self._base)

    def rows_of(self, slots: Slots) -> Rows:
        """Return the rows that wrote or saw one of these values."""
        wanted = np.zeros(self.size, dtype=np.bool_)
        wanted[slots] = True
        return np.concatenate((self.writer[slots], self.reads[wanted[self.saw]]))

    def _check_shape(self, *masks: NDArray[np.bool_]) -> None:
        read, write, cas, odd = masks
        calls = self.calls
        complete = (read | write | cas).all() and not (cas & odd).any()
        if not complete or (calls.first[write | cas] == ABSENT).any() or (calls.second[cas] == ABSENT).any():
            raise _UndecidedError

    def _lay_out(self, *codes: NDArray[np.int32]) -> None:
        """Choose slots: the codes themselves, moved, where they are dense."""
        positive = [each[each != NIL] for each in codes]
        low = min((int(each.min()) for each in positive if len(each)), default=1)
        high = max((int(each.max()) for each in positive if len(each)), default=0)
        self._base, self._codes, self.size = low - 1, None, high - low + 2
        if self.size > 4 * len(self.calls) + 1000:
            self._codes = np.unique(np.concatenate((*codes, [NIL])))
            self.size = len(self._codes)

    def _happened(self, expects: Rows, value: NDArray[np.int32]) -> tuple[Slots, Slots]:
        """Leave out unknown operations whose value is never seen; return the slots of the compare-and-sets."""
        known = self.calls.known
        expected, sets = self.slot(self.calls.first[expects]), self.slot(value[expects])
        seen = np.zeros(self.size, dtype=np.bool_)
        seen[self.saw] = True
        seen[expected[known[expects]]] = True
        unknown = ~known[expects]
        count = -1
        while count != (count := int(seen.sum())):
            seen[expected[unknown & seen[sets]]] = True
        idle = self.writes[~known[self.writes] & ~seen[self.wrote]]
        happened = np.ones(len(self.calls), dtype=np.bool_)
        happened[idle] = False
        self.writer[self.wrote[~happened[self.writes]]] = -1
        self.live = self.writer >= 0
        self.live[0] = True
        phantom = np.flatnonzero(seen & ~self.live)
        if len(phantom):
            raise _ViolatedError(
                np.concatenate(
                    (
                        self.reads[self.saw == phantom[0]],
                        expects[happened[expects] & (expected == phantom[0])],
                    )
                )
            )
        kept = happened[expects]
        return expected[kept], sets[kept]

    def _bounds(self) -> None:
        calls, reads, writer = self.calls, self.reads, self.writer
        called = np.where(writer >= 0, calls.call_ns[writer], ALWAYS)
        returned = np.where(writer >= 0, calls.return_ns[writer], np.where(self.live, ALWAYS, NEVER))
        first_seen = np.full(self.size, NEVER)
        np.minimum.at(first_seen, self.saw, calls.return_ns[reads])
        last_asked = np.full(self.size, ALWAYS)
        np.maximum.at(last_asked, self.saw, calls.call_ns[reads])
        early = np.flatnonzero(first_seen < called)
        if len(early):
            raise _ViolatedError(self.rows_of(early[:1]))
        self.called = called
        self.ends = np.minimum(returned, first_seen)
        self.begins = np.maximum(called, last_asked)


class _Chains:
    """Blocks tied together by compare-and-sets: the first value of each chain, and how far from it each is."""

    def __init__(self, register: _Register) -> None:
        expected, sets = register.expected, register.set
        itself = sets[sets == expected]
        if len(itself):
            raise _ViolatedError(register.writer[itself[:1]])
        twice = np.flatnonzero(np.bincount(expected, minlength=register.size) > 1)
        if len(twice):
            rivals = sets[expected == twice[0]]
            raise _ViolatedError(register.writer[np.concatenate((twice[:1], rivals))])
        self.before = np.arange(register.size)
        self.before[sets] = expected
        self.root = self.before.copy()
        self.depth = np.zeros(register.size, dtype=np.int64)
        self.depth[sets] = 1
        latest = np.full(register.size, ALWAYS)
        latest[sets] = register.begins[expected]
        under_way = sets
        for _ in range(len(sets).bit_length() + 1):
            jump = self.root[under_way]
            further = self.root[jump] != jump
            under_way, jump = under_way[further], jump[further]
            latest[under_way] = np.maximum(latest[under_way], latest[jump])
            self.depth[under_way] += self.depth[jump]
            self.root[under_way] = self.root[jump]
        loose = sets[self.before[self.root[sets]] != self.root[sets]]
        if len(loose):
            raise _ViolatedError(register.writer[self._up(int(loose[0]), register.size)])
        late = sets[register.ends[sets] < latest[sets]]
        if len(late):
            raise _ViolatedError(register.rows_of(self._up(int(late[0]), register.size)))
        self.ends, self.begins = register.ends.copy(), register.begins.copy()
        np.minimum.at(self.ends, self.root[sets], register.ends[sets])
        np.maximum.at(self.begins, self.root[sets], register.begins[sets])

    def _up(self, slot: int, size: int) -> Slots:
        """Return the values from which this one came, itself included."""
        path = dict.fromkeys((slot,))
        while (slot := int(self.before[slot])) not in path and len(path) < size:
            path[slot] = None
        return np.array(list(path))


def _places(register: _Register, chains: _Chains) -> Places:
    """Return an order of all blocks, or raise."""
    roots = np.flatnonzero(register.live & (chains.before == np.arange(register.size)))
    ends, begins = chains.ends[roots], chains.begins[roots]
    forward = np.flatnonzero(ends < begins)
    backward = np.flatnonzero(ends >= begins)
    forward = forward[np.argsort(ends[forward], kind="stable")]
    starts, stops = ends[forward], begins[forward]

    def conflict(one: int, other: int) -> _ViolatedError:
        of_both = np.flatnonzero(register.live & np.isin(chains.root, roots[[one, other]]))
        return _ViolatedError(register.rows_of(of_both))

    overlap = np.flatnonzero(stops[:-1] > starts[1:])
    if len(overlap):
        raise conflict(forward[overlap[0]], forward[overlap[0] + 1])
    instant = begins[backward]
    if len(forward):
        zone = np.searchsorted(starts, instant) - 1
        inside = (zone >= 0) & (stops[zone] > instant)
        enclosed = np.flatnonzero(inside & (stops[zone] > ends[backward]))
        if len(enclosed):
            raise conflict(backward[enclosed[0]], forward[zone[enclosed[0]]])
        instant = np.where(inside, stops[zone], instant)
    # At one instant backward zones come first.
    blocks = roots[np.concatenate((backward, forward))]
    blocks = blocks[np.argsort(np.concatenate((instant, starts)), kind="stable")]
    lengths = np.bincount(chains.root[register.live], minlength=register.size)
    first = np.empty(register.size, dtype=np.int64)
    first[blocks] = np.cumsum(lengths[blocks]) - lengths[blocks]
    place = np.where(register.live, first[chains.root] + chains.depth, -1)
    return _with_refused(register, place)


def _with_refused(register: _Register, place: Slots) -> Places:
    """Put the refused compare-and-sets into blocks of other values."""
    slots = np.empty(int(register.live.sum()), dtype=np.int64)
    slots[place[register.live]] = np.flatnonzero(register.live)
    written = register.writer[slots[slots != 0]]
    seat, fits = _seats(register, slots, place[register.refused_saw])
    rows = np.concatenate((written, register.reads, register.refused[fits]))
    writes = np.zeros(len(rows), dtype=np.bool_)
    writes[: len(written)] = True
    return Places(
        rows=rows,
        place=GAP * np.concatenate((place[slots[slots != 0]], place[register.saw], seat[fits])),
        writes=writes,
        homeless=register.refused[~fits],
        near=GAP * seat[~fits],
    )


def _seats(register: _Register, slots: Slots, avoid: Slots) -> tuple[Slots, NDArray[np.bool_]]:
    """Return a place for each refused compare-and-set, and whether it fits: the earliest but the one to `avoid`.

    It fits into a place if nothing in earlier ones, nor the write in it, was called after its return, and
    nothing in later ones returned before its call.
    """
    calls, refused = register.calls, register.refused
    call_ns, return_ns = calls.call_ns[refused], calls.return_ns[refused]
    before = np.concatenate(([ALWAYS], np.maximum.accumulate(register.begins[slots])[:-1]))
    before = np.maximum(before, register.called[slots])
    after = np.concatenate((np.minimum.accumulate(register.ends[slots][::-1])[::-1][1:], [NEVER]))
    low = np.searchsorted(after, call_ns)
    high = np.searchsorted(before, return_ns, side="right") - 1
    seat: Slots = low + (low == avoid)
    fits = seat <= high
    # Two of the same place, one of which had to move up, must not change their order.
    moved = fits & (seat > low)
    limit = np.full(len(slots), NEVER)
    np.minimum.at(limit, low[moved], return_ns[moved])
    follow = fits & ~moved & (call_ns > limit[low])
    seat += follow
    fits &= ~follow | ((seat != avoid) & (seat <= high))
    return np.where(fits, seat, low), fits


def _closed(calls: Calls, suspects: tuple[int, ...]) -> tuple[int, ...]:
    """Add what makes the suspects a history of its own: who wrote what they saw, and who saw what they may have.

    Without the one a read would be wrong for want of its write; without the other an unknown operation need not
    have happened.
    """
    write, cas, read = (calls.kind == calls.code_of(f) for f in ("write", "cas", "read"))
    refused = _answered(calls, cas, False) & calls.known
    wrote = np.where(write, calls.first, np.where(cas & ~refused, calls.second, ABSENT))
    saw = np.where(read & calls.known, calls.result, np.where(cas & ~refused, calls.first, ABSENT))
    rows = np.array(suspects, dtype=np.intp)
    while True:
        seen = saw[rows]
        doubtful = wrote[rows[~calls.known[rows]]]
        doubtful = np.setdiff1d(doubtful, saw[rows[calls.known[rows]]])
        more = np.isin(wrote, seen[seen > NIL]) | np.isin(saw, doubtful[doubtful > NIL])
        more[rows] = True
        if more.sum() == len(rows):
            return tuple(rows.tolist())
        rows = np.flatnonzero(more)


def _answered(calls: Calls, rows: NDArray[np.bool_], answer: bool) -> NDArray[np.bool_]:
    """Tell which results stand for an answer, among those that some rows have."""
    found = np.zeros(len(calls), dtype=np.bool_)
    for code in np.unique(calls.result[rows & calls.known]).tolist():
        if code != ABSENT and calls.values[code] == answer:
            found |= calls.result == code
    return found
