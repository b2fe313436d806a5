"""A verdict on linearizability in the words and records that all checkers use."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from checkers.linearizability.certificate import Linearization, Window
from checkers.linearizability.models.words import either
from checkers.linearizability.objects import Result
from harness.checker import Finding
from harness.verdict import Verdict
from harness.words import plural

STORIES = 5
"""How many objects are told of one by one."""


def findings(*results: Result) -> tuple[Finding, ...]:
    """Return the failing windows as stories, and why some objects have no verdict."""
    told = [_told(window) for result in results for window in result.windows]
    reasons = dict.fromkeys(reason for result in results for reason in result.reasons)
    undecided = (Finding(verdict=Verdict.INCONCLUSIVE, title=reason) for reason in reasons)
    return (*told[:STORIES], *undecided)


def windows(*results: Result) -> Mapping[str, Any]:
    """Return the certificate of a violation."""
    shown = [msgspec.to_builtins(window, enc_hook=_plain) for result in results for window in result.windows]
    return {"kind": "window", "windows": shown}


def linearizations(orders: Iterable[Linearization]) -> Mapping[str, Any]:
    """Return the certificate of what holds."""
    return {
        "kind": "linearization",
        "objects": [msgspec.to_builtins(each, enc_hook=_plain) for each in orders],
    }


def _plain(value: Any) -> Any:
    """Return what EDN has besides JSON's values as these: its names are texts, its sets lists."""
    match value:
        case str():
            return str(value)
        case tuple():
            return list(value)
    raise NotImplementedError(f"{type(value).__name__} has no place in a certificate")


def _told(window: Window) -> Finding:
    entry = "any state" if window.any_state else either(window.entry_texts)
    lines = [f"before: {entry}"]
    for each in window.required:
        lines.append(f"operation {each.id} of process {each.process}: {each.text}")
        lines.extend((f"  {each.story}",) if each.story else ())
    where = "" if window.key is None else f" on {window.key}"
    title = f"no order of {plural(len(window.required), 'operation')}{where} is possible"
    return Finding(verdict=Verdict.VIOLATED, title=title, lines=tuple(lines))
