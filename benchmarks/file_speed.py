"""How fast models are read and written as YAML.

    python -m benchmarks.file_speed [--layers 1000]

Prints seconds and layers per second, with the compiled YAML parser and with the pure one it falls back to.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import ruamel.yaml

from chipweave.files.model_file import dump_model, model_from_dict
from chipweave.files.yaml import parse_yaml
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model


def chain(count: int) -> Model:
    layers = tuple(Layer(f"layer{i}", Op.CONV, K=64, C=64, Y=56, X=56, R=3, S=3, padding=(1, 1)) for i in range(count))
    return Model("chain", layers, tuple(Edge(i - 1, i, 64 * 56 * 56) for i in range(count)))


def timed(label: str, count: int, work: Callable[[], object]) -> None:
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    print(f"{label:28} {seconds:8.3f} s {count / seconds:12,.0f} layers/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=1000)
    count = parser.parse_args().layers
    model = chain(count)
    text = dump_model(model)
    timed("write", count, lambda: dump_model(model))
    timed("read, compiled parser", count, lambda: model_from_dict(parse_yaml(text, "chain")))
    compiled = ruamel.yaml.YAML
    ruamel.yaml.YAML = lambda typ: compiled(typ=typ, pure=True)
    timed("read, pure parser", count, lambda: model_from_dict(parse_yaml(text, "chain")))


if __name__ == "__main__":
    main()
