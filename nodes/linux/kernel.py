"""The few calls to the kernel that Python 3.11 has no function for.

Everything here is a thin wrapper that turns a failing call into the OSError of its errno. What the calls are
for is told where they are used.
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x4_0000

_PR_SET_PDEATHSIG = 1
_NS_GET_PARENT = 0xB702
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_EXT4_IOC_SHUTDOWN = 0x8004_587D
_EXT4_GOING_FLAGS_NOLOGFLUSH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Move this process into new namespaces; a new PID namespace is for the children that follow."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd: int, flags: int) -> None:
    """Move the calling thread into the namespace that `fd` refers to."""
    _check(_libc.setns(ctypes.c_int(fd), ctypes.c_int(flags)), "setns")


def mount(source: str, target: str, filesystem: str, *, flags: int = 0, data: str = "") -> None:
    """Mount a file system, or change the propagation of a mount."""
    result = _libc.mount(
        source.encode(), target.encode(), filesystem.encode(), ctypes.c_ulong(flags), data.encode()
    )
    _check(result, f"mount {filesystem} on {target}")


def die_with_parent() -> None:
    """Have this process killed when the thread that forked it ends.

    A parent that ended before the call goes unnoticed: the caller must look for itself.
    """
    _check(_libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0), "prctl PR_SET_PDEATHSIG")


def parent_namespace(fd: int) -> int:
    """Return a new descriptor of the parent of the PID or user namespace that `fd` refers to.

    Raises PermissionError when the parent is outside of the caller's own namespace.
    """
    return fcntl.ioctl(fd, _NS_GET_PARENT)


def set_link(name: str, *, up: bool) -> None:
    """Switch a network interface of this process's network namespace on or off, at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", name.encode(), 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(control, _SIOCGIFFLAGS, request), 16)
        flags = flags | _IFF_UP if up else flags & ~_IFF_UP
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", name.encode(), flags))


def stop_ext4(fd: int) -> None:
    """Cut an ext4 file system off from its disk: what the journal has not yet got is lost for good.

    `fd` is any open file or folder on it. Every later write to it fails with EIO. The flag NOLOGFLUSH makes
    the difference between a power cut and a clean halt.
    """
    fcntl.ioctl(fd, _EXT4_IOC_SHUTDOWN, struct.pack("I", _EXT4_GOING_FLAGS_NOLOGFLUSH))


def flush_file_system(fd: int) -> None:
    """Write all that is unwritten of the file system that has `fd`, and of no other."""
    _check(_libc.syncfs(ctypes.c_int(fd)), "syncfs")


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
