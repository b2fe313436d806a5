"""What a transaction's reads contradict of its own doing, word for word, against the checker."""

import random
from collections import Counter

import pytest
from small_transactions import a, columns, r, t, w

from checkers.transactions import check
from harness.operation import Outcome


def drawn(seed, *, lists):
    """Transactions that write unique values, and read something like what may be there, or not."""
    draws = random.Random(seed)
    count = draws.randrange(1, 5)
    ops = [
        [(draws.choice("rw"), draws.choice("xxy")) for _ in range(draws.randrange(1, 6))]
        for _ in range(count)
    ]
    values = {"x": [], "y": []}
    named = []
    for id, those in enumerate(ops):
        for place, (op, key) in enumerate(those):
            if op == "w":
                values[key].append(10 * id + place)
        named.append([(op, key, 10 * id + place) for place, (op, key) in enumerate(those)])
    return [
        t(
            id,
            *_answered(those, values, draws, lists),
            outcome=draws.choice((Outcome.OK, Outcome.OK, Outcome.FAIL)),
        )
        for id, those in enumerate(named)
    ]


def _answered(those, values, draws, lists):
    """Give reads answers: mostly what the transaction can expect, now and then anything."""
    told = {key: draws.sample(known, draws.randrange(len(known) + 1)) for key, known in values.items()}
    held = {key: sorted(known) if lists else draws.choice([None, *known]) for key, known in told.items()}
    for op, key, value in those:
        if op == "w":
            held[key] = [*held[key], value] if lists else value
            yield a(key, value) if lists else w(key, value)
            continue
        shown = held[key]
        if draws.random() < 0.3:
            known = values[key]
            shown = (
                draws.sample(known, draws.randrange(len(known) + 1))
                if lists
                else draws.choice([None, *known])
            )
        yield r(key, list(dict.fromkeys(shown)) if lists else shown)


def contradicts_list(micro, place):
    """Whether a read of a list is other than what its transaction read and appended before it, or foresees."""
    _, key, shown = micro[place]
    before = [(f, value) for f, name, value in micro[:place] if name == key]
    later = [value for f, name, value in micro[place:] if name == key and f == "append"]
    if not before:
        return bool(set(later) & set(shown))
    last = max((at for at, (f, _) in enumerate(before) if f == "r"), default=None)
    if last is not None:
        return shown != before[last][1] + [value for _, value in before[last + 1 :]]
    appended = [value for _, value in before]
    return bool(appended) and shown[-len(appended) :] != appended


def contradicts_register(micro, place):
    """Whether a read of a register is other than what its transaction last read or wrote, or foresees."""
    _, key, shown = micro[place]
    before = [value for _, name, value in micro[:place] if name == key]
    later = [value for f, name, value in micro[place:] if name == key and f == "w"]
    return shown != before[-1] if before else shown in later


@pytest.mark.parametrize("lists", [True, False])
def test_every_read_that_contradicts_its_own_transaction(lists):
    workload, wrong = ("list-append", contradicts_list) if lists else ("rw-register", contradicts_register)
    seen = Counter()
    for seed in range(700):
        txns = drawn(seed, lists=lists)
        expected = sum(
            wrong(txn.micro, place)
            for txn in txns
            if txn.is_ok
            for place, (f, *_) in enumerate(txn.micro)
            if f == "r"
        )
        result = check(columns(txns), workload)
        (told,) = [each.count for each in result.found if each.anomaly == "internal"] or [0]
        assert told == expected, (seed, txns)
        seen[min(told, 2)] += 1
    assert min(seen[count] for count in range(3)) > 40, seen
