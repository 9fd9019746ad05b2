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
from chipweave.workload.precision import bits_of
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model

COST_MODEL = "loopnest:latency"

BATCH = 16
"""Images a chip, of ResNet-50 on Wormhole."""

BYTE = {"bytes_per_element": 1}
"""FP8."""

FULL_BANDWIDTH = "memory at its full bandwidth, all the time"

SUMS = ("attention.o", "mlp.down")
"""Layers whose input channels are parted, so that their outputs are sums over the chips: the second of two products."""

PIXELS_SPREAD = "datacenter-shidiannao"
"""A chiplet whose dataflow lets pixels be unrolled over the array."""


@dataclass(frozen=True)
class Step:
    """Seconds of a step, and the longer of its products at the peak and its bytes at the memory's full bandwidth."""

    latency_s: float
    floor_s: float


@dataclass(frozen=True)
class Shared:
    """A step of decode that all chips share.

    Args:
        dram_s: what the memories need for all bytes; exchange_s: of activations between the chips, one after another.
        exchanges: sums over all chips; port_s: what the law says of the port by which all weights would enter.
    """

    step: Step
    dram_s: float
    exchange_s: float
    exchanges: int
    port_s: float


def validate() -> Validation:
    """Rates beside the published ones, with what is between them."""
    data = published("language_models")
    llamas, wormhole, rebel = data["configurations"], data["wormhole"], data["rebel100"]
    rebel_step = _mean([decode(llamas["Llama-70B"], "rebel100-like", at, 1) for at in _contexts(rebel)])
    eight = wormhole["llama_8b"]
    eight_step = alone(as_run(llamas["Llama-8B"], eight, wormhole), eight["package"])
    seventies = [
        (entry, tensor_parallel(as_run(llamas["Llama-70B"], entry, wormhole), entry["package"]))
        for entry in wormhole["llama_70b"]
    ]
    images = [(entry, resnet50(entry["package"], entry["chips"])) for entry in wormhole["resnet50"]]
    bert = alone(build_model("bert_large"), wormhole["bert_large"]["package"])
    points = (
        _tokens("Llama-3.3-70B, batch 1, Rebel100", rebel["tokens_per_s"], rebel_step, FULL_BANDWIDTH),
        _tokens("Llama-3.1-8B, batch 32, n150", eight["rate"], eight_step, FULL_BANDWIDTH),
        *(_tokens(_shared_name(of), of["rate"], shared.step, _shared_note(shared)) for of, shared in seventies),
        *(_images(entry, step) for entry, step in images),
        Point(
            "BERT-Large, n150",
            "rate of samples",
            "1/s",
            wormhole["bert_large"]["rate"],
            1 / bert.latency_s,
            "128 tokens a sequence here; how many were measured is not stated",
        ),
    )
    steps = (rebel_step, eight_step, *(shared.step for _, shared in seventies), bert, *(step for _, step in images))
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
            *_seventy(seventies, eight_step.floor_s * eight["rate"]),
            *_resnet(wormhole),
            *_bert(wormhole["bert_large"]),
        ),
    )


def decode(configuration: Mapping[str, Any], package_name: str, context: int, batch: int) -> Step:
    """A token of every sequence on one chiplet, which has the package's whole memory."""
    return alone(_decoding(configuration, context, batch, BYTE), package_name)


def as_run(configuration: Mapping[str, Any], entry: Mapping[str, Any], wormhole: Mapping[str, Any]) -> Model:
    """A token of every sequence, with the widths that Wormhole ran."""
    made, narrow = _decoding(configuration, entry["context"], entry["batch"], wormhole["widths"]), wormhole["narrow"]
    ends, bits = tuple(narrow["layers"]), bits_of(narrow["weights"], "weights")
    layers = [replace(layer, weight_bits=bits) if layer.name.endswith(ends) else layer for layer in made.layers]
    return replace(made, layers=tuple(layers))


def alone(model: Model, package_name: str) -> Step:
    """One sample of a model on one chiplet."""
    result = chipweave.schedule(
        model, package_name, scheduler="standalone", objective="latency", cost_model=COST_MODEL, jobs=1
    )
    (window,), package = result.evaluation.windows, result.problem.package
    return Step(result.evaluation.latency_s, max(window.dram_s, model.macs / package.classes[0].peak_macs_s))


def tensor_parallel(model: Model, package_name: str) -> Shared:
    """A step with each product parted over all chips, columns first and then rows, as one stage.

    The step is what the law has for the stage, or what the memories need, whichever is longer. What it says of ports
    and links is left out, as it brings all weights in by one chip.
    """
    package = resolve_package(package_name)
    parts = [Partition.REDUCED if layer.name.endswith(SUMS) else Partition.INPUT_SHARED for layer in model.layers]
    stage = Stage(0, len(model.layers) - 1, snake(package), tuple(parts))
    plan = Schedule((Window((Pipeline(0, (stage,)),)),))
    evaluation = chipweave.evaluate(plan, model, package, cost_model=COST_MODEL).evaluation
    (window,), (costs,) = evaluation.windows, evaluation.stages
    peak_macs_s = sum(chiplet.peak_macs_s for chiplet in package.chiplets)
    step = Step(max(window.dram_s, costs.fill_s), max(window.dram_s, model.macs / peak_macs_s))
    return Shared(step, window.dram_s, costs.exchange_s, parts.count(Partition.REDUCED), window.port_s)


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


def _decoding(configuration: Mapping[str, Any], context: int, batch: int, widths: Mapping[str, Any]) -> Model:
    return chipweave.from_hf(configuration, phase="decode", context=context, batch=batch, name="decode", **widths)


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
        "Packages `rebel100-like`, `wormhole-n150`, `wormhole-n300`, `wormhole-8`, `wormhole-32`; models by "
        f"`chipweave.from_hf` from the public configurations; `{COST_MODEL}`.",
        f"Rebel100: a step of decode behind {first:,} and one behind {last:,} tokens, the first and the last that is "
        "generated, and their mean; one byte an element; on one die, which in the law has all four stacks of HBM "
        "(`standalone`).",
        "Wormhole: decode behind 128 tokens; weights in BFP8 (8.5 bits), of the products up and to the gate in BFP4 "
        "(4.5), caches in BFP8, activations in BF16, as tt-metal's models/tt_transformers/PERF.md (2025) has it for "
        "batch 32; computing at the chip's peak, which is of BFP8. 8 and 32 chips: every product parted over all of "
        "them, columns and then rows (a plan made by hand, one stage). Images and sequences: a chip each "
        "(`standalone`), one byte an element.",
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


def _shared_name(entry: Mapping[str, Any]) -> str:
    return f"Llama-3.1-70B, batch {entry['batch']}, {entry['chips']} chips"


def _shared_note(shared: Shared) -> str:
    return f"{1e3 * shared.dram_s:.1f} ms of memory and {1e3 * shared.exchange_s:.1f} ms of exchanges; see below"


def _eight(entry: Mapping[str, Any], step: Step) -> tuple[str, ...]:
    return (
        f"Llama-3.1-8B on n150: {1e3 * step.latency_s:.1f} ms a step, of which the memory needs "
        f"{1e3 * step.floor_s:.1f} at its full bandwidth; silicon needs {1e3 / entry['rate']:.1f}. No chip exchanges "
        f"anything here, so the factor of {1 / (step.floor_s * entry['rate']):.2f} is of one chip: memory that does "
        "not reach its full bandwidth, soft-max, norms and rotary embeddings, which cost nothing here, and the time "
        "between operations. The model is too kind by all of it.",
    )


def _seventy(seventies: Sequence[tuple[Mapping[str, Any], Shared]], share: float) -> tuple[str, ...]:
    """`share`: of silicon's time on one chip, what the memory needs at its full bandwidth."""
    (few, eight), (many, all_) = seventies
    left_s = 1 / few["rate"] - eight.dram_s / share - eight.exchange_s
    return (
        *(_parts(entry, shared) for entry, shared in seventies),
        "Both are what the law has for a stage of all layers, columns and then rows, without its terms of ports and "
        "links: it lets a region use one memory interface, so all weights would enter at one chip and leave by its "
        f"port, {1e3 * eight.port_s:,.0f} and {1e3 * all_.port_s:,.0f} ms. Parts of a model that lie in the memory of "
        "the chip that uses them cannot be said yet.",
        f"Eight chips, the factor between of {_factor(few, eight):.2f}: with the share of its bandwidth that "
        f"memory has on one chip ({share:.2f}) the weights would take {1e3 * eight.dram_s / share:.1f} ms, and with "
        f"our exchanges the step {1e3 * (eight.dram_s / share + eight.exchange_s):.1f}. The {1e3 * left_s:.1f} ms that "
        f"are left are {1e6 * left_s / eight.exchanges:.0f} us for each of the {eight.exchanges} sums over all chips, "
        f"beside {1e6 * eight.exchange_s / eight.exchanges:.0f} us of ours: starting a transfer, and sums and gathers "
        "step by step round a ring, where the law has one transfer at the link's full bandwidth.",
        f"32 chips, {_factor(many, all_):.2f}: the same share alone would make it "
        f"{1e3 * (all_.dram_s / share + all_.exchange_s):.1f} ms, more than the {1e3 / many['rate']:.1f} measured. So "
        "silicon does what this plan does not. By tt-metal's models/demos/llama3_70b_galaxy (2025) cores of their own "
        "fetch weights all the time, while others compute and exchange, where our exchanges wait for no weights but "
        "come behind the computing; and products are parted two ways, over 8 rows and 4 columns of chips, so a sum "
        "goes over 8 chips and a quarter of the outputs, where ours goes over all 32. A region that is parted two ways "
        "cannot be said yet.",
        "Where the model is too kind: memory at its full bandwidth (most of it), no time between operations or for "
        "starting a transfer, norms and soft-max for nothing, partial sums as wide as activations. Where it is not "
        "kind enough: exchanges that could overlap with loading, and sums over all chips at once.",
    )


def _parts(entry: Mapping[str, Any], shared: Shared) -> str:
    rest_s = shared.step.latency_s - shared.dram_s - shared.exchange_s
    return (
        f"Llama-3.1-70B on {entry['chips']} chips: {1e3 * shared.step.latency_s:.1f} ms a step, of which "
        f"{1e3 * shared.dram_s:.1f} go to all bytes at the memories' full bandwidth, {1e3 * shared.exchange_s:.1f} to "
        f"what the chips exchange, {shared.exchanges} sums over all of them first, and {1e3 * rest_s:.1f} to what "
        f"these do not hide; silicon needs {1e3 / entry['rate']:.1f}."
    )


def _factor(entry: Mapping[str, Any], shared: Shared) -> float:
    """Silicon's time over ours."""
    rate: float = entry["rate"]
    return 1 / (rate * shared.step.latency_s)


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
        "Two and eight chips: ours are two and eight times one of 64 cores; of 32 chips how many cores each has is not "
        "published, and `wormhole-32` has 72. Silicon loses "
        + ", ".join(
            f"{100 * (1 - entry['rate'] / entry['chips'] / wormhole['resnet50'][0]['rate']):.0f} %"
            for entry in wormhole["resnet50"][1:]
        )
        + " a chip with 2, 8 and 32 of them, against n150, which has 72 cores.",
    )


def _bert(entry: Mapping[str, Any]) -> tuple[str, ...]:
    steps = {tokens: alone(build_model("bert_large", sequence=tokens), entry["package"]) for tokens in (128, 384)}
    named = ", ".join(f"{1 / step.latency_s:.0f} with {tokens} tokens" for tokens, step in steps.items())
    return (
        f"BERT-Large on n150: sequences/s, one at a time, {named}; {entry['rate']} are measured, with a number of "
        "tokens that is not stated. Soft-max, norms and GELU are folded, and nothing is lost between operations.",
    )
