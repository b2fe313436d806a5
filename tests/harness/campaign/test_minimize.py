"""What is left is enough, and nothing of it can be spared."""

from hypothesis import given
from hypothesis import strategies as st

from harness.campaign.minimize import Budget, minimized

MANY = 10_000


@given(st.integers(1, 60), st.data())
def test_what_is_left_is_what_matters(count, data):
    needed = data.draw(st.sets(st.integers(0, count - 1)))
    tried = []

    def does(part):
        tried.append(part)
        return needed <= set(part)

    assert minimized(range(count), does, Budget(MANY)) == tuple(sorted(needed))


@given(st.lists(st.integers(0, 5), max_size=8), st.integers(0, 12))
def test_nothing_of_it_can_be_spared(items, threshold):
    def does(part):
        return sum(part) >= threshold

    if not does(items):
        return
    left = minimized(items, does, Budget(MANY))
    assert does(left)
    for place in range(len(left)):
        assert not does(left[:place] + left[place + 1 :])


def test_it_stops_when_the_budget_is_used_up():
    tried = []

    def does(part):
        tried.append(part)
        return {3, 57} <= set(part)

    left = minimized(range(100), does, Budget(10))
    assert len(tried) == 10
    assert {3, 57} <= set(left)
