"""Reads what `vagrant ssh-config` prints, and writes one for OpenSSH that checks host keys."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from harness.errors import NodeError


class Host(Struct, frozen=True, kw_only=True):
    """How to log in on a machine: its name, where it listens for SSH, as whom, with which private keys."""

    name: str
    address: str
    port: int
    user: str
    keys: tuple[str, ...]

    @property
    def known_as(self) -> str:
        """How OpenSSH's known_hosts calls it."""
        return self.address if self.port == 22 else f"[{self.address}]:{self.port}"


def parse(text: str) -> tuple[Host, ...]:
    """Return the hosts in the order in which they are told; raises NodeError for what can't be read."""
    blocks: list[tuple[str, dict[str, list[str]]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            keyword, *values = shlex.split(line) or [""]
        except ValueError as error:
            raise NodeError(f"line {number} of what `vagrant ssh-config` printed: {error}: {line}") from error
        if keyword == "Host":
            blocks.append((" ".join(values), {}))
        elif keyword and blocks:
            blocks[-1][1].setdefault(keyword.lower(), []).extend(values)
    return tuple(_host(name, said) for name, said in blocks)


def render(hosts: Iterable[Host], known_hosts: Path) -> str:
    """Return an OpenSSH configuration for hosts whose keys must be those in `known_hosts`."""
    lines = []
    for host in hosts:
        lines += [
            f"Host {host.name}",
            f"  HostName {host.address}",
            f"  Port {host.port}",
            f"  User {host.user}",
            *(f'  IdentityFile "{key}"' for key in host.keys),
            "  IdentitiesOnly yes",
            "  PasswordAuthentication no",
            "  StrictHostKeyChecking yes",
            f'  UserKnownHostsFile "{known_hosts}"',
            "  LogLevel ERROR",
            "",
        ]
    return "\n".join(lines)


def render_known_hosts(hosts: Iterable[Host], keys: Mapping[str, Iterable[str]]) -> str:
    """Return known_hosts for machines whose public keys (`type base64 [comment]`) are given by name."""
    lines = (f"{host.known_as} {' '.join(key.split()[:2])}\n" for host in hosts for key in keys[host.name])
    return "".join(lines)


def _host(name: str, said: Mapping[str, list[str]]) -> Host:
    try:
        return Host(
            name=name,
            address=said["hostname"][0],
            port=int(said["port"][0]),
            user=said["user"][0],
            keys=tuple(said["identityfile"]),
        )
    except (KeyError, IndexError, ValueError) as error:
        raise NodeError(f"`vagrant ssh-config` does not tell how to log in on {name}: {error}") from error
