"""From what `vagrant ssh-config` prints to a configuration that checks host keys."""

import subprocess
from pathlib import Path

import pytest

from harness.errors import NodeError
from nodes.vagrant.ssh_config import Host, parse, render, render_known_hosts

PRINTED = """Host n1
  HostName 192.168.57.144
  User vagrant
  Port 22
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  IdentityFile /home/me/.cache/a.key
  IdentitiesOnly yes

Host n2
  HostName 127.0.0.1
  User vagrant
  Port 2200
  IdentityFile "/home/me/my keys/b"
  IdentityFile /home/me/c
"""

N1 = Host(name="n1", address="192.168.57.144", port=22, user="vagrant", keys=("/home/me/.cache/a.key",))
N2 = Host(
    name="n2", address="127.0.0.1", port=2200, user="vagrant", keys=("/home/me/my keys/b", "/home/me/c")
)


def test_hosts_are_read_in_order() -> None:
    assert parse(PRINTED) == (N1, N2)


def test_what_a_machine_lacks_is_told() -> None:
    with pytest.raises(NodeError, match="how to log in on n1"):
        parse("Host n1\n  HostName 10.0.0.1\n  User vagrant\n  IdentityFile /k\n")
    with pytest.raises(NodeError, match="how to log in on n1"):
        parse(PRINTED.replace("Port 22\n", "Port no\n", 1))
    with pytest.raises(NodeError, match="line 2 of what"):
        parse('Host n1\n  HostName "10.0.0.1\n')


def test_nothing_is_printed_before_machines_are_up() -> None:
    assert parse("") == ()


def test_openssh_understands_what_is_written_and_checks_host_keys(tmp_path: Path) -> None:
    known = tmp_path / "known hosts"
    config = tmp_path / "config"
    config.write_text(render([N1, N2], known))
    done = subprocess.run(["ssh", "-G", "-F", config, "n2"], capture_output=True, check=True, text=True)
    told = done.stdout.splitlines()
    for expected in ("hostname 127.0.0.1", "port 2200", "user vagrant", "identityfile /home/me/my keys/b"):
        assert expected in told
    assert "stricthostkeychecking true" in told
    assert f"userknownhostsfile {known}" in told


def test_known_hosts_are_called_as_openssh_looks_for_them(tmp_path: Path) -> None:
    keys = {"n1": ["ssh-ed25519 AAAAC3 root@box"], "n2": ["ssh-rsa AAAAB3 x", "ssh-ed25519 AAAAC4"]}
    assert render_known_hosts([N1, N2], keys) == (
        "192.168.57.144 ssh-ed25519 AAAAC3\n[127.0.0.1]:2200 ssh-rsa AAAAB3\n[127.0.0.1]:2200 ssh-ed25519 AAAAC4\n"
    )
