"""Run one node of the reference store: `python -m nodes.reference --help`."""

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from nodes.reference.host import ThreadedHost
from nodes.reference.options import parser, settings_from
from nodes.reference.program import Exit, run_node
from nodes.reference.settings import Settings


def main() -> int:
    """Start a node and serve until SIGTERM or SIGINT; return the exit status."""
    options_parser = parser()
    options = options_parser.parse_args()
    try:
        settings = settings_from(options)
    except ValueError as error:
        sys.stderr.write(f"{options_parser.prog}: {error}\n")
        return Exit.USAGE
    folder = Path(options.data)
    if options.resync and folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.before-resync-{time.time_ns()}"))
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    host = ThreadedHost(_report if options.events else _tell(settings.name))
    return _run(_serve(settings, folder, host))


def _run(coroutine: Coroutine[Any, Any, Exit]) -> Exit:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(coroutine)
    return uvloop.run(coroutine)


async def _serve(settings: Settings, folder: Path, host: ThreadedHost) -> Exit:
    task = asyncio.create_task(run_node(settings, folder, host))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return Exit.STOPPED


def _report(lines: bytes) -> None:
    """Write reports to standard output, at once and wholly: they must be out before what they announce."""
    while lines:
        lines = lines[os.write(1, lines) :]


def _tell(name: str) -> Callable[[bytes], None]:
    """Return what tells a person, on standard error, the events that matter to one."""

    def tell(lines: bytes) -> None:
        for line in lines.splitlines():
            event = json.loads(line)
            kind, _ = event.pop("event"), event.pop("at")
            if kind not in ("stored", "applied"):
                details = ", ".join(f"{key} {value}" for key, value in event.items())
                sys.stderr.write(f"{name}: {kind}: {details}\n")

    return tell


if __name__ == "__main__":
    sys.exit(main())
