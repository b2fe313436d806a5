"""Carries out what the harness asks of this machine: one method for each kind of request.

A request is an object with `id`, `do` (the method) and its arguments; the answer has the same `id` and either
`answer` or `error`, the name of an error class of the harness with its `text`. What happens by itself is told with
`event`: a process printed, ended or died, or the machine was lost.
"""

import asyncio
import json
import os
import shutil
import socket
import stat
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from harness import errors
from harness.errors import AckedError, NodeError
from nodes.agent.firewall import Cuts, Door
from nodes.agent.frames import MOST_BODY_BYTES
from nodes.agent.listing import listing
from nodes.agent.tenancy import Tenancy, Wishes
from nodes.hazards import clock
from nodes.linux import kernel
from nodes.linux.machine import LinuxMachine
from nodes.linux.probe import connects, family_of
from nodes.linux.process import Supervised
from nodes.linux.programs import find

_OUTAGE = "outage"
_PIECE_BYTES = 1 << 20

Post = Callable[[dict[str, Any], bytes], None]
"""Sends a message to the harness, now or when it comes back."""


class Answer(NamedTuple):
    """What a request is answered with."""

    value: Any = None
    body: bytes = b""


class Service:
    """The requests of one run. `folder` is the agent's own, in which all is kept."""

    def __init__(self, folder: Path, post: Post) -> None:
        self._folder = folder
        self._post = post
        self._tenancy: Tenancy | None = None
        self._doors: set[Door] = set()
        self._processes: dict[int, Supervised] = {}
        self._listener: asyncio.Server | None = None
        self._kernel = clock.kernel()
        self._tasks: set[asyncio.Task[None]] = set()

    async def admit(self, door: Door) -> None:
        """Take note of a way in through which the harness came."""
        self._doors.add(door)
        if self._tenancy is not None:
            await self._tenancy.admit(door)

    def receive(self, message: dict[str, Any], body: bytes) -> None:
        """Begin to carry out a request; it is answered once it is done."""
        task = asyncio.create_task(self._carry_out(message, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Heal everything, end every process, and remove what was made."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        tenancy, self._tenancy = self._tenancy, None
        if tenancy is not None:
            await tenancy.end()

    async def _carry_out(self, message: dict[str, Any], body: bytes) -> None:
        identity, name = message.pop("id"), message.pop("do")
        try:
            do: Callable[..., Awaitable[Answer]] = getattr(self, f"do_{name}")
            answer = await do(body=body, **message) if body else await do(**message)
        except AckedError as error:
            self._post({"id": identity, "error": type(error).__name__, "text": str(error)}, b"")
        except OSError as error:
            text = f"{error.filename or self._folder}: {error.strerror or error}"
            self._post({"id": identity, "error": "NodeError", "text": text}, b"")
        except Exception as error:
            text = f"{name}: {type(error).__name__}: {error}"
            self._post({"id": identity, "error": errors.HarnessError.__name__, "text": text}, b"")
        else:
            self._post({"id": identity, "answer": answer.value}, answer.body)

    async def do_facts(self) -> Answer:
        """Tell what this machine is."""
        found = await asyncio.create_subprocess_exec(
            *(find("ip"), "-j", "address", "show", "scope", "global"), stdout=asyncio.subprocess.PIPE
        )
        listing = json.loads((await found.communicate())[0] or "[]")
        addresses = [each["local"] for interface in listing for each in interface.get("addr_info", [])]
        return Answer({"addresses": addresses, "kernel": self._kernel})

    async def do_begin(self, *, probe_port: int, **wishes: Any) -> Answer:
        """Make the machine that is wished for (`Wishes`), switched on, and listen for probes."""
        try:
            self._listener = await asyncio.start_server(_greet, port=probe_port)
        except OSError as error:
            raise NodeError(f"port {probe_port} can't be had for probes: {error.strerror}") from error
        self._tenancy = Tenancy(
            self._folder,
            Wishes(probe_port=probe_port, **wishes),
            doors=self._doors,
            on_loss=lambda complaint: self._post({"event": "lost", "text": complaint}, b""),
        )
        await self._tenancy.begin()
        return Answer(
            {
                "directory": self._tenancy.directory,
                "software": str(self._tenancy.software),
                "missing": self._tenancy.missing,
            }
        )

    async def do_clients(self, *, address: str) -> Answer:
        """Take note of where the clients are: they are not to hear of this machine when it has no power."""
        firewall = self._present.firewall
        if firewall is not None:
            await firewall.include(address)
        return Answer()

    async def do_clock(self) -> Answer:
        """Read the clock, and tell of which start of the kernel it is."""
        return Answer({"monotonic_ns": time.monotonic_ns(), "kernel": self._kernel})

    async def do_run(
        self, *, argv: Sequence[str], limit_s: float, env: dict[str, str], body: bytes = b""
    ) -> Answer:
        """Run a command to its end."""
        ended = await self._machine.run(argv, stdin=body, timeout_s=limit_s, env=env)
        if len(ended.stdout) + len(ended.stderr) > MOST_BODY_BYTES:
            raise NodeError(f"{self._machine.name}: {argv[0]} printed more than {MOST_BODY_BYTES} bytes")
        told = {"returncode": ended.returncode, "stdout": len(ended.stdout)}
        return Answer(told, ended.stdout + ended.stderr)

    async def do_bring(self, *, parcel: str, body: bytes = b"") -> Answer:
        """Take the next part of a file, to be put in its place by `do_put`."""
        with self._parcel(parcel).open("ab") as file:
            file.write(body)
        return Answer()

    async def do_put(self, *, parcel: str, remote: str, mode: int) -> Answer:
        """Copy a file that was brought to its place, flushed."""
        path = self._parcel(parcel)
        try:
            path.touch()
            path.chmod(stat.S_IMODE(mode))
            await self._machine.put(path, remote)
        finally:
            path.unlink(missing_ok=True)
        return Answer()

    async def do_drop(self, *, parcel: str) -> Answer:
        """Forget a file that was brought in part."""
        self._parcel(parcel).unlink(missing_ok=True)
        return Answer()

    async def do_list(self, *, remote: str) -> Answer:
        """Tell what a file or a folder consists of."""
        path = self._path(remote)
        try:
            return Answer(await asyncio.to_thread(listing, path))
        except OSError as error:
            text = f"{self._machine.name}: copying {remote} failed: {error.strerror or error}"
            raise NodeError(text) from error

    async def do_read(self, *, remote: str, at: int) -> Answer:
        """Read a piece of a file and tell if there is "more" or this was the "end"; None for one that is gone."""
        try:
            piece = await asyncio.to_thread(_piece, self._path(remote), at)
        except FileNotFoundError:
            return Answer(None)
        return Answer("more" if len(piece) == _PIECE_BYTES else "end", piece)

    async def do_exists(self, *, remote: str) -> Answer:
        """Tell whether there is something."""
        return Answer(await self._machine.exists(remote))

    async def do_start(self, *, process: int, name: str, argv: Sequence[str], env: dict[str, str]) -> Answer:
        """Start a supervised process; from now on its number stands for it."""

        def died(one: Supervised) -> None:
            left = len(self._machine.living())
            self._post({"event": "died", "process": process, "status": one.returncode, "left": left}, b"")

        def ended() -> None:
            self._post({"event": "ended", "process": process, "status": one.returncode}, b"")

        sinks = (_Sink(self._post, process, "out"), _Sink(self._post, process, "err"))
        one = await self._machine.start(name, argv, env=env, sinks=lambda: sinks, on_death=died)
        self._processes[process] = one
        one.when_ended(ended)
        return Answer()

    async def do_stop(self, *, process: int, grace_s: float) -> Answer:
        """Ask a process to end, then kill it."""
        await self._processes[process].stop(grace_s=grace_s)
        return Answer()

    async def do_alive(self) -> Answer:
        """Tell the ids of all processes."""
        return Answer(sorted(self._machine.living()))

    async def do_kill(self) -> Answer:
        """Kill all processes."""
        return Answer(sorted(await self._machine.kill()))

    async def do_pause(self) -> Answer:
        """Stop all processes."""
        await self._machine.pause()
        return Answer()

    async def do_resume(self) -> Answer:
        """Let all processes go on."""
        await self._machine.resume()
        return Answer()

    async def do_stopped(self) -> Answer:
        """Tell whether all processes are stopped."""
        return Answer(self._machine.stopped())

    async def do_wipe(self) -> Answer:
        """Replace the disk."""
        await self._machine.wipe()
        return Answer()

    async def do_identity(self) -> Answer:
        """Tell which disk it is."""
        return Answer(await self._machine.disk_identity())

    async def do_off(self) -> Answer:
        """Cut the power."""
        await self._machine.switch_off()
        return Answer()

    async def do_on(self) -> Answer:
        """Restore the power."""
        await self._machine.switch_on()
        return Answer()

    async def do_powered(self) -> Answer:
        """Tell whether it is on."""
        return Answer(self._machine.boot is not None)

    async def do_reach(self, *, address: str, port: int, limit_s: float) -> Answer:
        """Probe another place."""
        with socket.socket(family_of(address)) as probe:
            return Answer(await connects(probe, address, port, timeout_s=limit_s))

    async def do_cut(self, *, incoming: Sequence[str], outgoing: Sequence[str]) -> Answer:
        """Drop just these packets from now on."""
        tenancy = self._present
        if tenancy.firewall is None:
            raise NodeError(f"{self._machine.name}: {tenancy.missing['Switch']}")
        await tenancy.firewall.cut(Cuts(frozenset(incoming), frozenset(outgoing)))
        return Answer()

    async def do_dropped(self) -> Answer:
        """Tell how many packets were dropped, by where they came from and where they went."""
        tenancy = self._present
        if tenancy.firewall is None:
            return Answer([{}, {}])
        return Answer(await tenancy.firewall.dropped())

    async def do_hazard(self, *, what: str, arguments: dict[str, Any]) -> Answer:
        """Have the disk, the network or the clocks fail (`nodes.agent.hazards`), or tell how they do."""
        return Answer(await self._present.hazards.carry_out(what, arguments))

    async def do_outage(self) -> Answer:
        """Prepare for the host's own power to be cut: what is here is for the agent that comes after."""
        await asyncio.to_thread(_expect_another, self._folder)
        return Answer()

    @property
    def _present(self) -> Tenancy:
        if self._tenancy is None:
            raise NodeError("the machine has not been begun")
        return self._tenancy

    @property
    def _machine(self) -> LinuxMachine:
        return self._present.machine

    def _path(self, remote: str) -> Path:
        return self._machine.powered_boot().root / remote.lstrip("/")

    def _parcel(self, name: str) -> Path:
        if not name.isalnum():
            raise NodeError(f"{name!r} is no name of a parcel")
        return self._folder / f"parcel-{name}"


class _Sink:
    """Sends what a process prints on one of its streams to the harness."""

    def __init__(self, post: Post, process: int, stream: str) -> None:
        self._post = post
        self._about = {"process": process, "stream": stream}

    def take(self, at_ns: int, chunk: bytes) -> None:
        self._post({"event": "printed", **self._about, "at_ns": at_ns}, chunk)

    def end(self) -> None:
        self._post({"event": "silent", **self._about}, b"")


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Tell whoever probes under which address he is seen here."""
    writer.write(f"{writer.get_extra_info('peername')[0]}\n".encode())
    writer.close()


def _piece(path: Path, at: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read(_PIECE_BYTES)


def _expect_another(folder: Path) -> None:
    """Leave word, durably, that `remove` is not to remove anything, once.

    The software is made durable along with it, since a system may have unpacked it without a flush. The machine's
    disk is another file system, of which nothing is flushed.
    """
    (folder / _OUTAGE).touch()
    home = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        kernel.flush_file_system(home)
    finally:
        os.close(home)


def remove(folder: Path) -> None:
    """Remove all that a run made below the agent's folder, unless that run goes on after an outage."""
    if (folder / _OUTAGE).exists():
        (folder / _OUTAGE).unlink()
        return
    for path in folder.glob("parcel-*"):
        path.unlink(missing_ok=True)
    for name in ("machine", "software", "trial"):
        shutil.rmtree(folder / name, ignore_errors=True)
