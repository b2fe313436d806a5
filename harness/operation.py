"""One call of a client and what became of it: the row of a history."""

import enum
from typing import Any

from msgspec import Struct


class Outcome(enum.StrEnum):
    """What is known of an operation once its client stopped waiting."""

    OK = "ok"
    """It happened, between call and return."""
    FAIL = "fail"
    """It surely did not happen and never will."""
    INFO = "info"
    """Unknown: it may have happened, may happen later, or never."""


class Invocation(Struct, frozen=True, kw_only=True):
    """What a generator asks a client to do: method `f` of the client, called with `args`.

    `node` routes the call to one node; None leaves the choice to the client (usually: the primary).
    """

    f: str
    args: tuple[Any, ...] = ()
    node: str | None = None


class Reply(Struct, frozen=True, kw_only=True):
    """What a client method returns when the operation surely happened.

    `epoch` and `offset` name the log entry that carries the write, where the system tells; `node` is the
    one that answered; `degraded` is true when the system said that it acknowledged with fewer copies.
    """

    value: Any = None
    node: str | None = None
    epoch: int | None = None
    offset: int | None = None
    degraded: bool = False


class Operation(Struct, frozen=True, kw_only=True):
    """A call joined with its return. Times are nanoseconds since the history's origin.

    `return_ns` is None when the client never came back (then `outcome` is INFO). An INFO operation may take
    effect at any time after `call_ns`.
    """

    id: int
    process: int
    f: str
    args: tuple[Any, ...] = ()
    node: str | None = None
    call_ns: int
    return_ns: int | None = None
    outcome: Outcome = Outcome.INFO
    value: Any = None
    epoch: int | None = None
    offset: int | None = None
    degraded: bool = False
    error: str | None = None
