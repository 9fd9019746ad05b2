"""Timeloop's problems: shapes that are named and written out, folders, and what the published layers are made of."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from chipweave.errors import InputError
from chipweave.files.other_tools.timeloop import import_problems
from chipweave.workload.importers.assembly import Imported
from chipweave.workload.layer import Layer, Op

SHAPE = """
  shape:
    name: conv2d
    dimensions: [C, M, R, S, N, P, Q, G]
    coefficients:
    - {name: Wstride, default: 1}
    - {name: Hstride, default: 1}
    - {name: Wdilation, default: 1}
    - {name: Hdilation, default: 1}
    data_spaces:
    - name: Weights
      projection: [[[C]], [[M]], [[R]], [[S]], [[G]]]
    - name: Inputs
      projection:
      - - - N
      - - - C
      - [[R, Wdilation], [P, Wstride]]
      - [[S, Hdilation], [Q, Hstride]]
      - - - G
    - name: Outputs
      projection: [[[N]], [[M]], [[Q]], [[P]], [[G]]]
      read_write: true
"""


def problem(sizes: str) -> str:
    return f"problem:\n  version: 0.4\n  instance: {{{sizes}}}{SHAPE}"


def read(folder: Path, text: str, name: str = "layer.yaml") -> Imported:
    (folder / name).write_text(text)
    return import_problems(folder / name, name="net")


def layer_of(folder: Path, text: str) -> Layer:
    (layer,) = read(folder, text).model.layers
    return layer


def test_a_shape_that_is_written_out(tmp_path: Path) -> None:
    """P and R are horizontal (their coefficients begin with W), Q and S vertical."""
    text = problem("C: 3, M: 64, N: 2, P: 10, Q: 20, R: 3, S: 5, G: 1, Wstride: 2, Hstride: 1, Hdilation: 2")
    layer = layer_of(tmp_path, text)
    assert (layer.op, layer.K, layer.C, layer.N, layer.R, layer.S) == (Op.CONV, 64, 3, 2, 5, 3)
    assert (layer.out_y, layer.out_x, layer.stride, layer.dilation) == (20, 10, (1, 2), (2, 1))
    assert (layer.Y, layer.X) == (19 + 2 * 4 + 1, 2 * 9 + 2 + 1)
    assert (layer.macs, layer.weight_elements) == (2 * 200 * 64 * 3 * 15, 64 * 3 * 15)


def test_the_keys_of_older_files(tmp_path: Path) -> None:
    text = problem("C: 3, M: 64, N: 1, P: 10, Q: 20, R: 3, S: 5, G: 1")
    older = text.replace("data_spaces", "data-spaces").replace("read_write", "read-write")
    assert layer_of(tmp_path, older) == layer_of(tmp_path, text)


@pytest.mark.parametrize("name", ["cnn-layer", "cnn_layer", "cnn_layer.yaml", "CNN-Layer.cfg", ""])
def test_the_shape_of_convolutions_by_name(tmp_path: Path, name: str) -> None:
    """Sizes stand in the problem itself, as in the older files."""
    shape = f"  shape: {name}\n" if name else ""
    sizes = {"R": 7, "S": 7, "P": 112, "Q": 112, "C": 3, "K": 64, "N": 1}
    text = f"problem:\n{shape}" + "".join(f"  {key}: {value}\n" for key, value in sizes.items()) + "  Wstride: 2\n"
    layer = layer_of(tmp_path, text)
    assert (layer.op, layer.stride) == (Op.CONV, (1, 2))
    assert (layer.macs, layer.weight_elements) == (math.prod(sizes.values()), 49 * 3 * 64)


@pytest.mark.parametrize("name", ["gemm", "gemm_ABZ", "gemm-ABZ"])
def test_the_shape_of_products_by_name(tmp_path: Path, name: str) -> None:
    layer = layer_of(tmp_path, f"problem:\n  shape: {name}\n  instance: {{M: 5, N: 6, K: 7}}\n")
    assert (layer.op, layer.Y, layer.K, layer.C, layer.macs) == (Op.GEMM, 5, 6, 7, 5 * 6 * 7)


def test_weights_are_told_by_the_windows_then_by_their_name(tmp_path: Path) -> None:
    text = (
        "problem:\n  instance: {{K: 32, R: 3, P: 16}}\n  shape:\n    dimensions: [K, R, P]\n    data_spaces:\n"
        "    - {{name: {}, projection: [[[K]], [[R]]]}}\n    - {{name: {}, projection: [[[R], [P]]]}}\n"
        "    - {{name: Outputs, projection: [[[K]], [[P]]], read_write: True}}\n"
    )
    for names in (("Weights", "Inputs"), ("A", "Weights")):
        layer = layer_of(tmp_path, text.format(*names))
        assert (layer.op, layer.Y, layer.macs, layer.weight_elements) == (Op.CONV, 18, 32 * 3 * 16, 96)
    text = (
        "problem:\n  instance: {M: 5, N: 6, K: 7}\n  shape:\n    dimensions: [M, N, K]\n    data_spaces:\n"
        "    - {name: Weights, projection: [N, K]}\n    - {name: Inputs, projection: [M, K]}\n"
        "    - {name: Bias, projection: [M, N]}\n    - {name: Outputs, projection: [M, N], read_write: true}\n"
    )
    layer = layer_of(tmp_path, text)
    assert (layer.Y, layer.K, layer.weight_elements) == (5, 6, 42)


# torchvision's AlexNet: 714,188,480 MACs; 61,100,840 parameters, of which 10,344 are biases
ALEXNET = (
    "C: 3, M: 64, P: 55, Q: 55, R: 11, S: 11, HStride: 4, WStride: 4",
    "C: 64, M: 192, P: 27, Q: 27, R: 5, S: 5",
    "C: 192, M: 384, P: 13, Q: 13, R: 3, S: 3",
    "C: 384, M: 256, P: 13, Q: 13, R: 3, S: 3",
    "C: 256, M: 256, P: 13, Q: 13, R: 3, S: 3",
    "C: 9216, M: 4096",
    "C: 4096, M: 4096",
    "C: 4096, M: 1000",
)


@pytest.fixture
def alexnet(tmp_path: Path) -> Path:
    """A folder in the form of the published layers: a shape that is included, its sizes of 1 overlaid."""
    base = "base_ignore: &base\n  instance: {N: 1, C: 1, G: 1, R: 1, S: 1, M: 1, P: 1, Q: 1, Hstride: 1, Wstride: 1}"
    (tmp_path / "base.yaml").write_text(base + SHAPE)
    folder = tmp_path / "alexnet"
    folder.mkdir()
    for number, sizes in enumerate(ALEXNET, start=4):  # 4 to 11: by number, not by letter
        (folder / f"{number}.yaml").write_text(
            f"{{{{include_text('../base.yaml')}}}}\nproblem:\n  <<<: *base\n  instance: {{{sizes}}}\n\n  "
        )
    (folder / "arch.yaml").write_text("architecture:\n  nodes:\n  - !Container\n    name: system\n")
    (folder / "notes.txt").write_text("problem:\n")
    return folder


def test_a_folder_is_a_chain_in_the_order_of_names(alexnet: Path) -> None:
    made = import_problems(alexnet, name="alexnet")
    model = made.model
    assert [layer.name for layer in model.layers] == [str(number) for number in range(4, 12)]
    assert (model.macs, model.weight_elements) == (714_188_480, 61_100_840 - 10_344)
    assert [layer.op for layer in model.layers] == [Op.CONV] * 5 + [Op.GEMM] * 3
    assert model.layers[0].stride == (4, 4)
    assert [edge.producer for edge in model.edges] == list(range(-1, 7))
    assert made.notes == (
        "HStride is taken for Hstride; Timeloop itself passes over it",
        "WStride is taken for Wstride; Timeloop itself passes over it",
        "1 files without a `problem` are passed over, 'arch.yaml' first",
        "the file has no edges: each layer reads the one before it",
    )


def test_densities_are_not_costed(tmp_path: Path) -> None:
    text = "problem:\n  shape: gemm\n  instance: {M: 5, N: 6, K: 7, densities: {A: {density: 0.5}}}\n"
    assert read(tmp_path, text).notes == ("densities are not costed: layers that have them count as dense",)


GEMM = "problem:\n  shape: gemm\n  instance:\n    M: 5\n    N: 6\n    K: 7\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (GEMM.replace("N: 6", "N: 0"), ":5: problem.instance.N: 0 is no whole number from 1 to 2147483647; write one"),
        (GEMM.replace("N: 6", "N: six"), ":5: problem.instance.N: 'six' is no whole number"),
        (GEMM.replace("    N: 6\n", ""), ":3: problem.instance: has no size of dimension N; add it, 1 if"),
        (GEMM.replace("gemm", "gemmm"), ":2: problem.shape: 'gemmm' is no shape that is known; write it out, or name"),
        (GEMM.replace("problem", "problems"), ": has no mapping `problem`; name a file with a Timeloop problem"),
        ("problem: 3\n", ":1: has no mapping `problem`"),
        ("problem:\n  shape: gemm\n  instance: [1]\n", ":3: problem.instance: a list of 1 is no mapping of dimensions"),
        (problem("C: 1").replace("[C, M,", "[C, 5,"), "problem.shape.dimensions[1]: 5 is not text; quote it"),
        (problem("C: 1, M: 1, N: 1, P: 1, Q: 1, R: 1, S: 1, G: 1").replace("read_write: true", "read_write: false"),
         "0 are written and 3 read"),
        (problem("C: 1, M: 1, N: 1, P: 1, Q: 1, R: 1, S: 1, G: 1").replace("[P, Wstride]", "[P, stride]"),
         "'Inputs' is indexed by R*Wdilation + P*stride; an axis is read that is"),
        (problem("C: 1, M: 1, N: 1, P: 1, Q: 1, R: 1, S: 1, G: 1").replace("[[[N]], [[M]]", "[[[N]], [[T]]"),
         "a projection names 'T', which is none of the dimensions"),
        ("{{include_text('../../etc/passwd')}}\n" + GEMM, ":1: includes '../../etc/passwd'; only YAML files beside it"),
        ("{{include_text('/etc/hosts.yaml')}}\n" + GEMM, ":1: includes '/etc/hosts.yaml'; only YAML files beside it"),
        (GEMM + "{% for x in y %}\n", ":7: has a template expression; give the file as Timeloop's front end writes it"),
        ("problem: &p\n  <<<: *p\n", ":2: alias '*p' contains itself"),
        ("problem: [", ":1: not valid YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert found in str(error.value)
    assert all(problem.startswith(f"{tmp_path}/layer.yaml") for problem in error.value.problems)
    assert all(problem.count(f"{tmp_path}") == 1 for problem in error.value.problems)


def test_folders_without_problems(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no YAML file; name a folder with a file for each layer"):
        import_problems(tmp_path, name="net")
    (tmp_path / "a.yaml").write_text("architecture: {}\n")
    with pytest.raises(InputError, match="no file in it has a `problem`"):
        import_problems(tmp_path, name="net")


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_link_that_leads_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    with pytest.raises(InputError, match=r"cannot be read: .*symbolic links"):
        import_problems(tmp_path / "loop.yaml", name="loop")


def test_a_convolution_of_a_volume(tmp_path: Path) -> None:
    """4 x 8 x 8 outputs of 8 channels from 3, under 3 x 3 x 3; its depth unrolls."""
    text = """problem:
  instance: {C: 3, M: 8, T: 3, R: 3, S: 3, D: 4, P: 8, Q: 8}
  shape:
    name: volume
    dimensions: [C, M, T, R, S, D, P, Q]
    data_spaces:
    - {name: Weights, projection: [[[C]], [[M]], [[T]], [[R]], [[S]]]}
    - {name: Inputs, projection: [[[C]], [[T], [D]], [[R], [P]], [[S], [Q]]]}
    - {name: Outputs, projection: [[[M]], [[D]], [[Q]], [[P]]], read_write: true}
"""
    layer = layer_of(tmp_path, text)
    assert (layer.macs, layer.weight_elements) == (4 * 8 * 8 * 8 * 3 * 27, 8 * 3 * 27)


def test_tags_and_merges_beside_the_problem(tmp_path: Path) -> None:
    """One file may hold an architecture, too, whose nodes have tags."""
    path = tmp_path / "all.yaml"
    nodes = "architecture:\n  nodes:\n  - !Component &buffer {name: a}\n  - !Container\n    <<: *buffer\n"
    path.write_text(nodes + "problem: {shape: gemm, M: 4, N: 5, K: 6}\n", encoding="utf-8")
    (product,) = import_problems(path, name="net").model.layers
    assert product.macs == 4 * 5 * 6


def test_problems_of_several_operators(tmp_path: Path) -> None:
    path = tmp_path / "fused.yaml"
    path.write_text("problem:\n  dimensions: [M]\n  ops: [{name: a}]\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"fused.yaml:3: problem.ops: is of several operators.*; write each as"):
        import_problems(path, name="net")
