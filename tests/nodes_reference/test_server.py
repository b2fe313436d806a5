"""Real node processes on loopback: what comes in from the network, and from their own disks, on a bad day."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nodes.reference.client import Connection, RefusedError, StoreClient, UnknownError
from nodes.reference.records import FRAME
from nodes.reference.wire import MAX_FRAME, pack_json

ROOT = Path(__file__).parents[2]


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Nodes:
    """A cluster of processes."""

    def __init__(self, folder: Path, count: int, *options: str) -> None:
        self.folder = folder
        self.addresses = {f"n{i}": ("127.0.0.1", port) for i, port in enumerate(free_ports(count), 1)}
        self._options = options
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *more: str) -> subprocess.Popen[bytes]:
        members = [f"--member={n}={host}:{port}" for n, (host, port) in self.addresses.items()]
        argv = [sys.executable, "-m", "nodes.reference", "--name", name, "--data", str(self.folder / name)]
        with (self.folder / f"{name}.err").open("ab") as err, (self.folder / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(
                [*argv, *members, *self._options, *more], stderr=err, stdout=out, cwd=ROOT
            )
        self.processes[name] = process
        self._started.append(process)
        return process

    def crash(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()

    def errors(self, name: str) -> str:
        return (self.folder / f"{name}.err").read_text()

    def stop(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()

    def client(self, **options: Any) -> StoreClient:
        return StoreClient(self.addresses, **options)

    async def found(self) -> None:
        for name in self.addresses:
            self.start(name)

        async def bootstrapped() -> bool:
            client = self.client(only="n1", timeout_s=0.5)
            try:
                return bool((await client.ask({"op": "bootstrap"}))["ok"])
            except RefusedError:
                return False
            finally:
                await client.close()

        await eventually(bootstrapped, "the cluster was founded")


async def eventually(check: Callable[[], Awaitable[bool]], what: str, *, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not await check():
        assert time.monotonic() < deadline, f"never happened: {what}"
        await asyncio.sleep(0.05)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Callable[..., Nodes]]:
    made: list[Nodes] = []

    def make(count: int, *options: str) -> Nodes:
        made.append(Nodes(tmp_path, count, *options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def nested(levels: int) -> Any:
    """Return lists in lists."""
    return [nested(levels - 1)] if levels else []


NONSENSE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\0" * 64,
    b"\xff" * 4096,
    struct.pack(">II", MAX_FRAME + 1, 5),
    struct.pack(">II", 10, 4) + b"{[}}zzzzzz",
    struct.pack(">II", 8, 4) + b"[12]",
    struct.pack(">II", 4 + 41, 41) + b'{"op":"put","key":"k","value":NaN,"id":1}',
    pack_json({"is": "Nothing"}),
    pack_json({"is": "Hello", "name": "n9", "identity": "x", "blank": True}),
    pack_json({"is": "Hello", "name": "n1", "identity": 5, "blank": True}),
    pack_json({"is": "AskVote", "epoch": 1}),
    struct.pack(">II", 4 + 100_000, 100_000) + b'{"a":' * 20_000,
    *(
        pack_json({"op": "put", "key": "k", "value": nested(levels), "id": 1})
        for levels in (99, 100, 500, 900)
    ),
    pack_json({"op": "put", "key": "k", "value": 1, "id": nested(900)}),
    pack_json({"op": nested(900), "key": "k", "value": 1, "id": 1}),
]


def test_nonsense_on_the_port_is_cut_off_and_harms_nobody(nodes: Callable[..., Nodes]) -> None:
    async def main() -> None:
        cluster = nodes(1)
        await cluster.found()
        for data in NONSENSE:
            with socket.create_connection(cluster.addresses["n1"], timeout=5) as raw:
                raw.sendall(data)
                with contextlib.suppress(ConnectionResetError):
                    assert raw.recv(100) == b"", f"{data[:20]!r} was answered"
        client = cluster.client()
        await client.write({"op": "put", "key": "k", "value": nested(98)})
        assert (await client.ask({"op": "get", "key": "k"}))["value"] == nested(98), "what is allowed is kept"
        await client.close()
        assert cluster.processes["n1"].poll() is None
        assert cluster.errors("n1").count("cut off") == len(NONSENSE)

    asyncio.run(main())


def test_a_member_that_talks_nonsense_is_cut_off(nodes: Callable[..., Nodes]) -> None:
    """A node's own peers are checked as well: an order in an epoch that is not the sender's."""

    async def main() -> None:
        cluster = nodes(3)
        cluster.start("n3")
        hello = pack_json({"is": "Hello", "name": "n1", "identity": "x", "blank": True})
        beat = {
            "is": "Heartbeat",
            "at": 1,
            "commit": 0,
            "stream": 0,
            "echo": 0,
            "record_epoch": 0,
            "record_seq": 0,
        }
        for nonsense in (pack_json({**beat, "epoch": 102}), pack_json({**beat, "epoch": "101"}), hello):
            await eventually(lambda: connects(cluster.addresses["n3"]), "n3 listens")
            with socket.create_connection(cluster.addresses["n3"], timeout=5) as raw:
                raw.sendall(hello)
                assert raw.recv(10_000)
                raw.sendall(nonsense)
                while raw.recv(10_000):
                    pass
        assert cluster.errors("n3").count("cut off n1") == 3

    async def connects(address: tuple[str, int]) -> bool:
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            return False
        return True

    asyncio.run(main())


def test_a_half_sent_request_waits_for_its_other_half(nodes: Callable[..., Nodes]) -> None:
    async def main() -> None:
        cluster = nodes(1)
        await cluster.found()
        request = pack_json({"id": 7, "op": "status"})
        with socket.create_connection(cluster.addresses["n1"], timeout=5) as raw:
            raw.sendall(request[:9])
            client = cluster.client()
            await client.write({"op": "put", "key": "k", "value": 1})
            await client.close()
            raw.sendall(request[9:])
            answer = raw.recv(10_000)
        assert json.loads(answer[8:])["id"] == 7

    asyncio.run(main())


def test_a_client_that_leaves_in_the_middle_of_a_write(nodes: Callable[..., Nodes]) -> None:
    """The write may happen all the same, once; the node goes on."""

    async def main() -> None:
        cluster = nodes(1)
        await cluster.found()
        for value in range(50):
            with socket.create_connection(cluster.addresses["n1"], timeout=5) as raw:
                raw.sendall(pack_json({"id": 1, "op": "append", "key": "l", "element": value}))
        client = cluster.client()
        await client.write({"op": "append", "key": "l", "element": "last"})
        there = (await client.get("l"))["value"]
        await client.close()
        assert there[-1] == "last"
        assert len(there) == len(set(there))

    asyncio.run(main())


def test_a_log_damaged_by_hand_is_refused_and_resyncs_when_told_to(
    nodes: Callable[..., Nodes], tmp_path: Path
) -> None:
    async def main() -> None:
        cluster = nodes(3)
        await cluster.found()
        client = cluster.client(session=True)
        for value in range(100):
            await client.write({"op": "append", "key": "l", "element": value})

        async def caught_up(name: str, *, member: bool = True) -> bool:
            one = cluster.client(only=name, timeout_s=0.5)
            try:
                values = (await one.peek(["l"]))["value"][0]
                return values == list(range(100)) and (await one.status())["member"] is member
            except (RefusedError, UnknownError):
                return False
            finally:
                await one.close()

        await eventually(lambda: caught_up("n2"), "n2 applied everything")
        cluster.crash("n2")
        (segment,) = (tmp_path / "n2" / "log").glob("*.log")
        data = bytearray(segment.read_bytes())
        data[data.index(b'"element":50') + FRAME.size] ^= 1
        segment.write_bytes(data)

        again = cluster.start("n2", "--events")
        assert again.wait(timeout=20) == 65
        output = (tmp_path / "n2.out").read_text()
        assert json.loads(output.splitlines()[-1])["event"] == "damaged"
        assert "wrong checksum" in cluster.errors("n2")
        assert "--resync" in cluster.errors("n2")

        cluster.start("n2", "--resync")
        await eventually(lambda: caught_up("n2"), "n2 caught up under a new identity and is a member again")
        assert list(tmp_path.glob("n2.before-resync-*"))
        await client.close()

    asyncio.run(main())


def test_two_processes_do_not_share_a_folder(nodes: Callable[..., Nodes]) -> None:
    async def main() -> None:
        cluster = nodes(1)
        await cluster.found()
        second = cluster.start("n1")
        assert second.wait(timeout=20) == 75
        assert "another process uses" in cluster.errors("n1")

    asyncio.run(main())


def test_an_address_that_is_taken_is_told(nodes: Callable[..., Nodes]) -> None:
    cluster = nodes(1)
    with socket.create_server(cluster.addresses["n1"]):
        assert cluster.start("n1").wait(timeout=20) == 69
    assert "can't listen" in cluster.errors("n1")


@pytest.mark.parametrize(
    "options", [["--mode", "nonsense"], ["--k", "9", "--mode", "semi_sync"], ["--member", "n1"]]
)
def test_bad_options_are_told(nodes: Callable[..., Nodes], options: list[str]) -> None:
    cluster = nodes(3)
    assert cluster.start("n1", *options).wait(timeout=20) == os.EX_USAGE
    assert "Traceback" not in cluster.errors("n1")


def test_a_crash_of_all_nodes_loses_nothing(nodes: Callable[..., Nodes], tmp_path: Path) -> None:
    async def main() -> None:
        cluster = nodes(3, "--mode", "sync", "--snapshot-kb", "16", "--retain-kb", "0")
        await cluster.found()
        client = cluster.client(session=True, timeout_s=20)
        for value in range(300):
            await client.write({"op": "append", "key": f"l{value % 3}", "element": "x" * 100 + str(value)})
        await eventually(snapshot_is_there, "a snapshot was made")
        for name in cluster.addresses:
            cluster.crash(name)
        for name in cluster.addresses:
            cluster.start(name)
        await client.write({"op": "append", "key": "l0", "element": "after"})
        there = [len((await client.get(f"l{i}"))["value"]) for i in range(3)]
        assert there == [101, 100, 100]
        await client.close()

    async def snapshot_is_there() -> bool:
        return (tmp_path / "n1" / "snapshot").exists()

    asyncio.run(main())


VALUES: tuple[Any, ...] = (
    None, True, 0, -0.0, 0.1, 1e300, 5e-324, 2**70, "", "ü\u2028\x7f\0", "\ud800", [], {}, [1.5, {"a": [None]}],
)  # fmt: skip


def test_values_of_all_kinds_outlive_a_crash(nodes: Callable[..., Nodes], tmp_path: Path) -> None:
    """On their way through requests, the log, a snapshot and answers they stay what they were."""

    async def main() -> None:
        cluster = nodes(1, "--snapshot-kb", "1", "--retain-kb", "0")
        await cluster.found()
        client = cluster.client(session=True, timeout_s=20)
        for place, value in enumerate(VALUES):
            await client.write({"op": "put", "key": f"v{place}", "value": value})
        for number in (float("nan"), float("inf")):
            with pytest.raises(ValueError, match="JSON"):
                await client.write({"op": "put", "key": "v0", "value": number})
        assert await values(client) == repr(list(VALUES))
        await client.write({"op": "put", "key": "filler", "value": "x" * 2000})
        await eventually(snapshot_is_there, "a snapshot was made")
        await client.write({"op": "append", "key": "late", "element": list(VALUES)})
        cluster.crash("n1")
        cluster.start("n1")
        await client.write({"op": "put", "key": "filler", "value": "it is back"})
        assert await values(client) == repr(list(VALUES))
        assert repr((await client.get("late"))["value"]) == repr([list(VALUES)])
        await client.close()

    async def values(client: StoreClient) -> str:
        return repr([(await client.get(f"v{place}"))["value"] for place in range(len(VALUES))])

    async def snapshot_is_there() -> bool:
        return (tmp_path / "n1" / "snapshot").exists()

    asyncio.run(main())


def test_a_replica_far_behind_gets_the_snapshot(nodes: Callable[..., Nodes], tmp_path: Path) -> None:
    async def main() -> None:
        cluster = nodes(3, "--mode", "quorum", "--snapshot-kb", "64")
        await cluster.found()
        cluster.crash("n3")
        connection = await Connection.open(cluster.addresses["n1"], timeout_s=5)
        value = "x" * 20_000
        for batch in range(15):
            deadline = asyncio.get_running_loop().time() + 30
            asks = [
                connection.ask(
                    {"op": "put", "key": f"k{n % 20}", "value": f"{value}{batch}"}, deadline=deadline
                )
                for n in range(20)
            ]
            assert all(answer["ok"] for answer in await asyncio.gather(*asks))

        def compacted() -> bool:
            return (tmp_path / "n1" / "snapshot").exists()

        assert compacted(), "no snapshot was made: the test would show nothing"
        cluster.start("n3")

        async def caught_up() -> bool:
            one = cluster.client(only="n3", timeout_s=0.5)
            try:
                values = (await one.peek([f"k{n}" for n in range(20)]))["value"]
                return values == [f"{value}14"] * 20
            except (RefusedError, UnknownError):
                return False
            finally:
                await one.close()

        await eventually(caught_up, "n3 has what the others have")
        assert (tmp_path / "n3" / "snapshot").exists()
        connection.close()

    asyncio.run(main())


@pytest.mark.cluster
def test_a_full_disk_refuses_writes_and_takes_them_again_when_there_is_room(tmp_path: Path) -> None:
    """A node on a file system of 20 MB that something else fills."""
    (port,) = free_ports(1)
    script = 'mount -t tmpfs -o size=20m none "$1" && shift && exec "$@"'
    folder = tmp_path / "disk"
    folder.mkdir()
    argv = [sys.executable, "-m", "nodes.reference", "--name", "n1", f"--member=n1=127.0.0.1:{port}"]
    process = subprocess.Popen(
        [
            "unshare",
            "-rm",
            "sh",
            "-c",
            script,
            "-",
            str(folder),
            *argv,
            "--data",
            f"{folder}/n1",
            "--mode",
            "async",
        ],
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    inside = Path(f"/proc/{process.pid}/root{folder}")

    async def main() -> None:
        client = StoreClient({"n1": ("127.0.0.1", port)}, timeout_s=2)

        async def bootstrapped() -> bool:
            try:
                return bool((await client.ask({"op": "bootstrap"}))["ok"])
            except RefusedError:
                return False

        await eventually(bootstrapped, "the node is up")
        filler = inside / "filler"
        filler.write_bytes(bytes(9 << 20))

        async def refused() -> bool:
            try:
                await client.write({"op": "put", "key": "k", "value": "x" * 50_000})
            except RefusedError as error:
                return "the disk is full" in str(error)
            return False

        await eventually(refused, "a write is refused for lack of room")
        filler.unlink()

        async def taken() -> bool:
            try:
                return bool((await client.write({"op": "put", "key": "k", "value": "again"}))["ok"])
            except RefusedError:
                return False

        await eventually(taken, "writes are taken again")
        assert (await client.get("k"))["value"] == "again"
        await client.close()

    try:
        asyncio.run(main())
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
