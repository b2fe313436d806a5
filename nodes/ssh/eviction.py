"""Puts hosts back as they were, whatever became of the run that used them: its harness may be long gone."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from harness.errors import AckedError
from harness.hosts import Host, Hosts
from nodes.agent.frames import encode
from nodes.ssh.cluster import MOST_LOGINS
from nodes.ssh.line import Line
from nodes.ssh.login import Login

_END_S = 60.0
"""How long an agent may take to heal and end everything."""


async def evict(hosts: Hosts) -> Mapping[str, str]:
    """Have the agent of each host heal and remove everything; return, by host, why that failed, or nothing.

    Where there is no agent, one is started for that: it removes what another may have left.
    """
    with ThreadPoolExecutor(MOST_LOGINS, "ssh login") as threads:
        complaints = await asyncio.gather(*(_evict(host, hosts, threads) for host in hosts.hosts))
    return {host.words: said for host, said in zip(hosts.hosts, complaints, strict=True)}


async def _evict(host: Host, hosts: Hosts, threads: ThreadPoolExecutor) -> str:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    login = Login(host.words, host, hosts)

    def opened() -> Line:
        return Line.open(login, python=host.python, directory=host.directory, sudo=host.sudo)

    try:
        line = await loop.run_in_executor(threads, opened)
    except AckedError as error:
        return str(error)

    def hung_up(why: str) -> None:
        loop.call_soon_threadsafe(ended.set)

    try:
        line.start(lambda *_: None, hung_up)
        line.send(encode({"evict": True}))
        async with asyncio.timeout(_END_S):
            await ended.wait()
    except TimeoutError:
        return f"{host.words}: its agent does not end within {_END_S:g} s"
    finally:
        await loop.run_in_executor(threads, line.close)
    return ""
