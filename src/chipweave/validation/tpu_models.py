"""Whole language models on TPU v6e and v4: one pass over a prompt, by the whole pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import chipweave
from chipweave.evaluation.record import StageEvaluation
from chipweave.files.package_file import resolve_package
from chipweave.hardware.package import Package
from chipweave.validation.measurement import Point, Target, Validation
from chipweave.validation.published import published
from chipweave.validation.several_arrays import SeveralArrays
from chipweave.validation.tpu_gemm import Gemm, launch_s, spans_of
from chipweave.workload.layer import Op
from chipweave.workload.model import Model

SCORE_BYTES = 4
"""Of an entry of the square of attention scores where soft-max works on it in FP32."""

PRODUCTS = frozenset({Op.GEMM, Op.MATMUL})


@dataclass(frozen=True)
class Pass:
    """A measured pass, and what the pipeline makes of it.

    Args:
        tokens, sequences: of the prompt, and how many prompts together.
        law_s: the evaluation's latency; launches_s: the constant, once for each product.
        floor_s: the longer of all products at the peak and all bytes at the full bandwidth.
        logits_s: what the last product takes more for all tokens than for the last one.
        scores_s: all squares of attention scores to HBM and back, which the model keeps on the chip.
    """

    name: str
    package: str
    tokens: int
    sequences: int
    measured_s: float
    law_s: float
    launches_s: float
    floor_s: float
    logits_s: float
    scores_s: float

    @property
    def predicted_s(self) -> float:
        return self.law_s + self.launches_s


def validate() -> Validation:
    """Twenty passes beside their measured spans."""
    data = published("tpu_models")
    passes = [_pass(data["configurations"], *row) for row in data["measured"]]
    points = tuple(
        Point(
            f"{each.name}, {each.tokens} x {each.sequences}",
            f"time on {each.package}",
            "ms",
            1e3 * each.measured_s,
            1e3 * each.predicted_s,
            _note(each),
        )
        for each in passes
    )
    least = min(each.predicted_s / each.floor_s for each in passes)
    return Validation(
        "tpu-models",
        "TPU v6e and v4: whole language models",
        "SCALE-Sim repository (MIT licence), calibration data: spans on the device, BF16.",
        (
            "Packages `tpu-v6e` and `tpu-v4`; models by `chipweave.from_hf` from the public configurations, prefill of "
            "the prompt, weights from HBM; scheduler `standalone`; `loopnest` with each array working on its own part "
            "of a product, as for single products.",
            f"The constant of single products on v6e, {1e6 * launch_s():.2f} us, counts once for each product of a "
            "model, on both chips. No parameter is set from these figures.",
            "Points are named by tokens x sequences.",
        ),
        points,
        (
            Target(
                "No prediction is below the roofline of all products and of all bytes that HBM moves.",
                least >= 1,
                f"at least {least:.2f} times it",
            ),
        ),
        _findings(passes, data["scale_sim_error"]),
    )


def _pass(
    configurations: Mapping[str, Any], package_name: str, name: str, tokens: int, sequences: int, measured_ms: float
) -> Pass:
    package, configuration = resolve_package(package_name), {**configurations[name], "torch_dtype": "bfloat16"}
    model = chipweave.from_hf(configuration, phase="prefill", prompt=tokens, batch=sequences)
    result = chipweave.schedule(
        model, package, scheduler="standalone", objective="latency", cost_model=SeveralArrays(), jobs=1
    )
    evaluation = result.evaluation
    (stage,) = evaluation.stages
    products = sum(layer.op in PRODUCTS for layer in model.layers)
    return Pass(
        name,
        package_name,
        tokens,
        sequences,
        1e-3 * measured_ms,
        evaluation.latency_s,
        products * launch_s(),
        max(model.macs / package.classes[0].peak_macs_s, _dram_bytes(stage) / package.dram_bandwidth_bytes_s),
        _logits_s(model, package, tokens * sequences, sequences),
        _scores_s(model, package, tokens),
    )


def _dram_bytes(stage: StageEvaluation) -> float:
    moved = stage.bytes_
    return moved.weights + moved.again + moved.load + moved.store + moved.spill


def _logits_s(model: Model, package: Package, rows: int, last_rows: int) -> float:
    """The last product of all rows instead of each sequence's last, with its result stored."""
    head = model.layers[-1]
    every, last = spans_of([Gemm(rows, head.K, head.C), Gemm(last_rows, head.K, head.C)], package)
    return every - last


def _scores_s(model: Model, package: Package, tokens: int) -> float:
    """Written once and read once: of every first product of an attention, as many columns as tokens."""
    entries = sum(layer.output_elements for layer in model.layers if layer.name.endswith("qk"))
    return 2 * SCORE_BYTES * entries / package.dram_bandwidth_bytes_s


def _note(each: Pass) -> str:
    if each.predicted_s >= 0.8 * each.measured_s:
        return ""
    logits, scores = f"{1e3 * each.logits_s:.2f} ms", f"{1e3 * each.scores_s:.2f} ms"
    return f"not in it: logits of all tokens, {logits}; scores through HBM, {scores}"


def _findings(passes: Sequence[Pass], scale_sim_error: Sequence[float]) -> tuple[str, ...]:
    ratios = [each.predicted_s / each.measured_s for each in passes if each.package == "tpu-v6e"]
    bare = [each.law_s / each.measured_s for each in passes if each.package == "tpu-v6e"]
    with_all = [
        (each.predicted_s + each.logits_s + each.scores_s) / each.measured_s
        for each in passes
        if each.package == "tpu-v6e"
    ]
    shorter, longer = [each for each in passes if each.name == "GPT-2" and each.package == "tpu-v6e"][2:4]
    return (
        f"On the twelve of v6e ours are {100 * (min(ratios) - 1):+.0f} to {100 * (max(ratios) - 1):+.0f} % off, "
        f"SCALE-Sim's own {100 * scale_sim_error[0]:+.1f} to {100 * scale_sim_error[1]:+.1f} %; without the constant "
        f"ours are {100 * (min(bare) - 1):+.0f} to {100 * (max(bare) - 1):+.0f} %. All ours are too short or near: "
        "norms, soft-max and activations are folded into products and take no time of the vector unit, and nothing is "
        "lost between products but the constant.",
        f"GPT-2 takes {longer.measured_s / shorter.measured_s:.1f} times as long for 1,024 tokens as for 512, where "
        f"its products take about twice as long. The square of scores of all heads in FP32 has "
        f"{SCORE_BYTES * 12 * 1024**2 / 1e6:.0f} MB there; written to HBM and read once in every block that is "
        f"{1e3 * longer.scores_s:.2f} ms. The model keeps scores on the chip, as a fused attention does.",
        "Whether logits were made of all tokens, or of the last one as here, is not stated. With all of them and with "
        f"scores through HBM once each way the twelve would be {100 * (min(with_all) - 1):+.0f} to "
        f"{100 * (max(with_all) - 1):+.0f} % off: an experiment, not the prediction.",
    )
