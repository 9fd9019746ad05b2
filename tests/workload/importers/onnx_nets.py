"""ONNX graphs written node by node, the way exporters write them; weights are named, but not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

OUTSIDE = "../../../../etc/passwd"
"""Where the weights are said to be: nothing may ever look."""


class Net:
    """A graph in the making; every method adds a node and returns the name of its output."""

    def __init__(self, opset: int = 17) -> None:
        self.nodes: list[NodeProto] = []
        self.stored: list[TensorProto] = []
        self.inputs: list[ValueInfoProto] = []
        self.opset = opset

    def input(self, name: str, shape: Sequence[int | str | None], element: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def weight(self, name: str, *sizes: int, element: int = TensorProto.FLOAT) -> str:
        """A tensor whose data is in a file that is not there."""
        tensor = TensorProto(name=name, dims=sizes, data_type=element, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value=OUTSIDE)
        self.stored.append(tensor)
        return name

    def value(self, *numbers: float, kind: type = np.int64, scalar: bool = False) -> str:
        """A small constant with its values."""
        name = f"value_{len(self.stored)}"
        array = np.array(numbers[0] if scalar else numbers, kind)
        self.stored.append(numpy_helper.from_array(array, name))
        return name

    def node(self, op: str, *inputs: str, outputs: int = 1, name: str = "", domain: str = "", **attributes: Any) -> Any:
        label = name or f"{op}_{len(self.nodes)}"
        made = [f"{label}_out{i or ''}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, made, label, domain=domain, **attributes))
        return made[0] if outputs == 1 else made

    def model(self, *outputs: str, functions: Sequence[Any] = (), domains: Sequence[str] = ()) -> ModelProto:
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "net", self.inputs, values, self.stored)
        sets = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
        return helper.make_model(graph, opset_imports=sets, functions=list(functions), producer_name="hand")

    # Parts that several networks share.

    def conv(self, name: str, x: str, K: int, C: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        weight = self.weight(f"{name}.weight", K, C // groups, kernel, kernel)
        pads = [kernel // 2] * 4
        return self.node(
            "Conv", x, weight, self.weight(f"{name}.bias", K), name=f"node_{name}",
            kernel_shape=[kernel] * 2, pads=pads, strides=[stride] * 2, group=groups, dilations=[1, 1],
        )  # fmt: skip

    def linear(self, name: str, x: str, C: int, K: int) -> str:
        product = self.node("MatMul", x, self.weight(f"{name}.weight", C, K), name=f"node_{name}")
        return self.node("Add", self.weight(f"{name}.bias", K), product)

    def norm(self, name: str, x: str, width: int) -> str:
        """A layer norm in nine nodes, as exporters before opset 17 write it."""
        centred = self.node("Sub", x, self.node("ReduceMean", x, axes=[-1]))
        square = self.node("Pow", centred, self.value(2.0, kind=np.float32, scalar=True))
        variance = self.node("ReduceMean", square, axes=[-1])
        sigma = self.node("Sqrt", self.node("Add", variance, self.value(1e-12, kind=np.float32, scalar=True)))
        scaled = self.node("Mul", self.node("Div", centred, sigma), self.weight(f"{name}.weight", width))
        return self.node("Add", scaled, self.weight(f"{name}.bias", width))

    def split_heads(self, x: str, heads: int, width: int, order: Sequence[int]) -> str:
        """Batch and sequence are read from the tensor itself: Shape, Gather, Unsqueeze, Concat, Reshape."""
        sizes = [
            self.node("Unsqueeze", self.node("Gather", self.node("Shape", x), self.value(axis, scalar=True)),
                      self.value(0))
            for axis in (0, 1)
        ]  # fmt: skip
        shape = self.node("Concat", *sizes, self.value(heads), self.value(width // heads), axis=0)
        return self.node("Transpose", self.node("Reshape", x, shape), perm=order)


def resnet50() -> ModelProto:
    net = Net()
    x = net.input("image", ["batch_size", 3, 224, 224])
    x = net.node("Relu", net.conv("conv1", x, 64, 3, 7, 2))
    x = net.node("MaxPool", x, name="maxpool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=0)
    C = 64
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        width = 32 << stage
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 1 else 1
            name = f"layer{stage}.{block}"
            y = net.node("Relu", net.conv(f"{name}.conv1", x, width, C, 1))
            y = net.node("Relu", net.conv(f"{name}.conv2", y, width, width, 3, stride))
            y = net.conv(f"{name}.conv3", y, 4 * width, width, 1)
            if block == 0:
                x = net.conv(f"{name}.downsample.0", x, 4 * width, C, 1, stride)
            x = net.node("Relu", net.node("Add", y, x, name=name))
            C = 4 * width
    x = net.node("Flatten", net.node("GlobalAveragePool", x, name="avgpool"), axis=1)
    x = net.node("Gemm", x, net.weight("fc.weight", 1000, C), net.weight("fc.bias", 1000), name="fc", transB=1)
    return net.model(x)


def mobilenet_v2() -> ModelProto:
    net = Net(opset=18)
    low, high = (net.value(bound, kind=np.float32, scalar=True) for bound in (0.0, 6.0))
    x = net.input("image", [1, 3, 224, 224])
    x = net.node("Clip", net.conv("features.0.0", x, 32, 3, 3, 2), low, high)
    C, index = 32, 0
    for expand, K, repeats, first in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for repeat in range(repeats):
            index += 1
            name, inner, y = f"features.{index}.conv", C * expand, x
            if expand > 1:
                y = net.node("Clip", net.conv(f"{name}.0.0", y, inner, C, 1), low, high)
            at, stride = int(expand > 1), 1 if repeat else first
            depthwise = net.conv(f"{name}.{at}.0", y, inner, inner, 3, stride, inner)
            y = net.conv(f"{name}.{at + 1}", net.node("Clip", depthwise, low, high), K, inner, 1)
            x = net.node("Add", x, y, name=f"features.{index}") if repeat else y
            C = K
    x = net.node("Clip", net.conv("features.18.0", x, 1280, C, 1), low, high)
    x = net.node("ReduceMean", x, net.value(-1, -2), name="mean", keepdims=0)
    weight = net.node("Transpose", net.weight("classifier.1.weight", 1000, 1280), perm=[1, 0])
    return net.model(net.node("MatMul", x, weight, name="classifier.1"))


def bert_base(blocks: int = 12, width: int = 768) -> ModelProto:
    """Decomposed norms and GELU, dynamic batch and sequence, an attention mask."""
    net = Net(opset=14)
    heads, shape = width // 64, ("batch", "sequence")
    words = net.node("Gather", net.weight("word", 30522, width), net.input("input_ids", shape, TensorProto.INT64))
    sequence = net.node("Unsqueeze", net.node("Gather", net.node("Shape", "input_ids"), net.value(1, scalar=True)),
                        net.value(0))  # fmt: skip
    types = net.node("Gather", net.weight("type", 2, width), net.input("token_type_ids", shape, TensorProto.INT64))
    places = net.node("Gather", net.weight("place", 512, width), net.node("Slice", net.value(*range(512)),
                      net.value(0), sequence, net.value(0)))  # fmt: skip
    x = net.norm("norm", net.node("Add", net.node("Add", words, types), places), width)
    mask = net.input("attention_mask", shape, TensorProto.INT64)
    mask = net.node("Cast", net.node("Unsqueeze", net.node("Unsqueeze", mask, net.value(1)), net.value(2)), to=1)
    mask = net.node("Mul", net.node("Sub", net.value(1.0, kind=np.float32, scalar=True), mask),
                    net.value(-1e4, kind=np.float32, scalar=True))  # fmt: skip
    for block in range(blocks):
        name = f"encoder.layer.{block}"
        q, k, v = (net.linear(f"{name}.attention.self.{part}", x, width, width) for part in ("query", "key", "value"))
        q = net.split_heads(q, heads, width, (0, 2, 1, 3))
        k = net.split_heads(k, heads, width, (0, 2, 3, 1))
        v = net.split_heads(v, heads, width, (0, 2, 1, 3))
        scores = net.node("Div", net.node("MatMul", q, k), net.value(8.0, kind=np.float32, scalar=True))
        y = net.node("MatMul", net.node("Softmax", net.node("Add", scores, mask), axis=-1), v)
        y = net.node("Reshape", net.node("Transpose", y, perm=[0, 2, 1, 3]), net.value(0, 0, width))
        y = net.linear(f"{name}.attention.output.dense", y, width, width)
        x = net.norm(f"{name}.attention.output.norm", net.node("Add", y, x), width)
        y = net.linear(f"{name}.intermediate.dense", x, width, 4 * width)
        erf = net.node("Erf", net.node("Div", y, net.value(2**0.5, kind=np.float32, scalar=True)))
        half = net.node("Mul", y, net.node("Add", erf, net.value(1.0, kind=np.float32, scalar=True)))
        y = net.node("Mul", half, net.value(0.5, kind=np.float32, scalar=True))
        y = net.linear(f"{name}.output.dense", y, 4 * width, width)
        x = net.norm(f"{name}.output.norm", net.node("Add", y, x), width)
    return net.model(x)


def gpt2(blocks: int = 12, width: int = 768, sequence: int = 128) -> ModelProto:
    """Fused norms, one projection split in three, a causal mask from a constant, a head tied to the embedding."""
    net = Net(opset=17)
    heads = width // 64
    table = net.weight("transformer.wte.weight", 50257, width)
    ids = net.input("input_ids", [1, sequence], TensorProto.INT64)
    places = net.node("Gather", net.weight("transformer.wpe.weight", 1024, width), net.value(*range(sequence)))
    x = net.node("Add", net.node("Gather", table, ids), places)
    causal = net.node("Slice", net.weight("bias", 1, 1, 1024, 1024, element=TensorProto.BOOL), net.value(0, 0),
                      net.value(sequence, sequence), net.value(2, 3))  # fmt: skip

    def norm(name: str, x: str) -> str:
        return net.node("LayerNormalization", x, net.weight(f"{name}.weight", width), net.weight(f"{name}.bias", width))

    def rows_times(name: str, x: str, C: int, K: int) -> str:
        """Conv1D: rows flattened, a Gemm, the batch restored."""
        flat = net.node("Reshape", x, net.value(-1, C))
        y = net.node("Gemm", flat, net.weight(f"{name}.weight", C, K), net.weight(f"{name}.bias", K), name=name)
        return net.node("Reshape", y, net.value(1, sequence, K))

    for block in range(blocks):
        name = f"transformer.h.{block}"
        qkv = rows_times(f"{name}.attn.c_attn", norm(f"{name}.ln_1", x), width, 3 * width)
        parts = net.node("Split", qkv, net.value(width, width, width), outputs=3, axis=2)
        q, k, v = (
            net.node("Transpose", net.node("Reshape", part, net.value(1, -1, heads, 64)), perm=order)
            for part, order in zip(parts, ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3)), strict=True)
        )
        scores = net.node("Div", net.node("MatMul", q, k), net.value(8.0, kind=np.float32, scalar=True))
        scores = net.node("Where", causal, scores, net.value(-1e9, kind=np.float32, scalar=True))
        y = net.node("MatMul", net.node("Softmax", scores), v)
        y = net.node("Reshape", net.node("Transpose", y, perm=[0, 2, 1, 3]), net.value(1, sequence, width))
        x = net.node("Add", rows_times(f"{name}.attn.c_proj", y, width, width), x)
        y = rows_times(f"{name}.mlp.c_fc", norm(f"{name}.ln_2", x), width, 4 * width)
        cube = net.node("Mul", net.node("Pow", y, net.value(3.0, kind=np.float32, scalar=True)),
                        net.value(0.044715, kind=np.float32, scalar=True))  # fmt: skip
        inner = net.node("Mul", net.node("Add", y, cube), net.value(0.797885, kind=np.float32, scalar=True))
        gate = net.node("Add", net.node("Tanh", inner), net.value(1.0, kind=np.float32, scalar=True))
        y = net.node("Mul", net.node("Mul", y, net.value(0.5, kind=np.float32, scalar=True)), gate)
        x = net.node("Add", x, rows_times(f"{name}.mlp.c_proj", y, 4 * width, width))
    head = net.node("Transpose", table, perm=[1, 0])
    return net.model(net.node("MatMul", norm("transformer.ln_f", x), head, name="lm_head"))
