"""Objects that need more memory than there is: no verdict on them, and all verdicts on the others."""

import pytest

from checkers.linearizability import MODELS, Calls, CallsBuilder, check, engine
from checkers.linearizability.columns import NEVER
from harness.verdict import Verdict

WIDE = 10


def wide_and_stale() -> Calls:
    """Return a queue that a search needs millions of configurations for, and one that is violated at once."""
    builder = CallsBuilder()
    for each in range(WIDE):
        builder.add(id=each, key="wide", f="enqueue", args=(each,), result=None, call_ns=0, return_ns=10)
    for place, taken in enumerate((*range(WIDE - 1), 0)):
        at_ns = 20 + 2 * place
        builder.add(id=99 - place, key="wide", f="dequeue", result=taken, call_ns=at_ns, return_ns=at_ns)
    builder.add(id=100, key="bad", f="dequeue", result=7, call_ns=0, return_ns=1)
    return builder.build()


def verdicts(calls: Calls, *, jobs: int) -> dict[str, tuple[Verdict, str]]:
    result = check(calls, MODELS["fifo-queue"], memory_limit_mb=4, jobs=jobs)
    assert result.verdict is Verdict.VIOLATED
    return {each.key: (each.verdict, each.reason) for each in result.objects}


EXPECTED = {"wide": (Verdict.INCONCLUSIVE, "no verdict within 4 MB"), "bad": (Verdict.VIOLATED, "")}


def test_one_after_the_other() -> None:
    assert verdicts(wide_and_stale(), jobs=1) == EXPECTED


def test_in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkers.linearizability.objects.WORTH_A_PROCESS", 0)
    assert verdicts(wide_and_stale(), jobs=2) == EXPECTED


def test_what_can_not_be_allocated_is_a_limit_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    calls = wide_and_stale()
    monkeypatch.setattr(engine, "events_of", full)
    result = check(calls, MODELS["fifo-queue"])
    assert (result.verdict, result.reasons) == (
        Verdict.INCONCLUSIVE, ("no verdict within the memory of this machine",)
    )  # fmt: skip
    assert (calls.return_ns != NEVER).all()
