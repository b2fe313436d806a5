"""The options that name hosts to run on: `--nodes-file`, `--node`, and what goes with them."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.hosts import Hosts

KIND = "ssh"
"""The kind of machines that hosts are, unless another is named."""

F = TypeVar("F", bound=Callable[..., Any])

_PASSWORDS = {"ask_password": "ACKED_SSH_PASSWORD", "ask_sudo_password": "ACKED_SUDO_PASSWORD"}
_OPTIONS = (
    click.option(
        "--nodes-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Run on the hosts that this file lists.",
    ),
    click.option(
        "--node", "nodes_on", multiple=True, metavar="USER@HOST:PORT", help="Run on this host (repeatable)."
    ),
    click.option("--accept-new-host-keys", is_flag=True, help="Keep the key of a host that no file knows."),
    click.option("--ask-password", is_flag=True, help="Ask for the password of the hosts."),
    click.option("--ask-sudo-password", is_flag=True, help="Ask for the password of sudo on the hosts."),
)


class HostOptions(NamedTuple):
    """The hosts that were named, and the options by which another command is given the same."""

    hosts: "Hosts"
    arguments: tuple[str, ...]


def options(command: F) -> F:
    """Give a command the options; what they say is for `read`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read(given: dict[str, Any]) -> HostOptions | None:
    """Take the options out of a command's; None when no hosts are named. Raises UsageError.

    Passwords that are asked for here go into the environment, where those who log in look for them, and
    nowhere else.
    """
    from msgspec.structs import replace

    from harness import schema_hosts

    path: Path | None = given.pop("nodes_file")
    nodes: Sequence[str] = given.pop("nodes_on")
    accept: bool = given.pop("accept_new_host_keys")
    asked = [variable for option, variable in _PASSWORDS.items() if given.pop(option)]
    if path is None and not nodes:
        if accept or asked:
            raise UsageError("no hosts are named: say which with --nodes-file or --node")
        return None
    if path is not None and nodes:
        raise UsageError("hosts are named by --nodes-file or by --node, not by both")
    hosts = schema_hosts.load(path) if path is not None else schema_hosts.of_options(nodes)
    for variable in asked:
        os.environ[variable] = click.prompt(variable, hide_input=True, err=True)
    again = ["--nodes-file", str(path.resolve())] if path is not None else []
    again += [part for node in nodes for part in ("--node", node)]
    return HostOptions(
        hosts=replace(hosts, accept_new=hosts.accept_new or accept),
        arguments=(*again, *(["--accept-new-host-keys"] if accept else [])),
    )


def one_at_a_time(jobs: int | None) -> int:
    """Return how many runs may be on the same machines at a time; raises UsageError for more."""
    if jobs is not None and jobs > 1:
        raise UsageError(f"--jobs {jobs}: on these machines there is one run at a time")
    return 1
