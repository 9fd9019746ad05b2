"""The `maestro` cost model: layers of a model on a chiplet, costed as MAESTRO does.

Kwon et al., "Understanding reuse, performance, and hardware cost of DNN dataflow", MICRO 2019, and "MAESTRO: a
data-centric approach ...", IEEE Micro 2020. What it computes term by term: docs/cost-model/maestro.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from chipweave.cost.interface import LayerCosts
from chipweave.cost.maestro.candidates import Chosen, choose_mappings
from chipweave.cost.maestro.engine import L1_ENERGY_MAC, L2_ENERGY_MAC, accesses
from chipweave.cost.maestro.faults import fault_in_words
from chipweave.cost.maestro.notation import LAYER_DIMENSIONS, LAYER_TYPES, parse_mapping
from chipweave.cost.maestro.shapes import Shape, shape_of
from chipweave.cost.maestro.templates import text_of
from chipweave.cost.precision import by_precision, explained
from chipweave.cost.riders import rider_cycles
from chipweave.errors import InputError
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Style
from chipweave.workload.layer import Layer, Op


@dataclass(frozen=True)
class MaestroCostModel:
    """Cycles and energy of layers as MAESTRO gives them.

    Args:
        offchip_bandwidth: elements per cycle of MAESTRO's off-chip floor; None (default) leaves it off, because
            off-chip traffic belongs to the package model.
    """

    offchip_bandwidth: int | None = None
    name: str = "maestro"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        """Cost of one sample of every layer on `chiplet`; arrays of shape (layers,).

        Raises:
            InputError: layers that MAESTRO cannot cost, naming layer, chiplet and directive, all at once.
        """
        return by_precision(
            layers, chiplet, lambda each, kind: _costs(each, kind, _plan(each, kind, self.offchip_bandwidth))
        )

    def explain(self, layers: Sequence[Layer], chiplet: Chiplet) -> list[dict[str, Any]]:
        """What stands behind the cost of each layer, as plain data.

        Per layer: `name`, `op`, `macs`, `cycles`, `utilisation` (MACs per cycle, PE and lane), `energy_j` by part, and
        `l2_need_elements`; for all but riders also how MAESTRO saw it (`type`, `sizes`, `stride`), how many `runs` it
        takes, the `mapping` chosen, and of one `run` its cycles, MACs and energy as MAESTRO reports them, with the
        accesses and buffer sizes of each tensor in `l1` and `l2`.

        Raises:
            InputError: as `costs`.
        """
        return explained(layers, chiplet, self._explained)

    def _explained(self, layers: Sequence[Layer], chiplet: Chiplet) -> list[dict[str, Any]]:
        plan = _plan(layers, chiplet, self.offchip_bandwidth)
        costs, counts = _costs(layers, chiplet, plan), plan.chosen.counts
        parts = [field.name for field in fields(costs) if field.name.endswith("_j")]
        lanes = chiplet.num_pes * chiplet.simd_lanes
        result: list[dict[str, Any]] = [
            {
                "name": layer.name,
                "op": str(layer.op),
                "macs": layer.macs,
                "cycles": int(costs.cycles[index]),
                "utilisation": layer.macs / (float(costs.cycles[index]) * lanes),
                "energy_j": {part: float(getattr(costs, part)[index]) for part in parts},
                "l2_need_elements": int(costs.l2_need_elements[index]),
            }
            for index, layer in enumerate(layers)
        ]
        for index, at, copies in zip(plan.mapped, plan.shape, plan.copies, strict=True):
            kind, *sizes = plan.shapes[at]
            result[index] |= {
                "type": LAYER_TYPES[kind],
                "sizes": {dim: size for dim, size in zip(LAYER_DIMENSIONS, sizes[:9], strict=True) if size},
                "stride": sizes[9:],
                "mapping": text_of(plan.chosen.directives[at]),
                "runs": copies,
                "run": {
                    "cycles": int(counts.cycles[at]),
                    "macs": int(counts.macs[at]),
                    "energy_mac_units": float(counts.energy_macs[at]),
                    "l1": accesses(counts.l1_read[at], counts.l1_write[at], counts.l1_size[at]),
                    "l2": accesses(counts.l2_read[at], counts.l2_write[at], counts.l2_size[at]),
                },
            }
        return result


@dataclass(frozen=True)
class _Plan:
    """Which layers are mapped, the shape of each, how often it runs, and what was chosen for each shape."""

    mapped: list[int]
    shape: list[int]
    copies: list[int]
    shapes: list[Shape]
    chosen: Chosen


def _plan(layers: Sequence[Layer], chiplet: Chiplet, offchip_bandwidth: int | None) -> _Plan:
    """Equal shapes are mapped once. Raises InputError for every layer without figures."""
    texts = chiplet.dataflow.mappings
    custom = chiplet.dataflow.style is Style.CUSTOM
    if custom and not texts:
        raise InputError(
            f"{chiplet.where}chiplet '{chiplet.name}': its dataflow is custom without `mappings`, and `maestro` needs "
            "them; write a text for 'conv' under `mappings`, or name a style"
        )
    gemm_type = custom and "gemm" in texts and _maps_gemm(texts["gemm"], f"chiplet '{chiplet.name}', mapping 'gemm'")
    index_of: dict[tuple[str, Shape], int] = {}
    mapped, shape, copies = [], [], []
    for index, layer in enumerate(layers):
        if layer.rides:
            continue
        key, runs = shape_of(layer, depthwise_type=not custom or "dwconv" in texts, gemm_type=gemm_type)
        depthwise = LAYER_TYPES[key[0]] == "DSCONV"
        operator = "gemm" if layer.op in (Op.GEMM, Op.MATMUL) else "dwconv" if depthwise else "conv"
        mapped.append(index)
        shape.append(index_of.setdefault((operator if custom else "", key), len(index_of)))
        copies.append(runs)
    shapes = [key for _, key in index_of]
    chosen = choose_mappings(shapes, [operator for operator, _ in index_of], chiplet, offchip_bandwidth)
    faults = chosen.counts.fault
    problems = []
    for index, at in zip(mapped, shape, strict=True):
        where = f"{chiplet.where}layer '{layers[index].name}' on chiplet '{chiplet.name}'"
        if chosen.counts.wrapped[at]:
            text = text_of(chosen.directives[at]).replace("\n", " ")
            problems.append(
                f"{where}: {text} steps more than 2^31 times, where MAESTRO's counts overflow; map larger tiles"
            )
        elif faults[at, 0]:
            why = fault_in_words(faults[at].tolist(), chosen.directives[at], np.array(shapes[at]), chiplet.num_pes)
            problems.append(f"{where}: {why}")
    if problems:
        raise InputError(problems)
    return _Plan(mapped, shape, copies, shapes, chosen)


def _costs(layers: Sequence[Layer], chiplet: Chiplet, plan: _Plan) -> LayerCosts:
    """Counts of one run, times the runs, in the parts of `LayerCosts`."""
    figures = np.zeros((8, len(layers)))
    for index, layer in enumerate(layers):
        if layer.rides:
            figures[0, index] = rider_cycles(layer, chiplet.num_pes)
    if len(plan.mapped):
        counts, at = plan.chosen.counts, plan.shape
        l2_read, l2_write = counts.l2_read[at], counts.l2_write[at]
        l2_mac = L2_ENERGY_MAC * chiplet.mac_energy_j
        terms = [
            counts.cycles[at],
            chiplet.mac_energy_j * counts.macs[at],
            L1_ENERGY_MAC * chiplet.mac_energy_j * (counts.l1_read + counts.l1_write).sum(axis=1)[at],
            l2_mac * (l2_read[:, 0] + l2_read[:, 1] + l2_write[:, 2]),
            l2_mac * l2_write[:, 0],
            l2_mac * l2_write[:, 1],
            l2_mac * l2_read[:, 2],
        ]
        figures[:7, plan.mapped] = np.array(terms) * plan.copies
        figures[7, plan.mapped] = counts.l2_size.sum(axis=1)[at]
        # Both operands of a matmul are activations.
        products = [index for index in plan.mapped if layers[index].op is Op.MATMUL]
        figures[4, products] += figures[5, products]
        figures[5, products] = 0.0
    cycles, mac_j, l1_j, l2_j, fill_input_j, fill_weight_j, drain_output_j, l2_need = figures
    return LayerCosts(
        cycles=cycles,
        mac_j=mac_j,
        l1_j=l1_j,
        l2_j=l2_j,
        noc_j=np.zeros(len(layers)),
        fill_input_j=fill_input_j,
        fill_weight_j=fill_weight_j,
        drain_output_j=drain_output_j,
        l2_need_elements=l2_need,
    )


def _maps_gemm(text: str, path: str) -> bool:
    """Whether a mapping is written for MAESTRO's GEMM type: it maps M or N."""
    return any(directive.dim in ("M", "N") for directive in parse_mapping(text, path))
