"""Runs a command beside a hypervisor of its own, of which the host sees nothing.

    python -m nodes.vagrant.private FOLDER COMMAND…

libvirt keeps its settings, networks and machines in places of the host's that there is one of: four folders,
a socket, bridges, firewall rules. Here all of them are private: the command runs in namespaces
(`nodes.local.enter`) in which those folders are other ones, with a libvirtd that is started by hand. When the
command ends, or is killed, the kernel ends every virtual machine, and networks and mounts are gone with the
namespaces. The machines' disks are in FOLDER meanwhile; what libvirtd logged stays there.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from harness.errors import AckedError, MissingError, NodeError, UsageError
from nodes.linux import kernel
from nodes.linux.programs import search_path
from nodes.local import enter

URI = "qemu:///system"
"""How the hypervisor is addressed: as the host's would be."""

PACKAGES = {
    "libvirtd": "libvirt-daemon-system",
    "virsh": "libvirt-clients",
    "dnsmasq": "dnsmasq-base",
    "iptables": "iptables",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
}
"""The programs that it is made of, and Debian's package for each."""

_LIBVIRTD = """
auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_rw_perms = "0700"
"""

# What libvirt otherwise does to keep machines from the host and from each other (users, labels, cgroups) needs
# services that are not here; the namespaces keep all of them from the host.
_QEMU = """
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""

_START_S = 60.0
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(folder: Path, argv: Sequence[str]) -> int:
    """Run a command beside a hypervisor of its own and return its exit status.

    Call it as `nodes.local.enter.enter`: early, and once. Raises MissingError where something must be
    installed or permitted first, UsageError while another one uses the folder, NodeError when libvirtd does not
    start.
    """
    if os.geteuid() != 0:
        raise MissingError("a private hypervisor needs root: its networks are bridges, with firewall rules")
    os.environ["PATH"] = search_path()
    with _alone(folder):
        programs = _find_programs()
        shutil.rmtree(folder / "lib", ignore_errors=True)
        shutil.rmtree(folder / "log", ignore_errors=True)
        enter.enter()
        try:
            _hide_the_hosts(folder)
            with _libvirtd(programs, folder / "log"):
                return _run(argv)
        finally:
            shutil.rmtree(folder / "lib", ignore_errors=True)


def _find_programs() -> Mapping[str, str]:
    """Return where each of the programs is."""
    found = {program: shutil.which(program) or "" for program in PACKAGES}
    missing = sorted(PACKAGES[program] for program, path in found.items() if not path)
    if missing:
        raise MissingError(f"missing: {' '.join(missing)} (apt-get install …, or `.ci/host vm`)")
    return found


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the folder for this process and those that it becomes."""
    folder.mkdir(parents=True, exist_ok=True)
    with Path(folder, "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"another hypervisor uses {folder}: wait for its end") from error
        yield


def _hide_the_hosts(folder: Path) -> None:
    """Put other folders in the place of libvirt's; /run is a new one already.

    /sys shows the network devices of the namespace in which it was mounted.
    """
    kernel.mount("sysfs", "/sys", "sysfs")
    for host in ("/etc/libvirt", "/var/cache/libvirt"):
        kernel.mount("tmpfs", host, "tmpfs", data="mode=755")
    for host, own in (("/var/lib/libvirt", "lib"), ("/var/log/libvirt", "log")):
        (folder / own).mkdir()
        kernel.mount(str(folder / own), host, "", flags=kernel.MS_BIND)
    Path("/etc/libvirt/libvirtd.conf").write_text(_LIBVIRTD)
    Path("/etc/libvirt/qemu.conf").write_text(_QEMU)


@contextmanager
def _libvirtd(programs: Mapping[str, str], logs: Path) -> Iterator[None]:
    log = logs / "libvirtd.log"
    with log.open("wb") as output:
        argv = [programs["libvirtd"], "--config", "/etc/libvirt/libvirtd.conf"]
        daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + _START_S
        while not _answers(programs["virsh"]):
            if daemon.poll() is not None:
                raise NodeError(f"libvirtd ended with status {daemon.returncode}; see {log}")
            if time.monotonic() > deadline:
                raise NodeError(f"libvirtd does not answer after {_START_S:g} s; see {log}")
            time.sleep(0.1)
        yield
    finally:
        daemon.terminate()
        daemon.wait()


def _answers(virsh: str) -> bool:
    asked = [virsh, "--quiet", "--connect", URI, "version"]
    return subprocess.run(asked, capture_output=True, check=False, timeout=_START_S).returncode == 0


def _run(argv: Sequence[str]) -> int:
    """Run the command to its end; it gets the signals that are meant for it."""
    child = subprocess.Popen(argv, env={**os.environ, "LIBVIRT_DEFAULT_URI": URI})

    def forward(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    for number in _FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)
    status = child.wait()
    return status if status >= 0 else 128 - status


def main() -> None:
    """Carry out the process's command line."""
    if len(sys.argv) < 3:
        sys.exit("usage: python -m nodes.vagrant.private FOLDER COMMAND…")
    try:
        status = run(Path(sys.argv[1]).resolve(), sys.argv[2:])
    except AckedError as error:
        sys.stderr.write(f"acked: {error}\n")
        sys.exit(3)
    sys.exit(status)


if __name__ == "__main__":
    main()
