"""Reads what Vagrant prints with `--machine-readable`: `time,target,kind,data…`, one message a line."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

_COMMA = "%!(VAGRANT_COMMA)"
_ESCAPES = (("\\n", "\n"), ("\\r", "\r"), (_COMMA, ","))

_SHOWN = frozenset({"info", "output", "success", "warn", "error"})
"""The channels of Vagrant's own messages that tell how far it is; `detail` tells the rest."""


class Message(NamedTuple):
    """One line: `target` is a machine's name, or empty for all of them."""

    target: str
    kind: str
    data: tuple[str, ...]


def parse(line: str) -> Message | None:
    """Return the message in a line, or None for a line that is none: programs that Vagrant starts print, too."""
    time, *rest = line.rstrip("\n").split(",")
    if not time.isdigit() or len(rest) < 2:
        return None
    target, kind, *data = (_plain(field) for field in rest)
    return Message(target, kind, tuple(data))


def progress(message: Message) -> str | None:
    """Return in one line how far Vagrant is, or None for a message that says nothing about that."""
    if message.kind != "ui" or len(message.data) < 2 or message.data[0] not in _SHOWN:
        return None
    text = message.data[1].removeprefix("==>").strip().removeprefix(f"{message.target}:").strip()
    # What begins with dashes are the settings of a machine, dozens of them.
    if not text or text.startswith("--"):
        return None
    first = text.splitlines()[0]
    return f"{message.target}: {first}" if message.target else first


def failure(messages: Iterable[Message]) -> str | None:
    """Return the error with which Vagrant ended, or None."""
    for message in messages:
        if message.kind == "error-exit" and len(message.data) > 1:
            return message.data[1].strip()
    return None


def states(messages: Iterable[Message]) -> Mapping[str, str]:
    """Return the state of each machine (`running`, `not_created`, …) from the messages of `vagrant status`."""
    return {
        message.target: message.data[0] for message in messages if message.kind == "state" and message.data
    }


def _plain(field: str) -> str:
    for escaped, plain in _ESCAPES:
        field = field.replace(escaped, plain)
    return field
