"""A history as columns: every argument and every value in flat arrays, so that checkers judge it at scale."""
