"""The first thing that runs on a machine: takes the agent's code and becomes the agent's end of the channel.

Its source goes onto the command line (`python3 -c`), so it is short, and any Python from 3.6 on must understand
it: an old one has to say that it is too old. It reads its input byte by byte, since what follows is not for it.
What it says begins with MARK, because login shells may say something, too.

Arguments: the folder (empty: the usual one), the code's name, and sshd's SSH_CONNECTION. It says a line,
`{"have": whether that code is here}`, reads a line with the number of bytes to come (0 if none are needed) and so
many bytes, a zip file, and says `{"begins": true}`. Instead of either it may say `{"error": why not}`.
"""

import io
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

MARK = "acked:"
OURS = "made-by-acked"


def say(**what: object) -> None:
    """Tell the harness something."""
    os.write(1, (MARK + json.dumps(what) + "\n").encode())


def take() -> bytes:
    """Return what the harness sends."""
    size = b""
    while not size.endswith(b"\n"):
        size += os.read(0, 1) or b"\n"
    data = b""
    while len(data) < int(size):
        data += os.read(0, int(size) - len(data))
    return data


def main(directory: str, code: str, came_by: str) -> None:
    """Make the folder, take the code, and go on as the agent's end of the channel."""
    python = "{}.{}".format(*sys.version_info[:2])
    if sys.version_info < (3, 11):  # noqa: UP036 - whatever the host has runs this
        say(
            error=f"Python 3.11 or newer is needed, and {sys.executable} is {python}: name another by `python`"
        )
        return
    usual = Path("/var/lib/acked") if os.geteuid() == 0 else Path.home() / ".acked"
    folder = Path(directory) if directory else usual
    home, fresh = folder / f"agent-{code}", folder / f"agent-{code}.{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / OURS).exists():
            if any(folder.iterdir()):
                say(error=f"{folder} has something in it that Acked did not make: name another `directory`")
                return
            (folder / OURS).touch()
        say(have=home.is_dir())
        data = take()
        if data:
            zipfile.ZipFile(io.BytesIO(data)).extractall(fresh)
            fresh.replace(home)
    except OSError as error:
        undo(folder, fresh)  # first: whoever is told hangs up
        say(error=f"{error.filename or folder} can't be written: {error.strerror}")
        return
    say(begins=True)
    arguments = ["-I", "-S", str(home), "attach", str(folder), came_by]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - no shell is wanted


def undo(folder: Path, fresh: Path) -> None:
    """Remove what was made in vain."""
    shutil.rmtree(str(fresh), ignore_errors=True)
    if folder.is_dir() and [path.name for path in folder.iterdir()] == [OURS]:
        shutil.rmtree(str(folder), ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
