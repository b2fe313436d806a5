import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.contract import Failover, Mode, Permit, Reads, Visibility, contract_for

NODES = ("n1", "n2", "n3", "n4", "n5")

subsets = st.frozensets(st.sampled_from(NODES))


@given(mode=st.sampled_from(Mode), disk=subsets, memory=subsets, extra=st.sampled_from(NODES))
def test_more_copies_are_never_worse(mode, disk, memory, extra):
    contract = contract_for(mode, NODES)
    if contract.enough(primary="n1", on_disk=disk, in_memory=memory):
        assert contract.enough(primary="n1", on_disk=disk | {extra}, in_memory=memory)
        assert contract.enough(primary="n1", on_disk=disk, in_memory=memory | {extra})


@given(mode=st.sampled_from(Mode), disk=subsets, memory=subsets)
def test_every_mode_asks_for_the_primarys_disk(mode, disk, memory):
    contract = contract_for(mode, NODES)
    assert not contract.enough(primary="n1", on_disk=disk - {"n1"}, in_memory=memory | {"n1"})


@pytest.mark.parametrize(
    ("mode", "k", "smallest"),
    [
        (Mode.ASYNC, 1, {"n1"}),
        (Mode.SEMI_SYNC, 1, {"n1", "n4"}),
        (Mode.SEMI_SYNC, 2, {"n1", "n4", "n5"}),
        (Mode.QUORUM, 1, {"n1", "n4", "n5"}),
        (Mode.SYNC, 1, set(NODES)),
        (Mode.HYBRID, 1, {"n1", "n2"}),
    ],
)
def test_the_smallest_set_of_copies(mode, k, smallest):
    contract = contract_for(mode, NODES, k=k)
    assert contract.enough(primary="n1", on_disk=smallest)
    for node in smallest:
        assert not contract.enough(primary="n1", on_disk=smallest - {node})


def test_the_sync_set_may_be_smaller_than_the_cluster():
    contract = contract_for(Mode.SYNC, NODES, members=("n1", "n3"))
    assert contract.enough(primary="n1", on_disk={"n1", "n3"})
    assert not contract.enough(primary="n1", on_disk={"n1", "n2", "n4", "n5"})


@pytest.mark.parametrize("mode", Mode)
def test_an_operator_may_lose_writes_in_every_mode(mode):
    assert Permit.OPERATOR_PROMOTED_NON_HOLDER in contract_for(mode, NODES).permits


def test_only_async_loses_writes_in_a_failover():
    permitting = [mode for mode in Mode if Permit.FAILOVER_SUFFIX in contract_for(mode, NODES).permits]
    assert permitting == [Mode.ASYNC]


@pytest.mark.parametrize("mode", list(Mode))
def test_reads_promise_nothing_where_operators_make_primaries(mode):
    contract = contract_for(mode, NODES, failover=Failover.MANUAL)
    assert (contract.primary_reads, contract.replica_reads) == (Reads.STALE, Reads.STALE)


@pytest.mark.parametrize("mode", list(Mode))
def test_reads_of_the_primary_are_linearizable_unless_what_they_show_may_be_lost(mode):
    on_ack, on_apply = (contract_for(mode, NODES, visibility=visibility) for visibility in Visibility)
    assert on_ack.primary_reads is (Reads.RECENT if mode is Mode.ASYNC else Reads.LINEARIZABLE)
    assert on_apply.primary_reads is Reads.RECENT
    assert on_ack.replica_reads is on_apply.replica_reads is Reads.BOUNDED
