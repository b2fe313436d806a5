"""A workload that is written out does what is written, when it is written, and nothing else."""

import pytest

from checkers.script import script
from checkers.workloads import append, mixed
from harness import schema
from harness.errors import UsageError
from harness.generator import Context, Wait
from harness.operation import Invocation
from harness.system import SettingError
from harness.workload import RESERVED, reserve

S = 1_000_000_000
CALLS = [
    {"at": 0.5, "by": 1, "f": "append", "args": ["k", 7]},
    {"at": 0.1, "by": 0, "f": "get", "args": ["k"]},
    {"at": 0.9, "by": 1, "f": "peek", "args": [["k", "l"]], "node": "n2"},
]


def begun(options, *, seed=3):
    """Return what the clients get, after the harness has taken its writes."""
    workload = script(options)
    _, generator = reserve(workload, workload.generator(("n1", "n2"), seed=seed), RESERVED)
    return generator


def asked(generator, worker, at_s):
    context = Context(now_ns=round(at_s * S), worker=worker, process=worker, members=3, busy=0)
    return generator.next(context)


def test_each_client_does_its_own_calls_at_their_times():
    generator = begun({"calls": CALLS, "until": 2})
    step, generator = asked(generator, 1, 10.0)
    assert step == Wait(round(10.5 * S)), "times count from the first question"
    step, generator = asked(generator, 0, 10.2)
    assert step == Invocation(f="get", args=("k",))
    step, generator = asked(generator, 1, 10.5)
    assert step == Invocation(f="append", args=("k", 7))
    step, generator = asked(generator, 1, 11.5)
    assert step == Invocation(f="peek", args=(("k", "l"),), node="n2"), (
        "a client that is late goes on at once"
    )
    step, generator = asked(generator, 0, 11.5)
    assert step == Wait(12 * S), "the run lasts as long as it is said to"
    assert asked(generator, 0, 12.0)[0] is None


def test_calls_may_be_listed_in_any_order():
    later, sooner = {"at": 1, "f": "get", "args": ["k"]}, {"at": 0.5, "f": "get", "args": ["l"]}
    step, generator = asked(begun({"calls": [later, sooner]}), 0, 10.0)
    assert step == Wait(round(10.5 * S))
    assert asked(generator, 0, 10.5)[0] == Invocation(f="get", args=("l",))


def test_it_does_not_end_before_every_call_was_made():
    generator = begun({"calls": CALLS, "until": 0.2})
    step, generator = asked(generator, 0, 0.0)
    step, generator = asked(generator, 0, 0.15)
    assert isinstance(step, Invocation)
    step, generator = asked(generator, 0, 0.3)
    assert step is not None, "client 1 has still to come"


def test_the_harness_gets_its_writes_from_the_workload_that_it_stands_for():
    base, listed = append({"reads": 0.5}), script({"of": "append", "with": {"reads": 0.5}, "calls": CALLS})
    taken = [reserve(each, each.generator(("n1",), seed=3), RESERVED)[0] for each in (base, listed)]
    assert taken[0] == taken[1]
    assert asked(begun({"calls": CALLS}), 0, 0)[0] == Wait(S // 10), (
        "and nothing is left over for the clients"
    )


def write(f, key, value):
    return {"at": 1, "f": f, "args": [key, value]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"calls": [3]}, "calls.0 is not a mapping"),
        ({"calls": [{"at": -1, "f": "get"}]}, "calls.0.at is a time in seconds, below 86400, not -1"),
        ({"calls": [{"at": True, "f": "get"}]}, "calls.0.at is a time in seconds"),
        ({"calls": [{"at": float("nan"), "f": "get"}]}, "calls.0.at is a time in seconds"),
        ({"calls": [{"at": float("inf"), "f": "get"}]}, "calls.0.at is a time in seconds"),
        ({"calls": [{"at": 1, "by": -1, "f": "get"}]}, "calls.0.by is the number of a client"),
        ({"calls": [{"at": 1, "by": True, "f": "get"}]}, "calls.0.by is the number of a client"),
        ({"calls": [{"at": 1, "f": "get", "args": ["k"], "node": 1}]}, "calls.0 needs f"),
        ({"calls": [write("put", "k", 1)]}, "calls.0.f does not know 'put'; allowed: append, get"),
        (
            {"of": "mixed", "calls": [{"at": 1, "f": "txn", "args": [[["append", "k", "x"]]]}]},
            "calls.0.args: txn takes a list of steps",
        ),
        (
            {"of": "mixed", "calls": [{"at": 1, "f": "txn", "args": [[["append", 5, 1]]]}]},
            "calls.0.args: txn takes a list of steps",
        ),
        (
            {"of": "mixed", "calls": [{"at": 1, "f": "txn", "args": [[["get", 5, None]]]}]},
            "calls.0.args: txn takes a list of steps",
        ),
        ({"calls": [{"at": 1, "by": "x", "f": "get"}]}, "calls.0.by is the number of a client"),
        ({"calls": [{"at": 1, "f": "get", "when": 3}]}, "calls.0 has an unknown field 'when'"),
        ({"calls": [{"at": 1}]}, "calls.0 needs f"),
        (
            {"calls": [{"at": 1, "f": "shout"}]},
            "calls.0.f does not know 'shout'; allowed: append, get, get_within",
        ),
        (
            {"calls": [{"at": 1, "f": "append", "args": ["k"]}]},
            "calls.0.args: append takes a key and a whole",
        ),
        (
            {"of": "mixed", "calls": [{"at": 1, "f": "put", "args": ["k", {"a": 1}]}]},
            "calls.0.args: put takes",
        ),
        ({"of": "mixed", "calls": [{"at": 1, "f": "put", "args": ["k", True]}]}, "calls.0.args: put takes"),
        (
            {"of": "mixed", "calls": [{"at": 1, "f": "cas", "args": ["k", None]}]},
            "calls.0.args: cas takes a key, a whole",
        ),
        ({"calls": [{"at": 1, "f": "peek", "args": ["k"]}]}, "calls.0.args: peek takes a list of keys"),
        (
            {"of": "mixed", "calls": [{"at": 1, "f": "txn", "args": [[["get", "k"]]]}]},
            "calls.0.args: txn takes a list of steps",
        ),
        (
            {"calls": [{"at": 1, "f": "append", "args": ["k", 1 << 63]}]},
            "calls.0.args: append takes a key and a",
        ),
        (
            {"calls": [write("append", "k", 7), write("append", "k", 7)]},
            "calls.1 writes k=7, as calls.0 does",
        ),
        (
            {"of": "mixed", "calls": [write("append", "k", 7), write("put", "k", 8)]},
            "calls.1 writes k, as calls.0 does: a key is one list, one set, or written once",
        ),
        (
            {"of": "mixed", "calls": [write("put", "k", 7), write("put", "k", 8)]},
            "calls.1 writes k, as calls.0",
        ),
        ({"of": "banana"}, "of does not know 'banana'"),
        ({"calls": "all"}, "calls is a list"),
    ],
)
def test_mistakes_are_told(options, message):
    with pytest.raises(SettingError, match=message.replace("(", r"\(")):
        script(options)


def test_whatever_a_workload_asks_for_can_be_listed():
    generator = mixed({"reads": 0.5, "bounded": 0.5}).generator(("n1", "n2"), seed=3)
    seen = set()
    for _ in range(500):
        step, generator = asked(generator, 0, 0)
        entry = {"at": 0, "f": step.f, "args": list(step.args), "node": step.node}
        script({"of": "mixed", "calls": [entry]})
        seen.add(step.f)
    assert seen == {"append", "add", "put", "increment", "cas", "get", "get_within", "peek", "txn"}


def test_there_must_be_as_many_clients_as_have_calls():
    text = "name: x\nmode: sync\nworkload: {name: script, clients: 2, of: append, until: 1.0, calls: [%s]}\n"
    schema.parse(text % "{at: 0.5, by: 1, f: append, args: [k, 1]}", "s.yaml")
    with pytest.raises(UsageError, match=r"s.yaml:3:\d+: workload.clients: .* 3 clients .*there are 2"):
        schema.parse(text % "{at: 0.5, by: 2, f: append, args: [k, 1]}", "s.yaml")


def test_what_the_harness_writes_for_itself_is_not_written_again():
    with pytest.raises(UsageError, match=r"calls\.1: list-0=0 is among what the harness writes for itself"):
        begun({"calls": [write("append", "list-0", 5000), write("append", "list-0", 0)]})


def test_lists_sets_and_counters_are_written_many_times():
    calls = [write(f, f"{f}-key", value) for f in ("append", "add", "increment") for value in (7001, 7002)]
    begun({"of": "mixed", "calls": calls})
