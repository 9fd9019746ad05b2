"""What all steps of an answer take at least, by any plan: a bound on the time per output token (docs/serving.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chipweave.cost.interface import BatchCostModel
from chipweave.evaluation.bound import least_seconds, unavoidable_dram_bytes
from chipweave.evaluation.exact.ground import prepare
from chipweave.hardware.package import Package
from chipweave.plan.problem import Problem, pose
from chipweave.serving.kept_caches import appends, cached, with_kept_caches
from chipweave.serving.repeated import room_bytes
from chipweave.serving.service import Service
from chipweave.workload.model import Model
from chipweave.workload.scenario import Task


def caches_bytes(model: Model) -> int:
    """What a step reads of caches, and what it appends."""
    read = sum(edge.elements for edge in cached(model))
    return model.tensor_bytes(read) + sum(model.tensor_bytes(model.layers[at].output_elements) for at in appends(model))


def caches_may_stay(longest: Model, package: Package) -> bool:
    """Whether caches, as long as they get, fit in all L2 together, and are such that may stay."""
    return with_kept_caches(longest) is not None and caches_bytes(longest) <= room_bytes(package)


def may_stay_bytes(model: Model, longest: Model, package: Package) -> int:
    """Bytes of a step that need not move over the DRAM, at most: weights, and caches if the longest may stay, as far as
    all L2 together holds them."""
    stays = model.distinct_weight_bytes
    if caches_may_stay(longest, package):
        stays += caches_bytes(model)
    return min(stays, room_bytes(package))


def least_decode_s(problem: Problem, ends: Sequence[Model], service: Service, longest: Model) -> float:
    """Seconds of all steps of an answer, at least.

    Two bounds, the larger of which counts: what the DRAM moves in all steps (of repeated ones what exceeds all L2, and
    once the weights that stay); and what each step does one after another: it loads its inputs, computes, and stores.
    Each is affine or concave in the context, so that the line between the first and the last step is not above it.

    Args:
        problem: of one step, on the package. ends: the models of the first and the last step.
        longest: that of the last step of all answers that share the L2.
    """
    package, rates = problem.package, prepare(problem).rates
    room, weights = room_bytes(package), ends[0].distinct_weight_bytes
    cached_stay = service.repeat and caches_may_stay(longest, package)
    once = min(weights, room) if service.repeat else 0
    moved, inputs_and_outputs = [], []
    for model in ends:
        every = unavoidable_dram_bytes(Task("decode", model))
        moved.append(every - (room if cached_stay else once))
        inputs_and_outputs.append(every - weights - (caches_bytes(model) if cached_stay else 0))
    latencies_s = 2 * rates.dram_s  # of the first stage's input and the last one's output
    in_line_s = [
        bytes_ / rates.dram_bytes_s + latencies_s + compute_s
        for bytes_, compute_s in zip(inputs_and_outputs, _compute_s(problem, ends), strict=True)
    ]
    return max(
        (service.steps * sum(moved) / 2 + once) / rates.dram_bytes_s,
        service.steps * sum(in_line_s) / 2,
    )


def _compute_s(problem: Problem, ends: Sequence[Model]) -> list[float]:
    """Of the first and the last step: layers that are alike in both take what they take at least; of the others, whose
    shape goes with the context, multiplications on all multipliers of the package."""
    first, last = (model.layers for model in ends)
    own = replace(problem.scenario, tasks=(Task("decode", ends[0]),))
    least_s = least_seconds(pose(own, problem.package, problem.cost_model, problem.fidelity))
    alike = np.array([one == other for one, other in zip(first, last, strict=True)])
    same_s = float(least_s[alike].sum())
    if not isinstance(problem.cost_model, BatchCostModel):  # others may count fewer cycles than multiplications take
        return [same_s, same_s]
    peak = sum(chiplet.peak_macs_s for chiplet in problem.package.chiplets)
    macs = [sum(layer.macs for layer, same in zip(each, alike, strict=True) if not same) for each in (first, last)]
    return [same_s + own_macs / peak for own_macs in macs]
