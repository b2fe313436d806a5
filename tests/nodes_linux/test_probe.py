"""Whether something answers is told from what the probe's socket has come to."""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from nodes.linux.probe import connects


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as one:
        yield one


async def answers(address: tuple[str, int], *, timeout_s: float = 5.0) -> bool:
    with socket.socket() as probe:
        return await connects(probe, *address, timeout_s=timeout_s)


def test_to_accept_and_to_refuse_are_answers(listener: socket.socket) -> None:
    address = listener.getsockname()
    assert asyncio.run(answers(address))
    listener.close()
    assert asyncio.run(answers(address))


def test_silence_is_no_answer(listener: socket.socket) -> None:
    """Who has as many connections waiting as it takes says nothing to further ones."""
    address = listener.getsockname()

    async def scenario() -> None:
        filling = [socket.socket() for _ in range(4)]
        try:
            for one in filling:
                one.setblocking(False)
                one.connect_ex(address)
            begun = time.monotonic()
            assert not await answers(address, timeout_s=0.2)
            assert time.monotonic() - begun >= 0.2, "it was waited for"
        finally:
            for one in filling:
                one.close()

    asyncio.run(scenario())


def test_having_no_way_to_send_is_no_answer() -> None:
    with socket.socket() as probe:
        assert not asyncio.run(connects(probe, "255.255.255.255", 1, timeout_s=5.0))


def test_an_answer_that_a_late_event_loop_hears_of_together_with_the_end_of_the_wait_counts(
    listener: socket.socket,
) -> None:
    async def scenario() -> None:
        probing = asyncio.create_task(answers(listener.getsockname(), timeout_s=0.05))
        # As on a machine on which others have all of the processor:
        asyncio.get_running_loop().call_soon(time.sleep, 0.2)
        assert await probing

    asyncio.run(scenario())
