"""The plan of faults of one scenario, drawn: which strike, when, for how long, and on whom.

Each plan leaves most kinds of fault out: bugs that one kind hides from another are found so (swarm testing: Groce
and others, 2012). The rest is drawn so that faults meet each other, and what the store does by the clock:

- Half of the crashes are aimed at a step on the way to an acknowledgement.
- A fault may begin, or end, within some tens of milliseconds of when a lease, an election or the time-out for
  degrading falls due that the fault before it, or itself, has set going.
- A fault may follow on the heels of another or begin while it lasts, and strike the very nodes that it struck.
- A plan may end with a crash: what faults, and the recovery from them, have left on the disks is read again only
  then.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from harness.assembly import node_names
from harness.contract import Failover
from harness.draws import Draws
from harness.scenario import SIMULATED, FaultStep

LEASE_MS = 600
ELECTION_MS = 800
"""What the store's timers are where a scenario does not set them."""

NEAR_S = 0.06
"""How far from the time that it is aimed at a fault may begin or end."""

_ONE = ("primary", "primary", "replica", "holder", "slowest")
_MANY = ("all", "replicas", "majority", "minority")
_NEED_THREE = ("majority-ring", "bridge", "isolated", "halves")
_CRASHES = ("kill", "power-cut")
LAST_CRASH = 0.3
"""How many of the plans end with a crash, if there are crashes."""

_AIMLESS = ("disk-full", "promote")
"""Faults that are not aimed at a node that an earlier one struck."""


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


def _slow(draws: Draws) -> dict[str, Any]:
    """Return a slow node or several: where there is no bad weather, late answers come from these."""
    return {"target": draws.choice(_ONE + _MANY), "options": {"share": draws.choice((0.5, 0.8))}}


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
        "delay_ms": draws.choice((1, 20, 150, 400)),
        "jitter_ms": draws.choice((1, 20, 100)),
    }
    if draws.chance(0.5):
        options |= {"loss": draws.choice((0.05, 0.3)), "reorder": draws.choice((0.0, 0.2))}
    return {"target": draws.choice((*_ONE, "all")), "options": options}


def _clog(draws: Draws) -> dict[str, Any]:
    """Return a clog of one node, or of several, one after the other."""
    if draws.chance(0.5):
        return {"target": draws.choice(_ONE)}
    options = {"swizzle_ms": draws.choice((20, 100, 300)), "seed": draws.below(1000)}
    return {"target": draws.choice(_MANY), "options": options}


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
    "slow": _slow,
    "power-cut": _crash,
    "disk-loss": _aimed,
    "partition": _partition,
    "promote": _promote,
    "flaky": _flaky,
    "clog": _clog,
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
"""The faults that all machines with real processes have."""

VIRTUAL = ("flush-error", "clock-jump")
"""What virtual machines have besides."""

WITHIN = tuple(
    kind
    for kind in KINDS
    if kind not in ("slow", "bit-rot", "lying-flush", "lost-write", "misdirected-write")
)
"""The faults that contracts speak of. Against disks that lie, a store has nothing but its other copies."""


def usual(machines: str) -> Sequence[str]:
    """Return the kinds of fault that are drawn for a kind of machines if nothing else is asked for."""
    if machines == SIMULATED:
        return WITHIN
    return (*REAL, *VIRTUAL) if machines == "vagrant" else REAL


class Planner:
    """Draws steps for one scenario: `settings` are those of its system; none begins after `end_s`."""

    def __init__(
        self, draws: Draws, kinds: Sequence[str], settings: Mapping[str, Any], *, nodes: int, end_s: float
    ) -> None:
        self._draws = draws
        self._by_hand = by_hand(settings)
        self._kinds = kinds
        self._timers_s = timers_s(settings)
        self._nodes = nodes
        self._end_s = end_s

    def plan(self) -> tuple[FaultStep, ...]:
        """Return up to six steps, and those of an operator who mends what they broke."""
        draws, steps = self._draws, list[FaultStep]()
        at_s = 0.2 + draws.unit() * self._end_s / 2
        for _ in range(1 + draws.below(6)):
            if at_s >= self._end_s:
                break
            steps.append(self._aimed_again(self.step(at_s), steps))
            if self._by_hand and draws.chance(0.5):
                late_s = round(min(self._end_s, at_s + 0.3), 3)
                steps.append(FaultStep(fault="promote", at_s=late_s, for_s=0.5, **_promote(draws)))
            at_s += self._gap_s(steps[-1])
        if (crashes := [kind for kind in self._kinds if kind in _CRASHES]) and draws.chance(LAST_CRASH):
            steps.append(self._last_crash(draws.choice(crashes), steps))
        return ordered(steps)

    def step(self, at_s: float) -> FaultStep:
        """Return one step of a drawn kind."""
        kind = self._draws.choice(self._kinds)
        fields = {"for_s": self._lasting_s(), **KINDS[kind](self._draws)}
        if fields.get("target") in _ONE and self._draws.chance(0.2):
            # By its name: no role can be told where there is no primary.
            fields["target"] = self._draws.choice(node_names(self._nodes))
        if self._nodes < 3 and fields.get("options", {}).get("shape") in _NEED_THREE:
            fields["options"]["shape"] = "primary-isolated"
        return FaultStep(fault=kind, at_s=round(at_s, 3), **fields)

    def another(self, steps: Sequence[FaultStep]) -> FaultStep:
        """Return one more step for a plan that has some, at any time or soon after one of them begins."""
        draws = self._draws
        if not steps or draws.chance(0.4):
            return self._aimed_again(self.step(0.2 + draws.unit() * (self._end_s - 0.2)), steps)
        near = draws.choice(steps)
        return self._aimed_again(self.step(min(self._end_s, near.at_s + self._gap_s(near))), steps)

    def _last_crash(self, kind: str, steps: Sequence[FaultStep]) -> FaultStep:
        """Return a crash close to the end, of all nodes, of those that a step has struck, or of one."""
        draws = self._draws
        named = [f"${one.bind}" for one in steps if one.bind is not None]
        at_s = max(0.2, self._end_s - 0.3 * draws.unit())
        return FaultStep(
            fault=kind, target=draws.choice(("all", *named, *_ONE)), at_s=round(at_s, 3), for_s=0.3
        )

    def _gap_s(self, before: FaultStep) -> float:
        """Return how long after a fault the next one begins."""
        draws = self._draws
        match draws.below(5):
            case 0:
                return self._around_s()
            case 1:
                return 0.02 + draws.unit() * 0.5
            case 2:
                return 0.02 + draws.unit() * (before.for_s or 0.5)
            case _:
                return 0.2 + draws.unit() * self._end_s * 0.4

    def _lasting_s(self) -> float:
        """Return how long a fault lasts."""
        if self._draws.chance(0.7):
            return self._draws.choice((0.05, 0.3, 0.8, 1.5, 3.0))
        return round(self._around_s(), 3)

    def _around_s(self) -> float:
        """Return a time close to one of the store's timers."""
        near_s = (2 * self._draws.unit() - 1) * NEAR_S
        return max(0.02, self._draws.choice(self._timers_s) + near_s)

    def _aimed_again(self, step: FaultStep, steps: Sequence[FaultStep]) -> FaultStep:
        """Aim a step at the nodes that an earlier one struck, sometimes, if there is one that has a name."""
        named = [one.bind for one in steps if one.bind is not None and one.at_s <= step.at_s]
        draws = self._draws
        if named and step.fault not in _AIMLESS and draws.chance(0.3):
            return replace(step, target=f"${draws.choice(named)}")
        taken = {one.bind for one in steps}
        name = next(name for number in range(len(steps) + 1) if (name := f"f{number}") not in taken)
        return replace(step, bind=name) if _strikes(step) else step


def by_hand(settings: Mapping[str, Any]) -> bool:
    """Tell whether operators make the primaries; elsewhere it is no fault that they do not."""
    return settings.get("failover") == Failover.MANUAL


def ordered(steps: Sequence[FaultStep]) -> tuple[FaultStep, ...]:
    """Return steps by time, without names that no step uses; who aims at no earlier step aims at the primary."""
    known: set[str | None] = set()
    plan: list[FaultStep] = []
    for step in sorted(steps, key=lambda step: step.at_s):
        aim = _aims_at(step)
        plan.append(replace(step, target="primary") if aim is not None and aim not in known else step)
        known.add(step.bind)
    used = {_aims_at(step) for step in plan}
    return tuple(step if step.bind in used else replace(step, bind=None) for step in plan)


def timers_s(settings: Mapping[str, Any]) -> tuple[float, ...]:
    """Return what the store waits for before it gives something up, in seconds.

    A primary that is cut off gives up a while after its lease.
    """
    lease_ms, election_ms = settings.get("lease_ms", LEASE_MS), settings.get("election_ms", ELECTION_MS)
    waits = [lease_ms, election_ms, lease_ms + election_ms]
    if settings.get("degrade_after_ms"):
        waits.append(settings["degrade_after_ms"])
    return tuple(wait / 1000 for wait in waits)


def _aims_at(step: FaultStep) -> str | None:
    """Return the name of the step whose targets this one strikes, if it does."""
    return step.target[1:] if step.target is not None and step.target.startswith("$") else None


def _strikes(step: FaultStep) -> bool:
    """Tell whether a step has nodes for targets that one can name."""
    return step.options.get("shape") != "clients-cut-off"
