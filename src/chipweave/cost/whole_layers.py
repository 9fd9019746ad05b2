"""Stand-ins for a cost model of which only figures are at hand: those that were stored with a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chipweave.cost.interface import LayerCosts
from chipweave.errors import InputError
from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer


@dataclass(frozen=True)
class WholeLayers:
    """The cost model called `name`, whose figures were stored with a schedule."""

    name: str

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        """There are none for parts of layers.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"cost model '{self.name}': the file holds its figures for whole layers only, and stages on several "
            f"chiplets need those of parts ('{layers[0].name}' on '{chiplet.name}'); evaluate it in Python"
        )


Together = Mapping[tuple[Layer, Chiplet, int], Sequence[float]]
"""Of a layer, or a block of one, on a chiplet: the figures of so many samples, in the order of `LayerCosts`."""


@dataclass(frozen=True)
class LayersTogether(WholeLayers):
    """Likewise, of one that knows what several samples cost together: `known`, for layers and their blocks."""

    known: Together

    def batch_costs(self, layers: Sequence[Layer], chiplet: Chiplet, samples: int) -> LayerCosts:
        """What is known.

        Raises:
            InputError: a layer, a chiplet or a number of samples that is not.
        """
        rows = [self.known.get((layer, chiplet, samples)) for layer in layers]
        for layer, row in zip(layers, rows, strict=True):
            if row is None:
                raise InputError(
                    f"cost model '{self.name}': the file holds no figures of {samples} samples of '{layer.name}' on "
                    f"'{chiplet.name}'; evaluate it in Python"
                )
        return LayerCosts(*np.array(rows, dtype=np.float64).reshape(len(layers), -1).T)
