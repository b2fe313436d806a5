from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.draws import Draws, advance, derive

seeds = st.integers(min_value=0, max_value=2**64 - 1)


def test_splitmix64_gives_the_published_numbers() -> None:
    # Vigna's splitmix64.c with seed 1234567
    draws = Draws(1234567)
    assert [draws.bits() for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@given(seeds)
def test_the_state_is_all_there_is(seed: int) -> None:
    draws = Draws(seed)
    draws.bits()
    again = Draws(draws.state)
    assert [draws.bits() for _ in range(5)] == [again.bits() for _ in range(5)]
    assert advance(seed) == (Draws(seed).bits(), advance(seed)[1])


@given(seeds, st.integers(min_value=1, max_value=1000))
def test_draws_stay_in_their_bounds(seed: int, bound: int) -> None:
    draws = Draws(seed)
    for _ in range(20):
        assert 0 <= draws.below(bound) < bound
        assert 0.0 <= draws.unit() < 1.0


@given(seeds, st.lists(st.integers(), max_size=8))
def test_shuffling_keeps_all_and_changes_nothing(seed: int, items: list[int]) -> None:
    before = list(items)
    assert Counter(Draws(seed).shuffled(items)) == Counter(items)
    assert items == before


def test_every_order_of_three_comes_up_about_as_often() -> None:
    draws = Draws(1)
    orders = Counter(tuple(draws.shuffled("abc")) for _ in range(6000))
    assert len(orders) == 6
    assert all(850 < count < 1150 for count in orders.values())


def test_chances() -> None:
    draws = Draws(7)
    assert 450 < sum(draws.chance(0.5) for _ in range(1000)) < 550
    assert not any(draws.chance(0.0) for _ in range(100))
    assert all(draws.chance(1.0) for _ in range(100))


def test_choosing_from_nothing_is_an_error() -> None:
    with pytest.raises(IndexError):
        Draws(0).choice(())


def test_derived_seeds_are_stable_and_told_apart_by_name() -> None:
    assert derive(0, "targets", 1) == 3614806466772360543
    assert len({derive(0), derive(1), derive(0, "a"), derive(0, "a", "b"), derive(0, "ab")}) == 5
