"""Networks exported to ONNX by PyTorch's two exporters, imported, and held against the layer tables.

    python -m benchmarks.import_exports [--nets resnet50 gpt2_eager] [--folder DIR]

Needs torch, torchvision, transformers, onnx and onnxscript; without them it says so and ends. Networks are built from
their configurations, with random weights; exports are kept in the folder, where one is given, and not made again. MACs
and weights are compared with the zoo, which equals the reference tables, and MACs with PyTorch's own count of a run
(half of its FLOPs). Each import is a process of its own, as users have it: wall time, and peak memory of the largest.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NEEDED = ("torch", "torchvision", "transformers", "onnx", "onnxscript")
SEQUENCE = 128
VISION = {
    "resnet18": "resnet18",
    "resnet50": "resnet50",
    "mobilenet_v2": "mobilenet_v2",
    "vgg16": "vgg16",
    "googlenet": "googlenet_torchvision",
    "shufflenet_v2_x1_0": None,
    "densenet121": None,
    "efficientnet_b0": None,
    "convnext_tiny": None,
    "vit_b_16": None,
    "swin_t": None,
}
"""Of torchvision: name -> name in the zoo, where it has one."""

LANGUAGE = {"bert_base": "bert_base", "gpt2": "gpt2", "t5_small": None, "llama_small": None}
"""Of transformers, each with both ways of attention."""

NETS = {
    **VISION,
    **{f"{name}_{way}": zoo for name, zoo in LANGUAGE.items() for way in ("eager", "sdpa") if name != "t5_small"},
    "t5_small_eager": None,
}


def vision(name: str) -> tuple[Any, tuple[Any, ...]]:
    import torch
    import torchvision.models as models

    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    return getattr(models, name)(**options), (torch.zeros(1, 3, 224, 224),)


def language(name: str) -> tuple[Any, tuple[Any, ...]]:
    import torch
    import transformers as hub

    kind, way = name.rsplit("_", 1)
    if kind == "bert_base":
        net = hub.BertModel(hub.BertConfig(attn_implementation=way), add_pooling_layer=False)
    elif kind == "gpt2":
        net = hub.GPT2LMHeadModel(hub.GPT2Config(attn_implementation=way))
    elif kind == "t5_small":
        config = hub.T5Config(num_layers=4, num_decoder_layers=0, is_encoder_decoder=False, use_cache=False)
        net = hub.T5EncoderModel(config)
    else:
        config = hub.LlamaConfig(
            hidden_size=512, intermediate_size=1376, num_hidden_layers=4, num_attention_heads=8,
            num_key_value_heads=2, vocab_size=1000, attn_implementation=way,
        )  # fmt: skip
        net = hub.LlamaForCausalLM(config)

    class FirstOutput(torch.nn.Module):
        """One tensor out, and nothing remembered."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, input_ids: Any) -> Any:
            more = {} if kind in ("bert_base", "t5_small") else {"use_cache": False}
            return self.net(input_ids=input_ids, return_dict=True, **more)[0]

    return FirstOutput(), (torch.zeros(1, SEQUENCE, dtype=torch.long),)


def macs_of_a_run(net: Any, inputs: tuple[Any, ...]) -> int:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    # Fused encoders and the CPU's fused attention are not counted.
    torch.backends.mha.set_fastpath_enabled(False)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        net(*inputs)
    return counter.get_total_flops() // 2


def export(name: str, folder: Path) -> None:
    """Writes NAME-dynamo.onnx, NAME-legacy.onnx and NAME.json; an exporter that fails leaves its reason in the last."""
    import torch

    # torchvision's compiled part needs CUDA in some wheels; the networks here need only these two names.
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    net, inputs = (vision if name in VISION else language)(name)
    net.eval()
    facts: dict[str, Any] = {"macs": macs_of_a_run(net, inputs), "failed": {}}
    for exporter, options in (("dynamo", {"dynamo": True, "external_data": False}), ("legacy", {"dynamo": False})):
        path = folder / f"{name}-{exporter}.onnx"
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                torch.onnx.export(net, inputs, str(path), input_names=["x"], **options)
        except Exception as error:
            facts["failed"][exporter] = f"{type(error).__name__}: {' '.join(str(error).split())[:60]}"
            path.unlink(missing_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(facts))


IMPORT = """
import json, resource, sys, time
began = time.perf_counter()
from chipweave.workload.importers.onnx import import_onnx
made = import_onnx(sys.argv[1])
seconds = time.perf_counter() - began
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
model = made.model
print(json.dumps([model.macs, model.weight_elements, len(model.layers), made.unsupported, seconds, peak]))
"""


def report(name: str, folder: Path) -> None:
    from chipweave.workload.zoo import build_model

    facts = json.loads((folder / f"{name}.json").read_text())
    table = build_model(NETS[name]) if NETS[name] else None
    for exporter in ("dynamo", "legacy"):
        path = folder / f"{name}-{exporter}.onnx"
        if exporter in facts["failed"]:
            print(f"| {name} | {exporter} | the export fails: {facts['failed'][exporter]} |||||||||")
            continue
        done = subprocess.run([sys.executable, "-c", IMPORT, str(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"| {name} | {exporter} | {done.stderr.strip().splitlines()[-1][:100]} |||||||||")
            continue
        macs, weights, layers, unsupported, seconds, peak = json.loads(done.stdout)
        to_table = f"{macs / table.macs:.5f} | {weights / table.weight_elements:.5f}" if table else "- | -"
        print(
            f"| {name} | {exporter} | {path.stat().st_size / 2**20:.0f} | {macs:,} | {to_table} | "
            f"{macs / facts['macs']:.5f} | {layers} | {unsupported or 'none'} | {seconds:.2f} | {peak:.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", choices=NETS, default=list(NETS), metavar="NET", help=", ".join(NETS))
    parser.add_argument("--folder", type=Path, help="for the exports (2 to 3 GB)")
    parser.add_argument("--export", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.export:
        warnings.filterwarnings("ignore")
        export(arguments.export, arguments.folder)
        return
    # Not imported here: a process starts out with the peak memory of the one that started it.
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        print(f"left out: pip install {' '.join(missing)}")
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        print(", ".join(f"{package} {version(package)}" for package in NEEDED))
        print("| net | exporter | MB | MACs | / table | weights | / a run | layers | not costed | s | peak MB |")
        print("|---|---|" + "---:|" * 6 + "---|---:|---:|")
        for name in arguments.nets:
            if not (folder / f"{name}.json").exists():
                command = [sys.executable, "-m", "benchmarks.import_exports", "--export", name, "--folder", str(folder)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    reason = (done.stderr.strip().splitlines() or ["killed"])[-1][:100]
                    print(f"| {name} | | {reason} |||||||||", flush=True)
                    continue
            report(name, folder)


if __name__ == "__main__":
    main()
