"""Every crash of a short run: each node dies at each of its steps, by a kill and by a power cut.

What a search finds by luck is found here for sure, as far as one crash in one short run goes. Seed after seed
the crash moves on, through the nodes and both faults first, then to the next step; a node that does not come to
so many steps leaves its run inconclusive.
"""

from harness import assembly
from harness.campaign.draw import Aim
from harness.contract import Mode
from harness.scenario import FaultStep, Scenario

SPAN_S = 3.0
AT_S = 0.3
DOWN_S = 0.6
RATE = 8.0
FAULTS = ("kill", "power-cut")


def crash(seed: int, aim: Aim) -> Scenario:
    """Return the scenario of the crash that has this number; numbers count from 0."""
    modes = aim.modes or tuple(Mode)
    nodes = assembly.node_names(aim.nodes or 3)
    rest, mode = divmod(seed, len(modes))
    faults = aim.faults or FAULTS
    rest, fault = divmod(rest, len(faults))
    step, node = divmod(rest, len(nodes))
    options = {"at": "any", "count": step + 1, "within_s": SPAN_S - AT_S - DOWN_S}
    return Scenario(
        name=f"crash-{seed}",
        mode=modes[mode],
        nodes=len(nodes),
        machines="sim",
        settings={"segment_kb": 16, **aim.settings},
        workload=aim.workload or "append",
        clients=2,
        rate=RATE,
        time_limit_s=SPAN_S,
        seed=0,
        faults=(
            FaultStep(fault=faults[fault], target=nodes[node], at_s=AT_S, for_s=DOWN_S, options=options),
        ),
    )
