"""What the engine, the faults and the systems may ask of a machine, whatever its kind.

`Machine` and `Cluster` are what every kind offers. Further abilities are protocols of their own: ask with
`isinstance`; a cluster that lacks one says why in `missing`.
"""

import enum
import signal
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct

from harness.clock import Time

CLIENTS = "clients"
"""The name of the place where the harness's own clients are, as a corner of the network."""

MACHINE = "machine"
"""What stands for the machine itself where a process is named."""

Link = tuple[str, str]
"""A direction of traffic: (from, to), machine names or CLIENTS."""

OnLine = Callable[[int, bytes], None]
"""Receives each line a process prints: CLOCK_MONOTONIC at arrival in ns, and the line without its end."""

OnMachineLine = Callable[[str, int, bytes], None]
"""As OnLine, for the processes of a whole cluster: the machine's name comes first."""


class Death(Struct, frozen=True, kw_only=True):
    """A supervised process ended that nobody had ended: no fault, no `stop`, and nobody waited for it.

    `process` is the name it was started under, or MACHINE when the machine itself is gone with all that ran
    on it. `status` is its exit status (negative: the signal; a machine takes all with it by SIGKILL),
    `last_line` what it said last on its standard error, and `log` the file with all that it said, below the
    run's folder. `at_ns` is CLOCK_MONOTONIC where a machine tells it, and nanoseconds since the history's
    origin once it is kept with a run.
    """

    node: str
    process: str
    at_ns: int
    status: int
    last_line: str = ""
    log: str = ""

    @property
    def words(self) -> str:
        """What happened, in one line without the time."""
        if self.process == MACHINE:
            what = f"the machine {self.node} is gone, with all that ran on it"
        else:
            what = f"{self.process} on {self.node} {_ending(self.status)}"
        said = f": {self.last_line}" if self.last_line else ""
        return f"{what}{said}" + (f" ({self.log})" if self.log else "")


def _ending(status: int) -> str:
    """Return how a process ended, in words, from its exit status (negative: the signal)."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


OnDeath = Callable[[Death], None]
"""Receives each death as soon as it is known."""


class ClockSample(Struct, frozen=True, kw_only=True):
    """How a machine's clock compares with the harness's: one measurement, by asking for the time.

    At `at_ns` of the harness's CLOCK_MONOTONIC the machine's was ahead by `ahead_ns`, give or take `error_ns`:
    half of the time that the answer took (Cristian, 1989), which bounds the error for sure. `start` tells which
    start of the machine's kernel it was: its clock begins anew with each. The first comparison after a start comes
    before anything runs there.
    """

    at_ns: int
    ahead_ns: int
    error_ns: int
    start: str = ""


OnClock = Callable[[str, ClockSample], None]
"""Receives a machine's name and how its clock compares with the harness's."""


class ClusterConfig(Struct, frozen=True, kw_only=True):
    """What a kind of machines needs to know to build a cluster.

    `folder` is the run's folder: the output of supervised processes is kept in `folder/logs/<machine>/`, and
    what the machines need while they run lives in `folder/machines/`. `ip` is 4 or 6. `seed` is the
    scenario's, for machines that leave something to chance.

    `on_line` is given every line that any supervised process prints on its standard output, beside the
    `on_line` of that process's own `start`: so the harness keeps what nodes report about themselves without
    the system's help. `on_death` is told of every supervised process that dies by itself, so that no node is
    missing without a word. `on_clock` is told again and again how the clocks of machines compare that have their
    own. All are called on the event loop, must not block, and must not raise.
    """

    names: tuple[str, ...]
    folder: Path
    ip: int = 4
    seed: int = 0
    on_line: OnMachineLine | None = None
    on_death: OnDeath | None = None
    on_clock: OnClock | None = None


class Completed(Struct, frozen=True, kw_only=True):
    """A command that ended: its exit status and what it printed."""

    returncode: int
    stdout: bytes
    stderr: bytes


class Process(Protocol):
    """A supervised process: its output is kept in a log and passed on line by line."""

    @property
    def name(self) -> str:
        """The name under which it was started."""

    @property
    def returncode(self) -> int | None:
        """Its exit status (negative: the signal), or None while it runs."""

    async def wait(self) -> int:
        """Wait for its end and return its exit status; the end is no `Death` then, but the caller's to judge."""

    async def stop(self, *, grace_s: float = 2.0) -> None:
        """Ask it to end (SIGTERM), and kill it after `grace_s`."""


class Machine(Protocol):
    """A host that runs one member of the cluster.

    `directory` is an absolute path on the machine for the system's data: it survives kills and, as far as
    it was flushed, power cuts. `address` is reachable from every machine and from the clients.
    """

    @property
    def name(self) -> str:
        """Its name in the cluster (n1, n2, …)."""

    @property
    def address(self) -> str:
        """Its IP address on the cluster's network."""

    @property
    def directory(self) -> str:
        """Where the system keeps its data."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a command on the machine to its end; raises NodeError when it can't or takes too long."""

    async def put(self, local: Path, remote: str) -> None:
        """Copy a file to `remote`, a path on the machine; its folders are made."""

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file, or a folder with all in it, from the machine."""

    async def exists(self, remote: str) -> bool:
        """Tell whether there is a file or a folder at a path on the machine."""

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
    ) -> Process:
        """Start a supervised process; its standard output and error go to the machine's log of that name.

        Lines of standard output are also given to `on_line` as they arrive.
        """

    async def alive(self) -> Collection[int]:
        """Return the ids of all processes that now run on the machine for the system under test."""


@runtime_checkable
class Kill(Protocol):
    """Can end every process of the system on the machine at once, the page cache left intact."""

    async def kill(self) -> Collection[int]:
        """Kill with SIGKILL, all at the same instant, and return the ids of those that were running."""


@runtime_checkable
class Pause(Protocol):
    """Can stop every process of the system on the machine and let it go on."""

    async def pause(self) -> None:
        """Stop all processes; returns once none of them can run."""

    async def resume(self) -> None:
        """Let all of them go on."""

    async def stopped(self) -> bool:
        """Tell, from the kernel's own records, whether there are processes and all of them are stopped."""


@runtime_checkable
class PowerCut(Protocol):
    """Can lose power: all processes at once, the network silent, and whatever was not flushed gone."""

    async def cut_power(self) -> None:
        """Cut the power; returns when nothing of the machine runs."""

    async def restore_power(self) -> None:
        """Start the machine again with what its disk held; processes are not started."""

    async def powered(self) -> bool:
        """Tell whether the machine is on."""


@runtime_checkable
class OwnKernel(Protocol):
    """Has a kernel of its own, which can be made to panic; `PowerCut` then gives the machine a new start."""

    async def panic(self) -> str:
        """Let the kernel panic; return, once it has, what it said of that on its console.

        From then on the machine counts as without power, though it still has it: `restore_power` resets it.
        """


class Point(enum.StrEnum):
    """A step of a process on the way to an acknowledgement, as seen from outside of it."""

    WRITE = "write"
    """Before it writes to a file."""
    FLUSH = "flush"
    """Before a flush begins."""
    FLUSHED = "flushed"
    """After a flush is done, before the process knows."""
    SEND = "send"
    """Before it sends something to another node."""
    REPLY = "reply"
    """Before it answers a client."""
    ANY = "any"
    """Before any of these."""


@runtime_checkable
class CrashPoints(Protocol):
    """Can crash its processes in the middle of what they do, at a step that they are about to take."""

    async def crash_at(self, point: Point, *, count: int, power: bool, within_s: float) -> Collection[int]:
        """Let all processes die when one reaches `point` for the `count`th time from now on.

        With `power` the machine loses its power there. Returns the ids of those that died; none if the point
        was not reached `within_s`.
        """


@runtime_checkable
class DiskLoss(Protocol):
    """Can lose its disk for good."""

    async def wipe(self) -> None:
        """Kill every process and replace the disk by a blank one; after an error, to be called again."""

    async def disk_identity(self) -> str:
        """Return what tells this disk from its successor (a file system's UUID, a folder's inode)."""


@runtime_checkable
class SealedDisk(Protocol):
    """Has a disk that was made for this run, and that nobody but the machine, and faults, can write to."""

    @property
    def seal(self) -> str:
        """Return what keeps others out, in words."""


@runtime_checkable
class Switch(Protocol):
    """Can refuse traffic between places of the network, by direction, outside the machines."""

    async def cut(self, key: str, links: Collection[Link]) -> None:
        """Drop all packets on `links`, of every protocol, under the name `key`; cuts add up."""

    async def mend(self, key: str) -> None:
        """Remove what `cut` added under `key`; links that another key cuts stay cut."""

    async def dropped(self) -> Mapping[Link, int]:
        """Return how many packets were dropped so far on each link that is cut now; probes do not count."""


class Weather(Struct, frozen=True, kw_only=True):
    """What a link does to packets beside what it always does.

    Each takes `delay_ns` longer, and up to `jitter_ns` more. `loss`, `duplicate` and `reorder` are shares of the
    packets: lost, delivered twice, held back so that later ones overtake them. `bytes_per_s` is as much as
    gets through; 0 is no limit.
    """

    delay_ns: int = 0
    jitter_ns: int = 0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    bytes_per_s: int = 0


class Mischief(Struct, frozen=True, kw_only=True):
    """How many packets weather has delayed, lost, duplicated, reordered and throttled; probes do not count."""

    delayed: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    throttled: int = 0


@runtime_checkable
class BadWeather(Protocol):
    """Can delay, lose, repeat, overtake and throttle packets between places of the network, by direction."""

    async def disturb(self, key: str, links: Collection[Link], weather: Weather) -> None:
        """Let there be weather on `links`, under the name `key`; that of several keys adds up."""

    async def calm(self, key: str) -> None:
        """End the weather of a key. Safe to call twice."""

    async def disturbed(self) -> Mapping[Link, Mischief]:
        """Return what weather has done so far on each link where there is some now."""


@runtime_checkable
class Clog(Protocol):
    """Can keep all packets between places of the network, by direction, and let them go in one burst."""

    async def clog(self, key: str, links: Collection[Link]) -> None:
        """Keep all packets on `links` from now on, under the name `key`."""

    async def unclog(self, key: str) -> None:
        """Let go, in order and at one instant, what no other key keeps. Safe to call twice."""

    async def held(self) -> Mapping[Link, int]:
        """Return how many packets were kept so far on each link that is clogged now; probes do not count."""


@runtime_checkable
class Reset(Protocol):
    """Can break connections between places of the network, as a firewall that forgets them does."""

    async def connections(self, one: str, other: str) -> Collection[int]:
        """Return the connections that are open between two places; a number stands for one, and never for two."""

    async def reset(self, one: str, other: str) -> None:
        """Break all of them at this instant; both ends are told, and what was on its way is lost."""


class DiskFault(enum.StrEnum):
    """What can be wrong with a disk."""

    LYING_FLUSH = "lying flush"
    """Flushes return, but make nothing durable. What they left out becomes durable when the fault ends."""
    FLUSH_ERROR = "flush error"
    """The next flush of a file fails (EIO), once; what it should have written is never written."""
    FULL = "full"
    """There is room for no more than `amount` bytes."""
    SLOW = "slow"
    """Each flush takes `amount` nanoseconds longer."""
    LOST_WRITE = "lost write"
    """The next write is shown while the machine has power, but never becomes durable."""
    MISDIRECTED_WRITE = "misdirected write"
    """The next write becomes durable at a wrong place of its file, and destroys what was there."""


class DiskProbe(Struct, frozen=True, kw_only=True):
    """What became of a small file that was written and flushed.

    `error` is empty if all went well, `took_ns` how long the flush took, `durable` whether it outlives the power.
    """

    error: str = ""
    took_ns: int
    durable: bool


@runtime_checkable
class FaultyDisk(Protocol):
    """Has a disk that can be made to fail in the ways of `DiskFault`."""

    async def break_disk(self, key: str, fault: DiskFault, *, amount: int = 0) -> None:
        """Let the disk have a fault from now on, under the name `key`; faults add up."""

    async def mend_disk(self, key: str) -> bool:
        """End the fault of a key, and tell whether no other key keeps the same. Safe to call twice.

        A fault that strikes once and has not yet is withdrawn; what rotted or was lost stays so.
        """

    async def disk_bites(self) -> Mapping[DiskFault, int]:
        """Return how often each fault has changed what happened on this machine; probes do not count."""

    async def probe_disk(self) -> DiskProbe:
        """Write, flush and remove a file, and tell what became of it. Faults that strike once are left alone."""


@runtime_checkable
class RottingDisk(Protocol):
    """Has a disk on which bits can flip."""

    async def rot(self, bits: int) -> int:
        """Flip bits of what is durable, drawn among all that there is; return how many show in its files.

        Raises NodeError where the disk can't be looked at without power.
        """


@runtime_checkable
class DetachableDisk(Protocol):
    """Has a disk that can be pulled out while the machine runs."""

    async def detach_disk(self) -> str:
        """Pull it out: from now on all reads and writes fail. Returns what a probe of the disk gets to hear."""

    async def attach_disk(self) -> None:
        """Put it in again. All processes end, and the file system is mounted anew, as in a restart.

        What was not flushed before the disk was pulled out is lost. Safe to call twice.
        """

    async def disk_refusals(self) -> int:
        """Return how many flushes have failed because the disk was not there; probes do not count."""


class CacheContents(Struct, frozen=True, kw_only=True):
    """What a write cache did: how many writes and flushes it took, and how many writes it lost with the power."""

    writes: int
    flushes: int
    forgotten: int


@runtime_checkable
class WriteCache(Protocol):
    """Has a disk that can be given a volatile write cache, which keeps what was flushed, and nothing else."""

    async def begin_caching(self, *, lost_flushes: int = 0) -> None:
        """Let the disk have the cache from now on; so many of the last flushes it will have lied about."""

    async def cached(self) -> int:
        """Return how many writes and flushes the cache has taken since; 0 without one."""

    async def lose_cache(self) -> CacheContents:
        """Lose the power, and with it what was written after the last flush; the machine is on again then.

        All processes end. Without a cache, does the same, and returns zeros.
        """


class ClockReading(Struct, frozen=True, kw_only=True):
    """What a machine's clocks show: the monotonic one, and the wall clock in nanoseconds since 1970."""

    monotonic_ns: int
    wall_ns: int


@runtime_checkable
class Clocks(Protocol):
    """Has clocks of its own, which can be wrong."""

    async def set_drift(self, key: str, ppm: int) -> None:
        """Let all clocks of the machine run `ppm` millionths too fast (negative: too slow; 0: right again).

        Drifts under several keys add up.
        """

    async def jump_clock(self, by_ns: int) -> None:
        """Set the wall clock forward, or back; the monotonic one goes on."""

    async def read_clocks(self) -> ClockReading:
        """Read the clocks."""


class Cluster(Protocol):
    """All machines of one run and the network between them."""

    @property
    def kind(self) -> str:
        """Return the kind's name: `local`, `sim`, `ssh`, `vagrant`."""

    @property
    def machines(self) -> Mapping[str, Machine]:
        """Return the machines by name, in order (n1, n2, …)."""

    @property
    def missing(self) -> Mapping[str, str]:
        """Return, for each ability (the Protocol's name) that this cluster lacks, the reason and remedy.

        Kinds that learn only in `up` what their machines can do list here what they can't, whatever their
        type says.
        """

    async def up(self) -> None:
        """Start all machines."""

    async def down(self) -> None:
        """End all machines and remove everything that `up` made. Safe to call twice and after a failure."""

    def reach(self, source: str, target: str, *, timeout_s: float = 0.5) -> Awaitable[bool]:
        """Tell whether a packet sent at `source` reaches `target` and its answer comes back.

        Made by a fresh probe of the network, independent of any injector; CLIENTS is a valid source.
        """


@runtime_checkable
class OwnFiles(Protocol):
    """A machine that does not see the harness's files: what is to run there must be brought first."""

    @property
    def python(self) -> str:
        """Return a Python (3.11 or newer) that is there."""

    @property
    def software(self) -> str:
        """Return the path of a folder for what a system brings along; it outlives power cuts and disks."""


@runtime_checkable
class Watched(Protocol):
    """A cluster that notices when one of its machines is out of reach for good, though no fault had it so."""

    async def lost(self) -> str:
        """Wait for that, and return what to say of it."""


@runtime_checkable
class OwnTime(Protocol):
    """Lives in a time of its own: a simulation's. What processes print is told at the instant they print it."""

    @property
    def time(self) -> Time:
        """Return where its time comes from."""


@runtime_checkable
class OwnLoop(Protocol):
    """A kind of machines that runs on an event loop of its own."""

    def new_event_loop(self) -> AbstractEventLoop:
        """Return the loop on which its clusters, and all that acts on them, must run."""


@runtime_checkable
class RefusesFolders(Protocol):
    """A kind of machines that can't keep a run just anywhere."""

    def refuse_folder(self, folder: Path) -> None:
        """Raise UsageError for a folder that runs can't be kept in; asked before anything is made."""


@runtime_checkable
class Unhurried(Protocol):
    """A kind of machines, and each of its clusters, of which there are only so many, and which take their time.

    Runs come one after the other.
    """

    @property
    def patience_s(self) -> float:
        """Return how much longer than others they may take to come up, to be struck and healed, and to recover.

        Their clients go on for as much longer, if faults have not struck and lasted before.
        """


class MachineKind(Protocol):
    """A kind of machines, as found by its entry point (group `acked.machines`): a class of clusters."""

    def __call__(self, config: ClusterConfig) -> Cluster:
        """Return a cluster that is not up yet."""

    def enter(self) -> None:
        """Prepare this process, once, before it starts any thread or event loop.

        May continue in a child process while the caller becomes its supervisor and exits with its status.
        """
