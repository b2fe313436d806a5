"""How calls and values are spelled for people."""

from collections.abc import Iterable
from typing import Any

from checkers.linearizability.model import UNKNOWN, Call

LONGEST = 60
"""How many letters of a value are shown."""

EITHER = 3
"""How many possibilities are named; one more is named rather than counted."""

ASKING = frozenset({"read", "get", "dequeue", "contains"})
"""Calls that ask for something: nil is an answer to them, where others are merely done."""


def shown(value: Any) -> str:
    """Return a value in words, cut where it is long."""
    text = _spelled(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def described(call: Call) -> str:
    """Return a call as its name, its arguments and its answer; `?` stands for an unknown outcome."""
    words = [call.f, *map(shown, call.args)]
    if call.result is UNKNOWN:
        words.append("?")
    elif call.result is not None or call.f in ASKING:
        words.append(f"→ {shown(call.result)}")
    return " ".join(words)


def either(texts: Iterable[str]) -> str:
    """Return several possibilities, the first few of them by name."""
    several = list(texts)
    more = len(several) - EITHER
    return " or ".join(several[:EITHER] + [f"{more} others"] * (more > 1) + several[EITHER:] * (more == 1))


def _spelled(value: Any) -> str:
    if value is UNKNOWN:
        return "?"
    if value is None:
        return "nil"
    if isinstance(value, tuple):
        return f"[{' '.join(map(_spelled, value))}]"
    if isinstance(value, frozenset):
        return f"{{{' '.join(sorted(map(_spelled, value)))}}}"
    return str(value)
