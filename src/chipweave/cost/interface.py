"""What a cost model is: layers and a chiplet in, arrays of cycles and joules out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chipweave.errors import InputError
from chipweave.hardware.chiplet import Chiplet
from chipweave.plain import short
from chipweave.workload.layer import Layer

Array = NDArray[np.float64]

Tell = Callable[[int, int], None]
"""Called with how many shapes of layers are done, and with how many there are."""

LARGEST_FIGURE = 1e30
"""Of cycles or joules given by a user: no sum or product of them leaves the doubles."""


@dataclass(frozen=True)
class LayerCosts:
    """Cost of one sample of each layer on one chiplet; every array has shape (layers,).

    Energies in joules. `fill_input_j`, `fill_weight_j` and `drain_output_j` are the L2 accesses that bring
    a tensor into L2 or take it out (they fall away where the tensor stays); `l2_j` holds the other L2 accesses.
    """

    cycles: Array
    mac_j: Array
    l1_j: Array
    l2_j: Array
    noc_j: Array
    fill_input_j: Array
    fill_weight_j: Array
    drain_output_j: Array
    l2_need_elements: Array

    def __post_init__(self) -> None:
        for key, values in vars(self).items():
            if isinstance(values, np.ndarray) and values.flags.writeable:
                fixed = values.view()
                fixed.setflags(write=False)
                object.__setattr__(self, key, fixed)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LayerCosts):
            return NotImplemented
        return all(np.array_equal(mine, theirs) for mine, theirs in zip(*map(_values, (self, other)), strict=True))

    def __hash__(self) -> int:
        return hash(tuple(np.asarray(values).tobytes() for values in vars(self).values()))

    @property
    def energy_j(self) -> Array:
        """Everything, as if each layer ran alone."""
        return self.resident_j + self.fill_input_j + self.fill_weight_j + self.drain_output_j

    @property
    def resident_j(self) -> Array:
        """What is spent wherever the tensors come from: MAC, L1, L2 between tiles, NoC."""
        return self.mac_j + self.l1_j + self.l2_j + self.noc_j


def _values(costs: LayerCosts) -> tuple[Array, ...]:
    return tuple(vars(costs).values())


class CostModel(Protocol):
    """Any object with a name and this method; it knows nothing of packages or schedules."""

    @property
    def name(self) -> str: ...

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        """Cost of one sample of every layer on `chiplet`.

        Raises:
            InputError: a layer that this model cannot cost, naming layer, chiplet and reason.
        """
        ...


@runtime_checkable
class TellingCostModel(CostModel, Protocol):
    """A cost model that searches, and can say how far it is."""

    def telling(self, tell: Tell) -> CostModel:
        """The same model; `tell` hears how far it is, and what that raises ends the search."""
        ...


@runtime_checkable
class BatchCostModel(CostModel, Protocol):
    """A cost model that knows what several samples of a layer cost when they run together."""

    def batch_costs(self, layers: Sequence[Layer], chiplet: Chiplet, samples: int) -> LayerCosts:
        """Cost of `samples` samples of every layer on `chiplet`, run together: of all of them, not of each.

        Raises:
            InputError: as `costs`.
        """
        ...


def checked(costs: object, model: CostModel, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
    """What a cost model of the user's own answered, as arrays of the right shape.

    Raises:
        InputError: figures that are not one number per layer, not finite, negative or beyond `LARGEST_FIGURE`.
    """
    if type(model).__module__.startswith("chipweave."):
        return cast(LayerCosts, costs)
    where = f"cost model {short(model.name)} on chiplet '{chiplet.name}'"
    if not isinstance(costs, LayerCosts):
        raise InputError(f"{where}: returned {short(costs)}; return a LayerCosts")
    arrays, problems = {}, []
    for key, given in vars(costs).items():
        try:
            figures = np.array(given, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            problems.append(f"{where}: {key} holds {short(given)}; return an array of numbers, one per layer")
            continue
        if figures.shape != (len(layers),):
            problems.append(f"{where}: {key} has shape {figures.shape}; return one number for each of {len(layers)}")
            continue
        wrong = np.flatnonzero(~((figures >= 0) & (figures <= LARGEST_FIGURE)))
        if len(wrong):
            named = f"layer '{layers[wrong[0]].name}': {key}={figures[wrong[0]]:g}"
            problems.append(f"{where}: {named} is not in 0..{LARGEST_FIGURE:g}; return figures in that range")
        arrays[key] = figures
    if problems:
        raise InputError(problems)
    return LayerCosts(**arrays)


def costs_of(model: CostModel, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
    """Cost of one sample of every layer, checked where the model is the user's own.

    Raises:
        InputError: as `CostModel.costs` and `checked`.
    """
    return checked(model.costs(layers, chiplet), model, layers, chiplet)


def batch_costs(model: CostModel, layers: Sequence[Layer], chiplet: Chiplet, samples: int) -> LayerCosts:
    """Cost of `samples` samples of every layer, run together; for models that do not know, `samples` times one's.

    What brings the weights into L2 and what L2 must hold is theirs then for one sample as for many: the weights are
    the same, and the samples run one after another.

    Raises:
        InputError: as `costs`.
    """
    if isinstance(model, BatchCostModel):
        return checked(model.batch_costs(layers, chiplet, samples), model, layers, chiplet)
    one = costs_of(model, layers, chiplet)
    return replace(
        one,
        cycles=samples * one.cycles,
        mac_j=samples * one.mac_j,
        l1_j=samples * one.l1_j,
        l2_j=samples * one.l2_j,
        noc_j=samples * one.noc_j,
        fill_input_j=samples * one.fill_input_j,
        drain_output_j=samples * one.drain_output_j,
    )
