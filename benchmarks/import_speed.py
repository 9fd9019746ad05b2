"""How fast ONNX files become models.

    python -m benchmarks.import_speed [--layers 1000]

A network of so many convolutions, each with a norm and an activation, and a sum after every other one, with weights of
its own in the file; and a transformer of so many matrix products, with all nodes that exporters write around them.
Wall time of the whole import, its process included, and of the summary command from a cold shell.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper, numpy_helper, save_model

from chipweave.workload.importers.onnx import import_onnx


def convolutions(count: int) -> Any:
    nodes, stored, x = [], [], "x"
    for i in range(count):
        weight = numpy_helper.from_array(np.zeros((64, 64, 3, 3), np.float32), f"conv{i}.weight")
        parts = [numpy_helper.from_array(np.zeros(64, np.float32), f"norm{i}.{part}") for part in range(4)]
        stored += [weight, *parts]
        nodes += [
            helper.make_node("Conv", [x, weight.name], [f"c{i}"], f"conv{i}", pads=[1] * 4),
            helper.make_node("BatchNormalization", [f"c{i}", *(part.name for part in parts)], [f"n{i}"], f"norm{i}"),
            helper.make_node("Relu", [f"n{i}"], [f"r{i}"], f"relu{i}"),
        ]
        if i % 2 and i > 2:
            nodes.append(helper.make_node("Add", [f"r{i}", x], [f"a{i}"], f"add{i}"))
        x = f"a{i}" if i % 2 and i > 2 else f"r{i}"
    inputs = [helper.make_tensor_value_info("x", 1, (1, 64, 56, 56))]
    return helper.make_model(helper.make_graph(nodes, "net", inputs, [], stored))


def transformer(count: int) -> Any:
    """Eight products a block."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.workload.importers import onnx_nets

    return onnx_nets.bert_base(-(-count // 8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=1000)
    count = parser.parse_args().layers
    with tempfile.TemporaryDirectory() as folder:
        for build in (convolutions, transformer):
            path = Path(folder) / f"{build.__name__}.onnx"
            model = build(count)
            save_model(model, path)
            began = time.perf_counter()
            made = import_onnx(path, {"sequence": 128} if build is transformer else None)
            seconds = time.perf_counter() - began
            began = time.perf_counter()
            dims = ["--dim", "sequence=128"] if build is transformer else []
            command = [sys.executable, "-m", "chipweave", "import", "onnx", str(path), *dims, "--json"]
            subprocess.run([*command, "--out", f"{folder}/net.yaml"], check=True, capture_output=True)
            whole = time.perf_counter() - began
            size = path.stat().st_size / 2**20
            counts = f"{len(model.graph.node):6,} nodes {len(made.model.layers):6,} layers"
            print(f"{build.__name__:12} {size:5.0f} MB {counts} {seconds:6.2f} s, with --out {whole:6.2f} s")


if __name__ == "__main__":
    main()
