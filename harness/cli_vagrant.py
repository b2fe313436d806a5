"""What `acked cluster` does with virtual machines, and how it tells of them."""

import asyncio
import subprocess
import time
from pathlib import Path

import click

from harness.errors import NodeError, UsageError
from harness.verdict import ExitCode
from nodes.vagrant import command, kvm, settings
from nodes.vagrant.lifecycle import VirtualMachines
from nodes.vagrant.settings import Provider, Settings

_BUILD_S = 3600.0


def up(*, nodes: int, provider: str, box: str, memory_mib: int | None) -> int:
    """Bring the machines up; raises UsageError if others are there already."""
    settings.project()
    begun = time.monotonic()
    emulate = provider == Provider.LIBVIRT and _must_emulate()
    box_file, key, host_key = _box(box)
    wanted = Settings(
        nodes=nodes,
        provider=Provider(provider),
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


def status() -> int:
    """Tell each machine's state."""
    machines = _there()
    states = asyncio.run(machines.vagrant.states())
    for name in machines.settings.names:
        click.echo(f"{name:<4} {states.get(name, 'unknown')}")
    running = all(states.get(name) == "running" for name in machines.settings.names)
    return ExitCode.HOLDS if running else ExitCode.INCONCLUSIVE


def ssh(name: str, words: tuple[str, ...]) -> int:
    """Hand the terminal over to OpenSSH, and return its status."""
    machines = _there()
    if name not in machines.settings.names:
        raise UsageError(f"no machine is called {name!r}: there are {', '.join(machines.settings.names)}")
    argv = [command.find("ssh"), "-F", str(machines.ssh_config), name, *words]
    return subprocess.run(argv, check=False).returncode


def reset() -> int:
    """Go back to how the machines were when they came up."""
    machines = _there()
    begun = time.monotonic()
    asyncio.run(machines.reset())
    click.echo(f"{machines.settings.nodes} machines are fresh after {time.monotonic() - begun:.1f} s")
    return ExitCode.HOLDS


def down() -> int:
    """Remove the machines."""
    there = settings.load(settings.CLUSTER)
    if there is None:
        click.echo("no cluster is there")
    else:
        asyncio.run(VirtualMachines(there, settings.CLUSTER).down(click.echo))
    return ExitCode.HOLDS


def _there() -> VirtualMachines:
    there = settings.load(settings.CLUSTER)
    if there is None:
        raise UsageError("no cluster is there: `acked cluster up --vagrant` first")
    return VirtualMachines(there, settings.CLUSTER)


def _must_emulate() -> bool:
    """Tell whether processors must be emulated, and say what was found."""
    found = kvm.probe()
    click.echo(found.why)
    return not found.usable


def _box(box: str) -> tuple[str, str, str]:
    """Return the box, the key that logs in on its machines and their host key, as `Settings` has them."""
    if box == "built":
        build = [str(settings.PROJECT / "box" / "build")]
        status, printed, complaint = asyncio.run(command.run(build, silence_s=_BUILD_S))
        if status != 0:
            raise NodeError(f"vagrant/box/build failed: {complaint.strip()}")
        box = printed.strip()
        click.echo(f"box: {box}")
    if box.endswith(".box"):
        return settings.of_box_file(Path(box))
    return box, "", ""
