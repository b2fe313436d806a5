"""Hosts with a real sshd each, for tests: namespaces on a bridge of the test's own, from which nothing leads out.

The hosts are machines of kind local, which end with the test. Each has users, sudo rules, host keys, /var/lib and
a monotonic clock of its own; the sshds are started by the test, with a configuration of its own.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from harness.errors import NodeError
from harness.hosts import Host, Hosts
from nodes.linux.programs import find, search_path
from nodes.local import LocalCluster
from nodes.local.machine import LocalMachine

USER = "tester"
UID = 4242
SUDO_PASSWORD = "open sesame"  # noqa: S105
_HASHED = "$5$acked$plmQPHe0LUMk/IpoqeVSRnnbCwmxiCMYFOmtZjNoSx."
"""That password as crypt(3) has it, by SHA-256."""
_SSHD_CONFIG = """
Port 22
HostKey {host_key}
AuthorizedKeysFile {authorized}
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
UseDNS no
StrictModes no
PidFile none
PrintMotd no
PrintLastLog no
MaxStartups 100
{more}
"""


class Done(NamedTuple):
    """A command of the harness that ended."""

    code: int
    out: str
    err: str


class Lab:
    """Hosts that can be logged in to. Made by `Lab.build`."""

    def __init__(self, cluster: LocalCluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.key = folder / "user_key"
        self.known_hosts = folder / "known_hosts"

    @classmethod
    async def build(
        cls,
        cluster: LocalCluster,
        *,
        sudo_rule: str = "ALL=(ALL) NOPASSWD: ALL",
        sshd: str = "",
        room: str = "400m",
    ) -> "Lab":
        """Let all machines of a local cluster be hosts; `room` is the size of each one's /var/lib."""
        folder = Path(next(iter(cluster.machines.values())).directory).parents[2] / "lab"
        folder.mkdir()
        os.environ["HOME"] = str(folder / "home")
        (folder / "home").mkdir()
        lab = cls(cluster, folder)
        _make_key(lab.key)
        (folder / "authorized").write_text(lab.key.with_suffix(".pub").read_text())
        lab._write_accounts(sudo_rule)
        await asyncio.gather(*(lab._begin(machine, sshd, room) for machine in cluster.machines.values()))
        return lab

    def machine(self, name: str) -> LocalMachine:
        """Return the namespaces behind a host."""
        return self.cluster.machines[name]

    def hosts(self, *, user: str = "root", sudo: bool = False, **common: Any) -> Hosts:
        """Return the hosts as the harness is told of them."""
        return Hosts(
            hosts=tuple(
                Host(host=machine.address, user=user, identity=str(self.key), sudo=sudo)
                for machine in self.cluster.machines.values()
            ),
            **{"known_hosts": str(self.known_hosts), **common},
        )

    def nodes_file(self, **fields: Any) -> Path:
        """Write the hosts into a file for `--nodes-file`."""
        path = self.folder / "nodes.yaml"
        written = {
            "user": "root",
            "identity": str(self.key),
            "known_hosts": str(self.known_hosts),
            **fields,
            "hosts": [machine.address for machine in self.cluster.machines.values()],
        }
        path.write_text(yaml.safe_dump(written))
        return path

    async def acked(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = 240
    ) -> Done:
        """Run a command of the harness, in the network of the hosts."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "harness", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(env or {})},
            cwd=self.folder,
        )
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate()
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    async def new_host_key(self, name: str) -> None:
        """Give a host another key, as when it is set up anew."""
        (self.folder / name / "host_key").unlink()
        _make_key(self.folder / name / "host_key")
        await self.restart_sshd(name)

    async def restart_sshd(self, name: str) -> None:
        """End the sshd that listens, with all its connections, and start another."""
        await self.stop_sshd(name)
        await self._start_sshd(self.machine(name))

    async def stop_sshd(self, name: str) -> None:
        """End the sshd that listens, with all its connections; returns when nothing of it is left."""
        await self.run(name, ["sh", "-c", "while pkill -KILL sshd; do sleep 0.01; done"])

    async def run(self, name: str, argv: Sequence[str]) -> str:
        """Run a command on a host, past its sshd; its status does not matter."""
        return (await self.machine(name).run(argv)).stdout.decode()

    async def left_behind(self, name: str) -> str:
        """Return what of Acked is left on a host: folders, tables of the firewall, processes."""
        script = (
            "ls -A /var/lib; nft list tables; ps -eo args | grep [a]cked/agent-; mount | grep /var/lib/acked"
        )
        return await self.run(name, ["sh", "-c", script])

    def _write_accounts(self, sudo_rule: str) -> None:
        etc = self.folder / "etc"
        etc.mkdir()
        home = self.folder / "users" / USER
        home.mkdir(parents=True)
        os.chown(home, UID, UID)
        for path in (self.folder, *self.folder.parents):
            if str(path).startswith("/tmp/"):
                path.chmod(path.stat().st_mode | 0o055)
        texts = {
            "passwd": f"{USER}:x:{UID}:{UID}::{home}:/bin/sh\n",
            "shadow": f"{USER}:{_HASHED}:19000:0:99999:7:::\n",
            "group": f"{USER}:x:{UID}:\n",
        }
        for name, line in texts.items():
            (etc / name).write_text(Path("/etc", name).read_text() + line)
        (etc / "sudoers").write_text(f"Defaults !lecture, !fqdn\nroot ALL=(ALL) ALL\n{USER} {sudo_rule}\n")
        (etc / "sudoers").chmod(0o440)
        (etc / "shadow").chmod(0o600)
        names = [f"127.0.0.1 localhost {' '.join(self.cluster.machines)}"]
        (etc / "hosts").write_text("\n".join(names) + "\n")

    async def _begin(self, machine: LocalMachine, sshd: str, room: str) -> None:
        own = self.folder / machine.name
        own.mkdir()
        _make_key(own / "host_key")
        key = (own / "host_key.pub").read_text().split()
        with self.known_hosts.open("a") as file:
            file.write(f"{machine.address} {key[0]} {key[1]}\n")
        (own / "sshd_config").write_text(
            _SSHD_CONFIG.format(host_key=own / "host_key", authorized=self.folder / "authorized", more=sshd)
        )
        binds = [f"mount --bind {self.folder}/etc/{name} /etc/{name}" for name in _FILES]
        script = [
            f"mount -t tmpfs -o size={room},mode=755 tmpfs /var/lib",
            *binds,
            "mkdir -p /run/sshd /run/sudo",
        ]
        done = await machine.run(["sh", "-e", "-c", "\n".join(script)])
        assert done.returncode == 0, done.stderr
        await self._start_sshd(machine)

    async def _start_sshd(self, machine: LocalMachine) -> None:
        config = self.folder / machine.name / "sshd_config"
        name = f"sshd-{len(list((self.folder / machine.name).iterdir()))}-{asyncio.get_running_loop().time()}"
        ahead_s = 1000 * int(machine.name.removeprefix("n"))
        clock = [find("unshare"), "--time", "--monotonic", str(ahead_s)]
        await machine.start(name, [*clock, find_sshd(), "-D", "-e", "-f", str(config)])
        end = asyncio.get_running_loop().time() + 30
        while True:
            try:
                _, writer = await asyncio.open_connection(machine.address, 22)
            except OSError as error:
                if asyncio.get_running_loop().time() > end:
                    raise NodeError(f"the sshd of {machine.name} does not listen") from error
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return


_FILES = ("passwd", "shadow", "group", "sudoers", "hosts")


def find_sshd() -> str:
    """Return the path of sshd, which wants to be called by it."""
    import shutil

    path = shutil.which("sshd", path=search_path())
    assert path is not None, "sshd is not installed (openssh-server)"
    return path


def _make_key(path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True, timeout=60
    )
