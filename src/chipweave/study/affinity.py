"""Which layers prefer which dataflow: layers in classes, styles compared class by class, and what a free choice of
style for every layer would save (docs/heterogeneity.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

import numpy as np

from chipweave.cost.interface import LayerCosts
from chipweave.hardware.chiplet import Chiplet
from chipweave.ndarrays import Floats
from chipweave.workload.layer import Layer, Op

FEW_CHANNELS = 4
"""Input channels of a network's first convolution: an image, with depth or alone."""

FEW_ROWS = 32
"""A weight that serves so few rows or less makes a layer fully connected rather than a matrix product."""

LARGE_MAP = 28 * 28
"""Output positions, those of all samples and regions of interest together, from which a map is large."""

LEVEL = 0.01
"""Figures that differ by less than this fraction are level."""


class LayerClass(StrEnum):
    """What a layer is to a dataflow."""

    FEW_CHANNELS = "convolution of few channels"
    LARGE_MAP = "convolution, large map"
    SMALL_MAP = "convolution, small map"
    POINTWISE = "1x1 convolution"
    DEPTHWISE = "depthwise and grouped"
    TRANSPOSED = "transposed convolution"
    GEMM = "gemm"
    FULLY_CONNECTED = "fully connected"
    ATTENTION = "matmul (attention)"


def layer_class(layer: Layer) -> LayerClass:
    """The first that applies: matmul; transposed; more than one group; fully connected or gemm (at most or more than
    `FEW_ROWS` rows, a 1x1 convolution to a single position included); at most `FEW_CHANNELS` input channels; a 1x1
    filter; a map of at least `LARGE_MAP` positions, or a smaller one.

    Raises:
        ValueError: a layer without multiplications.
    """
    if layer.rides:
        raise ValueError(f"layer '{layer.name}' ({layer.op}) multiplies nothing, so it is in no class")
    pointwise = layer.R == layer.S == 1
    positions = layer.N * layer.out_y * layer.out_x
    if layer.op is Op.MATMUL:
        return LayerClass.ATTENTION
    if layer.op is Op.TRANSPOSED:
        return LayerClass.TRANSPOSED
    if layer.groups > 1:
        return LayerClass.DEPTHWISE
    if layer.op is Op.GEMM or (pointwise and layer.out_y == layer.out_x == 1):
        return LayerClass.FULLY_CONNECTED if positions <= FEW_ROWS else LayerClass.GEMM
    if layer.C <= FEW_CHANNELS:
        return LayerClass.FEW_CHANNELS
    if pointwise:
        return LayerClass.POINTWISE
    return LayerClass.LARGE_MAP if positions >= LARGE_MAP else LayerClass.SMALL_MAP


def distinct(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Layers that multiply, each shape once, under the name it has first."""
    found: dict[Layer, Layer] = {}
    for layer in layers:
        if not layer.rides:
            found.setdefault(replace(layer, name="alike", shares=""), layer)
    return tuple(found.values())


def weights_at_once(layer: Layer) -> int:
    """PEs that a weight-stationary array can fill with one weight each, filter positions aside: groups, output and
    input channels of a group multiplied."""
    return layer.K * layer.C // layer.groups


@dataclass(frozen=True)
class Figures:
    """What layers take on one chiplet, each by itself; arrays of shape (layers,), all above 0."""

    cycles: Floats
    energy_j: Floats

    @property
    def edp(self) -> Floats:
        """Cycles times joules."""
        return self.cycles * self.energy_j

    def of(self, indices: Sequence[int]) -> Figures:
        """Some of the layers."""
        return Figures(self.cycles[list(indices)], self.energy_j[list(indices)])


@dataclass(frozen=True, slots=True)
class Ratios:
    """Means over layers of one style's figures over another's; below 1 the first needs less."""

    cycles: float
    energy: float
    edp: float


@dataclass(frozen=True, slots=True)
class StyleComparison:
    """A style over a reference style on some layers.

    Args:
        layers: how many.
        macs: multiply-accumulates of one sample of each.
        mean: geometric means in which every layer counts the same.
        weighted: geometric means in which every MAC counts the same.
        better, level, worse: layers with a lesser EDP, one within `LEVEL`, a greater one.
    """

    layers: int
    macs: int
    mean: Ratios
    weighted: Ratios
    better: int
    level: int
    worse: int


def compare(style: Figures, reference: Figures, macs: Sequence[int]) -> StyleComparison:
    """Hold a style against another on the same layers (at least one), `macs` of each above 0."""
    ratios = [getattr(style, key) / getattr(reference, key) for key in ("cycles", "energy_j", "edp")]
    mean = Ratios(*(_geometric(ratio, np.ones(len(macs))) for ratio in ratios))
    weighted = Ratios(*(_geometric(ratio, np.array(macs, float)) for ratio in ratios))
    edp = ratios[2]
    better, worse = int(np.sum(edp < 1 - LEVEL)), int(np.sum(edp > 1 / (1 - LEVEL)))
    return StyleComparison(len(macs), sum(macs), mean, weighted, better, len(macs) - better - worse, worse)


def compare_by_class(
    layers: Sequence[Layer], style: Figures, reference: Figures
) -> Mapping[LayerClass | None, StyleComparison]:
    """`compare` on each class that has layers, in the order of `LayerClass`; under None on all of them."""
    classes = [layer_class(layer) for layer in layers]
    members: dict[LayerClass | None, list[int]] = {
        each: [index for index, found in enumerate(classes) if found is each] for each in LayerClass
    }
    members[None] = list(range(len(layers)))
    return {
        each: compare(style.of(indices), reference.of(indices), [layers[index].macs for index in indices])
        for each, indices in members.items()
        if indices
    }


def wins(edp: Mapping[str, Floats]) -> Mapping[str, int]:
    """Per style the layers on which its EDP is least; under 'level' those on which another comes within `LEVEL`."""
    table = np.array(list(edp.values()))
    ascending = np.sort(table, axis=0)
    clear = ascending[0] < (1 - LEVEL) * ascending[1]
    best = table.argmin(axis=0)
    counts = {style: int(np.sum(clear & (best == row))) for row, style in enumerate(edp)}
    return counts | {"level": int(np.sum(~clear))}


@dataclass(frozen=True, slots=True)
class Spending:
    """Where some layers' cycles and joules go on a chiplet.

    Args:
        utilisation: MACs over cycles, PEs and lanes, of all layers together.
        l1, l2, noc: joules per MAC beside the MAC's own, `l2` without what fills and drains it.
    """

    utilisation: float
    l1: float
    l2: float
    noc: float


def spending(layers: Sequence[Layer], costs: LayerCosts, chiplet: Chiplet) -> Mapping[LayerClass, Spending]:
    """Per class, over one sample of each layer; `costs` are those of `layers`, in order."""
    found = {}
    for each in LayerClass:
        indices = [index for index, layer in enumerate(layers) if layer_class(layer) is each]
        macs = sum(layers[index].macs for index in indices)
        if indices:
            cycles, l1, l2, noc = (
                float(part[indices].sum()) for part in (costs.cycles, costs.l1_j, costs.l2_j, costs.noc_j)
            )
            busy = macs / (cycles * chiplet.num_pes * chiplet.simd_lanes)
            found[each] = Spending(busy, l1 / macs, l2 / macs, noc / macs)
    return found


@dataclass(frozen=True, slots=True)
class Freedom:
    """What it saves if every layer takes whichever style it likes, over all layers on the best single style.

    Each is the exact least over all assignments of styles to layers, so it is at most 1: of the cycles of all layers,
    of their joules, and of the product of these two sums. It knows of no chiplets, transfers or pipelines: it bounds
    what computing takes in chiplet-seconds and joules, not what a schedule takes.

    Args:
        fastest, thriftiest, best: the single style that is least in cycles, in joules, in the product.
        chosen: per layer, the index of the style that it has where the product is least.
    """

    cycles: float
    energy: float
    edp: float
    fastest: str
    thriftiest: str
    best: str
    chosen: tuple[int, ...]


def freedom(styles: Mapping[str, Figures], times: Sequence[int]) -> Freedom:
    """The least of all assignments; layer i runs `times[i]` times.

    Cycles and joules are sums, least where every term is. Their product is quasi-concave, so over the convex hull of
    all (cycles, joules) it is least at a corner, and the corners are where a x cycles + b x joules is least: each layer
    decides for itself, and changes its mind only at the exchange rates of its own styles. One assignment between each
    two neighbouring rates is enough.
    """
    names, count = list(styles), np.array(times, float)
    cycles = np.array([styles[name].cycles for name in names]) * count
    energy = np.array([styles[name].energy_j for name in names]) * count
    single = {
        "cycles": dict(zip(names, cycles.sum(axis=1), strict=True)),
        "energy": dict(zip(names, energy.sum(axis=1), strict=True)),
    }
    single["edp"] = {name: single["cycles"][name] * single["energy"][name] for name in names}
    best = {key: min(sums, key=lambda name, sums=sums: sums[name]) for key, sums in single.items()}  # type: ignore[misc]
    everywhere = np.arange(cycles.shape[1])
    least, chosen = single["edp"][best["edp"]], np.full(len(times), names.index(best["edp"]))
    for rate in _between(_rates(cycles, energy)):
        choice = (cycles + rate * energy).argmin(axis=0)
        product = float(cycles[choice, everywhere].sum() * energy[choice, everywhere].sum())
        if product < least:
            least, chosen = product, choice
    return Freedom(
        cycles=float(cycles.min(axis=0).sum() / single["cycles"][best["cycles"]]),
        energy=float(energy.min(axis=0).sum() / single["energy"][best["energy"]]),
        edp=float(least / single["edp"][best["edp"]]),
        fastest=best["cycles"],
        thriftiest=best["energy"],
        best=best["edp"],
        chosen=tuple(chosen.tolist()),
    )


def _rates(cycles: Floats, energy: Floats) -> Floats:
    """Cycles per joule at which a layer changes between two styles, ascending."""
    found = [np.empty(0)]
    for one, other in combinations(range(len(cycles)), 2):
        slower, dearer = cycles[one] - cycles[other], energy[other] - energy[one]
        trade = slower * dearer > 0
        found.append(slower[trade] / dearer[trade])
    return np.unique(np.concatenate(found))


def _between(rates: Floats) -> Floats:
    """A rate below all of these, one between each two, one above all."""
    if not len(rates):
        return np.ones(1)
    return np.concatenate([[rates[0] / 2], np.sqrt(rates[:-1] * rates[1:]), [rates[-1] * 2]])


def _geometric(ratios: Floats, weights: Floats) -> float:
    return float(np.exp(np.sum(weights * np.log(ratios)) / np.sum(weights)))
