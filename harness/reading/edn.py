"""EDN, the notation in which Jepsen writes its histories: text to plain values, and back.

nil, booleans, numbers and strings become Python's; vectors and lists become lists, maps dicts (a key that is a
collection becomes a tuple), sets `Members`, keywords `Keyword`. Symbols and characters become texts, ratios and
exact decimals texts, too, unless they are whole. A tag that names a Clojure record (`#jepsen.history.Op{…}`) is
dropped, since the map after it says it all; other tags are kept (`Tagged`).

The scanner is one regular expression, so most of the work is done in C: about 10 MB a second.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

from harness.columns.values import Keyword, Members, Tagged, frozen


class EdnError(ValueError):
    """Text that is no EDN; `at` is the place in it, and `incomplete` says that it only ends too early."""

    def __init__(self, message: str, at: int, *, incomplete: bool = False) -> None:
        super().__init__(message)
        self.at = at
        self.incomplete = incomplete


_TOKEN = re.compile(
    r"""[^\s,;"()\[\]{}\\#^`@][^\s,;"()\[\]{}]*      # an atom
      | [()\[\]{}]
      | "[^"\\]*(?:\\.[^"\\]*)*"
      | \#[{_]
      | \#\#?[^\s,;"()\[\]{}\#_][^\s,;"()\[\]{}]*   # a tag, or ##Inf
      | \\(?:[A-Za-z0-9]+|.)                       # a character
      | ;[^\n]*
      | [^\s,]""",
    re.VERBOSE | re.DOTALL,
)
_CONSTANTS: dict[str, Any] = {"nil": None, "true": True, "false": False}
_SYMBOLIC = {"##Inf": float("inf"), "##-Inf": float("-inf"), "##NaN": float("nan")}
_CLOSERS = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_CHARACTERS = {
    "newline": "\n",
    "space": " ",
    "tab": "\t",
    "return": "\r",
    "formfeed": "\f",
    "backspace": "\b",
}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([0-7]{1,3})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\\": "\\", '"': '"', "'": "'", "/": "/"}
_UNREADABLE = "^`@"
_RATIO = re.compile(r"([+-]?\d+)/(\d+)\Z")
_RECORD = re.compile(r"#[\w.*+!?$%&=<>-]+\.[A-Z][\w$]*\Z")
_KNOWN = 10_000
"""How many atoms are remembered."""


def parse(text: str) -> Any:
    """Return the one value that `text` holds; raises EdnError when there is none, or more."""
    found = forms(text)
    if len(found) != 1:
        raise EdnError(f"one value expected, not {len(found)}", 0, incomplete=not found)
    return found[0]


def forms(text: str) -> list[Any]:
    """Return the values that `text` holds; raises EdnError.

    O(length); nesting is limited by memory alone.
    """
    tokens = _TOKEN.findall(text)
    left = iter(tokens)
    try:
        return _forms(left)
    except _Fault as fault:
        behind = sum(1 for _ in left)
        number = len(tokens) - behind - 1 if fault.token is None else fault.token
        places = [found.start() for found in _TOKEN.finditer(text)]
        at = places[number] if 0 <= number < len(places) else len(text)
        raise EdnError(str(fault), at, incomplete=fault.incomplete) from None


def starts(text: str) -> list[int]:
    """Return where each value of `text` begins, for messages; `text` must have no faults."""
    depth, prefixed, found = 0, False, []
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word[0] == ";":
            continue
        if word in _CLOSERS.values():
            depth -= 1
            continue
        if not depth and not prefixed:
            found.append(token.start())
        prefixed = not depth and word[0] == "#" and word[1:2] not in ("{", "#")
        depth += word in _CLOSERS
    return found


def write(value: Any) -> str:
    """Return a value as EDN on one line. Texts are strings: what should be a keyword must be a `Keyword`."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Keyword):
        return f":{value}"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{write(key)} {write(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Members):
        return "#{" + " ".join(map(write, value)) + "}"
    if isinstance(value, Tagged):
        return f"#{value.tag} {write(value.value)}"
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(write, value)) + "]"
    return str(value)


class _Fault(Exception):
    """What is wrong with the token at hand, or where it ended with one that is older."""

    def __init__(self, message: str, *, token: int | None = None, incomplete: bool = False) -> None:
        super().__init__(message)
        self.token = token
        self.incomplete = incomplete


def _forms(tokens: Iterator[str]) -> list[Any]:
    known: dict[str, Any] = dict(_CONSTANTS)
    items: list[Any] = []
    stack: list[tuple[str, list[Any]]] = []
    opener = ""
    prefixes = 0
    for token in tokens:
        value = known.get(token, _Prefix)
        if value is _Prefix:
            if token in _CLOSERS:
                stack.append((opener, items))
                opener, items = token, []
                continue
            first = token[0]
            if first in ")]}":
                if _CLOSERS.get(opener) != token:
                    raise _Fault(f"{token} closes nothing")
                if prefixes and items and isinstance(items[-1], _Prefix):
                    raise _Fault(f"nothing follows {items[-1].text}")
                value = _collection(opener, items)
                opener, items = stack.pop()
            elif first == '"':
                if len(token) == 1:
                    raise _Fault("a text is not closed", incomplete=True)
                value = _string(token)
            elif first == "#":
                prefixes += 1
                items.append(_prefix(token))
                if not token.startswith("##"):
                    continue
                value = items.pop().text
                value = _SYMBOLIC.get(value, value)
            elif first == ";":
                continue
            elif first == "\\":
                value = _character(token)
            else:
                value = _atom(token)
                if len(known) < _KNOWN:
                    known[token] = value
        if prefixes:
            while items and isinstance(items[-1], _Prefix) and value is not _Prefix:
                value = items.pop().before(value)
            if value is _Prefix:
                continue
        items.append(value)
    if stack:
        raise _Fault(f"{opener} is not closed", incomplete=True)
    if prefixes and items and isinstance(items[-1], _Prefix):
        raise _Fault(f"nothing follows {items[-1].text}", incomplete=True)
    return items


class _Prefix:
    """A tag, or `#_`, whose value has not come yet; the class itself stands for a value that is discarded."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def before(self, value: Any) -> Any:
        """Return what the prefix and the value mean together."""
        if self.text == "#_":
            return _Prefix
        if _RECORD.match(self.text) and isinstance(value, dict):
            return value
        return Tagged(self.text[1:], value)


def _prefix(token: str) -> _Prefix:
    if len(token) == 1:
        raise _Fault("# is followed by nothing that it could mark")
    return _Prefix(token)


def _collection(opener: str, items: list[Any]) -> Any:
    if opener == "{":
        if len(items) % 2:
            raise _Fault("a map has a key without a value")
        try:
            return dict(zip(items[::2], items[1::2], strict=True))
        except TypeError:  # a collection is a key
            return dict(zip(map(frozen, items[::2]), items[1::2], strict=True))
    return Members(items) if opener == "#{" else items


def _atom(text: str) -> Any:
    first = text[0]
    if first == ":" and len(text) > 1:
        return Keyword(text[1:])
    if first.isdigit() or (first in "+-" and text[1:2].isdigit()):
        try:
            return int(text)
        except ValueError:
            return _number(text)
    if first in _UNREADABLE:
        raise _Fault(f"{text} means nothing here")
    return text  # a symbol


def _number(text: str) -> Any:
    if ratio := _RATIO.match(text):
        over, under = int(ratio[1]), int(ratio[2])
        return over // under if under and over % under == 0 else text
    try:
        if text.endswith("N"):
            return int(text[:-1])
        number = float(text.removesuffix("M"))
    except ValueError:
        raise _Fault(f"{text} is no number") from None
    if text.endswith("M"):
        return int(number) if number.is_integer() and abs(number) < 2**53 else text
    return number


def _string(text: str) -> str:
    inner = text[1:-1]
    return inner if "\\" not in inner else _ESCAPE.sub(_unescaped, inner)


def _unescaped(found: re.Match[str]) -> str:
    if found[1] is not None:
        return chr(int(found[1], 16))
    if found[2] is not None:
        return chr(int(found[2], 8))
    return _ESCAPED.get(found[3], found[3])


def _character(text: str) -> str:
    name = text[1:]
    if len(name) == 5 and name[0] == "u":
        return chr(int(name[1:], 16))
    return _CHARACTERS.get(name, name)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _float(value: float) -> str:
    if math.isnan(value):
        return "##NaN"
    if value in (float("inf"), float("-inf")):
        return "##Inf" if value > 0 else "##-Inf"
    return repr(value)
