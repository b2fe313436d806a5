"""What a simulated power cut takes and leaves: all that the rules allow, and nothing else."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from disk_spec import Contents, Operation, allowed, allows, carry_out
from hypothesis import given, settings
from hypothesis import strategies as st

from nodes.simulated.disk import Disk, Loss
from nodes.simulated.disk_choices import Same, Seeded, every_way
from nodes.simulated.disk_crash import crash_states

NOTHING = Same(last=False)
EVERYTHING = Same(last=True)
F = Path("/f")


def after(operations: Sequence[Operation], disk: Disk | None = None) -> Disk:
    disk = disk or Disk(NOTHING)
    view = disk.view("a")
    for operation in operations:
        carry_out(view, operation)
    return disk


def left(disk: Disk) -> Contents:
    return {path: content for path, content in disk.contents().items() if path != "/"}


def frozen(found: Contents) -> tuple[tuple[str, bytes | None], ...]:
    return tuple(sorted(found.items()))


def found_after(*operations: Operation) -> set[tuple[tuple[str, bytes | None], ...]]:
    """Return all that a power cut can leave."""
    states = crash_states(after(operations), limit=100_000)
    assert not states.sampled
    return {frozen(left(state)) for state in states}


def files_after(*operations: Operation) -> set[bytes | None]:
    """Return all that a power cut can leave of /f, whose name is durable."""
    return {
        dict(found).get("/f")
        for found in found_after(("write", "/f", 0, b""), ("sync_folder", "/"), *operations)
    }


def sector(letter: bytes) -> bytes:
    return letter * 512


# Contents


def test_what_was_flushed_survives() -> None:
    assert files_after(("write", "/f", 0, b"abc"), ("sync", "/f")) == {b"abc"}


def test_what_was_not_flushed_survives_or_not_and_so_does_the_length() -> None:
    assert files_after(("write", "/f", 0, b"abc")) == {b"", b"abc", bytes(3)}


def test_a_write_is_torn_only_where_a_sector_ends() -> None:
    two = sector(b"a") + sector(b"b")
    allocated = [("allocate", "/f", 1024), ("sync", "/f")]
    zeros = bytes(512)
    assert files_after(*allocated, ("write", "/f", 0, two)) == {
        two, bytes(1024), sector(b"a") + zeros, zeros + sector(b"b")
    }  # fmt: skip


def test_a_later_write_may_survive_an_earlier_one() -> None:
    found = files_after(
        ("allocate", "/f", 1024), ("sync", "/f"), ("write", "/f", 0, b"early"), ("write", "/f", 512, b"late")
    )
    assert bytes(512) + b"late".ljust(512, b"\0") in found
    assert len(found) == 4


def test_writes_to_one_sector_survive_in_their_order() -> None:
    found = files_after(
        ("allocate", "/f", 4), ("sync", "/f"), ("write", "/f", 0, b"a"), ("write", "/f", 1, b"b")
    )
    assert found == {bytes(4), b"a\0\0\0", b"ab\0\0"}


def test_the_length_is_one_that_the_file_has_had() -> None:
    found = files_after(
        ("write", "/f", 0, b"ab"), ("sync", "/f"), ("write", "/f", 2, b"cd"), ("truncate", "/f")
    )
    assert {len(content or b"") for content in found} == {2, 4, 0}
    assert {content for content in found if content and len(content) == 4} == {b"ab\0\0", b"abcd", bytes(4)}


def test_a_longer_file_may_end_at_any_sector_of_the_write() -> None:
    found = files_after(("write", "/f", 0, b"x" * 1100))
    assert {len(content or b"") for content in found} == {0, 512, 1024, 1100}


def test_a_flush_is_a_barrier_for_its_own_file_alone() -> None:
    found = found_after(
        ("write", "/f", 0, b""), ("write", "/g", 0, b""), ("sync_folder", "/"),
        ("write", "/f", 0, b"f"), ("write", "/g", 0, b"g"), ("sync", "/f"),
    )  # fmt: skip
    assert found == {(("/f", b"f"), ("/g", content)) for content in (b"", b"g", b"\0")}


def test_a_flush_covers_what_was_written_before_it_began() -> None:
    for choices in (NOTHING, EVERYTHING):
        disk = Disk(choices)
        view = disk.view("a")
        descriptor = view.open(F, create=True)
        view.sync_folder(F.parent)
        view.write(descriptor, b"before".ljust(512), 0)
        flush = view.begin_sync(descriptor)
        view.write(descriptor, b"during", 512)
        assert disk.durable_bytes(F) == b"", "it takes until its end"
        view.end_sync(flush)
        assert disk.durable_bytes(F) == b"before".ljust(512)
        disk.power_cut()
        kept = b"during" if choices is EVERYTHING else b""
        assert disk.read_file(F) == b"before".ljust(512) + kept


def test_a_flush_does_not_cover_what_was_written_while_it_ran() -> None:
    disk = Disk(NOTHING)
    disk.write_file(F, bytes(10))
    view = disk.view("a")
    descriptor = view.open(F)
    view.write(descriptor, b"a", 0)
    flush = view.begin_sync(descriptor)
    view.write(descriptor, b"b", 1)
    view.end_sync(flush)
    assert disk.durable_bytes(F) == b"a" + bytes(9)


def test_flushes_may_overlap_and_end_in_any_order() -> None:
    disk = Disk(NOTHING)
    view = disk.view("a")
    descriptor = view.open(F, create=True)
    view.sync_folder(F.parent)
    view.write(descriptor, b"a", 0)
    first = view.begin_sync(descriptor)
    view.write(descriptor, b"b", 1)
    second = view.begin_sync(descriptor)
    view.end_sync(second)
    assert disk.durable_bytes(F) == b"ab"
    view.write(descriptor, b"c", 2)
    view.end_sync(first)
    assert disk.durable_bytes(F) == b"ab", "what came after it began waits for another flush"


def test_a_flush_that_power_was_cut_in_is_over() -> None:
    disk = Disk(NOTHING)
    view = disk.view("a")
    descriptor = view.open(F, create=True)
    view.sync_folder(F.parent)
    view.write(descriptor, b"a", 0)
    flush = view.begin_sync(descriptor)
    disk.power_cut()
    again = disk.view("b")
    again.write(again.open(F), b"b", 0)
    view.end_sync(flush)
    assert disk.durable_bytes(F) == b""


# Names


def test_a_name_survives_the_flush_of_its_folder() -> None:
    assert found_after(("write", "/f", 0, b""), ("sync_folder", "/")) == {(("/f", b""),)}


def test_the_flush_of_a_file_does_not_make_its_name_durable() -> None:
    assert found_after(("write", "/f", 0, b"a"), ("sync", "/f")) == {(), (("/f", b"a"),)}


def test_changes_of_names_survive_in_their_order() -> None:
    found = found_after(
        ("mkdir", "/d"), ("write", "/d/f", 0, b""), ("write", "/g", 0, b""), ("unlink", "/d/f")
    )
    assert {tuple(dict(state)) for state in found} == {
        (), ("/d",), ("/d", "/d/f"), ("/d", "/d/f", "/g"), ("/d", "/g")
    }  # fmt: skip


def test_the_flush_of_any_folder_makes_all_names_durable() -> None:
    found = found_after(("mkdir", "/d"), ("mkdir", "/e"), ("write", "/d/f", 0, b""), ("sync_folder", "/e"))
    assert found == {(("/d", None), ("/d/f", b""), ("/e", None))}


def test_a_rename_over_another_file_leaves_one_of_the_two() -> None:
    found = found_after(
        ("write", "/f", 0, b"old"), ("sync", "/f"), ("sync_folder", "/"),
        ("write", "/new", 0, b"new"), ("sync", "/new"), ("rename", "/new", "/f"),
    )  # fmt: skip
    assert {dict(state)["/f"] for state in found} == {b"old", b"new"}
    assert frozen({"/f": b"old", "/new": b"new"}) in found
    assert frozen({"/f": b"new", "/new": b"new"}) not in found


def test_a_rename_before_the_flush_may_leave_an_empty_file() -> None:
    found = found_after(
        ("write", "/f", 0, b"old"), ("sync", "/f"), ("sync_folder", "/"),
        ("write", "/new", 0, b"new"), ("rename", "/new", "/f"), ("sync_folder", "/"),
    )  # fmt: skip
    assert found == {(("/f", content),) for content in (b"", b"new", bytes(3))}


def test_a_removed_file_may_come_back_with_what_was_durable() -> None:
    found = files_after(("write", "/f", 0, b"a"), ("sync", "/f"), ("unlink", "/f"))
    assert found == {b"a", None}


# Power, processes, identity


def test_a_kill_loses_nothing_that_was_written() -> None:
    disk = after([("write", "/f", 0, b"abc")])
    disk.release("a")
    assert disk.read_file(F) == b"abc"
    assert disk.durable_bytes(F) is None


def test_a_power_cut_tells_what_it_took() -> None:
    operations = [("write", "/f", 0, sector(b"a")), ("sync_folder", "/"), ("write", "/g", 0, b"")]
    assert after(operations, Disk(NOTHING)).power_cut() == Loss(names=1, sectors=1)
    assert after(operations, Disk(EVERYTHING)).power_cut() == Loss(names=0, sectors=0)


def test_after_a_power_cut_everything_that_is_left_is_durable() -> None:
    disk = after(
        [("write", "/f", 0, b"a"), ("sync_folder", "/"), ("write", "/f", 0, b"b" * 600)], Disk(Seeded(3))
    )
    disk.power_cut()
    remains = left(disk)
    assert disk.durable_bytes(F) == remains["/f"]
    assert disk.power_cut() == Loss(names=0, sectors=0)
    assert left(disk) == remains


def test_what_was_lost_never_comes_back() -> None:
    disk = after(
        [("write", "/f", 0, b""), ("sync_folder", "/"), ("write", "/g", 0, b""), ("rename", "/f", "/h")]
    )
    disk.power_cut()
    view = disk.view("b")
    view.sync_folder(F.parent)
    disk.power_cut()
    assert left(disk) == {"/f": b""}


def test_nothing_lies_behind_the_end_that_a_power_cut_left() -> None:
    twice = [("write", "/f", 0, b"a" * 600), ("write", "/f", 600, b"b" * 100)]
    states = crash_states(after([("write", "/f", 0, b""), ("sync_folder", "/"), *twice]))
    for disk in states:
        size = len(disk.read_file(F))
        view = disk.view("b")
        view.allocate(view.open(F), 2000)
        assert disk.read_file(F)[size:] == bytes(2000 - size)


def test_a_file_that_came_back_is_as_any_other() -> None:
    disk = after([("write", "/f", 0, b"abc"), ("sync", "/f"), ("sync_folder", "/"), ("unlink", "/f")])
    disk.power_cut()
    told: list[Path | None] = []
    view = disk.view("b", step=lambda name, path: told.append(path))
    descriptor = view.open(F)
    view.write(descriptor, b"", 0)
    view.close(descriptor)
    assert (told, disk.used_bytes) == ([F], 3)


def test_the_same_seed_leaves_the_same() -> None:
    operations = [
        ("write", "/f", 0, bytes(range(250)) * 40),
        ("write", "/g", 0, b"g" * 3000),
        ("rename", "/g", "/h"),
    ]

    def outcome(seed: int) -> Contents:
        disk = after(operations, Disk(Seeded(seed)))
        disk.power_cut()
        return left(disk)

    assert outcome(5) == outcome(5)
    assert len({frozen(outcome(seed)) for seed in range(20)}) > 5


def test_a_new_disk_is_blank_and_another_one() -> None:
    disk = after([("write", "/f", 0, b"a"), ("sync", "/f"), ("sync_folder", "/")], Disk(Seeded(1)))
    identity = disk.identity
    assert identity == Disk(Seeded(1)).identity
    disk.power_cut()
    assert disk.identity == identity
    disk.wipe()
    assert left(disk) == {}
    assert (disk.used_bytes, disk.identity == identity) == (0, False)


# All of it at once

PATHS = st.sampled_from(["/f", "/g", "/d/f"])


def to_all(make: Callable[..., st.SearchStrategy[Operation]]) -> st.SearchStrategy[Operation]:
    return PATHS.flatmap(make)


OPERATION = st.one_of(
    st.tuples(
        st.just("write"), PATHS, st.sampled_from([0, 3, 510, 512, 700]),
        st.sampled_from([b"a", b"bcde", b"f" * 513, b"gh" * 400]),
    ),
    st.tuples(st.sampled_from(["sync", "truncate", "unlink"]), PATHS),
    st.tuples(st.just("allocate"), PATHS, st.sampled_from([100, 1024])),
    st.tuples(st.just("rename"), PATHS, PATHS),
    st.just(("sync_folder", "/")),
)  # fmt: skip


def possible(chosen: Sequence[Operation]) -> list[Operation]:
    """Return those that can be done, one after the other."""
    there: set[str] = set()
    done: list[Operation] = [("mkdir", "/d")]
    for operation in chosen:
        name, path = operation[:2]
        if (name not in ("write", "sync_folder") and path not in there) or operation[1:2] == operation[2:]:
            continue
        there = there | {path} if name == "write" else there
        if name in ("unlink", "rename"):
            there = (there - {path}) | set(operation[2:])
        done.append(operation)
    return done


@settings(max_examples=300)
@given(chosen=st.lists(OPERATION, max_size=7))
def test_the_crash_states_are_what_the_rules_allow_and_nothing_else(chosen: list[Operation]) -> None:
    operations = possible(chosen)
    states = crash_states(after(operations), limit=2000)
    found = [left(state) for state in states]
    assert all(allows(operations, state) for state in found)
    if not states.sampled:
        assert len(found) == states.total
        assert {frozen(state) for state in found} == {frozen(state) for state in allowed(operations)}


def test_a_sample_says_so_and_has_both_extremes() -> None:
    operations = [("write", "/f", 0, b"a" * 5000), ("write", "/g", 0, b"b" * 5000)]
    disk = after(operations)
    states = crash_states(disk, limit=20)
    found = [frozen(left(state)) for state in states]
    assert states.sampled
    assert states.total > 1000
    assert len(found) == 20
    assert {(), frozen(left(disk))} <= set(found)
    assert found == [frozen(left(state)) for state in crash_states(disk, limit=20)]
    assert found != [frozen(left(state)) for state in crash_states(disk, limit=20, seed=2)]


@pytest.mark.parametrize("found", [{"/f": b"x"}, {"/f": b"aa"}, {"/g": b""}, {"/f": None}])
def test_the_rules_forbid_what_nobody_wrote(found: Contents) -> None:
    assert not allows([("write", "/f", 0, b"a"), ("sync_folder", "/")], found)


def test_every_way_goes_through_all_answers() -> None:
    found = list(
        every_way(lambda ask: (first := ask.below("a", 3), ask.below("b", first + 1), ask.chance("c", 0.5)))
    )
    assert len(found) == len(set(found)) == 12
