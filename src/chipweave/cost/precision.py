"""Layers on a chiplet whose rate goes by the width of its operands: each is costed on the chiplet as it computes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from chipweave.cost.interface import LayerCosts
from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer

Costs = Callable[[Sequence[Layer], Chiplet], LayerCosts]


def by_precision(layers: Sequence[Layer], chiplet: Chiplet, costs: Costs) -> LayerCosts:
    """What `costs` says of all layers at once, or, where the chiplet lists rates, of those of each width on the chiplet
    at that width (`Chiplet.at_bits`); cycles are of the chiplet's clock.

    Raises:
        InputError: as `costs`, or a width that the chiplet does not have.
    """
    if not chiplet.rates:
        return costs(layers, chiplet)
    groups = widths_of(layers)
    figures = {part.name: np.zeros(len(layers)) for part in fields(LayerCosts)}
    for bits, places in groups.items():
        at_width, each = chiplet.at_bits(bits), [layers[place] for place in places]
        found = costs(each, at_width.chiplet)
        found = replace(found, cycles=found.cycles * at_width.cycles)
        for name, values in figures.items():
            values[places] = getattr(found, name)
    return LayerCosts(**figures)


def widths_of(layers: Sequence[Layer]) -> dict[int, list[int]]:
    """By the bits of their products, where the layers of each width stand."""
    groups: dict[int, list[int]] = {}
    for place, layer in enumerate(layers):
        groups.setdefault(layer.product_bits, []).append(place)
    return groups


def explained(
    layers: Sequence[Layer],
    chiplet: Chiplet,
    explain: Callable[[Sequence[Layer], Chiplet], list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """As `by_precision`, of what stands behind the costs; cycles there are those of the chiplet at each layer's width.

    Raises:
        InputError: as `by_precision`.
    """
    if not chiplet.rates:
        return explain(layers, chiplet)
    found: list[dict[str, Any]] = [{} for _ in layers]
    for bits, places in widths_of(layers).items():
        behind = explain([layers[place] for place in places], chiplet.at_bits(bits).chiplet)
        for place, facts in zip(places, behind, strict=True):
            found[place] = facts
    return found
