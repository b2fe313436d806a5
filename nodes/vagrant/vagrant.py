"""Vagrant's own command line, with progress and time-outs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.errors import NodeError
from nodes.vagrant import command, machine_readable, ssh_config
from nodes.vagrant.machine_readable import Message
from nodes.vagrant.settings import Settings, project
from nodes.vagrant.ssh_config import Host

SILENCE_S = 1000.0
"""Vagrant itself gives a machine up to 900 s to boot, without a word."""

OnProgress = Callable[[str], None]
"""Receives how far it is, in lines for people."""


class Vagrant:
    """Runs Vagrant for one cluster, whose folder is `folder`.

    All calls raise MissingError where Vagrant is not installed, and NodeError with Vagrant's own words when it
    fails.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._environment: Mapping[str, str] = {**settings.environment(folder)}

    async def up(self, on_progress: OnProgress) -> None:
        """Make the machines that are not there yet, start those that are off, and provision new ones."""
        await self._run(["up"], on_progress)

    async def states(self) -> Mapping[str, str]:
        """Return the state of each machine, in Vagrant's words (running, shutoff, not_created and so on)."""
        return machine_readable.states(await self._run(["status"]))

    async def ssh_hosts(self) -> Sequence[Host]:
        """Return how to log in on the machines, all of which must be running."""
        status, printed, complaint = await self._start(["ssh-config"])
        if status != 0:
            raise NodeError(f"vagrant ssh-config failed: {complaint.strip() or printed.strip()}")
        return ssh_config.parse(printed)

    async def say(self, name: str, words: str) -> str:
        """Run a command on a machine, through Vagrant's own SSH, and return what it printed."""
        status, printed, complaint = await self._start(["ssh", name, "--command", words])
        if status != 0:
            raise NodeError(f"{name}: {words!r} failed: {complaint.strip() or printed.strip()}")
        return printed

    async def halt(self, name: str) -> None:
        """Switch a machine off at once, without its help."""
        await self._run(["halt", "--force", name])

    async def start(self, name: str) -> None:
        """Switch a machine on that is there already, and wait until it can be logged in on."""
        await self._run(["up", "--no-provision", name])

    async def save_snapshot(self, name: str, label: str) -> None:
        """Keep how a machine is now, under a label."""
        await self._run(["snapshot", "save", "--force", name, label])

    async def restore_snapshot(self, name: str, label: str) -> None:
        """Make a machine what it was when the label was saved."""
        await self._run(["snapshot", "restore", "--no-provision", name, label])

    async def destroy(self, on_progress: OnProgress) -> None:
        """Remove all machines, their disks and their networks."""
        await self._run(["destroy", "--force"], on_progress)

    async def _run(
        self, arguments: Sequence[str], on_progress: OnProgress = lambda _: None
    ) -> Sequence[Message]:
        messages: list[Message] = []

        def read(line: str) -> None:
            message = machine_readable.parse(line)
            if message is not None:
                messages.append(message)
                told = machine_readable.progress(message)
                if told is not None:
                    on_progress(told)

        status, printed, complaint = await self._start([*arguments, "--machine-readable"], read)
        if status != 0:
            # A defect of a plug-in ends with a trace of Ruby's, whose first line says what went wrong.
            why = (
                machine_readable.failure(messages)
                or (complaint.strip() or printed.strip()).partition("\n")[0]
            )
            raise NodeError(f"vagrant {' '.join(arguments)} failed: {why}")
        return messages

    async def _start(
        self, arguments: Sequence[str], on_line: Callable[[str], None] = lambda _: None
    ) -> tuple[int, str, str]:
        project()
        return await command.run(
            ["vagrant", *arguments], silence_s=SILENCE_S, env=self._environment, on_line=on_line
        )
