"""`acked cluster`: what is done with hosts beside running on them."""

from typing import Any

import click

from harness import cli_hosts
from harness.errors import UsageError
from harness.verdict import ExitCode


@click.group()
def cluster() -> None:
    """Look after the hosts that runs are made on."""


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
