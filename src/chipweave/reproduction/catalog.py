"""The reproductions by name. A new one is a module with `questions` and `exhibit`, and one entry here."""

from __future__ import annotations

from chipweave.errors import InputError, did_you_mean
from chipweave.reproduction import two_by_two
from chipweave.reproduction.question import Reproduction
from chipweave.reproduction.scar import table_iv
from chipweave.reproduction.scope import complexity, rank, throughput

REPRODUCTIONS: tuple[Reproduction, ...] = (
    Reproduction("scar-table-iv", "SCAR", table_iv.TITLE, table_iv.questions, table_iv.exhibit),
    Reproduction("scope-throughput", "Scope", throughput.TITLE, throughput.questions, throughput.exhibit),
    Reproduction("scope-rank", "Scope", rank.TITLE, rank.questions, rank.exhibit),
    Reproduction("scope-complexity", "Scope", complexity.TITLE, complexity.questions, complexity.exhibit),
    Reproduction("two-by-two", "2x2 study", two_by_two.TITLE, two_by_two.questions, two_by_two.exhibit),
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
