"""Changes that must not change a verdict: other times, other names, other values, unrelated company."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_model import NODES, STEPS, World
from msgspec.structs import replace

from checkers.convergence import Convergence
from checkers.copies import CopiesAtAck
from checkers.durability import Durability
from checkers.phantom import PhantomReads
from harness.checker import RecordedRun
from harness.contract import Mode
from harness.events import Applied, Elected, NodeEvent
from harness.history import History

CHECKERS = (Durability(), CopiesAtAck(), PhantomReads(), Convergence())


def recorded(seed: int, mode: Mode) -> RecordedRun:
    draw = random.Random(seed)
    world = World(mode, degrades=draw.random() < 0.5)
    for _ in range(40):
        world.step(draw.choice(STEPS), draw.randrange(4), draw.randrange(16))
    return world.script.run(world.finish())


def conclusions(run: RecordedRun) -> list[object]:
    found: list[object] = []
    for checker in CHECKERS:
        result = checker.check(run)
        found += [result.verdict, dict(result.figures)]
    return found


def shifted(run: RecordedRun, by_ns: int) -> RecordedRun:
    def later(time_ns: int | None) -> int | None:
        return None if time_ns is None else time_ns + by_ns

    return replace(
        run,
        history=History.of(
            replace(op, call_ns=later(op.call_ns), return_ns=later(op.return_ns)) for op in run.history
        ),
        events=tuple(replace(event, at_ns=later(event.at_ns)) for event in run.events),
        episodes=tuple(
            replace(
                episode,
                **{
                    field: later(getattr(episode, field))
                    for field in ("from_ns", "injected_ns", "healing_ns", "until_ns")
                },
            )
            for episode in run.episodes
        ),
        stopped_ns=run.stopped_ns + by_ns,
    )


def with_values(run: RecordedRun, rename: Callable[[int], int]) -> RecordedRun:
    def renamed(op):
        if op.f == "append":
            return replace(op, args=(op.args[0], rename(op.args[1])))
        return replace(op, value=[[rename(value) for value in shown] for shown in op.value])

    return replace(run, history=History.of(renamed(op) for op in run.history))


def with_nodes(run: RecordedRun, names: dict[str, str]) -> RecordedRun:
    def renamed(event: NodeEvent) -> NodeEvent:
        event = replace(event, node=names[event.node])
        if isinstance(event, Elected):
            event = replace(event, heard=tuple(names[node] for node in event.heard))
        return event

    return replace(
        run,
        contract=replace(
            run.contract,
            nodes=tuple(names[node] for node in run.contract.nodes),
            members=tuple(names[node] for node in run.contract.members),
        ),
        history=History.of(replace(op, node=names.get(op.node)) for op in run.history),
        events=tuple(renamed(event) for event in run.events),
        episodes=tuple(
            replace(episode, targets=tuple(names[node] for node in episode.targets))
            for episode in run.episodes
        ),
        survivor=names[run.survivor],
    )


runs = pytest.mark.parametrize("mode", Mode)
seeds = st.integers(0, 10_000)


@runs
@settings(max_examples=20)
@given(seed=seeds, by_ns=st.integers(1, 10**15))
def test_a_later_origin_changes_nothing(mode, seed, by_ns):
    run = recorded(seed, mode)
    assert conclusions(shifted(run, by_ns)) == conclusions(run)


@runs
@settings(max_examples=20)
@given(seed=seeds, factor=st.integers(1, 10**12), sign=st.sampled_from((1, -1)))
def test_other_values_change_nothing(mode, seed, factor, sign):
    run = recorded(seed, mode)
    assert conclusions(with_values(run, lambda value: sign * factor * (value + 1))) == conclusions(run)


@runs
@settings(max_examples=20)
@given(seed=seeds, order=st.permutations(NODES))
def test_other_names_change_nothing(mode, seed, order):
    run = recorded(seed, mode)
    names = dict(zip(NODES, (f"host-{node}" for node in order), strict=True))
    assert conclusions(with_nodes(run, names)) == conclusions(run)


@runs
@settings(max_examples=20)
@given(seed=seeds)
def test_reports_that_do_not_matter_change_nothing(mode, seed):
    run = recorded(seed, mode)
    last_ns = max(event.at_ns for event in run.events)
    idle = [Applied(node=node, at_ns=last_ns + 1, offset=1) for node in NODES]
    assert conclusions(replace(run, events=(*run.events, *idle))) == conclusions(run)


@runs
@settings(max_examples=20)
@given(seed=seeds)
def test_faults_elsewhere_change_nothing(mode, seed):
    run = recorded(seed, mode)
    elsewhere = [replace(episode, id=episode.id + 1000, targets=("m1",)) for episode in run.episodes]
    assert conclusions(replace(run, episodes=(*run.episodes, *elsewhere)))[:2] == conclusions(run)[:2]


@runs
@settings(max_examples=20)
@given(seed=seeds)
def test_reports_of_different_nodes_at_one_moment_come_in_any_order(mode, seed):
    run = recorded(seed, mode)
    by_node = {node: index for index, node in enumerate(random.Random(seed).sample(NODES, len(NODES)))}
    events = sorted(run.events, key=lambda event: (event.at_ns, by_node[event.node]))
    assert conclusions(replace(run, events=tuple(events))) == conclusions(run)
