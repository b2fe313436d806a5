import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from small import FAIL, INFO, OK, check, names, op, outcomes, table

from checkers.histories.long_fork import LongFork
from harness.columns.values import Keyword
from harness.verdict import Verdict

FORK = LongFork({})


def write(key, *, outcome=OK):
    micro = [[Keyword("w"), key, 1]]
    return op("txn", micro, at=(0, 100), value=micro, outcome=outcome)


def read(*shown, outcome=OK, word="r", f="txn"):
    asked = [[word, key, None] for key, _ in shown]
    return op(f, asked, at=(0, 100), value=[[word, key, value] for key, value in shown], outcome=outcome)


def test_growing_prefixes_hold():
    reads = (read(("x", None), ("y", None)), read(("y", None), ("x", 1)), read(("x", 1), ("y", 1)))
    assert check(FORK, write("x"), write("y"), *reads).verdict is Verdict.HOLDS


def test_writes_seen_in_opposite_orders_are_a_fork():
    result = check(FORK, write("x"), write("y"), read(("x", 1), ("y", None)), read(("y", 1), ("x", None)))
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("long-fork",))
    assert result.certificate == {"kind": "long-fork", "forks": [[2, 3]]}


def test_reads_alone_are_enough():
    """As in elle-cli's example, which has neither writes nor the name `txn`."""
    history = (read((0, 1), (1, 1), (2, None), f="read"), read((2, 1), (0, 1), (1, None), f="read"))
    assert check(FORK, *history).verdict is Verdict.VIOLATED
    assert FORK.fits(table(*history))


def test_a_key_that_is_read_twice_is_shown_if_one_of_the_two_shows_it():
    one = read(("x", 1), ("x", None), ("y", None), ("x", None))
    assert check(FORK, one, read(("x", None), ("y", 1), ("x", 1), ("x", 1))).verdict is Verdict.HOLDS
    assert check(FORK, one, read(("x", None), ("y", 1), ("x", None), ("x", None))).verdict is Verdict.VIOLATED


def test_groups_are_not_compared():
    assert check(FORK, read(("x", 1), ("y", None)), read(("y", 1), ("z", None))).verdict is Verdict.HOLDS


def test_what_was_not_answered_is_not_compared():
    other = read(("y", 1), ("x", None), outcome=INFO)
    assert check(FORK, write("x"), read(("x", 1), ("y", None)), other).verdict is Verdict.HOLDS


def test_keys_written_twice_prove_nothing():
    history = (write("x"), write("x"), read(("x", 1), ("y", None)), read(("y", 1), ("x", None)))
    assert check(FORK, *history).verdict is Verdict.INCONCLUSIVE
    assert not FORK.fits(table(*history))
    assert FORK.fits(table(write("x"), write("x", outcome=FAIL), read(("x", 1), ("y", None))))


def test_nothing_read_proves_nothing():
    assert check(FORK, write("x")).verdict is Verdict.INCONCLUSIVE


def test_other_transactions_are_not_for_it():
    mixed = op("txn", [["w", "x", 1], ["r", "y", None]], at=(0, 1))
    assert not FORK.fits(table(mixed, read(("x", 1), ("y", None))))
    assert not FORK.fits(table(op("txn", [["append", "x", 1]], at=(0, 1)), read(("x", 1), ("y", None))))
    assert not FORK.fits(table(op("read", at=(0, 1), value=3)))


@given(
    st.lists(st.tuples(st.lists(st.booleans(), min_size=3, max_size=3), outcomes, names("r")), max_size=6),
    st.integers(),
)
def test_a_fork_is_found_where_two_reads_are_incomparable(drawn, seed):
    history = [write(key) for key in range(3)]
    seen = []
    for bits, outcome, word in drawn:
        shown = [(key, 1 if bit else None) for key, bit in enumerate(bits)]
        random.Random(seed).shuffle(shown)
        history.append(read(*shown, outcome=outcome, word=word))
        if outcome is OK:
            seen.append({key for key, bit in enumerate(bits) if bit})
    forked = any(not (one <= other or other <= one) for one, other in combinations(seen, 2))
    result = check(FORK, *history)
    assert (result.verdict is Verdict.VIOLATED) == forked
    if forked:
        operations = list(table(*history).operations())
        (one, other) = (
            {key for _, key, value in operations[row].value if value}
            for row in result.certificate["forks"][0]
        )
        assert not (one <= other or other <= one)
