from recorded_runs import Script, ms

from checkers.evidence.incidents import deceptions, destructions, down, suspects, unsettling
from harness.episode import Episode, Proof


def episode(fault, *targets, times, shown=True, id=1):
    from_ns, injected_ns, healing_ns, until_ns = times
    return Episode(
        id=id,
        fault=fault,
        targets=targets,
        from_ns=from_ns,
        injected_ns=injected_ns,
        healing_ns=healing_ns,
        until_ns=until_ns,
        injected=(Proof(what="seen", shown=shown),),
    )


def test_a_disk_loss_destroys_more_than_a_power_cut():
    script = Script()
    script.episode("power-cut", "n2", at=20, until=30)
    script.episode("disk-loss", "n1", "n3", at=10, until=40)
    script.episode("kill", "n1", at=5, until=40)
    found = [(gone.node, gone.disk, gone.from_ns, gone.until_ns) for gone in destructions(script.episodes)]
    assert found == [
        ("n1", True, ms(10), ms(11)),
        ("n3", True, ms(10), ms(11)),
        ("n2", False, ms(20), ms(21)),
    ]


def test_a_restart_at_the_heal_destroys_what_is_in_memory_until_then():
    for fault in ("disk-detached", "cache-loss"):
        (gone,) = destructions([episode(fault, "n1", times=(10, 20, 50, 60))])
        assert (gone.disk, gone.damage, gone.from_ns, gone.until_ns) == (False, False, 10, 60)
        assert deceptions([episode(fault, "n1", times=(10, 20, 50, 60))]) == ()
    (gone,) = destructions([episode("kernel-panic", "n1", times=(10, 20, 50, 60))])
    assert (gone.disk, gone.until_ns) == (False, 20)


def test_a_cache_that_lies_needs_no_other_fault_to_cost_a_disk_its_word():
    lie = episode("lost-flush", "n1", times=(10, 20, 50, 60))
    (gone,) = destructions([lie])
    assert (gone.disk, gone.damage, gone.until_ns) == (True, True, 60)
    (deception,) = deceptions([lie])
    assert (deception.from_ns, deception.until_ns) == (10, 60)
    assert destructions([episode("lying-flush", "n1", times=(10, 20, 50, 60))]) == ()


def test_a_lie_costs_a_disk_its_word_if_the_power_was_cut_meanwhile():
    lie = episode("lying-flush", "n1", times=(30, 40, 60, 70), id=1)
    for times, damaged in (
        ((10, 15, 20, 30), True),  # over in the very moment in which the lie began
        ((10, 15, 20, 29), False),
        ((70, 75, 80, 90), True),
        ((71, 75, 80, 90), False),
        ((10, 15, 80, 90), True),
        ((10, 15, None, None), True),
    ):
        cut = episode("power-cut", "n1", times=times, id=2)
        assert any(gone.damage for gone in destructions([lie, cut])) is damaged, times
    other = episode("power-cut", "n2", times=(40, 45, 50, 55), id=2)
    assert [gone.damage for gone in destructions([lie, other])] == [False]


def test_an_injection_that_failed_may_have_destroyed_until_its_heal():
    half = episode("disk-loss", "n1", times=(10, None, 50, 60))
    (gone,) = destructions([half])
    assert (gone.from_ns, gone.until_ns) == (10, 50)


def test_a_node_is_down_from_the_proof_of_injection_to_the_beginning_of_the_heal():
    assert down([episode("kill", "n1", times=(10, 20, 50, 60))], "n1") == ((20, 50),)
    assert down([episode("kill", "n1", times=(10, 20, 50, 60))], "n2") == ()
    assert down([episode("partition", "n1", times=(10, 20, 50, 60))], "n1") == ()


def test_a_node_is_not_known_to_be_down_without_evidence():
    assert down([episode("kill", "n1", times=(10, 20, 50, 60), shown=False)], "n1") == ()
    assert down([episode("kill", "n1", times=(10, None, 50, 60))], "n1") == ()


def test_only_faults_that_act_within_an_interval_unsettle_it():
    fault = episode("kill", "n1", times=(10, 20, 50, 60))
    for since, until, found in ((0, 9, False), (0, 10, True), (60, 99, True), (61, 99, False)):
        assert bool(unsettling([fault], since_ns=since, until_ns=until)) is found
    assert unsettling([episode("clock-jump", "n1", times=(10, 20, 50, 60))], since_ns=0)


def test_suspects_are_the_faults_that_hit_the_node_or_else_the_latest():
    episodes = [
        episode("partition", "n1", times=(10, 11, 50, 60), id=1),
        episode("kill", "n1", times=(20, 21, 50, 60), id=2),
        episode("kill", "n2", times=(30, 31, 50, 60), id=3),
        episode("kill", "n1", times=(80, 81, 90, 95), id=4),
    ]
    for node, until, expected in (
        ("n1", 40, [2, 1]),
        ("n2", 40, [3]),
        ("n3", 40, [3]),
        (None, 40, [3]),
        ("n1", 90, [4, 2, 1]),
        ("n1", 5, []),
    ):
        found = suspects(episodes, node=node, since_ns=5, until_ns=until)
        assert [suspect.id for suspect in found] == expected
