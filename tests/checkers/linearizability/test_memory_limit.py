"""Objects that need more memory than there is: no verdict on them, and all verdicts on the others."""

from concurrent.futures import Future

import numpy as np
import pytest

from checkers.linearizability import MODELS, Calls, CallsBuilder, check, engine, objects
from checkers.linearizability.budget import LOOK, RESERVE_MB, Budget, OverBudget
from checkers.linearizability.columns import NEVER
from harness import memory
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


def texts(operations: int, *keys: str) -> Calls:
    """Return texts that are put and read, one operation after the other."""
    builder = CallsBuilder()
    for place in range(operations):
        for key in keys:
            f, args, result = ("put", (str(place),), None) if place % 2 == 0 else ("get", (), str(place - 1))
            builder.add(
                id=2 * place,
                key=key,
                f=f,
                args=args,
                result=result,
                call_ns=9 * place,
                return_ns=9 * place + 1,
            )
    return builder.build()


def test_a_long_history_takes_memory_before_any_search() -> None:
    result = check(texts(8000, "x"), MODELS["kv-append"], memory_limit_mb=4)
    assert (result.verdict, result.reasons) == (Verdict.INCONCLUSIVE, ("no verdict within 4 MB",))
    assert check(texts(8000, "x"), MODELS["kv-append"], memory_limit_mb=40).verdict is Verdict.HOLDS


def test_what_the_kernel_has_left_is_looked_at_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget(memory_limit_mb=1000)
    monkeypatch.setattr(memory, "left_mb", lambda: RESERVE_MB)
    for _ in range(2 * LOOK):
        budget.spend(1)
    monkeypatch.setattr(memory, "left_mb", lambda: RESERVE_MB - 1)
    with pytest.raises(OverBudget, match="no verdict within 1000 MB"):
        for _ in range(LOOK):
            budget.spend(1)


def test_without_room_for_processes_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a pool whose threads can't start waits for ever")

    monkeypatch.setattr(objects, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(objects, "ProcessPoolExecutor", refused)
    monkeypatch.setattr(memory, "left_mb", lambda: objects.ROOM_MB - 1)
    assert check(texts(10, "x", "y"), MODELS["kv-append"], jobs=2).verdict is Verdict.HOLDS
    monkeypatch.setattr(memory, "left_mb", lambda: objects.ROOM_MB)
    with pytest.raises(AssertionError, match="for ever"):
        check(texts(10, "x", "y"), MODELS["kv-append"], jobs=2)


def test_what_can_not_be_sent_to_a_process_is_undecided() -> None:
    future: Future[objects.ObjectResult] = Future()
    future.set_exception(MemoryError())
    calls = texts(2, "x")
    task = objects._Task(model=MODELS["kv-append"], calls=calls, rows=np.arange(2), key="x", taken=True)
    told = objects._awaited(future, task, Budget(memory_limit_mb=3))
    assert (told.verdict, told.reason) == (Verdict.INCONCLUSIVE, "no verdict within 3 MB")
