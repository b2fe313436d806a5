from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from small import INFO, OK, check, op, outcomes, table

from checkers.histories.unique_ids import UniqueIds
from harness.verdict import Verdict

IDS = UniqueIds({})


def handed_out(*values):
    return [op("generate", at=(n, n + 1), value=value) for n, value in enumerate(values)]


def test_different_ids_hold():
    assert check(IDS, *handed_out(1, 2, "1", 1.0, [1])).verdict is Verdict.HOLDS


def test_an_id_that_is_handed_out_twice_violates():
    result = check(IDS, *handed_out(7, 8, 7, 9, 7, 8))
    assert (result.verdict, result.anomalies) == (Verdict.VIOLATED, ("duplicated",))
    assert result.certificate == {"kind": "unique-ids", "same": [[0, 2, 4], [1, 5]]}
    assert result.findings[0].lines[0].startswith("7, 3 times: operation 0 ")


def test_unknown_outcomes_hand_out_nothing():
    again = op("generate", at=(9, 10), value=1, outcome=INFO)
    assert check(IDS, *handed_out(1), again).verdict is Verdict.HOLDS
    assert check(IDS, again).verdict is Verdict.INCONCLUSIVE


def test_it_is_for_ids():
    assert IDS.fits(table(*handed_out(1)))
    assert not IDS.fits(table(op("read", at=(0, 1), value=1)))


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3) | st.sampled_from(["a", "b"]), outcomes
        ),
        max_size=9,
    )
)
def test_those_that_come_again_are_counted(drawn):
    history = [
        op("generate", at=(n, n), value=value, outcome=outcome) for n, (value, outcome) in enumerate(drawn)
    ]
    times = Counter(value for value, outcome in drawn if outcome is OK)
    assert check(IDS, *history).figures["duplicated"] == sum(count > 1 for count in times.values())
