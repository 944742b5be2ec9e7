"""Append-only journal, run and gate folders, marks, response cache, export.

Depends on: records, results, errors.  Knows nothing of how answers are got or judged.
"""
