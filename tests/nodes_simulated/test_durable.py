"""What is told of the entries on a simulated disk: those that a power cut can't take, and that count."""

from pathlib import Path

from nodes.reference.records import encode
from nodes.reference.wal import Wal
from nodes.simulated.disk import Disk
from nodes.simulated.disk_choices import Same
from nodes.simulated.durable import LogWatch, Stretch

FOLDER = Path("/store/log")


class Log:
    """A log as a process keeps it."""

    def __init__(self, disk: Disk, owner: str) -> None:
        self._files = disk.view(owner)
        for folder in (FOLDER.parent, FOLDER):
            if not self._files.exists(folder):
                self._files.make_folder(folder)
        self.wal = Wal(FOLDER, files=self._files, segment_bytes=1 << 14)

    def write(self, first: int, last: int, epoch: int) -> tuple[bytes, ...]:
        frames = tuple(encode(index, epoch, b"x") for index in range(first, last + 1))
        self.wal.write(frames)
        return frames

    def flush(self, upto: int) -> None:
        self._files.sync_data(self.wal.unsynced)
        self.wal.synced(upto)


def watched(disk: Disk) -> list[Stretch]:
    """Return a list that what is told from now on is added to."""
    return watching(disk)[1]


def watching(disk: Disk) -> tuple[LogWatch, list[Stretch]]:
    told: list[Stretch] = []
    disk.unwatch()
    return LogWatch(disk, told.append), told


def test_an_entry_is_told_once_it_is_flushed() -> None:
    disk = Disk(Same(last=False))
    log, told = Log(disk, "first"), watched(disk)
    log.write(1, 3, 101)
    assert told == []
    log.flush(3)
    assert told == [(101, 1, 3)]
    log.write(4, 4, 202)
    log.flush(4)
    assert told == [(101, 1, 3), (202, 4, 4)]


def test_what_was_cut_off_is_not_told_again_by_the_next_process() -> None:
    disk = Disk(Same(last=False))
    log = Log(disk, "first")
    frames = log.write(1, 3, 101)
    log.flush(3)
    log.wal.cut(2, frames[2:])
    disk.release("first")
    told = watched(disk)
    again = Log(disk, "second")
    assert again.wal.found.last == 2
    again.write(3, 3, 202)
    again.flush(3)
    assert told == [(101, 1, 2), (202, 3, 3)]


def test_what_a_node_has_said_to_cut_off_is_not_told_when_it_becomes_durable_on_the_way() -> None:
    disk = Disk(Same(last=False))
    log = Log(disk, "first")
    watch, told = watching(disk)
    frames = log.write(1, 3, 101)
    assert not watch.hears(b'{"event":"truncated","at":5,"epoch":101,"first":3,"last":3}')
    log.flush(3)
    assert told == [(101, 1, 2)]
    log.wal.cut(2, frames[2:])
    log.write(3, 3, 101)
    log.flush(3)
    assert told == [(101, 1, 2), (101, 3, 3)], "the primary may send it again"


def test_entries_that_come_with_a_new_log_are_told_when_it_has_its_name() -> None:
    disk = Disk(Same(last=False))
    log = Log(disk, "first")
    log.write(1, 3, 101)
    log.flush(3)
    told = watched(disk)
    log.wal.reset(500, [encode(index, 202, b"x") for index in (501, 502)])
    assert told == [(202, 501, 502)]
    log.write(503, 503, 202)
    log.flush(503)
    assert told == [(202, 501, 502), (202, 503, 503)]


def test_a_node_need_not_be_asked_what_is_on_its_disk() -> None:
    watch, _ = watching(Disk(Same(last=False)))
    assert watch.hears(b'{"event":"stored","at":5,"epoch":1,"first":1,"last":1,"medium":"disk"}')
    assert not watch.hears(b'{"event":"stored","at":5,"epoch":1,"first":1,"last":1,"medium":"memory"}')
