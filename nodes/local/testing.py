"""Runs a test's coroutine on a fresh cluster in a process of its own, so that the tester stays where it is.

async def survives(cluster: LocalCluster) -> None:
    assert (await cluster.machines["n1"].run(["true"])).returncode == 0

def test_survives(tmp_path: Path) -> None:
    on_cluster(survives, tmp_path)
"""

import asyncio
import importlib.util
import inspect
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from harness.machine import ClusterConfig, Death
from nodes.local.cluster import LocalCluster

OnCluster = Callable[..., Awaitable[None]]
"""Takes the cluster and, if it has a second parameter, a list to which every `Death` is added."""


def on_cluster(
    function: OnCluster,
    folder: Path,
    *,
    machines: int = 3,
    ip: int = 4,
    timeout_s: float = 120.0,
    command: Sequence[str] = (sys.executable,),
    env: Mapping[str, str] | None = None,
) -> None:
    """Run `function`, of the top level of its module, with a cluster that is up in `folder`.

    `command` is what starts Python there. Raises AssertionError with all that it printed when it fails.
    """
    source = inspect.getsourcefile(function)
    assert source is not None, f"{function} has no source file to run again"
    done = subprocess.run(
        [
            *(*command, "-m", "nodes.local.testing"),
            *(source, function.__name__, str(folder), str(machines), str(ip)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        timeout=timeout_s,
        env=env,
    )
    assert done.returncode == 0, f"{function.__name__} on a cluster:\n{done.stdout}"


async def until(
    condition: Callable[[], bool | Awaitable[bool]], reason: str, *, deadline_s: float = 30.0
) -> None:
    """Wait for `condition`; raises AssertionError that names what did not come when the deadline has passed."""
    end = time.monotonic() + deadline_s
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        assert time.monotonic() < end, f"waited {deadline_s:g} s for: {reason}"
        await asyncio.sleep(0.005)


class Lines:
    """Keeps the lines that a process printed (`harness.machine.OnLine`), and waits for one."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def __call__(self, at_ns: int, line: bytes) -> None:
        """Take a line."""
        self.seen.append(line)

    async def wait_for(self, line: bytes) -> None:
        """Wait until `line` has come."""
        await until(lambda: line in self.seen, f"the line {line!r} after {self.seen[-10:]}")


def _load(source: Path) -> ModuleType:
    sys.path.insert(0, str(source.parent))
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec is not None and spec.loader is not None, f"{source} is no Python module"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def _run(function: OnCluster, folder: Path, machines: int, ip: int) -> None:
    names = tuple(f"n{index}" for index in range(1, machines + 1))
    deaths: list[Death] = []
    cluster = LocalCluster(ClusterConfig(names=names, folder=folder, ip=ip, on_death=deaths.append))
    given = (cluster, deaths)
    try:
        await cluster.up()
        await function(*given[: len(inspect.signature(function).parameters)])
    finally:
        await cluster.down()


def main(source: str, function: str, folder: str, machines: str, ip: str) -> None:
    """Enter new namespaces and run `function` of the module `source` there."""
    LocalCluster.enter()
    asyncio.run(_run(getattr(_load(Path(source)), function), Path(folder), int(machines), int(ip)))


if __name__ == "__main__":
    main(*sys.argv[1:])
