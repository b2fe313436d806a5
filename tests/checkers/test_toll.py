"""What is kept of the losses of a run, and what they come to."""

import weakref
from types import SimpleNamespace

import pytest
from recorded_runs import NODES, Script

from checkers.durability import Durability
from checkers.evidence.case import Case
from checkers.rulings import losses
from checkers.rulings.ruling import GRAVEST_FIRST, Judgement, Ruling
from checkers.rulings.story import STORIES
from checkers.toll import Toll
from harness.contract import Mode


class Loss(SimpleNamespace):
    """A loss that weak references can watch."""


def loss(number, ruling, *, id=None):
    write = SimpleNamespace(
        id=number if id is None else id, epoch=1, offset=number, size_bytes=9, return_ns=number
    )
    return Loss(write=write, judgement=Judgement(ruling=ruling, reason="no reason"))


def test_of_many_losses_only_those_to_be_told_are_kept():
    watched = []

    def many():
        for number in range(300):
            each = loss(number, GRAVEST_FIRST[number % 3])
            watched.append(weakref.ref(each))
            yield each

    toll = Toll(Case(Script().run()), many())
    assert sum(reference() is not None for reference in watched) == 3 * STORIES
    assert toll.counts() == {"lost": 300, "forbidden": 100, "unproved": 100, "permitted": 100}


def test_an_operation_counts_once_by_the_gravest_ruling_on_what_it_wrote():
    rulings = [
        (1, Ruling.PERMITTED),
        (1, Ruling.FORBIDDEN),
        (1, Ruling.UNPROVED),
        (2, Ruling.PERMITTED),
        (2, Ruling.UNPROVED),
        (3, Ruling.PERMITTED),
    ]
    found = [loss(number, ruling, id=id) for number, (id, ruling) in enumerate(rulings)]
    toll = Toll(Case(Script().run()), found)
    assert toll.counts() == {"lost": 3, "forbidden": 1, "unproved": 1, "permitted": 1}
    assert toll.rpo() == {"rpo_operations": 3, "rpo_bytes": 54, "rpo_seconds": 0}


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_how_many_losses_are_looked_up_together_changes_nothing(monkeypatch, at_once):
    script = Script(Mode.ASYNC)
    script.bootstrap()
    script.write(0, at=100, entry=(1, 1), on=NODES)
    for offset in range(2, 20):
        script.write(offset, at=200 + offset, entry=(1, offset))
    script.episode("kill", "n1", at=300, until=900)
    script.elected("n2", 2, at=500, log=(1, 1), heard=("n2", "n3"))
    script.final("n2", {"list-0": [0]})
    result = Durability().check(script.run("n2"))
    assert result.figures["permitted"] == 18
    monkeypatch.setattr(losses, "_AT_ONCE", at_once)
    assert Durability().check(script.run("n2")) == result
