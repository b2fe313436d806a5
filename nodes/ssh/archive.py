"""What is sent to machines before anything else: the agent, and the line that starts it."""

import functools
import shlex
from pathlib import Path

from nodes import packing
from nodes.agent import bootstrap
from nodes.packing import Package

_ROOT = Path(__file__).parents[2]
_SENT = (
    "harness/__init__.py",
    "harness/draws.py",
    "harness/errors.py",
    "harness/tasks.py",
    "nodes/__init__.py",
    "nodes/linux",
    "nodes/agent",
    "nodes/hazards",
)

PASSWORD_PROMPT = "acked asks for the password of sudo:"  # noqa: S105 - it is the question
"""What sudo says when it wants a password, so that nothing else is taken for that."""


@functools.cache
def agent_code() -> Package:
    """Return the agent's code, which runs as a folder that Python is given."""
    main = b"import sys\n\nfrom nodes.agent.__main__ import main\n\nmain(*sys.argv)\n"
    return packing.pack(_ROOT, _SENT, {"__main__.py": main})


def command(*, python: str, directory: str, sudo: bool, password: bool) -> str:
    """Return the shell command that starts the agent on a machine.

    With `password` sudo asks for one on standard input, with PASSWORD_PROMPT on standard error; no secret is
    part of the command. SSH_CONNECTION is for the login shell to fill in, since sudo would hide it.
    """
    source = Path(bootstrap.__file__).read_text()
    words = [python, "-I", "-S", "-c", source, directory, agent_code().name]
    if sudo:
        words = ["sudo", *(["-S", "-p", PASSWORD_PROMPT] if password else ["-n"]), "--", *words]
    return f'exec {shlex.join(words)} "$SSH_CONNECTION"'
