"""The store's small client: what it says, and its exit codes."""

import asyncio
from typing import Any

import pytest

from nodes.reference import commands
from nodes.reference.client import RefusedError, StoreClient, UnknownError

NODES = ("--nodes", "n1=127.0.0.1:1,n2=127.0.0.1:2")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Answers by operation, in the place of a cluster; an exception is raised."""
    said: dict[str, Any] = {}

    async def ask(self: StoreClient, body: dict[str, Any], *, again: bool = False) -> dict[str, Any]:
        await asyncio.sleep(0)
        answer = said[body["op"]]
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    monkeypatch.setattr(StoreClient, "ask", ask)
    return said


@pytest.mark.parametrize("args", [("status", "n9"), ("promote", "n9"), ("--node", "n9", "get", "a")])
def test_an_unknown_node_is_a_mistake_that_lists_the_nodes(
    args: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        commands.main((*NODES, *args))
    assert exited.value.code == 64
    assert capsys.readouterr().err.endswith("no node is called 'n9'; the nodes are n1, n2\n")


@pytest.mark.parametrize(
    "answer,code", [({"offset": 2}, 0), (RefusedError("full"), 1), (UnknownError("late"), 2)]
)
def test_the_exit_code_tells_what_became_of_it(answers: dict[str, Any], answer: Any, code: int) -> None:
    answers |= {"put": answer, "status": {"epoch": 3, "role": "primary"}}
    assert commands.main((*NODES, "put", "a", "1")) == code


@pytest.mark.parametrize(
    "status,advice",
    [
        (
            {"epoch": 0, "role": "replica"},
            "; the cluster is not founded yet: `acked client bootstrap n1` does",
        ),
        ({"epoch": 7, "role": "replica"}, "\n"),
        (RefusedError("no node could be reached"), "\n"),
    ],
)
def test_a_refusal_before_the_founding_says_what_to_do(
    answers: dict[str, Any], status: Any, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers |= {"put": RefusedError("n1: not the primary"), "status": status}
    assert commands.main((*NODES, "put", "a", "1")) == 1
    assert capsys.readouterr().err.startswith(f"not done: n1: not the primary{advice}")
