"""The reference store as a program of simulated machines: its own code, from the options to the log on disk."""

from argparse import ArgumentParser
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from nodes.loading import OWN_CODE, load
from nodes.simulated import durable
from nodes.simulated.process import SimulatedProcess


async def run(process: SimulatedProcess, argv: Sequence[str]) -> int:
    """Run a node with the options of `python -m nodes.reference`, and the code that PYTHONPATH names."""
    code = process.env.get("PYTHONPATH", OWN_CODE)
    settings, folder = _parse(code, tuple(argv))
    _watch_log(process)
    status: int = await load(code, "program").run_node(settings, folder, process)
    return status


def _watch_log(process: SimulatedProcess) -> None:
    """Let the machine's disk tell what is durable, in place of the node."""
    disk, loop = process.machine.disk, process.machine.loop
    disk.unwatch()
    watch = durable.LogWatch(disk, lambda stretch: process.print(durable.line(stretch, loop.time_ns())))
    process.censor = watch.hears


@lru_cache(maxsize=256)
def _parse(code: str, argv: tuple[str, ...]) -> tuple[Any, Path]:
    parsed = _parser(code).parse_args(argv)
    return load(code, "options").settings_from(parsed), Path(parsed.data)


@cache
def _parser(code: str) -> ArgumentParser:
    parser: ArgumentParser = load(code, "options").parser()
    return parser
