"""The recorded history as it is in its file: one line for each call, one for each return."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NEVER = float("inf")


class Refused(Exception):
    """The certificate or the history is not what it should be; the message says what, and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operation. `back_ns` is NEVER where the outcome is unknown."""

    id: int
    process: int
    f: str
    args: list[Any]
    node: str | None
    call_ns: int
    back_ns: float
    outcome: str
    value: Any

    @property
    def happened(self) -> bool:
        """Whether it was acknowledged."""
        return self.outcome == "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All operations by id."""

    calls: dict[int, Call]
    by_key: dict[str, list[Call]] = field(default_factory=dict)
    """The calls on each key, which is text here: filled when it is first asked for."""

    def __getitem__(self, id: Any) -> Call:
        """Return an operation; raises Refused for an id that there is not."""
        if isinstance(id, bool) or not isinstance(id, int) or id not in self.calls:
            raise Refused(f"the history has no operation {id!r}")
        return self.calls[id]

    def about(self, key: str) -> list[Call]:
        """Return the calls on a key, given as text; a transaction is on all keys that it names."""
        if not self.by_key:
            for call in self:
                for each in _keys(call):
                    self.by_key.setdefault(each, []).append(call)
        return self.by_key.get(key, [])

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls.values())


def _keys(call: Call) -> set[str]:
    keys = [micro[1] for micro in call.args[0]] if call.f == "txn" else call.args[:1]
    return {json.dumps(key, sort_keys=True) for key in keys}


def read_history(path: Path) -> History:
    """Read a `history.jsonl`; raises Refused with file and line where it is damaged.

    A last line that was cut off is passed over.
    """
    opened: dict[int, dict[str, Any]] = {}
    calls: dict[int, Call] = {}
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n"):
                    break
                _take(raw, number, opened, calls)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{path}:{number}: damaged line: {error!r}") from error
    for id, line in opened.items():
        if id not in calls:
            calls[id] = _call(line, {})
    return History(calls={id: calls[id] for id in opened})


def _take(raw: bytes, number: int, opened: dict[int, dict[str, Any]], calls: dict[int, Call]) -> None:
    line = json.loads(raw)
    if number == 1:
        if line["format"] != "acked-history":
            raise ValueError("this is no history")
    elif "return" in line:
        if line["id"] in calls:
            raise ValueError("a second return")
        calls[line["id"]] = _call(opened[line["id"]], line)
    else:
        if line["id"] in opened:
            raise ValueError("a second call")
        opened[line["id"]] = line


def _call(line: dict[str, Any], back: dict[str, Any]) -> Call:
    outcome = back.get("outcome", "info")
    return Call(
        id=line["id"],
        process=line["process"],
        f=line["f"],
        args=line.get("args", []),
        node=back.get("node") or line.get("node"),
        call_ns=line["call"],
        back_ns=back["return"] if outcome != "info" and "return" in back else NEVER,
        outcome=outcome,
        value=back.get("value"),
    )
