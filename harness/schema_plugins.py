"""What plug-ins say of their own part of a scenario: their complaints, put at the right line of the file.

A system, a workload, a fault or the expectations refuse what they don't know with a SettingError that names
the setting; where that setting was written is found here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from harness import assembly, plugins
from harness.document import Leaf, Node, Table
from harness.errors import UsageError
from harness.problems import Problem, hint, nearest
from harness.scenario import Scenario
from harness.system import SettingError


def system(scenario: Scenario, root: Table) -> Iterator[Problem]:
    """Yield what the system refuses: its settings, or the mode and the nodes it is to run with."""
    return complaints(
        lambda: assembly.contract(assembly.system(scenario)),
        named=_named(root, "system"),
        options=_node(root, "settings"),
        prefix="settings",
        root=root,
    )


def workload(scenario: Scenario, root: Table, also: Iterable[str]) -> Iterator[Problem]:
    """Yield what the workload refuses; `also` are the names in its entry that are not its own."""
    return complaints(
        lambda: assembly.workload(scenario),
        named=_named(root, "workload"),
        options=_node(root, "workload"),
        prefix="workload",
        also=also,
    )


def machines(scenario: Scenario, root: Table) -> Iterator[Problem]:
    """Yield a problem when the kind of machines is not installed."""
    return complaints(
        lambda: plugins.load("acked.machines", scenario.machines),
        named=_named(root, "machines"),
        options=None,
        prefix="",
    )


def expectations(scenario: Scenario, root: Table) -> Iterator[Problem]:
    """Yield what is wrong with the expectations."""
    from checkers import expectations as names

    found = tuple(
        complaints(
            lambda: names.validate(scenario.expect),
            named=_named(root, "expect"),
            options=_node(root, "expect"),
            prefix="expect",
        )
    )
    yield from found or _unknown_episodes(scenario, root)


def _unknown_episodes(scenario: Scenario, root: Table) -> Iterator[Problem]:
    """Yield expectations about an episode that the fault plan does not have."""
    episodes = tuple(dict.fromkeys(step.bind or step.fault for step in scenario.faults))
    for name in ("blocked", "flowing", "latency"):
        value = scenario.expect.get(name)
        during = value.get("during") if isinstance(value, Mapping) else value
        if isinstance(during, str) and during not in {*episodes, *(step.fault for step in scenario.faults)}:
            where = _place(_node(root, "expect"), name) or root.where
            listing = hint(during, episodes) or "; the scenario has no faults"
            message = f"no fault of this scenario is called '{during}'{listing}"
            yield Problem(where=where, field=f"expect.{name}", message=message)


def complaints(
    ask: Callable[[], object],
    *,
    named: tuple[str, str],
    options: Node | None,
    prefix: str,
    also: Iterable[str] = (),
    root: Table | None = None,
) -> Iterator[Problem]:
    """Yield what a plug-in that `ask` makes finds wrong.

    `named` is the place and the field where the plug-in is named, `options` the node with its settings and
    `prefix` the dotted path to them. A setting that is not there may be a field of `root`. `also` are names
    allowed among the options beside the plug-in's own.
    """
    try:
        ask()
    except SettingError as error:
        where, field = named[0], f"{prefix}.{error.field}"
        for table, path in ((options, field), (root, error.field)):
            if (found := _place(table, error.field)) is not None:
                where, field = found, path
                break
        yield Problem(where=where, field=field, message=f"{error}{_allowed(error, options, also)}")
    except UsageError as error:
        yield Problem(where=named[0], field=named[1], message=str(error))


def _named(root: Table, field: str) -> tuple[str, str]:
    entry = root.entries.get(field)
    return (entry.where if entry else root.where), field


def _node(root: Table, field: str) -> Node | None:
    entry = root.entries.get(field)
    return entry.node if entry else None


def _place(table: Node | None, field: str) -> str | None:
    """Return where a dotted field was written, or as much of it as there is."""
    where = None
    for part in field.split("."):
        if not isinstance(table, Table) or part not in table.entries:
            break
        where, table = table.entries[part].where, table.entries[part].node
    return where


def _allowed(error: SettingError, options: Node | None, also: Iterable[str]) -> str:
    """Return the end of the message: the nearest spelling and what is allowed, unless it says so itself."""
    if not error.allowed or "allowed:" in str(error):
        return ""
    name = error.field.rpartition(".")[2]
    value = options.entries.get(name) if isinstance(options, Table) else None
    written = value.node.value if value and isinstance(value.node, Leaf) else None
    value_is_wrong = isinstance(written, str) and nearest(written, error.allowed) is not None
    names = error.allowed if value_is_wrong else (*error.allowed, *also)
    near = nearest(written, names) if value_is_wrong and isinstance(written, str) else nearest(name, names)
    guess = f"; did you mean '{near}'?" if near else ";"
    return f"{guess} allowed: {', '.join(names)}"
