"""The guarantees word for word, as an independent program that tries all pairs, against the checker of them."""

import random
from collections import Counter

import pytest
from recorded_runs import MS, Script

from checkers.sessions.checker import Sessions
from harness.contract import Mode
from harness.operation import Operation, Outcome

KEYS = ("list-0", "list-1")


def drawn(seed, lasts=0.85):
    """A run of a few clients: what a read shows was called before it was answered, and is whatever of that."""
    r = random.Random(seed)
    script = Script(Mode.QUORUM)
    writes, operations = [], []
    for id in range(r.randrange(4, 15)):
        at = r.randrange(14)
        until = at + r.randrange(1, 5)
        fields = {"id": id, "process": r.randrange(3), "call_ns": at * MS, "return_ns": until * MS}
        if r.random() < 0.5:
            unknown = r.random() < 0.25
            outcome = (
                Outcome.INFO if unknown else r.choice((Outcome.OK, Outcome.OK, Outcome.OK, Outcome.FAIL))
            )
            epoch = r.choice((None, 0, 1, 1, 2, 3))
            fields |= {"return_ns": None} if unknown else {"epoch": epoch, "degraded": r.random() < 0.04}
            written = Operation(f="append", args=(r.choice(KEYS), id), outcome=outcome, node="n1", **fields)
            writes.append(written)
            operations.append(written)
        else:
            fields["process"] = r.choice((0, 1, 2, 0, 1, 2, 0, 1, 2, -1))  # -1 is no client
            operations.append((r.choice(("get", "peek", "get_within")), fields))
    script.operations = [
        each if isinstance(each, Operation) else answered(*each, writes, r) for each in operations
    ]
    there = [each for each in writes if each.outcome is not Outcome.FAIL and r.random() < lasts]
    script.next_id = 100
    script.final("n1", {key: [each.args[1] for each in there if each.args[0] == key] for key in KEYS})
    return script


def answered(f, fields, writes, r):
    asked = (r.choice(KEYS),) if f != "peek" else r.choice((KEYS, KEYS[:1], KEYS[1:]))
    shown = [
        [
            w.args[1]
            for w in writes
            if w.args[0] == key and w.call_ns <= fields["return_ns"] and r.random() < 0.7
        ]
        for key in asked
    ]
    args, value = ((asked,), shown) if f == "peek" else ((asked[0],), shown[0])
    if r.random() < 0.1:
        return Operation(f=f, args=args, outcome=r.choice((Outcome.FAIL, Outcome.INFO)), node=None, **fields)
    return Operation(f=f, args=args, value=value, outcome=Outcome.OK, node=r.choice(("n2", "n3")), **fields)


def shows(read):
    """What a read answered, by key."""
    if read.f == "peek":
        return dict(zip(read.args[0], map(set, read.value), strict=True))
    return {read.args[0]: set(read.value)}


def broken(read, reads, lasting):
    """Which guarantees a read breaks. `lasting` are the writes that are there in the end."""
    shown = shows(read)
    missed = [w for w in lasting if w.args[0] in shown and w.args[1] not in shown[w.args[0]]]
    known = [w for w in missed if w.outcome is Outcome.OK]
    later = [w for w in lasting if w.args[1] in shown.get(w.args[0], ())]

    def saw(process, w, until_ns):
        return any(
            r.process == process and r.return_ns <= until_ns and w.args[1] in shows(r).get(w.args[0], ())
            for r in reads
            if r is not read
        )

    if any(w.process == read.process and w.return_ns <= read.call_ns for w in known):
        yield "read_your_writes"
    if any(saw(read.process, w, read.call_ns) for w in missed):
        yield "monotonic_reads"
    if any(w.process == each.process and w.return_ns <= each.call_ns for w in known for each in later):
        yield "monotonic_writes"
    if any(saw(each.process, w, each.call_ns) for w in missed for each in later):
        yield "writes_follow_reads"
    if any(w.return_ns < each.call_ns for w in known for each in later):
        yield "prefix"


def lag_ns(read, lasting):
    """How long ago the oldest write that a read misses had been acknowledged when it was called."""
    shown = shows(read)
    ages = [
        read.call_ns - w.return_ns
        for w in lasting
        if w.outcome is Outcome.OK and w.args[0] in shown and w.args[1] not in shown[w.args[0]]
    ]
    return max((age for age in ages if age > 0), default=0)


@pytest.mark.parametrize("part", range(4))
def test_what_is_counted_is_what_is_defined(part):
    seen = Counter()
    for seed in range(250 * part, 250 * (part + 1)):
        script = drawn(seed)
        figures = Sessions().check(script.run()).figures
        final = {(key, value) for key, values in shows(script.operations[-1]).items() for value in values}
        clients = script.operations[:-1]
        writes = [each for each in clients if each.f == "append"]
        lasting = [each for each in writes if each.args in final]
        reads = [
            each
            for each in clients
            if each.f != "append" and each.outcome is Outcome.OK and each.process >= 0
        ]
        expected, lags = Counter(), {}
        for read in reads:
            where = "primary" if read.f == "get" else "replica"
            expected[f"{where}_reads"] += 1
            expected.update(f"{where}_{name}" for name in broken(read, reads, lasting))
            if where == "replica":
                lags.setdefault(read.node, []).append(lag_ns(read, lasting))
        for node, those in lags.items():
            expected[f"{node}_reads"] = len(those)
            expected[f"{node}_stale"] = sum(lag > 0 for lag in those)
            expected[f"{node}_lag_max_s"] = max(those) / 1e9
        counted = {name: figures[name] for name in figures if name in expected or figures[name]}
        left = {
            name: n
            for name, n in counted.items()
            if not name.endswith(("p50_s", "p99_s", "window_s", "ments"))
        }
        assert left == {name: n for name, n in expected.items() if n or name in figures}, seed
        seen.update(name for name, n in expected.items() if n)
    assert len(seen) >= 16, seen  # each guarantee, on the primary and on replicas


@pytest.mark.parametrize("part", range(4))
def test_late_acknowledgements_are_those_that_are_defined(part):
    seen = Counter()
    for seed in range(250 * part, 250 * (part + 1)):
        script = drawn(seed, lasts=0.4)
        figures = Sessions().check(script.run()).figures
        final = {(key, value) for key, values in shows(script.operations[-1]).items() for value in values}
        acknowledged = [
            each for each in script.operations if each.outcome is Outcome.OK and each.epoch is not None
        ]
        pairs = [
            (old, new)
            for old in acknowledged
            for new in acknowledged
            if old.args not in final and new.epoch > old.epoch
        ]
        late = {old.id for old, new in pairs if new.return_ns < old.call_ns and not old.degraded}
        window_ns = max((old.return_ns - new.return_ns for old, new in pairs), default=0)
        any_degraded = any(each.degraded for each in script.operations)
        assert figures["late_acknowledgements"] == (0 if any_degraded else len(late)), seed
        assert figures["epoch_window_s"] == pytest.approx(max(0, window_ns) / 1e9), seed
        seen[bool(late), any_degraded, window_ns > 0] += 1
    assert sum(count for (some, *_), count in seen.items() if some) > 10, seen
