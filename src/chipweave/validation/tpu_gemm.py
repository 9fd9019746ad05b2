"""TPU v6e on silicon: products of matrices of 42 sizes, predicted by `loopnest`, the law of transfers and one constant.

The measured span leaves out the transfers from HBM, so operands are in VMEM when it begins. The result leaves for HBM
block by block, each while the next one is computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from chipweave.cost.interface import CostModel
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.evaluation.law import pipeline_s
from chipweave.files.package_file import resolve_package
from chipweave.hardware.package import Package
from chipweave.validation.accuracy import accuracy
from chipweave.validation.measurement import Point, Target, Validation
from chipweave.validation.page import percent
from chipweave.validation.published import published
from chipweave.validation.several_arrays import SeveralArrays
from chipweave.validation.spans_file import MeasuredProduct
from chipweave.workload.layer import Layer, Op

PACKAGE = "tpu-v6e"

FEW_ROWS, LONG_SUM = 16, 4096
"""Limits of the groups in which what is left of the error is told."""

MOST_NAMED = 10
"""Of products that a sentence lists."""

ELEMENT_BYTES = 2
"""Of BF16, in operands and results."""


class Gemm(NamedTuple):
    """A product of matrices: rows and columns of the result, and what is summed over."""

    rows: int
    columns: int
    inner: int

    def cut(self, blocks: int) -> Gemm:
        """One of so many blocks of the result, along its longer side."""
        side = "rows" if self.rows >= self.columns else "columns"
        return self._replace(**{side: -(-getattr(self, side) // blocks)})

    def __str__(self) -> str:
        return f"{self.rows} x {self.columns} x {self.inner}"

    @property
    def result_bytes(self) -> int:
        return ELEMENT_BYTES * self.rows * self.columns

    @property
    def operand_bytes(self) -> int:
        return ELEMENT_BYTES * self.inner * (self.rows + self.columns)


def validate(measured: Sequence[MeasuredProduct] | None = None) -> Validation:
    """All products beside their measured spans, the second half of them with a constant from the first.

    Args:
        measured: others, in the place of those that ship with chipweave: the constant is still that of these, and all
            of the others are held out.
    """
    package, data = resolve_package(PACKAGE), published("tpu_gemm")
    shipped = [MeasuredProduct(*row) for row in data["gemms"]]
    shown = shipped if measured is None else measured
    gemms = [Gemm(*product[:3]) for product in shown]
    measured_s = [1e-6 * product.span_us for product in shown]
    constant_s = launch_s()
    points = _points(gemms, measured_s, [constant_s + span_s for span_s in spans_of(gemms, package)])
    if measured is not None:
        points = tuple(replace(point, held_out=True) for point in points)
    return Validation(
        "tpu-gemm",
        "TPU v6e: products of matrices",
        "SCALE-Sim repository (MIT licence), calibration data: spans on the device without launch, BF16; what they "
        "cover: scalesim-project.github.io, page Validation."
        if measured is None
        else "The user's own measurements.",
        _setting(constant_s),
        points,
        _targets(points, gemms, package, data["scale_sim_error"]),
        _findings(points, gemms, measured_s, package, shipped=measured is None),
    )


def spans_of(
    gemms: Sequence[Gemm], package: Package, model: CostModel | None = None, block_bytes: float | None = None
) -> list[float]:
    """Seconds of each product without the launch, its operands in L2.

    The result is made in blocks along its longer side, and a block is stored while the next one is computed.

    Args:
        model: what a block costs; None: `loopnest`, each array with its own part.
        block_bytes: of the result, at most; None: of the size in which the law moves weights that do not stay in L2,
            a tenth of the L2 (`Chiplet.block_bytes`).
    """
    (chiplet,) = package.classes
    most = chiplet.block_bytes if block_bytes is None else block_bytes
    blocks = [max(1, math.ceil(gemm.result_bytes / most)) for gemm in gemms]
    parts = [gemm.cut(number) for gemm, number in zip(gemms, blocks, strict=True)]
    layers = [Layer(str(part), Op.GEMM, K=part.columns, C=part.inner, Y=part.rows) for part in parts]
    cycles = (model or SeveralArrays()).costs(layers, chiplet).cycles
    spans_s = []
    for part, number, taken in zip(parts, blocks, cycles, strict=True):
        compute_s = float(taken) / chiplet.clock_hz
        store_s = part.result_bytes / package.dram_bandwidth_bytes_s + package.dram_latency_s
        spans_s.append(pipeline_s(compute_s + store_s, max(compute_s, store_s), number))
    return spans_s


def launch_of(spans_s: Sequence[float], measured_s: Sequence[float]) -> float:
    """The constant: what the model leaves of the shortest measured span of the half that may set parameters."""
    shortest_s, span_s = min((measured, span) for measured, span in list(zip(measured_s, spans_s, strict=True))[::2])
    return max(0.0, shortest_s - span_s)


@cache
def launch_s() -> float:
    """The constant of v6e, for whole models."""
    data = published("tpu_gemm")["gemms"]
    return launch_of(
        spans_of([Gemm(*row[:3]) for row in data], resolve_package(PACKAGE)), [1e-6 * row[3] for row in data]
    )


def roofline_s(gemm: Gemm, package: Package, moved_bytes: int) -> float:
    """The longer of computing at the peak and moving so many bytes at the full bandwidth of the memory."""
    peak_macs_s = sum(chiplet.peak_macs_s for chiplet in package.classes)
    return max(gemm.rows * gemm.columns * gemm.inner / peak_macs_s, moved_bytes / package.dram_bandwidth_bytes_s)


def _points(gemms: Sequence[Gemm], measured_s: Sequence[float], predicted_s: Sequence[float]) -> tuple[Point, ...]:
    return tuple(
        Point(str(gemm), "time", "us", 1e6 * measured, 1e6 * ours, _note(gemm, ours / measured), number % 2 > 0)
        for number, (gemm, measured, ours) in enumerate(zip(gemms, measured_s, predicted_s, strict=True))
    )


def _note(gemm: Gemm, ratio: float) -> str:
    """Why a point is further off than a fifth."""
    if 0.8 <= ratio <= 1.25:
        return ""
    if gemm.rows < FEW_ROWS:
        return "few rows: weights pass through the arrays once for hardly any rows"
    return "within blocks more is lost than the arrays' padding" if ratio < 1 else "the model overlaps too little"


def _targets(
    points: Sequence[Point], gemms: Sequence[Gemm], package: Package, scale_sim_error: float
) -> tuple[Target, ...]:
    held = accuracy(point for point in points if point.held_out)
    assert held is not None
    floors = [1e6 * roofline_s(gemm, package, gemm.result_bytes) for gemm in gemms]
    least = min((point.predicted or 0) / floor for point, floor in zip(points, floors, strict=True))
    return (
        Target(
            f"The mean absolute error of the half that is held out is at most SCALE-Sim's, {percent(scale_sim_error)}.",
            held.mean_error <= scale_sim_error,
            percent(held.mean_error),
        ),
        Target(
            "No prediction is below the roofline of what the span covers: computing, and storing the result.",
            least >= 1,
            f"at least {least:.2f} times it",
        ),
    )


def _setting(launch: float) -> tuple[str, ...]:
    return (
        "Package `tpu-v6e`: peak, array sizes and bandwidth as Google publishes them, 918 TFLOPS, 256 x 256, "
        "1,638 GB/s; the clock follows from the peak of four such arrays.",
        "Operands are in VMEM: SCALE-Sim's page says that the span has no transfers from HBM.",
        "Each of the four arrays works on its part of the rows, the columns or the inner size, by the fastest "
        "mapping that `loopnest` finds on one array. Either operand may be the one that stays; weights enter an "
        "array a row of it in a cycle. Which of these terms the model has was decided with all points in view.",
        "The result goes to HBM in blocks along its longer side of a tenth of the L2 at most, the law's own size of "
        "blocks, each while the next one is computed (`law.pipeline_s`).",
        "The first product of the list and every second one after it may set parameters; the others are held out.",
        f"One constant, {1e6 * launch:.2f} us a product: what the model leaves of the shortest measured span of the "
        "first half. No other parameter is set from a measurement.",
    )


def _findings(
    points: Sequence[Point], gemms: Sequence[Gemm], measured_s: Sequence[float], package: Package, *, shipped: bool
) -> tuple[str, ...]:
    below = [
        gemm
        for gemm, measured in zip(gemms, measured_s, strict=True)
        if measured < roofline_s(gemm, package, gemm.result_bytes + gemm.operand_bytes)
    ]
    named = ", ".join([*map(str, below[:MOST_NAMED]), *["..."] * (len(below) > MOST_NAMED)]) or "none"
    return (
        f"{len(below)} of the {len(gemms)} *measured* spans are shorter than HBM takes to deliver the operands "
        f"({named}). So a roofline with the operands' bytes does not bound these measurements, and a model that "
        "loads them cannot come near.",
        *(_without(gemms, measured_s, package) if shipped else ()),
        *_largest(points, gemms),
    )


def _without(gemms: Sequence[Gemm], measured_s: Sequence[float], package: Package) -> tuple[str, ...]:
    """What each part of the model is worth: the error of the held-out half without it."""
    loads_s = [gemm.operand_bytes / package.dram_bandwidth_bytes_s for gemm in gemms]
    whole, long = spans_of(gemms, package), spans_of(gemms, package, LoopnestCostModel("latency"))
    one_block = spans_of(gemms, package, block_bytes=math.inf)
    half, twice = (spans_of(gemms, package, block_bytes=share * package.classes[0].block_bytes) for share in (0.5, 2.0))
    at_once = spans_of(gemms, package, SeveralArrays(rows_of_weights=False))
    constant_s = launch_of(whole, measured_s)

    def error(spans_s: Sequence[float], launch: float = constant_s) -> str:
        pairs = list(zip(spans_s, measured_s, strict=True))[1::2]
        return percent(sum(abs((span + launch) / measured - 1) for span, measured in pairs) / len(pairs))

    loaded = [load + span for load, span in zip(loads_s, one_block, strict=True)]
    return (
        f"The error on the held-out half is {error(whole)}. With operands that HBM delivers first, one after another "
        f"with computing and storing, as the law has a single micro-batch, it would be {error(loaded)}; with the "
        f"four arrays taken for one of 256 x 1,024, along which one loop alone is unrolled, as `loopnest` reads the "
        f"preset, {error(long)}; with weights that enter an array as fast as the network "
        f"brings them {error(at_once)}; with the result stored in one piece {error(one_block)}, in blocks of half and "
        f"twice the size {error(half)} and {error(twice)}; without the constant {error(whole, 0.0)}.",
    )


def _largest(points: Sequence[Point], gemms: Sequence[Gemm]) -> tuple[str, ...]:
    """Which products make up the error that is left."""
    groups: dict[str, list[float]] = {}
    for point, gemm in zip(points, gemms, strict=True):
        groups.setdefault(_group(gemm), []).append((point.ratio or 0) - 1)
    total = sum(abs(error) for errors in groups.values() for error in errors)
    lines = []
    for name, errors in groups.items():
        share = sum(map(abs, errors)) / total
        mean, bias = sum(map(abs, errors)) / len(errors), sum(errors) / len(errors)
        lines.append(f"{name}: {len(errors)}, mean error {percent(mean)}, bias {100 * bias:+.1f} %, {percent(share)}")
    return ("What is left, by products, with the share of the whole error: " + "; ".join(lines) + ".",)


def _group(gemm: Gemm) -> str:
    if gemm.rows < FEW_ROWS:
        return f"fewer than {FEW_ROWS} rows"
    return f"an inner size above {LONG_SUM:,}" if gemm.inner > LONG_SUM else "the others"
