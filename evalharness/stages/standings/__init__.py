"""Standings: how several arms stand to each other, beside the verdict."""
