"""Banks: whatever is transferred between accounts, every read of all of them shows the same total.

Transfers move money between accounts, each in a transaction, and reads show every balance at one moment. So every
read has the same accounts and the same sum, whichever transfers happened; and no balance is negative, where
accounts may not be overdrawn. Options: `total`, the sum (else that of most reads is taken for right, so that a
system that is consistently wrong passes); `negative`, whether balances may be negative (false).

Seen is a broken sum, and nothing else: two transfers lost on both sides leave no trace.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from checkers.histories.wording import finding, told
from harness.checker import CheckResult, Finding
from harness.columns.identity import identified, ranked
from harness.columns.table import Table
from harness.columns.values import Kind, children
from harness.history import OK
from harness.history_checker import Request
from harness.options import Options
from harness.verdict import Verdict, merge
from harness.words import plural

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

TRANSFERS = ("transfer",)
READS = ("read",)


class Balances(Struct, frozen=True, kw_only=True):
    """The answered reads of all accounts: rows, sums, and what is amiss in each."""

    rows: Ints
    sums: Ints
    negative: Flags
    missing: Flags
    """Whether it shows other accounts than most reads, or a balance that is no whole number."""


class Bank:
    """Checks that money is conserved."""

    name = "bank"
    knows = (*TRANSFERS, *READS)

    def __init__(self, options: Mapping[str, Any]) -> None:
        read = Options(options, ("total", "negative"))
        self._total = read.whole("total", 0) if "total" in options else None
        self._negative = read.flag("negative", False)

    def fits(self, table: Table) -> bool:
        """Whether money is transferred, or reads show maps of balances."""
        reads = table.rows(*READS)
        kinds = table.values.kinds_at(table.value[reads[table.outcome[reads] == OK]])
        return bool(len(kinds) and (kinds == Kind.MAP).all())

    def check(self, table: Table, request: Request) -> CheckResult:
        """Judge every read: O(balances shown)."""
        balances = _balances(table)
        whole = balances.sums[~balances.missing]
        total = self._total if self._total is not None else _commonest(whole)
        findings = tuple(self._findings(table, balances, total))
        if self._total is None and len(whole) < 2 and not findings:
            title = "fewer than two reads to compare, and no total is given"
            findings = (Finding(verdict=Verdict.INCONCLUSIVE, title=title),)
        counts = {
            "wrong-total": int((~balances.missing & (balances.sums != total)).sum()),
            "negative-balance": 0 if self._negative else int(balances.negative.sum()),
            "missing-balance": int(balances.missing.sum()),
        }
        wrong = balances.rows[self._wrong(balances, total)]
        return CheckResult(
            checker=self.name,
            verdict=merge((Verdict.HOLDS, *(each.verdict for each in findings))),
            summary=f"{plural(len(balances.rows), 'read')} of a total of {total}: {len(wrong)} wrong",
            findings=findings,
            figures={"reads": len(balances.rows), "total": total, **counts},
            anomalies=tuple(name for name, count in counts.items() if count),
            certificate={"kind": "bank", "total": total, "reads": table.id[wrong].tolist()}
            if len(wrong)
            else None,
        )

    def _wrong(self, balances: Balances, total: int) -> Flags:
        wrong: Flags = balances.missing | (balances.sums != total)
        return wrong if self._negative else wrong | balances.negative

    def _findings(self, table: Table, balances: Balances, total: int) -> Iterator[Finding]:
        off = ~balances.missing & (balances.sums != total)
        judged = [(off, f"with another total than {total}"), (balances.missing, "without all accounts")]
        if not self._negative:
            judged.append((balances.negative, "with a negative balance"))
        for mask, what in judged:
            places = np.flatnonzero(mask)
            if len(places):
                cases = (
                    f"{told(table, int(balances.rows[place]))}: total {balances.sums[place]}"
                    for place in places.tolist()
                )
                yield finding(Verdict.VIOLATED, f"{plural(len(places), 'read')} {what}", cases, len(places))


def _balances(table: Table) -> Balances:
    rows = table.rows(*READS)
    rows = rows[table.outcome[rows] == OK]
    values = table.values
    cells = table.value[rows]
    shown = values.kinds_at(cells) == Kind.MAP
    starts = np.where(shown, values.payload[cells], 0)
    counts = np.where(shown, values.size[cells].astype(np.int64) // 2, 0)
    inside = children(starts, 2 * counts)
    kinds, payloads = values.kind[inside][1::2], values.payload[inside][1::2]
    whole = kinds == Kind.INT
    amounts = payloads if whole.all() else np.where(whole, payloads, 0)
    accounts = np.arange(len(values))[inside][::2]
    sound = _by_read(np.logical_and, whole, counts, empty=True)
    tickets = _tickets(identified(values, accounts).codes)
    missing: Flags = ~sound | ~shown | _unlike(_by_read(np.add, tickets, counts, empty=0))
    return Balances(
        rows=rows,
        sums=_by_read(np.add, amounts, counts, empty=0),
        negative=_by_read(np.minimum, amounts, counts, empty=0) < 0,
        missing=missing,
    )


def _by_read(ufunc: np.ufunc, column: "NDArray[Any]", counts: Ints, *, empty: Any) -> "NDArray[Any]":
    """Return for each read what `ufunc` makes of its part of the column."""
    found = np.full(len(counts), empty, column.dtype)
    some = counts > 0
    if some.any():
        found[some] = ufunc.reduceat(column, (np.cumsum(counts) - counts)[some])
    return found


def _tickets(accounts: Ints) -> Ints:
    """Return a random number for each account: their sum tells one set of accounts from another."""
    known = int(accounts.max()) + 1 if len(accounts) else 0
    return np.random.default_rng(0).integers(2**32, size=known)[accounts]


def _unlike(numbers: Ints) -> Flags:
    """Return which numbers are not the commonest one."""
    unlike: Flags = numbers != _commonest(numbers)
    return unlike


def _commonest(numbers: Ints) -> int:
    if not len(numbers):
        return 0
    found = ranked(numbers)
    return int(numbers[found.first[np.bincount(found.codes).argmax()]])
