"""The client never says that something failed, or happened, unless it knows."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fake_node import Answer, FakeNode, drop

from nodes.reference.client import RefusedError, StoreClient, UnknownError


def on(
    answers: dict[str, Answer], use: Callable[[StoreClient], Awaitable[Any]], **options: Any
) -> tuple[Any, dict[str, FakeNode]]:
    async def main() -> Any:
        nodes = {name: FakeNode(answer) for name, answer in answers.items()}
        addresses = {name: await node.start() for name, node in nodes.items()}
        client = StoreClient(addresses, **({"timeout_s": 0.4} | options))
        try:
            return await use(client), nodes
        except (RefusedError, UnknownError) as error:
            return error, nodes
        finally:
            await client.close()
            for node in nodes.values():
                await node.stop()

    return asyncio.run(main())


def put(client: StoreClient) -> Awaitable[Any]:
    return client.write({"op": "put", "key": "k", "value": 1})


def ok(_: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "value": None}


def test_a_lost_connection_leaves_the_outcome_unknown() -> None:
    result, nodes = on({"n1": drop}, put)
    assert isinstance(result, UnknownError)
    assert len(nodes["n1"].asked) == 1, "an unknown outcome must not be tried again without a session"


def test_silence_leaves_the_outcome_unknown() -> None:
    result, _ = on({"n1": lambda _: None}, put)
    assert isinstance(result, UnknownError)


def test_nobody_there_is_a_sure_failure() -> None:
    async def nobody() -> None:
        node = FakeNode(ok)
        address = await node.start()
        await node.stop()
        client = StoreClient({"n1": address}, timeout_s=0.3)
        with pytest.raises(RefusedError):
            await put(client)
        await client.close()

    asyncio.run(nobody())


@pytest.mark.parametrize(
    ("sure", "kind"), [(True, RefusedError), (False, UnknownError), (None, UnknownError)]
)
def test_a_refusal_is_sure_only_when_the_node_says_so(sure: bool | None, kind: type[Exception]) -> None:
    answer = {"ok": False, "error": "k is no list"} | ({} if sure is None else {"sure": sure})
    result, _ = on({"n1": lambda _: dict(answer)}, put)
    assert isinstance(result, kind)


def test_it_goes_where_a_replica_says_the_primary_is() -> None:
    def replica(_: dict[str, Any]) -> dict[str, Any]:
        return {"ok": False, "sure": True, "error": "not the primary", "primary": "n3"}

    result, nodes = on({"n1": replica, "n2": drop, "n3": ok}, put)
    assert result["ok"]
    assert not nodes["n2"].asked


def test_a_session_asks_again_with_the_same_number() -> None:
    result, nodes = on({"n1": drop, "n2": ok}, put, session="c1")
    assert result["ok"]
    (first, *_), (second, *_) = nodes["n1"].asked, nodes["n2"].asked
    assert (first["session"], first["seq"]) == (second["session"], second["seq"])


def test_a_session_that_never_hears_ends_in_doubt_and_a_new_session() -> None:
    async def twice(client: StoreClient) -> tuple[Any, Any]:
        for _ in range(2):
            with pytest.raises(UnknownError):
                await put(client)
        return None, None

    _, nodes = on({"n1": drop}, twice, session="c1")
    assert len({request["session"] for request in nodes["n1"].asked}) == 2
    assert {request["seq"] for request in nodes["n1"].asked} == {1}


def test_doubt_is_not_forgotten_when_a_later_try_is_refused() -> None:
    """The first try may have happened, whatever the second node says of the second."""

    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        return {"ok": False, "sure": True, "error": "the key is too long"}

    result, _ = on({"n1": drop, "n2": refuse}, put, session="c1")
    assert isinstance(result, UnknownError)


def test_a_client_of_one_node_does_not_go_elsewhere() -> None:
    def replica(_: dict[str, Any]) -> dict[str, Any]:
        return {"ok": False, "sure": True, "error": "not the primary", "primary": "n2"}

    result, nodes = on({"n1": replica, "n2": ok}, put, only="n1")
    assert isinstance(result, RefusedError)
    assert not nodes["n2"].asked


def test_a_refused_operation_does_not_answer_for_the_next_one() -> None:
    """A refusal may have used up the session's number."""

    def refuse_txn(request: dict[str, Any]) -> dict[str, Any]:
        return ok(request) if request["op"] == "put" else {"ok": False, "sure": True, "error": "a is below 5"}

    async def both(client: StoreClient) -> Any:
        with pytest.raises(RefusedError):
            await client.write({"op": "txn", "ops": [["at_least", "a", 5]]})
        return await put(client)

    result, nodes = on({"n1": refuse_txn}, both, session="c1")
    assert result["ok"]
    first, second = nodes["n1"].asked
    assert first["session"] != second["session"]
