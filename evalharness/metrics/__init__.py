"""Metrics: items -> rows, sums of rows -> values; no files, no network, no clock."""
