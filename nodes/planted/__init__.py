"""Planted bugs of the reference store: known defects, to prove that the harness finds such.

Each is a small edit of the store's source that is kept here, not in the store, and takes effect in a copy that is
made for one process (`variant`). So the store has no switches, and no run has a bug that its scenario does not
name.
"""

from nodes.planted.bug import Bug, Edit, Where
from nodes.planted.catalogue import BUGS

__all__ = ["BUGS", "Bug", "Edit", "Where"]
