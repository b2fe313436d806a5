"""The files that a system wants to see kept with a run, fetched from the machines before they go."""

import asyncio
from pathlib import Path

from harness.errors import NodeError
from harness.machine import Cluster, Machine
from harness.system import KeepsLogs, System

FOLDER = "logs"
"""Where, in a run's folder, each machine's logs are kept in a folder of its name."""


async def fetch(system: System, cluster: Cluster, folder: Path) -> tuple[str, ...]:
    """Copy what the system keeps into `folder`, for each machine; return what failed, in words.

    Files that do not exist are passed over. Does nothing for a system without the ability `KeepsLogs`. Raises
    FolderError when `folder` can't be written, once there is nothing more to be had.
    """
    if not isinstance(system, KeepsLogs):
        return ()
    machines = cluster.machines.values()
    outcomes = await asyncio.gather(
        *(_fetch(machine, system.log_files(machine), folder / machine.name) for machine in machines),
        return_exceptions=True,
    )
    complaints: list[str] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        complaints.extend(outcome)
    return tuple(complaints)


async def _fetch(machine: Machine, paths: tuple[str, ...], folder: Path) -> list[str]:
    complaints = []
    for path in paths:
        try:
            if await machine.exists(path):
                await machine.get(path, folder / Path(path).name)
        except NodeError as error:
            complaints.append(f"{path} of {machine.name} was not fetched: {error}")
    return complaints
