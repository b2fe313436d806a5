"""A node from its start to its end: open what its disk holds, serve, and say why it ended."""

import enum
import json
from pathlib import Path

from nodes.reference.host import Host
from nodes.reference.server import Server
from nodes.reference.settings import Settings
from nodes.reference.storage import FatalError, Storage
from nodes.reference.wal import RefusedError


class Exit(enum.IntEnum):
    """Why a node ended."""

    STOPPED = 0
    USAGE = 64
    DAMAGED = 65
    ADDRESS = 69
    DISK = 74
    IN_USE = 75


async def run_node(settings: Settings, folder: Path, host: Host) -> Exit:
    """Run a node until it is cancelled (raises CancelledError) or can't go on; return why."""

    def ended(status: Exit, why: str) -> Exit:
        host.log(f"{settings.name}: {why}")
        return status

    try:
        storage = Storage(folder, settings, files=host.files, identity=host.new_identity())
    except RefusedError as error:
        event = {"event": "damaged", "at": host.now_ns(), "reason": str(error)}
        host.report(json.dumps(event).encode() + b"\n")
        return ended(Exit.DAMAGED, f"{error}; see --resync")
    except BlockingIOError:
        return ended(Exit.IN_USE, f"another process uses {folder}")
    except OSError as error:
        return ended(Exit.DISK, f"{folder} can't be used: {error}")
    me = settings.members[settings.names.index(settings.name)]
    try:
        await Server(settings, storage, host=host).run(me.host, me.port)
    except FatalError as error:
        return ended(Exit.DISK, str(error))
    except OSError as error:
        return ended(Exit.ADDRESS, f"can't listen: {error}")
    return Exit.STOPPED
