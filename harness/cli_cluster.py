"""`acked cluster`: virtual machines that stay up from one run to the next."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import NodeError, UsageError
from harness.verdict import ExitCode

if TYPE_CHECKING:
    from nodes.vagrant.lifecycle import VirtualMachines

BUILT = "built"
"""As `--box`: the one that vagrant/box/build makes."""


def _vagrant(command: Callable[..., Any]) -> Callable[..., Any]:
    """Have a command be told what makes its machines, which is Vagrant or nothing yet."""
    return click.option(
        "--vagrant", is_flag=True, required=True, expose_value=False, help="Virtual machines, by Vagrant."
    )(command)


@click.group()
def cluster() -> None:
    """Bring virtual machines up for `--machines vagrant`, and down again."""


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
    help=f"A box file with its keys, `{BUILT}` for the one that is built here, or the name of a public box.",
)
@click.option("--memory", "memory_mib", type=click.IntRange(min=192), metavar="MIB", help="Of each machine.")
def up(*, nodes: int, provider: str, box: str, memory_mib: int | None) -> int:
    """Bring the machines up; those that are there already stay."""
    from nodes.vagrant import settings
    from nodes.vagrant.lifecycle import VirtualMachines

    settings.project()
    begun = time.monotonic()
    emulate = provider == settings.Provider.LIBVIRT and _must_emulate()
    box_file, key, host_key = _box(box)
    wanted = settings.Settings(
        nodes=nodes,
        provider=settings.Provider(provider),
        box=box_file,
        key=key,
        host_key=host_key,
        emulate=emulate,
        memory_mib=memory_mib or (settings.EMULATED_MEMORY_MIB if emulate else settings.MEMORY_MIB),
    )
    there = settings.load(settings.CLUSTER)
    if there is not None and there != wanted:
        raise UsageError("a cluster with other settings is there: `acked cluster down --vagrant` first")
    asyncio.run(VirtualMachines(wanted, settings.CLUSTER).up(click.echo))
    click.echo(f"{nodes} machines are up after {time.monotonic() - begun:.0f} s")
    return ExitCode.HOLDS


@cluster.command()
@_vagrant
def status() -> int:
    """Tell for each machine whether it is running; exit code 2 unless all are."""
    machines = _there()
    states = asyncio.run(machines.vagrant.states())
    for name in machines.settings.names:
        click.echo(f"{name:<4} {states.get(name, 'unknown')}")
    running = all(states.get(name) == "running" for name in machines.settings.names)
    return ExitCode.HOLDS if running else ExitCode.INCONCLUSIVE


@cluster.command(context_settings={"ignore_unknown_options": True})
@_vagrant
@click.argument("name")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def ssh(*, name: str, words: tuple[str, ...]) -> int:
    """Log in on a machine, or run a command there."""
    from nodes.vagrant import command

    machines = _there()
    if name not in machines.settings.names:
        raise UsageError(f"no machine is called {name!r}: there are {', '.join(machines.settings.names)}")
    argv = [command.find("ssh"), "-F", str(machines.ssh_config), name, *words]
    return subprocess.run(argv, check=False).returncode


@cluster.command()
@_vagrant
def reset() -> int:
    """Make the machines what they were when they came up."""
    machines = _there()
    begun = time.monotonic()
    asyncio.run(machines.reset())
    click.echo(f"{machines.settings.nodes} machines are fresh after {time.monotonic() - begun:.1f} s")
    return ExitCode.HOLDS


@cluster.command()
@_vagrant
def down() -> int:
    """Remove the machines, their disks and their networks; does nothing where there are none."""
    from nodes.vagrant import settings
    from nodes.vagrant.lifecycle import VirtualMachines

    there = settings.load(settings.CLUSTER)
    if there is None:
        click.echo("no cluster is there")
    else:
        asyncio.run(VirtualMachines(there, settings.CLUSTER).down(click.echo))
    return ExitCode.HOLDS


def _there() -> "VirtualMachines":
    from nodes.vagrant import settings
    from nodes.vagrant.lifecycle import VirtualMachines

    there = settings.load(settings.CLUSTER)
    if there is None:
        raise UsageError("no cluster is there: `acked cluster up --vagrant` first")
    return VirtualMachines(there, settings.CLUSTER)


def _must_emulate() -> bool:
    """Tell whether processors must be emulated, and say what was found."""
    from nodes.vagrant import kvm

    found = kvm.probe()
    click.echo(found.why)
    return not found.usable


def _box(box: str) -> tuple[str, str, str]:
    """Return the box, the key that logs in on its machines and their host key, as `Settings` has them."""
    from nodes.vagrant import command, settings

    if box == BUILT:
        status, printed, complaint = asyncio.run(
            command.run([str(settings.PROJECT / "box" / "build")], silence_s=3600.0)
        )
        if status != 0:
            raise NodeError(f"vagrant/box/build failed: {complaint.strip()}")
        box = printed.strip()
        click.echo(f"box: {box}")
    if box.endswith(".box"):
        return settings.of_box_file(Path(box))
    return box, "", ""
