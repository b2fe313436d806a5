"""The machines as a file of hosts, which is read as it was meant."""

from pathlib import Path

from msgspec.structs import replace

from harness import schema, schema_hosts
from harness.running import perform
from harness.verdict import Verdict
from nodes.vagrant.lifecycle import VirtualMachines
from nodes.vagrant.plain_hosts import render
from nodes.vagrant.settings import Provider, Settings


def test_a_run_over_ssh_reaches_them_as_one_of_their_own_kind_does(tmp_path: Path) -> None:
    hosts = VirtualMachines(Settings(nodes=3, provider=Provider.LIBVIRT), tmp_path).hosts
    file = tmp_path / "nodes.yaml"
    file.write_text(render(hosts, seen_from=tmp_path))
    plain = tuple(replace(host, device="") for host in hosts.hosts)
    assert schema_hosts.load(file) == replace(hosts, hosts=plain)
    assert all(host.device for host in hosts.hosts)


def test_what_is_run_on_all_kinds_of_machines_holds_in_simulation(tmp_path: Path) -> None:
    file = Path(__file__).parents[2] / "vagrant" / "side-by-side.yaml"
    result = perform(replace(schema.load(file), machines="sim"), tmp_path)
    assert result.verdict is Verdict.HOLDS
