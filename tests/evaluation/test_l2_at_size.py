"""What stages on one chiplet move from and to DRAM, at the sizes of real networks, beside the page's words.

The oracle of `test_l2_oracle.py` plays byte by byte, which takes small tensors. Here the formulas of
docs/evaluation.md, "What L2 holds", are written down once more, for a window that is one stage, and share nothing with
the evaluator.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from chipweave.evaluation.evaluate import evaluate
from chipweave.files.package_file import resolve_package
from chipweave.hardware.chiplet import Chiplet
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model
from tests.evaluation.l2_stages import Together, odd_package, odd_problem

MIB = 1 << 20
NVDLA = resolve_package("het-sides-3x3").chiplets[0]


def block_and_grain(layer: Layer, chiplet: Chiplet, element: int) -> tuple[float, int]:
    """Bytes of a block of weights, and of an activation's piece in flight."""
    side = max(chiplet.array) if chiplet.array else round(math.sqrt(chiplet.num_pes))
    weights, units = layer.weight_elements * element, layer.K
    if layer.groups > 1:
        side, units = max(1, side // (layer.K // layer.groups)), layer.groups
    block = 0.0
    if weights:
        most = chiplet.l2_bytes / 10 if chiplet.stream_bytes is None else chiplet.stream_bytes
        block = weights * min(units, max(side, math.floor(most * units / weights) // side * side)) / units
    if layer.op is Op.MATMUL:
        inner, columns = layer.C // layer.groups, layer.K // layer.groups
        return block, (inner * columns + inner + columns) * element
    rows = min(layer.Y, layer.dilation[0] * (layer.R - 1) + 1)
    return block, (rows * layer.X * layer.C + layer.out_x * layer.K) * element


def fused(model: Model, tensor: int, first: int) -> bool:
    """Its only edge leads to the next layer, which takes it piece by piece."""
    if tensor < first or [edge.consumer for edge in model.readers(tensor)] != [tensor + 1]:
        return False
    reader, maker = model.layers[tensor + 1], tensor
    if reader.op in (Op.POOL, Op.ELEMENTWISE, Op.UPSAMPLE):
        return True
    if reader.op is not Op.MATMUL or model.operands[tensor + 1][0].producer != tensor:
        return False
    while model.layers[maker].op is Op.ELEMENTWISE and fused(model, maker - 1, 0):
        maker -= 1
    return model.layers[maker].op is Op.MATMUL and model.layers[maker].groups == reader.groups


@dataclass
class Account:
    """Layers first to last of a model, alone in a window, in micro-batches of `size` samples of a batch."""

    model: Model
    chiplet: Chiplet
    batch: int
    size: int
    first: int
    last: int
    back: float = 0.0
    wrote: float = 0.0
    again: float = 0.0
    room: dict[int, float] = field(default_factory=dict)
    since: dict[int, int] = field(default_factory=dict)
    had: dict[int, float] = field(default_factory=dict)
    loaded: Counter[int] = field(default_factory=Counter)
    gone_most: Counter[int] = field(default_factory=Counter)

    def bytes_of(self, tensor: int) -> int:
        return self.size * self.model.bytes_per_element * self.model.tensor_elements(tensor)

    def taken(self, tensor: int, first: int, last: int) -> int:
        """What layers first to last read of a tensor, at most all of it."""
        edges = [edge for edge in self.model.readers(tensor) if first <= edge.consumer <= last]
        elements = sum(edge.elements for edge in edges)
        return min(self.bytes_of(tensor), self.size * self.model.bytes_per_element * elements)

    def later(self, tensor: int) -> int:
        """What goes to DRAM of it for the user or for later windows."""
        if not self.model.readers(tensor):
            return self.bytes_of(tensor)
        return self.taken(tensor, self.last + 1, len(self.model.layers))

    def read(self, layer: int, tensor: int) -> float:
        """A layer reads a tensor; what of it is not in L2 then."""
        read, room = self.taken(tensor, layer, layer), self.room
        before = min(self.bytes_of(tensor), self.loaded[tensor])
        self.loaded[tensor] += read
        first = min(self.bytes_of(tensor), self.loaded[tensor]) - before if tensor < self.first else 0
        if tensor < self.first and tensor not in self.since:
            self.since[tensor], self.had[tensor] = layer, 0.0
            return first
        if fused(self.model, tensor, self.first):
            return 0.0
        since, had = self.since.setdefault(tensor, tensor), self.had.setdefault(tensor, 0.0)
        kept = min(self.bytes_of(tensor), *(room[each] for each in range(since + 1, layer + 1)))
        if kept > had:
            kept = had + min(kept - had, room[since])
            room[since] -= kept - had
        for each in range(since + 1, layer + 1):
            room[each] -= kept
        gone = self.bytes_of(tensor) - kept
        self.back += min(gone, read - first)
        if tensor >= self.first and not self.later(tensor):
            self.wrote += max(0.0, gone - self.gone_most[tensor])
            self.gone_most[tensor] = max(gone, self.gone_most[tensor])
        self.since[tensor], self.had[tensor] = layer, kept
        return min(gone, read)

    def run(self, layer: int) -> None:
        weights = self.model.layers[layer].weight_elements * self.model.bytes_per_element
        block, grain = block_and_grain(self.model.layers[layer], self.chiplet, self.model.bytes_per_element)
        self.room[layer] = max(0.0, self.chiplet.l2_bytes - 2 * block - 2 * grain)
        missing = sum(self.read(layer, t) for t in sorted({edge.producer for edge in self.model.operands[layer]}))
        free = self.room[layer]
        if min(missing, weights) > free:
            self.again += min(
                (math.ceil(missing / max(free, grain)) - 1) * weights,
                (math.ceil(weights / max(free, block)) - 1) * missing,
            )
        self.room[layer] -= min(missing, weights, free)

    def live(self, layer: int) -> int:
        """Bytes of the tensors that are alive while a layer runs."""
        here = [t for t in range(NETWORK_INPUT, layer) if self.taken(t, max(layer, self.first), self.last)]
        return self.bytes_of(layer) + sum(map(self.bytes_of, here))

    def dram_bytes(self) -> float:
        """Of the whole batch, the way with the fewest."""
        layers, batches = range(self.first, self.last + 1), math.ceil(self.batch / self.size)
        for layer in layers:
            self.run(layer)
        rounds = self.batch / self.size
        weights = sum(self.model.layers[layer].weight_elements for layer in layers) * self.model.bytes_per_element
        crossing = sum(self.taken(t, self.first, self.last) for t in range(NETWORK_INPUT, self.first))
        crossing += sum(map(self.later, layers))
        pinned = min(weights, *self.room.values())
        blocks = pinned + batches * (weights - pinned + self.again) + rounds * (self.back + self.wrote)
        fits = weights + max(map(self.live, layers)) <= self.chiplet.l2_bytes
        return rounds * crossing + (min(blocks, weights) if fits else blocks)


def moved(model: Model, chiplet: Chiplet, batch: int, size: int, spans: list[tuple[int, int]]) -> list[float]:
    """DRAM bytes of each window by the evaluator."""
    package = replace(odd_package(random.Random(0), 1, 1), chiplets=(chiplet,))
    problem = pose(Scenario("one", (Task("m", model, batch),)), package, Together(), Fidelity.DETAILED)
    windows = (Window((Pipeline(0, (Stage(*span, (0,)),), size),)) for span in spans)
    return [window.dram_bytes for window in evaluate(Schedule(tuple(windows)), problem).windows]


def compare(model: Model, chiplet: Chiplet, batch: int, size: int, spans: list[tuple[int, int]] | None = None) -> None:
    spans = spans or [(0, len(model.layers) - 1)]
    words = [Account(model, chiplet, batch, size, *span).dram_bytes() for span in spans]
    assert moved(model, chiplet, batch, size, spans) == pytest.approx(words, rel=1e-9), (size, chiplet.l2_bytes)


def layer(op: Op, outputs: int, inputs: int, size: int, filter_: int = 1, stride: int = 1, groups: int = 1) -> Layer:
    """A layer on a square map, or of so many rows; windows of stride 1 keep the size."""
    flat = op in (Op.GEMM, Op.MATMUL)
    groups = outputs if op in (Op.POOL, Op.ELEMENTWISE, Op.UPSAMPLE) else groups
    padding = filter_ // 2 if stride == 1 else 0
    return Layer(
        "layer",
        op,
        K=outputs,
        C=inputs,
        Y=size,
        X=1 if flat else size,
        R=filter_,
        S=filter_,
        stride=(stride, stride),
        padding=(padding, padding),
        groups=groups,
    )


def chain(layers: list[Layer], skips: tuple[tuple[int, int], ...] = (), element: int = 1) -> Model:
    """Each layer reads the one before, and some one more."""
    named = tuple(replace(each, name=f"layer{at}") for at, each in enumerate(layers))
    out = [each.K * each.out_y * each.out_x for each in layers]
    pairs = [(at - 1, at) for at in range(len(layers))] + list(skips)
    first = layers[0].C * layers[0].Y * layers[0].X
    edges = tuple(Edge(a, b, out[a] if a >= 0 else first, reshape=True) for a, b in pairs)
    return Model("chain", named, edges, bytes_per_element=element)


def skip(bodies: int) -> Model:
    """A tensor of 8 MB waits while small layers run."""
    body = [layer(Op.CONV, 32, 32, 64, 3)] * bodies
    ends = [layer(Op.UPSAMPLE, 32, 32, 64, stride=8), layer(Op.ELEMENTWISE, 32, 32, 512)]
    return chain([layer(Op.CONV, 32, 3, 512, 3), layer(Op.POOL, 32, 32, 512, 8, 8), *body, *ends], ((0, 3 + bodies),))


def u_shape() -> Model:
    down = [layer(Op.CONV, 48, 3, 256, 3), layer(Op.POOL, 48, 48, 256, 2, 2), layer(Op.CONV, 96, 48, 128, 3)]
    deep = [layer(Op.POOL, 96, 96, 128, 2, 2), layer(Op.CONV, 192, 96, 64, 3), layer(Op.UPSAMPLE, 192, 192, 64, 1, 2)]
    up = [layer(Op.CONV, 96, 288, 128, 3), layer(Op.UPSAMPLE, 96, 96, 128, 1, 2), layer(Op.CONV, 48, 144, 256, 3)]
    return chain([*down, *deep, *up], ((2, 6), (0, 8)))


def attention(softmax: bool, heads: int = 16, tokens: int = 2048, inner: int = 64) -> Model:
    """Scores of 64 MB; they take no room, as the product behind them takes them by heads."""
    wide, scores = heads * inner, heads * tokens
    middle = [layer(Op.ELEMENTWISE, scores, scores, tokens)] if softmax else []
    layers = [layer(Op.GEMM, wide, wide, tokens)] * 3 + [layer(Op.MATMUL, scores, wide, tokens, groups=heads), *middle]
    if softmax:
        layers[4] = replace(layers[4], X=1, out_x=1)
    layers += [layer(Op.MATMUL, wide, scores, tokens, groups=heads), layer(Op.GEMM, wide, wide, tokens)]
    last, (map_, whole) = len(layers) - 1, (wide * tokens, scores * tokens)
    pairs = [(-1, 0), (-1, 1), (-1, 2), (0, 3), (1, 3), *([(3, 4)] if softmax else [])]
    pairs += [(last - 2, last - 1), (2, last - 1), (last - 1, last)]
    edges = (Edge(a, b, whole if 3 <= a < last - 1 else map_, reshape=True) for a, b in pairs)
    named = (replace(each, name=f"layer{at}") for at, each in enumerate(layers))
    return Model("attention", tuple(named), tuple(edges))


def by_groups() -> Model:
    pair = [layer(Op.CONV, 128, 128, 224, 3, groups=128), layer(Op.CONV, 128, 128, 224)]
    return chain(pair * 3)


SIBLINGS = {
    "20 layers under a skip": (skip(20), (16, 10, 4, 1), 3),
    "4 layers under a skip": (skip(4), (10, 2), 2),
    "a net in the shape of a U": (u_shape(), (32, 8, 2, 0.5), 2),
    "large maps of two bytes": (chain([layer(Op.CONV, 64, 64, 256, 3)] * 6, element=2), (12, 3), 5),
    "depthwise": (by_groups(), (8, 2), 4),
    "products by a vector": (chain([layer(Op.GEMM, 4096, 25088, 1), layer(Op.GEMM, 4096, 4096, 1)]), (10, 1), 64),
    "both operands too large": (chain([layer(Op.GEMM, 8192, 8192, 4096)]), (10, 2), 3),
    "products by a vector, as convolutions in groups": (
        chain([layer(Op.CONV, 4096, 8192, 1, groups=8), layer(Op.CONV, 1024, 4096, 1)]),
        (1,),
        64,
    ),
    "scores": (attention(softmax=False), (32, 10, 4, 1), 2),
    "scores with a softmax": (attention(softmax=True), (32, 10, 4, 1), 2),
    "unet": (build_model("unet"), (10, 1), 2),
    "resnet50": (build_model("resnet50"), (10, 0.25), 8),
    "midas_v21_small": (build_model("midas_v21_small"), (2, 0.25), 3),
}


@pytest.mark.parametrize("name", SIBLINGS)
def test_a_network_in_one_stage_moves_what_the_page_says(name: str) -> None:
    model, sizes, batch = SIBLINGS[name]
    for mib in sizes:
        for size in sorted({1, 2, batch // 2, batch} - {0}):
            compare(model, replace(NVDLA, l2_bytes=int(mib * MIB)), batch, size)


@pytest.mark.parametrize("seeds", [range(60), pytest.param(range(60, 5000), marks=pytest.mark.slow)])
def test_random_windows_move_what_the_page_says(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        problem = odd_problem(rng, columns=1)
        (chiplet,), task = problem.package.chiplets, problem.scenario.tasks[0]
        least = math.log(max(4, chiplet.stream_bytes or 0))
        chiplet = replace(chiplet, l2_bytes=math.ceil(math.exp(rng.uniform(least, math.log(20_000)))))
        units = task.model.units
        cuts = sorted(rng.sample(range(1, len(units)), rng.randint(0, min(3, len(units) - 1))))
        ends = zip([0, *cuts], [*cuts, len(units)], strict=True)
        spans = [(units[a][0], units[b - 1][1]) for a, b in ends]
        compare(task.model, chiplet, task.batch, rng.randint(1, task.batch), spans)
