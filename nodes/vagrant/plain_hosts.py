"""The machines as hosts like any others: a file for `--nodes-file`."""

from pathlib import Path

import yaml

from harness.hosts import Hosts

_HEAD = """\
# Virtual machines of `acked cluster up --vagrant` as plain hosts over SSH:
# acked run SCENARIO --nodes-file THIS
"""


def render(hosts: Hosts, *, seen_from: Path) -> str:
    """Return the file, which belongs into the folder `seen_from`, for hosts where the agent is root by sudo."""
    told = {
        "sudo": True,
        "ssh_config": str(Path(hosts.ssh_config).relative_to(seen_from)),
        "known_hosts": str(Path(hosts.known_hosts).relative_to(seen_from)),
        "patience_s": hosts.patience_s,
        "hosts": [{"host": host.host, "address": host.address} for host in hosts.hosts],
    }
    return _HEAD + yaml.safe_dump(told, sort_keys=False)
