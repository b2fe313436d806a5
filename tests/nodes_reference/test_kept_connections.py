"""Questions go over connections that stay, as long as those work."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fake_node import Answer, FakeNode, drop

from nodes.adapters.kept_connections import KeptConnections
from nodes.reference.client import Address, UnknownError

QUESTION = {"op": "status"}
Ask = Callable[[], Awaitable[dict[str, Any]]]


def with_node(answer: Answer, use: Callable[[FakeNode, Ask], Awaitable[None]]) -> FakeNode:
    """Let `use` ask a node, and return the node."""

    async def main() -> FakeNode:
        node, kept = FakeNode(answer), KeptConnections()
        address: Address = await node.start()
        try:
            async with asyncio.timeout(60):
                await use(node, lambda: kept.ask(address, QUESTION, timeout_s=0.4))
        finally:
            kept.close()
            await node.stop()
        return node

    return asyncio.run(main())


def ok(_: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True}


def test_one_question_after_the_other_needs_one_connection() -> None:
    async def use(node: FakeNode, ask: Ask) -> None:
        for _ in range(3):
            assert await ask() == {"ok": True}

    node = with_node(ok, use)
    assert (len(node.asked), len(node.connections)) == (3, 1)


def test_questions_at_the_same_time_do_not_share_a_connection() -> None:
    async def use(node: FakeNode, ask: Ask) -> None:
        for _ in range(2):
            await asyncio.gather(ask(), ask())

    node = with_node(ok, use)
    assert (len(node.asked), len(node.connections)) == (4, 2)


def test_a_kept_connection_that_was_lost_is_made_anew() -> None:
    async def use(node: FakeNode, ask: Ask) -> None:
        await ask()
        node.connections[0].abort()
        assert await ask() == {"ok": True}

    assert len(with_node(ok, use).connections) == 2


def test_a_connection_that_is_lost_though_it_is_new_leaves_the_answer_unknown() -> None:
    async def use(node: FakeNode, ask: Ask) -> None:
        with pytest.raises(UnknownError):
            await ask()

    assert len(with_node(drop, use).asked) == 1


def test_who_was_silent_is_asked_over_a_new_connection() -> None:
    async def use(node: FakeNode, ask: Ask) -> None:
        await ask()
        with pytest.raises(TimeoutError):
            await ask()
        assert await ask() == {"ok": True}

    answers = iter([{"ok": True}, None, {"ok": True}])
    node = with_node(lambda _: next(answers), use)
    assert (len(node.asked), len(node.connections)) == (3, 2)


def test_a_question_that_is_broken_off_takes_its_connection_along() -> None:
    async def use(node: FakeNode, ask: Ask) -> None:
        await ask()
        asking = asyncio.ensure_future(ask())
        while len(node.asked) < 2:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert await ask() == {"ok": True}

    answers = iter([{"ok": True}, None, {"ok": True}])
    assert len(with_node(lambda _: next(answers), use).connections) == 2


def test_nobody_there_is_said_at_once() -> None:
    async def main() -> None:
        node = FakeNode(ok)
        address = await node.start()
        await node.stop()
        with pytest.raises(ConnectionRefusedError):
            await KeptConnections().ask(address, QUESTION, timeout_s=5)

    asyncio.run(main())


def test_closing_drops_what_was_kept() -> None:
    async def main() -> None:
        node, kept = FakeNode(ok), KeptConnections()
        address = await node.start()
        await kept.ask(address, QUESTION, timeout_s=0.4)
        kept.close()
        async with asyncio.timeout(60):
            while not node.connections[0].is_closing():
                await asyncio.sleep(0)
        await node.stop()

    asyncio.run(main())
