import ipaddress

from harness.machine import CLIENTS
from nodes.local import network


def test_every_place_has_addresses_of_its_own() -> None:
    places = network.places([f"n{i}" for i in range(1, network.MOST_MACHINES + 1)])
    assert len(places) == network.MOST_MACHINES + 1
    for kind in ("mac", "ipv4", "ipv6", "port"):
        assert len({getattr(place, kind) for place in places.values()}) == len(places), kind
    assert all(
        ipaddress.ip_address(place.ipv4) in ipaddress.ip_network("10.77.0.0/24") for place in places.values()
    )
    assert all(
        ipaddress.ip_address(place.ipv6) in ipaddress.ip_network("fd77::/64") for place in places.values()
    )


def test_hardware_addresses_are_locally_administered_and_name_one_receiver() -> None:
    for place in network.places(["n1", "n2"]).values():
        first = int(place.mac[:2], 16)
        assert first & 0b10, "made up, so it must say so"
        assert not first & 0b01, "a group's address could not be told from a broadcast"


def test_clients_have_the_addresses_that_reports_show() -> None:
    clients = network.places(["n1"])[CLIENTS]
    assert (clients.address(4), clients.address(6)) == ("10.77.0.254", "fd77::fe")


def test_a_machine_knows_every_neighbour_but_itself() -> None:
    places = network.places(["n1", "n2"])
    batch = network.machine_batch(places["n1"], places.values(), versions=(4, 6))
    neighbours = {line.split()[2] for line in batch.splitlines() if line.startswith("neighbour")}
    assert neighbours == {"10.77.0.2", "fd77::2", "10.77.0.254", "fd77::fe"}


def test_without_ipv6_no_command_mentions_it() -> None:
    places = network.places(["n1", "n2"])
    batch = network.machine_batch(places["n1"], places.values(), versions=(4,))
    assert "fd77" not in batch
    assert "10.77.0.1/24" in batch
