"""How numbers and nouns are put together in everything that is told."""


def plural(count: int, noun: str) -> str:
    """Return a number with its noun: "1 write", "2 writes"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
