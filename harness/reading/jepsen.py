"""Jepsen's operation maps: what their fields mean, whether they come as EDN or as JSON.

    {:type :invoke, :f :write, :value 3, :process 0, :time 12345, :index 7}

Each operation has two maps, one when it is invoked and one when it completes, joined by their process. A process
that is no number (`:nemesis`) is no client: its maps are skipped and counted. The value of an invocation becomes
the operation's argument, that of an `ok` completion its value; a `:key` beside it comes first. Elle's files leave
out `:f`: they are transactions. A missing process is process 0.
"""

from collections.abc import Mapping
from typing import Any

from harness.reading import edn
from harness.reading.events import CODES, INVOKE, TRANSACTION, CallLists, Events, ReturnLists, events_of

_TYPES = f"{INVOKE}, {', '.join(CODES)}"


class Intake:
    """Takes operation maps one after the other, in the order of the file; `taken` counts them."""

    def __init__(self) -> None:
        self._calls = CallLists()
        self._returns = ReturnLists()
        self._order = 0
        self._skipped = 0
        self.taken = 0

    def take(self, op: Any) -> None:
        """Take one map; raises ValueError, which says what was expected, for what is none."""
        if not isinstance(op, Mapping):
            raise ValueError(
                f"an operation's map was expected, with :type, :process, :f and :value, not {_shown(op)}"
            )
        process = op.get("process", 0)
        if type(process) is not int:
            self.skip()
            return
        self.event(
            op.get("type"),
            process=process,
            f=op.get("f") or TRANSACTION,
            value=op.get("value"),
            key=op.get("key"),
            time_ns=op.get("time"),
            node=op.get("node"),
            error=op.get("error"),
        )

    def event(
        self,
        type_: Any,
        *,
        process: int,
        f: Any,
        value: Any,
        key: Any = None,
        time_ns: Any = None,
        node: Any = None,
        error: Any = None,
    ) -> None:
        """Take what a client's map says."""
        if not isinstance(f, str):
            raise ValueError(f"f is a name, not {_shown(f)}")
        if not isinstance(time_ns, int | None):
            raise ValueError(f"time is a number of nanoseconds, not {_shown(time_ns)}")
        place = node if isinstance(node, str) else None
        if type_ == INVOKE:
            calls = self._calls
            calls.joint.append(process)
            calls.f.append(f)
            calls.args.append(tuple(each for each in (key, value) if each is not None))
            calls.time_ns.append(time_ns)
            calls.node.append(place)
            calls.order.append(self._order)
        elif isinstance(type_, str) and type_ in CODES:
            returns, ok = self._returns, type_ == "ok"
            returns.joint.append(process)
            returns.f.append(f)
            returns.outcome.append(CODES[type_])
            returns.value.append(value if ok else None)
            returns.time_ns.append(time_ns)
            returns.node.append(place)
            returns.error.append(None if ok else told(error))
            returns.order.append(self._order)
        else:
            raise ValueError(f"type is one of {_TYPES}, not {_shown(type_)}")
        self._order += 1
        self.taken += 1

    def skip(self) -> None:
        """Count something that is no client's."""
        self._skipped += 1
        self.taken += 1

    def events(self) -> Events:
        """Return all that was taken."""
        return events_of(self._calls, self._returns, skipped=self._skipped)


def told(error: Any) -> str | None:
    """Return an error as text: a name or a message as it is, all else as EDN."""
    return error if error is None or isinstance(error, str) else edn.write(error)


def _shown(value: Any) -> str:
    text = edn.write(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
