"""YAML -> typed Suite, Baseline and Policy; strict, with file, path and mend in every refusal.

Depends on: contracts, records, errors.  Imports nothing that a suite names.
"""
