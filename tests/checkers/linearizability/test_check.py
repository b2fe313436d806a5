"""Whole checks: verdicts of others' histories, certificates, objects side by side."""

import random

import msgspec
import oracle_logs
import pytest
from brute_orders import Op, explains, linearizable
from small_histories import calls_of, history, unique

from checkers.histories.linearizable import Linearizable
from checkers.linearizability import MODELS, Calls, CallsBuilder, Result, Window, check, decision, engine
from checkers.linearizability.certificate import Linearization, Role
from checkers.linearizability.columns import NEVER
from checkers.linearizability.model import UNKNOWN, Call, Model
from harness.history_checker import Request
from harness.judging import judge
from harness.reading.read import read
from harness.verdict import Verdict

HISTORIES = 150


def verdict(expected: bool) -> Verdict:
    return Verdict.HOLDS if expected else Verdict.VIOLATED


def window_ops(window: Window) -> tuple[Op, ...]:
    """Return a window's operations as the definition reads them: possible ones need not happen."""
    return tuple(
        Op(
            call=Call(f=each.f, args=each.args, result=each.result if each.known else UNKNOWN),
            call_ns=each.call_ns,
            return_ns=NEVER if each.return_ns is None else each.return_ns,
            excused=each.role is Role.POSSIBLE,
        )
        for each in window.operations
    )


def prove(result: Result, calls: Calls, ops: tuple[Op, ...], model: Model) -> None:
    """Assert that every verdict comes with a proof that a short program can check."""
    for linearization in result.linearizations(calls):
        assert explains(model, ops, list(linearization.order))
    for window in result.windows:
        assert msgspec.json.decode(msgspec.json.encode(window), type=Window).stuck == window.stuck
        assert all(each.story for each in window.required)
        assert not linearizable(model, window_ops(window), window.entry_states)


@pytest.mark.parametrize("name", MODELS)
def test_verdicts_are_those_of_all_orders_and_proved(name: str) -> None:
    for seed in range(HISTORIES):
        ops = history(name, seed)
        calls = calls_of(ops)
        result = check(calls, MODELS[name])
        assert result.verdict is verdict(linearizable(MODELS[name], ops)), (seed, ops)
        prove(result, calls, ops, MODELS[name])


@pytest.mark.parametrize(
    "name,start",
    [(name, start) for name in ("register", "cas-register", "multi-register") for start in (0, 2, 7)]
    + [("counter", 2), ("counter", -1)],
)
def test_verdicts_on_objects_that_begin_otherwise(name: str, start: int) -> None:
    begun, verdicts = MODELS[name].starting(start), []
    for seed in range(HISTORIES):
        ops = history(name, seed, model=begun)
        calls = calls_of(ops)
        result = check(calls, begun)
        assert result.verdict is verdict(linearizable(begun, ops)), (seed, ops)
        prove(result, calls, ops, begun)
        assert {each.start for each in (*result.windows, *result.linearizations(calls))} <= {start}
        verdicts.append(check(calls, MODELS[name]).verdict is result.verdict)
    assert not all(verdicts)  # else it would not matter what they begin as


def renamed(ops: tuple[Op, ...], names: dict[int | None, int | None]) -> tuple[Op, ...]:
    """Return a history of a compare-and-set register with other values."""
    return tuple(
        msgspec.structs.replace(
            op,
            call=Call(
                f=op.call.f,
                args=tuple(names[each] for each in op.call.args),
                result=names.get(op.call.result, op.call.result)
                if op.call.f == "read" and op.known
                else op.call.result,
            ),
        )
        for op in ops
    )


@pytest.mark.parametrize("start", [0, 50])
def test_registers_of_unique_values_are_judged_alike_whatever_they_begin_as(start: int) -> None:
    names = {value: value for value in range(1, 20)} | {None: start, 3: None}
    for seed in range(500):
        ops = unique(seed)
        plain = check(calls_of(ops), MODELS["cas-register"])
        calls = calls_of(renamed(ops, names))
        result = check(calls, MODELS["cas-register"].starting(start))
        assert (result.verdict, result.steps) == (plain.verdict, plain.steps), seed
        prove(result, calls, renamed(ops, names), MODELS["cas-register"].starting(start))


def test_nil_is_no_start_where_another_is() -> None:
    read = Op(call=Call(f="read"), call_ns=0, return_ns=1)
    assert check(calls_of((read,)), MODELS["register"]).verdict is Verdict.HOLDS
    assert check(calls_of((read,)), MODELS["register"].starting(0)).verdict is Verdict.VIOLATED


@pytest.mark.parametrize("start,shown", [(True, 1), (1, True), (False, 0)])
def test_a_truth_is_no_number_to_begin_with(start: object, shown: object) -> None:
    for value, expected in ((start, True), (shown, False)):
        ops = tuple(
            Op(call=Call(f="read", result=each), call_ns=at, return_ns=at)
            for at, each in ((0, start), (1, value))
        )
        assert check(calls_of(ops), MODELS["register"].starting(start)).verdict is verdict(expected)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_truth_is_no_number_in_a_search(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "COMPILED", engine.COMPILED and compiled)
    monkeypatch.setattr(decision, "ATTEMPTS", ((1, 2), (2, 8)))
    names = {None: None, 0: True, 1: 1, 2: False, 3: 0}
    for seed in range(100):
        ops = renamed(history("cas-register", seed), names)
        calls = calls_of(ops)
        result = check(calls, MODELS["cas-register"])
        assert result.verdict is verdict(linearizable(MODELS["cas-register"], ops)), seed
        prove(result, calls, ops, MODELS["cas-register"])


def test_a_counter_begins_with_a_number() -> None:
    with pytest.raises(ValueError, match="begins with a number"):
        MODELS["counter"].starting("x")


@pytest.mark.skipif(not oracle_logs.verdicts(), reason="the histories with known verdicts are not here")
def test_verdicts_of_others_histories() -> None:
    wrong = {}
    for name, expected in oracle_logs.verdicts().items():
        calls, model = oracle_logs.read(name)
        result = check(calls, MODELS[model])
        if result.verdict != expected:
            wrong[name] = result.verdict
        assert {each.verdict is Verdict.VIOLATED for each in result.objects if each.window} <= {True}
    assert wrong == {}


@pytest.mark.skipif(not oracle_logs.verdicts(), reason="the histories with known verdicts are not here")
@pytest.mark.parametrize("failed_cas", [False, True])
def test_verdicts_of_others_histories_as_files(failed_cas: bool) -> None:
    judges = [Linearizable({"failed_cas": failed_cas})]
    for name, expected in oracle_logs.verdicts().items():
        table = read(oracle_logs.FOLDER / name).table
        assert judge(table, Request(), available=judges).verdict == expected, name


@pytest.mark.skipif(not oracle_logs.verdicts(), reason="the histories with known verdicts are not here")
def test_verdicts_of_others_histories_without_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "COMPILED", False)
    test_verdicts_of_others_histories()


def many(*, keys: int) -> tuple[Calls, set[int]]:
    """Return many histories as objects of one, and the keys of those that are violated."""
    builder = CallsBuilder()
    violated = set()
    ops = [(key, op) for key in range(keys) for op in history("cas-register", key)]
    random.Random(1).shuffle(ops)
    for number, (key, op) in enumerate(ops):
        builder.add(
            id=number, key=key, f=op.call.f, args=op.call.args, result=op.call.result,
            call_ns=op.call_ns, return_ns=op.return_ns,
        )  # fmt: skip
    for key in range(keys):
        if not linearizable(MODELS["cas-register"], history("cas-register", key)):
            violated.add(key)
    return builder.build(), violated


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_object_has_its_own_verdict(jobs: int) -> None:
    calls, violated = many(keys=60)
    result = check(calls, MODELS["cas-register"], jobs=jobs)
    assert {each.key for each in result.objects if each.verdict is Verdict.VIOLATED} == violated
    assert result.verdict is Verdict.VIOLATED
    assert {window.key for window in result.windows} == violated
    assert len(result.objects) == 60


def test_objects_are_checked_by_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkers.linearizability.objects.WORTH_A_PROCESS", 0)
    monkeypatch.setattr(engine, "COMPILED", False)
    calls, violated = many(keys=12)
    result = check(calls, MODELS["cas-register"], jobs=2)
    assert {each.key for each in result.objects if each.verdict is Verdict.VIOLATED} == violated


def test_past_a_limit_there_is_no_verdict_but_a_reason() -> None:
    ops = next(ops for seed in range(99) if len(ops := history("cas-register", seed)) > 4)
    result = check(calls_of(ops), MODELS["cas-register"], time_limit_s=0)
    assert (result.verdict, result.reasons) == (Verdict.INCONCLUSIVE, ("no verdict within 0 s",))


@pytest.mark.parametrize("name", ["register", "cas-register", "mutex", "set"])
def test_following_few_configurations_at_first_changes_no_verdict(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision, "ATTEMPTS", ((1, 2), (2, 8)))
    for seed in range(200):
        ops = history(name, seed)
        calls = calls_of(ops)
        result = check(calls, MODELS[name])
        assert result.verdict is verdict(linearizable(MODELS[name], ops)), (seed, ops)
        prove(result, calls, ops, MODELS[name])


class Ring:
    """A model of one's own: the last two things that were pushed, on numbered rings."""

    name = "ring"

    def init(self) -> tuple[None, None]:
        return (None, None)

    def step(self, state: tuple[object, object], call: Call) -> tuple[tuple[object, object], ...]:
        match call.f:
            case "push":
                return ((call.args[1], state[0]),)
            case "last":
                return (state,) if not call.known or call.result == state[0] else ()
        return ()

    def part(self, call: Call) -> object:
        return call.args[0]

    def describe(self, call: Call) -> str:
        return f"{call.f} {call.args}"


def test_a_model_of_ones_own_with_parts() -> None:
    builder = CallsBuilder()
    for number, (ring, value) in enumerate([(1, "a"), (2, "b"), (1, "c")]):
        builder.add(id=number, f="push", args=(ring, value), result=None, call_ns=number, return_ns=number)
    builder.add(id=3, f="last", args=(1,), result="c", call_ns=9, return_ns=9)
    builder.add(id=4, f="last", args=(2,), result="c", call_ns=9, return_ns=9)
    result = check(builder.build(), Ring())
    assert {each.key: str(each.verdict) for each in result.objects} == {
        (None, 1): "holds",
        (None, 2): "violated",
    }


def test_nothing_at_all_holds() -> None:
    result = check(CallsBuilder().build(), MODELS["cas-register"])
    assert (result.verdict, result.objects) == (Verdict.HOLDS, ())


def test_a_stale_read_is_told_by_two_operations() -> None:
    builder = CallsBuilder()
    builder.add(id=7, f="write", args=(1,), result=None, call_ns=0, return_ns=10, process=1)
    builder.add(id=8, f="write", args=(2,), result=None, call_ns=20, return_ns=30, process=2)
    builder.add(id=9, f="read", result=1, call_ns=40, return_ns=50, process=3)
    builder.add(id=10, f="write", args=(1,), result=None, call_ns=60, return_ns=70, process=3)
    result = check(builder.build(), MODELS["register"])
    (window,) = result.windows
    assert [each.id for each in window.required] == [8, 9]
    assert (window.any_state, window.stuck, window.from_ns, window.until_ns) == (True, 9, 20, 50)
    assert "holds 2" in window.required[1].story


def test_an_order_survives_a_trip_through_json() -> None:
    builder = CallsBuilder()
    builder.add(id=5, f="write", args=(1,), result=None, call_ns=0, return_ns=9, key="x")
    builder.add(id=6, f="read", result=None, call_ns=0, return_ns=9, key="x")
    calls = builder.build()
    (linearization,) = check(calls, MODELS["register"]).linearizations(calls)
    assert linearization.order == (6, 5)
    assert msgspec.json.decode(msgspec.json.encode(linearization), type=Linearization) == linearization
