"""From a seed to a scenario: what a search tries next.

Which faults there are, how many, and how hard they strike is drawn anew for each seed, and each seed leaves some
kinds of fault out altogether: bugs that one kind hides from another are found so (swarm testing: Groce and
others, 2012). Half of the crashes are aimed at the steps on the way to an acknowledgement.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from harness.contract import Failover, Mode
from harness.draws import Draws, derive
from harness.scenario import FaultStep, Scenario

SPAN_S = 10.0
"""How long the clients of one seed work, in simulated seconds."""

LAST_S = 2.0
"""How long before the clients stop the last fault begins: what it does must be seen."""

SIMULATED = "sim"
"""The kind of machines whose runs take no time."""

CLIENTS = 5
RATE = 40.0

_ONE = ("primary", "primary", "replica", "holder", "slowest")
_NEED_THREE = ("majority-ring", "bridge", "isolated", "halves")
_MANY = ("all", "replicas", "majority", "minority")


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
    nodes = aim.nodes or _nodes(draws, mode)
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
        workload_options={"reads": draws.choice((0.1, 0.2, 0.4))},
        clients=CLIENTS,
        rate=aim.rate,
        time_limit_s=aim.span_s,
        seed=seed,
        faults=_plan(draws, aim, settings, nodes),
    )


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
    if draws.chance(0.15) and (not aim.faults or "promote" in aim.faults):
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
    return settings


# The plan of faults


def _crash(draws: Draws) -> dict[str, Any]:
    """Return a crash at any time, or one that is aimed at a step of the acknowledgement path."""
    if draws.chance(0.5):
        return {"target": draws.choice(_ONE + _MANY)}
    target = draws.choice(_ONE)
    steps = ("write", "flush", "flushed", "send", "any") + (("reply",) if target == "primary" else ())
    point = draws.choice(steps)
    return {"target": target, "options": {"at": point, "count": 1 + draws.below(6), "within_s": 1.5}}


def _pause(draws: Draws) -> dict[str, Any]:
    return {"target": draws.choice((*_ONE, "replicas", "minority"))}


def _disk_loss(draws: Draws) -> dict[str, Any]:
    return {"target": draws.choice(_ONE)}


def _partition(draws: Draws) -> dict[str, Any]:
    shapes = (
        "halves", "isolated", "primary-isolated", "primary-isolated", "primary-cut-off", "clients-cut-off",
        "majority-ring", "bridge", "one-way", "one-way",
    )  # fmt: skip
    shape = draws.choice(shapes)
    options: dict[str, Any] = {"shape": shape, "seed": draws.below(1000)}
    if shape == "one-way":
        options["direction"] = draws.choice(("mute", "deaf"))
    return {"options": options}


def _promote(draws: Draws) -> dict[str, Any]:
    return {"target": draws.choice(("replica", "holder", "slowest")), "options": {"force": draws.chance(0.5)}}


def _flaky(draws: Draws) -> dict[str, Any]:
    options: dict[str, Any] = {
        "delay_ms": draws.choice((1, 20, 150)),
        "jitter_ms": draws.choice((1, 20, 100)),
    }
    if draws.chance(0.5):
        options |= {"loss": draws.choice((0.05, 0.3)), "reorder": draws.choice((0.0, 0.2))}
    return {"target": draws.choice((*_ONE, "all")), "options": options}


def _disk_full(draws: Draws) -> dict[str, Any]:
    """Return a full disk for long enough that a new file is needed."""
    return {"target": draws.choice(_ONE), "for_s": 6.0}


def _aimed(draws: Draws) -> dict[str, Any]:
    return {"target": draws.choice(_ONE)}


def _clock(draws: Draws) -> dict[str, Any]:
    return {"target": draws.choice(_ONE), "options": {"ppm": draws.choice((-30_000, 30_000))}}


KINDS: Mapping[str, Callable[[Draws], dict[str, Any]]] = {
    "kill": _crash,
    "pause": _pause,
    "slow": _pause,
    "power-cut": _crash,
    "disk-loss": _disk_loss,
    "partition": _partition,
    "promote": _promote,
    "flaky": _flaky,
    "clog": _aimed,
    "reset": _aimed,
    "slow-disk": _aimed,
    "flush-error": _aimed,
    "disk-full": _disk_full,
    "clock-drift": _clock,
    "clock-jump": _aimed,
    "bit-rot": _aimed,
    "lying-flush": _aimed,
    "lost-write": _aimed,
    "misdirected-write": _aimed,
}
"""How the fields of a step are drawn, by its fault."""

REAL = ("kill", "pause", "slow", "power-cut", "disk-loss", "partition", "promote", "bit-rot")
"""The faults that machines with real processes have."""

WITHIN = tuple(
    kind
    for kind in KINDS
    if kind not in ("slow", "bit-rot", "lying-flush", "lost-write", "misdirected-write")
)
"""The faults that contracts speak of. Against disks that lie, a store has nothing but its other copies."""


def _plan(draws: Draws, aim: Aim, settings: Mapping[str, Any], nodes: int) -> tuple[FaultStep, ...]:
    kinds = [kind for kind in _kinds(aim) if kind != "promote" or _by_hand(settings)]
    if not aim.faults and len(kinds) > 2:
        kinds = draws.shuffled(kinds)[: 1 + draws.below(5)]
    steps: list[FaultStep] = []
    at_s = 0.0
    for _ in range(1 + draws.below(5)):
        at_s += 0.2 + draws.unit() * aim.span_s / 3
        if at_s >= aim.span_s - aim.last_s:
            break
        steps.append(step(draws, draws.choice(kinds), at_s, nodes))
        if settings.get("failover") == Failover.MANUAL and draws.chance(0.5):
            late_s = round(min(aim.span_s - aim.last_s, at_s + 0.3), 3)
            steps.append(FaultStep(fault="promote", at_s=late_s, for_s=0.5, **_promote(draws)))
    return tuple(sorted(steps, key=lambda step: step.at_s))


def step(draws: Draws, kind: str, at_s: float, nodes: int) -> FaultStep:
    """Return one step of a kind of fault, drawn."""
    fields = {"for_s": draws.choice((0.05, 0.3, 0.8, 1.5, 3.0)), **KINDS[kind](draws)}
    if nodes < 3 and fields.get("options", {}).get("shape") in _NEED_THREE:
        fields["options"]["shape"] = "primary-isolated"
    return FaultStep(fault=kind, at_s=round(at_s, 3), **fields)


def _kinds(aim: Aim) -> tuple[str, ...]:
    return aim.faults or (WITHIN if aim.machines == SIMULATED else REAL)


def _by_hand(settings: Mapping[str, Any]) -> bool:
    return settings.get("failover") == Failover.MANUAL


def mutated(parent: Scenario, seed: int, aim: Aim) -> Scenario:
    """Return a scenario that differs a little from one that has shown something new."""
    from msgspec.structs import replace

    draws = Draws(derive(seed, "mutation"))
    kinds = [kind for kind in _kinds(aim) if kind != "promote" or _by_hand(parent.settings)]
    steps = list(parent.faults)
    match draws.below(4):
        case 0 if len(steps) > 1:
            steps.pop(draws.below(len(steps)))
        case 1 if steps:
            place = draws.below(len(steps))
            shifted = min(aim.span_s - aim.last_s, max(0.05, steps[place].at_s + draws.unit() - 0.5))
            steps[place] = replace(steps[place], at_s=round(shifted, 3))
        case 2 if steps:
            near_s = min(aim.span_s - aim.last_s, draws.choice(steps).at_s + draws.unit() * 0.6)
            steps.append(step(draws, draws.choice(kinds), near_s, parent.nodes))
        case _:
            at_s = 0.2 + draws.unit() * (aim.span_s - aim.last_s - 0.2)
            steps.append(step(draws, draws.choice(kinds), at_s, parent.nodes))
    ordered = tuple(sorted(steps, key=lambda step: step.at_s))
    return replace(parent, name=f"seed-{seed}", seed=seed, faults=ordered)
