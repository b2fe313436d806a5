"""Moves the harness into fresh namespaces, so that nothing of the host is touched and nothing is left.

After `enter` there are three processes:

    supervisor  the one that the user started: forwards signals, waits, and exits with the harness's status
    └─ init     PID 1 of a new PID namespace: forwards signals, reaps orphans, ends when the harness ends
       └─ harness   everything else: what called `enter` goes on here

The kernel ends a PID namespace with its PID 1. So whichever of the three is killed, however hard, all
processes of the run go with it; and the mounts, network devices, firewall rules and loop devices go with the
namespaces that no process holds any more. There is no cleaning up that could be forgotten or fail.
"""

import os
import select
import signal
import sys
from pathlib import Path

from harness.errors import HarnessError, KilledError, MissingError
from nodes.linux import kernel

_NAMESPACES = (
    kernel.CLONE_NEWNET | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC
)
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_REMEDY = (
    "Machines of kind local need new namespaces: run as root, or allow user namespaces "
    "(sysctl user.max_user_namespaces above 0; on Debian kernel.unprivileged_userns_clone=1; on Ubuntu "
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container: --privileged, or "
    "--security-opt seccomp=unconfined --security-opt systempaths=unconfined)."
)

_state = {"entered": False}


def entered() -> bool:
    """Tell whether this process is one that `enter` made."""
    return _state["entered"]


def enter() -> None:
    """Go on in a child process, in namespaces of its own; the caller stays behind as its supervisor.

    Call it once, before the first thread and event loop. The supervisor does not return from here: it exits
    with the harness's exit status, or raises KilledError when a signal ended that. An ordinary user gets a
    user namespace first, in which he is root. A terminal's Ctrl-C reaches the harness exactly once, by way of
    the supervisor; Ctrl-Z is ignored, since a run that stood still would measure nothing.

    Raises MissingError, in the calling process, where the host does not allow it.
    """
    if entered():
        return
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise HarnessError("enter() was called too late: this process has threads already")
    forwarded = [number for number in _FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
    sys.stdout.flush()
    sys.stderr.flush()
    # Blocked from here on, so that none is lost before there is somebody to forward it to.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [*forwarded, signal.SIGCHLD])
    try:
        _become_supervisor(forwarded)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _state["entered"] = True


def _become_supervisor(forwarded: list[signal.Signals]) -> None:
    """Return only in the harness; raises MissingError in the original process."""
    _leave_host()
    alive_r, alive_w = os.pipe()
    complaint_r, complaint_w = os.pipe()
    killed_r, killed_w = os.pipe()
    init = os.fork()
    if init == 0:
        for fd in (alive_w, complaint_r, killed_r):
            os.close(fd)
        _become_init(forwarded, alive_r, complaint_w, killed_w)
        return
    for fd in (alive_r, complaint_w, killed_w):
        os.close(fd)
    with os.fdopen(complaint_r) as complaints:
        complaint = complaints.read()
    if complaint:
        os.waitpid(init, 0)
        raise MissingError(f"{complaint}\n{_REMEDY}")
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    status = _supervise(init, forwarded)
    number = int.from_bytes(os.read(killed_r, 1)) or max(0, -status)
    if number:
        raise KilledError(f"the run was killed ({signal.Signals(number).name})")
    os._exit(status)


def _become_init(forwarded: list[signal.Signals], alive_r: int, complaint_w: int, killed_w: int) -> None:
    """Return only in the harness."""
    try:
        kernel.die_with_parent()
        if select.select([alive_r], [], [], 0)[0]:  # end of file: the parent died before it was said
            os._exit(1)
        os.close(alive_r)
        os.setsid()
        kernel.mount("none", "/", "none", flags=kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.mount("proc", "/proc", "proc")
        kernel.mount("tmpfs", "/run", "tmpfs", data="mode=755")
        kernel.set_link("lo", up=True)
        harness = os.fork()
    except OSError as error:
        os.write(complaint_w, f"Setting up namespaces failed: {error}.".encode())
        os._exit(1)
    os.close(complaint_w)
    if harness != 0:
        status = _supervise(harness, forwarded)
        if status < 0:
            os.write(killed_w, bytes([-status]))
        os._exit(max(0, status))
    os.close(killed_w)
    os.setsid()


def _leave_host() -> None:
    try:
        try:
            kernel.unshare(_NAMESPACES)
        except PermissionError:
            uid, gid = os.geteuid(), os.getegid()
            kernel.unshare(kernel.CLONE_NEWUSER)
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
            Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
            kernel.unshare(_NAMESPACES)
    except OSError as error:
        raise MissingError(f"{error}.\n{_REMEDY}") from error


def _supervise(child: int, forwarded: list[signal.Signals]) -> int:
    """Forward signals to `child`, reap whatever ends, and return its exit status (negative: the signal)."""
    while True:
        received = signal.sigwait([*forwarded, signal.SIGCHLD])
        if received != signal.SIGCHLD:
            os.kill(child, received)
            continue
        while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
            if ended[0] == child:
                return os.waitstatus_to_exitcode(ended[1])
