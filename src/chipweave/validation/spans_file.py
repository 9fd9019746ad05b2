"""Measured spans of products of matrices, from a file of the user's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from chipweave.cost.table import read_csv
from chipweave.errors import InputError
from chipweave.plain import short

HEADER = ("M", "N", "K", "device_us")
MOST_PRODUCTS = 100_000
MOST_PROBLEMS = 20
LARGEST_SIZE = 2**31 - 1


class MeasuredProduct(NamedTuple):
    """Rows and columns of the result, what is summed over, and microseconds on the device."""

    rows: int
    columns: int
    inner: int
    span_us: float


def load_spans(path: Path) -> list[MeasuredProduct]:
    """Read a CSV file with the header `M,N,K,device_us`, a product a line.

    Raises:
        InputError: the file cannot be read, is too long, or `path:line: problem; remedy` of every bad line.
    """
    lines = [line.split(",") for line in read_csv(path).splitlines()]
    if not lines or tuple(cell.strip() for cell in lines[0]) != HEADER:
        raise InputError(f"{path}:1: is no header of measured products; begin with '{','.join(HEADER)}'")
    filled = [(number, line) for number, line in enumerate(lines, 1) if number > 1 and "".join(line).strip()]
    if not 1 <= len(filled) <= MOST_PRODUCTS:
        raise InputError(f"{path}: has {len(filled):,} products; give 1 to {MOST_PRODUCTS:,}")
    found, problems = [], []
    for number, line in filled:
        try:
            found.append(_product([cell.strip() for cell in line]))
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
        if len(problems) == MOST_PROBLEMS:
            break
    if problems:
        raise InputError(problems)
    return found


def _product(cells: list[str]) -> MeasuredProduct:
    """Raises ValueError: what is wrong with a line, and the remedy."""
    if len(cells) != len(HEADER):
        raise ValueError(f"has {len(cells)} values; give {len(HEADER)}: {', '.join(HEADER)}")
    rows, columns, inner = map(_size, HEADER, cells[:3])
    return MeasuredProduct(rows, columns, inner, _span_us(cells[3]))


def _size(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not 1 <= int(text) <= LARGEST_SIZE:
        raise ValueError(f"{name} is {short(text)}; give a whole number from 1 to {LARGEST_SIZE}")
    return int(text)


def _span_us(text: str) -> float:
    try:
        span_us = float(text)
    except ValueError:
        span_us = math.nan
    if not 0 < span_us < math.inf:
        raise ValueError(f"device_us is {short(text)}; give microseconds above 0")
    return span_us
