"""What is wrong with an input, said so that it can be put right without opening the manual.

Each problem is one line: where it is, which field, what is wrong, the nearest right spelling and all that is
allowed. Readers collect problems and raise them together, so one run shows every mistake of a file.
"""

import difflib
from collections.abc import Iterable, Sequence

from msgspec import Struct

from harness.errors import UsageError


class Problem(Struct, frozen=True, kw_only=True):
    """One mistake: `where` is `file:line:column` or the option it came from; `field` may be empty."""

    where: str
    field: str
    message: str

    def __str__(self) -> str:
        """Return the one line that is shown."""
        parts = (self.where, self.field, self.message)
        return " ".join(": ".join(part for part in parts if part).split())


class ScenarioError(UsageError):
    """A scenario has mistakes; `problems` are all that were found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class Wrong(Exception):
    """A value is not what its place asks for; whoever knows the place turns it into a `Problem`."""


def nearest(wrong: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed spelling that `wrong` most likely meant, if any is close.

    Case and the choice between `-`, `_` and a space do not count.
    """
    plain = {_plain(name): name for name in allowed}
    found = difflib.get_close_matches(_plain(wrong), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def hint(wrong: str, allowed: Iterable[str]) -> str:
    """Return the end of a message about `wrong`: the nearest right spelling and all that is allowed."""
    names = tuple(allowed)
    if not names:
        return ""
    near = nearest(wrong, names)
    return (f"; did you mean '{near}'?" if near else ";") + f" allowed: {', '.join(names)}"


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")
