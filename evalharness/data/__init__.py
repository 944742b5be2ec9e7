"""Held-out sets, recordings and their checks: files in, samples and outcomes out.

Reads: JSON Lines, CSV, JSON, SQuAD and plain lines, gzipped or not; hub data sets.
Gives: `sources.open_source`, `recordings.open_recording`, `checks.check_data`.
Depends on: records, errors, contracts, spec.suite.  Knows nothing of models, metrics or runs.
"""
