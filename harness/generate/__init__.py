"""Histories made from a seed, valid or with a planted anomaly: for tests, benchmarks and trials."""
