"""Workers of a Dask cluster: a real one on this host, one of whose two workers is killed in the middle."""

import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import worker_calls
from test_executors import until

from harness.campaign.draw import Aim
from harness.campaign.drive import settled
from harness.campaign.executors import DaskCluster
from harness.campaign.search import Search

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import distributed

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as made:
        yield made


@pytest.fixture
def workers(cluster: Any) -> Iterator[DaskCluster]:
    client = distributed.Client(cluster, set_as_default=False)
    client.wait_for_workers(2, timeout=60)
    client.run(_reach, str(Path(__file__).parent))
    executor = DaskCluster(client)
    yield executor
    executor.close()


def _reach(folder: str) -> None:
    import sys

    sys.path.insert(0, folder)


def test_calls_are_made_and_errors_come_back(workers: DaskCluster) -> None:
    assert workers.jobs == 2
    assert [workers.submit(worker_calls.double, n).result(timeout=60) for n in range(5)] == [0, 2, 4, 6, 8]
    with pytest.raises(ValueError, match="odd"):
        workers.submit(worker_calls.fail, "odd").result(timeout=60)


def test_no_seed_is_lost_when_a_worker_is_killed(workers: DaskCluster, tmp_path: Path) -> None:
    mark = tmp_path / "go"
    held = workers.submit(worker_calls.wait_for, str(mark))
    until(lambda: list(tmp_path.glob("go.*")), "no worker began")
    victim = int(next(tmp_path.glob("go.*")).suffix[1:])
    search = Search(Aim(faults=("kill", "pause"), nodes=3), first=1, limit=6)
    seeds = []
    for each in settled(search, workers):
        seeds.append(each.outcome.seed)
        if len(seeds) == 1:
            os.kill(victim, signal.SIGKILL)
        if len(seeds) == 2:
            mark.touch()
        assert each.outcome.error is None
    assert seeds == [1, 2, 3, 4, 5, 6]
    assert held.result(timeout=60) != victim
