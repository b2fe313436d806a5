"""How numbers and nouns are put together in everything that is told."""

import re
from collections.abc import Mapping
from typing import Final

LONGEST_WORD: Final = 48
"""How long a word may be that is shown whole."""

_PADDING = re.compile(r"(\W|_)\1{7,}")


def plural(count: int, noun: str) -> str:
    """Return a number with its noun: "1 write", "2 writes"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def tallied(counts: Mapping[str, int]) -> str:
    """Return names with how many there are of each: "read (2), write (1,000)"."""
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items())


def brief(text: str) -> str:
    """Return a text for reading, with the middle of long words (keys, values) left out.

    So is punctuation repeated many times (padding).
    """
    return " ".join(_brief(word) for word in text.split(" "))


def _brief(word: str) -> str:
    short = _PADDING.sub("…", word)
    return short if len(short) <= LONGEST_WORD else f"{short[:23]}…{short[-4:]} ({len(word)} long)"
