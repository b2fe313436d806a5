"""Runs programs of the host's (vagrant, virsh, ssh) that may take long, or hang."""

import asyncio
import os
import shlex
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from harness.errors import MissingError, NodeError
from nodes.linux.programs import search_path

_GRACE_S = 30.0
"""What a program has after SIGINT to leave things in order, before it is killed."""

PACKAGES = {"vagrant": "vagrant", "virsh": "libvirt-clients", "ssh": "openssh-client"}
"""Debian's package for each program."""


def find(program: str) -> str:
    """Return the path of a program; raises MissingError that names the package to install."""
    found = shutil.which(program, path=search_path())
    if found is None:
        package = PACKAGES.get(program, program)
        raise MissingError(
            f"{program} is not installed: apt-get install {package} (or your system's package)"
        )
    return found


async def run(
    argv: Sequence[str],
    *,
    silence_s: float,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] = lambda _: None,
) -> tuple[int, str, str]:
    """Run a program to its end; return its exit status and what it printed on standard output and error.

    `on_line` is given each line of standard output as it comes. A program that prints nothing for `silence_s`
    hangs: it is interrupted, killed with all that it started if that does not help, and NodeError raised.
    Raises MissingError for a program that is not installed.
    """
    process = await asyncio.create_subprocess_exec(
        find(argv[0]),
        *argv[1:],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PATH": search_path(), **(env or {})},
        start_new_session=True,
        limit=1 << 20,
    )
    assert process.stdout is not None and process.stderr is not None, "both are pipes"
    complaint = asyncio.ensure_future(process.stderr.read())
    lines: list[str] = []
    try:
        async with asyncio.timeout(silence_s) as patience:
            while line := await process.stdout.readline():
                patience.reschedule(asyncio.get_running_loop().time() + silence_s)
                lines.append(line.decode(errors="replace"))
                on_line(lines[-1].rstrip("\n"))
            status = await process.wait()
    except TimeoutError as error:
        raise NodeError(f"{shlex.join(argv)} said nothing for {silence_s:g} s, and was stopped") from error
    finally:
        if process.returncode is None:
            await _end(process)
            await process.stdout.read()
        await complaint
    return status, "".join(lines), complaint.result().decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let a program end in order, then kill what is left of all that it started."""
    os.killpg(process.pid, signal.SIGINT)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
