"""How fast seeds are: three nodes, five clients, ten seconds of 300 to 500 operations, on all cores.

    python tests/bench/bench_simulation.py [SEEDS] [--profile]

Prints seeds an hour, simulated seconds a real one, and the CPU seconds of a seed, which other work on the same
host changes least. Clients work for ten seconds of a seed; with its start, recovery and final reads it lasts
longer, so it is told, too, how many times ten simulated seconds an hour brings. How fast the host is just then is
told by the time that a turn of a simple loop takes: where neighbours share the cores, it changes from minute to
minute. With --profile, where the time of one process goes.
"""

import cProfile
import os
import pstats
import statistics
import sys
import time

from harness.campaign.draw import Aim, scenario
from harness.campaign.drive import settled
from harness.campaign.executors import LocalProcesses
from harness.campaign.one import Try, attempt
from harness.campaign.search import Search

AIM = Aim(nodes=3)


def campaign(seeds: int) -> None:
    workers = LocalProcesses(os.cpu_count() or 1)
    for _ in settled(Search(AIM, first=0, limit=20 * workers.jobs), workers):
        pass  # every worker has imported what it needs, scipy included
    outcomes, turns_ns = [], []
    before = time.perf_counter()
    for each in settled(Search(AIM, first=1, limit=seeds), workers):
        outcomes.append(each.outcome)
        turns_ns.append(turn_ns())
    took_s = time.perf_counter() - before
    workers.close()
    cpu_s = cpu(min(seeds, 40))
    operations = sorted(outcome.operations for outcome in outcomes)
    print(f"{seeds} seeds in {took_s:.1f} s on {workers.jobs} cores: {seeds / took_s * 3600:,.0f} an hour")
    simulated_s = sum(each.simulated_s for each in outcomes)
    print(f"simulated seconds of a seed: {simulated_s / seeds:.2f}")
    speed = simulated_s / took_s
    print(f"simulated seconds a second: {speed:.0f}, or {360 * speed:,.0f} times ten an hour")
    print(f"operations of a seed: {operations[0]} to {operations[-1]}, median {operations[seeds // 2]}")
    print(f"seconds of a seed: {sum(each.seconds for each in outcomes) / seeds:.3f}, of CPU {cpu_s:.3f}")
    print(
        f"a turn of a simple loop meanwhile: {min(turns_ns):.0f} to {max(turns_ns):.0f} ns, "
        f"median {statistics.median(turns_ns):.0f}"
    )


def turn_ns(turns: int = 4000) -> float:
    """Return the CPU time of one turn of a loop that fits in any cache, in nanoseconds."""
    before, number = time.thread_time_ns(), 0
    for turn in range(turns):
        number = (number * 5 + turn) & 0xFFFF
    return (time.thread_time_ns() - before) / turns


def cpu(seeds: int) -> float:
    """Return the CPU seconds that a seed takes in this process, once what it needs has been imported."""
    attempt(Try(seed=0, scenario=scenario(0, AIM)))
    before = time.process_time()
    for seed in range(1, seeds + 1):
        attempt(Try(seed=seed, scenario=scenario(seed, AIM)))
    return (time.process_time() - before) / seeds


def profile(seeds: int) -> None:
    attempt(Try(seed=0, scenario=scenario(0, AIM)))
    profiler = cProfile.Profile()
    profiler.enable()
    for seed in range(1, seeds + 1):
        attempt(Try(seed=seed, scenario=scenario(seed, AIM)))
    profiler.disable()
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    if "--profile" in sys.argv:
        profile(counts[0] if counts else 20)
    else:
        campaign(counts[0] if counts else 200)
