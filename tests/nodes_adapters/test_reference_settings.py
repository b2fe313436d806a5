"""What the reference store says of settings that it refuses."""

from typing import Any

import pytest

from harness.contract import Mode
from harness.system import SettingError, SystemConfig
from nodes.adapters.reference import ReferenceSystem


@pytest.mark.parametrize(
    "value,message",
    [
        (["n1", "n9", "n7"], "no node is called n9, n7"),
        ([1], "no node is called 1"),
        ("n1", "must be a list of nodes, not 'n1'"),
    ],
)
def test_a_sync_set_of_strangers_names_them(value: Any, message: str) -> None:
    config = SystemConfig(mode=Mode.SYNC, nodes=("n1", "n2", "n3"), settings={"sync_set": value}, seed=1)
    with pytest.raises(SettingError) as caught:
        ReferenceSystem(config)
    assert str(caught.value) == message
    assert caught.value.allowed == ("n1", "n2", "n3")
