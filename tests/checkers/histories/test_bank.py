import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import FAIL, INFO, OK, check, op, outcomes, table

from checkers.histories.bank import Bank
from harness.verdict import Verdict

BANK = Bank({})


def reads(*balances):
    return [op("read", at=(10 * n, 10 * n + 5), value=each) for n, each in enumerate(balances)]


def test_a_constant_total_holds():
    transfer = op("transfer", {"from": 0, "to": 1, "amount": 3}, at=(0, 1))
    assert check(BANK, transfer, *reads({0: 5, 1: 5}, {0: 2, 1: 8})).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "wrong,anomaly",
    [
        ({0: 5, 1: 4}, "wrong-total"),
        ({0: 11, 1: -1}, "negative-balance"),
        ({0: 10}, "missing-balance"),
        ({0: 10, 2: 0}, "missing-balance"),
        ({0: 10, 1: None}, "missing-balance"),
        ({0: 10, 1: 0.0}, "missing-balance"),
    ],
)
def test_what_is_wrong_is_told(wrong, anomaly):
    result = check(BANK, *reads({0: 5, 1: 5}, {0: 10, 1: 0}, wrong))
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, (anomaly,))
    assert result.certificate == {"kind": "bank", "total": 10, "reads": [2]}
    assert result.figures["total"] == 10


def test_a_total_that_is_given_is_the_right_one():
    result = check(Bank({"total": 100}), *reads({0: 5, 1: 5}))
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("wrong-total",))
    assert check(Bank({"total": 10}), *reads({0: 5, 1: 5})).verdict is Verdict.HOLDS


def test_accounts_may_be_overdrawn_where_that_is_said():
    assert check(Bank({"negative": True}), *reads({0: 11, 1: -1}, {0: 5, 1: 5})).verdict is Verdict.HOLDS


def test_one_read_proves_nothing_without_a_total():
    assert check(BANK, *reads({0: 5})).verdict is Verdict.INCONCLUSIVE
    assert check(BANK, op("read", at=(0, 1), outcome=FAIL)).verdict is Verdict.INCONCLUSIVE


def test_reads_of_unknown_outcome_are_not_judged():
    odd = op("read", at=(50, 60), value={0: 1}, outcome=INFO)
    assert check(BANK, *reads({0: 5, 1: 5}, {0: 5, 1: 5}), odd).verdict is Verdict.HOLDS


def test_it_is_for_banks():
    assert BANK.fits(table(*reads({0: 1})))
    assert not BANK.fits(table(op("read", at=(0, 1), value=[1])))
    assert not BANK.fits(table(op("transfer", {}, at=(0, 1))))


balances = st.dictionaries(
    st.sampled_from(["a", "b", 1]), st.integers(-1, 3) | st.none(), min_size=0, max_size=3
)


@given(st.lists(st.tuples(balances, outcomes), max_size=6), st.none() | st.integers(0, 4))
def test_what_is_wrong_is_what_the_definition_says(drawn, total):
    history = [
        op("read", at=(n, n), value=value, outcome=outcome) for n, (value, outcome) in enumerate(drawn)
    ]
    figures = check(Bank({} if total is None else {"total": total}), *history).figures
    shown = [value for value, outcome in drawn if outcome is OK]
    accounts = [frozenset(value) for value in shown]
    commonest = max(map(accounts.count, accounts), default=0)
    usual = {each for each in accounts if accounts.count(each) == commonest}
    if len(usual) > 1:
        return  # either may be taken for the right one
    whole = [value for value in shown if frozenset(value) in usual and None not in value.values()]
    assert figures["missing-balance"] == len(shown) - len(whole)
    assert figures["negative-balance"] == sum(
        any(amount is not None and amount < 0 for amount in value.values()) for value in shown
    )
    assert figures["wrong-total"] == sum(sum(value.values()) != figures["total"] for value in whole)
    sums = [sum(value.values()) for value in whole]
    if total is not None:
        assert figures["total"] == total
    elif sums:
        assert sums.count(figures["total"]) == max(map(sums.count, sums))
