"""From names to what a search is about."""

import pytest

from harness.campaign import aims
from harness.campaign.draw import Aim, scenario
from harness.campaign.plan import KINDS
from harness.contract import Mode
from harness.errors import UsageError
from nodes.planted import BUGS


def test_nothing_named_is_everything() -> None:
    assert aims.aim() == Aim()


def test_what_is_named_comes_before_what_fits_the_bug() -> None:
    fits = aims.aim(bug="count-one-replica-twice")
    assert fits == aims.planted(BUGS["count-one-replica-twice"])
    assert fits.settings["bug"] == "count-one-replica-twice"
    aim = aims.aim(bug="count-one-replica-twice", modes=("sync",), faults=("kill",), nodes=4)
    assert (aim.modes, aim.faults, aim.nodes) == ((Mode.SYNC,), ("kill",), 4)


def test_every_crash_is_one_whatever_the_bug_needs() -> None:
    assert aims.aim(bug="count-one-replica-twice", every_crash=True).faults == ()
    assert aims.aim(faults=("kill",), every_crash=True).faults == ("kill",)


@pytest.mark.parametrize(
    "named,message",
    [
        ({"modes": ("semisync",)}, "--mode semisync: .* did you mean semi_sync?"),
        ({"faults": ("kil",)}, "--fault kil: .* did you mean kill?"),
        ({"bug": "ack-before-local-flus"}, "--bug .* did you mean ack-before-local-flush?"),
        ({"bug": "zzz"}, r"--bug zzz: there is none of this name \(the nearest of \d+ are: (\S+, ){5}\S+\)$"),
        ({"every_crash": True, "faults": ("clog",)}, "--every-crash: --fault clog: .*kill, power-cut"),
        ({"nodes": 2, "modes": ("quorum",)}, "--nodes 2: too few for quorum, which needs at least 3"),
        ({"nodes": 1}, "--nodes 1: too few for semi_sync"),
    ],
)
def test_a_wrong_name_is_told_with_those_there_are(named: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        aims.aim(**named)  # type: ignore[arg-type]


@pytest.mark.parametrize("bug", BUGS.values(), ids=lambda bug: bug.name)
def test_there_is_a_scenario_for_every_planted_bug(bug: object) -> None:
    from nodes.planted import Bug

    assert isinstance(bug, Bug)
    aim = aims.planted(bug)
    assert set(aim.faults) <= set(KINDS)
    for seed in range(5):
        drawn = scenario(seed, aim)
        assert drawn.settings["bug"] == bug.name
        assert not bug.where.modes or drawn.mode in bug.where.modes
