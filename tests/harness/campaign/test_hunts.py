"""The self-test passes only if each bug is found, and nothing where there is none."""

from collections.abc import Callable, Collection
from typing import Any

import pytest
from msgspec.structs import replace
from stand_ins import Here, Watching

from harness.campaign import selftest
from harness.campaign.one import Try
from harness.campaign.selftest import CANARY, Hunter, Limits, SelfTest
from harness.verdict import Verdict
from nodes.planted import Bug

LIMITS = Limits(time_s=60, bug_seeds=10, silence=5)
LOST = {"violations": (("durability", "lost"),)}
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
    hunter = Hunter(Stores(of), limits=limits, watcher=Watching(), blind=blind, **options)
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


def test_it_fails_with_a_checker_switched_off() -> None:
    result = carried_out(right, blind=("durability",))
    assert (result.passed, result.found) == (False, 0)


def test_it_fails_when_it_was_interrupted() -> None:
    result = carried_out(right, stop=lambda: True)
    assert (result.passed, result.interrupted, result.bugs) == (False, True, ())


def test_only_the_correct_store_is_tried_without_a_bug() -> None:
    stores = Stores(right)
    Hunter(stores, limits=LIMITS, watcher=Watching()).run(BUGS)
    names = [wanted.scenario.settings.get("bug") for wanted in stores.tried if isinstance(wanted, Try)]
    assert set(names[:8]) == {"one", "two"}
    assert names.count(None) == LIMITS.canary + LIMITS.silence


def test_the_table_tells_what_was_not_found() -> None:
    result = carried_out(right)
    lost = replace(result.bugs[1], seed=None, checker=None, faults=None, operations=None)
    lines = selftest.table((result.bugs[0], lost)).splitlines()
    assert lines[2].startswith("| `one` | 1 | one is wrong. | durability | 3 |")
    assert lines[2].endswith("| 0 | 3 |")
    assert "**not found**" in lines[3]
    assert lines[3].endswith("| - | - |")
