"""A point of a sweep: a case, and where on every axis it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chipweave.results.case import Case


@dataclass(frozen=True)
class Point:
    """A case of a sweep.

    Args:
        position: in the sweep, from 0.
        key: of the case, as `chipweave.files.case_file.case_key` has it.
        axes: the value of every axis by its path, as JSON-able data.
    """

    position: int
    case: Case
    key: str
    axes: Mapping[str, object]
