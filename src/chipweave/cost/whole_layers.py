"""A stand-in for a cost model of which only the figures of whole layers are at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
