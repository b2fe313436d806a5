"""Each fault of the simulated disk does what it says, once or for as long as it is on, and is counted."""

from pathlib import Path

import pytest

from nodes.simulated.disk import Disk
from nodes.simulated.disk_choices import Same, Seeded
from nodes.simulated.disk_faults import Bite, Mishap
from nodes.simulated.disk_view import View

F = Path("/f")
ROOT = Path("/")


def ready(*, seed: int | None = None) -> tuple[Disk, View, int]:
    """Return a disk that keeps nothing unflushed (or chooses by a seed), with an empty durable file, opened."""
    disk = Disk(Same(last=False) if seed is None else Seeded(seed))
    view = disk.view("a")
    descriptor = view.open(F, create=True)
    view.sync_folder(ROOT)
    return disk, view, descriptor


def test_a_lying_flush_makes_nothing_durable() -> None:
    disk, view, descriptor = ready()
    view.sync(descriptor)
    disk.faults.lying = True
    view.sync(descriptor)
    assert not disk.faults.bites, "there was nothing to lie about"
    view.write(descriptor, b"abc", 0)
    view.sync(descriptor)
    view.sync_data(descriptor)
    view.end_sync(view.begin_sync(descriptor))
    view.open(Path("/g"), create=True)
    view.sync_folder(ROOT)
    assert disk.faults.bites == {Bite.LYING_FLUSH: 4}
    assert disk.durable_bytes(F) == b""
    disk.power_cut()
    assert disk.contents() == {"/": None, "/f": b""}


def test_what_was_lied_about_is_made_durable_by_an_honest_flush() -> None:
    disk, view, descriptor = ready()
    disk.faults.lying = True
    view.write(descriptor, b"abc", 0)
    view.sync(descriptor)
    disk.faults.lying = False
    view.sync(descriptor)
    assert disk.durable_bytes(F) == b"abc"


def test_a_failed_flush_raises_once_and_what_it_should_have_flushed_is_never_written() -> None:
    disk, view, descriptor = ready()
    disk.faults.sync_error = True
    view.sync(descriptor)
    assert disk.faults.sync_error, "it waits for a flush that has something to do"
    view.write(descriptor, b"abc", 0)
    with pytest.raises(OSError, match="Input/output error"):
        view.sync_data(descriptor)
    view.sync_data(descriptor)
    assert view.read(descriptor, 9, 0) == b"abc", "it is still visible"
    view.write(descriptor, b"d", 3)
    view.sync(descriptor)
    assert disk.durable_bytes(F) == b"\0\0\0d"
    disk.power_cut()
    assert disk.read_file(F) == b"\0\0\0d"
    assert disk.faults.bites == {Bite.SYNC_ERROR: 1}


def test_a_flush_in_two_steps_fails_at_its_end() -> None:
    disk, view, descriptor = ready()
    view.write(descriptor, b"abc", 0)
    flush = view.begin_sync(descriptor)
    disk.faults.sync_error = True
    view.write(descriptor, b"d", 3)
    with pytest.raises(OSError, match="Input/output error"):
        view.end_sync(flush)
    view.sync(descriptor)
    assert disk.durable_bytes(F) == b"\0\0\0d", "what was written in between is dirty"


def test_a_full_disk_takes_nothing_more_and_changes_nothing() -> None:
    disk, view, descriptor = ready()
    disk.faults.capacity_bytes = 1000
    view.allocate(descriptor, 900)
    view.write(descriptor, b"x" * 900, 0)
    view.write(descriptor, b"y" * 100, 900)
    other = view.open(Path("/g"), create=True)
    for call in (
        lambda: view.write(descriptor, b"z", 1000), lambda: view.allocate(other, 1),
        lambda: view.write(other, b"z", 0),
    ):  # fmt: skip
        with pytest.raises(OSError, match="No space left"):
            call()
    assert (view.size(descriptor), view.size(other), disk.used_bytes) == (1000, 0, 1000)
    assert disk.faults.bites == {Bite.NO_SPACE: 3}
    disk.faults.capacity_bytes = 1001
    view.write(other, b"z", 0)


def test_space_is_free_when_neither_a_name_nor_a_process_has_the_file() -> None:
    disk, view, descriptor = ready()
    view.allocate(descriptor, 1000)
    view.unlink(F)
    assert disk.used_bytes == 1000, "it is still open"
    view.close(descriptor)
    assert disk.used_bytes == 0
    for path in (F, Path("/g")):
        view.allocate(view.open(path, create=True), 500)
    assert disk.used_bytes == 1000
    view.open(F, truncate=True)
    assert disk.used_bytes == 500
    view.rename(F, Path("/g"))
    assert disk.used_bytes == 500, "the one that it took the name of is still open"
    disk.release("a")
    assert disk.used_bytes == 0


@pytest.mark.parametrize("last", [False, True])
def test_space_after_a_power_cut_is_that_of_what_is_left(last: bool) -> None:
    disk = Disk(Same(last=last))
    disk.write_file(F, b"x" * 100)
    view = disk.view("a")
    view.write(view.open(F), b"y" * 100, 100)
    view.unlink(F)
    disk.power_cut()
    assert disk.used_bytes == (0 if last else 100)


def test_a_stalled_flush_takes_longer() -> None:
    disk, _, _ = ready()
    assert disk.stalled_ns() == 0
    disk.faults.stall_ns = 5_000_000
    assert disk.stalled_ns() == 5_000_000
    assert disk.faults.bites == {Bite.STALL: 1}


def test_a_rotten_bit_shows_at_once_and_after_a_power_cut() -> None:
    disk, view, descriptor = ready(seed=1)
    view.write(descriptor, b"abc", 0)
    assert disk.rot(F) is None, "nothing is on the disk yet"
    view.sync(descriptor)
    at = disk.rot(F)
    assert at is not None
    damaged = view.read(descriptor, 3, 0)
    assert [place for place in range(3) if damaged[place] != b"abc"[place]] == [at]
    assert (damaged[at] ^ b"abc"[at]).bit_count() == 1
    disk.power_cut()
    assert disk.read_file(F) == damaged
    assert disk.faults.bites == {Bite.BIT_ROT: 1}


def test_a_rotten_bit_hides_behind_what_waits_to_be_written() -> None:
    disk, view, descriptor = ready(seed=1)
    view.write(descriptor, b"abc", 0)
    view.sync(descriptor)
    view.write(descriptor, b"xyz", 0)
    disk.rot(F)
    assert view.read(descriptor, 3, 0) == b"xyz"
    assert disk.durable_bytes(F) != b"abc"
    view.sync(descriptor)
    assert disk.durable_bytes(F) == b"xyz", "it was written over"


def test_a_lost_write_is_seen_until_the_cache_is_gone() -> None:
    disk, view, descriptor = ready()
    disk.faults.next_write = Mishap.LOST
    view.write(descriptor, b"", 0)
    assert disk.faults.next_write is Mishap.LOST, "nothing was written that could get lost"
    view.write(descriptor, b"abc", 0)
    view.write(descriptor, b"d", 3)
    view.sync(descriptor)
    assert view.read(descriptor, 9, 0) == b"abcd"
    disk.power_cut()
    assert disk.read_file(F) == b"\0\0\0d"
    assert disk.faults.next_write is None
    assert disk.faults.bites == {Bite.LOST_WRITE: 1}


@pytest.mark.parametrize("seed", range(5))
def test_a_misdirected_write_damages_another_place(seed: int) -> None:
    disk, view, descriptor = ready(seed=seed)
    view.write(descriptor, b"a" * 2048, 0)
    view.sync(descriptor)
    disk.faults.next_write = Mishap.MISDIRECTED
    view.write(descriptor, b"b" * 10, 520)
    view.write(descriptor, b"c", 0)
    view.sync(descriptor)
    assert view.read(descriptor, 10, 520) == b"b" * 10
    disk.power_cut()
    found = disk.read_file(F)
    assert len(found) == 2048
    at = found.index(b"b" * 10)
    assert (at % 512, at == 520) == (8, False)
    assert found == (b"c" + b"a" * (at - 1) + b"b" * 10).ljust(2048, b"a")
    assert disk.faults.bites == {Bite.MISDIRECTED_WRITE: 1}


def test_a_misdirected_write_waits_for_a_file_with_another_place() -> None:
    disk, view, descriptor = ready(seed=1)
    disk.faults.next_write = Mishap.MISDIRECTED
    view.write(descriptor, b"abc", 0)
    view.write(descriptor, b"", 0)
    view.sync(descriptor)
    assert disk.durable_bytes(F) == b"abc"
    assert disk.faults.next_write is Mishap.MISDIRECTED
    assert not disk.faults.bites


def test_faults_are_the_machines_and_stay_with_a_new_disk() -> None:
    disk, _, _ = ready(seed=1)
    disk.faults.lying = True
    disk.wipe()
    view = disk.view("b")
    view.open(F, create=True)
    view.sync_folder(ROOT)
    assert disk.faults.bites == {Bite.LYING_FLUSH: 1}
