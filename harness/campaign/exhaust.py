"""Every crash of a short run: each node dies at each of its steps, by a kill and by a power cut.

What a search finds by luck is found here for sure, as far as one crash in one short run goes.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from harness import assembly
from harness.campaign.draw import Aim
from harness.campaign.one import Outcome, Try
from harness.contract import Mode
from harness.scenario import FaultStep, Scenario
from harness.verdict import Verdict

SPAN_S = 3.0
AT_S = 0.3
DOWN_S = 0.6
RATE = 8.0
MOST_STEPS = 1000


class Line(Struct, frozen=True, kw_only=True):
    """All crashes of one node by one fault, from its first step to its last."""

    scenario: Scenario
    fault: str
    node: str


def lines(mode: Mode, seed: int, aim: Aim) -> Iterator[Line]:
    """Yield what is to be gone through for a mode."""
    base = Scenario(
        name=f"every-crash-{mode}",
        mode=mode,
        nodes=aim.nodes or 3,
        machines="sim",
        settings={"segment_kb": 16, **aim.settings},
        workload=aim.workload or "append",
        clients=2,
        rate=RATE,
        time_limit_s=SPAN_S,
        seed=seed,
    )
    for node in assembly.node_names(base.nodes):
        for fault in ("kill", "power-cut"):
            yield Line(scenario=base, fault=fault, node=node)


def walk(line: Line, attempt: Callable[[Try], Outcome]) -> Iterator[Outcome]:
    """Yield what comes of a crash at the first step, at the second and so on, to the last that is reached."""
    for count in range(1, MOST_STEPS + 1):
        step = FaultStep(
            fault=line.fault,
            target=line.node,
            at_s=AT_S,
            for_s=DOWN_S,
            options={"at": "any", "count": count, "within_s": SPAN_S - AT_S - DOWN_S},
        )
        name = f"{line.scenario.name}-{line.node}-{line.fault}-{count}"
        outcome = attempt(
            Try(seed=line.scenario.seed, scenario=replace(line.scenario, name=name, faults=(step,)))
        )
        if outcome.verdict is Verdict.INCONCLUSIVE and not outcome.violations:
            return  # the node did not come to so many steps
        yield outcome
