"""Checkers of histories alone, on columns: they judge anyone's history, a million operations in under a second."""
