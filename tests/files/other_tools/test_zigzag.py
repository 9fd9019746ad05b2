"""ZigZag's workloads: equations as layers, and the edges between them."""

from __future__ import annotations

import pytest

from chipweave.errors import InputError
from chipweave.files.other_tools.zigzag import import_workload, is_workload
from chipweave.workload.importers.assembly import Imported
from chipweave.workload.layer import Op
from chipweave.workload.model import NETWORK_INPUT, Edge


def layer(number: int, kind: str, equation: str, sizes: dict[str, int], source: str, more: str = "") -> str:
    return (
        f"- id: {number}\n  operator_type: {kind}\n  equation: {equation}\n  loop_dims: [{', '.join(sizes)}]\n"
        f"  loop_sizes: [{', '.join(map(str, sizes.values()))}]\n"
        "  operand_precision: {W: 8, I: 8, O: 16, O_final: 8}\n"
        f"  operand_source: {{{source}}}\n{more}"
    )


CONV = "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]"
SUM = "O[b][g][oy][ox]=W[b][g][oy][ox]+I[b][g][oy][ox]"
POOL = "O[b][g][oy][ox]+=W[fx][fy]*I[b][g][iy][ix]"


def relations(stride: int, dilation: int = 1) -> str:
    return f"  dimension_relations: [ix={stride}*ox+{dilation}*fx, iy={stride}*oy+{dilation}*fy]\n"


def conv(number: int, K: int, C: int, out: int, filter_: int, source: str, stride: int = 1) -> str:
    sizes = {"B": 1, "K": K, "C": C, "OY": out, "OX": out, "FY": filter_, "FX": filter_}
    return layer(number, "Conv", CONV, sizes, source, relations(stride))


BLOCK = (
    conv(0, 64, 3, 112, 7, "I: 0, W: 0", 2)
    + layer(1, "Pooling", POOL, {"B": 1, "G": 64, "OY": 56, "OX": 56, "FX": 3, "FY": 3}, "I: 0, W: 1", relations(2))
    + conv(2, 64, 64, 56, 3, "I: 1, W: 2")
    + conv(3, 64, 64, 56, 3, "I: 2, W: 3")
    + layer(4, "Add", SUM, {"B": 1, "G": 64, "OY": 56, "OX": 56}, "W: 1, I: 3")
)


def read(text: str) -> Imported:
    return import_workload(text, "work.yaml", name="net")


def test_resnets_first_block() -> None:
    """Stem 112^2 * 64 * 147, pool, two convolutions of 56^2 * 64 * 576, and the sum with the skip edge."""
    made = read(BLOCK)
    model = made.model
    assert [layer.op for layer in model.layers] == [Op.CONV, Op.POOL, Op.CONV, Op.CONV, Op.ELEMENTWISE]
    assert model.macs == 112**2 * 64 * 147 + 2 * 56**2 * 64 * 576
    assert model.weight_elements == 64 * 147 + 2 * 64 * 576
    map_ = 64 * 56 * 56
    assert model.operands[4] == (Edge(1, 4, map_), Edge(3, 4, map_))
    assert model.operands[0] == (Edge(NETWORK_INPUT, 0, 3 * 229 * 229),)
    assert (model.layers[0].name, made.unsupported, made.folded) == ("Conv_0", {}, {})
    assert (made.element_types, model.bytes_per_element) == ({"8-bit": 6}, 1)


def test_sizes_and_padding_of_the_input_where_they_are_given() -> None:
    more = relations(2) + "  pr_loop_dims: [IX, IY]\n  pr_loop_sizes: [224, 200]\n  padding: [[3, 2], [1, 0]]\n"
    sizes = {"B": 1, "K": 8, "C": 3, "OY": 98, "OX": 112, "FY": 7, "FX": 7}
    (made,) = read(layer(7, "Conv", CONV, sizes, "I: 7, W: 7", more + "  name: stem\n")).model.layers
    assert (made.name, made.Y, made.X, made.padding, made.stride) == ("stem", 200, 224, (1, 3), (2, 2))
    assert (made.out_y, made.out_x, made.macs) == (98, 112, 98 * 112 * 8 * 3 * 49)


def test_products_with_weights_and_of_two_activations() -> None:
    product = "O[d0][d1]+=I[d0][d2]*W[d2][d1]"
    heads = "O[h][d0][d1]+=I[h][d0][d2]*W[h][d1][d2]"
    text = (
        layer(0, "Gemm", product, {"D0": 5, "D1": 6, "D2": 7}, "I: 0, W: 0")
        + layer(1, "Gemm", product, {"D0": 5, "D1": 6, "D2": 6}, "I: 0, W: 1")
        + layer(2, "Gemm", heads, {"H": 2, "D0": 5, "D1": 5, "D2": 3}, "I: 0, W: 1")
        + layer(3, "Gemm", product, {"D0": 9, "D1": 5, "D2": 5}, "I: 3, W: 0")  # the constant stands at the left
    )
    layers = read(text).model.layers
    assert [each.op for each in layers] == [Op.GEMM, Op.GEMM, Op.MATMUL, Op.GEMM]
    assert [each.macs for each in layers] == [5 * 6 * 7, 5 * 6 * 6, 2 * 5 * 5 * 3, 9 * 5 * 5]
    assert [each.weight_elements for each in layers] == [42, 36, 0, 45]


def test_groups_and_depthwise() -> None:
    """As ZigZag itself writes an ONNX convolution."""
    equation = "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]"
    sizes = {"B": 1, "K": 1, "G": 32, "OX": 14, "OY": 14, "C": 1, "FX": 3, "FY": 3}
    (made,) = read(layer(0, "Conv", equation, sizes, "I: 0, W: 0", relations(1))).model.layers
    assert (made.op, made.macs, made.weight_elements) == (Op.DEPTHWISE, 14 * 14 * 9 * 32, 9 * 32)


def test_widths() -> None:
    wide = read(BLOCK.replace("W: 8, I: 8", "W: 16, I: 16"))
    assert (wide.element_types, wide.model.bytes_per_element) == ({"16-bit": 6}, 2)
    mixed = read(BLOCK.replace("W: 8, I: 8", "W: 4, I: 16"))
    assert (mixed.element_types, mixed.model.bytes_per_element) == ({"16-bit": 3, "4-bit": 3}, 1)


ONE = conv(0, 4, 3, 8, 3, "I: 0, W: 0")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("layers: 3\n", "work.yaml:1: is not a list; begin each entry with `- `"),
        ("[]\n", "work.yaml:1: has 0 layers; 1 to 100,000 are read"),
        (
            ONE.replace("+=", "-="),
            "work.yaml:3: [0].equation: 'O[b][k][oy][ox]-=W[k][c][fy][fx]*I[b][c][iy][ix]' is none of",
        ),
        (ONE.replace("W[k][c]", "W[k][z]"), "work.yaml:3: [0].equation: Z is no loop; give its size, or its dimension"),
        (ONE.replace("ix=1*ox", "ix=1*ow"), "work.yaml:8: [0].dimension_relations[0]: 'ow' is none of the loop_dims"),
        (ONE.replace("ix=1*ox+", "ix=1*ox-"), "work.yaml:8: [0].dimension_relations[0]: 'ix=1*ox-1*fx' is none of the"),
        (ONE.replace("[1, 4,", "[4,"), "work.yaml:5: [0].loop_sizes: has 6 sizes for 7 loops; give one for each"),
        (
            ONE.replace("[1, 4,", "[1, 0,"),
            "work.yaml:5: [0].loop_sizes[1]: 0 is out of range; give a number at least 1",
        ),
        (ONE.replace("[B, K,", "[K, K,"), "work.yaml:4: [0].loop_dims: K is there twice"),
        (ONE.replace("I: 0", "I: 9"), "work.yaml:7: [0].operand_source.I: 9 is the id of no layer before this one"),
        (ONE + ONE, "work.yaml:9: [1].id: 0 is the id of another layer too; give each its own"),
        (ONE.replace("  loop_dims: [B, K, C, OY, OX, FY, FX]\n", ""), "[0].loop_dims: is missing; add it"),
        (ONE.replace("O[b][k]", "O[b]"), "work.yaml:1: [0]: loop K of 4 has no place in a convolution or a product"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, found: str) -> None:
    with pytest.raises(InputError) as error:
        read(text)
    assert found in str(error.value)
    assert len(error.value.problems) == 1


def test_a_pool_whose_window_is_not_said_is_not_costed() -> None:
    text = ONE + layer(
        1, "GlobalAveragePool", "O[b][g]+=W[y][x]*I[b][g][y][x]", {"B": 1, "G": 4, "Y": 8, "X": 8}, "I: 0, W: 1"
    )
    made = read(text)
    assert made.unsupported == {"GlobalAveragePool without windows": 1}
    assert len(made.model.layers) == 1


def test_a_workload_is_told_by_its_form() -> None:
    assert is_workload(BLOCK)
    assert is_workload("# a comment\n- equation: O[b]+=W[b]*I[b]\n")
    assert not is_workload("name: net\nlayers:\n- {name: a, op: conv, K: 1, C: 1, Y: 1}\n")


def test_what_is_scaled_by_constants_is_no_product() -> None:
    """A softmax as a product with one constant, and a scale of each channel: the product before alone has MACs."""
    text = (
        layer(0, "Gemm", "O[h][l][m]+=I[h][l][d]*W[h][d][m]", {"H": 8, "L": 64, "M": 64, "D": 32}, "I: 0, W: 0")
        + layer(1, "Softmax", "O[h][l][m]+=I[h][l][m]*W[]", {"H": 8, "L": 64, "M": 64}, "I: 0, W: 1")
        + layer(2, "Mul", "O[h][l][m]=I[h][l][m]*W[h]", {"H": 8, "L": 64, "M": 64}, "I: 1, W: 2")
    )
    made = read(text)
    assert made.model.macs == 8 * 64 * 64 * 32
    assert {layer.op for layer in made.model.layers[1:]} <= {Op.ELEMENTWISE}


def test_a_loop_called_b_of_the_weights_is_no_batch() -> None:
    made = read(layer(0, "Matmul", "O[a][b]+=I[a][c]*W[b][c]", {"A": 1, "B": 400, "C": 600}, "I: 0, W: 0"))
    (product,) = made.model.layers
    assert (product.K, product.macs, made.notes) == (400, 400 * 600, ())


def test_a_relation_that_gives_an_axis_of_the_output() -> None:
    sizes = {"B": 1, "K": 6, "C": 1, "IY": 32, "IX": 32, "FY": 5, "FX": 5}
    relation = "  dimension_relations: [ox=1*ix+1*fx, oy=1*iy+1*fy]\n"
    with pytest.raises(InputError, match=r"work.yaml:8: .* gives ox, which is an axis of the output; give that of"):
        read(layer(0, "Conv", CONV, sizes, "I: 0, W: 0", relation))
