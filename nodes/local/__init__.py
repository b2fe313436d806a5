"""Machines of kind local: real processes, each machine a set of Linux namespaces joined by a bridge."""

from nodes.local.cluster import LocalCluster

__all__ = ["LocalCluster"]
