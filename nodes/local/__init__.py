"""Machines of kind local: real processes, each machine a set of Linux namespaces joined by a bridge."""

from nodes.local.cluster import LocalCluster
from nodes.local.host import probe_host

__all__ = ["LocalCluster", "probe_host"]
