"""The fault plan of a scenario file: a list of steps, each one fault with its target and times.

- {partition: {shape: primary-isolated}, target: primary, at_s: 1.5, for_s: 2, as: cut}
- {pause: {}, target: $cut, at_s: 2}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from harness import assembly, document, fields, plugins, schema_plugins
from harness.document import Items, Leaf, Node, Table
from harness.problems import Problem, Wrong, hint
from harness.scenario import ROLES, FaultStep

FIELDS: Mapping[str, tuple[str, Callable[[Node], Any]]] = {
    "target": ("target", fields.text),
    "at_s": ("at_s", fields.number(least=0)),
    "for_s": ("for_s", fields.number(above=0)),
    "as": ("bind", fields.name),
}
"""The fields of a step beside its fault: the attribute of FaultStep and how it is read."""


def steps(
    node: Node | None, *, names: Sequence[str] | None, time_limit_s: float | None
) -> tuple[tuple[FaultStep, ...], tuple[Problem, ...]]:
    """Read a fault plan; returns the steps that are right, and what is wrong with the others.

    `names` are the cluster's nodes, `time_limit_s` is when the clients stop; None where not known.
    """
    match node:
        case None | Leaf(value=None):
            return (), ()
        case Items(items=items):
            plan = _Plan(names, time_limit_s)
            for index, item in enumerate(items):
                plan.step(item, f"faults.{index}")
            if not plan.problems:
                plan.check_names()
            return tuple(plan.steps), tuple(plan.problems)
    message = f"{document.describe(node)} is not a list of faults"
    return (), (Problem(where=node.where, field="faults", message=message),)


def entry(step: FaultStep) -> dict[str, Any]:
    """Return a step as it is written in a file."""
    values = msgspec.to_builtins(step)
    written = {key: values[attribute] for key, (attribute, _) in FIELDS.items()}
    return {
        step.fault: values["options"],
        **{key: value for key, value in written.items() if value is not None},
    }


class _Plan:
    """Collects the steps of one plan and what is wrong with it."""

    def __init__(self, names: Sequence[str] | None, time_limit_s: float | None) -> None:
        self.steps: list[FaultStep] = []
        self.problems: list[Problem] = []
        self._places: list[tuple[str, Table]] = []
        self._names = names
        self._time_limit_s = time_limit_s
        self._known = plugins.installed("acked.faults")

    def step(self, node: Node, field: str) -> None:
        if not isinstance(node, Table):
            self._add(node.where, field, f"{document.describe(node)} is not a step such as {{kill: {{}}}}")
            return
        before = len(self.problems)
        values = self._fields(node, field)
        fault = self._fault(node, field)
        if "at_s" not in node.entries:
            self._add(node.where, f"{field}.at_s", "missing; when, in seconds after the clients start")
        options = self._options(node, fault, field)
        if fault is None or options is None or len(self.problems) > before:
            return
        name = fault
        step = FaultStep(fault=name, options=options, **values)
        self._check(step, node, field)
        self.problems += schema_plugins.complaints(
            lambda: assembly.fault(step),
            named=(node.entries[name].where, field),
            options=node.entries[name].node,
            prefix=f"{field}.{name}",
        )
        self.steps.append(step)
        self._places.append((field, node))

    def check_names(self) -> None:
        """Check that every `$name` is the name of an earlier step; call when all steps are right."""
        for index, (step, (field, node)) in enumerate(zip(self.steps, self._places, strict=True)):
            for token in _tokens(step.target):
                if token.startswith("$"):
                    where = node.entries["target"].node.where
                    self._check_name(token, index, where, f"{field}.target")
            if step.bind and step.bind in [earlier.bind for earlier in self.steps[:index]]:
                where = node.entries["as"].node.where
                self._add(where, f"{field}.as", f"'{step.bind}' is already the name of an earlier step")

    def _check_name(self, token: str, index: int, where: str, field: str) -> None:
        step = self.steps[index]
        bound = [(at, other) for at, other in enumerate(self.steps) if other.bind == token[1:]]
        if not bound:
            names = [f"${other.bind}" for other in self.steps if other.bind]
            listing = hint(token, names) or "; no step has a name (as: …)"
            self._add(where, field, f"no step is called '{token}'{listing}")
        elif all((other.at_s, at) >= (step.at_s, index) for at, other in bound):
            self._add(
                where, field, f"'{token}' is bound at {bound[0][1].at_s:g} s, not before {step.at_s:g} s"
            )

    def _add(self, where: str, field: str, message: str) -> None:
        self.problems.append(Problem(where=where, field=field, message=message))

    def _fields(self, table: Table, field: str) -> dict[str, Any]:
        values = {}
        for key, (attribute, read) in FIELDS.items():
            if key in table.entries:
                try:
                    values[attribute] = read(table.entries[key].node)
                except Wrong as wrong:
                    self._add(table.entries[key].node.where, f"{field}.{key}", str(wrong))
        return values

    def _options(self, table: Table, fault: str | None, field: str) -> dict[str, Any] | None:
        if fault is None:
            return None
        try:
            return fields.mapping(table.entries[fault].node)
        except Wrong as wrong:
            self._add(table.entries[fault].node.where, f"{field}.{fault}", str(wrong))
            return None

    def _fault(self, table: Table, field: str) -> str | None:
        """Find the one key that names the fault; anything else that is no field is a mistake."""
        others = [key for key in table.entries if key not in FIELDS]
        named = [key for key in others if key in self._known]
        if not others:
            self._add(table.where, field, f"names no fault; allowed: {', '.join(self._known)}")
        elif not named:
            allowed = (*self._known, *FIELDS)
            for key in others:
                self._add(table.entries[key].where, f"{field}.{key}", f"unknown fault{hint(key, allowed)}")
        else:
            for key in others:
                if key != named[0]:
                    message = f"one fault a step; this one is already a {named[0]}"
                    if key not in named:
                        message = f"unknown field{hint(key, FIELDS)}"
                    self._add(table.entries[key].where, f"{field}.{key}", message)
        return named[0] if named else None

    def _check(self, step: FaultStep, table: Table, field: str) -> None:
        if self._time_limit_s is not None and step.at_s >= self._time_limit_s:
            message = f"{step.at_s:g} s is not before the clients stop (time_limit_s: {self._time_limit_s:g})"
            self._add(table.entries["at_s"].node.where, f"{field}.at_s", message)
        for token in _tokens(step.target):
            if self._names is None or token in ROLES or token in self._names or token.startswith("$"):
                continue
            allowed = (*ROLES, *self._names, "$name of an earlier step")
            where = table.entries["target"].node.where
            self._add(
                where, f"{field}.target", f"'{token}' is neither a role nor a node{hint(token, allowed)}"
            )


def _tokens(target: str | None) -> list[str]:
    return [token.strip() for token in target.split("+")] if target else []
