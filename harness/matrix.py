"""Which cells `acked verify` runs: every mode against every fault, and the textbook cases.

A pure function of the request: the same modes, faults and seed give the same cells with the same seeds. What
varies within a cell (the shape of a partition, who is killed, when) is drawn from the cell's own seed, or
all of it is run with `full`.
"""

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import msgspec
from msgspec import Struct

from harness.contract import Mode
from harness.errors import UsageError
from harness.problems import hint
from harness.scenario import FaultStep, Scenario

NONE = "none"
"""The column without a fault: the control, in which nothing at all may go wrong."""


class Variant(Struct, frozen=True, kw_only=True):
    """One way to inject a fault: its options and its target (None: the fault's own default)."""

    label: str
    target: str | None = None
    options: Mapping[str, Any] = {}


def _at(*targets: str) -> tuple[Variant, ...]:
    return tuple(Variant(label=target, target=target) for target in targets)


def _cut(shape: str, target: str | None = None, **options: str) -> Variant:
    label = "-".join(filter(None, (shape, target, *options.values())))
    return Variant(label=label, target=target, options={"shape": shape, **options})


VARIANTS: Mapping[str, tuple[Variant, ...]] = {
    NONE: (Variant(label=""),),
    "partition": (
        _cut("primary-isolated"),
        _cut("primary-cut-off"),
        _cut("isolated", "replica"),
        _cut("halves"),
        _cut("one-way", "primary", direction="mute"),
        _cut("one-way", "primary", direction="deaf"),
        _cut("one-way", "replica", direction="mute"),
        _cut("majority-ring"),
        _cut("bridge"),
        _cut("clients-cut-off", "primary"),
    ),
    "kill": _at("primary", "replica", "holder", "all"),
    "pause": _at("primary", "replica", "holder"),
    "power-cut": _at("primary", "replica", "holder", "all"),
    "disk-loss": _at("primary", "replica", "holder"),
}
"""The columns of the matrix. The first variant of each is the one most likely to cost an `async` write."""


MORE: Mapping[str, tuple[Variant, ...]] = {
    "flaky": (
        Variant(label="primary", target="primary"),
        Variant(label="replica", target="replica"),
        Variant(label="primary-late", target="primary", options={"delay_ms": 100, "clients": True}),
    ),
    "slow-disk": _at("primary", "replica", "holder"),
    "flush-error": _at("primary", "replica", "holder"),
    "lying-flush": _at("primary", "replica", "holder"),
    "kernel-panic": _at("primary", "replica", "holder", "all"),
    "disk-detached": _at("primary", "replica", "holder"),
    "cache-loss": _at("primary", "replica", "holder", "all"),
    "lost-flush": _at("primary", "replica", "holder"),
    "clock-jump": (
        Variant(label="primary", target="primary"),
        Variant(label="primary-back", target="primary", options={"by_s": -3600}),
        Variant(label="all", target="all"),
    ),
}
"""Columns for machines that can do more than those in namespaces; only when they are asked for."""

_COLUMNS = {**VARIANTS, **MORE}


class Plan(Struct, frozen=True, kw_only=True):
    """What to verify. Empty `modes` mean all of them, and empty `faults` all of the matrix.

    `cases` names textbook cases. Those of the wanted modes are included unless `faults` or `cases` narrow the
    choice down. `scenarios` are a user's own: they are all that is wanted, unless something else is named, too.
    Each cell is run on each of the kinds in `machines`, with the same seed.
    """

    modes: tuple[Mode, ...] = ()
    faults: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    nodes: int = 3
    machines: tuple[str, ...] = ("local",)
    system: str = "reference"
    time_limit_s: float = 4.0
    seed: int = 1
    full: bool = False
    expect_no_loss: bool = False


class Cell(Struct, frozen=True, kw_only=True):
    """One run of a verification: in the matrix under `fault`; a textbook case or a user's own when that is None.

    `variant` says how the fault is injected. `name` is no other cell's; what is run on several kinds of machines
    has `title` in common.
    """

    name: str
    title: str = ""
    fault: str | None
    variant: str = ""
    scenario: Scenario


def cells(plan: Plan, textbook: Sequence[Scenario]) -> tuple[Cell, ...]:
    """Return the cells of a plan, in the order of the report; raises UsageError for unknown names."""
    wanted = _textbook(plan, textbook)
    found = [*_own(plan), *_matrix(plan), *wanted]
    if plan.expect_no_loss:
        found = [_without_loss(cell) for cell in found]
    return tuple(_on(kind, cell, plan) for cell in found for kind in plan.machines)


def seed_of(seed: int, name: str) -> int:
    """Return the seed of the cell `name` in a verification with `seed`: stable, and below 2**48."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:6])


def textbook_texts() -> Iterator[tuple[str, str]]:
    """Yield file name and text of every textbook case, sorted by name."""
    folder = resources.files("harness") / "scenarios" / "textbook"
    if folder.is_dir():
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".yaml"):
                yield file.name, file.read_text(encoding="utf-8")


def _own(plan: Plan) -> Iterator[Cell]:
    seen: set[str] = set()
    for scenario in plan.scenarios:
        if scenario.name in seen:
            raise UsageError(f"two scenarios are called {scenario.name}: give one another name")
        seen.add(scenario.name)
        yield Cell(name=scenario.name, fault=None, scenario=scenario)


def _on(kind: str, cell: Cell, plan: Plan) -> Cell:
    """Return a cell as it is run on a kind of machines."""
    name = cell.name if len(plan.machines) == 1 else f"{cell.name}-{kind}"
    scenario = msgspec.structs.replace(cell.scenario, name=name, machines=kind)
    return msgspec.structs.replace(cell, name=name, title=cell.name, scenario=scenario)


def _matrix(plan: Plan) -> Iterator[Cell]:
    _refuse_unknown("fault", plan.faults, tuple(_COLUMNS))
    if (plan.cases or plan.scenarios) and not plan.modes and not plan.faults:
        return
    for mode in plan.modes or tuple(Mode):
        for fault in plan.faults or tuple(VARIANTS):
            yield from _cells_of(plan, mode, fault)


def _cells_of(plan: Plan, mode: Mode, fault: str) -> Iterator[Cell]:
    variants = _COLUMNS[fault]
    if plan.full:
        for variant in variants:
            yield _cell(plan, mode, fault, variant, "-".join(filter(None, (mode, fault, variant.label))))
        return
    name = f"{mode}-{fault}"
    draw = random.Random(seed_of(plan.seed, name))
    variant = variants[0] if plan.expect_no_loss else draw.choice(variants)
    yield _cell(plan, mode, fault, variant, name)


def _cell(plan: Plan, mode: Mode, fault: str, variant: Variant, name: str) -> Cell:
    seed = seed_of(plan.seed, name)
    steps: tuple[FaultStep, ...] = ()
    if fault != NONE:
        jitter = random.Random(seed ^ 1).uniform(0.0, 0.1)
        steps = (
            FaultStep(
                fault=fault,
                target=variant.target,
                at_s=round((0.25 + jitter) * plan.time_limit_s, 3),
                for_s=round(0.4 * plan.time_limit_s, 3),
                options={**variant.options, "seed": seed % 2**31}
                if fault == "partition"
                else variant.options,
            ),
        )
    what = f"{fault} {variant.label}" if variant.label else "no fault"
    scenario = Scenario(
        name=name,
        description=f"Mode {mode} under {what}.",
        system=plan.system,
        mode=mode,
        nodes=plan.nodes,
        time_limit_s=plan.time_limit_s,
        seed=seed,
        faults=steps,
    )
    return Cell(name=name, fault=fault, variant=variant.label, scenario=scenario)


def _textbook(plan: Plan, textbook: Sequence[Scenario]) -> Iterator[Cell]:
    _refuse_unknown("case", plan.cases, tuple(scenario.name for scenario in textbook))
    for scenario in textbook:
        by_mode = not plan.modes or scenario.mode in plan.modes
        only_own = bool(plan.scenarios) and not plan.modes
        wanted = scenario.name in plan.cases if plan.cases else by_mode and not plan.faults and not only_own
        if wanted:
            seed = seed_of(plan.seed, scenario.name)
            changed = msgspec.structs.replace(scenario, seed=seed, system=plan.system)
            yield Cell(name=scenario.name, fault=None, scenario=changed)


def _without_loss(cell: Cell) -> Cell:
    return msgspec.structs.replace(
        cell, scenario=msgspec.structs.replace(cell.scenario, expect={"loss": "none"})
    )


def _refuse_unknown(what: str, names: Sequence[str], allowed: tuple[str, ...]) -> None:
    for name in names:
        if name not in allowed:
            raise UsageError(f"--{what} {name}: unknown {what}{hint(name, allowed)}")
