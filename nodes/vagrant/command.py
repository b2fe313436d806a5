"""Runs programs of the host's (vagrant, virsh, ssh) that may take long, or hang."""

import asyncio
import os
import shlex
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from harness.errors import MissingError, NodeError
from nodes.local.programs import search_path

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
    stderr = asyncio.create_task(process.stderr.read())
    lines: list[str] = []
    try:
        while True:
            async with asyncio.timeout(silence_s):
                line = await process.stdout.readline()
            if not line:
                break
            lines.append(line.decode(errors="replace"))
            on_line(lines[-1].rstrip("\n"))
        async with asyncio.timeout(silence_s):
            complaint = (await stderr).decode(errors="replace")
            status = await process.wait()
    except TimeoutError as error:
        raise NodeError(f"{shlex.join(argv)} said nothing for {silence_s:g} s, and was stopped") from error
    finally:
        await _end(process)
        stderr.cancel()
    return status, "".join(lines), complaint


async def _end(process: asyncio.subprocess.Process) -> None:
    """End what still runs, with all that it started."""
    if process.returncode is not None:
        return
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
                return
