"""A model from a configuration: the layers of one step, and what was decided on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Imported, legal_name
from chipweave.workload.importers.hf.attention import attention, latent_attention
from chipweave.workload.importers.hf.decoder import (
    Attention,
    Block,
    Decoder,
    DeltaRule,
    Experts,
    FeedForward,
    LatentAttention,
    Part,
    StateSpace,
)
from chipweave.workload.importers.hf.families import decoder_of
from chipweave.workload.importers.hf.feed_forward import experts, feed_forward
from chipweave.workload.importers.hf.making import Making
from chipweave.workload.importers.hf.parameters import parameters
from chipweave.workload.importers.hf.recurrent_state import delta_rule, state_space
from chipweave.workload.importers.hf.routing import Routing, experts_and_rows
from chipweave.workload.importers.hf.step import Step, step_of
from chipweave.workload.importers.hf.widths import Wanted, Widths, widths_of
from chipweave.workload.model import Model
from chipweave.workload.serves import Phase
from chipweave.workload.zoo._builder import Activation

UNIFORM = Routing()
ONE_BYTE = Widths(1, "", "")


def import_hf(
    config: Mapping[str, Any],
    *,
    phase: Phase | str,
    prompt: int | None = None,
    context: int | None = None,
    batch: int = 1,
    routing: Routing = UNIFORM,
    absorbed: bool | None = None,
    name: str = "",
    bytes_per_element: int | None = None,
    weights: str | float | None = None,
    activations: str | float | None = None,
    cache: str | float | None = None,
) -> Imported:
    """The model of one step of the language model that `config` describes, as `transformers` writes it.

    Args:
        prompt: new tokens of each sequence, for prefill; context: tokens of each that are cached before.
        batch: sequences of a step. One sample of the model is one step of all of them.
        routing: which experts tokens take.
        absorbed: latent attention works on latent vectors; None: in decode.
        name: of the model; without one, the family's with the phase.
        bytes_per_element: of weights, caches and activations; None takes the configuration's.
        weights, activations, cache: of each its own instead, a format or bits.

    Raises:
        InputError: an architecture or field that is not imported, a step that the model is not made for, widths that
            no one number says. Where a field is at fault, `fields` says which.
    """
    step = step_of(phase, prompt, context, batch)
    decoder = decoder_of(config)
    widths = widths_of(config, Wanted(bytes_per_element, weights, activations, cache))
    _require_room(decoder, step)
    label = name or f"{decoder.family}-{step.phase}"
    try:
        made = model_of(decoder, step, name=label, widths=widths, routing=routing, absorbed=absorbed)
    except InputError as error:  # sizes too large to be true are so in many layers
        more = len(error.problems) - 1
        raise InputError(error.problems[0] + (f"; {more} more layers have such problems" if more else "")) from None
    notes = [*notes_of(decoder, step, routing, absorbed), *([widths.note] if widths.note else [])]
    weighted = sum(layer.weight_elements > 0 for layer in made.layers)
    types = {widths.stated: weighted} if widths.stated else {}
    return Imported(made, {}, _folded(decoder), tuple(notes), types, parameters(decoder))


def model_of(
    decoder: Decoder,
    step: Step,
    *,
    name: str,
    widths: Widths = ONE_BYTE,
    routing: Routing = UNIFORM,
    absorbed: bool | None = None,
) -> Model:
    """The layers of one step."""
    making = Making(step, routing, step.phase is Phase.DECODE if absorbed is None else absorbed)
    making.cache_share = widths.cache_share
    graph = making.graph
    x = graph.elementwise("embeddings", making.input(decoder.embedding or decoder.width, step.rows))
    if decoder.embedding:
        x = graph.gemm("project_in", x, K=decoder.width)
    for number, block in enumerate(decoder.blocks):
        x = _block(making, f"layers.{number}", x, block)
    last = replace(x, Y=step.sequences)
    if decoder.embedding:
        last = graph.gemm("project_out", last, K=decoder.embedding)
    graph.gemm("lm_head", last, K=decoder.vocabulary)
    source = f"configuration of {decoder.family}: {step.in_words}"
    made = graph.model(legal_name(name) or decoder.family, source, widths.bytes_per_element, making.read)
    if not widths.weight_bits:
        return made
    layers = made.layers
    if widths.expert_bits:
        bits = widths.expert_bits
        layers = tuple(replace(each, weight_bits=bits) if ".experts." in each.name else each for each in layers)
    return replace(made, layers=layers, weight_bits=widths.weight_bits, activation_bits=widths.activation_bits)


def _block(making: Making, name: str, x: Activation, block: Block) -> Activation:
    if block.parallel:
        made = [_part(making, name, x, part) for part in block.parts]
        return making.graph.elementwise(f"{name}.add", x, *made)
    for part in block.parts:
        x = making.graph.elementwise(f"{name}.add", x, _part(making, name, x, part))
    return x


def _part(making: Making, name: str, x: Activation, part: Part) -> Activation:
    match part:
        case Attention():
            return attention(making, f"{name}.attention", x, part)
        case LatentAttention():
            return latent_attention(making, f"{name}.attention", x, part)
        case FeedForward():
            return feed_forward(making, f"{name}.mlp", x, part)
        case Experts():
            return experts(making, f"{name}.moe", x, part)
        case StateSpace():
            return state_space(making, f"{name}.mamba", x, part)
        case DeltaRule():
            return delta_rule(making, f"{name}.delta", x, part)


def _require_room(decoder: Decoder, step: Step) -> None:
    if decoder.positions and step.seen > decoder.positions:
        raise InputError(
            f"{step.seen} tokens ({step.context} cached, {step.tokens} new) are more than the {decoder.positions} that "
            f"the configuration of {decoder.family} allows; give fewer"
        )


def notes_of(decoder: Decoder, step: Step, routing: Routing, absorbed: bool | None) -> list[str]:
    """What was decided on the way, a sentence each."""
    parts = list(dict.fromkeys(part for block in decoder.blocks for part in block.parts))
    attends = any(isinstance(part, Attention | LatentAttention) for part in parts)
    notes = [f"one sample is one step: {step.in_words}"]
    if decoder.left_out:
        notes.append(f"left out: {', '.join(decoder.left_out)}")
    if step.tokens > 1 and attends:
        notes.append("attention of new tokens to each other is the whole square, not the triangle below its diagonal")
    if step.tokens > 1:
        notes.append("the last product makes logits of the last token of each sequence alone")
    if any(isinstance(part, LatentAttention) for part in parts):
        used = step.phase is Phase.DECODE if absorbed is None else absorbed
        way = "works on latent vectors (absorbed)" if used else "makes keys and values of all heads (not absorbed)"
        notes.append(f"latent attention {way}")
    for part in parts:
        if isinstance(part, Experts):
            touched, rows = experts_and_rows(routing, part.count, part.chosen, step.rows)
            each = f"{rows} row{'s' * (rows > 1)} at most"
            said = f"{touched} of {part.count} experts are touched, on average, each by {each}"
            notes.append(f"{said}; the weights of the others do not move (routing: {routing.label})")
    return notes


def _folded(decoder: Decoder) -> dict[str, int]:
    """What costs nothing here, by how many blocks have it."""
    attending = sum(any(isinstance(p, Attention | LatentAttention) for p in block.parts) for block in decoder.blocks)
    folded = {"embedding": 1, "norm": len(decoder.blocks) + 1, "rotary": attending, "softmax": attending}
    return {name: count for name, count in folded.items() if count}
