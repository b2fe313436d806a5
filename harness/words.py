"""How numbers and nouns are put together in everything that is told."""

from collections.abc import Mapping


def plural(count: int, noun: str) -> str:
    """Return a number with its noun: "1 write", "2 writes"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def tallied(counts: Mapping[str, int]) -> str:
    """Return names with how many there are of each: "read (2), write (1,000)"."""
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())
