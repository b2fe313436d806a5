"""Which cells a plan has: stable under its seed, complete with `full`, narrowed down by the options."""

import pytest
from msgspec.structs import replace

from harness import matrix
from harness.contract import Mode
from harness.errors import UsageError
from harness.matrix import Plan
from harness.scenario import FaultStep, Scenario

TEXTBOOK = [
    Scenario(name="async-tail", mode=Mode.ASYNC, expect={"loss": "shown"}, seed=5),
    Scenario(name="quorum-minority", mode=Mode.QUORUM, expect={"loss": "none"}),
]


def names(plan: Plan) -> list[str]:
    return [cell.name for cell in matrix.cells(plan, TEXTBOOK)]


def test_every_mode_meets_every_fault_and_the_textbook_follows() -> None:
    found = names(Plan())
    assert len(found) == 6 * 6 + 2
    assert found[:6] == [
        "async-none", "async-partition", "async-kill", "async-pause", "async-power-cut", "async-disk-loss"
    ]  # fmt: skip
    assert found[-2:] == ["async-tail", "quorum-minority"]


def test_the_same_seed_gives_the_same_cells_and_another_gives_others() -> None:
    assert matrix.cells(Plan(seed=3), TEXTBOOK) == matrix.cells(Plan(seed=3), TEXTBOOK)
    one, other = matrix.cells(Plan(seed=3), TEXTBOOK), matrix.cells(Plan(seed=4), TEXTBOOK)
    assert [cell.scenario.seed for cell in one] != [cell.scenario.seed for cell in other]
    assert [cell.variant for cell in one] != [cell.variant for cell in other]


def test_a_cell_has_the_same_seed_however_it_was_chosen() -> None:
    every = {cell.name: cell for cell in matrix.cells(Plan(), TEXTBOOK)}
    (alone,) = matrix.cells(Plan(modes=(Mode.SYNC,), faults=("kill",)), TEXTBOOK)
    assert alone == every["sync-kill"]


def test_seeds_are_stable_across_versions() -> None:
    assert matrix.seed_of(1, "async-kill") == 115_991_827_100_028
    assert matrix.seed_of(1, "async-kill") != matrix.seed_of(1, "async-pause")
    assert matrix.seed_of(1, "async-kill") < 2**48


def test_full_takes_every_variant() -> None:
    cells = matrix.cells(Plan(full=True, modes=(Mode.SYNC,)), [])
    assert len(cells) == sum(len(variants) for variants in matrix.VARIANTS.values())
    assert len({cell.name for cell in cells}) == len(cells)


@pytest.mark.parametrize(
    "plan,expected",
    [
        (Plan(modes=(Mode.ASYNC,), faults=("kill", "none")), ["async-kill", "async-none"]),
        (Plan(cases=("async-tail",)), ["async-tail"]),
        (Plan(cases=("async-tail",), modes=(Mode.SYNC,), faults=("kill",)), ["sync-kill", "async-tail"]),
    ],
)
def test_options_narrow_it_down(plan: Plan, expected: list[str]) -> None:
    assert names(plan) == expected


def test_what_only_some_machines_can_do_is_a_column_when_it_is_named() -> None:
    assert not {cell.fault for cell in matrix.cells(Plan(), TEXTBOOK)} & matrix.MORE.keys()
    assert names(Plan(modes=(Mode.ASYNC,), faults=tuple(matrix.MORE))) == [
        f"async-{fault}" for fault in matrix.MORE
    ]


def test_a_mode_brings_its_textbook_cases() -> None:
    assert names(Plan(modes=(Mode.ASYNC,)))[-1] == "async-tail"
    assert "quorum-minority" not in names(Plan(modes=(Mode.ASYNC,)))


@pytest.mark.parametrize(
    "plan,message",
    [
        (
            Plan(faults=("powercut",)),
            "--fault powercut: unknown fault; did you mean 'power-cut'? "
            "allowed: none, partition, kill, pause, power-cut, disk-loss, "
            "flaky, slow-disk, flush-error, lying-flush, kernel-panic, disk-detached, cache-loss, lost-flush, "
            "clock-jump",
        ),
        (
            Plan(cases=("async-tale",)),
            "--case async-tale: unknown case; did you mean 'async-tail'? allowed: async-tail, quorum-minority",
        ),
    ],
)
def test_unknown_names_are_refused(plan: Plan, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        matrix.cells(plan, TEXTBOOK)
    assert str(caught.value) == message


def test_no_loss_is_expected_everywhere_and_provoked_where_it_can_be() -> None:
    cells = matrix.cells(Plan(modes=(Mode.ASYNC,), expect_no_loss=True), TEXTBOOK)
    assert {tuple(cell.scenario.expect.items()) for cell in cells} == {(("loss", "none"),)}
    variants = {cell.fault: cell.variant for cell in cells}
    assert variants["partition"] == "primary-isolated"
    assert variants["kill"] == variants["power-cut"] == variants["disk-loss"] == "primary"


@pytest.mark.parametrize("seed", range(20))
def test_a_fault_is_over_before_the_clients_stop(seed: int) -> None:
    for cell in matrix.cells(Plan(seed=seed, time_limit_s=2.0), []):
        for step in cell.scenario.faults:
            assert isinstance(step, FaultStep)
            assert step.for_s is not None
            assert 0.4 < step.at_s < step.at_s + step.for_s < 2.0


def test_what_a_plan_says_reaches_the_scenarios() -> None:
    plan = Plan(nodes=5, machines=("sim",), system="mine", time_limit_s=3.0)
    cells = matrix.cells(plan, TEXTBOOK)
    assert {(cell.scenario.machines, cell.scenario.system) for cell in cells} == {("sim", "mine")}
    assert {(cell.scenario.nodes, cell.scenario.time_limit_s) for cell in cells if cell.fault} == {(5, 3.0)}


OWN = Scenario(name="mine", mode=Mode.SYNC, nodes=5, seed=9, system="theirs")


def test_own_scenarios_are_all_there_is_unless_more_is_named() -> None:
    (cell,) = matrix.cells(Plan(scenarios=(OWN,)), TEXTBOOK)
    assert cell.scenario == OWN and (cell.name, cell.title, cell.fault) == ("mine", "mine", None)
    assert names(Plan(scenarios=(OWN,), modes=(Mode.QUORUM,), faults=("kill",))) == ["mine", "quorum-kill"]
    assert names(Plan(scenarios=(OWN,), cases=("async-tail",))) == ["mine", "async-tail"]
    with pytest.raises(UsageError, match="two scenarios are called mine"):
        matrix.cells(Plan(scenarios=(OWN, OWN)), [])


def test_each_cell_is_the_same_on_each_kind_of_machines() -> None:
    plan = Plan(scenarios=(OWN,), faults=("kill",), modes=(Mode.SYNC,), machines=("sim", "local"))
    cells = matrix.cells(plan, TEXTBOOK)
    assert [cell.name for cell in cells] == ["mine-sim", "mine-local", "sync-kill-sim", "sync-kill-local"]
    for one, other in (cells[:2], cells[2:]):
        assert one.title == other.title
        assert (one.scenario.machines, other.scenario.machines) == ("sim", "local")
        same = [replace(cell.scenario, name="", machines="") for cell in (one, other)]
        assert same[0] == same[1]
