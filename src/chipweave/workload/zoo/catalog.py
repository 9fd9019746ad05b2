"""Every built-in network by name."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature

from chipweave.errors import InputError, did_you_mean
from chipweave.workload.model import Model
from chipweave.workload.zoo import (
    alexnet,
    d2go,
    darknet,
    eyecod,
    googlenet,
    hand,
    hrvit,
    language,
    midas,
    mobilenet,
    paper,
    planercnn,
    resnet,
    sparse_to_dense,
    transformer,
    unet,
    vgg,
)

_FAITHFUL: tuple[Callable[..., Model], ...] = (
    resnet.resnet18,
    resnet.resnet34,
    resnet.resnet50,
    resnet.resnet101,
    resnet.resnet152,
    vgg.vgg16,
    alexnet.alexnet,
    alexnet.alexnet_2012,
    mobilenet.mobilenet_v2,
    googlenet.googlenet,
    googlenet.googlenet_torchvision,
    darknet.darknet19,
    transformer.gpt2,
    transformer.gpt2_medium,
    transformer.gpt2_large,
    transformer.gpt2_xl,
    transformer.bert_base,
    transformer.bert_large,
    transformer.llama_7b,
    transformer.emformer_em24l,
    language.llama3_8b_decode,
    language.llama3_8b_prefill,
    language.llama3_70b_decode,
    language.mixtral_8x7b_decode,
    language.deepseek_v3_decode,
    language.gpt2_large_decode,
    unet.unet,
    unet.unet_572_valid,
    sparse_to_dense.sparse_to_dense,
    hrvit.hrvit_b1,
    midas.midas_v21_small,
    midas.midas_v21_small_256,
    eyecod.eyecod,
    eyecod.eyecod_ritnet,
    eyecod.eyecod_fbnetc100,
    eyecod.ritnet_640x400,
    d2go.d2go_fbnetv3a,
    planercnn.planercnn,
    planercnn.planercnn_640,
    hand.hand_graph_cnn,
    hand.hand_graph_cnn_256,
)
_AS_PUBLISHED: tuple[Callable[..., Model], ...] = (
    paper.gpt_l,
    paper.gpt2_large,
    paper.bert_l,
    paper.bert_large,
    paper.bert_base,
    paper.resnet50,
    paper.unet,
    paper.googlenet,
    paper.d2go,
    paper.planercnn,
    paper.midas,
    paper.emformer,
    paper.hrvit,
    paper.hand,
    paper.eyecod,
    paper.ritnet,
    paper.fbnetc,
    paper.sparse_to_dense,
    paper.res8_narrow,
    paper.ed_tcn,
)

MODELS: dict[str, Callable[..., Model]] = {
    **{builder.__name__: builder for builder in _FAITHFUL},
    **{f"paper/{builder.__name__}": builder for builder in _AS_PUBLISHED},
}
"""Builders by name. Their parameters are whole numbers, and the defaults give the published network."""


def build_model(name: str, /, **parameters: int) -> Model:
    """Build a network of the zoo, for one sample (the batch is the scenario's).

    Args:
        name: a key of `MODELS`.
        parameters: the builder's own, such as `resolution`, `height`, `width` (pixels) or `sequence` (tokens).

    Raises:
        InputError: an unknown name or parameter, or a value that is not a whole number or out of range.
    """
    if name not in MODELS:
        raise InputError(f"unknown model '{name}'{did_you_mean(name, MODELS)}")
    builder = MODELS[name]
    known = signature(builder).parameters
    problems = []
    for key, value in parameters.items():
        if not known:
            problems.append(f"model '{name}' has no parameters; leave out '{key}'")
        elif key not in known:
            problems.append(f"model '{name}': unknown parameter '{key}'{did_you_mean(key, known)}")
        elif not isinstance(value, int) or isinstance(value, bool):
            problems.append(f"model '{name}': {key}={value!r} is not a whole number")
    if problems:
        raise InputError(problems)
    return builder(**parameters)
