import asyncio
import errno
import os
import signal
from pathlib import Path

import pytest
from any_user import logged
from machine_checks import nobody_on, raises_node_error

from nodes.linux.output import outputs
from nodes.local import LocalCluster
from nodes.local.testing import Lines, on_cluster, until

pytestmark = pytest.mark.cluster


def test_output_is_kept_in_a_log_over_restarts(tmp_path: Path) -> None:
    on_cluster(logged, tmp_path, machines=1)
    text = (tmp_path / "logs/n1/talk.log").read_text()
    first, second = text.split("--- talk started again, ")
    assert sorted(first.split("\n")) == ["err", "out", "unfinished"]
    assert second.splitlines()[0].endswith(" UTC")
    assert second.splitlines()[1:] == ["more"]


async def twice(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    await n1.start("one", ["sleep", "60"])
    await raises_node_error(n1.start("one", ["sleep", "60"]), "one is running already")
    await raises_node_error(n1.start("two", ["no-such-program"]), "can't start no-such-program")


def test_a_name_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    on_cluster(twice, tmp_path, machines=1)


async def stopped(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    polite = await n1.start("polite", ["sleep", "60"])
    await polite.stop()
    assert polite.returncode == -signal.SIGTERM
    lines = Lines()
    deaf = await n1.start(
        "deaf", ["sh", "-c", "trap '' TERM; echo deaf; sleep 60 & wait; wait"], on_line=lines
    )
    await lines.wait_for(b"deaf")
    await deaf.stop(grace_s=0.1)
    assert deaf.returncode == -signal.SIGKILL
    await until(nobody_on(n1), "its child is killed, too")
    await deaf.stop()


def test_stop_asks_first_and_kills_then(tmp_path: Path) -> None:
    on_cluster(stopped, tmp_path, machines=1)


async def much_output(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    lines = Lines()
    script = r"""
import sys
for number in range(200_000): print("line", number)
sys.stdout.write("x" * (3 << 20) + "\n" + "after\n" + "y" * (2 << 20))
"""
    process = await n1.start("much", ["python3", "-c", script], on_line=lines)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    await asyncio.wait_for(process.drained(), 60)
    assert lines.seen == [f"line {number}".encode() for number in range(200_000)] + [b"after"]


def test_many_long_and_unfinished_lines_are_kept(tmp_path: Path) -> None:
    on_cluster(much_output, tmp_path, machines=1)
    size = sum(len(f"line {number}\n") for number in range(200_000)) + (3 << 20) + 1 + 6 + (2 << 20)
    assert (tmp_path / "logs/n1/much.log").stat().st_size == size


FLOOD = r"""
import os
said, block = os.open(os.environ["HOME"] + "/said", os.O_RDWR | os.O_CREAT), b"x" * 1023 + b"\n"
blocks = 0
while True:
    blocks += os.write(1, block * 64) // len(block)
    os.pwrite(said, b"%d" % blocks, 0)
"""


async def last_words(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    lines = Lines()
    for number in range(1, 4):
        await n1.start("flood", ["python3", "-c", FLOOD], on_line=lines)
        await until(lambda: len(lines.seen) > 1000, "it talks")
        await n1.kill()
        heard = len(lines.seen)
        said = int((await n1.run(["sh", "-c", "cat ~/said"])).stdout)
        assert heard >= said, f"{said - heard} lines were still unread when kill {number} returned"
        lines.seen.clear()


def test_what_was_printed_before_a_kill_has_been_read_when_it_returns(tmp_path: Path) -> None:
    on_cluster(last_words, tmp_path, machines=1)


async def descriptors(cluster: LocalCluster) -> None:
    n1 = cluster.machines["n1"]
    await n1.start("other", ["sleep", "60"])
    listing = (await n1.run(["sh", "-c", "ls /proc/$$/fd"])).stdout.split()
    assert sorted(listing) == [b"0", b"1", b"2"], listing
    masks = (await n1.run(["grep", "^Sig[BI]", "/proc/self/status"])).stdout.decode().split()
    assert int(masks[1], 16) == 0, f"signals are blocked: {masks}"
    standard = (1 << 31) - 1
    assert int(masks[3], 16) & standard == 0, f"signals are ignored: {masks}"


def test_processes_inherit_no_descriptors_and_no_signal_masks(tmp_path: Path) -> None:
    on_cluster(descriptors, tmp_path, machines=1)


def test_a_log_on_a_full_disk_keeps_no_process_from_starting_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def full(fd: int, data: bytes) -> int:
        if data.startswith(b"--- "):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data)

    async def main() -> None:
        out, error = outputs("store", tmp_path / "store.log", None)
        out.take(0, b"a second life\n")
        out.end()
        error.end()

    (tmp_path / "store.log").write_text("a first life\n")
    monkeypatch.setattr(os, "write", full)
    asyncio.run(main())
    assert (tmp_path / "store.log").read_text() == "a first life\na second life\n"
