"""Random small models, packages and schedules for the oracle of L2: sizes of which every byte can be followed."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from chipweave.cost.interface import LayerCosts
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package, Routing
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task

LARGEST = 100
"""Elements of a tensor of one sample, about."""


@dataclass(frozen=True)
class Together:
    """A cost model without physics that knows several samples: cheaper together, and not in proportion to channels."""

    name: str = "together"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        return self.batch_costs(layers, chiplet, 1)

    def batch_costs(self, layers: Sequence[Layer], chiplet: Chiplet, samples: int) -> LayerCosts:
        size = np.array([max(layer.macs, layer.output_elements) for layer in layers], float)
        channels = np.array([layer.K for layer in layers], float)
        cycles = np.ceil(samples * size / chiplet.num_pes) + channels + 3
        mac, l1, l2, noc = (1e-12 * part * (samples * size + 5 * part) for part in range(1, 5))
        inputs = np.array([layer.input_elements for layer in layers], float)
        weights = np.array([layer.weight_elements for layer in layers], float)
        outputs = np.array([layer.output_elements for layer in layers], float)
        return LayerCosts(
            cycles,
            mac,
            l1,
            l2,
            noc,
            fill_input_j=3e-12 * samples * inputs,
            fill_weight_j=2e-12 * weights,
            drain_output_j=4e-12 * samples * outputs,
            l2_need_elements=np.zeros(len(layers)),
        )


Shape = tuple[int, int, int]
"""Rows, columns and channels."""


def _convolution(rng: random.Random, name: str, shape: Shape) -> Layer:
    rows, columns, channels = shape
    reach = rng.choice([1, 1, 2, 3])
    dilation = rng.choice([1, 1, 2]) if reach > 1 else 1
    span = dilation * (reach - 1) + 1
    across = reach if span <= columns + 2 * (span // 2) else 1
    groups = rng.choice([g for g in range(1, channels + 1) if channels % g == 0]) if rng.random() < 0.4 else 1
    many = channels if groups == channels and rng.random() < 0.7 else groups * rng.randint(1, max(1, 12 // groups))
    return Layer(
        name,
        Op.DEPTHWISE if many == groups == channels and groups > 1 else Op.CONV,
        K=many,
        C=channels,
        Y=rows,
        X=columns,
        R=reach,
        S=across,
        stride=(rng.choice([1, 1, 2]),) * 2,
        padding=(span // 2, span // 2 if across > 1 else 0),
        dilation=(dilation, dilation),
        groups=groups,
    )


def _rider(rng: random.Random, name: str, shape: Shape) -> Layer:
    rows, columns, channels = shape
    kind = rng.choice([Op.ELEMENTWISE, Op.ELEMENTWISE, Op.POOL, Op.UPSAMPLE])
    common = Layer(name, Op.ELEMENTWISE, K=channels, C=channels, Y=rows, X=columns, groups=channels)
    if kind is Op.POOL and min(rows, columns) >= 2:
        reach = rng.choice([2, min(3, rows, columns)])
        return replace(common, op=kind, R=reach, S=reach, stride=(rng.choice([1, 2]),) * 2, out_y=0, out_x=0)
    if kind is Op.UPSAMPLE and 4 * rows * columns * channels <= LARGEST:
        return replace(common, op=kind, stride=(2, 2), out_y=0, out_x=0)
    return common


def _product(rng: random.Random, name: str, shape: Shape, groups: int = 0) -> Layer:
    rows, columns, channels = shape
    divisors = [g for g in range(1, channels + 1) if channels % g == 0]
    heads = groups if groups in divisors else rng.choice(divisors)
    return Layer(
        name, Op.MATMUL, K=heads * rng.randint(1, max(1, 12 // heads)), C=channels, Y=rows * columns, groups=heads
    )


def _layer(rng: random.Random, name: str, shape: Shape, heads: int) -> Layer:
    """A layer that reads a tensor of that shape; `heads` is for a product of activations, 0 for any."""
    rows, columns, channels = shape
    kind = rng.random()
    if heads and kind < 0.7:
        return _product(rng, name, shape, heads)
    if kind < 0.35:
        return _convolution(rng, name, shape)
    if kind < 0.6:
        return _rider(rng, name, shape)
    if kind < 0.75:
        return Layer(name, Op.GEMM, K=rng.randint(1, 12), C=channels, Y=rows * columns)
    if kind < 0.8 and 4 * rows * columns <= LARGEST // 4:
        many, reach = rng.randint(1, 4), rng.choice([1, 2, 3])
        return Layer(name, Op.TRANSPOSED, K=many, C=channels, Y=rows, X=columns, R=reach, S=reach, stride=(2, 2))
    if kind < 0.9:
        return _product(rng, name, shape)
    return Layer(name, Op.CONV, K=rng.randint(1, 12), C=channels, Y=rows, X=columns)


def odd_model(rng: random.Random, name: str, most: int = 7) -> Model:
    """A graph of all kinds of layers with skips, slices, several outputs and attention-like chains."""
    first = (rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 8))
    shapes: list[Shape] = []
    layers: list[Layer] = []
    edges: list[Edge] = []
    heads = 0

    def size(tensor: int) -> int:
        return math.prod(first) if tensor == NETWORK_INPUT else layers[tensor].output_elements

    for index in range(rng.randint(1, most)):
        main = index - 1 if rng.random() < 0.8 else rng.randint(-1, index - 1)
        shape = first if main == NETWORK_INPUT else shapes[main]
        layer = _layer(rng, f"{name}{index}", shape, heads if main == index - 1 else 0)
        product = layer.op is Op.MATMUL
        sources = [main]
        if product or rng.random() < (0.4 if index > 1 else 0.1):
            sources.insert(rng.choice([0, 1, 1]), rng.randint(-1, index - 1))
        if rng.random() < 0.05:
            sources.append(rng.choice(sources))
        for source in sources:
            part = rng.randint(1, size(source)) if rng.random() < 0.2 else size(source)
            edges.append(Edge(source, index, part, reshape=True))
        if product:
            heads = layer.groups
        elif not (heads and layer.op is Op.ELEMENTWISE):
            heads = 0
        layers.append(layer)
        shapes.append((layer.out_y, layer.out_x, layer.K))
    whole = math.prod(first) if rng.random() < 0.8 else 0
    return Model(name, tuple(layers), tuple(edges), bytes_per_element=rng.choice([1, 2]), input_elements=whole)


def wide_model(rng: random.Random) -> Model:
    """A chain of products whose weights are far larger than what passes through them."""
    sizes = [rng.randint(4, 24) for _ in range(rng.randint(2, 4))]
    rows = rng.randint(1, 3)
    layers = [Layer(f"wide{i}", Op.GEMM, K=k, C=c, Y=rows) for i, (c, k) in enumerate(pairwise(sizes))]
    return Model("wide", tuple(layers), tuple(Edge(i - 1, i, rows * layer.C) for i, layer in enumerate(layers)))


def odd_chiplet(rng: random.Random, name: str, l2_bytes: int) -> Chiplet:
    """Small arrays, and blocks of weights that are given or not."""
    return Chiplet(
        name,
        l2_bytes=l2_bytes,
        num_pes=rng.choice([1, 4, 4, 9, 64]),
        clock_hz=1e6,
        stream_bytes=rng.choice([None, None, 1, max(1, l2_bytes // rng.randint(1, 30))]),
    )


def odd_package(rng: random.Random, rows: int, columns: int) -> Package:
    """Two classes of chiplets with an L2 of any size, from less than a row to more than all there is."""
    kinds = [odd_chiplet(rng, name, round(math.exp(rng.uniform(math.log(4), math.log(9000))))) for name in "ab"]
    return Package(
        "odd",
        tuple(rng.choice(kinds) for _ in range(rows * columns)),
        topology.mesh(rows, columns),
        interfaces=tuple(sorted(rng.sample(range(rows * columns), rng.choice([1, 1, 2]) if rows * columns > 1 else 1))),
        positions=topology.grid_positions(rows, columns),
        routing=rng.choice([Routing.XY, Routing.SHORTEST]),
        link_bandwidth_bytes_s=rng.choice([1e6, 1e7, 1e8]),
        hop_latency_s=rng.choice([0.0, 1e-6]),
        dram_bandwidth_bytes_s=rng.choice([1e6, 7e6, 1e8]),
        dram_latency_s=rng.choice([0.0, 2e-6]),
        conflict_delay_s=rng.choice([0.0, 3e-6]),
    )


def odd_problem(rng: random.Random, rows: int = 1, columns: int = 4, tasks: int = 1, most: int = 7) -> Problem:
    """A posed problem in `detailed`, with batches of 1 to 7."""
    entries = tuple(Task(f"m{t}", odd_model(rng, f"m{t}", most), batch=rng.randint(1, 7)) for t in range(tasks))
    return pose(Scenario("odd", entries), odd_package(rng, rows, columns), Together(), Fidelity.DETAILED)
