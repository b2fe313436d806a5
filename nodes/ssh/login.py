"""Logs in to a host, as OpenSSH's client would: its configuration, keys, agent, and the check of host keys.

Blocking: call it in a thread. Whatever goes wrong is a NodeError of one line that says what to do. Passwords come
from the environment (PASSWORD, PASSPHRASE, SUDO_PASSWORD), and are put nowhere else.
"""

import logging
import os
import socket
from pathlib import Path
from typing import Any

import fabric
import paramiko
from invoke.exceptions import Failure

from harness.errors import AckedError, NodeError, UsageError
from harness.hosts import Host, Hosts
from nodes.ssh import host_keys

PASSWORD = "ACKED_SSH_PASSWORD"  # noqa: S105 - a variable's name
PASSPHRASE = "ACKED_SSH_PASSPHRASE"  # noqa: S105
SUDO_PASSWORD = "ACKED_SUDO_PASSWORD"  # noqa: S105

_CONNECT_S = 15
"""How long a TCP connection may take to be made."""
_STEP_S = 30.0
"""How long each further step of a login may take: a machine that is emulated needs seconds."""
_KEEPALIVE_S = 15

# What it has to say comes as exceptions; without a handler it would be printed, too.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Login:
    """A way in to one host. `connect` may be called again and again."""

    def __init__(self, name: str, host: Host, hosts: Hosts) -> None:
        self._name = name
        self._host = host
        self._hosts = hosts
        self._own = Path(hosts.known_hosts) if hosts.known_hosts else own_known_hosts()

    @property
    def words(self) -> str:
        """The node and the host as messages call them."""
        return f"{self._name} ({self._host.words})"

    def reached_at(self) -> str:
        """Return the name or address at which the host is reached, as ssh_config has it; raises UsageError."""
        return str(self._connection().host)

    def connect(self) -> fabric.Connection:
        """Return a connection that is open; raises NodeError."""
        connection = self._connection()
        files = self._files(connection)
        try:
            self._trust(connection, files)
            connection.open()
        except AckedError as error:
            connection.close()
            raise type(error)(f"{self.words}: {error}") from error
        except Exception as error:
            connection.close()
            raise NodeError(f"{self.words}: {_complaint(error, connection, files)}") from error
        transport = connection.client.get_transport()
        assert transport is not None, "an open connection has a transport"
        transport.set_keepalive(_KEEPALIVE_S)
        return connection

    def _connection(self) -> fabric.Connection:
        try:
            config = fabric.Config(lazy=True, runtime_ssh_path=self._hosts.ssh_config or None)
            config.load_ssh_config()
        except (OSError, paramiko.SSHException) as error:
            raise UsageError(
                f"{self._hosts.ssh_config or '~/.ssh/config'}: can't be read: {error}"
            ) from error
        return fabric.Connection(
            self._host.host,
            user=self._host.user or None,
            port=self._host.port or None,
            config=config,
            connect_timeout=_CONNECT_S,
            connect_kwargs=self._ways(config.base_ssh_config.lookup(self._host.host)),
        )

    def _ways(self, said: paramiko.SSHConfigDict) -> dict[str, Any]:
        """Return how to authenticate: what was named, and unless ssh_config forbids it, what OpenSSH tries."""
        only = said.get("identitiesonly", "no") == "yes"
        ways: dict[str, Any] = {
            "allow_agent": not only,
            "look_for_keys": not only,
            "banner_timeout": _STEP_S,
            "auth_timeout": _STEP_S,
            "channel_timeout": _STEP_S,
            "password": os.environ.get(PASSWORD),
            "passphrase": os.environ.get(PASSPHRASE),
        }
        return {**ways, "key_filename": [self._host.identity]} if self._host.identity else ways

    def _files(self, connection: fabric.Connection) -> list[Path]:
        """Return the files of known host keys, the cluster's own first."""
        said = connection.ssh_config.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
        usual = [*said.split(), "/etc/ssh/ssh_known_hosts"]
        return [self._own, *(Path(name).expanduser() for name in usual)]

    def _trust(self, connection: fabric.Connection, files: list[Path]) -> None:
        """Check the host keys of the host and of all hosts on the way there alike."""
        hop: Any = connection
        while isinstance(hop, fabric.Connection):
            host_keys.trust(hop.client, files, own=self._own, accept_new=self._hosts.accept_new)
            hop = hop.gateway


def own_known_hosts() -> Path:
    """Return the file of host keys that is used where the user names none."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(config).expanduser() / "acked" / "known_hosts"


def _complaint(error: Exception, connection: fabric.Connection, files: list[Path]) -> str:
    place = f"{connection.host}:{connection.port}"
    match error:
        case paramiko.BadHostKeyException():
            return host_keys.changed(error, files)
        case paramiko.PasswordRequiredException():
            return f"its key is encrypted: add it to an agent (ssh-add), or set {PASSPHRASE}"
        case paramiko.AuthenticationException():
            return (
                f"{connection.user} is refused at {place}: none of the keys was accepted"
                f"{', nor the password' if os.environ.get(PASSWORD) else ''} ({error})"
            )
        case socket.gaierror():
            return f"{connection.host} is not known: {error.strerror}"
        case TimeoutError():
            return f"no answer from {place} within {_CONNECT_S} s"
        case OSError():
            return f"{place} can't be reached: {error.strerror or error}"
        case Failure():
            return f"the way to {place} failed: {error}"
    return f"no connection to {place}: {error or type(error).__name__}"
