"""A failing run shrinks to a story of a few lines, which fails again wherever it is told."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from harness import running, schema, sequence_text
from harness.campaign import draw
from harness.campaign import shrink as shrinking
from harness.campaign.one import Outcome, Try, attempt, violations
from harness.campaign.shrink import Shrunk, shrink, written_out
from harness.contract import Mode
from harness.errors import UsageError
from harness.scenario import FaultStep, Scenario
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
    assert (shrunk.checker, shrunk.title) in violations(result)
    told = sequence_text.chart(tmp_path)
    assert f"VIOLATED, says {shrunk.checker}: " in told
    assert ": append " in told
    assert len(told.splitlines()) < 150


Rule = Callable[[Scenario], tuple[tuple[str, str], ...]]

WRITTEN = schema.parse(
    """
name: written
mode: quorum
nodes: 5
seed: 7
machines: sim
settings: {bug: old-primary-not-fenced, segment_kb: 16}
workload:
  name: script
  clients: 2
  until: 2.0
  calls:
    - {at: 0.2, by: 0, f: append, args: [k, 1]}
    - {at: 0.4, by: 1, f: append, args: [k, 2]}
    - {at: 0.6, by: 0, f: append, args: [k, 3]}
time_limit_s: 2
faults:
  - {pause: {}, target: n1, at_s: 0.123456, for_s: 0.4}
  - {kill: {}, target: n2, at_s: 0.5, for_s: 0.4}
""",
    "written",
)


def shrunk_by(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> Shrunk:
    """Shrink a run whose violations, and those of all that is smaller, are told by a rule."""

    def told(wanted: Try) -> Outcome:
        found = rule(wanted.scenario)
        verdict = Verdict.VIOLATED if found else Verdict.HOLDS
        return Outcome(seed=wanted.seed, scenario=wanted.scenario, verdict=verdict, violations=found)

    monkeypatch.setattr(shrinking, "attempt", told)
    return shrink(told(Try(seed=7, scenario=WRITTEN)))


def values(scenario: Scenario) -> list[int]:
    return [call["args"][1] for call in scenario.workload_options["calls"]]


def test_only_what_the_same_checker_finds_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(scenario: Scenario) -> tuple[tuple[str, str], ...]:
        needed = 2 in values(scenario) and any(step.fault == "kill" for step in scenario.faults)
        return (("durability", "lost"),) if needed else (("liveness", "stuck"),)

    shrunk = shrunk_by(rule, monkeypatch)
    assert shrunk.checker == "durability"
    assert values(shrunk.scenario) == [2]
    assert [step.fault for step in shrunk.scenario.faults] == ["kill"]
    assert (shrunk.operations, shrunk.faults) == (1, 1)


def test_its_title_is_that_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shrunk = shrunk_by(
        lambda scenario: (
            (("liveness", "stuck"), ("durability", f"{len(values(scenario))} lost"))
            if len(values(scenario)) == 3
            else (("durability", "another"), ("liveness", f"stuck with {len(values(scenario))}"))
        ),
        monkeypatch,
    )
    assert (shrunk.checker, shrunk.title) == ("liveness", "stuck with 0")


def test_settings_nodes_and_fractions_that_make_no_difference_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rule(scenario: Scenario) -> tuple[tuple[str, str], ...]:
        return (("durability", "lost"),) if len(scenario.faults) == 2 else ()

    plain = shrunk_by(rule, monkeypatch).scenario
    assert plain.settings == {"bug": "old-primary-not-fenced"}
    assert plain.nodes == 3
    assert [step.at_s for step in plain.faults] == [0.1, 0.5]


def test_settings_and_nodes_that_make_a_difference_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(scenario: Scenario) -> tuple[tuple[str, str], ...]:
        needed = "segment_kb" in scenario.settings and scenario.nodes == 5
        return (("durability", "lost"),) if needed else ()

    kept = shrunk_by(rule, monkeypatch).scenario
    assert (kept.settings, kept.nodes, kept.faults) == (WRITTEN.settings, 5, ())


def test_what_is_not_violated_is_not_shrunk(failing):
    with pytest.raises(UsageError, match="only what is violated"):
        shrink(Outcome(seed=1, scenario=failing.scenario, verdict=Verdict.HOLDS))
