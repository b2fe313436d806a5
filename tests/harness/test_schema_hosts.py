"""Files of hosts: what they say, and each mistake in a line."""

from pathlib import Path

import pytest

from harness import schema_hosts
from harness.errors import UsageError
from harness.hosts import Host


def test_a_file_says_what_is_the_same_for_all_once(tmp_path: Path) -> None:
    path = tmp_path / "nodes.yaml"
    path.write_text(
        """
user: admin
identity: keys/mine
sudo: true
directory: /srv/acked/
known_hosts: known
probe_port: 7000
patience_s: 90
hosts:
  - 10.0.0.1
  - root@db2:2222
  - {host: db3, user: postgres, sudo: false, address: 192.168.1.3, python: /opt/python3.12}
  - "[fd00::4]:22"
"""
    )
    hosts = schema_hosts.load(path)
    common = {"identity": str(tmp_path / "keys/mine"), "directory": "/srv/acked"}
    assert hosts.hosts == (
        Host(host="10.0.0.1", user="admin", sudo=True, **common),
        Host(host="db2", user="root", port=2222, sudo=True, **common),
        Host(host="db3", user="postgres", address="192.168.1.3", python="/opt/python3.12", **common),
        Host(host="fd00::4", user="admin", port=22, sudo=True, **common),
    )
    assert (hosts.known_hosts, hosts.probe_port, hosts.patience_s) == (str(tmp_path / "known"), 7000, 90.0)
    assert not hosts.accept_new


@pytest.mark.parametrize(
    "text,lines",
    [
        ("", ["nodes.yaml: a file of nodes is a mapping of fields, this is nothing"]),
        ("hosts: []", ["nodes.yaml:1:8: hosts: a list is not a list of hosts"]),
        ("user: x", ["nodes.yaml:1:1: hosts: missing; list the hosts, one for each node"]),
        (
            "hosts:\n  - {user: x, hosst: y}\n",
            [
                "nodes.yaml:2:15: hosts.0.hosst: unknown field; did you mean 'host'? allowed: host, user, port, "
                "identity, address, directory, python, sudo",
                "nodes.yaml:2:5: hosts.0.host: missing; a name, an alias of ssh_config or an address",
            ],
        ),
        (
            "hosts: [a]\nsudo: yes\npatience_s: 1",
            [
                "nodes.yaml:2:7: sudo: 'yes' is not allowed; allowed: true, false",
                "nodes.yaml:3:13: patience_s: 1 is not allowed; allowed: a number at least 40, at most 3600",
            ],
        ),
        (
            "hosts:\n  - a b\n  - {host: c, port: 0, address: here}\n",
            [
                "nodes.yaml:2:5: hosts.0: expected user@host:port, where user and port may be left out, and an "
                "IPv6 address is in []",
                "nodes.yaml:3:21: hosts.1.port: 0 is not allowed; allowed: a whole number from 1 to 65535",
                "nodes.yaml:3:33: hosts.1.address: 'here' is no IP address",
            ],
        ),
        (
            "hosts: [a]\ndirectory: /",
            [
                "nodes.yaml:2:12: directory: '/' is not allowed; allowed: the full path of a folder, without '..'"
            ],
        ),
        (
            "hosts:\n  - a\n  - x@a:22\n",
            ["nodes.yaml:3:5: hosts: x@a:22 is listed already, at nodes.yaml:2:5"],
        ),
    ],
)
def test_each_mistake_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, lines: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nodes.yaml").write_text(text)
    with pytest.raises(UsageError) as raised:
        schema_hosts.load(Path("nodes.yaml"))
    assert str(raised.value).splitlines() == lines


def test_options_name_hosts() -> None:
    hosts = schema_hosts.of_options(["root@10.0.0.1:2222", "db2", "me@[fd00::1]:22"])
    assert [host.words for host in hosts.hosts] == ["root@10.0.0.1:2222", "db2", "me@[fd00::1]:22"]
    with pytest.raises(UsageError, match=r"--node a:b:c: expected user@host:port"):
        schema_hosts.of_options(["a:b:c"])
    with pytest.raises(UsageError, match=r"--node a:99999: expected"):
        schema_hosts.of_options(["a:99999"])
    with pytest.raises(UsageError, match=r"--node a: hosts: a is listed already, at --node x@a"):
        schema_hosts.of_options(["x@a", "a"])
