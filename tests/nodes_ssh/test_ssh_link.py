"""The way to an agent, with the connection in the test's hands: cuts at bad moments, agents that are new."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from harness.errors import NodeError
from nodes.agent.frames import Decoder, Frame, encode
from nodes.agent.stream import Stream
from nodes.ssh import link
from nodes.ssh.cluster import sample
from nodes.ssh.link import Answered, Link


class Agent:
    """An agent in memory, which answers by `answer`."""

    def __init__(self) -> None:
        self.stream = Stream()
        self.life = "first"
        self.refuses = False
        self.occupied = False
        self.overs = 0
        self.done: list[str] = []
        self.lines: list[Line] = []

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        self.done.append(message["do"])
        if message["do"] == "fail":
            return {"id": message["id"], "error": "FolderError", "text": "no room"}
        if message["do"] == "clock":
            return {"id": message["id"], "answer": {"monotonic_ns": 5, "kernel": "k"}}
        return {"id": message["id"], "answer": message["do"]}


class Line:
    """A connection to it."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.decoder = Decoder()
        self.greeted = False
        self.closed = False
        self.deaf = False
        self.ended_first = False
        agent.lines.append(self)

    def start(self, on_frame: Callable[[int, Frame], None], on_end: Callable[[str], None]) -> None:
        self.on_frame, self.on_end = on_frame, on_end
        if self.agent.occupied:
            self.say(encode({"refused": "another run has this machine"}))
            return
        self.say(encode({"life": self.agent.life, "received": self.agent.stream.received}))

    def say(self, data: bytes) -> None:
        for frame in Decoder().feed(data):
            self.on_frame(1, frame)

    def send(self, data: bytes) -> None:
        if self.closed or self.deaf:
            return
        for frame in self.decoder.feed(data):
            if "token" in frame.head:
                self.received = frame.head["received"]
                continue
            if frame.head.get("over"):
                self.agent.overs += 1
                self.on_end("over")
                continue
            message = self.agent.stream.take(frame)
            if message is not None:
                self.say(self.agent.stream.post(self.agent.answer(message)))

    def finish(self) -> None:
        assert not self.closed
        asyncio.get_running_loop().call_later(0.05, self.end)

    def end(self) -> None:
        self.ended_first = not self.closed
        self.on_end("finished")

    def close(self) -> None:
        self.closed = True

    def cut(self) -> None:
        self.closed = True
        self.on_end("cut")


class Ends:
    """What a link told."""

    def __init__(self) -> None:
        self.gone: list[str] = []
        self.beats: list[Answered] = []


def run(play: Callable[[Link, Agent, Ends], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        agent, ends = Agent(), Ends()

        def connect() -> Line:
            if agent.refuses:
                raise NodeError("n1: the door is locked")
            return Line(agent)

        with ThreadPoolExecutor(2) as threads:
            way = Link(
                "n1",
                connect,
                threads=threads,
                token="t",  # noqa: S106 - no secret
                patience_s=60,
                on_event=lambda *_: None,
                on_beat=ends.beats.append,
                on_gone=ends.gone.append,
            )
            async with asyncio.timeout(60):
                await way.open()
                await play(way, agent, ends)
                await way.close()

    asyncio.run(main())


def test_what_was_asked_during_a_cut_is_done_once() -> None:
    async def play(way: Link, agent: Agent, ends: Ends) -> None:
        assert (await way.ask("one")).value == "one"
        agent.lines[-1].deaf = True
        asked = asyncio.ensure_future(way.ask("two"))
        await asyncio.sleep(0)
        agent.lines[-1].cut()
        third = asyncio.ensure_future(way.ask("three"))
        assert (await asked).value == "two"
        assert (await third).value == "three"
        assert [name for name in agent.done if name != "clock"] == ["one", "two", "three"]
        assert len(agent.lines) == 2
        assert not ends.gone

    run(play)


def test_errors_of_the_machine_are_those_of_a_node() -> None:
    async def play(way: Link, agent: Agent, ends: Ends) -> None:
        with pytest.raises(NodeError, match="n1: no room"):
            await way.ask("fail")

    run(play)


def test_an_agent_that_was_started_anew_means_that_all_is_lost() -> None:
    async def play(way: Link, agent: Agent, ends: Ends) -> None:
        agent.life, agent.stream = "second", Stream()
        agent.lines[-1].deaf = True
        asked = asyncio.ensure_future(way.ask("one"))
        await asyncio.sleep(0)
        agent.lines[-1].cut()
        with pytest.raises(NodeError, match="n1 was started anew, and all that ran there is gone"):
            await asked
        assert len(ends.gone) == 1
        with pytest.raises(NodeError, match="was started anew"):
            await way.ask("two")

    run(play)


def test_a_host_that_had_no_power_is_talked_to_as_soon_as_it_is_back() -> None:
    async def play(way: Link, agent: Agent, ends: Ends) -> None:
        await way.part()
        with pytest.raises(NodeError, match="n1 has no power"):
            await way.ask("anything")
        agent.refuses = True
        with pytest.raises(NodeError, match="the door is locked"):
            await way.open()
        with pytest.raises(NodeError, match="n1 has no power"):
            await way.ask("anything")
        agent.refuses, agent.life, agent.stream = False, "second", Stream()
        heard = len(ends.beats)
        await way.open()
        assert len(ends.beats) > heard, "its clock is compared before anything runs there"
        assert (await way.ask("hello", timeout_s=5)).value == "hello"
        assert not ends.gone

    run(play)


def test_the_agent_hears_that_it_is_over_though_its_connection_has_just_been_cut() -> None:
    async def play(way: Link, agent: Agent, ends: Ends) -> None:
        agent.lines[-1].cut()
        await way.close()
        assert len(agent.lines) == 2 and agent.overs == 1

    run(play)


def test_who_is_refused_leaves_nothing_at_the_other_end() -> None:
    async def play(way: Link, agent: Agent, ends: Ends) -> None:
        await way.part()
        agent.occupied = True
        with pytest.raises(NodeError, match="n1: another run has this machine; it is free again once"):
            await way.open()
        assert agent.lines[-1].ended_first and agent.lines[-1].closed
        agent.occupied, agent.life, agent.stream = False, "second", Stream()
        await way.open()

    run(play)


def test_a_machine_out_of_reach_is_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "GONE_S", 0.3)

    async def play(way: Link, agent: Agent, ends: Ends) -> None:
        agent.refuses = True
        agent.lines[-1].cut()
        with pytest.raises(NodeError, match=r"n1 is gone: out of reach for 0.3 s \(n1: the door is locked\)"):
            while True:
                await way.ask("one")
        assert len(ends.gone) == 1
        with pytest.raises(NodeError, match="n1 is gone"):
            await way.close()

    run(play)


def test_a_connection_that_says_nothing_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "QUIET_S", 0.1)
    monkeypatch.setattr(link, "BEAT_S", 0.01)

    async def play(way: Link, agent: Agent, ends: Ends) -> None:
        agent.lines[-1].deaf = True
        while len(agent.lines) == 1:
            await asyncio.sleep(0.01)
        assert (await way.ask("one")).value == "one"
        while not ends.beats:
            await asyncio.sleep(0.01)

    run(play)


def test_an_answer_with_the_time_bounds_what_the_clock_is_ahead() -> None:
    compared = sample(Answered({"monotonic_ns": 1_000_700, "kernel": "k"}, b"", asked_ns=100, came_ns=301))
    assert (compared.at_ns, compared.ahead_ns, compared.error_ns) == (200, 1_000_500, 101)
