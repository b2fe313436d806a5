"""Tests on virtual machines: `make vm` brings these up and sets ACKED_VM; without it there are no such tests."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.machine import ClusterConfig
from nodes.vagrant import settings
from nodes.vagrant.cluster import VagrantCluster
from nodes.vagrant.lifecycle import VirtualMachines

collect_ignore_glob = [] if os.environ.get("ACKED_VM") else ["test_*.py"]


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """The event loop of all these tests: connections to the machines live as long."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def cluster(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VagrantCluster]:
    there = settings.load(settings.CLUSTER)
    assert there is not None, "acked cluster up --vagrant comes first"

    async def up(folder: Path) -> VagrantCluster:
        config = ClusterConfig(names=there.names[:2], folder=folder)
        made = VagrantCluster(config, VirtualMachines(there, settings.CLUSTER))
        await made.up()
        return made

    made = runner.run(up(tmp_path_factory.mktemp("run")))
    yield made
    runner.run(made.down())
