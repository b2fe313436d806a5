from checkers.evidence.lineage import ENDLESS, Lineage
from harness.events import Cause, Elected


def elected(epoch, node, log=(0, 0), at=None):
    return Elected(
        node=node,
        at_ns=at or epoch * 100,
        epoch=epoch,
        cause=Cause.ELECTION if log != (0, 0) else Cause.BOOTSTRAP,
        heard=(node,),
        log_epoch=log[0],
        log_offset=log[1],
    )


#   epoch 1 -- 10 -- epoch 2 -- 12 -- epoch 5
#     |  8 -- epoch 3 (abandoned)
TREE = Lineage.of(
    [elected(1, "n1"), elected(2, "n2", (1, 10)), elected(3, "n3", (1, 8)), elected(5, "n1", (2, 12))]
)


def test_an_epoch_reaches_as_far_into_its_ancestors_as_their_successors_continued():
    assert TREE.reach(5, 5) == ENDLESS
    assert TREE.reach(5, 2) == 12
    assert TREE.reach(5, 1) == 10
    assert TREE.reach(3, 1) == 8


def test_an_epoch_has_nothing_of_a_fork():
    assert TREE.reach(5, 3) == -1
    assert TREE.reach(5, 4) == -1
    assert TREE.reach(2, 3) == -1


def test_what_was_not_reported_is_not_known():
    lineage = Lineage.of([elected(5, "n1", (4, 12))])
    assert lineage.reach(5, 4) == 12
    assert lineage.reach(5, 1) is None
    assert lineage.contains(5, 1, 3) is None


def test_a_log_that_claims_to_end_in_its_own_future_is_not_believed():
    assert Lineage.of([elected(2, "n1", (2, 12))]).reach(2, 1) is None


def test_the_first_election_that_lacks_an_entry_dropped_it():
    assert TREE.dropped_by(5, 1, 10) is None
    dropped_by = TREE.dropped_by(5, 1, 11)
    assert dropped_by is not None and dropped_by.epoch == 2
    forked = TREE.dropped_by(5, 3, 9)
    assert forked is not None and forked.epoch == 5
    assert TREE.dropped_by(2, 5, 1) is None


def test_all_elections_that_lack_an_entry():
    assert [election.epoch for election in TREE.drops(1, 9)] == [3]
    assert [election.epoch for election in TREE.drops(1, 11)] == [2, 3, 5]


def test_rivals_for_one_epoch_are_told():
    lineage = Lineage.of(
        [elected(1, "n1"), elected(1, "n2"), elected(2, "n2", (1, 3)), elected(2, "n2", (1, 3))]
    )
    assert [(first.node, second.node) for first, second in lineage.rivals] == [("n1", "n2")]


def test_the_newest_election_of_a_node():
    assert TREE.last["n1"].epoch == 5
    assert "n9" not in TREE.last


#   epoch 101 -- 5 -- epoch 1102, on n2 alone, which then loses its disk, and is promoted blank for epoch 1002
FORGETFUL = Lineage.of(
    [elected(101, "n1", at=1), elected(1102, "n2", (101, 5), at=10), elected(1002, "n2", at=20)]
)


def test_the_last_election_of_a_node_is_the_latest_whatever_its_number():
    assert FORGETFUL.last["n2"].epoch == 1002
    first, lower, again = (elected(epoch, "n2", at=at) for epoch, at in ((3, 5), (2, 6), (3, 7)))
    assert Lineage.of([first, lower, again]).last["n2"] is again


def test_what_is_of_higher_epochs_is_in_no_lower_one_and_no_election_left_it_out():
    dropped_by = FORGETFUL.dropped_by(1002, 101, 5)
    assert dropped_by is not None and dropped_by.epoch == 1002
    assert FORGETFUL.contains(1002, 1102, 6) is False
    assert FORGETFUL.dropped_by(1002, 1102, 6) is None


def test_a_node_that_begins_no_later_epoch_has_forgotten_one():
    first, second, lower = elected(3, "n2", at=5), elected(3, "n2", at=6), elected(2, "n2", at=7)
    lineage = Lineage.of([elected(1, "n1", at=1), first, second, lower, elected(4, "n2", at=8)])
    assert (lineage.forgotten, lineage.rivals) == (((first, second), (second, lower)), ())
    assert lineage.reliable_below == 2
    assert Lineage.of([first, second]).reliable_below == 3


def test_nothing_is_forgotten_where_each_node_goes_up():
    first = elected(3, "n2", at=5)
    for events in ([first, first], [first, elected(1, "n1", at=6)], [first, elected(4, "n2", at=6)]):
        assert Lineage.of(events).forgotten == ()
    assert TREE.reliable_below == ENDLESS
