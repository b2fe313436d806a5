"""What several tests of machines need."""

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from harness.errors import NodeError
from nodes.local.machine import LocalMachine

LISTEN = """
import socket
server = socket.create_server(("", 5000))
print("listening", flush=True)
connection, _ = server.accept()
print("accepted", flush=True)
while connection.recv(100):
    connection.sendall(b"pong")
"""


async def raises_node_error(call: Awaitable[object], text: str) -> None:
    try:
        await call
    except NodeError as error:
        assert text in str(error), f"{text!r} in {error!s}"
    else:
        raise AssertionError(f"no NodeError with {text!r}")


def nobody_on(machine: LocalMachine) -> Callable[[], Awaitable[bool]]:
    async def nobody() -> bool:
        return not await machine.alive()

    return nobody


def somebody_on(machine: LocalMachine, at_least: int = 1) -> Callable[[], Awaitable[bool]]:
    async def somebody() -> bool:
        return len(await machine.alive()) >= at_least

    return somebody


def existing(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def states_of_threads(pids: Iterable[int]) -> set[str]:
    return {
        (thread / "stat").read_text().rsplit(")", 1)[1].split()[0]
        for pid in pids
        for thread in Path(f"/proc/{pid}/task").iterdir()
    }
