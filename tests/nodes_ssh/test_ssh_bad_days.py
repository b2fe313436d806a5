"""What goes wrong between the harness and its hosts, against real sshds: told in a line, and nothing is left."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import SUDO_PASSWORD, USER, Lab

from harness.errors import NodeError
from harness.hosts import Hosts
from harness.machine import CLIENTS, MACHINE, ClusterConfig, Death
from nodes.linux.programs import search_path
from nodes.local import LocalCluster
from nodes.local.testing import Lines, on_cluster, until
from nodes.ssh import link, login
from nodes.ssh.cluster import SshCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="hosts with a sshd of their own need root"),
    pytest.mark.skipif(shutil.which("sshd", path=search_path()) is None, reason="sshd is not installed"),
]

COUNT = "i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done"


@asynccontextmanager
async def up(lab: Lab, hosts: Hosts, **config: Any) -> AsyncIterator[SshCluster]:
    """Have the hosts up as a cluster, and nothing left on them in the end."""
    names = tuple(lab.cluster.machines)
    cluster = SshCluster(ClusterConfig(names=names, folder=lab.folder / "run", **config), hosts)
    try:
        await cluster.up()
        yield cluster
    finally:
        await cluster.down()
        left = await asyncio.gather(*(lab.left_behind(name) for name in names))
        assert not any(left), dict(zip(names, left, strict=True))


async def complaint(lab: Lab, hosts: Hosts) -> str:
    """Return the one line that says why the hosts can't be used."""
    try:
        async with up(lab, hosts):
            raise AssertionError("it came up")
    except NodeError as error:
        assert "\n" not in str(error)
        return str(error)


async def host_keys(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    old = await lab.run("n2", ["ssh-keygen", "-lf", str(lab.folder / "n2/host_key.pub")])
    await lab.new_host_key("n2")
    new = await lab.run("n2", ["ssh-keygen", "-lf", str(lab.folder / "n2/host_key.pub")])
    said = await complaint(lab, lab.hosts(accept_new=True))
    for part in ("n2 (root@10.77.0.2)", str(lab.known_hosts), old.split()[1], new.split()[1]):
        assert part in said, said
    unknown = lab.folder / "nobody_known"
    said = await complaint(lab, lab.hosts(known_hosts=str(unknown)))
    assert "is not known: ssh-ed25519 SHA256:" in said
    assert "--accept-new-host-keys" in said
    async with up(lab, lab.hosts(known_hosts=str(unknown), accept_new=True)):
        assert len(unknown.read_text().splitlines()) == 2
    async with up(lab, lab.hosts(known_hosts=str(unknown))):
        pass


def test_a_changed_host_key_is_refused_and_a_new_one_taken_only_when_told(tmp_path: Path) -> None:
    on_cluster(host_keys, tmp_path, machines=2)


async def refused(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    (lab.folder / "authorized").write_text("")
    said = await complaint(lab, lab.hosts())
    assert said.startswith(
        "n1 (root@10.77.0.1): root is refused at 10.77.0.1:22: none of the keys was accepted"
    )
    await lab.stop_sshd("n1")
    assert (await complaint(lab, lab.hosts())).startswith(
        "n1 (root@10.77.0.1): 10.77.0.1:22 can't be reached: "
    )


def test_a_refused_key_and_a_host_without_sshd(tmp_path: Path) -> None:
    on_cluster(refused, tmp_path, machines=1)


async def sudo(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    async with up(lab, lab.hosts(user=USER, sudo=True)) as cluster:
        done = await cluster.machines["n1"].run(["id", "-u"])
        assert done.stdout == b"0\n"
        assert "PowerCut" not in cluster.missing
    async with up(lab, lab.hosts(user=USER, sudo=False)) as cluster:
        assert "allow sudo" in cluster.missing["Switch"]
        assert "PowerCut" in cluster.missing
        machine = cluster.machines["n1"]
        await machine.start("store", ["sleep", "60"])
        assert len(await machine.kill()) == 1


def test_sudo_without_a_password_and_no_root_at_all(tmp_path: Path) -> None:
    on_cluster(sudo, tmp_path, machines=1)


async def sudo_password(local: LocalCluster) -> None:
    lab = await Lab.build(local, sudo_rule="ALL=(ALL) ALL")
    hosts = lab.hosts(user=USER, sudo=True)
    said = await complaint(lab, hosts)
    assert "sudo is refused: sudo: a password is required" in said
    assert login.SUDO_PASSWORD in said
    os.environ[login.SUDO_PASSWORD] = "wrong"
    assert "sudo refuses the password" in await complaint(lab, hosts)
    os.environ[login.SUDO_PASSWORD] = SUDO_PASSWORD
    async with up(lab, hosts) as cluster:
        assert (await cluster.machines["n1"].run(["id", "-u"])).stdout == b"0\n"
        seen = await lab.run(
            "n1", ["sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'"]
        )
        assert SUDO_PASSWORD not in seen


def test_sudo_with_a_password_that_nobody_sees(tmp_path: Path) -> None:
    on_cluster(sudo_password, tmp_path, machines=1)


async def sudo_refused(local: LocalCluster) -> None:
    lab = await Lab.build(local, sudo_rule="ALL=(ALL) NOPASSWD: /bin/true")
    assert "n1 (tester@10.77.0.1): sudo is refused: sudo: " in await complaint(
        lab, lab.hosts(user=USER, sudo=True)
    )


def test_sudo_that_allows_nothing(tmp_path: Path) -> None:
    on_cluster(sudo_refused, tmp_path, machines=1)


async def cut(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    async with up(lab, lab.hosts()) as cluster:
        n1, lines = cluster.machines["n1"], Lines()
        await n1.start("count", ["sh", "-c", COUNT], on_line=lines)
        await lines.wait_for(b"10")
        await lab.restart_sshd("n1")
        assert (await n1.run(["echo", "back"])).stdout == b"back\n", "what was asked meanwhile is done"
        heard = len(lines.seen)
        await until(lambda: len(lines.seen) > heard + 50, "it goes on to print")
        assert cluster._ways["n1"].cuts == 1
        assert await n1.kill()
        assert lines.seen == [b"%d" % number for number in range(1, len(lines.seen) + 1)], "no line is lost"


def test_processes_and_what_they_say_survive_a_cut_connection(tmp_path: Path) -> None:
    on_cluster(cut, tmp_path, machines=1)


async def vanished(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    link.GONE_S, link.QUIET_S = 2.0, 1.0
    deaths: list[Death] = []
    cluster = SshCluster(
        ClusterConfig(names=("n1", "n2"), folder=lab.folder / "run", on_death=deaths.append), lab.hosts()
    )
    await cluster.up()
    n1 = cluster.machines["n1"]
    lines = Lines()
    process = await n1.start(
        "store", ["sh", "-c", "echo 'my last words' >&2; echo up; sleep 60"], on_line=lines
    )
    await lines.wait_for(b"up")
    await until(lambda: process.last_line == "my last words", "it has spoken")
    await local.cut("for good", [(CLIENTS, "n1"), ("n1", CLIENTS)])
    said = await cluster.lost()
    assert said.startswith("n1 is gone: out of reach for 2 s (")
    assert said.endswith("; store said last: my last words")
    assert [(death.node, death.process) for death in deaths] == [("n1", MACHINE)]
    assert process.returncode == -signal.SIGKILL
    for asked in (n1.alive(), n1.run(["true"]), cluster.cut("x", [("n2", "n1")])):
        try:
            await asked
        except NodeError as error:
            assert "n1 is gone" in str(error)
        else:
            raise AssertionError("a machine that is gone answered")
    try:
        await cluster.down()
    except NodeError as error:
        assert "n1 is gone" in str(error)
    assert await lab.left_behind("n2") == "", "the others are cleaned up all the same"


def test_a_machine_that_vanishes_is_lost_with_its_last_words(tmp_path: Path) -> None:
    on_cluster(vanished, tmp_path, machines=2)


async def abandoned(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    cluster = SshCluster(
        ClusterConfig(names=("n1", "n2"), folder=lab.folder / "run"), lab.hosts(patience_s=1.0)
    )
    await cluster.up()
    n1 = cluster.machines["n1"]
    await n1.start("store", ["sleep", "60"])
    await n1.pause()
    await cluster.cut("for good", [("n1", "n2"), ("n2", "n1")])
    for way in cluster._ways.values():  # as when the harness is killed: it hangs up, and says nothing
        for task in way._tasks:
            task.cancel()
        assert way._connection is not None
        way._connection.close()

    async def healed() -> bool:
        return not any([await lab.left_behind(name) for name in ("n1", "n2")])

    await until(healed, "the hosts heal themselves")


async def killed(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    async with up(lab, lab.hosts()) as cluster:
        n1 = cluster.machines["n1"]
        await n1.start("store", ["sleep", "4242"])
        await lab.run("n1", ["pkill", "-KILL", "--newest", "-f", "agent-.* serve"])
        assert "n1 was started anew, and all that ran there is gone" in await cluster.lost()
        assert await lab.run("n1", ["pgrep", "-f", "sleep 4242"]) == ""


def test_an_agent_that_is_killed_takes_all_along(tmp_path: Path) -> None:
    on_cluster(killed, tmp_path, machines=1)


async def cleaned(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    cluster = SshCluster(ClusterConfig(names=("n1",), folder=lab.folder / "run"), lab.hosts())
    await cluster.up()
    await cluster.machines["n1"].start("store", ["sleep", "60"])
    clean = ("cluster", "clean", "--nodes-file", str(lab.nodes_file()))
    assert await lab.acked(*clean) == (0, "root@10.77.0.1: clean\n", "")
    assert await lab.left_behind("n1") == ""
    said = await cluster.lost()
    assert "was started anew" in said
    # What is left where an agent and its guardian were killed is found, too.
    await lab.run("n1", ["sh", "-c", "mkdir -p /var/lib/acked/machine; touch /var/lib/acked/made-by-acked"])
    await lab.run("n1", ["nft", "add", "table", "inet", "acked"])
    assert (await lab.acked(*clean)).code == 0
    assert await lab.left_behind("n1") == ""
    await lab.stop_sshd("n1")
    done = await lab.acked(*clean)
    assert (done.code, "10.77.0.1:22 can't be reached" in done.out) == (3, True), done


def test_a_host_can_be_cleaned_whatever_became_of_its_run(tmp_path: Path) -> None:
    on_cluster(cleaned, tmp_path, machines=1)


def test_hosts_heal_themselves_when_the_harness_does_not_come_back(tmp_path: Path) -> None:
    on_cluster(abandoned, tmp_path, machines=2)


async def no_room(local: LocalCluster) -> None:
    lab = await Lab.build(local, room="64k")
    said = await complaint(lab, lab.hosts())
    assert said.startswith("n1 (root@10.77.0.1): /var/lib/acked")
    assert said.endswith("can't be written: No space left on device")
    await lab.run("n1", ["sh", "-c", "rm -rf /var/lib/acked; mount -o remount,size=2m /var/lib"])
    said = await complaint(lab, lab.hosts())
    assert said.startswith("n1: /var/lib/acked has 1 MiB free, and 256 MiB are needed")


def test_a_full_disk_is_told_of(tmp_path: Path) -> None:
    on_cluster(no_room, tmp_path, machines=1)


async def occupied(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    async with up(lab, lab.hosts()):
        other = SshCluster(ClusterConfig(names=("n1",), folder=lab.folder / "other"), lab.hosts())
        try:
            await other.up()
        except NodeError as error:
            assert "another run has this machine" in str(error)
        finally:
            await other.down()
        assert (await lab.left_behind("n1")).count(" attach /") == 1, "only that of the run that was first"
    await lab.run("n1", ["sh", "-c", "mkdir /var/lib/acked; echo mine > /var/lib/acked/thesis"])
    other = SshCluster(ClusterConfig(names=("n1",), folder=lab.folder / "other"), lab.hosts())
    try:
        await other.up()
    except NodeError as error:
        assert "/var/lib/acked has something in it that Acked did not make" in str(error)
    await other.down()
    assert await lab.run("n1", ["cat", "/var/lib/acked/thesis"]) == "mine\n"


def test_what_others_have_on_a_host_is_left_alone(tmp_path: Path) -> None:
    on_cluster(occupied, tmp_path, machines=1)


async def slow(local: LocalCluster) -> None:
    lab = await Lab.build(local, sshd="LogLevel VERBOSE")
    config = lab.folder / "ssh_config"
    relay = "import os,socket,sys,threading\ns=socket.create_connection(sys.argv[1:3])\n" + (
        "threading.Thread(target=lambda:[os.write(1,d) for d in iter(lambda:s.recv(65536),b'')],daemon=True)"
        ".start()\n[s.sendall(d) for d in iter(lambda:os.read(0,65536),b'')]\n"
    )
    (lab.folder / "relay.py").write_text(relay)
    config.write_text(f"Host *\n  ProxyCommand sh -c 'sleep 3; exec python3 {lab.folder}/relay.py %h %p'\n")
    async with up(lab, lab.hosts(ssh_config=str(config))) as cluster:
        for _ in range(3):
            await cluster.cut("some", [("n1", "n2")])
            assert not await cluster.reach("n1", "n2")
            await cluster.mend("some")
            await cluster.machines["n1"].kill()
    logs = "".join(
        path.read_text() for path in local.machines and (lab.cluster._data.parent / "logs").rglob("sshd*")
    )
    assert logs.count("Accepted publickey") == 2, "one login a host, however slow it is"


def test_faults_do_not_wait_for_a_slow_handshake(tmp_path: Path) -> None:
    on_cluster(slow, tmp_path, machines=2)


async def many(local: LocalCluster) -> None:
    lab = await Lab.build(local)
    async with up(lab, lab.hosts()) as cluster:
        await cluster.cut("half", [(name, "n1") for name in cluster.machines if name != "n1"])
        assert not await cluster.reach("n50", "n1")
        await cluster.mend("half")
        assert await cluster.reach("n50", "n1")


def test_fifty_machines(tmp_path: Path) -> None:
    on_cluster(many, tmp_path, machines=50, timeout_s=300)
