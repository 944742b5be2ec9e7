"""The version, as pyproject.toml says it too; a constant, so that no start looks for metadata."""

VERSION = "0.1.0"
