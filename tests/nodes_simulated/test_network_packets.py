"""What a link does to packets, as they see it."""

import itertools
import statistics

import pytest

from harness.machine import Mischief, Weather
from nodes.simulated.links import BASE_NS, SPREAD_NS, Links, PacketLink, combined
from nodes.simulated.tape import Tape

MS = 1_000_000
MANY = 5000


def link(weather: Weather | None = None, *, seed: int = 1) -> PacketLink:
    found = Links(Tape(seed)).between("n1", "n2")
    found.set_weather("a", weather)
    return found


def times(one: PacketLink, *, size: int = 100, every_ns: int = MS) -> list[list[int]]:
    """Return how long each of many packets takes, once for each of its arrivals."""
    return [
        [at_ns - sent_ns for at_ns in one.arrivals(sent_ns, size)]
        for sent_ns in range(0, MANY * every_ns, every_ns)
    ]


def test_a_fair_link_takes_a_least_time_and_seldom_much_more() -> None:
    taken = [one for (one,) in times(link())]
    assert min(taken) >= BASE_NS
    assert statistics.mean(taken) == pytest.approx(BASE_NS + SPREAD_NS, rel=0.1)
    assert statistics.median(taken) < statistics.mean(taken), "short for most, long for few"


def test_the_same_seed_gives_the_same_times_and_each_direction_has_its_own() -> None:
    assert times(link(seed=3)) == times(link(seed=3)) != times(link(seed=4))
    links = Links(Tape(1))
    assert times(links.between("n1", "n2")) != times(links.between("n2", "n1"))


def test_a_link_draws_the_same_whatever_happens_on_others() -> None:
    alone, among = Links(Tape(1)), Links(Tape(1))
    times(among.between("n1", "n3"))
    assert times(alone.between("n1", "n2")) == times(among.between("n1", "n2"))


def test_delay_and_jitter() -> None:
    one = link(Weather(delay_ns=50 * MS, jitter_ns=20 * MS))
    taken = [found for (found,) in times(one)]
    assert min(taken) >= 50 * MS
    assert statistics.mean(taken) == pytest.approx(60 * MS, rel=0.05)
    assert one.mischief == Mischief(delayed=MANY)


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_loss(share: float) -> None:
    one = link(Weather(loss=share))
    lost = sum(not found for found in times(one))
    assert lost == pytest.approx(MANY * share, rel=0.3)
    assert one.mischief == Mischief(lost=lost)


def test_duplication() -> None:
    one = link(Weather(duplicate=0.2))
    twice = sum(len(found) == 2 for found in times(one))
    assert twice == pytest.approx(MANY * 0.2, rel=0.1)
    assert one.mischief == Mischief(duplicated=twice)


def test_reordering_lets_later_packets_pass() -> None:
    sent = [number * MS for number in range(MANY)]

    def overtaken(one: PacketLink) -> int:
        arrived = [one.arrivals(at_ns, 100)[0] for at_ns in sent]
        return sum(later < earlier for earlier, later in itertools.pairwise(arrived))

    one = link(Weather(reorder=0.2))
    assert overtaken(one) > MANY * 0.05 > overtaken(link()) * 10
    assert one.mischief == Mischief(reordered=pytest.approx(MANY * 0.2, rel=0.1))


def test_bandwidth_is_shared_by_all_packets_of_a_link() -> None:
    one = link(Weather(bytes_per_s=100_000))
    arrived = [one.arrivals(0, 1000)[0] for _ in range(100)]
    assert arrived[-1] == pytest.approx(1_000 * MS, rel=0.01), "100 packets of 10 ms each"
    assert one.mischief.throttled == 99, "all but the first had to wait"


def test_a_lost_packet_holds_no_place_in_the_future() -> None:
    one = link(Weather(bytes_per_s=100_000))
    one.arrivals(0, 1000)
    assert one.arrivals(100 * MS, 1000)[0] < 112 * MS


def test_weathers_add_up_and_end_one_by_one() -> None:
    one = link(Weather(delay_ns=10 * MS, loss=0.5))
    one.set_weather("b", Weather(delay_ns=5 * MS, loss=0.5, bytes_per_s=7))
    assert combined(one.weathers.values()) == Weather(delay_ns=15 * MS, loss=0.75, bytes_per_s=7)
    one.set_weather("a", None)
    one.set_weather("b", None)
    one.set_weather("b", None)
    assert combined(one.weathers.values()) is None
    assert all(len(found) == 1 for found in times(one))


def test_probes_are_treated_alike_and_not_counted() -> None:
    one = link(Weather(delay_ns=MS, loss=0.5, duplicate=0.5, reorder=0.5, bytes_per_s=1000))
    found = [one.arrivals(0, 100, probe=True) for _ in range(100)]
    assert {len(arrivals) for arrivals in found} == {0, 1, 2}
    assert one.mischief == Mischief()
    one.drop(probe=True)
    one.when_open(lambda: None, probe=True)
    assert (one.dropped, one.held) == (0, 0)


def test_a_clog_lets_go_in_order_once_nobody_keeps_it_any_more() -> None:
    links, heard = Links(Tape(1)), list[int]()
    for key in ("a", "b"):
        links.clog(key, [("n1", "n2")])
    one = links.between("n1", "n2")
    for number in range(3):
        one.when_open(lambda number=number: heard.append(number))
    assert links.held() == {("n1", "n2"): 3}
    links.unclog("a")
    assert heard == []
    links.unclog("b")
    assert (heard, links.held()) == ([0, 1, 2], {})


def test_only_links_that_are_cut_tell_what_they_dropped() -> None:
    links = Links(Tape(1))
    links.cut("a", [("n1", "n2")])
    links.between("n1", "n2").drop()
    assert links.dropped() == {("n1", "n2"): 1}
    links.mend("a")
    assert links.dropped() == {}
