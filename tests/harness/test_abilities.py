"""What a scenario needs is told in words, not in the names of our classes."""

import pytest

from harness import machine, plugins
from harness.abilities import lacking
from harness.scenario import FaultStep


class Nobody:
    """Machines and a system that can do nothing."""

    kind = "paper"
    name = "idea"

    def __init__(self) -> None:
        self.machines = {"n1": object()}
        self.missing = {"PowerCut": "they have no plug"}


@pytest.mark.parametrize("name", plugins.installed("acked.faults"))
def test_what_a_fault_needs_is_told_in_words(name: str) -> None:
    fault = plugins.load("acked.faults", name)({})
    nobody = Nobody()
    why = lacking([(FaultStep(fault=name, at_s=0), fault)], cluster=nobody, system=nobody)
    assert why is not None
    assert why.startswith((f"{name} needs machines ", f"{name} needs a network ", f"{name} needs a system "))
    assert "the ability" not in why
    what = "they have no plug" if machine.PowerCut in fault.needs else "neither the paper machines nor"
    assert f", but {what}" in why
