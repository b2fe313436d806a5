"""Simulated machines: the reference store's real code under virtual time, in one process."""
