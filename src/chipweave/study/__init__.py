"""Reproductions of published studies: pure functions from settings to frozen results."""
