"""Generators made from generators: order, limits, pace and routing.

Every function here takes what `harness.generator.lift` takes, and returns a generator.
"""

from harness.generators.limits import limit, once, time_limit, until
from harness.generators.order import mix, phases, repeat, sequence
from harness.generators.pace import delay, rate, stagger
from harness.generators.routing import each_worker, mapped, on_workers, per_key, to_node

__all__ = [
    "delay",
    "each_worker",
    "limit",
    "mapped",
    "mix",
    "on_workers",
    "once",
    "per_key",
    "phases",
    "rate",
    "repeat",
    "sequence",
    "stagger",
    "time_limit",
    "to_node",
    "until",
]
