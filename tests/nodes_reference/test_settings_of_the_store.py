"""Settings that do not fit together are refused with the reason."""

from typing import Any

import pytest

from nodes.reference.settings import MS, Failover, Member, Settings

MEMBERS = tuple(Member(name=f"n{number}", host="127.0.0.1", port=7000 + number) for number in (1, 2, 3))


def settings(**changes: Any) -> Settings:
    return Settings(**{"name": "n1", "members": MEMBERS, **changes})


def test_a_lease_is_shorter_than_the_election_time_out() -> None:
    with pytest.raises(ValueError, match="the lease must be shorter"):
        settings(lease_ns=800 * MS, election_ns=800 * MS)


def test_heartbeats_come_more_often_than_once_a_lease() -> None:
    with pytest.raises(ValueError, match="heartbeats must come more often"):
        settings(lease_ns=100 * MS)
    assert settings(lease_ns=100 * MS, heartbeat_ns=20 * MS).leased


def test_without_leases_heartbeats_may_be_rare() -> None:
    assert not settings(lease_ns=100 * MS, failover=Failover.MANUAL).leased
