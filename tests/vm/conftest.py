"""Tests on virtual machines: `make vm` brings these up and sets ACKED_VM; without it there are no such tests."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from vm_places import FOLDER

from nodes.vagrant import settings
from nodes.vagrant.disk import MachineDisk
from nodes.vagrant.hand import Hand
from nodes.vagrant.lifecycle import VirtualMachines

collect_ignore_glob = [] if os.environ.get("ACKED_VM") else ["test_*.py"]


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of all these tests: connections to the machines live as long."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def machines() -> VirtualMachines:
    there = settings.load(settings.CLUSTER)
    assert there is not None, "acked cluster up --vagrant comes first"
    return VirtualMachines(there, settings.CLUSTER)


@pytest.fixture(scope="session")
def hands(machines: VirtualMachines, runner: asyncio.Runner) -> Iterator[dict[str, Hand]]:
    made = {name: Hand(name, machines.ssh_config) for name in machines.settings.names}
    yield made
    for hand in made.values():
        runner.run(hand.let_go())


@pytest.fixture
def disk(hands: dict[str, Hand], runner: asyncio.Runner) -> MachineDisk:
    """The disk of n1, blank."""
    disk = MachineDisk(hands["n1"], device="/dev/vdb", folder=FOLDER)
    runner.run(disk.make())
    return disk
