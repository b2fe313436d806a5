"""Scenario files: YAML to `harness.scenario.Scenario` and back, every mistake told with file, line and field.

The form is checked here: which fields there are, their types and ranges, the fault plan. What belongs to a
plug-in (settings, workload and fault options, expectations) is checked by the plug-in itself, which is asked
by `harness.schema_plugins`. All mistakes of a file are reported together.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness import assembly, document, fields, overrides, schema_faults, schema_plugins
from harness.contract import Mode
from harness.document import Leaf, Node, Table
from harness.errors import UsageError
from harness.fields import Reader
from harness.overrides import Override
from harness.problems import Problem, ScenarioError, Wrong, hint
from harness.scenario import Scenario

FIELDS: Mapping[str, Reader[Any]] = {
    "name": fields.name,
    "description": fields.text,
    "system": fields.text,
    "mode": fields.choice(Mode),
    "nodes": fields.integer(1, 99),
    "machines": fields.text,
    "ip": fields.one_of(4, 6),
    "settings": fields.mapping,
    "workload": lambda node: node,
    "time_limit_s": fields.number(above=0),
    "operation_timeout_s": fields.number(above=0, most=3600),
    "ready_s": fields.number(above=0, most=3600),
    "recovery_s": fields.number(above=0, most=3600),
    "seed": fields.integer(0, 2**63 - 1),
    "faults": lambda node: node,
    "expect": fields.mapping,
}
"""The top level of a scenario file."""

_REQUIRED: Mapping[str, str] = {
    "name": "say in a few words what the scenario shows",
    "mode": f"allowed: {', '.join(Mode)}",
}

_WORKLOAD: Mapping[str, Reader[Any]] = {
    "name": fields.text,
    "clients": fields.integer(1, 10_000),
    "rate": fields.number(least=0),
}
_WORKLOAD_ATTRIBUTES = {"name": "workload"}

LEAST_NODES: Mapping[Mode, tuple[int, str]] = {
    Mode.SEMI_SYNC: (2, "a primary and a replica that confirms"),
    Mode.SEMI_SYNC_MEMORY: (2, "a primary and a replica that confirms"),
    Mode.SYNC: (2, "a primary and at least one other member of the sync set"),
    Mode.QUORUM: (3, "a majority that survives the loss of a node"),
    Mode.HYBRID: (3, "a pair and a third site"),
}
"""How many nodes a mode needs at least, and why."""


def load(path: Path, changes: Sequence[Override] = ()) -> Scenario:
    """Read a scenario file, with changes from the command line; raises UsageError with every mistake.

    A system given as a path is looked for from the file's folder.
    """
    return parse(read_text(path), str(path), changes, base=path.parent)


def read_text(path: Path) -> str:
    """Return the text of a scenario file; raises UsageError when it can't be read."""
    try:
        with path.open("rb") as file:
            data = file.read(document.MAX_SIZE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: not UTF-8 text") from error


def parse(text: str, source: str, changes: Sequence[Override] = (), *, base: Path | None = None) -> Scenario:
    """Read a scenario from text, called `source` in messages; raises ScenarioError with every mistake."""
    root = overrides.applied(document.read(text, source), changes)
    match root:
        case Table():
            return _Parser(root, base or Path()).scenario()
        case _:
            message = f"a scenario is a mapping of fields, this is {document.describe(root)}"
            raise ScenarioError([Problem(where=root.where, field="", message=message)])


def dump(scenario: Scenario) -> str:
    """Return the scenario as the text of a file that `parse` reads back as an equal scenario."""
    workload = {"name": scenario.workload, "clients": scenario.clients, "rate": scenario.rate}
    values: dict[str, Any] = {
        **msgspec.to_builtins(scenario),
        "workload": {**workload, **scenario.workload_options},
        "faults": [schema_faults.entry(step) for step in scenario.faults],
    }
    kept = {name: values[name] for name in FIELDS}
    return document.quote({name: value for name, value in kept.items() if value not in ("", {}, [])})


def rooted(system: str, base: Path) -> str:
    """Return a system's name; if it is a path to a user's own, then as seen from anywhere."""
    path, _, attribute = system.rpartition(":")
    return f"{(base / path).resolve()}:{attribute}" if path.endswith(".py") else system


class _Parser:
    """Reads one document and collects its mistakes."""

    def __init__(self, root: Table, base: Path) -> None:
        self._root = root
        self._base = base
        self._problems: list[Problem] = []

    def scenario(self) -> Scenario:
        """Return the scenario; raises ScenarioError with every mistake that was found."""
        values = self._top()
        values |= self._workload(values.pop("workload", None))
        if "system" in values:
            from_option = self._root.entries["system"].where.startswith("--")
            values["system"] = rooted(values["system"], Path() if from_option else self._base)
        self._missing()
        plan = values.pop("faults", None)
        scenario = Scenario(**{"name": "unnamed", "mode": Mode.ASYNC, **values})
        if self._right("mode", "nodes"):
            self._enough_nodes(scenario)
        steps, problems = schema_faults.steps(
            plan,
            names=assembly.node_names(scenario.nodes) if self._right("nodes") else None,
            time_limit_s=scenario.time_limit_s if self._right("time_limit_s") else None,
        )
        self._problems += problems
        scenario = msgspec.structs.replace(scenario, faults=steps)
        self._ask_plugins(scenario)
        if self._problems:
            raise ScenarioError(self._problems)
        return scenario

    def _ask_plugins(self, scenario: Scenario) -> None:
        """Let each plug-in judge its part, unless the part is wrong already."""
        if self._right("machines"):
            self._problems += schema_plugins.machines(scenario, self._root)
        if self._right("system", "mode", "nodes", "settings", "seed"):
            self._problems += schema_plugins.system(scenario, self._root)
        if self._right("workload"):
            self._problems += schema_plugins.workload(scenario, self._root, tuple(_WORKLOAD))
        if scenario.expect and self._right("faults"):
            self._problems += schema_plugins.expectations(scenario, self._root)

    def _right(self, *names: str) -> bool:
        wrong = {problem.field.partition(".")[0] for problem in self._problems}
        return wrong.isdisjoint(names)

    def _add(self, where: str, field: str, message: str) -> None:
        self._problems.append(Problem(where=where, field=field, message=message))

    def _read(self, readers: Mapping[str, Reader[Any]], table: Table, prefix: str = "") -> dict[str, Any]:
        """Read the entries that have a reader; wrong ones are left out."""
        values = {}
        for key, entry in table.entries.items():
            if key in readers:
                try:
                    values[key] = readers[key](entry.node)
                except Wrong as wrong:
                    self._add(entry.node.where, prefix + key, str(wrong))
        return values

    def _top(self) -> dict[str, Any]:
        for key, entry in self._root.entries.items():
            if key not in FIELDS:
                self._add(entry.where, key, f"unknown field{hint(key, FIELDS)}")
        return self._read(FIELDS, self._root)

    def _missing(self) -> None:
        for key, why in _REQUIRED.items():
            if key not in self._root.entries:
                self._add(self._root.where, key, f"missing; {why}")

    def _workload(self, node: Node | None) -> dict[str, Any]:
        match node:
            case None:
                return {}
            case Leaf(value=str()):
                return {"workload": fields.text(node)}
            case Table(entries=entries):
                values = self._read(_WORKLOAD, node, "workload.")
                options = {k: document.plain(e.node) for k, e in entries.items() if k not in _WORKLOAD}
                named = {_WORKLOAD_ATTRIBUTES.get(key, key): value for key, value in values.items()}
                return {**named, "workload_options": options}
        self._add(node.where, "workload", f"{document.describe(node)} is neither a name nor a mapping")
        return {}

    def _enough_nodes(self, scenario: Scenario) -> None:
        least, why = LEAST_NODES.get(scenario.mode, (1, ""))
        if scenario.nodes < least:
            entry = self._root.entries.get("nodes") or self._root.entries["mode"]
            message = f"{scenario.nodes} is too few for {scenario.mode}: at least {least}, {why}"
            self._add(entry.node.where, "nodes", message)
