"""Judges of histories: one module per property."""
