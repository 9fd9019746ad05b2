"""HRViT-b1 (Gu et al. 2022), the ImageNet classifier: four resolutions in parallel, cross-shaped attention."""

from __future__ import annotations

from chipweave.workload.layer import Op
from chipweave.workload.model import Model
from chipweave.workload.zoo._builder import Activation, Graph, network_input, require

# Blocks of each resolution in the six stages.
STAGES = ((1,), (1, 1), (1, 1, 6), (1, 1, 6), (1, 1, 6, 2), (1, 1, 2, 2))
WIDTHS = (32, 64, 128, 256)
WINDOWS = (1, 2, 7, 7)
"""Height of the horizontal stripes (and width of the vertical ones) at each resolution."""
HEAD_WIDTHS = (16, 32, 32, 32)


def hrvit_b1(resolution: int = 224) -> Model:
    """Maps that the windows do not divide (resolutions other than 224 n) are padded up to whole windows."""
    require("hrvit_b1", minimum=32, step=32, resolution=resolution)
    graph = Graph()
    x = graph.conv("stem.conv1", network_input(3, resolution, resolution), K=32, kernel=3, stride=2)
    x = graph.conv("stem.conv2", x, K=64, kernel=3, stride=2)
    branches = [x]
    for stage, blocks in enumerate(STAGES):
        if stage > 0:
            branches = _fuse(graph, f"features.{2 * stage}", branches, len(blocks))
        branches = _stage(graph, f"features.{2 * stage + 1}", branches, blocks)
    _classifier(graph, branches)
    return graph.model("hrvit_b1", "facebookresearch/HRViT HRViT_b1_224 (Gu et al. 2022), torch.export; exact")


def _stage(graph: Graph, name: str, inputs: list[Activation], blocks: tuple[int, ...]) -> list[Activation]:
    branches = []
    for branch, x in enumerate(inputs):
        x = graph.conv(f"{name}.patch_embed.{branch}.proj.0", x, K=WIDTHS[branch])
        branches.append(graph.depthwise(f"{name}.patch_embed.{branch}.proj.1", x, kernel=3))
    for branch, repeats in enumerate(blocks):
        for block in range(repeats):
            branches[branch] = _block(graph, f"{name}.branches.{branch}.{block}", branches[branch], branch)
    return branches


def _block(graph: Graph, name: str, map_: Activation, branch: int) -> Activation:
    x, C = map_.tokens(), map_.C
    y = _attention(graph, f"{name}.attn", map_, branch)
    # The diversity shortcut: a C x C matrix as a Kronecker product of two small ones.
    right = 1 << ((C.bit_length() - 1) + 1) // 2
    z = graph.gemm(f"{name}.des.proj_right", x.regroup(right, x.elements // right), K=right)
    left = C // right
    z = graph.gemm(f"{name}.des.proj_left", z.regroup(left, x.elements // left), K=left)
    y = graph.elementwise(name, y, z.regroup(C, x.Y))
    x = graph.elementwise(name, y, x)
    y = graph.gemm(f"{name}.ffn.fc1", x, K=4 * C).regroup(4 * C, map_.Y, map_.X)
    fine = graph.depthwise(f"{name}.ffn.conv.conv_3", y.channels(2 * C), kernel=3)
    coarse = graph.depthwise(f"{name}.ffn.conv.conv_5", y.channels(2 * C), kernel=5)
    y = graph.gemm(f"{name}.ffn.fc2", (fine.tokens(), coarse.tokens()), K=C)
    return graph.elementwise(name, y, x).regroup(C, map_.Y, map_.X)


def _attention(graph: Graph, name: str, map_: Activation, branch: int) -> Activation:
    """Half the heads attend within horizontal stripes, half within vertical ones. Keys serve as values too."""
    C, half, head = map_.C, map_.C // 2, HEAD_WIDTHS[branch]
    qkv = graph.gemm(f"{name}.to_qkv", map_.tokens(), K=2 * C)
    local = graph.depthwise(f"{name}.parallel_conv.1", qkv.channels(C).regroup(C, map_.Y, map_.X), kernel=3)
    halves = []
    for length, across in ((map_.Y, map_.X), (map_.X, map_.Y)):
        windows = -(-length // WINDOWS[branch])
        tokens, heads = WINDOWS[branch] * across, windows * (half // head)
        query_key, value = (_windowed(qkv.channels(channels), windows * tokens) for channels in (2 * half, half))
        scores = graph.matmul(_product_name(graph, name), query_key, heads, tokens, head, tokens)
        y = graph.matmul(_product_name(graph, name), (scores, value), heads, tokens, tokens, head)
        halves.append(y.regroup(half, qkv.Y))  # without the padding
    y = graph.elementwise(name, *halves, local, like=map_.tokens())
    return graph.gemm(f"{name}.to_out.0", y, K=C)


def _windowed(x: Activation, tokens: int) -> Activation:
    return x if tokens == x.Y else x.resample(x.C, tokens)


def _product_name(graph: Graph, name: str) -> str:
    """The attention products are numbered over the whole network."""
    number = graph.count(Op.MATMUL)
    return f"{name}.matmul_{number}" if number else f"{name}.matmul"


def _fuse(graph: Graph, name: str, inputs: list[Activation], outputs: int) -> list[Activation]:
    """Every output resolution is the sum of all inputs, brought to its size and width."""
    fused = []
    for out in range(outputs):
        total: Activation | None = None
        for branch, x in enumerate(inputs):
            label = f"{name}.blocks.{out}.{branch}"
            if branch > out:
                y = graph.conv(f"{label}.0", x, K=WIDTHS[out])
                y = graph.upsample(f"{label}.2", y, (inputs[out].Y, inputs[out].X))
            elif branch < out:
                stride = 1 << (out - branch)
                y = graph.depthwise(f"{label}.0", x, stride + 1, stride)
                y = graph.conv(f"{label}.2", y, K=WIDTHS[out])
            else:
                y = x
            total = y if total is None else graph.elementwise(name, total, y)
        assert total is not None
        fused.append(total)
    return fused


def _classifier(graph: Graph, branches: list[Activation]) -> Activation:
    total: Activation | None = None
    for branch, x in enumerate(branches):
        name = f"head.incre_modules.{branch}.0"
        y = graph.conv(f"{name}.conv1", x, K=x.C)
        y = graph.conv(f"{name}.conv2", y, K=x.C, kernel=3)
        y = graph.conv(f"{name}.conv3", y, K=4 * x.C)
        wide = graph.elementwise(name, y, graph.conv(f"{name}.downsample.0", x, K=4 * x.C))
        if total is not None:
            down = graph.conv(f"head.downsamp_modules.{branch - 1}.0", total, K=wide.C, kernel=3, stride=2)
            wide = graph.elementwise("head", wide, down)
        total = wide
    assert total is not None
    x = graph.conv("head.final_layer.0", total, K=2048)
    return graph.gemm("head.classifier", graph.global_pool("head.pool", x), K=1000)
