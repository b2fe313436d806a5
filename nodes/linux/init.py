"""PID 1 of a machine: starts what the harness asks for, reaps orphans, and tells how each child ended.

Run as `python -I -S init.py CONTROL_FD [HOSTNAME]` in new namespaces, so it uses the standard library only.
It starts processes itself, rather than have them enter from outside, because then they are ordinary children
of the machine's PID 1: whatever stops or kills "every process here" meets no helper that lives elsewhere.
And since PID 1 is spared by the kernel when it signals all (kill -1), it is the one to do that, too.

The control socket keeps message boundaries. Each request is one JSON object with an `id`:

    {"id", "argv", "env"} with three descriptors   start a process -> {"id", "pid"} or {"id", "error"},
                                                   and at its end {"id", "exit"}
    {"id", "signal", "to"}                         kill(to, signal) -> {"id", "done"}; gone is no error

Process ids in messages are the machine's own; only the first message, {"init"}, tells the id that this
process has for the harness. The end of the control connection is the end of the machine.
"""

import array
import json
import os
import select
import signal
import socket
import sys

_MESSAGE_BYTES = 1 << 20


class Init:
    """The children of this machine, by what the harness calls them."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, int] = {}

    def serve(self) -> None:
        """Answer requests until the harness hangs up."""
        woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        events = select.poll()
        events.register(self._control, select.POLLIN)
        events.register(woken, select.POLLIN)
        while True:
            for fd, _ in events.poll():
                if fd == woken:
                    os.read(woken, 4096)
                    self._reap()
                elif not self._answer():
                    return

    def send(self, **message: object) -> None:
        """Tell the harness something."""
        self._control.send(json.dumps(message).encode())

    def _answer(self) -> bool:
        data, fds = _receive(self._control)
        if not data:
            return False
        request = json.loads(data)
        try:
            if "argv" in request:
                self._spawn(request["id"], request["argv"], request["env"], fds)
            else:
                _signal(request["to"], request["signal"])
                self.send(id=request["id"], done=True)
        finally:
            for fd in fds:
                os.close(fd)
        return True

    def _spawn(self, identity: int, argv: list[str], env: dict[str, str], fds: list[int]) -> None:
        try:
            pid = os.posix_spawnp(
                argv[0],
                argv,
                env,
                file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(fds)],
                setsid=True,
                setsigmask=[],
                # Python ignores the first two, and the harness may have been started with the others ignored.
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT],
            )
        except (OSError, ValueError) as error:
            self.send(id=identity, error=str(error))
            return
        self._children[pid] = identity
        self.send(id=identity, pid=pid)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if (identity := self._children.pop(pid, None)) is not None:
                self.send(id=identity, exit=os.waitstatus_to_exitcode(status))


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    fds = array.array("i")
    data, ancillary, _, _ = control.recvmsg(
        _MESSAGE_BYTES, socket.CMSG_SPACE(3 * fds.itemsize), socket.MSG_CMSG_CLOEXEC
    )
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content)
    return data, list(fds)


def _signal(to: int, number: int) -> None:
    try:
        os.kill(to, number)
    except ProcessLookupError:
        return  # it ended by itself meanwhile, or there was nothing to signal


def main(control_fd: int, hostname: str = "") -> None:
    """Be PID 1 until the harness hangs up."""
    # /proc is still the harness's.
    outside = int(os.readlink("/proc/self"))  # noqa: PTH115 - importing pathlib doubles the time to start
    if hostname:
        socket.sethostname(hostname)
    os.chdir("/")
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    init = Init(control)
    init.send(init=outside)
    init.serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
