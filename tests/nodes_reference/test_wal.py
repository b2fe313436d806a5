"""The log on disk keeps what was durable, cuts a torn tail, and refuses damage."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodes.reference.files import HostFiles
from nodes.reference.records import FRAME, encode, position
from nodes.reference.wal import RefusedError, Wal

SEGMENT = 4096


def frames(first: int, count: int, *, epoch: int = 101, size: int = 40) -> tuple[bytes, ...]:
    return tuple(
        encode(index, epoch, bytes([index % 250 + 1]) * size) for index in range(first, first + count)
    )


def opened(folder: Path) -> Wal:
    return Wal(folder / "log", files=HostFiles(), segment_bytes=SEGMENT)


def durably(wal: Wal, written: tuple[bytes, ...]) -> None:
    wal.write(written)
    os.fdatasync(wal.unsynced)
    wal.synced(position(written[-1])[0])


def segments(folder: Path) -> list[Path]:
    return sorted((folder / "log").glob("*.log"))


def test_a_fresh_log_is_empty_and_starts_at_one(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    assert (wal.found.first, wal.found.last) == (1, 0)
    wal.close()


def test_entries_survive_over_several_segments(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    for first in range(1, 301, 10):
        durably(wal, frames(first, 10))
    wal.close()
    assert len(segments(tmp_path)) > 3
    again = opened(tmp_path)
    assert again.found.frames == list(frames(1, 300))
    durably(again, frames(301, 5))
    again.close()
    assert opened(tmp_path).found.last == 305


@pytest.mark.parametrize("torn_bytes", [1, 7, 20, 60])
def test_a_torn_tail_that_was_never_durable_is_cut(tmp_path: Path, torn_bytes: int) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 5))
    wal.write(frames(6, 3))
    wal.close()
    path = segments(tmp_path)[-1]
    used = len(path.read_bytes().rstrip(b"\0"))
    with path.open("r+b") as file:
        file.seek(used - torn_bytes)
        file.write(bytes(torn_bytes))
    again = opened(tmp_path)
    assert 5 <= again.found.last < 8
    assert again.found.frames == list(frames(1, again.found.last))
    durably(again, frames(again.found.last + 1, 2, epoch=202))
    again.close()
    assert opened(tmp_path).found.frames[-1] == frames(again.found.last + 2, 1, epoch=202)[0]


def damage(path: Path, frame: bytes) -> None:
    data = bytearray(path.read_bytes())
    at = data.index(frame) + FRAME.size + 20
    data[at] ^= 0xFF
    path.write_bytes(data)


def test_damage_in_the_middle_is_refused(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 5))
    durably(wal, frames(6, 5))
    wal.close()
    damage(segments(tmp_path)[0], frames(3, 1)[0])
    with pytest.raises(RefusedError, match=r"checksum.*behind entry 2, but entries up to 10 were durable"):
        opened(tmp_path)


def test_damage_of_the_very_last_durable_entry_is_refused(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 5))
    wal.close()
    damage(segments(tmp_path)[0], frames(5, 1)[0])
    with pytest.raises(RefusedError, match="behind entry 4, but entries up to 5 were durable"):
        opened(tmp_path)


def test_damage_before_a_later_mark_is_refused_even_without_the_hint(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 5))
    durably(wal, frames(6, 1))
    wal.close()
    (tmp_path / "flushed").unlink()
    damage(segments(tmp_path)[0], frames(2, 1)[0])
    with pytest.raises(RefusedError, match="entries up to 5 were durable"):
        opened(tmp_path)


def test_zeros_in_the_middle_are_no_end(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 5))
    durably(wal, frames(6, 5))
    wal.close()
    path = segments(tmp_path)[0]
    data = path.read_bytes()
    frame = frames(4, 1)[0]
    path.write_bytes(data.replace(frame, bytes(len(frame))))
    with pytest.raises(RefusedError, match="the log stops behind entry 3"):
        opened(tmp_path)


def test_damage_in_an_older_segment_is_refused(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    for first in range(1, 201, 10):
        durably(wal, frames(first, 10))
    wal.close()
    damage(segments(tmp_path)[0], frames(3, 1)[0])
    with pytest.raises(RefusedError, match="in the middle of the log"):
        opened(tmp_path)


def test_a_missing_segment_is_refused(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    for first in range(1, 301, 10):
        durably(wal, frames(first, 10))
    wal.close()
    segments(tmp_path)[1].unlink()
    with pytest.raises(RefusedError, match="but the log before it ends at"):
        opened(tmp_path)


def test_what_lay_behind_a_torn_write_does_not_come_back(tmp_path: Path) -> None:
    """The next write ends exactly where an old, sound entry begins that would follow it."""
    wal = opened(tmp_path)
    durably(wal, frames(1, 5))
    wal.write(frames(6, 2, size=72))
    wal.close()
    damage(segments(tmp_path)[0], frames(6, 1, size=72)[0])
    wal = opened(tmp_path)
    assert wal.found.last == 5
    durably(wal, frames(6, 1, epoch=202, size=40))
    wal.close()
    assert opened(tmp_path).found.frames[5:] == list(frames(6, 1, epoch=202, size=40))


def test_a_gap_between_sound_entries_is_refused(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 3))
    durably(wal, frames(5, 2))
    wal.close()
    with pytest.raises(RefusedError, match="entry 5 follows entry 3"):
        opened(tmp_path)


def test_a_cut_is_durable_and_its_entries_are_kept_aside(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 10))
    wal.cut(6, frames(7, 4))
    durably(wal, frames(7, 2, epoch=202))
    wal.close()
    again = opened(tmp_path)
    assert again.found.frames == [*frames(1, 6), *frames(7, 2, epoch=202)]
    (kept,) = (tmp_path / "cut").glob("epoch-101-7-10*")
    assert kept.read_bytes() == b"".join(frames(7, 4))


def test_a_cut_whose_mark_is_damaged_is_not_undone_in_silence(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 10))
    begin = wal._offset
    wal.cut(6, frames(7, 4))
    wal.close()
    (path,) = segments(tmp_path)
    sound = path.read_bytes()
    size = (wal._offset - begin) // 2

    def damaged(at: int) -> None:
        data = bytearray(sound)
        data[at] ^= 1
        path.write_bytes(data)

    for at in range(begin, begin + size):
        damaged(at)
        with pytest.raises(RefusedError, match="behind entry 10, but those behind 6 had been cut off"):
            opened(tmp_path)
    damaged(begin + size + FRAME.size)
    again = opened(tmp_path)
    assert again.found.frames == list(frames(1, 6))
    again.close()


def test_a_cut_lowers_what_must_be_there(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 10))
    wal.cut(6, frames(7, 4))
    wal.close()
    assert opened(tmp_path).found.last == 6


class Hintless(HostFiles):
    """A disk on which the hint can't be written."""

    def __init__(self, why: int) -> None:
        super().__init__()
        self.why = why
        self.hint = -1

    def open(self, path: Path, *, create: bool = False, truncate: bool = False) -> int:
        descriptor = super().open(path, create=create, truncate=truncate)
        self.hint = descriptor if path.name == "flushed" else self.hint
        return descriptor

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        if descriptor == self.hint:
            raise OSError(self.why, os.strerror(self.why))
        super().write(descriptor, data, offset)


@pytest.mark.parametrize("why", [errno.ENOSPC, errno.EIO])
def test_entries_are_durable_without_the_hint_on_a_full_disk_only(tmp_path: Path, why: int) -> None:
    wal = Wal(tmp_path / "log", segment_bytes=SEGMENT, files=Hintless(why))
    wal.write(frames(1, 3))
    os.fdatasync(wal.unsynced)
    if why == errno.ENOSPC:
        wal.synced(3)
        wal.close()
        assert opened(tmp_path).found.last == 3
    else:
        with pytest.raises(OSError, match=os.strerror(why)):
            wal.synced(3)
        wal.close()


def test_a_reset_starts_anew_and_keeps_the_old_log_aside(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 10))
    wal.reset(500)
    durably(wal, frames(501, 3, epoch=303))
    wal.close()
    again = opened(tmp_path)
    assert (again.found.first, again.found.last) == (501, 503)
    assert list((tmp_path / "cut").glob("replaced-*"))


def test_a_reset_can_bring_more_entries_than_a_segment_holds(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 10))
    brought = frames(501, 100, epoch=303)
    assert sum(map(len, brought)) > SEGMENT
    wal.prepare_spare()
    wal.prepare_reset(brought)
    wal.reset(500, brought)
    wal.close()
    again = opened(tmp_path)
    assert (again.found.first, tuple(again.found.frames)) == (501, brought)
    assert again.base_number == 2
    size = segments(tmp_path)[-1].stat().st_size
    durably(again, frames(601, 3, epoch=303))
    assert segments(tmp_path)[-2].stat().st_size == size, "there was room for a mark at its end"
    again.cut(600, frames(601, 3, epoch=303))
    again.close()
    assert opened(tmp_path).found.last == 600


def test_damage_to_what_a_reset_brought_is_noticed(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    brought = frames(501, 10, epoch=303)
    wal.prepare_reset(brought)
    wal.reset(500, brought)
    wal.close()
    path = segments(tmp_path)[-1]
    content = path.read_bytes()
    path.write_bytes(content.replace(brought[5], bytes(len(brought[5]))))
    with pytest.raises(RefusedError, match="behind entry 505, but entries up to 510 were durable"):
        opened(tmp_path)


def test_a_spare_that_a_crash_left_half_begun_is_not_used(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    wal.prepare_spare()
    wal.close()
    spare = tmp_path / "log" / "spare"
    assert opened(tmp_path).has_spare
    spare.write_bytes(bytes(100) + b"".join(frames(1, 3)) + bytes(100))
    again = opened(tmp_path)
    assert not again.has_spare
    assert not spare.exists()


def test_a_crash_in_the_middle_of_a_reset_is_finished_at_the_next_start(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    durably(wal, frames(1, 10))
    old = segments(tmp_path)[0]
    content = old.read_bytes()
    wal.reset(500)
    wal.close()
    old.write_bytes(content)  # as if it had not been moved aside yet
    again = opened(tmp_path)
    assert (again.found.first, again.found.last) == (501, 500)
    assert not old.exists()


def test_compaction_removes_only_whole_segments(tmp_path: Path) -> None:
    wal = opened(tmp_path)
    for first in range(1, 301, 10):
        durably(wal, frames(first, 10))
    before = len(segments(tmp_path))
    wal.compact(150)
    wal.close()
    assert len(segments(tmp_path)) < before
    again = opened(tmp_path)
    assert 1 < again.found.first <= 151
    assert again.found.last == 300


STEP = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 12)),
    st.tuples(st.just("sync"), st.just(0)),
    st.tuples(st.just("cut"), st.integers(0, 30)),
    st.tuples(st.just("reopen"), st.just(0)),
    st.tuples(st.just("tear"), st.integers(1, 200)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=30))
def test_what_was_synced_is_there_after_any_crash(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("wal")
    wal, model, durable, epoch = opened(folder), [], 0, 101

    def mark() -> tuple[Path, int]:
        return segments(folder)[-1], SEGMENT - wal.remaining_bytes

    safe = mark()
    for step, number in steps:
        if step == "write":
            new = frames(len(model) + 1, number, epoch=epoch)
            wal.write(new)
            model.extend(new)
        elif step == "sync":
            os.fdatasync(wal.unsynced)
            durable = len(model)
            wal.synced(durable)
            safe = mark()
        elif step == "cut":
            after = max(0, len(model) - number)
            wal.cut(after, tuple(model[after:]))
            del model[after:]
            durable, epoch, safe = len(model), epoch + 100, mark()
        else:
            if step == "tear":
                tear(mark(), safe, number)
            wal.close()
            wal = opened(folder)
            assert wal.found.frames == model[: wal.found.last]
            assert wal.found.last >= durable
            model = list(wal.found.frames)
            durable, safe = len(model), mark()
    wal.close()


def tear(end: tuple[Path, int], safe: tuple[Path, int], count: int) -> None:
    """Lose the last `count` bytes, but nothing that was made durable: the head of a segment is."""
    path, used = end
    start = max(used - count, safe[1] if path == safe[0] else 16)
    data = path.read_bytes()
    path.write_bytes(data[:start] + bytes(len(data) - start))
