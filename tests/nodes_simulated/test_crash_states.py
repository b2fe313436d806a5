"""The store starts from everything that a power cut can leave of it, with all that it has promised.

At each step of what it does, every state that the simulated disk allows after a power cut is opened (see
`nodes.simulated.disk_crash`; of moments with too many of them, a sample).
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from store_lives import BLANK, HOME, SETTINGS, Life, Moment, Promise

from nodes.reference.storage import FatalError, Storage
from nodes.reference.wal import RefusedError
from nodes.simulated.disk import Disk
from nodes.simulated.disk_choices import Same, Seeded
from nodes.simulated.disk_crash import crash_states
from nodes.simulated.disk_faults import Bite, Mishap

Work = Callable[[Life], None]


def nothing(life: Life) -> None:
    """Only start."""


def group_commit(life: Life) -> None:
    life.append(1, 3)
    life.write(2)
    life.flush(during=lambda: life.write(3))
    life.flush()
    life.append(8)


def rotation(life: Life) -> None:
    life.append(5)
    life.spare()
    life.write(10)
    life.flush(during=lambda: life.write(9))
    life.flush()
    life.append(30)


def cut(life: Life) -> None:
    life.append(6, 3)
    life.write(2)
    life.cut(6)
    life.append(2)
    life.cut(2)
    life.append(1)


def cut_over_segments(life: Life) -> None:
    life.append(15, 15, 15)
    life.cut(42)
    life.append(15, 15)
    life.cut(30)
    life.append(1)


def cut_at_the_end_of_a_segment(life: Life) -> None:
    life.append(9)
    while (room := life.storage.wal.remaining_bytes) >= 32:
        life.write(1, size=max(0, min(60, room - 32 - 24)))
    life.flush()
    life.cut(6)
    life.append(2)


def meta(life: Life) -> None:
    for promised in (101, 202, 303):
        life.save_meta(promised)


def snapshot_and_compaction(life: Life) -> None:
    life.append(15, 15, 15)
    life.snapshot(13)
    life.compact(15)
    life.append(4)
    life.snapshot(0)
    life.compact(1)


def installation(life: Life) -> None:
    life.append(4, 2)
    life.install(50)
    life.append(3)
    life.install(40)
    life.append(1)


def installation_over_segments(life: Life) -> None:
    life.append(15, 15, 15)
    life.spare()
    life.install(-15)
    life.append(25)


def installation_behind_a_compacted_log(life: Life) -> None:
    """The snapshot is older than the one here, as if an operator had promoted a node that lagged."""
    life.append(15, 15, 15)
    life.snapshot(0)
    life.compact(0)
    life.append(2)
    life.install(-30, rest=12)
    life.append(3)
    life.install(-20)
    life.append(1)


def installation_with_more_than_a_segment(life: Life) -> None:
    life.append(4)
    life.install(10, rest=50)
    life.append(2)
    life.cut(3)
    life.append(20)
    life.spare()
    life.install(5, rest=30)
    life.append(1)


WORKS: list[Work] = [
    nothing, group_commit, rotation, cut, cut_over_segments, cut_at_the_end_of_a_segment, meta,
    snapshot_and_compaction, installation, installation_over_segments, installation_behind_a_compacted_log,
    installation_with_more_than_a_segment,
]  # fmt: skip


DAMAGED: list[Work] = [
    group_commit, rotation, snapshot_and_compaction, installation, installation_behind_a_compacted_log,
]  # fmt: skip


def next_life(life: Life) -> None:
    """A little of everything."""
    life.append(2, 22)
    life.cut(3)
    life.install(10, rest=2)
    life.append(1)


def lived(
    work: Work, disk: Disk | None = None, promise: Promise = BLANK, *, epoch: int = 101
) -> list[Moment]:
    """Return the moments of a life."""
    life = Life(disk or Disk(Same(last=True)), promise, epoch=epoch)
    work(life)
    life.stop()
    return life.moments


def check(disk: Disk, moment: Moment, where: str) -> None:
    """Open what is left; raises AssertionError unless all that was promised is there."""
    where = f"{where}: {moment.where}"
    try:
        storage = Storage(HOME, SETTINGS, files=disk.view("again"), identity="of the next start")
    except Exception as error:
        raise AssertionError(f"{where}: it does not start: {error!r}") from error
    broken = moment.promise.broken_by(disk, storage)
    assert broken is None, f"{where}: {broken}"
    disk.release("again")


@pytest.mark.parametrize("work", WORKS)
def test_it_starts_from_whatever_a_power_cut_leaves(work: Work) -> None:
    for moment in lived(work):
        for number, disk in enumerate(crash_states(moment.disk, limit=200)):
            check(disk, moment, f"state {number}")


@pytest.mark.parametrize("work", WORKS)
def test_it_starts_again_after_a_kill(work: Work) -> None:
    for moment in lived(work):
        check(moment.disk, moment, "killed")


def after_power_cut(moment: Moment, *, kept: bool) -> Disk:
    """Return the disk with everything kept that was not flushed, or nothing."""
    disk = moment.disk.copy(Same(last=kept))
    disk.power_cut()
    return disk


def live_on(disk: Disk, promise: Promise, where: str) -> None:
    """Live another life on a disk, and check what power cuts leave of it that keep nothing unflushed."""
    for moment in lived(next_life, disk, promise, epoch=90001):
        check(after_power_cut(moment, kept=False), moment, where)


@pytest.mark.parametrize("work", WORKS)
def test_what_a_power_cut_leaves_behind_does_not_come_to_life_after_the_next_one(work: Work) -> None:
    seen = set()
    for moment in lived(work):
        for kept in (True, False):
            disk = after_power_cut(moment, kept=kept)
            state = tuple(disk.contents().items())
            if state not in seen:
                seen.add(state)
                live_on(disk, moment.promise, f"{moment.where} ({'all' if kept else 'nothing'} kept), then")


@pytest.mark.parametrize("work", WORKS)
def test_what_a_kill_left_in_the_page_cache_is_not_relied_upon(work: Work) -> None:
    for moment in lived(work):
        live_on(moment.disk, moment.promise, f"killed in {moment.where}, then")


# Faults of the disk


class _DiesOfAFailedFlush(Life):
    """A store one of whose flushes fails; its server ends it then."""

    def __init__(self, disk: Disk, fatal: int) -> None:
        self._until_fatal = fatal
        super().__init__(disk)

    def _step(self, name: str, path: Path | None) -> None:
        if name in ("sync", "sync_data"):
            self._until_fatal -= 1
            self.disk.faults.sync_error = self._until_fatal == 0


def after_failed_flushes(work: Work) -> Iterator[tuple[str, Disk, Promise]]:
    """Yield the disk, with its page cache, that each failing flush leaves, and what was promised until then."""
    for fatal in itertools.count(1):
        disk, life = Disk(Same(last=True)), None
        try:
            life = _DiesOfAFailedFlush(disk, fatal)
            work(life)
        except (OSError, FatalError):
            disk.release("store")
            yield f"flush {fatal}", disk, BLANK if life is None else life.promise
        else:
            return


@pytest.mark.parametrize("work", WORKS)
def test_what_a_failed_flush_left_in_the_page_cache_is_not_relied_upon(work: Work) -> None:
    for failed, disk, promise in after_failed_flushes(work):
        assert disk.faults.bites[Bite.SYNC_ERROR] == 1
        live_on(disk, promise, f"{failed} failed, then")


class _Place:
    """Chooses the bit that rots."""

    def __init__(self, bit: int) -> None:
        self._bit = bit

    def below(self, name: str, bound: int) -> int:
        return self._bit

    def chance(self, name: str, probability: float) -> bool:
        return False


def rotten(moment: Moment, *, step: int) -> Iterator[tuple[str, Disk]]:
    """Yield disks with one rotten bit each, at every `step`th place of the log and the snapshot."""
    for name, content in moment.disk.contents().items():
        path = Path(name)
        if content and (path.parent.name == "log" or path.name in ("snapshot", "flushed")):
            for at in range(0, len(content.rstrip(b"\0")), step):
                disk = moment.disk.copy(_Place(at * 8 + at % 8))
                disk.rot(path)
                yield f"{path.name} rotten at {at}", disk


def opened_or_refused(disk: Disk, promise: Promise, where: str) -> None:
    try:
        storage = Storage(HOME, SETTINGS, files=disk.view("again"), identity="of the next start")
    except RefusedError:
        return
    broken = promise.broken_by(disk, storage)
    assert broken is None, f"{where}: {broken}"


@pytest.mark.parametrize("work", DAMAGED)
def test_it_does_not_start_on_damage_in_silence(work: Work) -> None:
    end = lived(work)[-1]
    for where, disk in rotten(end, step=11):
        opened_or_refused(disk, end.promise, where)


def known(moments: Sequence[Moment]) -> Promise:
    """Return what is promised in the end, but for the last flush: nothing else that is durable tells of it."""
    end = moments[-1].promise
    earlier = [moment.promise for moment in moments if moment.promise.versions != end.versions][-1]
    floor = min(earlier.versions[-1].floor, end.versions[0].floor)
    return replace(end, versions=(replace(end.versions[0], floor=floor),))


@pytest.mark.parametrize("work", DAMAGED)
def test_damage_before_a_power_cut_is_noticed_but_for_the_last_flush(work: Work) -> None:
    moments = lived(work)
    for where, disk in rotten(moments[-1], step=11):
        cut_off = disk.copy(Same(last=False))
        cut_off.power_cut()
        opened_or_refused(cut_off, known(moments), where)


class _Mishap(Life):
    """A store one of whose writes has a mishap."""

    def __init__(self, disk: Disk, write: int, mishap: Mishap) -> None:
        self._until_write = write
        self._mishap = mishap
        super().__init__(disk)

    def _step(self, name: str, path: Path | None) -> None:
        super()._step(name, path)
        if name == "write":
            self._until_write -= 1
            self.disk.faults.next_write = self._mishap if self._until_write == 0 else None


@pytest.mark.parametrize("mishap", Mishap)
@pytest.mark.parametrize("work", [group_commit, rotation, snapshot_and_compaction])
def test_a_write_that_did_not_reach_its_place_is_noticed_but_for_the_last(work: Work, mishap: Mishap) -> None:
    for write in itertools.count(1):
        disk = Disk(Seeded(write))
        life = _Mishap(disk, write, mishap)
        work(life)
        life.stop()
        if not disk.faults.bites:
            break
        opened_or_refused(
            after_power_cut(life.moments[-1], kept=False), known(life.moments), f"write {write}"
        )
