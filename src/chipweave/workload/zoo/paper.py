"""The networks as SCAR most likely ran them, defects included.

SCAR's layer counts and batches match three public artefacts: MAESTRO's `data/model/*.m` files, the usage scenarios of
XRBench (whose rows are a trace of every layer that has weights), and five matrix products per transformer block. Each
function says what its artefact gets wrong. Shapes therefore often do not chain; such edges are marked `reshape` and
carry the producer's whole output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace

from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.zoo import d2go as d2go_net
from chipweave.workload.zoo import eyecod as eyecod_net
from chipweave.workload.zoo import googlenet as googlenet_net
from chipweave.workload.zoo import hand as hand_net
from chipweave.workload.zoo import hrvit as hrvit_net
from chipweave.workload.zoo import midas as midas_net
from chipweave.workload.zoo import planercnn as planercnn_net
from chipweave.workload.zoo import sparse_to_dense as sparse_to_dense_net
from chipweave.workload.zoo import transformer
from chipweave.workload.zoo._builder import require

MAESTRO = "maestro-project/maestro 4eb08d1 data/model"
XRBENCH = "XRBench/XRBench-MLSys2023 8915666 usage_scenarios"
FIVE_ROWS = "five matrix products per block {Q, KV, projection, FF1, FF2}, no attention products or head; approximate"


@dataclass(frozen=True, slots=True)
class PaperLayer:
    """One line of an artefact. Maps are written without padding."""

    op: Op
    K: int
    C: int
    R: int
    S: int
    Y: int
    X: int
    stride: int = 1


Line = tuple[str, PaperLayer, tuple[int, ...]]
"""A row with its name and its producers."""


def gpt_l(sequence: int = 128, blocks: int = 24, width: int = 1024) -> Model:
    """120 rows: SCAR's count for GPT-L, which fits GPT-2 Medium's 24 blocks, not GPT-2 Large's 36."""
    return _five_row_transformer("paper/gpt_l", sequence, blocks, width)


def gpt2_large(sequence: int = 128, blocks: int = 36, width: int = 1280) -> Model:
    """The real GPT-2 Large at the same granularity: 180 rows."""
    return _five_row_transformer("paper/gpt2_large", sequence, blocks, width)


def bert_l(sequence: int = 128, blocks: int = 12, width: int = 1024) -> Model:
    """60 rows: SCAR's count for BERT-L, half of BERT-Large's blocks."""
    return _five_row_transformer("paper/bert_l", sequence, blocks, width)


def bert_large(sequence: int = 128, blocks: int = 24, width: int = 1024) -> Model:
    """The real BERT-Large at the same granularity: 120 rows."""
    return _five_row_transformer("paper/bert_large", sequence, blocks, width)


def bert_base(sequence: int = 128, blocks: int = 12, width: int = 768) -> Model:
    """60 rows; SCAR does not publish its count."""
    return _five_row_transformer("paper/bert_base", sequence, blocks, width)


def emformer() -> Model:
    """Without the attention products."""
    return _trace("paper/emformer", _weighted(transformer.emformer_em24l()), "ASR_EM_24L")


def resnet50(resolution: int = 224) -> Model:
    """66 rows: the adds are 1x1 depthwise layers; the shortcut convolutions and the pools are missing.

    CONV3_2 to CONV3_4 read 256 channels in place of 512, and FC1000 is a 7x7 convolution over 2048 channels.
    """
    require("paper/resnet50", minimum=96, step=32, resolution=resolution)
    stem = PaperLayer(Op.CONV, 64, 3, 7, 7, resolution, resolution, 2)
    rows: list[Line] = [("CONV1", stem, (NETWORK_INPUT,))]
    previous, C, size = 0, 64, resolution // 4
    for stage, blocks in enumerate((3, 4, 6, 3), start=2):
        width = 16 << stage
        for block in range(1, blocks + 1):
            name, at, stride = f"CONV{stage}_{block}", len(rows), 1
            entry = size
            if block == 1 and stage > 2:
                size, stride = size // 2, 2
            # The file calls the second block's add CONV3_1_Residual too.
            add = "CONV3_1_Residual" if name == "CONV3_2" else f"{name}_Residual"
            rows += [
                (f"{name}_1", PaperLayer(Op.CONV, width, C, 1, 1, entry, entry, stride), (previous,)),
                (f"{name}_2", PaperLayer(Op.CONV, width, width, 3, 3, size, size), (at,)),
                (f"{name}_3", PaperLayer(Op.CONV, 4 * width, width, 1, 1, size, size), (at + 1,)),
                (add, PaperLayer(Op.DEPTHWISE, 4 * width, 4 * width, 1, 1, size, size), (at + 2, previous)),
            ]
            previous = at + 3
            C = 256 if stage == 3 and block < blocks else 4 * width
    rows.append(("FC1000", PaperLayer(Op.CONV, 1000, C, size, size, size, size), (previous,)))
    return _artefact("paper/resnet50", rows, f"{MAESTRO}/Resnet50_model.m (dimensions verbatim, edges added)")


def unet(resolution: int = 572) -> Model:
    """23 rows: the convolutions, without pools. TRCONV2 makes 512 channels in place of 256.

    SCAR states 512x512x1; other sizes than the file's 572 follow the same unpadded arithmetic, odd maps rounded down.
    """
    require("paper/unet", minimum=188, resolution=resolution)
    rows: list[Line] = []
    C, size, skips = 1, resolution, {}
    for level in range(1, 6):
        K = 32 << level
        rows.append((f"CONV{level}_1", PaperLayer(Op.CONV, K, C, 3, 3, size, size), (len(rows) - 1,)))
        skips[level] = len(rows)
        rows.append((f"CONV{level}_2", PaperLayer(Op.CONV, K, K, 3, 3, size - 2, size - 2), (len(rows) - 1,)))
        C, size = K, (size - 4) // 2 if level < 5 else size - 4
    for level in range(4, 0, -1):
        K = 32 << level
        up = PaperLayer(Op.TRANSPOSED, 512 if level == 3 else K, C, 2, 2, size, size, 2)
        rows.append((f"TRCONV{5 - level}", up, (len(rows) - 1,)))
        size *= 2
        rows.append((f"CONV{level}_3", PaperLayer(Op.CONV, K, 2 * K, 3, 3, size, size), (len(rows) - 1, skips[level])))
        rows.append((f"CONV{level}_4", PaperLayer(Op.CONV, K, K, 3, 3, size - 2, size - 2), (len(rows) - 1,)))
        C, size = K, size - 4
    rows.append(("CONV1_5", PaperLayer(Op.CONV, 2, C, 1, 1, size, size), (len(rows) - 1,)))
    return _artefact("paper/unet", rows, f"{MAESTRO}/UNet_model.m (dimensions verbatim, skips added)")


def googlenet() -> Model:
    """64 rows in the order of torchvision's modules, not of execution: 3x3 in place of 5x5, both auxiliary heads."""
    rows: list[PaperLayer] = []
    for name, row in _weighted(googlenet_net.googlenet_torchvision()).items():
        rows.append(replace(row, stride=2) if name == "conv1.conv" else row)
        if name in ("inception4a.branch4.1.conv", "inception4d.branch4.1.conv"):
            channels = 512 if "4a" in name else 528
            rows.append(PaperLayer(Op.CONV, 128, channels, 1, 1, 4, 4))
            rows += [PaperLayer(Op.GEMM, 1024, 2048, 1, 1, 1, 1), PaperLayer(Op.GEMM, 1000, 1024, 1, 1, 1, 1)]
    named = [(f"{'Linear' if row.op is Op.GEMM else 'Conv2d'}-{i}", row) for i, row in enumerate(rows, start=1)]
    return _chain("paper/googlenet", named, f"{MAESTRO}/googlenet_model.m (dimensions verbatim, a chain)")


def d2go() -> Model:
    """Depthwise layers dense, one region in place of 30, and the two last layers over 200 rows in place of one."""
    return _trace("paper/d2go", _vectors_as_matrices(_weighted(d2go_net.d2go_fbnetv3a())), "OD_D2go_FasterRCNN")


def planercnn() -> Model:
    """Region proposals on the coarsest level alone, module order, and a few wrong map sizes."""
    rows = _vectors_as_matrices(_weighted(planercnn_net.planercnn()))
    rows["C3.0.conv2"] = replace(rows["C3.0.conv2"], Y=40, X=40)
    for name in ("depth.deconv3", "depth.conv4"):
        rows[name] = replace(rows[name], X=30)
    rows["cls.conv1"] = replace(rows["cls.conv1"], Y=2, X=2)
    rows["mask.deconv"] = replace(rows["mask.deconv"], Y=3, X=3)
    rows["mask.conv5"] = replace(rows["mask.conv5"], Y=7, X=7)
    order = ("depth.", "coordinates", "rpn.P6.", "cls.", "mask.", "refine.")
    return _trace("paper/planercnn", _reordered(rows, drop=("rpn.",), order=order), "PD_Plane_RCNN_Quarter")


def midas() -> Model:
    """The stem and the stride-2 depthwise layers are missing: their padded convolutions escaped the trace."""
    rows = _weighted(midas_net.midas_v21_small())
    strided = ("e.conv_stem", *(f"e.blocks.{stage}.0.conv_dw" for stage in (1, 2, 3, 5)))
    order = (*(f"scratch.layer{level}_rn" for level in (1, 2, 3, 4)), "r4.", "r3.", "r2.", "r1.", "out.")
    return _trace("paper/midas", _reordered(rows, drop=strided, order=order), "DE_midas_v21_small")


def hrvit() -> Model:
    """Without the attention products; the small matrices of the diversity shortcuts have too few rows."""
    rows = _vectors_as_matrices(_weighted(hrvit_net.hrvit_b1()))
    tokens = 1
    for name, row in rows.items():
        if ".des." in name:
            rows[name] = replace(row, Y=tokens)
        tokens = rows[name].Y
    return _trace("paper/hrvit", rows, "SS_HRViT_b1")


def hand() -> Model:
    """Graph convolutions over one vertex, and two fully connected layers of the wrong width."""
    rows = _weighted(hand_net.hand_graph_cnn())
    for name, row in rows.items():
        if ".cl" in name:
            rows[name] = replace(row, Y=1)
    rows["mesh.fc1"] = replace(rows["mesh.fc1"], C=4096)
    rows["pose.fc1"] = replace(rows["pose.fc1"], C=512)
    return _trace("paper/hand", rows, "HT_hand_graph_cnn_half")


def ritnet() -> Model:
    """Every layer reads and makes 32 channels: the growth by concatenation and the 4 classes are lost."""
    return _trace("paper/ritnet", _ritnet_rows(), "ES_RITNet")


def fbnetc() -> Model:
    """The 1x1 expansions by 1 are missing, and the classifier is a convolution."""
    return _trace("paper/fbnetc", _fbnetc_rows(), "GE_FBNet_C")


def eyecod() -> Model:
    """`paper/ritnet`, then `paper/fbnetc`, as one model."""
    parts = {"ritnet": _ritnet_rows(), "fbnetc": _fbnetc_rows()}
    named = [(f"{part}.{name}", row) for part, rows in parts.items() for name, row in _numbered(rows.values())]
    return _chain("paper/eyecod", named, f"{XRBENCH}, ES_RITNet followed by GE_FBNet_C (dimensions verbatim, a chain)")


def sparse_to_dense() -> Model:
    return _trace("paper/sparse_to_dense", _weighted(sparse_to_dense_net.sparse_to_dense()), "DR_RGBd_200")


def res8_narrow() -> Model:
    """The keyword spotter of XRBench's AR assistant, which SCAR leaves out."""
    rows = {f"conv{index}": PaperLayer(Op.CONV, 19, 19, 3, 3, 24, 13) for index in range(2, 8)}
    rows = {"conv1": PaperLayer(Op.CONV, 19, 1, 3, 3, 98, 40), **rows, "fc1": PaperLayer(Op.GEMM, 12, 19, 1, 1, 19, 1)}
    return _trace("paper/res8_narrow", rows, "KD_res8_narrow")


def ed_tcn() -> Model:
    """The action segmenter of XRBench's second social scenario, which SCAR leaves out."""
    shapes = ((64, 128, 668), (96, 64, 346), (96, 96, 346), (64, 96, 668))
    rows = {f"conv{i}": PaperLayer(Op.CONV, K, C, 25, 1, Y, 1) for i, (K, C, Y) in enumerate(shapes)}
    return _trace("paper/ed_tcn", rows, "AS_ED_TCN")


def _ritnet_rows() -> dict[str, PaperLayer]:
    return {name: replace(row, K=32, C=32) for name, row in _weighted(eyecod_net.eyecod_ritnet()).items()}


def _fbnetc_rows() -> dict[str, PaperLayer]:
    rows = _weighted(eyecod_net.eyecod_fbnetc100())
    for block in ("0.0", "1.1", "1.2"):
        del rows[f"blocks.{block}.conv_pw"]
    rows["classifier"] = replace(rows["classifier"], op=Op.CONV)
    return rows


def _five_row_transformer(name: str, sequence: int, blocks: int, width: int) -> Model:
    """A block's readers list its second feed-forward and its projection: the older residual stream is abridged."""
    require(name, minimum=1, sequence=sequence)
    require(name, minimum=1, maximum=transformer.MOST_BLOCKS, blocks=blocks)
    require(name, minimum=1, width=width)
    rows: list[Line] = []
    entry: tuple[int, ...] = (NETWORK_INPUT,)
    for block in range(blocks):
        at = 5 * block
        shapes: tuple[tuple[str, int, int, tuple[int, ...]], ...] = (
            ("q", 1, 1, entry),
            ("kv", 2, 1, entry),
            ("proj", 1, 1, (at, at + 1)),
            ("ff1", 4, 1, (at + 2, *entry)),
            ("ff2", 1, 4, (at + 3,)),
        )
        for part, K, C, producers in shapes:
            rows.append((f"blk{block}.{part}", PaperLayer(Op.GEMM, K * width, C * width, 1, 1, sequence, 1), producers))
        entry = (at + 4, at + 2)
    return _artefact(name, rows, FIVE_ROWS)


def _weighted(model: Model) -> dict[str, PaperLayer]:
    """XRBench's view of a network: the layers that have weights; dense, at stride 1, one copy of each."""
    kept = (layer for layer in model.layers if layer.weight_elements)
    return {
        layer.name: PaperLayer(
            Op.GEMM if layer.op is Op.GEMM else Op.CONV, layer.K, layer.C, layer.R, layer.S, layer.Y, layer.X
        )
        for layer in kept
    }


def _vectors_as_matrices(rows: dict[str, PaperLayer]) -> dict[str, PaperLayer]:
    """A fully connected layer over a vector of C features is written as one over C rows."""
    return {name: replace(row, Y=row.C) if row.op is Op.GEMM and row.Y == 1 else row for name, row in rows.items()}


def _reordered(rows: dict[str, PaperLayer], drop: Sequence[str], order: Sequence[str]) -> dict[str, PaperLayer]:
    """Rows that match a prefix of `order` move to the end, prefix by prefix; of the others, those in `drop` go."""
    late = [name for prefix in order for name in rows if name.startswith(prefix)]
    early = [name for name in rows if name not in late and not name.startswith(tuple(drop))]
    return {name: rows[name] for name in (*early, *late)}


def _trace(name: str, rows: dict[str, PaperLayer], table: str) -> Model:
    return _chain(name, _numbered(rows.values()), f"{XRBENCH}, {table} (dimensions verbatim, a chain)")


def _numbered(rows: Iterable[PaperLayer]) -> list[tuple[str, PaperLayer]]:
    """conv1, conv2, ... and fc1, fc2, ..., counted apart, as XRBench names its rows."""
    counts: Counter[str] = Counter()
    named = []
    for row in rows:
        kind = "fc" if row.op is Op.GEMM else "conv"
        counts[kind] += 1
        named.append((f"{kind}{counts[kind]}", row))
    return named


def _chain(name: str, rows: Iterable[tuple[str, PaperLayer]], source: str) -> Model:
    return _artefact(name, [(label, row, (index - 1,)) for index, (label, row) in enumerate(rows)], source)


def _artefact(name: str, rows: Iterable[Line], source: str) -> Model:
    """Layers as written, unpadded; an edge is the producer's whole output, `reshape` where that is not what is read."""
    layers: list[Layer] = []
    edges: list[Edge] = []
    uses: Counter[str] = Counter()
    for index, (label, row, producers) in enumerate(rows):
        unique = f"{label}#{uses[label]}" if uses[label] else label
        uses[label] += 1
        layer = _layer(unique, row)
        outputs = [layer.input_elements if p == NETWORK_INPUT else layers[p].output_elements for p in producers]
        reshape = sum(outputs) != layer.input_elements
        edges += [Edge(p, index, moved, reshape) for p, moved in zip(producers, outputs, strict=True)]
        layers.append(layer)
    return Model(name, tuple(layers), tuple(edges), source=source)


def _layer(name: str, row: PaperLayer) -> Layer:
    """An unpadded layer. One output remains where the filter is larger than its map (four artefacts have such rows)."""
    op, K, C, R, S, Y, X, stride = astuple(row)
    groups = C if op is Op.DEPTHWISE else 1
    out_y, out_x = (1 if op is Op.CONV and size < kernel else 0 for size, kernel in ((Y, R), (X, S)))
    return Layer(name, op, K, C, Y, X, R, S, out_y=out_y, out_x=out_x, stride=(stride, stride), groups=groups)
