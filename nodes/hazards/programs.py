"""Runs the machine's own programs."""

import os
import subprocess

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def call(*argv: str, text: str = "") -> str:
    """Run a program on `text` as its standard input and return what it printed; RuntimeError when it fails."""
    environment = {**os.environ, "PATH": _PATH, "LC_ALL": "C"}
    done = subprocess.run(argv, input=text, capture_output=True, check=False, env=environment, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout
