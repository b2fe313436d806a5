"""Runs the machine's own programs."""

import os
import subprocess
from collections.abc import Sequence

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def call(*argv: str, text: str = "") -> str:
    """Run a program on `text` as its standard input and return what it printed; RuntimeError when it fails."""
    done = attempt(argv, text)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout


def succeeds(*argv: str) -> bool:
    """Run a program for its status alone."""
    return attempt(argv).returncode == 0


def attempt(argv: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program, whatever becomes of it."""
    environment = {**os.environ, "PATH": _PATH, "LC_ALL": "C"}
    return subprocess.run(argv, input=text, capture_output=True, check=False, env=environment, text=True)
