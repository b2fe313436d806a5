"""A failing run shrinks to a story of a few lines, which fails again wherever it is told."""

import pytest
from msgspec.structs import replace

from harness import running, schema, sequence_text
from harness.campaign import draw
from harness.campaign.one import Outcome, Try, attempt
from harness.campaign.shrink import shrink, written_out
from harness.contract import Mode
from harness.errors import UsageError
from harness.scenario import FaultStep
from harness.verdict import Verdict

AIM = draw.Aim(
    modes=(Mode.QUORUM,), settings={"bug": "ack-before-replica-flush"}, faults=("power-cut", "kill")
)


@pytest.fixture(scope="module")
def failing() -> Outcome:
    for seed in range(20):
        outcome = attempt(Try(seed=seed, scenario=draw.scenario(seed, AIM)))
        if outcome.verdict is Verdict.VIOLATED:
            return outcome
    raise AssertionError("the planted bug was not found with 20 seeds")


def test_a_run_written_out_does_the_same(failing):
    written = written_out(failing.scenario).scenario
    calls = written.workload_options["calls"]
    assert len(calls) > 100
    outcome = attempt(Try(seed=written.seed, scenario=written))
    assert outcome.verdict is Verdict.VIOLATED
    assert schema.parse(schema.dump(written), "written out") == written


def test_faults_are_told_by_the_names_of_those_that_they_struck():
    first = FaultStep(fault="pause", target="replica", at_s=0.5, for_s=0.2, bind="f0")
    again = FaultStep(fault="kill", target="$f0", at_s=0.9, for_s=0.3)
    nobody = FaultStep(fault="partition", at_s=1.0, for_s=0.1, options={"shape": "clients-cut-off"})
    scenario = draw.scenario(1, draw.Aim(modes=(Mode.QUORUM,), nodes=3, span_s=3.0))
    steps = written_out(replace(scenario, faults=(first, again, nobody))).named.faults
    assert steps[0].target == steps[1].target
    assert steps[0].target in ("n1", "n2", "n3")
    assert 0.5 < steps[0].at_s < 0.6, "its role had to be asked for"
    assert [step.bind for step in steps] == [None, None, None]
    assert steps[2] == nobody


def test_it_shrinks_to_a_few_operations(failing, tmp_path):
    shrunk = shrink(failing, tries=200)
    assert shrunk.faults <= 3
    assert shrunk.operations <= 10
    assert shrunk.tries <= 200
    kept = schema.parse(schema.dump(shrunk.scenario), "shrunk")
    assert kept == shrunk.scenario
    result = running.perform(kept, tmp_path)
    assert result.verdict is Verdict.VIOLATED
    told = sequence_text.chart(tmp_path)
    assert f"VIOLATED, says {shrunk.checker}: " in told
    assert ": append " in told
    assert len(told.splitlines()) < 150


def test_what_is_not_violated_is_not_shrunk(failing):
    with pytest.raises(UsageError, match="only what is violated"):
        shrink(Outcome(seed=1, scenario=failing.scenario, verdict=Verdict.HOLDS))
