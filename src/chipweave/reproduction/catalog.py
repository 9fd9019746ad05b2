"""The reproductions by name. A new one is a module with `questions` and `exhibit`, and one entry here."""

from __future__ import annotations

from chipweave.errors import InputError, did_you_mean
from chipweave.reproduction import two_by_two
from chipweave.reproduction.question import Reproduction
from chipweave.reproduction.scar import (
    ablations,
    claims,
    distance,
    fig_2,
    fig_7,
    fig_8,
    fig_9,
    fig_11,
    fig_12,
    fig_13,
    headline,
    sensitivity,
    space,
    table_iv,
    table_v,
)
from chipweave.reproduction.scope import complexity, rank, throughput

REPRODUCTIONS: tuple[Reproduction, ...] = (
    Reproduction("scar-headline", "SCAR", headline.TITLE, headline.questions, headline.exhibit),
    Reproduction(claims.NAME, "SCAR", claims.TITLE, claims.questions, claims.exhibit),
    Reproduction(sensitivity.NAME, "SCAR", sensitivity.TITLE, sensitivity.questions, sensitivity.exhibit),
    Reproduction(distance.NAME, "SCAR", distance.TITLE, distance.questions, distance.exhibit),
    Reproduction("scar-fig-2", "SCAR", fig_2.TITLE, fig_2.questions, fig_2.exhibit),
    Reproduction("scar-space", "SCAR", space.TITLE, space.questions, space.exhibit),
    Reproduction("scar-table-iv", "SCAR", table_iv.TITLE, table_iv.questions, table_iv.exhibit),
    Reproduction("scar-fig-7", "SCAR", fig_7.TITLE, fig_7.questions, fig_7.exhibit),
    Reproduction("scar-fig-8", "SCAR", fig_8.TITLE, fig_8.questions, fig_8.exhibit),
    Reproduction("scar-fig-9", "SCAR", fig_9.TITLE, fig_9.questions, fig_9.exhibit),
    Reproduction("scar-table-v", "SCAR", table_v.TITLE, table_v.questions, table_v.exhibit),
    Reproduction("scar-fig-11", "SCAR", fig_11.TITLE, fig_11.questions, fig_11.exhibit),
    Reproduction("scar-fig-12", "SCAR", fig_12.TITLE, fig_12.questions, fig_12.exhibit),
    Reproduction("scar-fig-13", "SCAR", fig_13.TITLE, fig_13.questions, fig_13.exhibit),
    Reproduction("scar-ablations", "SCAR", ablations.TITLE, ablations.questions, ablations.exhibit),
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
            near = did_you_mean(name, [*known, "all"])
            shown = "'chipweave list reproductions' shows them"
            raise InputError(f"reproduction '{name}' is unknown{near}{' ' if near.endswith('?') else '; '}{shown}")
    return [each for each in REPRODUCTIONS if "all" in names or each.name in names]
