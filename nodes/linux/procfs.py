"""What the kernel says about the processes of a machine: the ground of all evidence about them."""

import os
from pathlib import Path

from nodes.linux import kernel

_GONE = frozenset("ZXx")
"""States of threads that will never run again (zombie, dead)."""
_STOPPED = frozenset("Tt")


def living(pid_namespace: int, *, init: int) -> dict[int, frozenset[str]]:
    """Return the processes in a PID namespace and in those below it, with the states of their threads.

    Ids are the harness's own; `init`, the PID 1 of that namespace, is left out. States are the letters of
    proc(5); a process none of whose threads can ever run again is not listed. One pass over /proc: what
    starts or ends meanwhile may or may not be in it.
    """
    found = {}
    for name in (entry.name for entry in os.scandir("/proc")):
        if name.isdecimal() and int(name) != init and _belongs(name, pid_namespace):
            states = _thread_states(name) - _GONE
            if states:
                found[int(name)] = states
    return found


def all_stopped(states: dict[int, frozenset[str]]) -> bool:
    """Tell whether no thread of these processes can run before it is told to continue."""
    return all(of_one <= _STOPPED for of_one in states.values())


def _belongs(pid: str, namespace: int) -> bool:
    """Climb from the namespace of `pid` until it is the one asked for, or the harness's own is passed."""
    try:
        fd = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY)
    except OSError:
        return False  # ended meanwhile, or not a process of this run at all
    while True:
        try:
            if os.fstat(fd).st_ino == namespace:
                return True
            parent = kernel.parent_namespace(fd)
        except PermissionError:
            return False
        finally:
            os.close(fd)
        fd = parent


def _thread_states(pid: str) -> frozenset[str]:
    states = set()
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            # The name, in parentheses, may hold anything; the state is the first letter after it.
            stat = (thread / "stat").read_text(errors="replace")
            states.add(stat[stat.rindex(")") + 2])
    except (FileNotFoundError, ProcessLookupError):
        pass  # a thread or the process ended meanwhile
    return frozenset(states)
