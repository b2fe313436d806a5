"""The node's small files: what it must never forget, and its snapshots."""

import itertools
import json
from pathlib import Path

import pytest

from nodes.reference.effects import Meta
from nodes.reference.files import HostFiles
from nodes.reference.meta import SLOT_BYTES, MetaFile
from nodes.reference.records import encode
from nodes.reference.rules import Record
from nodes.reference.settings import Member, Settings
from nodes.reference.snapshot import SnapshotWriter, UnsoundError, read
from nodes.reference.state import State
from nodes.reference.storage import FatalError, Storage
from nodes.reference.wal import RefusedError

RECORD = Record(epoch=101, seq=2, members={"n1": "a", "n2": "b"}, in_sync=("n1",), joining="n2", need=2)
FILES = HostFiles()
IDENTITIES = map(str, itertools.count())


def opened(path: Path) -> MetaFile:
    return MetaFile(path, files=FILES, identity=next(IDENTITIES))


def stored(folder: Path, settings: Settings) -> Storage:
    return Storage(folder, settings, files=FILES, identity=next(IDENTITIES))


def test_a_blank_disk_gets_an_identity_that_stays(tmp_path: Path) -> None:
    first = opened(tmp_path / "meta")
    identity = first.meta.identity
    first.close()
    assert opened(tmp_path / "meta").meta == Meta(identity=identity)
    other = opened(tmp_path / "other")
    assert other.meta.identity != identity


def test_the_identity_is_durable_by_name_before_anything_relies_on_it(tmp_path: Path) -> None:
    durable: list[list[str]] = []

    class Noting(HostFiles):
        def sync_folder(self, folder: Path) -> None:
            durable.append(self.names(folder))

    MetaFile(tmp_path / "meta", files=Noting(), identity="x").close()
    assert durable == [["meta"]]


def test_the_newest_of_both_slots_counts(tmp_path: Path) -> None:
    file = opened(tmp_path / "meta")
    for epoch in (101, 202, 303):
        file.save(Meta(identity="x", promised=epoch, record=RECORD))
        assert opened(tmp_path / "meta").meta == Meta(identity="x", promised=epoch, record=RECORD)


@pytest.mark.parametrize("slot", [0, 1])
def test_damage_to_either_slot_costs_nothing(tmp_path: Path, slot: int) -> None:
    file = opened(tmp_path / "meta")
    file.save(Meta(identity="x", promised=101))
    file.save(Meta(identity="x", promised=202))
    file.close()
    data = bytearray((tmp_path / "meta").read_bytes())
    data[slot * SLOT_BYTES + 20] ^= 1
    (tmp_path / "meta").write_bytes(data)
    assert opened(tmp_path / "meta").meta.promised == 202


def test_two_torn_slots_are_refused(tmp_path: Path) -> None:
    opened(tmp_path / "meta").close()
    (tmp_path / "meta").write_bytes(bytes(2 * SLOT_BYTES))
    settings = Settings(name="n1", members=(Member(name="n1", host="-", port=1),))
    with pytest.raises(RefusedError, match="neither of its two copies"):
        stored(tmp_path, settings)


def snapshot(folder: Path) -> Path:
    state = State()
    state.apply({"op": "append", "key": "l", "element": 1})
    state.apply({"op": "add", "key": "s", "element": "x"})
    state.apply({"op": "put", "key": "p", "value": None, "session": "c", "seq": 1})
    writer = SnapshotWriter(folder, 3, [(101, 1, 2), (203, 3, 3)], files=FILES)
    for row in state.freeze().rows():
        writer.rows([row])
    writer.finish()
    return folder / "snapshot"


def test_a_snapshot_comes_back_whole(tmp_path: Path) -> None:
    state = State()
    assert read(snapshot(tmp_path), state, files=FILES) == (3, [(101, 1, 2), (203, 3, 3)])
    assert (state.get("l"), state.get("s"), state.get("p")) == ([1], ["x"], None)
    assert state.apply({"op": "put", "key": "p", "value": 5, "session": "c", "seq": 1}).value is None
    assert state.get("p") is None, "the session came along: a repetition is not done again"


def test_any_damage_to_a_snapshot_is_noticed(tmp_path: Path) -> None:
    path = snapshot(tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x40
        path.write_bytes(damaged)
        with pytest.raises((UnsoundError, MemoryError)):
            read(path, State(), files=FILES)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(UnsoundError):
            read(path, State(), files=FILES)
    path.write_bytes(whole + whole)
    with pytest.raises(UnsoundError):
        read(path, State(), files=FILES)


def test_a_log_that_does_not_reach_its_snapshot_is_refused(tmp_path: Path) -> None:
    settings = Settings(name="n1", members=(Member(name="n1", host="-", port=1),))
    storage = stored(tmp_path, settings)
    storage.wal.reset(100)
    storage.close()
    with pytest.raises(RefusedError, match="begins at entry 101, but the snapshot ends at 0"):
        stored(tmp_path, settings)


def test_a_log_that_ends_before_its_snapshot_begins_anew_behind_it(tmp_path: Path) -> None:
    """A replica may make a snapshot of what it has in memory only, and lose the end of its log with the power."""
    settings = Settings(name="n1", members=(Member(name="n1", host="-", port=1),))
    stored(tmp_path, settings).close()
    snapshot(tmp_path)
    found = stored(tmp_path, settings).recovered
    assert (found.snapshot, found.log.last, found.log.end.epoch) == (3, 3, 203)


def test_a_log_with_another_history_than_its_snapshot_is_refused(tmp_path: Path) -> None:
    settings = Settings(name="n1", members=(Member(name="n1", host="-", port=1),))
    storage = stored(tmp_path, settings)
    storage.wal.write(tuple(encode(index, 101, b"") for index in range(1, 5)))
    storage.close()
    snapshot(tmp_path)
    with pytest.raises(RefusedError, match="the log and the snapshot have different entries 3"):
        stored(tmp_path, settings)


def test_the_record_survives_json() -> None:
    from nodes.reference.messages import ProtocolError, record_from_json, record_to_json

    assert record_from_json(json.loads(json.dumps(record_to_json(RECORD)))) == RECORD
    for wrong in ({}, {"epoch": 1}, {**(record_to_json(RECORD) or {}), "members": {"n1": 5}}):
        with pytest.raises(ProtocolError):
            record_from_json(wrong)


def test_a_snapshot_that_could_not_be_written_whole_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(name="n1", members=(Member(name="n1", host="-", port=1),))
    storage = stored(tmp_path, settings)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    storage.begin_snapshot(5, [(101, 1, 5)])
    with monkeypatch.context() as patch:
        patch.setattr(SnapshotWriter, "rows", full)
        with pytest.raises(OSError, match="No space"):
            storage.snapshot_rows([["value", "a", 1]])
    storage.snapshot_rows([["value", "b", 2]])  # there is room again, but a row is missing
    with pytest.raises(OSError, match="given up"):
        storage.finish_snapshot()
    assert not list(tmp_path.glob("snapshot*"))
    storage.begin_snapshot(5, [(101, 1, 5)])
    storage.finish_snapshot()
    assert (tmp_path / "snapshot").exists()


def test_an_installation_for_which_there_is_no_room_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(name="n1", members=(Member(name="n1", host="-", port=1),))
    storage = stored(tmp_path, settings)
    (tmp_path / "snapshot.in").write_bytes(snapshot(tmp_path).read_bytes())
    (tmp_path / "snapshot").unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(storage.wal, "prepare_reset", full)
        with pytest.raises(OSError, match="No space"):
            storage.install(3, ())
    assert not (tmp_path / "snapshot").exists()
    assert storage.install(3, ())[1][-1][2] == 3


def test_an_installation_that_fails_half_way_ends_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(name="n1", members=(Member(name="n1", host="-", port=1),))
    storage = stored(tmp_path, settings)
    snapshot(tmp_path).rename(tmp_path / "snapshot.in")

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(storage.wal, "reset", broken)
        with pytest.raises(FatalError, match="could not be installed to the end"):
            storage.install(3, ())
    storage.close()
    again = stored(tmp_path, settings)
    assert (again.recovered.snapshot, again.recovered.log.last) == (0, 0)
    assert not list(tmp_path.glob("snapshot*")), "what was never begun is removed"
