import pytest
from recorded_runs import NODES, Script, mixed_script, told

from checkers.convergence import STORIES, Convergence
from harness.operation import Outcome
from harness.verdict import Verdict


def check(script, **fields):
    return Convergence().check(script.run("n1", **fields))


def ended(views, *, script=None):
    script = script or mixed_script()
    script.append(1, at=1)
    script.append(2, at=2)
    for node, shown in views.items():
        script.final(node, shown)
    return script


SAME = {"list-0": [1, 2], "set-0": [4, 5], "put-0": 7, "counter-0": 9, "gone": None}


def test_nodes_that_tell_the_same_agree():
    result = check(ended(dict.fromkeys(NODES, SAME)))
    assert result.verdict is Verdict.HOLDS
    assert result.figures == {"keys": 5, "differing": 0}
    assert result.summary == "n1, n2, n3 agree on 5 keys"


def test_a_single_node_has_nobody_to_agree_with():
    script = Script(nodes=("n1",))
    script.append(1, at=1)
    script.final("n1", {"list-0": [1]})
    result = check(script)
    assert result.verdict is Verdict.HOLDS
    assert result.summary == "n1 is the only node with data: nothing to compare"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("list-0", [1]),
        ("list-0", [2, 1]),
        ("list-0", None),
        ("set-0", [4]),
        ("put-0", 8),
        ("put-0", None),
        ("counter-0", 8),
        ("gone", 0),
    ],
)
def test_nodes_that_differ_are_a_violation(key, value):
    result = check(ended({"n1": SAME, "n2": {**SAME, key: value}, "n3": SAME}))
    assert result.verdict is Verdict.VIOLATED


def test_what_is_empty_is_as_good_as_absent():
    assert check(ended({"n1": SAME, "n2": {**SAME, "gone": []}, "n3": SAME})).verdict is Verdict.HOLDS


def test_the_difference_is_told_by_node():
    text = told(check(ended({"n1": SAME, "n2": {**SAME, "list-0": [1]}, "n3": SAME})))
    assert "list-0 differs between nodes" in text
    assert "n2: 1 element, lacks 2, ends with 1" in text


def test_the_order_of_sets_does_not_matter():
    assert check(ended({"n1": SAME, "n2": {**SAME, "set-0": [5, 4]}, "n3": SAME})).verdict is Verdict.HOLDS


@pytest.mark.parametrize("missing", [("n3",), ("n2", "n3")])
def test_a_node_that_was_not_read_leaves_it_open(missing):
    result = check(ended({node: SAME for node in NODES if node not in missing}))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "n3 was not read in full: 5 keys missing" in told(result)


def test_a_key_that_was_not_read_leaves_it_open():
    result = check(ended({"n1": SAME, "n2": {"list-0": [1, 2]}, "n3": SAME}))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "n2 was not read in full: 4 keys missing" in told(result)


def test_a_violation_outranks_a_node_that_was_not_read():
    assert check(ended({"n1": SAME, "n2": {"list-0": [2, 1]}})).verdict is Verdict.VIOLATED


def test_nothing_read_is_inconclusive():
    assert check(ended({})).verdict is Verdict.INCONCLUSIVE


def test_the_last_answer_counts():
    script = ended(dict.fromkeys(NODES, SAME))
    stale = {**SAME, "list-0": [1]}
    script.final("n2", stale, at=10_050)
    script.op("peek", tuple(SAME), at=10_300, node="n2", outcome=Outcome.INFO)
    assert check(script).verdict is Verdict.HOLDS


def test_reads_while_clients_ran_do_not_count():
    script = ended(dict.fromkeys(NODES, SAME))
    script.op("peek", ("list-0",), at=9_000, node="n2", value=[[1]])
    assert check(script).verdict is Verdict.HOLDS
    differing = ended({"n1": SAME, "n2": {**SAME, "list-0": [1]}, "n3": SAME})
    differing.op("peek", ("list-0",), at=9_000, node="n3", value=[[1, 2, 3, 4]])
    assert "n3: 2 elements" in told(check(differing))


def test_what_may_still_be_under_way_proves_nothing():
    script = mixed_script()
    script.op("append", "list-0", 3, at=5, outcome=Outcome.INFO)
    ended({"n1": SAME, "n2": {**SAME, "list-0": [1, 2, 3]}, "n3": SAME}, script=script)
    result = check(script)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "by writes of unknown outcome only" in told(result)


def test_but_it_excuses_nothing_else():
    script = mixed_script()
    script.op("append", "list-0", 3, at=5, outcome=Outcome.INFO)
    ended({"n1": SAME, "n2": {**SAME, "list-0": [1, 3]}, "n3": SAME}, script=script)
    assert check(script).verdict is Verdict.VIOLATED


def test_a_counter_may_still_be_growing():
    script = mixed_script()
    script.op("increment", "counter-0", 3, at=5, outcome=Outcome.INFO)
    ended({"n1": SAME, "n2": {**SAME, "counter-0": 12}, "n3": SAME}, script=script)
    assert check(script).verdict is Verdict.INCONCLUSIVE


def test_a_system_that_did_not_recover_need_not_have_converged():
    script = ended({"n1": SAME, "n2": {**SAME, "list-0": [1]}, "n3": SAME})
    assert check(script, recovered=False).verdict is Verdict.INCONCLUSIVE
    assert check(script, settled=False).verdict is Verdict.INCONCLUSIVE
    assert check(script).verdict is Verdict.VIOLATED


def test_nodes_that_are_expected_not_to_recover_are_not_compared():
    script = ended({"n1": SAME, "n2": {**SAME, "list-0": [1]}, "n3": SAME})
    assert check(script, recovered=False, recovery_expected=False).verdict is Verdict.HOLDS
    assert check(script, recovered=None, recovery_expected=False).verdict is Verdict.INCONCLUSIVE
    assert check(script, recovered=True, recovery_expected=False).verdict is Verdict.VIOLATED


def test_many_differences_are_counted():
    keys = {f"put-{i}": i for i in range(STORIES + 4)}
    script = Script()
    for node in NODES:
        script.final(node, keys if node != "n3" else dict.fromkeys(keys))
    result = check(script)
    assert result.figures["differing"] == STORIES + 4
    assert len(result.findings) == STORIES + 1
    assert result.summary == "the nodes differ in 14 of 14 keys"
    assert result.findings[-1].title == "the nodes differ in 4 more keys"
