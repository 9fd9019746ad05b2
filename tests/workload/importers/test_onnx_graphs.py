"""Random networks: their layers are those that were drawn, shapes chain, and files and problems can be made of them."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="ONNX files need the package onnx")

import onnx

from chipweave.files.model_file import dump_model, load_model
from chipweave.plan.problem import Fidelity, pose
from chipweave.workload.importers.onnx.model import read_onnx
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task
from tests.support import RoundNumbers, random_package
from tests.workload.importers.onnx_nets import Net

SIDE = 4


Channel = tuple[str, int]
"""The convolution that made it (or `input`), and its number there."""


def drawn(rng: random.Random) -> tuple[Net, int, int, dict[str, list[Channel]]]:
    """A net with its MACs, its weights, and the channels that each convolution reads.

    Every tensor is a map of SIDE x SIDE, followed as the list of its channels.
    """
    net = Net()
    maps: list[tuple[str, list[Channel]]] = [(net.input("x", (1, 4, SIDE, SIDE)), [("input", i) for i in range(4)])]
    macs = weights = 0
    reads: dict[str, list[Channel]] = {}
    for index in range(rng.randint(1, 12)):
        x, makers = rng.choice(maps)
        what = rng.choice(("conv", "conv", "relu", "norm", "concat", "split", "slice", "turn"))
        C = len(makers)
        if what == "conv":
            K, name = rng.choice((2, 3, 4)), f"conv{index}"
            x = net.node("Conv", x, net.weight(f"{name}.weight", K, C, 3, 3), pads=[1] * 4)
            macs, weights = macs + SIDE * SIDE * K * C * 9, weights + K * C * 9
            reads[name] = makers
            maps.append((x, [(name, k) for k in range(K)]))
        elif what == "relu":
            maps.append((net.node("Relu", x), makers))
        elif what == "norm":
            parts = [net.weight(f"norm{index}.{i}", C) for i in range(4)]
            maps.append((net.node("BatchNormalization", x, *parts), makers))
        elif what == "concat":
            y, others = rng.choice(maps)
            maps.append((net.node("Concat", x, y, axis=1), makers + others))
        elif what == "split" and C > 1:
            at = rng.randint(1, C - 1)
            first, second = net.node("Split", x, net.value(at, C - at), outputs=2, axis=1)
            maps += [(first, makers[:at]), (second, makers[at:])]
        elif what == "slice":
            low = rng.randrange(C)
            high = rng.randint(low + 1, C)
            part = net.node("Slice", x, net.value(low), net.value(high), net.value(1))
            maps.append((part, makers[low:high]))
        else:  # to rows, back, and to a map again
            rows = net.node("Reshape", net.node("Transpose", x, perm=[0, 2, 3, 1]), net.value(1, SIDE * SIDE, C))
            back = net.node("Transpose", net.node("Reshape", rows, net.value(1, SIDE, SIDE, C)), perm=[0, 3, 1, 2])
            maps.append((back, makers))
    if not macs:
        net.node("Conv", "x", net.weight("conv.weight", 1, 4, 1, 1))
        return net, SIDE * SIDE * 4, 4, {"conv": maps[0][1]}
    return net, macs, weights, reads


def imported(net: Net, folder: Path) -> Model:
    onnx.save_model(net.model(), folder / "net.onnx")
    made = read_onnx(folder / "net.onnx")
    assert made.unsupported == {}
    return made.model


@settings(max_examples=150)
@given(st.integers(0, 2**32))
def test_random_networks(seed: int) -> None:
    rng = random.Random(seed)
    net, macs, weights, reads = drawn(rng)
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = imported(net, folder)
        (folder / "net.yaml").write_text(dump_model(model))
        assert load_model(folder / "net.yaml") == model
    assert (model.macs, model.weight_elements) == (macs, weights)
    names = [*(layer.name for layer in model.layers), "input"]
    for layer, edges in zip(model.layers, model.operands, strict=True):
        channels = reads[layer.name]
        assert {names[edge.producer] for edge in edges} == {maker for maker, _ in channels}
        if len(set(channels)) == len(channels):  # else one channel comes in twice, and travels once
            brought = {names[edge.producer]: edge.elements for edge in edges}
            assert brought == {name: SIDE**2 * n for name, n in Counter(maker for maker, _ in channels).items()}
            assert not any(edge.reshape for edge in edges)
    package = random_package(rng)
    problem = pose(Scenario("one", (Task("net", model, 1),)), package, RoundNumbers(), Fidelity.DETAILED)
    assert len(problem.scenario.tasks[0].model.layers) == len(model.layers)
