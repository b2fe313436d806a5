"""Histories written for others: Jepsen's EDN, JSON, our own JSON lines, Parquet."""
