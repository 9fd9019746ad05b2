"""Lengths of prompts and answers: one of all, or a small distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from chipweave.errors import InputError
from chipweave.files.yaml import quoted, read_text
from chipweave.plain import short

HEADER = ("length", "share")
MOST_LENGTHS = 16
"""Of a distribution: prefill has a plan for each."""

Lengths = tuple[tuple[int, float], ...]
"""Tokens, ascending, and their shares, which add up to 1."""


def lengths_of(given: int | str | Path | Mapping[int, float], what: str) -> Lengths:
    """A distribution of lengths.

    Args:
        given: a length; `256:0.5,2048:0.5`; a CSV file of `length,share`; or shares by length. Shares are on any scale.
        what: `prompt` or `output`, for messages.

    Raises:
        InputError: none of these; in a file with the line at fault.
    """
    if isinstance(given, Mapping):
        return _checked([(length, share, what) for length, share in given.items()], what)
    if isinstance(given, int) and not isinstance(given, bool):
        return ((given, 1.0),)
    text = str(given)
    if isinstance(given, Path) or text.endswith(".csv"):
        return _table(read_text(Path(text)), text)
    found = []
    for part in text.split(","):
        length, colon, share = part.strip().partition(":")
        where = f"{what} {short(text)}"
        found.append((_whole(length, where), _number(share, where) if colon else 1.0, where))
    return _checked(found, what)


def mean(lengths: Lengths) -> float:
    return sum(length * share for length, share in lengths)


def shown(lengths: Lengths) -> str:
    """`2,048`, or `256 (50 %), 2,048 (50 %)`."""
    if len(lengths) == 1:
        return f"{lengths[0][0]:,}"
    return ", ".join(f"{length:,} ({100 * share:.3g} %)" for length, share in lengths)


def _table(text: str, path: str) -> Lengths:
    lines = [(at, [cell.strip() for cell in line.split(",")]) for at, line in enumerate(text.splitlines(), start=1)]
    filled = [(at, cells) for at, cells in lines if any(cells)]
    if tuple(cell.lower() for cell in filled[0][1]) != HEADER:
        raise InputError(f"{path}:{filled[0][0]}: is no header of a table of lengths; begin with 'length,share'")
    found = []
    for at, cells in filled[1:]:
        where = f"{path}:{at}"
        if len(cells) != len(HEADER):
            raise InputError(f"{where}: {quoted(','.join(cells))} is not a length and its share; write 256,0.5")
        found.append((_whole(cells[0], where), _number(cells[1], where), where))
    return _checked(found, path)


def _checked(found: list[tuple[int, float, str]], what: str) -> Lengths:
    """With shares that add up to 1."""
    shares: dict[int, float] = {}
    for length, share, where in found:
        if length in shares:
            raise InputError(f"{where}: length {length} is there twice; remove one of the two")
        if not (math.isfinite(share) and share >= 0):
            raise InputError(f"{where}: share {share} of length {length} is negative or no number; give one from 0 on")
        shares[length] = share
    if not 0 < sum(shares.values()) < math.inf:
        raise InputError(f"{what}: no length has a share; give at least one that is positive")
    kept = {length: share for length, share in sorted(shares.items()) if share > 0}
    if len(kept) > MOST_LENGTHS:
        raise InputError(f"{what}: {len(kept)} lengths are given; take {MOST_LENGTHS} at most, the mean of alike ones")
    total = sum(kept.values())
    return tuple((length, share / total) for length, share in kept.items())


def _whole(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise InputError(f"{where}: {quoted(text)} is no number of tokens; write 256, or 256:0.5,2048:0.5")
    return int(text)


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{where}: {quoted(text)} is no share; write 256:0.5,2048:0.5") from None
