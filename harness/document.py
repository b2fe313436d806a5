"""YAML that remembers where everything was written, so that any later complaint can name line and column.

The YAML of configuration files only: one document, mappings with plain keys, sequences and scalars. Scalars
are read by the core schema of YAML 1.2, so `yes`, `on` and `1:30` are text. Tags are refused. Aliases work,
but size, depth and the number of nodes after expanding them are bounded, so that no file can exhaust the
machine ("billion laughs").
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

from harness.problems import Problem, ScenarioError

MAX_SIZE_BYTES = 250_000
MAX_NODES = 10_000
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A scalar: None, a bool, an int, a float or a str."""

    value: bool | int | float | str | None
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A sequence."""

    items: tuple["Node", ...]
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A value under its key; `where` is the key's place."""

    node: "Node"
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A mapping, in the order of the file."""

    entries: Mapping[str, Entry]
    where: str


Node = Leaf | Items | Table


def plain(node: Node) -> Any:
    """Return the node as ordinary Python values."""
    match node:
        case Leaf():
            return node.value
        case Items():
            return [plain(item) for item in node.items]
        case Table():
            return {key: plain(entry.node) for key, entry in node.entries.items()}


def describe(node: Node) -> str:
    """Return what the node is, for messages: `'3.5'`, `a list`, `a mapping`."""
    match node:
        case Leaf(value=None):
            return "nothing"
        case Leaf(value=bool()):
            return "true" if node.value else "false"
        case Leaf(value=str() as value):
            return f"'{value if len(value) <= 60 else value[:57] + '...'}'"
        case Leaf(value=value):
            return str(value)
        case Items():
            return "a list"
        case Table():
            return "a mapping"


def read(text: str, source: str, *, lines: bool = True) -> Node:
    """Read one YAML document; raises ScenarioError with everything that is wrong with its form.

    `source` is how messages call it; with `lines` they add line and column, counted from 1.
    """
    size_bytes = len(text.encode("utf-8", "surrogatepass"))
    if size_bytes > MAX_SIZE_BYTES:
        message = f"the file has {size_bytes:,} bytes; at most {MAX_SIZE_BYTES:,} are read"
        raise ScenarioError([Problem(where=source, field="", message=message)])
    composer = _Composer(source=source, lines=lines)
    try:
        node = composer.document(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        where = composer.where(error.problem_mark or error.context_mark)
        raise ScenarioError([Problem(where=where, field="", message=_syntax(error))]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        where = f"{source}:{line}" if lines else source
        message = f"a character that YAML does not allow: {ord(text[error.position]):#06x}"
        raise ScenarioError([Problem(where=where, field="", message=message)]) from error
    if composer.problems:
        raise ScenarioError(composer.problems)
    return node


def _syntax(error: yaml.MarkedYAMLError) -> str:
    context = f" {error.context}" if error.context else ""
    return f"not YAML:{context}: {error.problem}" if context else f"not YAML: {error.problem}"


class _Mark(Protocol):
    """A position as the parser gives it, counted from 0."""

    line: int
    column: int


@dataclass(slots=True, kw_only=True)
class _Composer:
    """Builds nodes from the parser's events, bounded in depth and in nodes."""

    source: str
    lines: bool
    problems: list[Problem] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    nodes: int = 0

    def where(self, mark: _Mark | None) -> str:
        if mark is None or not self.lines:
            return self.source
        return f"{self.source}:{mark.line + 1}:{mark.column + 1}"

    def problem(self, mark: _Mark | None, message: str) -> None:
        self.problems.append(Problem(where=self.where(mark), field="", message=message))

    def document(self, events: Iterator[yaml.Event]) -> Node:
        next(events)  # the start of the stream
        if isinstance(next(events), yaml.StreamEndEvent):
            return Leaf(value=None, where=self.where(None))
        node = self.node(events, next(events), depth=0)
        next(events)  # the end of the document
        following = next(events)
        if not isinstance(following, yaml.StreamEndEvent):
            self.problem(following.start_mark, "a second document begins here; a scenario is one document")
        return node

    def node(self, events: Iterator[yaml.Event], event: yaml.Event, *, depth: int) -> Node:
        where = self.where(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        self.count(1, event)
        if depth > MAX_DEPTH:
            raise self.refusal(event, f"nested more than {MAX_DEPTH} levels deep")
        before = self.nodes
        node: Node
        match event:
            case yaml.ScalarEvent():
                node = Leaf(value=_scalar(event), where=where)
            case yaml.SequenceStartEvent():
                node = Items(items=tuple(self.items(events, depth=depth)), where=where)
            case _:
                node = Table(entries=self.entries(events, depth=depth), where=where)
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            self.refuse_tag(event)
            if event.anchor is not None:
                self.anchors[event.anchor] = (node, self.nodes - before + 1)
        return node

    def items(self, events: Iterator[yaml.Event], *, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            yield self.node(events, event, depth=depth + 1)

    def entries(self, events: Iterator[yaml.Event], *, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self.node(events, event, depth=depth + 1)
            node = self.node(events, next(events), depth=depth + 1)
            if not isinstance(key, Leaf):
                self.problem(event.start_mark, "a key must be plain text")
                continue
            name = event.value if isinstance(event, yaml.ScalarEvent) else str(key.value)
            if name in entries:
                self.problem(event.start_mark, f"{name}: given twice, first at {entries[name].where}")
                continue
            entries[name] = Entry(node=node, where=key.where)
        return entries

    def alias(self, event: yaml.AliasEvent) -> Node:
        known = self.anchors.get(event.anchor or "")
        if known is None:
            raise self.refusal(event, f"*{event.anchor} stands for nothing that was finished before it")
        node, size = known
        self.count(size, event)
        return node

    def count(self, nodes: int, event: yaml.Event) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise self.refusal(event, f"more than {MAX_NODES:,} values once aliases are expanded")

    def refusal(self, event: yaml.Event, message: str) -> ScenarioError:
        self.problem(event.start_mark, message)
        return ScenarioError(self.problems)

    def refuse_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag not in (None, "!"):
            self.problem(event.start_mark, f"the tag {event.tag} is not allowed; tags are not used here")


_INTEGER = re.compile(r"[-+]?[0-9]+(_[0-9]+)*")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


def _scalar(event: yaml.ScalarEvent) -> bool | int | float | str | None:
    """Resolve a scalar by YAML 1.2's core schema, without its octal, hexadecimal and infinite numbers."""
    return _resolve(event.value) if event.implicit[0] else event.value


def _resolve(text: str) -> bool | int | float | str | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and len(text) <= 40:
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def quote(value: Any) -> str:
    """Return YAML that `read` turns into `value` again, keys in their order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes for people: no aliases, and quotes around any text that `read` would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_LINE_BREAKS = "\n\r\x85\u2028\u2029"
"""What ends a line in YAML 1.1: only double quotes carry these, and the spaces beside them, unchanged."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if any(mark in text for mark in _LINE_BREAKS):
        style: str | None = '"'
    else:
        style = None if isinstance(_resolve(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
