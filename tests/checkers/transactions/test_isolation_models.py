"""The map of consistency models."""

import pytest

from checkers.transactions.anomalies import Anomaly
from checkers.transactions.models import IMPLIES, MODELS, canonical, ruled_out, strongest, weaker, weakest


def test_strict_serializability_implies_everything():
    assert weaker("strict-serializable") == set(MODELS)


def test_nothing_implies_itself_by_others():
    for name in MODELS:
        assert all(name not in weaker(each) for each in IMPLIES[name])


@pytest.mark.parametrize(
    "name,same",
    [
        ("PL-3", "serializable"),
        ("PL-2.99", "repeatable-read"),
        ("strong-serializable", "strict-serializable"),
        ("strong-session-PL-2", "strong-session-read-committed"),
        ("strong-PL-SI", "strong-snapshot-isolation"),
        ("snapshot-isolation", "snapshot-isolation"),
    ],
)
def test_other_names(name, same):
    assert canonical(name) == same


def test_an_unknown_name():
    with pytest.raises(KeyError):
        canonical("very-serializable")


@pytest.mark.parametrize("anomaly", list(Anomaly))
def test_every_anomaly_rules_out_strict_serializability(anomaly):
    assert "strict-serializable" in ruled_out([anomaly])


def test_write_skew_is_allowed_under_snapshot_isolation():
    impossible = ruled_out([Anomaly.G2_ITEM])
    assert "serializable" in impossible
    assert "snapshot-isolation" not in impossible
    assert weakest(impossible) == ("repeatable-read",)
    assert strongest(each for each in MODELS if each not in impossible) == ("strong-snapshot-isolation",)


def test_an_order_of_time_rules_out_only_models_of_that_order():
    impossible = ruled_out([Anomaly.G_SINGLE_PROCESS])
    assert "strong-session-snapshot-isolation" in impossible
    assert "strong-snapshot-isolation" in impossible
    assert "serializable" not in impossible
    assert "strong-session-read-committed" not in impossible
