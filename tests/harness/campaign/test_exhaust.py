"""Every crash has its number, and none is left out."""

from harness import schema
from harness.campaign import exhaust
from harness.campaign.draw import Aim
from harness.campaign.one import Try, attempt
from harness.campaign.search import Search
from harness.contract import Mode
from harness.verdict import Verdict


def test_the_numbers_go_through_all_modes_nodes_and_faults_before_the_next_step():
    seen = []
    for seed in range(6 * 2 * 3 * 2):
        scenario = exhaust.crash(seed, Aim())
        step = scenario.faults[0]
        seen.append((scenario.mode, step.fault, step.target, step.options["count"]))
    assert len(set(seen)) == len(seen)
    assert {count for *_, count in seen[:36]} == {1}
    assert {count for *_, count in seen[36:]} == {2}


def test_one_fault_alone_goes_through_all_modes_and_nodes() -> None:
    crashes = [exhaust.crash(seed, Aim(faults=("power-cut",))) for seed in range(6 * 3 + 1)]
    assert {crash.faults[0].fault for crash in crashes} == {"power-cut"}
    assert [crash.faults[0].options["count"] for crash in crashes] == [1] * 18 + [2]


def test_each_is_a_scenario_that_a_file_can_hold():
    scenario = exhaust.crash(77, Aim(modes=(Mode.SYNC,), nodes=4))
    assert schema.parse(schema.dump(scenario), "s.yaml") == scenario


def test_a_search_for_every_crash_draws_nothing():
    search = Search(Aim(modes=(Mode.ASYNC,), every_crash=True), first=0, limit=5)
    names = []
    while (wanted := search.next()) is not None:
        names.append(wanted.scenario.name)
    assert names == [f"crash-{seed}" for seed in range(5)]


def test_a_node_dies_at_its_step_or_the_run_proves_nothing():
    aim = Aim(modes=(Mode.QUORUM,))
    first = attempt(Try(seed=0, scenario=exhaust.crash(0, aim)))
    assert first.verdict is Verdict.HOLDS
    beyond = attempt(Try(seed=99_999, scenario=exhaust.crash(99_999, aim)))
    assert beyond.verdict is Verdict.INCONCLUSIVE
