import pytest

from checkers.words import at, names, rest, runs
from harness.verdict import Verdict


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([], ""),
        ([(2, 4)], "epoch 2: 4"),
        ([(2, 4), (2, 6), (2, 5), (2, 5)], "epoch 2: 4-6"),
        ([(3, 1), (2, 4), (2, 9), (2, 10)], "epoch 2: 4, 9-10; epoch 3: 1"),
        ([(None, None), (1, 7)], "epoch 1: 7"),
        ([(1, 2 * offset) for offset in range(1, 9)], "epoch 1: 2, 4, 6, 8, 10, 12, 14, 16"),
        ([(1, 2 * offset) for offset in range(1, 10)], "epoch 1: 2-18, 9 of them"),
    ],
)
def test_entries_are_told_as_runs(entries, told):
    assert runs(entries) == told


def test_the_rest_of_untraced_writes_has_no_offsets():
    assert rest(Verdict.HOLDS, "lost", [(None, None)]).lines == ()
    assert rest(Verdict.HOLDS, "lost", [(None, None)]).title == "1 more: lost"


def test_times_and_nodes():
    assert at(1_234_567_890) == "1.235 s"
    assert names({"n2", "n1"}) == "n1, n2"
    assert names([]) == "no node"
