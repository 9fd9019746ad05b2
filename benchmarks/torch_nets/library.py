"""Networks of torchvision, transformers and timm, made without weights, each with an input of one sample."""

from __future__ import annotations

import sys
from typing import Any

SEQUENCE = 128


def googlenet() -> tuple[Any, Any]:
    """With the 5x5 convolutions of the paper; torchvision's are 3x3."""
    import torch
    from torch import nn

    net, image = torchvision_net("googlenet", init_weights=False)
    for name, part in net.named_children():
        if name.startswith("inception"):
            old = part.branch3[1].conv
            with torch.device("meta"):
                part.branch3[1].conv = nn.Conv2d(old.in_channels, old.out_channels, 5, padding=2, bias=False)
    return net, image


def midas(height: int, width: int) -> tuple[Any, Any]:
    """MiDaS v2.1 small (Ranftl et al. 2020): timm's encoder and a decoder written here."""
    import torch

    encoder = timm_net("tf_efficientnet_lite3", height, width)[0]
    from benchmarks.torch_nets.written import midas_around

    with torch.device("meta"):
        return midas_around(encoder), torch.empty(1, 3, height, width, device="meta")


_DECLARED: list[Any] = []


def torchvision_net(name: str, **options: Any) -> tuple[Any, Any]:
    import torch

    # The wheel's compiled part needs CUDA; the classifiers do not need it, only these two names.
    try:
        import torchvision.models as models
    except RuntimeError:
        for key in [key for key in sys.modules if key.startswith("torchvision")]:
            del sys.modules[key]
        declare_missing_operators()
        import torchvision.models as models
    with torch.device("meta"):
        net = getattr(models, name)(**options)
    return net, torch.empty(1, 3, 224, 224, device="meta")


def declare_missing_operators() -> None:
    import torch

    if _DECLARED:
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _DECLARED.append(library)  # the operators live as long as it does


def language_net(model: str, config: str, options: dict[str, Any], **more: Any) -> tuple[Any, Any]:
    import torch

    declare_missing_operators()
    import transformers

    settings = getattr(transformers, config)(**options)
    with torch.device("meta"):
        net = getattr(transformers, model)(settings, **more)
    return net, torch.zeros(1, SEQUENCE, dtype=torch.long)


def gpt2(blocks: int, width: int, attention: str = "sdpa") -> tuple[Any, Any]:
    options = {"n_layer": blocks, "n_embd": width, "n_head": width // 64, "attn_implementation": attention}
    return language_net("GPT2LMHeadModel", "GPT2Config", options)


def bert(blocks: int, width: int, attention: str = "sdpa") -> tuple[Any, Any]:
    options = {
        "num_hidden_layers": blocks, "hidden_size": width, "num_attention_heads": width // 64,
        "intermediate_size": 4 * width, "attn_implementation": attention,
    }  # fmt: skip
    return language_net("BertModel", "BertConfig", options, add_pooling_layer=False)


def llama(attention: str = "sdpa") -> tuple[Any, Any]:
    return language_net("LlamaForCausalLM", "LlamaConfig", {"attn_implementation": attention})


def timm_net(name: str, height: int, width: int) -> tuple[Any, Any]:
    import torch

    declare_missing_operators()
    import timm

    with torch.device("meta"):
        net = timm.create_model(name)
    return net, torch.empty(1, 3, height, width, device="meta")
