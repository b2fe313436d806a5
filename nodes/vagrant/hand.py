"""Does things on a virtual machine as root, by a program there that is started once and asked again and again.

It goes over an SSH connection of its own, on the management network. Starting Python on a machine whose
processor is emulated takes seconds; a request takes only what has to be done.
"""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import NodeError
from nodes.vagrant import archive, command

_REQUEST_S = 120.0
_START_S = 60.0

# The archive comes first on standard input, with its length on a line before it; requests follow.
_START = """
import io, sys, zipfile
size = int(sys.stdin.buffer.readline())
path = "/run/acked-hand.pyz"
with open(path, "wb") as file: file.write(sys.stdin.buffer.read(size))
sys.path.insert(0, path)
from nodes.vagrant.guest.__main__ import main
main()
"""


class Hand:
    """One machine's; it takes hold at the first request, and again at the next after it was lost."""

    def __init__(self, name: str, ssh_config: Path) -> None:
        self._name = name
        self._ssh_config = ssh_config
        self._process: asyncio.subprocess.Process | None = None
        self._busy = asyncio.Lock()

    async def ask(self, do: str, **arguments: Any) -> Any:
        """Have something done (`nodes.vagrant.guest`) and return the answer.

        Raises NodeError when it can't be done, or when the machine can't be reached or does not answer.
        """
        async with self._busy:
            if self._process is None or self._process.returncode is not None:
                self._process = await self._start()
            request = json.dumps({"do": do, **arguments}).encode()
            try:
                answer = await self._exchange(self._process, request, _REQUEST_S)
            except BaseException:
                await self._let_go()
                raise
        if "error" in answer:
            raise NodeError(f"{self._name}: {do}: {answer['error']}")
        return answer["answer"]

    async def let_go(self) -> None:
        """End the connection; before the machine loses its power, or at the end. Safe to call twice."""
        async with self._busy:
            await self._let_go()

    async def _start(self) -> asyncio.subprocess.Process:
        words = f"exec sudo --non-interactive python3 -I -c '{_START}'"
        process = await asyncio.create_subprocess_exec(
            command.find("ssh"),
            *("-F", str(self._ssh_config), "-o", "BatchMode=yes", "-o", f"ConnectTimeout={_START_S:.0f}"),
            *(self._name, words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C is not for it
            limit=1 << 20,
        )
        self._process = process
        assert process.stdin is not None, "it is a pipe"
        program = archive.build()
        process.stdin.write(f"{len(program)}\n".encode() + program)
        return process

    async def _exchange(
        self, process: asyncio.subprocess.Process, request: bytes, timeout_s: float
    ) -> dict[str, Any]:
        assert process.stdin is not None and process.stdout is not None, "both are pipes"
        try:
            async with asyncio.timeout(timeout_s):
                process.stdin.write(request + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
        except TimeoutError as error:
            raise NodeError(f"{self._name} does not answer for {timeout_s:g} s") from error
        except (BrokenPipeError, ConnectionResetError):
            line = b""
        if not line.endswith(b"\n"):
            assert process.stderr is not None, "it is a pipe"
            complaint = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
            raise NodeError(
                f"{self._name} can't be reached over SSH: {complaint[-1] if complaint else 'it is gone'}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
