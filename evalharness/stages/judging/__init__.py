"""Judging: models and people say which answer is better; their words become rows like any other."""
