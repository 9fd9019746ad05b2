"""The reproductions by name. A new one is a module with `questions` and `exhibit`, and one entry here."""

from __future__ import annotations

from chipweave.errors import InputError, did_you_mean
from chipweave.reproduction.question import Reproduction
from chipweave.reproduction.scar import claims, distance, sensitivity, table_iv

REPRODUCTIONS: tuple[Reproduction, ...] = (
    Reproduction("scar-table-iv", "SCAR", table_iv.TITLE, table_iv.questions, table_iv.exhibit),
    Reproduction(claims.NAME, "SCAR", claims.TITLE, claims.questions, claims.exhibit),
    Reproduction(sensitivity.NAME, "SCAR", sensitivity.TITLE, sensitivity.questions, sensitivity.exhibit),
    Reproduction(distance.NAME, "SCAR", distance.TITLE, distance.questions, distance.exhibit),
)
"""In the order of the page."""


def named(names: list[str]) -> list[Reproduction]:
    """The reproductions of these names, each once and in the order of the page; `all` is every one.

    Raises:
        InputError: an unknown name.
    """
    known = [each.name for each in REPRODUCTIONS]
    for name in names:
        if name != "all" and name not in known:
            raise InputError(f"reproduction '{name}' is unknown{did_you_mean(name, [*known, 'all'])}")
    return [each for each in REPRODUCTIONS if "all" in names or each.name in names]
