"""Which states a run has been through, as texts that do not depend on names and numbers."""

from harness.campaign.coverage import features
from harness.episode import Episode
from harness.events import Cause, Elected, Medium, Started, Stored, Truncated, Waiting


def story(one: str, two: str, *, start: int = 1, at: int = 0):
    return [
        Stored(node=one, at_ns=at + 1, epoch=101, first=start, last=start + 3, medium=Medium.DISK),
        Stored(node=two, at_ns=at + 2, epoch=101, first=start, last=start, medium=Medium.DISK),
        Elected(
            node=one,
            at_ns=at + 3,
            epoch=201,
            cause=Cause.ELECTION,
            heard=(one, two),
            log_epoch=101,
            log_offset=4,
        ),
        Truncated(node=two, at_ns=at + 4, epoch=101, first=start, last=start),
        Started(node=two, at_ns=at + 5, identity="x", log_epoch=0, log_offset=0, applied=0),
    ]


def test_names_times_and_offsets_make_no_difference():
    assert features(story("n1", "n2"), ()) == features(story("n3", "n1", start=70, at=10**9), ())


def test_who_waits_for_what_is_told_whole_and_without_numbers():
    def waits(reason):
        return features([Waiting(node="n1", at_ns=1, epoch=1, reason=reason)], ())[0].partition(";")[0]

    has_two = waits("waits for a majority: has n1, n3, needs 3 of 5")
    assert has_two == "waits, for a majority: has #, #, needs # of #"
    assert has_two == waits("waits for a majority: has n2, n5, needs 4 of 7")
    assert waits("waits for one of the pair: n1, n2") == "waits, for one of the pair: #, #"


def test_faults_at_work_make_one():
    acting = Episode(id=0, fault="pause", targets=("n2",), from_ns=2, until_ns=3)
    assert features(story("n1", "n2"), (acting,)) != features(story("n1", "n2"), ())
    over = Episode(id=0, fault="pause", targets=("n2",), from_ns=0, until_ns=0)
    assert features(story("n1", "n2"), (over,)) == features(story("n1", "n2"), ())


def test_everyday_reports_are_no_features():
    stored = story("n1", "n2")[:2]
    assert features(stored, ()) == ()


def test_who_is_elected_with_what_log_makes_a_difference():
    behind = story("n1", "n2")
    other = [*behind[:2], Elected(
        node="n2", at_ns=3, epoch=201, cause=Cause.ELECTION, heard=("n1", "n2"), log_epoch=101, log_offset=1
    )]  # fmt: skip
    assert any("behind 1" in feature for feature in features(other, ()))
    assert all("behind 1" not in feature for feature in features(behind, ()) if feature.startswith("elected"))
