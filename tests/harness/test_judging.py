import pytest

from harness import judging
from harness.checker import CheckResult
from harness.columns.table import table_of
from harness.errors import UsageError
from harness.history_checker import Request
from harness.operation import Operation, Outcome
from harness.verdict import Verdict

ADDED = (
    Operation(id=0, process=0, f="add", args=(1,), call_ns=0, return_ns=1, outcome=Outcome.OK),
    Operation(id=1, process=0, f="read", call_ns=2, return_ns=3, outcome=Outcome.OK, value=[1]),
)


class Fake:
    def __init__(self, name, verdict=Verdict.HOLDS, *, fits=True, raises=None):
        self.name, self._verdict, self._fits, self._raises = name, verdict, fits, raises
        self.asked = None

    def fits(self, table):
        if self._fits is None:
            raise ValueError("can't tell")
        return self._fits

    def check(self, table, request):
        self.asked = request
        if self._raises is not None:
            raise self._raises
        return CheckResult(checker=self.name, verdict=self._verdict, summary="", anomalies=(self.name,))


def judge(*operations, request=None, **how):
    return judging.judge(table_of(operations), request or Request(), **how)


def test_operations_that_a_checker_does_not_know_are_told_and_change_no_verdict():
    history = [
        ("increment", (3,), "ok", None), ("read", (), "ok", 3), ("reset", (), "ok", None),
        ("clear", (), "info", None), ("clear", (), "fail", None), ("swap", (), "fail", None),
    ]  # fmt: skip
    operations = [
        Operation(id=place, process=0, f=f, args=args, node=None, call_ns=2 * place,
                  return_ns=None if outcome == "info" else 2 * place + 1, outcome=Outcome(outcome), value=value)
        for place, (f, args, outcome, value) in enumerate(history)
    ]  # fmt: skip
    for some, told in ((operations, "; passed over: reset (1), clear (1)"), (operations[:2], "")):
        (check,) = judge(*some, named=judging.checkers(["counter"], {})).checks
        assert check.verdict is Verdict.HOLDS
        assert check.summary == "1 read of 1 counter: 0 impossible" + told


def test_those_that_fit_are_chosen_and_said():
    done = judge(*ADDED, available=[Fake("a"), Fake("b", fits=False)], measures=[Fake("m")])
    assert (done.verdict, done.chosen) == (Verdict.HOLDS, ("a",))
    assert [check.checker for check in done.checks] == ["a", "m"]
    assert done.anomalies == ("a", "m")


def test_those_that_are_named_are_asked_whether_they_fit_or_not():
    done = judge(*ADDED, named=[Fake("b", fits=False)], available=[Fake("a")])
    assert ([check.checker for check in done.checks], done.chosen) == (["b"], ())


def test_a_history_for_nobody_is_inconclusive():
    done = judge(*ADDED, available=[Fake("a", fits=False)], measures=[Fake("m")])
    assert done.verdict is Verdict.INCONCLUSIVE
    assert "no checker is known for these operations (add, read)" in done.checks[0].summary


def test_a_checker_that_fails_hides_nothing():
    broken = Fake("b", raises=ZeroDivisionError("oh"))
    done = judge(*ADDED, named=[broken, Fake("v", Verdict.VIOLATED)])
    assert done.verdict is Verdict.VIOLATED
    assert done.checks[0].verdict is Verdict.ERROR
    assert done.checks[0].findings[0].lines[-1] == "ZeroDivisionError: oh"
    assert judge(*ADDED, named=[broken, Fake("h")]).verdict is Verdict.ERROR


def test_a_checker_that_can_not_tell_whether_it_fits_is_asked():
    assert judge(*ADDED, available=[Fake("a", Verdict.VIOLATED, fits=None)]).verdict is Verdict.VIOLATED


def test_too_little_memory_is_inconclusive():
    done = judge(*ADDED, named=[Fake("b", raises=MemoryError())])
    assert (done.verdict, done.checks[0].findings[0].lines) == (Verdict.INCONCLUSIVE, ())


@pytest.mark.parametrize(
    "verdict,meant", [(Verdict.HOLDS, Verdict.INCONCLUSIVE), (Verdict.VIOLATED, Verdict.VIOLATED)]
)
def test_a_history_without_an_acknowledgement_proves_nothing(verdict, meant):
    lost = Operation(id=0, process=0, f="add", args=(1,), call_ns=0)
    assert judge(lost, named=[Fake("a", verdict)]).verdict is meant
    assert judge(named=[Fake("a", verdict)]).verdict is meant


def test_the_time_limit_is_for_all_together(monkeypatch):
    times = iter([100.0, 103.0, 111.0])
    monkeypatch.setattr(judging.time, "monotonic", lambda: next(times))
    one, other = Fake("a"), Fake("b")
    judge(*ADDED, request=Request(time_limit_s=10), named=[one, other])
    assert (one.asked.time_limit_s, other.asked.time_limit_s) == (7.0, 0.0)


def test_what_is_installed_is_found_with_its_options():
    (bank,) = judging.checkers(["bank"], {"bank": {"total": 7}})
    assert bank.name == "bank"
    assert {each.name for each in judging.measures({})} == {"availability", "errors", "statistics"}
    with pytest.raises(UsageError, match="did you mean 'bank'"):
        judging.checkers(["bnk"], {})
    with pytest.raises(UsageError, match=r"--set bank\.sum: unknown option 'sum'; allowed: total, negative"):
        judging.checkers(["bank"], {"bank": {"sum": 1}})
    with pytest.raises(UsageError, match=r"--set bank\.…: no checker of that name is asked for"):
        judging.checkers(["counter"], {"bank": {"total": 1}})
