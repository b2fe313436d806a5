"""Readers of single fields: from a node of a document to a checked value, or `Wrong` with what is allowed."""

import enum
import ipaddress
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from harness import document
from harness.document import Leaf, Node, Table
from harness.problems import Wrong, hint

T = TypeVar("T")
E = TypeVar("E", bound=enum.StrEnum)

Reader = Callable[[Node], T]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def text(node: Node) -> str:
    """Read text that is not empty."""
    match node:
        case Leaf(value=str() as value) if value.strip():
            return value.strip()
        case Leaf(value=bool() | int() | float()):
            raise Wrong(f"{document.describe(node)} is not text; put it in quotes")
    raise Wrong(f"{document.describe(node)} is not text")


def name(node: Node) -> str:
    """Read a name that can also be a folder's: letters, digits, `.`, `_` and `-`, at most 80."""
    value = text(node)
    if not _NAME.fullmatch(value):
        raise Wrong(
            f"'{value}' can't name a folder; allowed: letters, digits, '.', '_' and '-', "
            "beginning with a letter or a digit, at most 80 characters"
        )
    return value


def integer(low: int, high: int) -> Reader[int]:
    """Return a reader of whole numbers from `low` to `high`."""

    def read(node: Node) -> int:
        match node:
            case Leaf(value=bool()):
                pass
            case Leaf(value=int() as value) if low <= value <= high:
                return value
        raise Wrong(f"{document.describe(node)} is not allowed; allowed: a whole number from {low} to {high}")

    return read


def number(*, least: float | None = None, above: float | None = None, most: float = 1e6) -> Reader[float]:
    """Return a reader of numbers of at least `least`, or above `above`, up to `most`."""
    lower = f"at least {least:g}" if least is not None else f"above {above:g}"

    def read(node: Node) -> float:
        match node:
            case Leaf(value=bool()):
                pass
            case Leaf(value=int() | float() as value) if math.isfinite(value) and value <= most:
                if (least is None or value >= least) and (above is None or value > above):
                    return float(value)
        raise Wrong(f"{document.describe(node)} is not allowed; allowed: a number {lower}, at most {most:g}")

    return read


def choice(kind: type[E]) -> Reader[E]:
    """Return a reader of the values of an enum."""
    allowed = [member.value for member in kind]

    def read(node: Node) -> E:
        match node:
            case Leaf(value=str() as value) if value in allowed:
                return kind(value)
            case Leaf(value=str() as value):
                raise Wrong(f"'{value}' is not known{hint(value, allowed)}")
        raise Wrong(f"{document.describe(node)} is not known; allowed: {', '.join(allowed)}")

    return read


def one_of(*allowed: int) -> Reader[int]:
    """Return a reader of a few whole numbers."""

    def read(node: Node) -> int:
        match node:
            case Leaf(value=int() as value) if value in allowed and not isinstance(value, bool):
                return value
        spelled = ", ".join(str(value) for value in allowed)
        raise Wrong(f"{document.describe(node)} is not known; allowed: {spelled}")

    return read


def flag(node: Node) -> bool:
    """Read true or false."""
    match node:
        case Leaf(value=bool() as value):
            return value
    raise Wrong(f"{document.describe(node)} is not allowed; allowed: true, false")


def address(node: Node) -> str:
    """Read an IP address."""
    value = text(node)
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise Wrong(f"'{value}' is no IP address") from None


def absolute(node: Node) -> str:
    """Read the path of a folder of its own, from the root on."""
    value = text(node)
    if not value.startswith("/") or value.strip("/") == "" or ".." in value.split("/"):
        raise Wrong(f"'{value}' is not allowed; allowed: the full path of a folder, without '..'")
    return value.rstrip("/")


def table(node: Node) -> Table:
    """Read a mapping; nothing at all is an empty one."""
    match node:
        case Table():
            return node
        case Leaf(value=None):
            return Table(entries={}, where=node.where)
    raise Wrong(f"{document.describe(node)} is not a mapping of names to values")


def mapping(node: Node) -> dict[str, Any]:
    """Read a mapping of free names to free values."""
    return {key: document.plain(entry.node) for key, entry in table(node).entries.items()}
