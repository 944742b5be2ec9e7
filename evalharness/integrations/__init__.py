"""Our metrics in other people's frames."""
