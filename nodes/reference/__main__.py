"""Run one node of the reference store: `python -m nodes.reference --help`."""

import asyncio
import contextlib
import enum
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from nodes.reference.options import parser, settings_from
from nodes.reference.server import FatalError, Server
from nodes.reference.settings import Settings
from nodes.reference.storage import Storage
from nodes.reference.wal import RefusedError


class Exit(enum.IntEnum):
    """Why a node ended."""

    USAGE = 64
    DAMAGED = 65
    ADDRESS = 69
    DISK = 74
    IN_USE = 75


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
    try:
        storage = Storage(folder, settings)
    except RefusedError as error:
        if options.events:
            _report(_line("damaged", reason=str(error)))
        return _end(settings, Exit.DAMAGED, f"{error}; see --resync")
    except BlockingIOError:
        return _end(settings, Exit.IN_USE, f"another process uses {folder}")
    except OSError as error:
        return _end(settings, Exit.DISK, f"{folder} can't be used: {error}")
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    try:
        _run(_serve(settings, storage, events=options.events))
    except FatalError as error:
        return _end(settings, Exit.DISK, str(error))
    except OSError as error:
        return _end(settings, Exit.ADDRESS, f"can't listen: {error}")
    return 0


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(coroutine)
    else:
        uvloop.run(coroutine)


async def _serve(settings: Settings, storage: Storage, *, events: bool) -> None:
    me = settings.members[settings.names.index(settings.name)]
    server = Server(settings, storage, report=_report if events else _tell(settings.name))
    task = asyncio.create_task(server.run(me.host, me.port))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _report(lines: bytes) -> None:
    """Write reports to standard output, at once and wholly: they must be out before what they announce."""
    while lines:
        lines = lines[os.write(1, lines) :]


def _line(event: str, **details: object) -> bytes:
    return json.dumps({"event": event, "at": time.monotonic_ns(), **details}).encode() + b"\n"


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


def _end(settings: Settings, status: Exit, why: str) -> Exit:
    sys.stderr.write(f"{settings.name}: {why}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
