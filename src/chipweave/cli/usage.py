"""What is wrong with a command line, with the value and what to do: the parser's own words say neither."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from chipweave.plain import short

_WORDS = (
    (r"Input should be a valid integer.*", "is no whole number; give one, without a unit"),
    (r"Input should be a valid number.*", "is no number; give one, without a unit"),
    (r"Input should be greater than or equal to (\S+)", r"is too small; give at least \1"),
    (r"Input should be greater than (\S+)", r"is too small; give more than \1"),
    (r"Input should be less than or equal to (\S+)", r"is too large; give at most \1"),
)
"""The parser's, and ours that follow the value."""


def in_words(error: Any, given: Sequence[str]) -> str:
    """One line about a usage error.

    Args:
        given: the arguments of the command line.
    """
    message = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
    found = re.fullmatch(r"(Invalid value for '(--[\w-]+)'.*?): (Input should be .*)", message)
    if found is not None:
        value = _value_of(found[2], given)
        for theirs, ours in _WORDS:
            if value is not None and re.fullmatch(theirs, found[3]):
                message = f"{found[1]}: {short(value)} {re.sub(theirs, ours, found[3])}"
                break
    context = getattr(error, "ctx", None)
    return f"{message}; see '{context.command_path if context else 'chipweave'} --help'"


def _value_of(option: str, given: Sequence[str]) -> str | None:
    """What stands behind an option; the last one counts."""
    behind = [value for name, value in pairwise(given) if name == option]
    joined = [text.partition("=")[2] for text in given if text.startswith(f"{option}=")]
    return next(iter([*reversed(behind), *joined]), None)
