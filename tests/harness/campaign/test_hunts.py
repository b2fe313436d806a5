"""The self-test passes only if each bug is found, and nothing where there is none."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from stand_ins import LOST, Here, Watching

from harness.campaign import tables
from harness.campaign.one import Try
from harness.campaign.selftest import CANARY, HOPELESS, Hunter, Limits, SelfTest, Waiting
from harness.campaign.stage import Real, Simulated
from harness.verdict import Verdict
from nodes.planted import Bug

LIMITS = Limits(time_s=60, bug_seeds=10, canary=40, silence=5)
BUGS = tuple(Bug(name=name, way=1, summary=f"{name} is wrong.", edits=()) for name in ("one", "two"))

Of = Callable[[str | None, int], dict[str, Any]]


class Stores(Here):
    """Answers by the planted bug that a try is of."""

    def __init__(self, of: Of) -> None:
        super().__init__()
        self._of = of

    def submit(self, call: Any, given: Any) -> Any:
        self._rule = lambda seed: self._of(given.scenario.settings.get("bug"), seed)
        return super().submit(call, given)


def carried_out(of: Of, *, blind: Collection[str] = (), limits: Limits = LIMITS, **options: Any) -> SelfTest:
    stage = options.pop("stage", Simulated())
    hunter = Hunter(Stores(of), limits=limits, watcher=Watching(), stage=stage, blind=blind, **options)
    return hunter.run(BUGS)


def right(bug: str | None, seed: int) -> dict[str, Any]:
    """As it should be: each bug shows in its third seed, the correct store in none."""
    return LOST if bug and seed == 3 else {}


def test_it_passes_where_all_is_as_it_should_be() -> None:
    result = carried_out(right)
    assert result.passed and not result.interrupted
    first = result.bugs[0]
    assert (first.name, first.seed, first.seeds, first.checker) == ("one", 3, 3, "durability")
    assert (first.faults, first.operations) == (0, 3)
    assert result.canary is not None and (result.canary.name, result.canary.seed) == (CANARY, None)
    assert result.silence is not None and (result.silence.seeds, result.silence.holds) == (5, 5)


@pytest.mark.parametrize(
    "of,found",
    [
        pytest.param(lambda bug, seed: right(bug, seed) if bug == "one" else {}, 1, id="a bug is not found"),
        pytest.param(lambda bug, seed: LOST, 2, id="all is found, the canary too"),
        pytest.param(lambda bug, seed: right(bug, seed) if bug or seed != 4 else LOST, 2, id="an accusation"),
        pytest.param(
            lambda bug, seed: right(bug, seed) if bug or seed != 4 else {"verdict": Verdict.ERROR},
            2,
            id="an error with the correct store",
        ),
        pytest.param(
            lambda bug, seed: right(bug, seed) if bug else {"verdict": Verdict.INCONCLUSIVE},
            2,
            id="nothing is shown of the correct store",
        ),
        pytest.param(
            lambda bug, seed: {"verdict": Verdict.ERROR} if bug == "two" else right(bug, seed),
            1,
            id="an error is no find",
        ),
    ],
)
def test_it_fails_otherwise(of: Of, found: int) -> None:
    result = carried_out(of)
    assert not result.passed
    assert result.found == found


def test_a_hunt_whose_every_run_fails_is_given_up() -> None:
    failed = {"verdict": Verdict.ERROR, "error": "it does not fit"}
    result = carried_out(lambda bug, seed: failed if bug else {}, limits=replace(LIMITS, bug_seeds=None))
    hunt = result.bugs[0]
    assert (hunt.seed, hunt.seeds, hunt.errors, hunt.error) == (None, HOPELESS, HOPELESS, "it does not fit")
    assert not result.passed


def test_it_fails_with_a_checker_switched_off() -> None:
    result = carried_out(right, blind=("durability",))
    assert (result.passed, result.found) == (False, 0)


def test_it_fails_when_it_was_interrupted() -> None:
    result = carried_out(right, stop=lambda: True)
    assert (result.passed, result.interrupted, result.bugs) == (False, True, ())


@pytest.mark.parametrize("bugs,seen", [(0, 5), (1, 15), (2, 30), (2, 62)])
def test_what_an_interrupt_cut_short_is_not_said_not_to_be_found(bugs: int, seen: int) -> None:
    watching = Watching()
    stores = Stores(lambda bug, seed: {})
    hunter = Hunter(
        stores, limits=LIMITS, watcher=watching, stage=Simulated(), stop=lambda: len(stores.tried) >= seen
    )
    result = hunter.run(BUGS)
    assert (result.interrupted, result.passed, len(result.bugs)) == (True, False, bugs)
    assert all(hunt.seeds == LIMITS.bug_seeds for hunt in result.bugs)
    assert (result.canary is None) == (seen < 60)


def test_an_interrupt_of_the_shrinking_alone_changes_nothing() -> None:
    whole = LIMITS.bug_seeds * 2 + LIMITS.canary + LIMITS.silence
    stores = Stores(lambda bug, seed: {})
    asked = []

    def stop() -> bool:
        asked.append(len(stores.tried))
        return asked.count(whole) > 3

    result = Hunter(stores, limits=LIMITS, watcher=Watching(), stage=Simulated(), stop=stop).run(BUGS)
    assert len(stores.tried) == whole
    assert (result.interrupted, result.passed, len(result.bugs)) == (False, False, 2)


def test_what_was_found_before_an_interrupt_counts() -> None:
    stores = Stores(right)
    hunter = Hunter(
        stores, limits=LIMITS, watcher=Watching(), stage=Simulated(), stop=lambda: len(stores.tried) >= 3
    )
    result = hunter.run(BUGS)
    assert [(hunt.name, hunt.seed) for hunt in result.bugs] == [("one", 3)]
    assert result.interrupted


def test_only_the_correct_store_is_tried_without_a_bug() -> None:
    stores = Stores(right)
    Hunter(stores, limits=LIMITS, watcher=Watching(), stage=Simulated()).run(BUGS)
    names = [wanted.scenario.settings.get("bug") for wanted in stores.tried if isinstance(wanted, Try)]
    assert set(names[:8]) == {"one", "two"}
    assert names.count(None) == LIMITS.canary + LIMITS.silence


def test_the_table_tells_what_was_not_found() -> None:
    result = carried_out(right)
    lost = replace(result.bugs[1], seed=None, checker=None, faults=None, operations=None)
    waiting = Waiting(name="three", way=2, summary="three is wrong.", fault="flaky")
    lines = tables.table(replace(result, bugs=(result.bugs[0], lost), waiting=(waiting,))).splitlines()
    assert lines[2].startswith("| `one` | 1 | one is wrong. | durability | 3 |")
    assert lines[2].endswith("| 0 | 3 |")
    assert "**not found**" in lines[3]
    assert lines[3].endswith("| - | - |")
    assert lines[4].startswith("| `three` | 2 | three is wrong. | waits for `flaky` |")
    assert lines[6:] == [
        "2 of 2 bugs found; 1 wait for a fault.",
        "The canary, which has no bug: not found in 40 runs.",
        "The correct store: 0 accusations in 5 runs of 0 s together; 5 held, 0 were inconclusive, 0 failed.",
    ]


def test_a_table_takes_its_own_place_in_a_document() -> None:
    text = (
        "# Teeth\n<!-- acked selftest --machines sim -->\nold\n<!-- end -->\nbetween\n"
        "<!-- acked selftest --machines local -->\n<!-- end -->\nafter\n"
    )
    once = tables.placed(text, "sim", "S\n")
    twice = tables.placed(tables.placed(once, "local", "other\n"), "local", "L\n")
    assert "old" not in twice and "other" not in twice
    assert twice.split("between")[0].count("S\n") == 1
    assert twice.split("between")[1].count("L\n") == 1
    assert twice.startswith("# Teeth\n") and twice.endswith("<!-- end -->\nafter\n")
    assert tables.placed(twice, "ssh", "R\n") == "R\n"


def test_a_bug_that_waits_for_a_fault_is_not_hunted_with_real_processes(tmp_path: Path) -> None:
    waits = Bug(name="three", way=5, summary="three is wrong.", edits=(), real="flaky")
    stores = Stores(right)
    stage = Real("local", tmp_path)
    result = Hunter(stores, limits=LIMITS, watcher=Watching(), stage=stage).run((*BUGS, waits))
    assert (result.passed, result.wanted, result.found) == (True, 2, 2)
    assert [(each.name, each.fault) for each in result.waiting] == [("three", "flaky")]
    assert "three" not in {wanted.scenario.settings.get("bug") for wanted in stores.tried}
    assert {wanted.scenario.machines for wanted in stores.tried} == {"sim", "local"}
    assert stores.examined == []  # a real run can't be done again to shrink it


def test_so_many_must_be_found_as_were_asked_for() -> None:
    def of(bug: str | None, seed: int) -> dict[str, Any]:
        return right(bug, seed) if bug == "one" else {}

    assert carried_out(of, limits=replace(LIMITS, share=0.5)).passed
    assert not carried_out(of, limits=replace(LIMITS, share=0.51)).passed


def test_the_silence_ends_with_its_time() -> None:
    silence = carried_out(right, limits=replace(LIMITS, silence=None, silence_s=0.05)).silence
    assert silence is not None and silence.seeds > 0
