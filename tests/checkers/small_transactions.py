"""Histories of a few transactions, for the checkers and for those that try everything."""

import random
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from checkers.transactions import Builder, Transactions
from harness.operation import Outcome

Micro = tuple[str, str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Txn:
    """A transaction; `back` is None where the outcome is unknown."""

    id: int
    process: int = 0
    call: int = 0
    back: int | None = 100
    outcome: Outcome = Outcome.OK
    micro: tuple[Micro, ...] = ()

    @property
    def is_ok(self):
        return self.outcome is Outcome.OK

    @property
    def is_info(self):
        return self.outcome is Outcome.INFO


def columns(txns) -> Transactions:
    """Return a history as columns."""
    builder = Builder()
    for txn in txns:
        builder.add(
            txn.micro,
            id=txn.id,
            process=txn.process,
            call_ns=txn.call,
            return_ns=txn.back,
            outcome=txn.outcome,
        )
    return builder.build()


def t(id, *micro, process=None, call=0, back=100, outcome=Outcome.OK):
    """Return a transaction of its own client, concurrent with all others unless it is said when it was."""
    process = id if process is None else process
    back = None if outcome is Outcome.INFO else back
    return Txn(id=id, process=process, call=call, back=back, outcome=outcome, micro=micro)


def a(key, value):
    """Append."""
    return ("append", key, value)


def w(key, value):
    """Write."""
    return ("w", key, value)


def r(key, shown):
    """Read."""
    return ("r", key, shown)


@st.composite
def executions(draw, *, lists, most=5, torn=False):
    """Return histories that something like a store made: reads of snapshots old or new, torn now and then.

    Half of them read their keys in the end, so that all versions are known. If `torn` transactions touch more,
    and each read is of a snapshot of its own.
    """
    count = draw(st.integers(1, most))
    keys = "xy"[: 2 if torn else draw(st.integers(1, 2))]
    plain = not torn and draw(st.booleans())
    versions: dict[str, list[list[int]]] = {key: [[]] for key in keys}
    fresh = dict.fromkeys(keys, 0)
    order = draw(st.permutations(range(count)))
    moments = sorted(draw(st.lists(st.integers(0, 12), min_size=count, max_size=count)))
    txns: list[Txn | None] = [None] * count
    free: dict[int, int] = {}
    for moment, place in zip(moments, order, strict=True):
        outcome = draw(st.sampled_from((Outcome.OK,) * 6 + (Outcome.INFO, Outcome.FAIL)))
        stale = draw(st.sampled_from((0, 0, 0, 1, 2)))
        micro: list[Micro] = []
        mine: dict[str, list[int]] = {}
        for _ in range(draw(st.integers(2, 4) if torn else st.integers(1, 3))):
            key = draw(st.sampled_from(keys))
            behind = stale if plain else draw(st.sampled_from((0, 0, 1)))
            seen = versions[key][max(0, len(versions[key]) - 1 - behind)]
            state = mine.get(key, list(seen))
            if draw(st.booleans()):
                fresh[key] += 1
                micro.append(("append" if lists else "w", key, fresh[key]))
                mine[key] = [*state, fresh[key]] if lists else [fresh[key]]
            else:
                mine.setdefault(key, list(state))
                value = list(state) if lists else (state[-1] if state else None)
                micro.append(("r", key, value if outcome is Outcome.OK else None))
        written = {key for f, key, _ in micro if f != "r"}
        applied = outcome is Outcome.OK or (outcome is Outcome.INFO and draw(st.booleans()))
        applied = applied or (outcome is Outcome.FAIL and draw(st.integers(0, 5)) == 0)
        if applied:
            for key in written:
                own = [value for f, which, value in micro if which == key and f != "r"]
                versions[key].append([*versions[key][-1], *own] if lists else [own[-1]])
        process = draw(st.integers(0, 2))
        call = max(free.get(process, 0), moment - draw(st.integers(0, 3)))
        back = max(call + 1, moment + draw(st.integers(0, 3)))
        free[process] = back if outcome is not Outcome.INFO else back + 1
        txns[place] = Txn(
            id=place,
            process=process,
            call=call,
            back=None if outcome is Outcome.INFO else back,
            outcome=outcome,
            micro=tuple(micro),
        )
    found = [txn for txn in txns if txn is not None]
    if draw(st.booleans()):
        shown = tuple(
            ("r", key, list(versions[key][-1]) if lists else (versions[key][-1] or [None])[-1])
            for key in keys
        )
        last = max(txn.back or txn.call for txn in found) + 1
        found.append(Txn(id=count, process=9, call=last, back=last + 1, micro=shown))
    return found


def torn(seed, *, lists, count=3):
    """Return a history whose versions come in one order, while each first read of a key shows any of them.

    In the end somebody reads all keys.
    """
    draws = random.Random(seed)
    planned = [
        [(draws.choice("ra"), draws.choice("xy")) for _ in range(draws.randint(2, 4))] for _ in range(count)
    ]
    versions: dict[str, list[list[int]]] = {"x": [[]], "y": [[]]}
    written: list[dict[tuple[int, str], int]] = []
    before: list[dict[str, int]] = []
    for plan in planned:
        before.append({key: len(versions[key]) - 1 for key in "xy"})
        mine: dict[tuple[int, str], int] = {}
        for key in "xy":
            values = []
            for place, (f, of) in enumerate(plan):
                if (f, of) == ("a", key):
                    mine[place, key] = 10 * len(written) + place + 1
                    values.append(mine[place, key])
            if values:
                versions[key].append([*versions[key][-1], *values])
        written.append(mine)
    txns = []
    for id, plan in enumerate(planned):
        now: dict[str, list[int]] = {}
        micro: list[Micro] = []
        for place, (f, key) in enumerate(plan):
            if key not in now:
                at = before[id][key] if f == "a" else draws.randrange(len(versions[key]))
                now[key] = list(versions[key][at])
            if f == "a":
                value = written[id][place, key]
                now[key] = [*now[key], value]
                micro.append(("append" if lists else "w", key, value))
            else:
                micro.append(("r", key, list(now[key]) if lists else (now[key] or [None])[-1]))
        txns.append(t(id, *micro))
    shown = [r(key, versions[key][-1] if lists else (versions[key][-1] or [None])[-1]) for key in "xy"]
    return [*txns, t(count, *shown)]
