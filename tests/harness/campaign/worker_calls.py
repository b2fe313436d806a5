"""What tests let workers do: they import it from here."""

import os
import signal
import tempfile
import time
from pathlib import Path

from harness.campaign import work


def double(number: int) -> int:
    return 2 * number


def fail(text: str) -> None:
    raise ValueError(text)


def die_once(mark: str) -> str:
    """Die without a trace the first time."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die(mark: str) -> None:
    """Die each time, and leave a trace of each."""
    with Path(mark).open("a") as file:
        file.write("died\n")
    os.kill(os.getpid(), signal.SIGKILL)


def hang(seconds: float) -> None:
    """Take longer than the deadline."""
    with work.deadline(seconds):
        while True:
            pass


def litter(name: str) -> str:
    """Leave a file where temporary files go; return its path."""
    path = Path(tempfile.gettempdir()) / name
    path.write_text("left")
    return str(path)


def wait_for(mark: str) -> int:
    """Say that it is here, and wait to be killed or let go; return the worker's process."""
    started = Path(f"{mark}.{os.getpid()}")
    started.touch()
    end = time.monotonic() + 60
    while not Path(mark).exists():
        assert time.monotonic() < end, "nobody let this go"
        time.sleep(0.01)
    return os.getpid()
