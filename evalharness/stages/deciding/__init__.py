"""Deciding: paired rows and a policy -> effects, gates and one of four verdicts."""
