"""The version of chipweave."""

__version__ = "0.1.0"
