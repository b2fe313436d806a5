"""`acked cluster`: what is done with machines beside running on them.

That is to bring virtual ones up and down, and to look after hosts. What the commands do is imported when they are
called.
"""

from collections.abc import Callable
from typing import Any

import click

from harness import cli_hosts
from harness.errors import UsageError
from harness.verdict import ExitCode


def _vagrant(command: Callable[..., Any]) -> Callable[..., Any]:
    """Have a command be told what makes its machines, which is Vagrant or nothing yet."""
    return click.option(
        "--vagrant", is_flag=True, required=True, expose_value=False, help="Virtual machines, by Vagrant."
    )(command)


@click.group()
def cluster() -> None:
    """Bring virtual machines up and down, and look after hosts."""


@cluster.command()
@_vagrant
@click.option("--nodes", type=click.IntRange(1, 99), default=3, show_default=True, help="How many machines.")
@click.option(
    "--provider",
    type=click.Choice(("libvirt", "virtualbox", "qemu")),
    default="libvirt",
    show_default=True,
    help="What runs them.",
)
@click.option(
    "--box",
    default="",
    metavar="BOX",
    help="A box file with its keys, `built` for the one that is built here, or the name of a public box.",
)
@click.option("--memory", "memory_mib", type=click.IntRange(min=192), metavar="MIB", help="Of each machine.")
def up(*, nodes: int, provider: str, box: str, memory_mib: int | None) -> int:
    """Bring the machines up; those that are there already stay."""
    from harness import cli_vagrant

    return cli_vagrant.up(nodes=nodes, provider=provider, box=box, memory_mib=memory_mib)


@cluster.command()
@_vagrant
def status() -> int:
    """Tell for each machine whether it is running; exit code 2 unless all are."""
    from harness import cli_vagrant

    return cli_vagrant.status()


@cluster.command(context_settings={"ignore_unknown_options": True})
@_vagrant
@click.argument("name")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def ssh(*, name: str, words: tuple[str, ...]) -> int:
    """Log in on a machine, or run a command there."""
    from harness import cli_vagrant

    return cli_vagrant.ssh(name, words)


@cluster.command()
@_vagrant
def reset() -> int:
    """Make the machines what they were when they came up."""
    from harness import cli_vagrant

    return cli_vagrant.reset()


@cluster.command()
@_vagrant
def down() -> int:
    """Remove the machines, their disks and their networks; does nothing where there are none."""
    from harness import cli_vagrant

    return cli_vagrant.down()


@cluster.command()
@click.option(
    "--machines", default=cli_hosts.KIND, show_default=True, metavar="KIND", help="Kind of machines."
)
@cli_hosts.options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def clean(*, machines: str, as_json: bool, **on_hosts: Any) -> int:
    """Heal hosts, end what runs there for Acked, and remove all that it made."""
    import asyncio

    import msgspec

    from harness import plugins
    from harness.hosts import CleansUp, OnHosts

    named = cli_hosts.read(on_hosts)
    if named is None:
        raise UsageError("no hosts are named: say which with --nodes-file or --node")
    kind = plugins.load("acked.machines", machines)
    on_these = kind.on_hosts(named.hosts) if isinstance(kind, OnHosts) else kind
    if not isinstance(on_these, CleansUp):
        raise UsageError(f"machines of kind {machines} leave nothing on hosts")
    found = asyncio.run(on_these.clean_up())
    if as_json:
        click.echo(
            msgspec.json.encode({"hosts": [{"host": host, "error": why} for host, why in found.items()]})
        )
    else:
        for host, why in found.items():
            click.echo(why or f"{host}: clean")
    return ExitCode.ERROR if any(found.values()) else ExitCode.HOLDS
