import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import FAIL, INFO, OK, op, outcomes, spans, table

from checkers.histories.calls import keyed_calls, model_for
from checkers.linearizability.columns import ABSENT, NEVER


def told(operations, model, **how):
    """Each call as (key, kind, arguments, result, call, return), as a model would read it."""
    calls = keyed_calls(table(*operations), model, **how)
    found = []
    for row in range(len(calls.id)):
        codes = (int(calls.first[row]), int(calls.second[row]))
        result = int(calls.result[row])
        assert (result == ABSENT) == (not calls.known[row])
        found.append(
            (
                calls.keys[calls.key[row]],
                calls.kinds[calls.kind[row]],
                tuple(calls.values[code] for code in codes if code != ABSENT),
                "?" if result == ABSENT else calls.values[result],
                int(calls.call_ns[row]),
                None if calls.return_ns[row] == NEVER else int(calls.return_ns[row]),
            )
        )
    return found


OURS = (
    op("put", "k", 3, at=(0, 1)),
    op("get", "k", at=(2, 3), value=3),
    op("cas", "k", 3, 4, at=(4, 5), value=True),
    op("cas", "k", None, 4, at=(6, 7), value=False),
    op("get", "new", at=(8, 9)),
    op("put", "k", 5, at=(10, 11), outcome=INFO),
    op("cas", "k", 5, 6, at=12),
    op("put", "k", 7, at=(13, 14), outcome=FAIL),
)
MEANT = [
    ("k", "write", (3,), None, 0, 1),
    ("k", "read", (), 3, 2, 3),
    ("k", "cas", (3, 4), True, 4, 5),
    ("k", "cas", (None, 4), False, 6, 7),
    ("new", "read", (), None, 8, 9),
    ("k", "write", (5,), "?", 10, None),
    ("k", "cas", (5, 6), "?", 12, None),
]


def test_our_words():
    assert told(OURS, "cas-register") == MEANT


def test_jepsens_words_with_keys():
    theirs = (
        op("write", ["k", 3], at=(0, 1), value=["k", 3]),
        op("read", ["k", None], at=(2, 3), value=["k", 3]),
        op("cas", ["k", [3, 4]], at=(4, 5), value=["k", [3, 4]]),
        op("cas", ["k", [None, 4]], at=(6, 7), outcome=FAIL),
        op("read", ["new", None], at=(8, 9), value=["new", None]),
        op("write", ["k", 5], at=(10, 11), outcome=INFO),
        op("cas", ["k", [5, 6]], at=12),
        op("write", ["k", 7], at=(13, 14), outcome=FAIL),
    )
    assert told(theirs, "cas-register", failed_cas=True) == MEANT
    assert told(theirs, "cas-register") == MEANT[:3] + MEANT[4:]


def test_jepsens_words_without_keys():
    history = (
        op("write", 3, at=(0, 1), value=3),
        op("read", at=(2, 3), value=3),
        op("cas", [3, 4], at=(4, 5), value=[3, 4]),
        op("cas", [0, 1], at=(6, 7), outcome=FAIL),
        op("cas", [0, 1], at=(8, 9), outcome=FAIL, error="timeout"),
    )
    assert told(history, "cas-register", failed_cas=True) == [
        (None, "write", (3,), None, 0, 1),
        (None, "read", (), 3, 2, 3),
        (None, "cas", (3, 4), True, 4, 5),
        (None, "cas", (0, 1), False, 6, 7),
    ]


def test_other_objects():
    assert told((op("acquire", at=(0, 1)), op("release", at=2)), "mutex") == [
        (None, "acquire", (), None, 0, 1),
        (None, "release", (), "?", 2, None),
    ]
    assert told(
        (op("enqueue", "a", at=(0, 1), value="a"), op("dequeue", at=(2, 3), value="a")), "fifo-queue"
    ) == [
        (None, "enqueue", ("a",), None, 0, 1),
        (None, "dequeue", (), "a", 2, 3),
    ]
    assert told((op("append", "k", 1, at=(0, 1)), op("get", "k", at=(2, 3), value=[1])), "list-append") == [
        ("k", "append", (1,), None, 0, 1),
        ("k", "read", (), (1,), 2, 3),
    ]


COUNTED = [
    ("add", (), None, 0, 1),
    ("add", (3,), None, 2, 3),
    ("decrement", (1,), None, 4, 5),
    ("read", (), 3, 6, 7),
]


def test_a_counter_of_jepsens_has_no_key_and_ours_has():
    theirs = (
        op("increment", at=(0, 1)),
        op("increment", 3, at=(2, 3), value=3),
        op("decrement", 1, at=(4, 5)),
        op("read", at=(6, 7), value=3),
    )
    assert told(theirs, "counter") == [(None, *each) for each in COUNTED]
    assert told(theirs[:3], "counter") == [(None, *each) for each in COUNTED[:3]]
    keyed = (
        op("increment", ["k", None], at=(0, 1)),
        op("increment", ["k", 3], at=(2, 3)),
        op("decrement", ["k", 1], at=(4, 5)),
        op("read", ["k", None], at=(6, 7), value=["k", 3]),
    )
    assert told(keyed, "counter") == [("k", *each) for each in COUNTED]
    ours = (
        op("increment", "k", at=(0, 1)),
        op("increment", "k", 3, at=(2, 3)),
        op("decrement", "k", 1, at=(4, 5)),
        op("get", "k", at=(6, 7), value=3),
    )
    assert told(ours, "counter") == [("k", *each) for each in COUNTED]


def test_a_list_and_a_compare_and_set_without_keys():
    assert told((op("append", 1, at=(0, 1)), op("read", at=(2, 3), value=[1])), "list-append") == [
        (None, "append", (1,), None, 0, 1),
        (None, "read", (), (1,), 2, 3),
    ]
    assert told((op("cas", 1, 2, at=(0, 1)), op("read", at=(2, 3), value=2)), "cas-register") == [
        (None, "cas", (1, 2), True, 0, 1),
        (None, "read", (), 2, 2, 3),
    ]


@pytest.mark.parametrize(
    "operations,model",
    [
        (OURS, "cas-register"),
        (OURS[:2], "register"),
        ((op("acquire", at=(0, 1)), op("release", at=(2, 3))), "mutex"),
        (
            (op("put", "k", "a", at=(0, 1)), op("append", "k", "b", at=(2, 3)), op("get", "k", at=4)),
            "kv-append",
        ),
        ((op("write", 1, at=(0, 1)), op("read", at=(2, 3), value=[1])), None),
        ((op("add", 1, at=(0, 1)), op("read", at=(2, 3), value=1)), None),
        ((op("read", at=(2, 3), value=1),), None),
        ((op("txn", [], at=(2, 3)),), None),
        ((), None),
    ],
)
def test_the_model_is_told_by_the_words(operations, model):
    assert model_for(table(*operations)) == model


scalars = st.sampled_from([None, True, False, 0, 1, "a", 2**70, 1.5])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["k", 1]),
            st.sampled_from(["put", "get", "cas"]),
            scalars,
            scalars,
            spans(),
            outcomes,
        ),
        max_size=8,
    )
)
def test_nothing_is_mixed_up(drawn):
    operations = []
    for key, f, one, other, at, outcome in drawn:
        args = {"put": (key, one), "get": (key,), "cas": (key, one, other)}[f]
        value = {"put": None, "get": one, "cas": one is True}[f]
        operations.append(op(f, *args, at=at, value=value if outcome is OK else None, outcome=outcome))
    meant = []
    for each in sorted(operations, key=lambda each: each.call_ns):
        if each.outcome is FAIL:
            continue
        known = each.outcome is OK
        kind = {"put": "write", "get": "read", "cas": "cas"}[each.f]
        meant.append(
            (
                each.args[0],
                kind,
                each.args[1:],
                each.value if known else "?",
                each.call_ns,
                each.return_ns if known else None,
            )
        )
    assert repr(told(operations, "cas-register")) == repr(meant)
