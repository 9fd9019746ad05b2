"""The `loopnest` cost model: exact counts of each layer under the best mapping that the chiplet's dataflow allows.

What it computes: docs/cost-model/loopnest.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from chipweave.cores import usable_cores
from chipweave.cost.interface import LayerCosts, Tell
from chipweave.cost.loopnest.explain import explain
from chipweave.cost.loopnest.mapping_cost import energy_parts_j
from chipweave.cost.loopnest.objective import Objective
from chipweave.cost.loopnest.plan import Known, Plan, plan
from chipweave.cost.loopnest.rider import count_rider, rider_parts_j
from chipweave.cost.loopnest.several_samples import all_but_name, together
from chipweave.cost.precision import by_precision, explained
from chipweave.errors import InputError, did_you_mean
from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer


@dataclass(frozen=True)
class LoopnestCostModel:
    """Cycles and energy of layers, each under its best mapping.

    Args:
        objective: what a layer's mapping minimises: `edp`, `latency` or `energy`.
        jobs: threads that search; None: one per core that may be used. Figures do not depend on it.
        tell: hears how far a search for mappings is; what it raises ends it, and the mappings found are kept.
        known: what this model has mapped so far, so that a search that asks often is answered at once.
    """

    objective: str = "edp"
    jobs: int | None = None
    name: str = "loopnest"
    tell: Tell | None = field(default=None, compare=False, repr=False)
    known: Known = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.objective not in list(Objective):
            near = did_you_mean(self.objective, list(Objective))
            raise InputError(f"cost model 'loopnest': objective '{self.objective}' is unknown{near}")
        if self.jobs is not None and self.jobs < 1:
            raise InputError(f"cost model 'loopnest': jobs={self.jobs} is not at least 1")

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        """Cost of one sample of every layer on `chiplet`; arrays of shape (layers,).

        Raises:
            InputError: layers without a mapping that fits L1, naming layer, chiplet and limit, all at once.
        """
        return by_precision(layers, chiplet, lambda each, kind: costs_of(self.plan(each, kind)))

    def batch_costs(self, layers: Sequence[Layer], chiplet: Chiplet, samples: int) -> LayerCosts:
        """Cost of `samples` samples of every layer, run together: as one layer with as many copies, or rows.

        Layers that differ in nothing but their names are costed once.

        Raises:
            InputError: as `costs`; of layers that are alike the first is named.
        """
        if samples == 1:
            return self.costs(layers, chiplet)
        alike = [all_but_name(layer) for layer in layers]
        firsts = dict(zip(reversed(alike), reversed(layers), strict=True))
        costs = self.costs([together(layer, chiplet, samples) for layer in firsts.values()], chiplet)
        number = {each: index for index, each in enumerate(firsts)}
        at = [number[each] for each in alike]
        return LayerCosts(**{part.name: getattr(costs, part.name)[at] for part in fields(costs)})

    def telling(self, tell: Tell) -> LoopnestCostModel:
        """The same model; `tell` hears how far a search for mappings is."""
        return replace(self, tell=tell)

    def explain(self, layers: Sequence[Layer], chiplet: Chiplet) -> list[dict[str, Any]]:
        """What stands behind the cost of each layer, as plain data: see `chipweave.cost.loopnest.explain`.

        Raises:
            InputError: as `costs`.
        """
        return explained(layers, chiplet, lambda each, kind: explain(self.plan(each, kind)))

    def plan(self, layers: Sequence[Layer], chiplet: Chiplet, tell: Tell | None = None) -> Plan:
        """The mappings and counts that `costs` and `explain` go by; `tell` hears how far the search is.

        Raises:
            InputError: as `costs`.
        """
        return plan(layers, chiplet, self.objective, self.jobs or usable_cores(), tell or self.tell, self.known)


def costs_of(made: Plan) -> LayerCosts:
    """A layer costs the sum of its runs; what fills and drains L2 counts each of its tensors once."""
    machine, energies = made.machine, made.energies
    byte_j = machine.element_bytes * energies.l2_j_per_byte
    rows = []
    for layer, runs in zip(made.layers, made.runs, strict=True):
        if not runs:
            rider = count_rider(layer, machine)
            parts_j = rider_parts_j(rider, machine, energies)
            rows.append((float(rider.cycles), *parts_j, rider.read * byte_j, 0.0, rider.written * byte_j, 0.0))
            continue
        parts = [energy_parts_j(run.counts, machine, energies) for run in runs]
        # Both operands of a matmul are activations: `input_elements` holds them, and it has no weights.
        tensors = (layer.input_elements, layer.weight_elements, layer.output_elements)
        rows.append(
            (
                float(sum(run.counts.cycles for run in runs)),
                *(sum(part) for part in zip(*parts, strict=True)),
                *(elements * byte_j for elements in tensors),
                max(run.counts.l2_need_bytes for run in runs) / machine.element_bytes,
            )
        )
    cycles, mac_j, l1_j, l2_j, noc_j, fill_input_j, fill_weight_j, drain_output_j, l2_need = (
        np.array(rows, dtype=np.float64).reshape(len(rows), 9).T
    )
    return LayerCosts(
        cycles=cycles,
        mac_j=mac_j,
        l1_j=l1_j,
        l2_j=l2_j,
        noc_j=noc_j,
        fill_input_j=fill_input_j,
        fill_weight_j=fill_weight_j,
        drain_output_j=drain_output_j,
        l2_need_elements=l2_need,
    )
