"""Changes to a scenario from the command line: `--set settings.k=2`, `--seed 7`.

An override replaces a value in the document before it is checked, and brings its own place along, so the same
rules apply to it and complaints name the option instead of a line.
"""

from collections.abc import Sequence

from msgspec import Struct

from harness import document
from harness.document import Entry, Items, Leaf, Node, Table
from harness.problems import Problem, ScenarioError, Wrong


class Override(Struct, frozen=True, kw_only=True):
    """One value to put at `path`, a field's dotted path in parts; `label` is the option as it was given."""

    label: str
    path: tuple[str, ...]
    node: Node


def of_option(option: str, path: str, value: str | int) -> Override:
    """Return the override that an option of its own (`--seed 7`) stands for."""
    label = f"{option} {value}"
    return Override(label=label, path=tuple(path.split(".")), node=Leaf(value=value, where=label))


def of_set(text: str) -> Override:
    """Read the argument of `--set`, `key=value` with the value in YAML; raises ScenarioError."""
    label = f"--set {text}"
    path, equals, value = text.partition("=")
    if not equals or not all(path.split(".")):
        problem = Problem(where=label, field="", message="expected key=value, as in --set workload.rate=500")
        raise ScenarioError([problem])
    node = document.read(value, label, lines=False)
    return Override(label=label, path=tuple(path.split(".")), node=node)


def applied(root: Node, overrides: Sequence[Override]) -> Node:
    """Return the document with all overrides in it, later ones on top; raises ScenarioError."""
    problems = []
    for override in overrides:
        try:
            if override.path == ("faults",):
                raise Wrong("faults are changed one by one, as in --set faults.0.at_s=1.5")
            root = _replaced(root, override.path, override)
        except Wrong as wrong:
            field = ".".join(override.path)
            problems.append(Problem(where=override.label, field=field, message=str(wrong)))
    if problems:
        raise ScenarioError(problems)
    return root


def _replaced(node: Node, path: Sequence[str], override: Override) -> Node:
    if not path:
        return override.node
    part, rest = path[0], path[1:]
    match _opened(node, path, override):
        case Table() as table:
            known = table.entries.get(part)
            child = known.node if known else Leaf(value=None, where=override.label)
            entry = Entry(node=_replaced(child, rest, override), where=override.label)
            return Table(entries={**table.entries, part: entry}, where=table.where)
        case Items(items=items, where=where):
            if not part.isdecimal() or int(part) >= len(items):
                raise Wrong(f"'{part}' is no index of this list; {_indices(len(items))}")
            index = int(part)
            child = _replaced(items[index], rest, override)
            return Items(items=(*items[:index], child, *items[index + 1 :]), where=where)
        case leaf:
            raise Wrong(f"there is no '{part}' in {document.describe(leaf)}")


def _opened(node: Node, path: Sequence[str], override: Override) -> Node:
    """Turn what was left empty, or the short form of a workload, into the mapping that it stands for."""
    if isinstance(node, Leaf) and node.value is None:
        return Table(entries={}, where=node.where)
    if isinstance(node, Leaf) and override.path[0] == "workload" and len(path) == len(override.path) - 1:
        return Table(entries={"name": Entry(node=node, where=node.where)}, where=node.where)
    return node


def _indices(length: int) -> str:
    return f"allowed: 0 to {length - 1}" if length else "it is empty"
