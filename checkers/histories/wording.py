"""How checkers of histories tell what they found: operations in words, findings with examples."""

from collections.abc import Iterable, Sequence
from typing import Any

from checkers.words import at
from harness.checker import Finding
from harness.columns.table import Table
from harness.history import OUTCOMES
from harness.verdict import Verdict

EXAMPLES = 5
"""How many cases of one finding are told."""

_LONG = 120
_MANY = 64


def shown(value: Any) -> str:
    """Return a value in words, shortened where it is long."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def told(table: Table, row: int) -> str:
    """Return one operation in words: who did what, from when to when, and with what outcome."""
    first = int(table.args[row])
    args = [_cell(table, cell) for cell in range(first, first + int(table.arity[row]))]
    what = " ".join((table.names[int(table.f[row])], *args))
    place, returned = int(table.node[row]), int(table.return_ns[row])
    node = f" on {table.values.texts[place]}" if place >= 0 else ""
    answer = f" {_cell(table, int(table.value[row]))}" if table.value[row] >= 0 else ""
    until = "never" if returned < 0 else moment(table, returned)
    who = f"operation {table.id[row]} of process {table.process[row]}{node}"
    span = f"{moment(table, int(table.call_ns[row]))} to {until}"
    return f"{who}, {span}: {what}: {OUTCOMES[int(table.outcome[row])]}{answer}"


def moment(table: Table, time_ns: int) -> str:
    """Return a time of a history as text; the place of a line where it has no times."""
    return at(time_ns) if table.timed else f"line {time_ns}"


def finding(verdict: Verdict, title: str, cases: Iterable[str], total: int) -> Finding:
    """Return a finding with its first cases, one a line, and how many more there are."""
    lines: Sequence[str] = tuple(case for case, _ in zip(cases, range(EXAMPLES), strict=False))
    if total > len(lines):
        lines = (*lines, f"and {total - len(lines)} more")
    return Finding(verdict=verdict, title=title, lines=tuple(lines))


def _cell(table: Table, cell: int) -> str:
    """Return a value in words; of a large collection only how large it is."""
    size = int(table.values.size[cell])
    return f"({size} values)" if size > _MANY else shown(table.values.get(cell))
