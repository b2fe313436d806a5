"""The machines as a file of hosts, which is read as it was meant."""

from pathlib import Path

from msgspec.structs import replace

from harness import schema_hosts
from nodes.vagrant.lifecycle import VirtualMachines
from nodes.vagrant.plain_hosts import render
from nodes.vagrant.settings import Provider, Settings


def test_a_run_over_ssh_reaches_them_as_one_of_their_own_kind_does(tmp_path: Path) -> None:
    made_of = Settings(
        nodes=3, provider=Provider.LIBVIRT, box="b", key="", host_key="", memory_mib=384, emulate=True
    )
    hosts = VirtualMachines(made_of, tmp_path).hosts
    file = tmp_path / "nodes.yaml"
    file.write_text(render(hosts, seen_from=tmp_path))
    plain = tuple(replace(host, device="") for host in hosts.hosts)
    assert schema_hosts.load(file) == replace(hosts, hosts=plain)
    assert all(host.device for host in hosts.hosts)
