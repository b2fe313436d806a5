"""From a seed to a scenario: what a search tries next.

The mode, the number of nodes, settings, workload and the plan of faults (`harness.campaign.plan`) are drawn anew
for each seed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from harness.campaign.plan import Planner, by_hand, ordered, usual
from harness.contract import Failover, Mode
from harness.draws import Draws, derive
from harness.scenario import SIMULATED, Scenario

SPAN_S = 10.0
"""How long the clients of one seed work, in simulated seconds."""

LAST_S = 2.0
"""How long before the clients stop the last fault begins: what it does must be seen."""

_TIMERS_MS = ((250, 300), (700, 710), (1400, 1500))
"""Leases and elections other than the store's own: quick ones, ones that are close together, and slow ones."""

CLIENTS = 5
RATE = 40.0


class Aim(Struct, frozen=True, kw_only=True):
    """What a search is about: which modes, which faults, and what every scenario of it must have.

    `modes` may be drawn, and `faults` struck; () stands for all of them. `settings`, `nodes` and `workload`
    are fixed where they are given. Clients work for `span_s`, at `rate`, and no fault begins in the last `last_s`
    of it. With `every_crash` nothing is drawn: see `harness.campaign.exhaust`.
    """

    modes: tuple[Mode, ...] = ()
    faults: tuple[str, ...] = ()
    nodes: int | None = None
    settings: Mapping[str, Any] = {}
    workload: str | None = None
    span_s: float = SPAN_S
    last_s: float = LAST_S
    rate: float = RATE
    machines: str = SIMULATED
    every_crash: bool = False


def scenario(seed: int, aim: Aim) -> Scenario:
    """Return the scenario of a seed; the same seed and aim always give the same one."""
    draws = Draws(derive(seed, "scenario"))
    mode = draws.choice(aim.modes or tuple(Mode))
    nodes = aim.nodes or max(_nodes(draws, mode), aim.settings.get("k", 1) + 1)
    settings = {**_settings(draws, mode, nodes, aim), **aim.settings}
    if settings.get("failover") == Failover.MIRROR:
        nodes = 3
        settings.pop("k", None)
    return Scenario(
        name=f"seed-{seed}",
        mode=mode,
        nodes=nodes,
        machines=aim.machines,
        settings=settings,
        workload=aim.workload or draws.choice(("append", "mixed")),
        workload_options={**_reads(draws), **_keys(draws)},
        clients=CLIENTS,
        rate=aim.rate,
        time_limit_s=aim.span_s,
        seed=seed,
        faults=Planner(
            draws, _few_kinds(draws, aim, settings), settings, nodes=nodes, end_s=aim.span_s - aim.last_s
        ).plan(),
    )


def mutated(parent: Scenario, seed: int, aim: Aim) -> Scenario:
    """Return a scenario that differs a little from one that has shown something new."""
    draws = Draws(derive(seed, "mutation"))
    end_s = aim.span_s - aim.last_s
    planner = Planner(draws, _kinds(aim, parent.settings), parent.settings, nodes=parent.nodes, end_s=end_s)
    steps = list(parent.faults)
    match draws.below(4):
        case 0 if len(steps) > 1:
            steps.pop(draws.below(len(steps)))
        case 1 if steps:
            place = draws.below(len(steps))
            shifted = min(end_s, max(0.05, steps[place].at_s + draws.unit() - 0.5))
            steps[place] = replace(steps[place], at_s=round(shifted, 3))
        case _:
            steps.append(planner.another(steps))
    return replace(parent, name=f"seed-{seed}", seed=seed, faults=ordered(steps))


def _kinds(aim: Aim, settings: Mapping[str, Any]) -> Sequence[str]:
    """Return the kinds of fault that a scenario may have."""
    kinds = aim.faults or usual(aim.machines)
    return [kind for kind in kinds if kind != "promote" or by_hand(settings)]


def _few_kinds(draws: Draws, aim: Aim, settings: Mapping[str, Any]) -> Sequence[str]:
    """Return the kinds of fault that a scenario has: those of the aim, or a few of all."""
    kinds = _kinds(aim, settings)
    return kinds if aim.faults else draws.shuffled(kinds)[: 1 + draws.below(5)]


def _reads(draws: Draws) -> dict[str, Any]:
    options: dict[str, Any] = {"reads": draws.choice((0.1, 0.2, 0.4))}
    options["replica_reads"] = draws.choice((0.25, 0.6))
    if draws.chance(0.5):
        options |= {"bounded": 0.5, "max_lag_ms": draws.choice((120, 250, 500))}
    return options


def _keys(draws: Draws) -> dict[str, Any]:
    """Return how long keys are: in a third of the scenarios so long that entries are longer than sectors."""
    return {"key_bytes": draws.choice((300, 700))} if draws.chance(1 / 3) else {}


def _nodes(draws: Draws, mode: Mode) -> int:
    least = {Mode.QUORUM: 3, Mode.HYBRID: 3}.get(mode, 2)
    return max(least, draws.choice((3, 3, 3, 3, 2, 4, 5)))


def _settings(draws: Draws, mode: Mode, nodes: int, aim: Aim) -> dict[str, Any]:
    settings: dict[str, Any] = {"segment_kb": 16, "snapshot_kb": draws.choice((4, 16, 64, 1024))}
    settings["retain_kb"] = draws.choice((0, 2, 64))
    if mode in (Mode.SEMI_SYNC, Mode.SEMI_SYNC_MEMORY) and nodes > 2 and draws.chance(0.3):
        settings["k"] = 2
    if mode not in (Mode.ASYNC, Mode.QUORUM) and draws.chance(0.4):
        settings["degrade_after_ms"] = draws.choice((100, 400, 1000))
    if draws.chance(0.2):
        settings["visibility"] = "on_apply"
    if aim.faults == ("promote",) or (draws.chance(0.15) and (not aim.faults or "promote" in aim.faults)):
        settings["failover"] = "manual"
    elif (
        nodes == 3
        and mode not in (Mode.QUORUM, Mode.HYBRID)
        and settings.get("k", 1) == 1
        and draws.chance(0.1)
    ):
        settings["failover"] = "mirror"
    if draws.chance(0.2):
        settings["apply_delay_ms"] = draws.choice((20, 200))
    if draws.chance(0.25):
        settings["lease_ms"], settings["election_ms"] = draws.choice(_TIMERS_MS)
    if draws.chance(0.3):
        settings["timeout_ms"] = draws.choice((100, 300))
    return settings
