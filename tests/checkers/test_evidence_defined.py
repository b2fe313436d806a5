"""What a run shows of its writes, told word for word by loops over everything, against the indexes of it."""

import random
from collections import Counter

import numpy as np
import pytest
from recorded_runs import MS, NODES, STOPPED, Script, mixed_script

from checkers.evidence.case import Case
from checkers.evidence.holders import count_copies
from checkers.evidence.ledger import read_ledger
from checkers.evidence.lineage import Lineage
from harness.contract import Mode
from harness.episode import Proof
from harness.events import Cause, Degraded, Elected, Medium, Started, Stored
from harness.operation import Outcome

SEEDS = 300


# The tree of epochs


def elections(r):
    """Elections of some epochs; some of them were not reported, some claim what can't be."""
    return [
        Elected(
            node=r.choice(NODES), at_ns=10 * epoch, epoch=epoch, cause=Cause.ELECTION, heard=(),
            log_epoch=r.choice((*range(epoch), *range(epoch), epoch)), log_offset=r.randrange(4),
        )
        for epoch in range(1, 6)
        if r.random() < 0.9
    ]  # fmt: skip


def contains(won, epoch, entry_epoch, offset):
    """Whether the history of an epoch has an entry: it is its own, or below what it went on from."""
    if entry_epoch >= epoch:
        return entry_epoch == epoch
    if epoch not in won or won[epoch].log_epoch >= epoch:
        return None
    if won[epoch].log_epoch == entry_epoch:
        return offset <= won[epoch].log_offset
    return contains(won, won[epoch].log_epoch, entry_epoch, offset)


def test_what_an_epoch_contains_and_who_dropped_it():
    told = Counter()
    for seed in range(SEEDS):
        r = random.Random(seed)
        events = elections(r)
        lineage, won = Lineage.of(events), {each.epoch: each for each in events}
        for entry_epoch in range(6):
            for offset in range(5):
                has = {epoch: contains(won, epoch, entry_epoch, offset) for epoch in range(6)}
                assert {epoch: lineage.contains(epoch, entry_epoch, offset) for epoch in has} == has, seed
                lacking = [epoch for epoch in won if epoch > entry_epoch and has[epoch] is False]
                assert [each.epoch for each in lineage.drops(entry_epoch, offset)] == lacking
                for epoch in range(6):
                    dropped = lineage.dropped_by(epoch, entry_epoch, offset)
                    # Of the epochs that led to this one, the first that is newer than the entry left it out.
                    led = [epoch]
                    while led[-1] in won and 0 < won[led[-1]].log_epoch < led[-1]:
                        led.append(won[led[-1]].log_epoch)
                    first = min((each for each in led if each > entry_epoch), default=None)
                    expected = first if has[epoch] is False and epoch > entry_epoch else None
                    assert (None if dropped is None else dropped.epoch) == expected, (
                        seed,
                        epoch,
                        entry_epoch,
                    )
                    told[has[epoch], expected is None] += 1
        for node in NODES:
            last = max((each.epoch for each in events if each.node == node), default=None)
            found = lineage.last.get(node)
            assert (None if found is None else found.epoch) == last
    assert len(told) == 4, told


# The ledger


def written(r):
    """A run of single writes and transactions, of which the end shows some, and what nobody wrote."""
    script = mixed_script(Mode.QUORUM)
    for _ in range(r.randrange(8)):
        fields = {
            "at": r.randrange(50),
            "outcome": r.choice((Outcome.OK, Outcome.OK, Outcome.INFO, Outcome.FAIL)),
            "node": r.choice((None, "n1", "n2")),
            "epoch": r.choice((None, 0, 1, 2)),
            "offset": r.choice((None, 0, 1, 2)),
            "degraded": r.random() < 0.2,
        }
        value = script.next_id
        if r.random() < 0.7:
            f, key = r.choice((("append", "list-0"), ("append", "list-1"), ("add", "set-0")))
            script.op(f, key, value, **fields)
        else:
            micro = (("append", "list-0", value), ("add", "set-1", value + 100))
            answer = [list(each) for each in micro] if fields["outcome"] is Outcome.OK else None
            script.op("txn", micro, value=answer, **fields)
    keys = [key for key in ("list-0", "list-1", "set-0", "set-1") if r.random() < 0.8]
    there = {key: sorted(r.sample(range(8), r.randrange(5))) for key in keys}
    script.final("n1", there)
    script.final("n2", {key: [] for key in keys})  # no survivor
    script.op("peek", ("list-0",), at=STOPPED - 10, node="n1", value=[[99]])  # not the end
    return script, there


def elements(operation):
    if operation.f == "txn":
        return [(key, value) for _, key, value in operation.args[0]]
    return [operation.args] if operation.f in ("append", "add") else []


def test_the_ledger_has_a_row_for_each_element():
    for seed in range(SEEDS):
        script, there = written(random.Random(seed))
        run = script.run()
        rows = [(operation, element) for operation in run.history for element in elements(operation)]
        ledger = read_ledger(run)
        everything = np.ones(len(rows), np.bool_)
        for write, (operation, (key, value)) in zip(ledger.writes(everything), rows, strict=True):
            assert (write.id, write.key, write.value) == (operation.id, key, value), seed
            assert (write.call_ns, write.return_ns) == (operation.call_ns, operation.return_ns)
            assert (write.epoch, write.offset) == (operation.epoch, operation.offset)
            assert (write.node, write.degraded) == (operation.node, operation.degraded)
        assert ledger.present.tolist() == [value in there.get(key, ()) for _, (key, value) in rows]
        assert ledger.covered.tolist() == [key in there for _, (key, _) in rows]
        assert ledger.acknowledged().tolist() == [operation.outcome is Outcome.OK for operation, _ in rows]
        assert ledger.final == {key: tuple(values) for key, values in there.items()}
        wrote = {element for _, element in rows}
        assert sorted(ledger.unwritten) == sorted(
            (key, value) for key, values in there.items() for value in values if (key, value) not in wrote
        )
        assert ledger.lists == {key for _, (key, _) in rows if key.startswith("list")}
        assert ledger.absent().keys() == {e for _, e in rows if e[1] not in there.get(e[0], ())}
        some = np.array([r % 3 != seed % 3 for r in range(len(rows))], np.bool_)
        chosen = [operation for (operation, _), taken in zip(rows, some, strict=True) if taken]
        assert ledger.operations(some) == len({each.id for each in chosen})
        by_epoch = {}
        for each in chosen:
            epoch = -1 if each.epoch is None else each.epoch
            by_epoch.setdefault(epoch, []).append(-1 if each.offset is None else each.offset)
        assert ledger.last_offsets(some) == {epoch: max(those) for epoch, those in by_epoch.items()}
        assert ledger.first_offsets(some) == {epoch: min(those) for epoch, those in by_epoch.items()}


# Copies at the acknowledgement


def replicated(r):
    """A run of a few acknowledged writes, reports of all nodes at any time, and faults."""
    mode = r.choice((Mode.ASYNC, Mode.SEMI_SYNC, Mode.SEMI_SYNC_MEMORY, Mode.SYNC, Mode.QUORUM, Mode.HYBRID))
    script = Script(mode, degrades=mode is not Mode.ASYNC and r.random() < 0.5)
    script.bootstrap()
    if r.random() < 0.5:
        script.elected("n2", 2, at=15, log=(1, r.randrange(1, 5)))
    for value in range(r.randrange(1, 6)):
        script.append(
            value, at=r.randrange(30), returned=r.randrange(30, 40), by=r.choice(("n1", "n1", "n2", None)),
            entry=(r.choice((None, 1, 1, 1, 2)), r.choice((None, 1, 2, 2, 3, 4))),
            outcome=r.choice((Outcome.OK, Outcome.OK, Outcome.OK, Outcome.INFO)), degraded=r.random() < 0.3,
        )  # fmt: skip
    for node in NODES:
        for _ in range(r.randrange(6)):
            at, epoch, first = r.randrange(60), r.choice((1, 1, 2)), r.randrange(1, 5)
            medium = r.choice(tuple(Medium))
            script.stored(node, (epoch, first), last=first + r.randrange(3), at=at, medium=medium)
        if r.random() < 0.3:
            started = Started(
                node=node, at_ns=r.randrange(60) * MS, identity="x", log_epoch=1, log_offset=1, applied=0
            )
            script.events.append(started)
        for _ in range(r.randrange(3)):
            in_sync = tuple(each for each in NODES if r.random() < 0.5)
            at_ns, epoch = r.randrange(60) * MS, r.choice((1, 2))
            script.events.append(Degraded(node=node, at_ns=at_ns, epoch=epoch, in_sync=in_sync))
    for _ in range(r.choice((0, 0, 1, 2))):
        at, until = r.randrange(30), r.choice((None, r.randrange(35, 60)))
        fault = r.choice(
            ("kill", "pause", "power-cut", "disk-loss", "partition", "lying-flush", "lost-write")
        )
        episode = script.episode(fault, r.choice(NODES), at=at, until=until)
        if r.random() < 0.2:
            fields = {name: getattr(episode, name) for name in episode.__struct_fields__}
            fields["injected"] = (Proof(what="seen", shown=False),)
            script.episodes[-1] = type(episode)(**fields)
    return script


class Told:
    """What is known of the copies of one row when its answer arrived."""

    def __init__(self, run, write, entry, tolerance_ns):
        self.run, self.write, self.entry = run, write, entry
        self.by_ns = write.return_ns + tolerance_ns

    def reported(self, node, medium):
        epoch, offset = self.entry
        return any(
            isinstance(each, Stored) and (each.node, each.medium, each.epoch) == (node, medium, epoch)
            and each.first <= offset <= each.last and each.at_ns <= self.by_ns
            for each in self.run.events
        )  # fmt: skip

    def deceived(self, node):
        lies = [each for each in self.run.episodes if each.fault in ("lying-flush", "lost-write")]
        return any(
            node in lie.targets and lie.from_ns <= self.by_ns
            and (lie.fault == "lost-write" or lie.until_ns is None or self.write.call_ns <= lie.until_ns)
            for lie in lies
        )  # fmt: skip

    def down(self, node):
        stops = [
            each for each in self.run.episodes
            if each.fault in ("kill", "pause", "power-cut", "disk-loss") and node in each.targets and each.bit
        ]  # fmt: skip
        return any(
            each.injected_ns <= self.write.call_ns
            and (each.healing_ns is None or self.by_ns <= each.healing_ns)
            for each in stops
        )

    def silent(self, node):
        later = [each for each in self.run.events if each.node == node and each.at_ns > self.by_ns]
        return not later or isinstance(later[0], Started)

    def primary(self):
        named = {each.epoch: each.node for each in self.run.events if isinstance(each, Elected)}
        return self.write.node or named.get(self.entry[0])

    def in_sync(self):
        """Which nodes had to hold a degraded write beside the primary: as it was from the call to the return."""
        log = [
            each for each in self.run.events
            if isinstance(each, Degraded) and (each.node, each.epoch) == (self.primary(), self.entry[0])
        ]  # fmt: skip
        before = [each for each in log if each.at_ns <= self.write.call_ns][-1:]
        during = [each for each in log if self.write.call_ns < each.at_ns <= self.write.return_ns]
        return [set(each.in_sync) for each in (*before, *during)] or [set()]

    def enough(self, disk, memory):
        contract, primary = self.run.contract, self.primary()
        if self.write.degraded and contract.degrades:
            held = disk | memory if contract.medium is Medium.MEMORY else disk
            return primary in disk and any(nodes <= held for nodes in self.in_sync())
        return contract.enough(primary=primary, on_disk=disk, in_memory=memory)

    def verdict(self):
        """Whether there were enough copies for sure, perhaps, or surely not."""
        disk = {node for node in NODES if self.reported(node, Medium.DISK) or self.deceived(node)}
        memory = {node for node in NODES if self.reported(node, Medium.MEMORY)} | disk
        unknown = {n for n in NODES if n not in disk and self.silent(n) and not self.down(n)}
        if self.primary() is None:
            return "perhaps"
        if self.enough(disk, memory):
            return "enough"
        return "perhaps" if self.enough(disk | unknown, memory | unknown) else "short"


@pytest.mark.parametrize("tolerance_ms", [0, 3])
def test_the_copies_of_every_acknowledgement(tolerance_ms):
    seen = Counter()
    for seed in range(2 * SEEDS):
        run = replicated(random.Random(seed)).run()
        case = Case(run, tolerance_ns=tolerance_ms * MS)
        copies = count_copies(case)
        forks = {each.epoch: each for each in run.events if isinstance(each, Elected)}
        writes = [each for each in run.history if each.f == "append"]
        for row, write in enumerate(writes):
            judged = write.outcome is Outcome.OK and None not in (write.epoch, write.offset)
            assert bool(copies.judged[row]) is judged, seed
            assert bool(copies.untraced[row]) is (write.outcome is Outcome.OK and not judged)
            if not judged:
                assert not copies.short[row] and not copies.unproved[row]
                continue
            epoch = write.epoch
            if epoch in forks and write.offset <= forks[epoch].log_offset and epoch > 1:
                epoch = forks[epoch].log_epoch  # a primary that answers for what it inherited
            told = Told(run, write, (epoch, write.offset), tolerance_ms * MS).verdict()
            found = "short" if copies.short[row] else "perhaps" if copies.unproved[row] else "enough"
            assert found == told, (seed, write)
            seen[told, write.degraded] += 1
    assert len(seen) == 6 and min(seen.values()) > 20, seen
