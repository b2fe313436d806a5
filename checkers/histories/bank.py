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
from harness.columns.values import Kind
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
    of_read = np.repeat(np.arange(len(rows)), counts)
    place = np.arange(len(of_read)) - np.repeat(np.cumsum(counts) - counts, counts)
    accounts = np.repeat(starts, counts) + 2 * place
    whole = values.kinds_at(accounts + 1) == Kind.INT
    amounts = np.where(whole, values.payload[accounts + 1], 0) if len(accounts) else np.zeros(0, np.int64)
    sums = _summed(amounts, of_read, len(rows))
    strange = np.bincount(of_read[~whole], minlength=len(rows)) > 0
    return Balances(
        rows=rows,
        sums=sums,
        negative=np.bincount(of_read[amounts < 0], minlength=len(rows)) > 0,
        missing=strange | ~shown | _unlike(_sets(identified(values, accounts).codes, of_read, len(rows))),
    )


def _summed(amounts: Ints, group: Ints, groups: int) -> Ints:
    """Return the sum of each group; groups are neighbours."""
    running = np.concatenate(([0], np.cumsum(amounts)))
    bounds = np.searchsorted(group, np.arange(groups + 1))
    return np.diff(running[bounds])


def _sets(accounts: Ints, of_read: Ints, reads: int) -> Ints:
    """Return a number for each read that is the same for the same set of accounts: a sum of random numbers."""
    known = int(accounts.max()) + 1 if len(accounts) else 0
    tickets = np.random.default_rng(0).integers(2**32, size=known)
    return _summed(tickets[accounts], of_read, reads)


def _unlike(numbers: Ints) -> Flags:
    """Return which numbers are not the commonest one."""
    unlike: Flags = numbers != _commonest(numbers)
    return unlike


def _commonest(numbers: Ints) -> int:
    if not len(numbers):
        return 0
    found = ranked(numbers)
    return int(numbers[found.first[np.bincount(found.codes).argmax()]])
