from msgspec.structs import replace

from harness.course import Course
from harness.episode import Episode, Proof
from harness.soundness import judge
from harness.verdict import Verdict

WENT = Course(started_ns=1, stopped_ns=9, recovered=True, survivor="n1")
SEEN, UNSEEN = Proof(what="seen", shown=True), Proof(what="412 packets", shown=False)
EPISODE = Episode(
    id=0,
    fault="kill",
    targets=("n1", "n2"),
    from_ns=1,
    injected_ns=2,
    until_ns=3,
    injected=(SEEN,),
    healed=(SEEN,),
)


def doubts(
    course: Course | None = WENT,
    *episodes: Episode,
    acknowledged: int = 5,
    planned: int | None = None,
    recovery_expected: bool = True,
) -> list[str]:
    result = judge(
        course,
        episodes,
        acknowledged=acknowledged,
        planned=len(episodes) if planned is None else planned,
        recovery_expected=recovery_expected,
    )
    assert result.verdict is (Verdict.INCONCLUSIVE if result.findings else Verdict.HOLDS)
    return [" | ".join((finding.title, *finding.lines)) for finding in result.findings]


def test_a_run_with_writes_and_evidence_is_sound() -> None:
    assert doubts(WENT, EPISODE, EPISODE) == []
    result = judge(WENT, [EPISODE], acknowledged=7, planned=1)
    assert result.summary == "7 writes, 1 fault with evidence"


def test_each_doubt_by_itself() -> None:
    assert doubts(acknowledged=0) == ["no write of a client was acknowledged"]
    assert doubts(None) == ["the harness was killed before the run was over"]
    assert doubts(replace(WENT, interrupted=True)) == ["the run was interrupted"]
    assert doubts(replace(WENT, recovered=False)) == [
        "the system did not recover: no write was acknowledged after the faults were healed"
    ]
    assert doubts(replace(WENT, unsettled="n3 did not answer")) == [
        "the nodes did not settle | n3 did not answer"
    ]
    assert doubts(WENT, EPISODE, planned=3) == ["2 of 3 faults were never injected"]


def test_no_recovery_is_no_doubt_where_it_is_expected() -> None:
    down = replace(WENT, recovered=False, survivor=None, unsettled="no write was acknowledged within 5 s")
    assert len(doubts(down)) == 2
    assert doubts(down, recovery_expected=False) == []
    assert doubts(replace(WENT, unsettled="n3 did not answer"), recovery_expected=False) != []


def test_a_recovery_that_was_not_tried_is_unknown() -> None:
    for expected in (True, False):
        assert doubts(replace(WENT, recovered=None), recovery_expected=expected) == [
            "the run ended before it was known whether the system recovers"
        ]


def test_each_doubt_about_an_episode() -> None:
    what = "kill on n1, n2"
    assert doubts(WENT, replace(EPISODE, injected=())) == [f"nothing shows that {what} acted"]
    assert doubts(WENT, replace(EPISODE, injected=(SEEN, UNSEEN))) == [
        f"nothing shows that {what} acted | 412 packets"
    ]
    assert doubts(WENT, replace(EPISODE, healed=(UNSEEN,))) == [
        f"nothing shows that {what} was healed | 412 packets"
    ]
    assert doubts(WENT, replace(EPISODE, injected_ns=9)) == [
        f"{what} struck only after the clients had stopped"
    ]
    assert doubts(WENT, replace(EPISODE, error="no")) == [f"{what} went wrong | no"]
    assert doubts(WENT, replace(EPISODE, injected_ns=None)) == [f"{what} was never injected"]
    assert doubts(WENT, replace(EPISODE, injected_ns=None, error="no", targets=())) == [
        "kill on nothing went wrong | no"
    ]


def test_several_doubts_are_summed_up() -> None:
    result = judge(None, [replace(EPISODE, error="no")], acknowledged=0, planned=1)
    assert result.summary == "the harness was killed before the run was over, and 2 more"
