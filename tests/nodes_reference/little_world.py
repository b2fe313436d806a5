"""A few nodes of the store in virtual time, with just enough of a network and of disks around them.

Every choice comes from one seeded source. Messages take time, keep their order, and are lost with their
connections; a kill keeps what was written, a power cut only what was flushed, a wipe nothing.
"""

import heapq
import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from promises import Promises

from nodes.reference import effects as fx
from nodes.reference import messages as ms
from nodes.reference.log import Log, Range
from nodes.reference.node import Node, Recovered
from nodes.reference.primary import Primary
from nodes.reference.records import position
from nodes.reference.requests import YEAR_2000_NS
from nodes.reference.settings import MS, Member, Settings
from nodes.reference.state import State

S = 1000 * MS


@dataclass
class Disk:
    """What one node has stored; `flushed` is how many of `frames` would survive a power cut."""

    meta: fx.Meta
    frames: list[bytes] = field(default_factory=list)
    first: int = 1
    flushed: int = 0
    snapshot: tuple[int, list[Range], list[list[Any]]] | None = None
    making: tuple[int, list[Range], list[list[Any]]] | None = None
    incoming: bytes = b""

    def lose_unflushed(self, rng: random.Random) -> None:
        keep = max(0, self.flushed - self.first + 1)
        if len(self.frames) > keep:
            del self.frames[rng.randint(keep, len(self.frames)) :]
        self.making = None

    def recover(self, settings: Settings) -> Recovered:
        state = State(sessions=settings.sessions)
        base, history = 0, []
        if self.snapshot:
            base, history, rows = self.snapshot
            for row in json.loads(json.dumps(rows)):
                state.load(row)
        last = self.first + len(self.frames) - 1
        if self.first <= base <= last:
            assert position(self.frames[base - self.first])[1] == history[-1][0]
        if last < base:
            self.frames, self.first = [], base + 1
            log = Log(base=base, history=history)
        else:
            assert self.first <= base + 1
            kept = [(e, s, min(t, self.first - 1)) for e, s, t in history if s < self.first]
            log = Log(base=self.first - 1, history=kept, frames=self.frames)
        self.flushed = self.first + len(self.frames) - 1
        return Recovered(meta=self.meta, log=log, state=state, snapshot=base)


@dataclass
class Read:
    """An answered read: what had to be there, for it was acknowledged before, and what was."""

    due: set[int]
    seen: set[int]
    by: str
    at: int


@dataclass
class Ack:
    """An acknowledged write."""

    value: int
    epoch: int
    offset: int
    degraded: bool
    by: str
    at: int


class World:
    """The cluster, its clock, and what its clients saw."""

    def __init__(self, seed: int, count: int = 3, *, witness: bool = False, **changes: Any) -> None:
        self.rng = random.Random(seed)
        self.now = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        names = [f"n{number}" for number in range(1, count + 1)]
        members = tuple(
            Member(name=name, host="-", port=1, witness=witness and name == names[-1]) for name in names
        )
        self.settings = {name: Settings(name=name, members=members, **changes) for name in names}
        self.names = names
        self.data = [member.name for member in members if not member.witness]
        self._identities = itertools.count()
        self.disks = {name: Disk(self._blank()) for name in names}
        self.promises = Promises(self.settings["n1"])
        self.forced = False
        self._held: dict[str, list[Callable[[Node], None]]] = {}
        self.nodes: dict[str, Node | None] = dict.fromkeys(names)
        self.life = dict.fromkeys(names, 0)
        self.paused: dict[str, list[Callable[[], None]]] = {}
        self.cut: set[frozenset[str]] = set()
        self._timers: dict[str, tuple[int, int]] = {}
        self._readable: dict[str, int] = {}
        self.linked: dict[frozenset[str], int] = {}
        self._arrivals: dict[tuple[int, str], int] = {}
        self.events: list[dict[str, Any]] = []
        self.answers: dict[int, Callable[[dict[str, Any]], None]] = {}
        self._requests = itertools.count(1)
        self.acks: list[Ack] = []
        self.reads: list[Read] = []
        self.values = itertools.count(1)
        for name in names:
            self.start(name)
        self._relink()

    def _blank(self) -> fx.Meta:
        return fx.Meta(identity=f"disk{next(self._identities)}")

    # Time

    def at(self, when: int, what: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._order), what))

    def run(self, for_ns: int) -> None:
        until = self.now + for_ns
        while self._heap and self._heap[0][0] <= until:
            self.now, _, what = heapq.heappop(self._heap)
            what()
        self.now = until

    def until(self, done: Callable[[], bool], limit_ns: int = 30 * S, *, step_ns: int = 10 * MS) -> None:
        deadline = self.now + limit_ns
        while not done():
            assert self.now < deadline, f"waited in vain: {[self.status(n) for n in self.names]}"
            self.run(step_ns)

    # Nodes

    def start(self, name: str) -> None:
        assert self.nodes[name] is None
        self.life[name] += 1
        disk = self.disks[name]
        found = disk.recover(self.settings[name])
        self.promises.kept(name, disk.meta)
        self.promises.flushed(disk.meta.identity, disk.frames)
        self.nodes[name] = Node(
            self.settings[name],
            found,
            now=self.now,
            rng=random.Random(self.rng.random()),
            wall_ns=lambda: YEAR_2000_NS + self.now,
        )
        self._drain(name)

    def kill(self, name: str) -> None:
        self.nodes[name] = None
        self.paused.pop(name, None)
        self.life[name] += 1
        self.disks[name].making = None
        for pair in [pair for pair in self.linked if name in pair]:
            self._unlink(pair)

    def power_cut(self, name: str) -> None:
        self.kill(name)
        self.disks[name].lose_unflushed(self.rng)

    def wipe(self, name: str) -> None:
        self.kill(name)
        self.disks[name] = Disk(self._blank())

    def pause(self, name: str) -> None:
        self.paused.setdefault(name, [])

    def resume(self, name: str) -> None:
        for what in self.paused.pop(name, []):
            what()

    def _do(self, name: str, life: int, what: Callable[[Node], None]) -> None:
        """Let something happen to a node, later if it is paused, never if it has died meanwhile."""
        node = self.nodes[name]
        if node is None or self.life[name] != life:
            return
        if name in self.paused:
            self.paused[name].append(lambda: self._do(name, life, what))
            return
        what(node)
        self._drain(name)

    def _later(self, delay: int, name: str, what: Callable[[Node], None]) -> None:
        life = self.life[name]
        self.at(self.now + delay, lambda: self._do(name, life, what))

    def _work(self, delay: int, name: str, what: Callable[[Node], None]) -> None:
        """Let a slow piece of work on the disk end later, or when the disk is let go."""
        if name in self._held:
            self._held[name].append(what)
        else:
            self._later(delay, name, what)

    def hold_disk(self, name: str) -> None:
        """Snapshots are neither saved nor loaded here for now."""
        self._held[name] = []

    def release_disk(self, name: str) -> None:
        """All that was held up ends in one turn, in order."""
        held = self._held.pop(name)
        self._do(name, self.life[name], lambda node: [what(node) for what in held] and None)

    def _drain(self, name: str) -> None:
        node, disk = self.nodes[name], self.disks[name]
        assert node is not None
        if self.now >= node.wake_at():
            node.tick(self.now)
        for effect in node.drain(self.now):
            self._carry_out(name, node, disk, effect)
        self._look(name, node)
        wake = max(self.now + 1 * MS, node.wake_at())
        life, planned = self._timers.get(name, (0, 0))
        if life != self.life[name] or not self.now < planned <= wake:
            self._timers[name] = (self.life[name], wake)
            self._later(wake - self.now, name, lambda _: None)

    def _look(self, name: str, node: Node) -> None:
        """See whether more has become readable, and whether it may be."""
        if node.reloading or node.applied == self._readable.get(name, 0):
            return
        self._readable[name] = node.applied
        if node.applied and not self.forced:
            epoch = node.log.epoch_at(node.applied)
            assert epoch is not None
            self.promises.shown(name, (epoch, node.applied))

    def _carry_out(self, name: str, node: Node, disk: Disk, effect: fx.Effect) -> None:
        rng = self.rng
        match effect:
            case fx.SaveMeta(meta):
                disk.meta = meta
                self.promises.kept(name, meta)
            case fx.Write(frames):
                disk.frames.extend(frames)
                self.promises.written(disk.meta.identity, frames)
            case fx.Flush(upto, generation):

                def flushed(node: Node) -> None:
                    if generation == node.generation:
                        done = disk.frames[max(0, disk.flushed - disk.first + 1) : upto - disk.first + 1]
                        self.promises.flushed(disk.meta.identity, done)
                        disk.flushed = upto
                    node.flushed_to(upto, generation, self.now)

                self._later(rng.randint(1, 8) * MS, name, flushed)
            case fx.Cut(after, _):
                del disk.frames[after - disk.first + 1 :]
                disk.flushed = min(disk.flushed, after)
            case fx.Send(to, message, blob):
                self._send(name, to, message, blob)
            case fx.Reply(request, body, until):
                if until and self.now >= until:
                    body = {"ok": False, "sure": False, "error": "late"}
                if body["ok"] and "offset" in body:
                    self.promises.acknowledged(name, disk.meta, body)
                answer = self.answers.pop(request, None)
                if answer:
                    self.at(self.now + rng.randint(1, 3) * MS, lambda: answer(body))
            case fx.Report(event):
                self.events.append({"node": name, **event})
            case fx.SnapshotBegin(index, history):
                disk.making = (index, list(history), [])
            case fx.SnapshotRows(rows):
                if disk.making:
                    disk.making[2].extend(json.loads(json.dumps(rows)))
            case fx.SnapshotEnd():
                made, disk.making = disk.making, None

                def saved(node: Node) -> None:
                    if made:
                        disk.snapshot = made
                        self.promises.installed(disk.meta.identity, made[1])
                        node.snapshot_saved(made[0])

                self._work(5 * MS, name, saved)
            case fx.Compact(upto):
                del disk.frames[: upto - disk.first + 1]
                disk.first = upto + 1
            case fx.ReadPart():
                if disk.snapshot and disk.snapshot[0] == effect.index:
                    data = json.dumps(disk.snapshot).encode()
                    part = data[effect.offset : effect.offset + 4096]
                    end = effect.offset + len(part) >= len(data)
                    self._later(1 * MS, name, lambda node: node.part_read(effect, part, end))
            case fx.WritePart(offset, data):
                disk.incoming = disk.incoming[:offset] + data
            case fx.InstallSnapshot(index, frames):

                def install(node: Node) -> None:
                    found, history, rows = json.loads(disk.incoming)
                    assert found == index
                    history = [tuple(row) for row in history]
                    state = State(sessions=node.settings.sessions)
                    for row in json.loads(json.dumps(rows)):
                        state.load(row)
                    disk.snapshot = (index, history, rows)
                    disk.frames, disk.first, disk.flushed = list(frames), index + 1, index + len(frames)
                    self.promises.installed(disk.meta.identity, history)
                    self.promises.flushed(disk.meta.identity, disk.frames)
                    node.installed(state, index, history, frames, self.now)

                self._later(5 * MS, name, install)
            case fx.Reload():

                def reload(node: Node) -> None:
                    assert disk.snapshot
                    state = State(sessions=node.settings.sessions)
                    for row in json.loads(json.dumps(disk.snapshot[2])):
                        state.load(row)
                    node.reloaded(state, self.now)

                self._work(3 * MS, name, reload)

    # Network

    def _relink(self) -> None:
        for one, two in itertools.combinations(self.names, 2):
            pair = frozenset((one, two))
            up = self.nodes[one] is not None and self.nodes[two] is not None and pair not in self.cut
            if up and pair not in self.linked and not self.paused.keys() & pair:
                self._link(pair, one, two)
        self.at(self.now + 50 * MS, self._relink)

    def _link(self, pair: frozenset[str], one: str, two: str) -> None:
        self.linked[pair] = next(self._order)
        for name, peer in ((one, two), (two, one)):
            other = self.nodes[peer]
            assert other is not None
            hello = ms.Hello(name=peer, identity=other.meta.identity, blank=other.meta.record is None)
            self._later(1 * MS, name, lambda node, p=peer, h=hello: node.connected(p, h, self.now))

    def _unlink(self, pair: frozenset[str]) -> None:
        self.linked.pop(pair, None)
        one, two = pair
        self._later(1 * MS, one, lambda node: node.disconnected(two, self.now))
        self._later(1 * MS, two, lambda node: node.disconnected(one, self.now))

    def _send(self, name: str, to: str, message: ms.Message, blob: bytes) -> None:
        pair = frozenset((name, to))
        if (link := self.linked.get(pair)) is None:
            return
        data = json.loads(ms.encode(message))

        def arrive() -> None:
            if self.linked.get(pair) != link:
                return
            if pair in self.cut:  # TCP sends it again, until the connection is given up
                self.at(self.now + 100 * MS, arrive)
                return
            self._later(0, to, lambda node: node.received(name, ms.decode(dict(data)), blob, self.now))

        # In order, as on a TCP connection.
        when = max(self._arrivals.get((link, to), 0), self.now + self.rng.choice((1, 1, 1, 2, 3, 20)) * MS)
        self._arrivals[link, to] = when
        self.at(when, arrive)

    def partition(self, *groups: set[str]) -> None:
        self.cut = {
            frozenset(pair)
            for pair in itertools.combinations(self.names, 2)
            if not any(set(pair) <= group for group in groups)
        }
        for pair in [pair for pair in self.linked if pair in self.cut]:
            # A cut cable is noticed late.
            self.at(self.now + 1 * S, lambda pair=pair: pair in self.cut and self._unlink(pair))

    def heal(self) -> None:
        self.cut = set()
        for name in list(self.paused):
            self.resume(name)
        for name in self.names:
            if self.nodes[name] is None:
                self.start(name)

    # Clients

    def ask(self, name: str, body: dict[str, Any], then: Callable[[dict[str, Any]], None]) -> None:
        number = next(self._requests)
        self.answers[number] = then
        self._later(
            self.rng.randint(1, 3) * MS, name, lambda node: node.request(number, dict(body), self.now)
        )

    def write(self, name: str) -> None:
        value = next(self.values)

        def then(answer: dict[str, Any]) -> None:
            if answer["ok"]:
                degraded = answer.get("degraded", False)
                self.acks.append(Ack(value, answer["epoch"], answer["offset"], degraded, name, self.now))

        self.ask(name, {"op": "append", "key": f"k{value % 3}", "element": value}, then)

    def read(self, name: str, key: str, *, lag_ns: int | None = None) -> None:
        """Read from the primary or, with `lag_ns`, from a replica that is at most so far behind."""
        body: dict[str, Any] = {"op": "get", "key": key}
        if lag_ns is not None:
            body |= {"replica": True, "max_lag_ms": lag_ns / MS}
        since = self.now - (lag_ns or 0)
        due = {ack.value for ack in self.acks if ack.at <= since and key == f"k{ack.value % 3}"}

        def then(answer: dict[str, Any]) -> None:
            if answer["ok"]:
                self.reads.append(Read(due, set(answer["value"] or []), name, self.now))

        self.ask(name, body, then)

    def force(self, name: str) -> None:
        """Make a node the primary by an operator's word, whatever it lacks."""
        self.forced = True
        self.ask(name, {"op": "promote", "force": True}, lambda _: None)
        self.run(1 * S)

    def bootstrap(self) -> None:
        done: list[dict[str, Any]] = []
        self.run(100 * MS)
        self.ask("n1", {"op": "bootstrap"}, done.append)
        self.run(200 * MS)
        assert done and done[0]["ok"], done

    # Looking

    def status(self, name: str) -> dict[str, Any]:
        node = self.nodes[name]
        return {"node": name, "role": "down"} if node is None else node.requests.status(self.now)

    def primary(self) -> str | None:
        serving = [name for name in self.names if self.status(name).get("serving")]
        return max(serving, key=lambda name: self.status(name)["epoch"], default=None)

    def recovered(self) -> bool:
        """Whether there is a primary, everyone has caught up with it and nothing waits."""
        primary = self.primary()
        if primary is None:
            return False
        node = self.nodes[primary]
        assert node is not None and isinstance(node.role, Primary)
        if node.commit != node.log.last:
            return False
        everyone = [self.nodes[name] for name in self.data]
        return all(n is not None and n.applied == node.log.last and n.may_vote for n in everyone)

    def survivors(self, name: str) -> set[int]:
        node = self.nodes[name]
        assert node is not None
        values = [value for key in ("k0", "k1", "k2") for value in node.state.get(key) or []]
        assert len(values) == len(set(values)), "a write was applied twice"
        return set(values)
