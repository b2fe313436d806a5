"""Kills processes at a step of their work: a small tracer, run by the harness as a program of its own.

    python -I -S trap.py POINT COUNT NODES CLIENTS PID...

NODES and CLIENTS are addresses, separated by commas. It attaches to all threads of the processes, says `set`, and
looks at each of their system calls (ptrace with PTRACE_SYSCALL; see ptrace(2)). When one is about to take the
step POINT for the COUNTth time it kills all of them, so that the step is not taken any more, and says `sprung`. A
step that is over (`flushed`) is caught before the process gets to know of it. When this program ends, for
whatever reason, the kernel lets go of those that still live, and they go on.

It must be a program of its own because the kernel lets one thread alone trace, and that must wait for nothing
else.
"""

import ctypes
import errno
import os
import platform
import signal
import socket
import stat
import sys
from collections.abc import Collection
from pathlib import Path

_SYSCALL, _SEIZE, _INTERRUPT, _LISTEN, _GET_SYSCALL_INFO = 24, 0x4206, 0x4207, 0x4208, 0x420E
_OPTIONS = (
    0x1 | 0x2 | 0x4 | 0x8
)  # system-call stops have their own mark; forks, vforks and threads are followed
_MARKED_TRAP = signal.SIGTRAP | 0x80
_EVENT_STOP = 128
_WALL = 0x4000_0000
_ENTRY, _EXIT = 1, 2

_WRITES, _FLUSHES = "write", "flush"
_CALLS = {
    "x86_64": {
        _WRITES: (1, 18, 20, 44, 46, 296, 307, 328),
        _FLUSHES: (74, 75, 277),
    },
    "aarch64": {
        _WRITES: (64, 68, 66, 206, 211, 70, 269, 287),
        _FLUSHES: (82, 83, 84),
    },
}
"""The numbers of write, pwrite64, writev, sendto, sendmsg, pwritev, sendmmsg and pwritev2; of fsync, fdatasync
and sync_file_range."""


class _Info(ctypes.Structure):
    """A ptrace_syscall_info, as far as it is needed here."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
    )


_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def _ptrace(request: int, thread: int, address: int = 0, data: int = 0) -> bool:
    """Ask the kernel; False if the thread is gone, or runs."""
    if _libc.ptrace(request, thread, address, data) >= 0:
        return True
    code = ctypes.get_errno()
    if code == errno.ESRCH:
        return False
    raise OSError(code, f"ptrace: {os.strerror(code)}")


class Trap:
    """The trap: what is waited for, and how often it has come by."""

    def __init__(
        self, point: str, count: int, *, nodes: Collection[str], clients: Collection[str], pids: list[int]
    ) -> None:
        calls = _CALLS[platform.machine()]
        self._kind_of = {number: kind for kind, numbers in calls.items() for number in numbers}
        self._point = point
        self._left = count
        self._peers = {form: "send" for each in nodes for form in _forms(each)}
        self._peers |= {form: "reply" for each in clients for form in _forms(each)}
        self._pids = pids
        self._entered: dict[int, int] = {}

    def set(self) -> None:
        """Attach to all threads of the processes, those that are born meanwhile too."""
        seized: set[int] = set()
        while fresh := {thread for pid in self._pids for thread in _threads(pid)} - seized:
            for thread in fresh:
                if _ptrace(_SEIZE, thread, 0, _OPTIONS):
                    _ptrace(_INTERRUPT, thread)
            seized |= fresh

    def wait(self) -> bool:
        """Wait until it is sprung; False if none of the processes is left before."""
        while True:
            try:
                thread, status = os.waitpid(-1, _WALL)
            except ChildProcessError:
                return False
            if not os.WIFSTOPPED(status):
                self._entered.pop(thread, None)
                continue
            number, event = os.WSTOPSIG(status), status >> 16
            if number == _MARKED_TRAP:
                if self._comes_by(thread):
                    # From here on it also comes to say so, whoever asks it to end.
                    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
                    for pid in self._pids:
                        _kill(pid)
                    return True
                _ptrace(_SYSCALL, thread)
            elif event == _EVENT_STOP and number != signal.SIGTRAP:
                _ptrace(_LISTEN, thread)  # it was paused: it stays so until it is told to go on
            else:
                _ptrace(_SYSCALL, thread, 0, 0 if event else number)

    def _comes_by(self, thread: int) -> bool:
        """Look at a system call that begins or ends, and tell whether it is the one that is waited for."""
        info = _Info()
        size = ctypes.sizeof(info)
        if not _ptrace(_GET_SYSCALL_INFO, thread, size, ctypes.addressof(info)):
            return False
        if info.op == _ENTRY:
            self._entered[thread] = info.number
            step = self._step(thread, info)
        else:
            began = self._kind_of.get(self._entered.pop(thread, -1))
            step = "flushed" if info.op == _EXIT and began == _FLUSHES else None
        if step is not None and self._point in (step, "any"):
            self._left -= 1
        return self._left == 0

    def _step(self, thread: int, info: _Info) -> str | None:
        """Return the step that a system call is, None if it is of no interest."""
        kind = self._kind_of.get(info.number)
        if kind == _FLUSHES:
            return "flush"
        if kind is None:
            return None
        opened = f"/proc/{thread}/fd/{info.arguments[0]}"
        try:
            found = os.stat(opened)  # noqa: PTH116 - importing less is starting sooner
            if stat.S_ISREG(found.st_mode):
                return "write"
            return self._peer(thread, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None
        except OSError:
            return None  # closed by another thread meanwhile

    def _peer(self, thread: int, inode: int) -> str | None:
        """Return the step that sending through a connection is, by whom it leads to."""
        for table in ("tcp", "tcp6"):
            with Path(f"/proc/{thread}/net/{table}").open() as lines:
                for line in lines:
                    fields = line.split()
                    if fields[9] == str(inode):
                        return self._peers.get(fields[2].partition(":")[0])
        return None


def _forms(address: str) -> tuple[str, ...]:
    """Return an address as it is written in /proc/net/tcp and tcp6: words of four bytes, in the host's order."""
    if ":" in address:
        return (_words(socket.inet_pton(socket.AF_INET6, address)),)
    plain = socket.inet_pton(socket.AF_INET, address)
    return _words(plain), _words(b"\0" * 10 + b"\xff\xff" + plain)


def _words(packed: bytes) -> str:
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 - as above
    except FileNotFoundError:
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def main(point: str, count: str, nodes: str, clients: str, *pids: str) -> None:
    """Set a trap, and wait."""
    trap = Trap(
        point, int(count), nodes=nodes.split(","), clients=clients.split(","), pids=[int(pid) for pid in pids]
    )
    trap.set()
    os.write(1, b"set\n")
    if trap.wait():
        os.write(1, b"sprung\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
