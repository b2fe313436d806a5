"""Machines of every kind, and the systems that run on them."""
