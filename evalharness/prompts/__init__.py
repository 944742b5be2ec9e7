"""Prompt programs: Sample -> rendered messages; run by `plan`, hashed and priced.

Depends on: contracts, records, spec.suite, text, errors.  Knows nothing of clients or metrics.
"""
