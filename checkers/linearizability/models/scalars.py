"""A lock, a counter, and a text that is appended to."""

from collections.abc import Hashable, Iterable
from typing import Any

from checkers.linearizability.model import UNKNOWN, Call, Model
from checkers.linearizability.models.words import described


class Mutex:
    """A lock that anybody may release: `acquire`, `release`.

    An answer that is a bool tells whether it was done: a refused `acquire` saw the lock held, a refused
    `release` saw it free. Any other answer means that it was done.
    """

    name = "mutex"

    def init(self) -> Hashable:
        """Return whether it is held: no."""
        return False

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return whether it is held afterwards."""
        if call.f not in ("acquire", "release"):
            return ()
        wanted = call.f == "acquire"
        if call.result is UNKNOWN:
            return (wanted,)
        refused = isinstance(call.result, bool) and not call.result
        return (state if refused else wanted,) if (state == wanted) == refused else ()

    def describe(self, call: Call) -> str:
        """Return the operation in words."""
        return described(call)


class Counter:
    """A number that begins as `start`: `add`, which is also called `increment`, `decrement` (by, or by 1), `read`.

    What all but `read` answer counts when it is a number: the value afterwards.
    """

    name = "counter"

    def __init__(self, start: float = 0) -> None:
        self.start = start

    def starting(self, start: Any) -> Model:
        """Return the counter that begins with another number; raises ValueError for what is none."""
        if isinstance(start, bool) or not isinstance(start, int | float):
            raise ValueError("a counter begins with a number")
        return type(self)(start)

    def init(self) -> Hashable:
        """Return the number to which nobody added."""
        return self.start

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the one number afterwards."""
        by = call.args[0] if call.args else 1
        after = {"add": state + by, "increment": state + by, "decrement": state - by, "read": state}.get(
            call.f
        )
        silent = call.result is UNKNOWN or (call.f != "read" and call.result is None)
        return (after,) if after is not None and (silent or call.result == after) else ()

    def describe(self, call: Call) -> str:
        """Return the operation in words."""
        return described(call)


class AppendableText:
    """A key's text in a key-value store, which begins empty: `put` (text), `append` (text), `get` → text."""

    name = "kv-append"

    def init(self) -> Hashable:
        """Return the empty text."""
        return ""

    def step(self, state: Any, call: Call) -> tuple[Hashable, ...]:
        """Return the one text afterwards."""
        match call.f:
            case "put":
                return (call.args[0],)
            case "append":
                return (state + call.args[0],)
            case "get":
                return (state,) if call.result is UNKNOWN or (call.result or "") == state else ()
        return ()

    def overwrites(self, call: Call) -> bool:
        """A put does."""
        return call.f == "put"

    def grows(self, calls: Iterable[Call]) -> bool:
        """A text only grows unless it is put."""
        return all(call.f in ("append", "get") for call in calls)

    def shows(self, call: Call) -> bool:
        """A get shows the text."""
        return call.f == "get" and call.known

    def within(self, state: Any, call: Call) -> bool:
        """Tell whether what a get shows begins with a text."""
        return str(call.result or "").startswith(state)

    def describe(self, call: Call) -> str:
        """Return the operation in words."""
        return described(call)
