"""Has a machine's processes die at a step of their work: the harness's side of `nodes.local.trap`."""

import asyncio
import sys
from collections.abc import Collection
from contextlib import suppress

from harness.errors import HarnessError
from harness.machine import CLIENTS, Point
from nodes.local import trap
from nodes.local.network import Place

_SET_S = 20.0
"""How long it may take to attach to the processes, some of which may be in the middle of a flush."""


async def crash(
    pids: Collection[int], point: Point, *, count: int, within_s: float, ip: int, everyone: Collection[Place]
) -> bool:
    """Kill processes when one of them is about to take a step, for the `count`th time; False if none did.

    `pids` are the processes of one machine, `everyone` all places of the network.
    """
    nodes = ",".join(place.address(ip) for place in everyone if place.name != CLIENTS)
    clients = ",".join(place.address(ip) for place in everyone if place.name == CLIENTS)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", trap.__file__, point, str(count), nodes, clients, *map(str, pids)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None, "they were asked for"
    said = b""
    try:
        async with asyncio.timeout(_SET_S):
            if await process.stdout.readline() != b"set\n":
                complaint = (await process.stderr.read()).decode(errors="replace").strip()
                raise HarnessError(f"processes can't be traced here: {complaint.rpartition(chr(10))[2]}")
        async with asyncio.timeout(within_s):
            said = await process.stdout.readline()
    except TimeoutError:
        pass  # but it may have sprung in the same moment
    finally:
        with suppress(ProcessLookupError):
            process.terminate()  # those that it traced go on, unless it has begun to kill them: that it ends
        await process.wait()
    return (said + await process.stdout.read()).endswith(b"sprung\n")
