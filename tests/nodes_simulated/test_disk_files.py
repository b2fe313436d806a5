"""To a process, the simulated disk looks like the host's files, until it dies; oracles see what is durable."""

import ast
import errno
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nodes.simulated.disk
from nodes.reference.files import Files, HostFiles, read_whole, write_new
from nodes.simulated.disk import Disk
from nodes.simulated.disk_choices import Seeded
from nodes.simulated.disk_file import Ranges
from nodes.simulated.disk_view import View

F = Path("/f")


class Died(BaseException):
    """The process died in the middle of a call."""


def public(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_a_view_has_every_method_of_files() -> None:
    assert public(Files).items() <= public(View).items()


# The same calls on the host and on a simulated disk

NAMES = st.sampled_from(["/a", "/b", "/d", "/d/c", "/d/e/f", "/a/x"])
CALL = st.one_of(
    st.tuples(st.just("open"), NAMES, st.booleans(), st.booleans()),
    st.tuples(st.just("close"), st.integers(0, 3)),
    st.tuples(st.just("read"), st.integers(0, 3), st.integers(0, 2000), st.integers(0, 2000)),
    st.tuples(st.just("write"), st.integers(0, 3), st.binary(max_size=700), st.integers(0, 1500)),
    st.tuples(st.just("size"), st.integers(0, 3)),
    st.tuples(st.just("allocate"), st.integers(0, 3), st.integers(1, 3000)),
    st.tuples(st.sampled_from(["sync", "sync_data"]), st.integers(0, 3)),
    st.tuples(st.just("rename"), NAMES, NAMES),
    st.tuples(st.sampled_from(["unlink", "exists", "names", "make_folder", "sync_folder"]), NAMES),
    st.tuples(st.just("lock"), NAMES),
)


class Caller:
    """Makes calls below a folder, and remembers their descriptors."""

    def __init__(self, files: Files, root: str) -> None:
        self._files = files
        self._root = root
        self._open: list[int] = []

    def call(self, name: str, *arguments: Any) -> Any:
        """Return the answer, or the error's number."""
        given = [Path(self._root + each) if isinstance(each, str) else each for each in arguments]
        if name in ("close", "read", "write", "size", "allocate", "sync", "sync_data"):
            if given[0] >= len(self._open):
                return "not open"
            given[0] = self._open.pop(given[0]) if name == "close" else self._open[given[0]]
        try:
            if name in ("open", "lock"):
                how = {"create": given[1], "truncate": given[2]} if name == "open" else {}
                self._open.append(getattr(self._files, name)(given[0], **how))
                return "opened"
            return getattr(self._files, name)(*given)
        except OSError as error:
            return errno.errorcode[error.errno or 0]

    def close(self) -> None:
        for descriptor in self._open:
            self._files.close(descriptor)


def beyond(call: tuple[Any, ...], host: Path) -> bool:
    """Tell whether a folder is renamed, or a file to one above it: `Files` knows of no such thing."""
    return call[0] == "rename" and (Path(f"{host}{call[1]}").is_dir() or call[1].startswith(f"{call[2]}/"))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(CALL, max_size=30))
def test_it_answers_as_the_host_does(
    tmp_path_factory: pytest.TempPathFactory, calls: Sequence[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("host")
    host = Caller(HostFiles(), str(folder))
    simulated = Caller(Disk(Seeded(1)).view("a"), "")
    for call in calls:
        if not beyond(call, folder):
            assert simulated.call(*call) == host.call(*call), call
    host.close()


def test_files_are_sparse() -> None:
    view = Disk(Seeded(1)).view("a")
    descriptor = view.open(F, create=True)
    view.allocate(descriptor, 1 << 40)
    view.write(descriptor, b"abc", 10)
    view.sync(descriptor)
    assert view.size(descriptor) == 1 << 40
    assert view.read(descriptor, 20, 5) == b"\0" * 5 + b"abc" + b"\0" * 12


def test_the_helpers_of_the_store_work_on_it() -> None:
    view = Disk(Seeded(1)).view("a")
    write_new(view, F, b"abc")
    assert read_whole(view, F) == b"abc"


def test_the_harness_puts_and_gets_files() -> None:
    disk = Disk(Seeded(1))
    disk.write_file(Path("/etc/some/file"), b"long content")
    disk.write_file(Path("/etc/some/file"), b"short")
    disk.power_cut()
    assert disk.read_file(Path("/etc/some/file")) == b"short"
    with pytest.raises(FileNotFoundError):
        disk.read_file(Path("/etc/other"))


# Processes


def test_a_lock_belongs_to_a_process_until_it_dies() -> None:
    disk = Disk(Seeded(1))
    first, second = disk.view("first"), disk.view("second")
    first.lock(F)
    with pytest.raises(BlockingIOError):
        second.lock(F)
    disk.release("first")
    descriptor = second.lock(F)
    second.close(descriptor)
    disk.view("third").lock(F)


def test_a_dead_process_can_do_nothing_any_more() -> None:
    disk = Disk(Seeded(1))
    view = disk.view("a")
    descriptor = view.open(F, create=True)
    view.write(descriptor, b"abc", 0)
    disk.release("a")
    view.close(descriptor)
    before = disk.contents()
    for call in (
        lambda: view.write(descriptor, b"x", 0), lambda: view.sync(descriptor), lambda: view.open(F),
        lambda: view.unlink(F), lambda: view.rename(F, Path("/g")), lambda: view.exists(F), lambda: view.lock(F),
    ):  # fmt: skip
        with pytest.raises(OSError, match="Bad file descriptor"):
            call()
    assert disk.contents() == before == {"/": None, "/f": b"abc"}
    assert disk.view("a").exists(F), "the name is free for its successor"


def test_descriptors_belong_to_their_process() -> None:
    disk = Disk(Seeded(1))
    descriptor = disk.view("a").open(F, create=True)
    with pytest.raises(OSError, match="Bad file descriptor"):
        disk.view("b").write(descriptor, b"x", 0)


def test_a_power_cut_ends_every_process() -> None:
    disk = Disk(Seeded(1))
    view = disk.view("a")
    view.lock(F)
    disk.power_cut()
    with pytest.raises(OSError, match="Bad file descriptor"):
        view.lock(F)
    disk.view("b").lock(F)


def test_a_process_can_be_stopped_before_each_call_that_changes_something() -> None:
    told: list[tuple[str, Path | None]] = []
    disk = Disk(Seeded(1))
    view = disk.view("a", step=lambda name, path: told.append((name, path)))
    view.make_folder(Path("/d"))
    descriptor = view.open(F, create=True)
    view.allocate(descriptor, 100)
    view.write(descriptor, b"abc", 0)
    view.read(descriptor, 1, 0)
    view.size(descriptor)
    view.sync(descriptor)
    view.sync_data(descriptor)
    view.end_sync(view.begin_sync(descriptor))
    view.close(descriptor)
    view.close(view.open(F))
    view.rename(F, Path("/g"))
    view.exists(F)
    view.names(Path("/"))
    view.sync_folder(Path("/"))
    view.unlink(Path("/g"))
    view.lock(Path("/lock"))
    assert told == [
        ("make_folder", Path("/d")), ("open", F), ("allocate", F), ("write", F), ("sync", F), ("sync_data", F),
        ("sync", F), ("rename", F), ("sync_folder", Path("/")), ("unlink", Path("/g")), ("lock", Path("/lock")),
    ]  # fmt: skip


@pytest.mark.parametrize("fatal", ["make_folder", "open", "allocate", "write", "sync", "rename", "unlink"])
def test_what_a_process_dies_before_does_not_happen(fatal: str) -> None:
    disk = Disk(Seeded(1))
    disk.write_file(Path("/old"), b"old")

    def step(name: str, path: Path | None) -> None:
        if name == fatal:
            raise Died

    view, calls = (
        disk.view("a", step=step),
        ["make_folder", "open", "allocate", "write", "sync", "rename", "unlink"],
    )
    with pytest.raises(Died):
        view.make_folder(Path("/d"))
        descriptor = view.open(F, create=True)
        view.allocate(descriptor, 10)
        view.write(descriptor, b"abc", 0)
        view.sync(descriptor)
        view.rename(F, Path("/g"))
        view.unlink(Path("/old"))
    disk.release("a")
    done = calls.index(fatal)
    content = [b"", bytes(10), b"abc" + bytes(7)][max(0, min(done - 2, 2))]
    expected: dict[str, bytes | None] = {"/": None, "/old": b"old"}
    expected |= {"/d": None} if done > 0 else {}
    expected |= {"/g" if done > 5 else "/f": content} if done > 1 else {}
    assert disk.contents() == expected
    assert disk.names.journal[-1:] != [] or done == 0


# Oracles


def watched() -> tuple[Disk, View, list[tuple[Path, Ranges]]]:
    told: list[tuple[Path, Ranges]] = []
    disk = Disk(Seeded(1))
    disk.watch(lambda path, ranges: told.append((Path(path), ranges)))
    return disk, disk.view("a"), told


def test_watchers_hear_what_became_durable_once_its_name_is() -> None:
    disk, view, told = watched()
    descriptor = view.open(F, create=True)
    view.write(descriptor, b"abc", 0)
    view.sync(descriptor)
    assert (told, disk.durable_bytes(F)) == ([], None)
    view.sync_folder(Path("/"))
    assert told == [(F, [(0, 3)])]
    view.write(descriptor, b"d", 3)
    view.write(descriptor, b"fg", 5)
    assert told == [(F, [(0, 3)])]
    view.sync_data(descriptor)
    assert told[1:] == [(F, [(3, 4), (5, 7)])]
    view.sync_data(descriptor)
    assert len(told) == 2, "nothing was left to flush"
    assert disk.durable_bytes(F) == b"abcd\0fg"
    assert disk.durable_paths() == [F]


def test_watchers_hear_of_renamed_and_removed_files_when_that_is_durable() -> None:
    disk, view, told = watched()
    disk.write_file(F, b"abc")
    told.clear()
    view.rename(F, Path("/g"))
    descriptor = view.open(Path("/g"))
    view.write(descriptor, b"d", 3)
    view.sync(descriptor)
    assert told == [(F, [(3, 4)])], "the old name is still the durable one"
    assert (disk.durable_bytes(F), disk.durable_bytes(Path("/g"))) == (b"abcd", None)
    view.sync_folder(Path("/"))
    assert told[1:] == [(F, []), (Path("/g"), [(0, 4)])]
    view.unlink(Path("/g"))
    view.sync_folder(Path("/"))
    assert told[3:] == [(Path("/g"), [])]
    view.write(descriptor, b"e", 4)
    view.sync(descriptor)
    assert told[4:] == [], "what has no durable name is not durable"


def test_watchers_find_what_they_hear_of() -> None:
    disk = Disk(Seeded(1))
    disk.write_file(F, b"")
    found: list[bytes | None] = []
    disk.watch(lambda path, ranges: found.append(disk.durable_bytes(Path(path))))
    view = disk.view("a")
    descriptor = view.open(F)
    view.write(descriptor, b"abc", 0)
    view.sync(descriptor)
    view.rename(F, Path("/g"))
    view.sync_folder(Path("/"))
    assert found == [b"abc", None, b"abc"]


# Layers


def test_the_disk_knows_neither_the_harness_nor_the_store_nor_the_event_loop() -> None:
    folder = Path(nodes.simulated.disk.__file__).parent
    for path in folder.glob("disk*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                ours = name.startswith("nodes.simulated.disk")
                assert ours or name.split(".")[0] not in ("asyncio", "harness", "nodes"), (
                    f"{path.name}: {name}"
                )
