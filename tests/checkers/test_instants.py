"""What happens at the very instant at which something else does."""

import pytest
from recorded_runs import NODES, Script, ms

from checkers.evidence.case import Case
from checkers.evidence.fates import Copy
from checkers.evidence.holders import count_copies
from checkers.evidence.lasting import Lasting
from harness.contract import Mode


@pytest.mark.parametrize(("lost_ns", "gone"), [(4, True), (5, True), (6, False), (None, False)])
def test_a_copy_is_gone_from_the_moment_on_at_which_it_may_have_been(lost_ns: int | None, gone: bool) -> None:
    assert Copy(node="n1", memory_ns=1, disk_ns=2, lost_ns=lost_ns).lost_by(5) is gone


@pytest.mark.parametrize("value", [0, 7])
def test_what_was_acknowledged_at_that_very_moment_need_not_be_shown(value: int) -> None:
    script = Script()
    script.append(value, at=1, returned=5)
    read = script.op("get", "list-0", at=5, value=[])
    script.final("n1", {"list-0": [value]})
    lasting = Lasting(script.run())
    assert list(lasting.missed(read, before_ns=ms(5))) == []
    assert [missed.element for missed in lasting.missed(read, before_ns=ms(5) + 1)] == [("list-0", value)]


@pytest.mark.parametrize(
    ("called", "returned", "covered"), [(30, 35, True), (31, 35, False), (5, 10, True), (5, 9, False)]
)
def test_a_lie_counts_from_its_first_moment_to_its_last(
    called: float, returned: float, covered: bool
) -> None:
    script = Script(Mode.SYNC)
    script.bootstrap()
    script.write(1, at=called, returned=returned, entry=(1, 2), on=NODES[:2])
    script.stored("n3", (1, 2), at=returned + 5)
    script.episode("lying-flush", "n3", at=10, until=30)
    copies = count_copies(Case(script.run()))
    assert copies.short.tolist() == [not covered]
