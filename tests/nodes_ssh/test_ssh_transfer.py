"""Copies from a machine, against an agent that is played: what one that does not come to its end leaves behind."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from harness.errors import NodeError
from nodes.agent.service import Answer
from nodes.ssh import transfer
from nodes.ssh.link import Link

PIECE = 1000


class Played:
    """An agent with some files; a file whose content is an error can't be read beyond its first piece.

    After so many `answers` it gives none any more; `silent` is set when all that are under way wait for one.
    """

    def __init__(
        self,
        files: Mapping[str, bytes | NodeError],
        *,
        links: Mapping[str, str] | None = None,
        answers: int = 1_000_000,
    ) -> None:
        self.files, self.links, self.answers = files, links or {}, answers
        self.asked = self.most = 0
        self.silent = asyncio.Event()

    async def ask(self, what: str, **arguments: Any) -> Answer:
        """Answer as the agent does."""
        if what == "list":
            return Answer(list(self._listing()))
        self.asked += 1
        self.most = max(self.most, self.asked)
        if self.answers <= 0:
            if self.asked == self.most:
                self.silent.set()
            await asyncio.Event().wait()
        self.answers -= 1
        await asyncio.sleep(0)  # the others ask meanwhile
        self.asked -= 1
        at = arguments["at"]
        content = self.files[arguments["remote"].removeprefix("/from/")]
        if isinstance(content, NodeError):
            if at:
                raise content
            return Answer("more", b"x" * PIECE)
        piece = content[at : at + PIECE]
        return Answer("more" if len(piece) == PIECE else "end", piece)

    def _listing(self) -> Any:
        common = {"mode": 0o640, "modified_ns": 10**18}
        yield {**common, "kind": "folder", "path": []}
        for name, aim in self.links.items():
            yield {**common, "kind": "link", "path": name.split("/"), "aim": aim}
        for name in self.files:
            yield {**common, "kind": "file", "path": name.split("/")}


def copied(agent: Played, to: Path) -> dict[str, bytes]:
    """Copy all of it and return what there is then."""
    asyncio.run(transfer.get(cast(Link, agent), "/from", to))
    return there(to)


def there(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_many_small_files_are_read_at_the_same_time(tmp_path: Path) -> None:
    files = {f"cut/{number}": b"%d" % number * (number % 7 * 200) for number in range(300)}
    agent = Played(files)
    assert copied(agent, tmp_path / "to") == files
    assert agent.most == 8


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_files_of_any_size_are_whole(tmp_path: Path, size: int) -> None:
    assert copied(Played({"one": b"a" * size}), tmp_path / "to") == {"one": b"a" * size}


def test_a_file_that_fails_is_not_there_in_part_and_the_others_are_whole(tmp_path: Path) -> None:
    files = {str(number): b"%d" % number * 500 for number in range(40)}
    with pytest.raises(NodeError, match="the disk does not answer"):
        copied(Played({**files, "bad": NodeError("the disk does not answer")}), tmp_path / "to")
    assert there(tmp_path / "to") == files


def test_a_copy_that_is_broken_off_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    async def broken_off() -> None:
        agent = Played({str(number): b"a" * 5000 for number in range(20)}, answers=60)
        task = asyncio.create_task(transfer.get(cast(Link, agent), "/from", tmp_path / "to"))
        await agent.silent.wait()
        assert len(there(tmp_path)) > 8, "some are whole, and others begun"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(broken_off())
    assert {len(content) for content in there(tmp_path / "to").values()} == {5000}


@pytest.mark.parametrize("path", ["../out", "a//b", "./a"])
def test_names_that_lead_elsewhere_are_not_taken(tmp_path: Path, path: str) -> None:
    with pytest.raises(NodeError, match="not taken"):
        copied(Played({path: b"x"}), tmp_path / "to")
    assert not there(tmp_path)


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    agent = Played({"aside/x": b"x"}, links={"aside": str(tmp_path / "elsewhere")})
    with pytest.raises(NodeError, match="nothing is written through it"):
        copied(agent, tmp_path / "to")
    assert not there(tmp_path / "elsewhere")
