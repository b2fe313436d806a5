"""When a node begins a snapshot."""

from typing import Any

from lone_node import Lone, S

from nodes.reference import effects as fx
from nodes.reference.snapshots import AGAIN_NS

NOW = 10 * S


def begun(lone: Lone, now: int) -> list[fx.Effect]:
    """Return what becomes of snapshots at a time."""
    lone.drain(now)
    kinds: tuple[Any, ...] = (fx.SnapshotBegin, fx.SnapshotRows, fx.SnapshotEnd)
    return [effect for effect in lone.done if isinstance(effect, kinds)]


def test_a_snapshot_that_could_not_be_written_is_not_begun_again_at_once() -> None:
    lone = Lone("n1", 101, snapshot_bytes=1, retain_bytes=0)
    lone.elect(201, NOW)
    lone.follow("n2", lone.node.log.last, NOW)
    assert lone.node.snapshots.floor == lone.node.log.last, "it is begun"
    while lone.node.snapshots.busy:
        assert begun(lone, NOW)
    lone.node.snapshot_failed(NOW)
    assert not begun(lone, NOW + AGAIN_NS - 1)
    assert isinstance(begun(lone, NOW + AGAIN_NS)[0], fx.SnapshotBegin)
