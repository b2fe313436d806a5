"""A little replicated log, run step by step, that knows who holds what because it is the one that moves it.

The independent twin of the durability checker: it keeps every copy as an object and changes it when something
happens to it, and it rules on a loss by going through the contract's words with all of that at hand. The
checker sees only reports and episodes.
"""

from dataclasses import dataclass, field

from recorded_runs import STOPPED, Script

from harness.contract import Mode
from harness.events import Cause, Medium

STEP_MS = 10
NODES = ("n1", "n2", "n3", "n4")

STEPS = (
    *("append",) * 5,
    *("flush",) * 6,
    *("replicate",) * 6,
    *("ack",) * 6,
    *("spread",) * 2,
    *("elect",) * 2,
    *("power_cut",) * 2,
    *("wipe",) * 2,
    "disaster",
    "promote",
    "forget",
    "cut",
)
"""What may happen next, the usual more often."""


@dataclass(frozen=True)
class Entry:
    epoch: int
    offset: int
    value: int


@dataclass
class Copy:
    """One node's copy of an entry, for as long as it lives; afterwards a record of its end."""

    node: str
    memory: int
    disk: int | None = None
    end: str | None = None
    end_at: int | None = None


@dataclass(frozen=True)
class Election:
    epoch: int
    node: str
    heard: frozenset[str]
    operator: bool
    at: int
    log: tuple[Entry, ...]


@dataclass
class Node:
    log: list[Entry] = field(default_factory=list)
    flushed: int = 0
    leads: int | None = None
    promised: int = 0


@dataclass
class Ack:
    entry: Entry
    by: str
    called: int
    at: int
    degraded: bool
    copies: list[Copy]
    """The copies that the mode counts on at the moment of the acknowledgement."""
    short: bool


class World:
    """The log on a few nodes, its script of reports, and the truth about every copy."""

    def __init__(self, mode: Mode, *, degrades: bool = False) -> None:
        self.mode = mode
        self.script = Script(mode, NODES, degrades=degrades)
        self.nodes = {name: Node() for name in NODES}
        self.now = 0
        self.called: dict[Entry, int] = {}
        self.copies: dict[Entry, list[Copy]] = {}
        self.elections: list[Election] = []
        self.acks: list[Ack] = []
        self._elect("n1", frozenset(NODES), operator=False)

    def step(self, name: str, who: int, how: int) -> None:
        """Do one step, if it can be done now."""
        self.now += STEP_MS
        getattr(self, f"_do_{name}")(NODES[who % len(NODES)], how)

    # What nodes do

    def _do_append(self, name: str, how: int) -> None:
        leader = self._leader(name)
        if leader is None:
            return
        node = self.nodes[leader]
        entry = Entry(node.leads or 0, len(node.log) + 1, len(self.called))
        self.called[entry] = self.now
        self._store(leader, entry)

    def _do_flush(self, name: str, how: int) -> None:
        node = self.nodes[name]
        for entry in node.log[node.flushed :]:
            self._copy(name, entry).disk = self.now
            self.script.stored(name, (entry.epoch, entry.offset), at=self.now)
        node.flushed = len(node.log)

    def _do_replicate(self, name: str, how: int) -> None:
        """Follow a primary: cut what it does not have, take some of what it has."""
        leaders = [other for other, node in self.nodes.items() if node.leads and other != name]
        node = self.nodes[name]
        leaders = [
            other
            for other in leaders
            if (self.nodes[other].leads or 0) >= max(node.promised, node.leads or 0)
        ]
        if not leaders:
            return
        leader = self.nodes[leaders[how % len(leaders)]]
        node.promised, node.leads = leader.leads or 0, None
        common = 0
        while common < min(len(node.log), len(leader.log)) and node.log[common] == leader.log[common]:
            common += 1
        self._truncate(name, common)
        for entry in leader.log[common : common + 1 + how % 3]:
            self._store(name, entry)

    def _do_ack(self, name: str, how: int) -> None:
        """Acknowledge the oldest entry of its own epoch that has not been: mostly, but not only, when it may."""
        leader = self._leader(name)
        if leader is None:
            return
        node = self.nodes[leader]
        done = {ack.entry for ack in self.acks}
        ready = [entry for entry in node.log if entry.epoch == node.leads and entry not in done]
        if not ready:
            return
        entry = ready[0]
        copies = self._on_medium(entry)
        degraded = self.script.contract.degrades and how % 4 == 0
        nodes = {copy.node for copy in copies if copy.disk or self.mode is Mode.SEMI_SYNC_MEMORY}
        durable = any(copy.node == leader and copy.disk for copy in copies)
        short = not durable or (not degraded and not self._enough(nodes))
        if short and how != 7:
            return
        self.acks.append(Ack(entry, leader, self.called[entry], self.now, degraded, copies, short))
        self.script.append(
            entry.value,
            at=self.called[entry],
            returned=self.now,
            entry=(entry.epoch, entry.offset),
            by=leader,
            degraded=degraded,
        )

    def _do_spread(self, name: str, how: int) -> None:
        """Bring all nodes up to date and let the newest leader acknowledge."""
        for other in NODES:
            for _ in range(4):
                self._do_replicate(other, 2)
            self._do_flush(other, how)
        leader = self._leader(NODES[0])
        for _ in range(4 if leader else 0):
            self.now += STEP_MS
            self._do_ack(leader or "", how)

    def _do_forget(self, name: str, how: int) -> None:
        """Lose the last entry without a word: what a disk that lies does."""
        node = self.nodes[name]
        if node.log and node.leads is None:
            node.log.pop()
            node.flushed = min(node.flushed, len(node.log))

    def _do_cut(self, name: str, how: int) -> None:
        """Cut the last entry off for no reason."""
        node = self.nodes[name]
        if node.log and node.leads is None:
            self._truncate(name, len(node.log) - 1)

    # What is done to nodes

    def _do_power_cut(self, name: str, how: int) -> None:
        node = self.nodes[name]
        for entry in self.copies:
            for copy in self._live(entry, name):
                if copy.disk is None:
                    copy.end, copy.end_at = "unflushed", self.now
        del node.log[node.flushed :]
        node.leads = None
        self.script.episode("power-cut", name, at=self.now, until=self.now + 3)

    def _do_wipe(self, name: str, how: int) -> None:
        node = self.nodes[name]
        for entry in self.copies:
            for copy in self._live(entry, name):
                copy.end, copy.end_at = "wiped", self.now
        node.log.clear()
        node.flushed, node.leads = 0, None
        self.script.episode("disk-loss", name, at=self.now, until=self.now + 3)

    def _do_elect(self, name: str, how: int) -> None:
        """Elect the longest log of those heard, or (sometimes, wrongly) just anybody."""
        heard = frozenset(other for bit, other in enumerate(NODES) if (how >> bit) & 1) | {name}
        best = max(sorted(heard), key=self._end)
        self._elect(name if how % 5 == 0 else best, heard, operator=False)

    def _do_promote(self, name: str, how: int) -> None:
        self._elect(name, frozenset({name}), operator=True)

    def _do_disaster(self, name: str, how: int) -> None:
        """Wipe most nodes at once."""
        spared = NODES.index(name) if how % 3 else None
        for index, other in enumerate(NODES):
            if index != spared:
                self._do_wipe(other, how)

    # The end

    def finish(self) -> str:
        """End the run: every node reports once more, and the last one elected is read. Return its name."""
        self.now += STEP_MS
        for name in NODES:
            self.script.stored(name, (10_000, 1), at=self.now)
        survivor = self.elections[-1].node
        self.script.final(survivor, {"list-0": [entry.value for entry in self.nodes[survivor].log]})
        assert self.now < STOPPED, "these runs are short"
        return survivor

    # The truth about a loss, by the contract's words

    def ruling(self, ack: Ack) -> str:
        """Return whether the loss of an acknowledged entry that is gone in the end is permitted."""
        survivor = self.elections[-1]
        last = max((entry.offset for entry in self._survived() if entry.epoch == ack.entry.epoch), default=0)
        if last > ack.entry.offset:
            return "forbidden"
        ancestors = self._ancestors(survivor)
        if ack.entry.epoch == survivor.epoch or ack.entry in survivor.log:
            copies = self._on_medium(ack.entry)
            wiped = copies and all(copy.end == "wiped" for copy in copies)
            return "permitted" if wiped and not ack.short else "forbidden"
        dropped_by = min(
            (e for e in ancestors if e.epoch > ack.entry.epoch and ack.entry not in e.log),
            key=lambda e: e.epoch,
        )
        return self._ruling_at(ack, dropped_by)

    def _ruling_at(self, ack: Ack, election: Election) -> str:
        owed, gone, precedent = [], [], False
        for copy in self._on_medium(ack.entry):
            if copy.end_at is None or copy.end_at > election.at:
                owed.append(copy)
            elif copy.end != "cut":
                gone.append(copy)
            else:
                causes = [
                    e
                    for e in self.elections
                    if e.at < election.at
                    and e.at <= copy.end_at
                    and e.epoch > ack.entry.epoch
                    and ack.entry not in e.log
                ]
                if not causes:
                    owed.append(copy)
                elif (earlier := self._ruling_at(ack, causes[-1])) != "permitted":
                    return earlier
                else:
                    precedent = True
        asked = {election.node} if election.operator else election.heard | {election.node}
        if any(copy.node in asked and self._since(copy) < election.at for copy in owed):
            return "forbidden"
        if ack.short:
            return "forbidden"
        if election.operator:
            return "permitted"
        if self.mode is Mode.ASYNC:
            if ack.called > election.at:
                return "forbidden"
            wiped = any(copy.node == ack.by and copy.end == "wiped" for copy in gone)
            return "permitted" if precedent or wiped or election.node != ack.by else "unproved"
        if ack.degraded and not self._covered(ack):
            owed = [copy for copy in owed if copy in ack.copies]
            gone = [copy for copy in gone if copy in ack.copies]
        if self.mode is Mode.SEMI_SYNC_MEMORY and any(copy.disk is None for copy in gone):
            enough = len(asked) > len(NODES) - self.script.contract.copies
            owed = [copy for copy in owed if copy.node in asked or not (enough or copy.node == ack.by)]
        if owed:
            return "forbidden"
        return "permitted" if gone or precedent else "unproved"

    def lost(self) -> list[Ack]:
        """Return the acknowledged entries that the survivor lacks."""
        survived = set(self._survived())
        return [ack for ack in self.acks if ack.entry not in survived]

    def _covered(self, ack: Ack) -> bool:
        """Tell whether a full acknowledgement of the same history came at or after this entry."""
        return any(not other.degraded and self._follows(other.entry, ack.entry) for other in self.acks)

    def _follows(self, later: Entry, entry: Entry) -> bool:
        if later.epoch == entry.epoch:
            return later.offset >= entry.offset
        return later.epoch > entry.epoch and any(
            e.epoch == later.epoch and entry in e.log for e in self.elections
        )

    def _ancestors(self, election: Election) -> list[Election]:
        found = [election]
        while found[-1].log:
            epoch = found[-1].log[-1].epoch
            found.append(next(e for e in self.elections if e.epoch == epoch))
        return found

    def _survived(self) -> list[Entry]:
        acked = {ack.entry for ack in self.acks}
        return [entry for entry in self.nodes[self.elections[-1].node].log if entry in acked]

    # Moving entries

    def _leader(self, name: str) -> str | None:
        """Return `name` if it leads, or else the newest leader."""
        if self.nodes[name].leads:
            return name
        leaders = [other for other, node in self.nodes.items() if node.leads]
        return max(leaders, key=lambda other: self.nodes[other].leads or 0, default=None)

    def _elect(self, name: str, heard: frozenset[str], *, operator: bool) -> None:
        epoch = len(self.elections) + 1
        for other in heard:
            self.nodes[other].promised = epoch
            self.nodes[other].leads = None
        node = self.nodes[name]
        node.leads = epoch
        self.elections.append(Election(epoch, name, heard, operator, self.now, tuple(node.log)))
        cause = Cause.BOOTSTRAP if epoch == 1 else Cause.OPERATOR if operator else Cause.ELECTION
        self.script.elected(name, epoch, at=self.now, log=self._end(name), heard=sorted(heard), cause=cause)

    def _end(self, name: str) -> tuple[int, int]:
        log = self.nodes[name].log
        return (log[-1].epoch, log[-1].offset) if log else (0, 0)

    def _store(self, name: str, entry: Entry) -> None:
        self.nodes[name].log.append(entry)
        self.copies.setdefault(entry, [])
        if not self._live(entry, name):
            self.copies[entry].append(Copy(name, self.now))
        self.script.stored(name, (entry.epoch, entry.offset), at=self.now, medium=Medium.MEMORY)

    def _truncate(self, name: str, length: int) -> None:
        node = self.nodes[name]
        for entry in node.log[length:]:
            for copy in self._live(entry, name):
                copy.end, copy.end_at = "cut", self.now
            self.script.truncated(name, entry.epoch, entry.offset, entry.offset, at=self.now)
        del node.log[length:]
        node.flushed = min(node.flushed, length)

    def _live(self, entry: Entry, name: str) -> list[Copy]:
        return [copy for copy in self.copies[entry] if copy.node == name and copy.end is None]

    def _copy(self, name: str, entry: Entry) -> Copy:
        live = self._live(entry, name)
        assert live, "what is in a log has a copy"
        return live[0]

    def _on_medium(self, entry: Entry) -> list[Copy]:
        memory = self.mode is Mode.SEMI_SYNC_MEMORY
        return [copy for copy in self.copies[entry] if memory or copy.disk is not None]

    def _since(self, copy: Copy) -> int:
        if self.mode is Mode.SEMI_SYNC_MEMORY:
            return copy.memory
        assert copy.disk is not None
        return copy.disk

    def _enough(self, nodes: set[str]) -> bool:
        match self.mode:
            case Mode.ASYNC:
                return bool(nodes)
            case Mode.SEMI_SYNC | Mode.SEMI_SYNC_MEMORY:
                return len(nodes) >= 2
            case Mode.QUORUM:
                return len(nodes) >= 3
            case Mode.SYNC:
                return nodes == set(NODES)
            case Mode.HYBRID:
                return nodes >= {"n1", "n2"}
