"""Whole models on packages that are sold: Llama on Rebel100 and Wormhole, ResNet-50 and BERT on Wormhole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import chipweave
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.files.chiplet_file import resolve_chiplet
from chipweave.files.package_file import resolve_package
from chipweave.hardware.snake import snake
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.validation.measurement import Point, Target, Validation
from chipweave.validation.published import published
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model

COST_MODEL = "loopnest:latency"

BATCH = 16
"""Images a chip, of ResNet-50 on Wormhole."""

BYTE = 1
"""Of an element: FP8, and BLOCKFP8 without the half bit of shared exponents."""

FULL_BANDWIDTH = "memory at its full bandwidth, all the time"
NO_PACKAGE = "32 chips (`wormhole-32`) are not worked out here"

PIXELS_SPREAD = "datacenter-shidiannao"
"""A chiplet whose dataflow lets pixels be unrolled over the array."""


@dataclass(frozen=True)
class Step:
    """Seconds of a step, and the longer of its products at the peak and its bytes at the memory's full bandwidth."""

    latency_s: float
    floor_s: float


def validate() -> Validation:
    """Rates beside the published ones, with what is between them."""
    data = published("language_models")
    llamas, wormhole, rebel = data["configurations"], data["wormhole"], data["rebel100"]
    rebel_step = _mean([decode(llamas["Llama-70B"], "rebel100-like", at, 1) for at in _contexts(rebel)])
    eight, seventy = wormhole["llama_8b"], wormhole["llama_70b"]
    eight_step = decode(llamas["Llama-8B"], eight["package"], eight["context"], eight["batch"])
    seventy_step, port_s = tensor_parallel(llamas["Llama-70B"], seventy)
    images = [(entry, resnet50(entry["package"], entry["chips"])) for entry in wormhole["resnet50"]]
    bert = alone(build_model("bert_large"), wormhole["bert_large"]["package"])
    points = (
        _tokens("Llama-3.3-70B, batch 1, Rebel100", rebel["tokens_per_s"], rebel_step, FULL_BANDWIDTH),
        _tokens("Llama-3.1-8B, batch 32, n150", eight["rate"], eight_step, f"{FULL_BANDWIDTH}; 8 bits for 8.5"),
        _tokens("Llama-3.1-70B, batch 32, 8 chips", seventy["rate"], seventy_step, "a lower bound; see below"),
        _tokens("Llama-3.1-70B, batch 32, 32 chips", wormhole["llama_70b_32_chips"], None, NO_PACKAGE),
        *(_images(entry, step) for entry, step in images),
        Point("ResNet-50, 32 chips", "rate of samples", "1/s", wormhole["resnet50_32_chips"], None, NO_PACKAGE),
        Point(
            "BERT-Large, n150",
            "rate of samples",
            "1/s",
            wormhole["bert_large"]["rate"],
            1 / bert.latency_s,
            "128 tokens a sequence here; how many were measured is not stated",
        ),
    )
    steps = (rebel_step, eight_step, seventy_step, bert, *(step for _, step in images))
    return Validation(
        "language-models",
        "Rebel100 and Wormhole: whole models",
        "Rebellions, ISSCC 2026, paper 2.2, and vendor data; tt-metal, models/README.md, November 2025 (Apache-2.0).",
        _setting(rebel),
        points,
        _targets(rebel, rebel_step, steps),
        (
            *_rebel(rebel, rebel_step),
            *_eight(eight, eight_step),
            *_seventy(seventy_step, port_s),
            *_resnet(wormhole),
            *_bert(wormhole["bert_large"]),
        ),
    )


def decode(configuration: Mapping[str, Any], package_name: str, context: int, batch: int) -> Step:
    """A token of every sequence on one chiplet, which has the package's whole memory."""
    return alone(_decoding(configuration, context, batch), package_name)


def alone(model: Model, package_name: str) -> Step:
    """One sample of a model on one chiplet."""
    result = chipweave.schedule(
        model, package_name, scheduler="standalone", objective="latency", cost_model=COST_MODEL, jobs=1
    )
    (window,), package = result.evaluation.windows, result.problem.package
    return Step(result.evaluation.latency_s, max(window.dram_s, model.macs / package.classes[0].peak_macs_s))


def tensor_parallel(configuration: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[Step, float]:
    """A token of every sequence with each product's columns parted over all chips, and the window's port term.

    The step is the longer of what the memories need and the stage's pace, in which the chips compute and exchange
    activations. What the law says of the port is left out, as it brings all weights in by one chip.
    """
    model = _decoding(configuration, entry["context"], entry["batch"])
    package = resolve_package(entry["package"])
    stage = Stage(0, len(model.layers) - 1, snake(package), (Partition.INPUT_SHARED,) * len(model.layers))
    plan = Schedule((Window((Pipeline(0, (stage,)),)),))
    evaluation = chipweave.evaluate(plan, model, package, cost_model=COST_MODEL).evaluation
    (window,), (costs,) = evaluation.windows, evaluation.stages
    peak_macs_s = sum(chiplet.peak_macs_s for chiplet in package.chiplets)
    return Step(max(window.dram_s, costs.pace_s), max(window.dram_s, model.macs / peak_macs_s)), window.port_s


def resnet50(package_name: str, chips: int) -> Step:
    """An image, on average, of a batch on each chip."""
    model = build_model("resnet50")
    scenario = Scenario("images", tuple(Task(f"chip {number}", model, BATCH) for number in range(chips)))
    result = chipweave.schedule(
        scenario, package_name, scheduler="standalone", objective="latency", cost_model=COST_MODEL, jobs=1
    )
    (window,), package, images = result.evaluation.windows, result.problem.package, BATCH * chips
    peak_macs_s = sum(chiplet.peak_macs_s for chiplet in package.chiplets)
    return Step(result.evaluation.latency_s / images, max(window.dram_s / images, model.macs / peak_macs_s))


def _decoding(configuration: Mapping[str, Any], context: int, batch: int) -> Model:
    return chipweave.from_hf(
        configuration, phase="decode", context=context, batch=batch, bytes_per_element=BYTE, name="decode"
    )


def _contexts(rebel: Mapping[str, Any]) -> tuple[int, int]:
    """Of the first and the last token that is generated. A step's time is affine in between, so their mean is that of
    all tokens."""
    return rebel["prompt"], rebel["prompt"] + rebel["generated"] - 1


def _mean(steps: Sequence[Step]) -> Step:
    return Step(sum(step.latency_s for step in steps) / len(steps), sum(step.floor_s for step in steps) / len(steps))


def _tokens(name: str, measured: float, step: Step | None, note: str) -> Point:
    """Tokens per second and sequence."""
    return Point(name, "rate of tokens", "1/s", measured, None if step is None else 1 / step.latency_s, note)


def _images(entry: Mapping[str, Any], step: Step) -> Point:
    name = f"ResNet-50, batch {BATCH} a chip, {entry['package']}"
    note = "the weight stationary array of the preset has little to do in the first layers; see below"
    return Point(name, "rate of samples", "1/s", entry["rate"], 1 / step.latency_s, note)


def _setting(rebel: Mapping[str, Any]) -> tuple[str, ...]:
    first, last = _contexts(rebel)
    return (
        "Packages `rebel100-like`, `wormhole-n150`, `wormhole-n300`, `wormhole-8`; models by `chipweave.from_hf` from "
        f"the public configurations, one byte an element; `{COST_MODEL}`.",
        f"Rebel100: a step of decode behind {first:,} and one behind {last:,} tokens, the first and the last that is "
        "generated, and their mean; on one die, which in the law has all four stacks of HBM (`standalone`).",
        "Wormhole: decode behind 128 tokens. Eight chips: the columns of every product parted over them (a plan made "
        "by hand, one stage). Images and sequences: a chip each (`standalone`).",
        "No parameter is set from these figures.",
    )


def _targets(rebel: Mapping[str, Any], step: Step, steps: Sequence[Step]) -> tuple[Target, ...]:
    low, high, rate = rebel["tokens_per_s"], 4.8e12 / rebel["parameters"], 1 / step.latency_s
    least = min(each.latency_s / each.floor_s for each in steps)
    return (
        Target(
            "Rebel100 lies between the measured rate and the roofline of reading all parameters.",
            low <= rate <= high,
            f"{rate:.2f} tokens/s, measured {low}, roofline {high:.2f}; of what a step reads {1 / step.floor_s:.2f}",
        ),
        Target("No prediction is below the roofline.", least >= 1, f"at least {least:.3f} times it"),
    )


def _rebel(rebel: Mapping[str, Any], step: Step) -> tuple[str, ...]:
    return (
        f"Rebel100: {1e3 * step.latency_s:.2f} ms a token, of which the memory needs {1e3 * step.floor_s:.2f} at its "
        f"full bandwidth. Silicon needs {1e3 / rebel['tokens_per_s']:.2f}, so it moves the same bytes at "
        f"{100 * step.floor_s * rebel['tokens_per_s']:.0f} % of it. That share is the factor between: refresh, turns "
        "between reading and writing, and what is waited for between layers, none of which the law has. No constant "
        "is set for it.",
        f"All {rebel['parameters'] / 1e9:.1f} GB of parameters at 4.8 TB/s would be "
        f"{4.8e12 / rebel['parameters']:.2f} tokens/s. A step reads one row of the "
        f"{rebel['embedding_parameters'] / 1e9:.2f} GB of input embeddings, though, and the cache beside the rest, so "
        f"the bytes that a step moves would be {1 / step.floor_s:.2f}: ours is below that roofline, and above the one "
        "of all parameters by what need not be read.",
    )


def _eight(entry: Mapping[str, Any], step: Step) -> tuple[str, ...]:
    exponents = 8.5 / 8
    rest = 1 / (step.latency_s * entry["rate"] * exponents)
    return (
        f"Llama-3.1-8B on n150: {step.latency_s * entry['rate']:.2f} of silicon's time. BLOCKFP8 has 8.5 bits, a "
        f"factor of {exponents:.2f} in a step that memory bounds; the {rest:.2f} that is left "
        "is memory that does not reach its full bandwidth, and the time between operations.",
    )


def _seventy(step: Step, port_s: float) -> tuple[str, ...]:
    return (
        f"Llama-3.1-70B on eight chips: {1e3 * step.latency_s:.1f} ms by the memories' and the chips' terms, a lower "
        "bound. The law itself lets a region use one memory interface, so all weights would enter at one chip and "
        f"leave by its port, {1e3 * port_s:,.0f} ms: parts of a model that lie in the memory of the chip that uses "
        "them cannot be said yet. What is missing beside it: 160 exchanges among all chips a step, one after each "
        "attention and feed-forward, each with the latency of several hops of Ethernet.",
    )


def _resnet(wormhole: Mapping[str, Any]) -> tuple[str, ...]:
    model, (chiplet,) = build_model("resnet50"), resolve_package(wormhole["resnet50"][0]["package"]).classes
    costs = LoopnestCostModel("latency")
    cycles = costs.batch_costs(model.layers, chiplet, BATCH).cycles
    other = replace(chiplet, dataflow=resolve_chiplet(PIXELS_SPREAD).dataflow)
    spread = costs.batch_costs(model.layers, other, BATCH).cycles
    rate = BATCH * chiplet.clock_hz / float(spread.sum())
    return (
        f"ResNet-50 on n150: {100 * float(cycles[0]) / float(cycles.sum()):.0f} % of our time is `conv1`. The preset "
        "has one weight stationary array of 73,728 units, along which only channels are unrolled; 3 channels in and 64 "
        "out keep 192 of them busy. The chip has 72 cores that share out pixels. With an output stationary array of "
        f"the same size, on which pixels are unrolled, it would be {rate:,.0f} images/s of computing, above the "
        f"measured {wormhole['resnet50'][0]['rate']:,}: silicon lies between. Neither is the chip; cores that each "
        "have their own part, with their own memory, cannot be said in a chiplet yet.",
        "Two and eight chips: ours are two and eight times one of 64 cores. Silicon loses "
        + " and ".join(
            f"{100 * (1 - entry['rate'] / entry['chips'] / wormhole['resnet50'][0]['rate']):.0f} %"
            for entry in wormhole["resnet50"][1:]
        )
        + " a chip against n150, which has 72 cores.",
    )


def _bert(entry: Mapping[str, Any]) -> tuple[str, ...]:
    steps = {tokens: alone(build_model("bert_large", sequence=tokens), entry["package"]) for tokens in (128, 384)}
    named = ", ".join(f"{1 / step.latency_s:.0f} with {tokens} tokens" for tokens, step in steps.items())
    return (
        f"BERT-Large on n150: sequences/s, one at a time, {named}; {entry['rate']} are measured, with a number of "
        "tokens that is not stated. Soft-max, norms and GELU are folded, and nothing is lost between operations.",
    )
