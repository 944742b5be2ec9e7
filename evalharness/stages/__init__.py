"""The pipeline, one verb a file: plan, generate, evidence, score, aggregate, compare, verdict.

Each stage reads what the stage before it wrote and writes what the next one reads.
Depends on: everything below.  Formats nothing and prints nothing.
"""
