"""Whether a host is the one it should be: its key against the known ones, of the cluster and of the user.

Keys that are not known are refused, or, where the user said so, kept on first use. A key that is not the one
that is known is always refused, with both fingerprints and the file that holds the known one.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Never

import paramiko

from harness.errors import FolderError, NodeError

_keeping = threading.Lock()
"""Machines log in at the same time, and share the file."""


class UnknownKeyError(NodeError):
    """No file knows the host."""


class Refuse(paramiko.RejectPolicy):
    """Refuses hosts that no file knows, and says how to make one known."""

    def __init__(self, own: Path) -> None:
        self._own = own

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> Never:
        """Raise UnknownKeyError."""
        raise UnknownKeyError(
            f"the host key of {hostname} is not known: {described(key)}; compare it with the one on the host "
            f"(ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub), then add it to {self._own} (ssh-keyscan), or say "
            "--accept-new-host-keys"
        )


class Accept(paramiko.MissingHostKeyPolicy):
    """Keeps the key of a host that no file knows in the cluster's own file."""

    def __init__(self, own: Path) -> None:
        self._own = own

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Append the key to the file; raises FolderError when that can't be written."""
        line = f"{hostname} {key.get_name()} {key.get_base64()}\n"
        try:
            with _keeping:
                self._own.parent.mkdir(parents=True, exist_ok=True)
                with self._own.open("a") as file:
                    file.write(line)
        except OSError as error:
            raise FolderError(f"{self._own}: can't be written: {error.strerror or error}") from error


def trust(client: paramiko.SSHClient, files: Sequence[Path], *, own: Path, accept_new: bool) -> None:
    """Let a client know the keys in `files` that exist, and what to do with others."""
    for file in files:
        if file.is_file():
            client.load_system_host_keys(str(file))
    client.set_missing_host_key_policy((Accept if accept_new else Refuse)(own))


def changed(error: paramiko.BadHostKeyException, files: Sequence[Path]) -> str:
    """Return what to say of a host whose key is not the known one."""
    holding = [str(file) for file in files if _holds(file, error.expected_key)]
    return (
        f"the host key of {error.hostname} is {described(error.key)}, but {' and '.join(holding)} "
        f"{'has' if len(holding) == 1 else 'have'} {described(error.expected_key)}: if the host was set up anew, "
        "remove that line; if not, somebody may be listening in between"
    )


def described(key: paramiko.PKey) -> str:
    """Return a key as people compare it: its type and fingerprint."""
    return f"{key.get_name()} {key.fingerprint}"


def _holds(file: Path, key: paramiko.PKey) -> bool:
    return file.is_file() and key.get_base64() in file.read_text(errors="replace")
