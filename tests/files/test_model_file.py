"""Models as YAML: every default by hand, every mistake with its line, and there and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.files.model_file import (
    dump_model,
    load_model,
    model_from_dict,
    model_to_dict,
    resolve_model,
)
from chipweave.files.yaml import parse_yaml
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.zoo import MODELS, build_model

CHAIN = """\
name: chain
layers:
  - {name: first, op: conv, K: 8, C: 3, Y: 16, X: 16, R: 3, S: 3, padding: 1}
  - {name: second, op: conv, K: 8, C: 8, Y: 16, X: 16, R: 3, S: 3, padding: 1}
  - {name: third, op: conv, K: 4, C: 8, Y: 16, X: 16}
"""


def read(text: str) -> Model:
    return model_from_dict(parse_yaml(text, "m.yaml"), "m.yaml")


def refused(text: str) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read(text)
    return caught.value.problems


def changed(**lines: str) -> str:
    """CHAIN with the lines of some layers replaced."""
    rows = CHAIN.splitlines()
    for name, line in lines.items():
        at = next(i for i, row in enumerate(rows) if f"name: {name}," in row)
        rows[at] = f"  - {line}"
    return "\n".join(rows)


class TestDefaults:
    def test_inputs_are_the_layer_before(self) -> None:
        assert read(CHAIN).edges == (
            Edge(NETWORK_INPUT, 0, 3 * 16 * 16),
            Edge(0, 1, 8 * 16 * 16),
            Edge(1, 2, 8 * 16 * 16),
        )

    def test_one_value_per_field(self) -> None:
        model = read("name: m\nlayers:\n  - {name: a, op: gemm, K: 6, C: 5, Y: 4}\n")
        assert model == Model("m", (Layer("a", Op.GEMM, K=6, C=5, Y=4),), (Edge(NETWORK_INPUT, 0, 20),))
        (layer,) = model.layers
        assert (layer.X, layer.R, layer.S, layer.N, layer.groups) == (1, 1, 1, 1, 1)
        assert (layer.stride, layer.padding, layer.dilation) == ((1, 1), (0, 0), (1, 1))
        assert (model.bytes_per_element, model.input_elements, model.source) == (1, 20, "")

    @pytest.mark.parametrize("op", ["dwconv", "pool", "elementwise", "upsample"])
    def test_layers_that_work_per_channel(self, op: str) -> None:
        (layer,) = read(f"name: m\nlayers:\n  - {{name: a, op: {op}, C: 5, Y: 4, X: 4}}\n").layers
        assert (layer.K, layer.groups) == (5, 5)

    def test_pairs_are_vertical_then_horizontal(self) -> None:
        text = "{name: a, op: conv, K: 1, C: 1, Y: 20, X: 20, R: 3, S: 3, stride: [2, 1], padding: 1, dilation: [1, 2]}"
        (layer,) = read(f"name: m\nlayers:\n  - {text}\n").layers
        assert (layer.stride, layer.padding, layer.dilation) == ((2, 1), (1, 1), (1, 2))
        assert (layer.out_y, layer.out_x) == ((20 + 2 - 3) // 2 + 1, 20 + 2 - 5 + 1)

    def test_operands(self) -> None:
        """A skip, a slice and the network's input beside another operand: it brings what is left."""
        model = read(
            "name: m\ninput_elements: 100\nlayers:\n"
            "  - {name: qkv, op: gemm, K: 12, C: 4, Y: 2}\n"
            "  - {name: scores, op: matmul, K: 2, C: 4, Y: 2, inputs: [{from: qkv, elements: 16}]}\n"
            "  - {name: mixed, op: matmul, K: 4, C: 2, Y: 2, inputs: [scores, {from: qkv, elements: 8}]}\n"
            "  - {name: crop, op: conv, K: 1, C: 3, Y: 2, X: 2, inputs: [{from: mixed, reshape: true}]}\n"
            "  - {name: join, op: conv, K: 1, C: 6, Y: 2, X: 1, inputs: [mixed, input]}\n"
        )
        assert model.edges == (
            Edge(NETWORK_INPUT, 0, 8),
            Edge(0, 1, 16),
            Edge(1, 2, 4),
            Edge(0, 2, 8),
            Edge(2, 3, 8, reshape=True),
            Edge(2, 4, 8),
            Edge(NETWORK_INPUT, 4, 12 - 8),
        )
        assert model.input_elements == 100


class TestMistakes:
    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ("strid: 2", ".strid: unknown key; did you mean 'stride'?"),
            ("op: cnv", ".op: 'cnv' is unknown; did you mean 'conv'?"),
            ("C: '8'", ".C: '8' is not a whole number; give a whole number, without quotes or unit"),
            ("C: 8 channels", ".C: '8 channels' is not a whole number; give a whole number, without quotes or unit"),
            ("C: true", ".C: true is not a whole number; give a whole number"),
            ("C: 8.5", ".C: 8.5 is not a whole number; give a whole number"),
            ("C: .nan", ".C: nan is not a whole number; give a whole number"),
            ("C: -8", ".C: -8 is out of range; give a number at least 1"),
            ("K: 0", ".K: 0 is out of range; give a number at least 1"),
            ("K: 99999999999", ".K: 99999999999 is out of range; give a number at most 2147483647"),
            ("K: null", ".K: is missing; a conv layer needs its output channels"),
            ("C: null", ".C: null is not a whole number; give a whole number"),
            ("padding: [1, 1, 1]", ".padding: has 3 items; give at most 2"),
            ("stride: [1, 0]", ".stride[1]: 0 is out of range; give a number at least 1"),
            ("groups: 3", ".groups: 3 does not divide C=8 and K=8; give a number that divides both"),
            (
                "R: 20",
                ": layer 'second': the filter 20x1 does not fit the padded input, output would be -3x16; "
                "raise the padding or the input size",
            ),
            ("inputs: []", ".inputs: has 0 items; give at least 1"),
            ("inputs: [frist]", ".inputs[0]: 'frist' is no layer; did you mean 'first'?"),
            (
                "inputs: [third]",
                ".inputs[0]: 'third' closes the cycle 'second' -> 'third' -> 'second'; "
                "a network cannot feed back, remove one of these edges",
            ),
            (
                "inputs: [second]",
                ".inputs[0]: 'second' closes the cycle 'second' -> 'second'; "
                "a network cannot feed back, remove one of these edges",
            ),
            (
                "C: 9",
                ": layer 'second' reads 2304 elements (C=9 Y=16 X=16), but its input (first) brings 2048; "
                "correct the shape, give the edge its `elements`, or mark it `reshape: true`",
            ),
            (
                "inputs: [{from: first, elements: 2049}]",
                ".inputs: edge 'first' -> 'second' carries 2049 elements, but the producer makes only 2048; "
                "give it at most that",
            ),
            ("inputs: [{form: first}]", ".inputs[0].form: unknown key; did you mean 'from'?"),
        ],
    )
    def test_of_a_layer(self, change: str, problem: str) -> None:
        key = change.split(":")[0]
        fields = {"K": "K: 8", "op": "op: conv", "C": "C: 8", "Y": "Y: 16", "X": "X: 16", key: change}
        found = refused(changed(second=f"{{name: second, {', '.join(fields.values())}}}"))
        assert f"m.yaml:4: layers[1] 'second'{problem}" in found
        assert all(text.startswith("m.yaml:4: ") for text in found)  # and nothing that only follows from it

    def test_more_than_can_be_counted(self) -> None:
        (found,) = refused(changed(first="{name: first, op: gemm, K: 2147483647, C: 1, Y: 2147483647, X: 4}"))
        assert found.startswith(f"m.yaml:3: layers[0] 'first': makes {4 * (2**31 - 1) ** 2} elements, more than ")
        assert found.endswith("; make it several layers, or correct its sizes")

    def test_sums_narrower_than_activations(self) -> None:
        wrong = "sum_bits: 8 is less than the 16 of an activation; give a sum at least as wide"
        assert refused(changed() + "\nactivation_bits: 16\nsum_bits: 8\n") == (f"m.yaml:7: {wrong}",)

    def test_order_without_a_cycle(self) -> None:
        text = changed(first="{name: first, op: conv, K: 8, C: 8, Y: 16, X: 16, inputs: [second]}") + "\n"
        text = text.replace(
            "Y: 16, X: 16, R: 3, S: 3, padding: 1}", "Y: 16, X: 16, R: 3, S: 3, padding: 1, inputs: [input]}"
        )
        assert refused(text) == (
            "m.yaml:3: layers[0] 'first'.inputs[0]: 'second' is listed after this layer; "
            "move it before (there is no cycle)",
        )

    def test_several_cycles_are_told_apart_from_late_layers(self) -> None:
        rows = [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("e", "f"), ("f", "input")]
        layers = "".join(f"  - {{name: {n}, op: gemm, K: 1, C: 1, Y: 1, inputs: [{i}]}}\n" for n, i in rows)
        found = refused(f"name: m\nlayers:\n{layers}")
        assert len(found) == 3
        assert "'b' closes the cycle" in found[0]
        assert "'d' closes the cycle" in found[1]
        assert "'f' is listed after this layer" in found[2]

    def test_a_long_cycle_is_shortened(self) -> None:
        layers = "".join(
            f"  - {{name: l{i}, op: gemm, K: 1, C: 1, Y: 1, inputs: [l{(i - 1) % 20}]}}\n" for i in range(20)
        )
        (found,) = refused(f"name: m\nlayers:\n{layers}")
        way = "'l0' -> 'l1' -> 'l2' -> 'l3' -> '…' -> 'l18' -> 'l19' -> 'l0'"
        assert found.startswith(f"m.yaml:3: layers[0] 'l0'.inputs[0]: 'l19' closes the cycle {way};")

    def test_names(self) -> None:
        text = changed(third="{name: first, op: conv, K: 4, C: 8, Y: 16, X: 16}")
        assert refused(text) == ("m.yaml:5: layers[2] 'first'.name: is also the name of layers[0]; names must differ",)
        (found,) = refused(CHAIN.replace("name: first", "name: input"))
        assert found.startswith("m.yaml:3: layers[0] 'input'.name: 'input' is the network's own input")
        (found,) = refused(CHAIN.replace("name: first", r'name: "fir\nst"'))
        assert found.endswith("has control characters; write it on one line of plain text")

    def test_all_at_once_in_the_order_of_lines(self) -> None:
        found = refused(
            "name: 3\n"
            "colour: red\n"
            "bytes_per_element: 0\n"
            "layers:\n"
            "  - {name: a, op: conv, K: 8, C: 3, Y: 16, X: 16}\n"
            "  - {name: b, op: conv, K: 8, C: 8, Y: 16, X: 16, paddding: 1}\n"
            "  - {name: c, op: conv, K: 8, C: 7, Y: 16, X: 16, inputs: [a]}\n"
            "  - name: d\n"
            "    op: gemm\n"
            "    K: nan\n"
            "    C: 2048\n"
            "    Y: 1\n"
            "  - {name: e, op: gemm, K: 1, C: 2048, Y: 1, inputs: [q]}\n"
        )
        assert [text.split(": ")[:2] for text in found] == [
            ["m.yaml:1", "name"],
            ["m.yaml:2", "colour"],
            ["m.yaml:3", "bytes_per_element"],
            ["m.yaml:6", "layers[1] 'b'.paddding"],
            ["m.yaml:7", "layers[2] 'c'.inputs"],
            ["m.yaml:10", "layers[3] 'd'.K"],
            ["m.yaml:13", "layers[4] 'e'.inputs[0]"],
        ]

    def test_nothing_to_schedule(self) -> None:
        assert refused("name: m\nlayers: []") == ("m.yaml:2: layers: has 0 items; give at least 1",)
        assert refused("name: m") == ("m.yaml:1: layers: is missing; add it",)
        assert refused("name: m\nlayers: {a: 1}") == ("m.yaml:2: layers: a mapping is not a list; give a list",)

    def test_endless_problems_end(self) -> None:
        found = refused("name: m\nlayers:\n" + "  - {nam: x}\n" * 10_000)
        assert 50 <= len(found) <= 60
        assert found[-1].endswith("50 problems; the rest of the file was not checked")

    def test_data_without_lines_names_the_place(self) -> None:
        with pytest.raises(InputError) as caught:
            model_from_dict({"name": "m", "layers": [{"name": "a", "op": "gemm", "K": 1, "C": 0, "Y": 1}]})
        assert caught.value.problems == ("model: layers[0] 'a'.C: 0 is out of range; give a number at least 1",)


class TestFiles:
    def test_resolve(self, tmp_path: Path) -> None:
        path = tmp_path / "chain.yaml"
        path.write_text(CHAIN)
        assert resolve_model(path) == load_model(path) == read(CHAIN)
        assert resolve_model("chain.yaml", folder=tmp_path) == read(CHAIN)
        assert resolve_model("resnet18") == build_model("resnet18")
        assert resolve_model("resnet18", {"resolution": 64}) == build_model("resnet18", resolution=64)

    def test_unknown(self, tmp_path: Path) -> None:
        with pytest.raises(
            InputError,
            match=r"^'resnet81' is neither a built-in model nor a file; did you mean 'resnet\d+'\? `chipweave list mod",
        ):
            resolve_model("resnet81")
        with pytest.raises(InputError, match=r"none\.yaml: no such file; check the name and the folder$"):
            resolve_model("none.yaml", folder=tmp_path)
        with pytest.raises(InputError, match="unknown parameter 'sequence'"):
            resolve_model("resnet18", {"sequence": 3})
        (tmp_path / "chain.yaml").write_text(CHAIN)
        with pytest.raises(InputError, match=r"chain\.yaml: a model from a file has no parameters; leave out 'a'"):
            resolve_model("chain.yaml", {"a": 1}, folder=tmp_path)

    def test_another_kind_of_file(self, tmp_path: Path) -> None:
        (tmp_path / "p.yaml").write_text("name: p\ngrid: [[a]]")
        with pytest.raises(InputError, match=r"p\.yaml:2: `grid` says that this is a package, but a model is needed"):
            load_model(tmp_path / "p.yaml")

    def test_truncated_anywhere_is_refused_or_whole(self, tmp_path: Path) -> None:
        """Cut at every byte, a file is refused in words, or it holds fewer whole layers."""
        path = tmp_path / "cut.yaml"
        whole = read(CHAIN)
        for end in range(len(CHAIN)):
            path.write_text(CHAIN[:end])
            try:
                kept = load_model(path).layers
            except InputError as error:
                problems, kept = error.problems, ()
            else:
                problems = ()
            assert all(problem.startswith(str(path)) for problem in problems)
            assert kept == whole.layers[: len(kept)]


@pytest.mark.parametrize("name", MODELS)
def test_every_built_in_comes_back(name: str) -> None:
    model = build_model(name)
    assert read(dump_model(model)) == model
    assert model_from_dict(model_to_dict(model)) == model


SHARED = """\
name: tied
layers:
  - {name: a, op: gemm, K: 8, C: 8, Y: 4}
  - {name: b, op: gemm, K: 8, C: 8, Y: 4, shares: a}
  - {name: c, op: gemm, K: 8, C: 8, Y: 4, shares: a}
"""


def test_shared_weights_count_once() -> None:
    model = read(SHARED)
    assert (model.weight_elements, model.macs) == (64, 3 * 256)
    assert read(dump_model(model)) == model


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("shares: a}\n  - {name: c", "shares: z}\n  - {name: c", 4, "no layer before it"),
        ("Y: 4, shares: a}\n", "Y: 4, shares: c}\n", 4, "no layer before it"),
        (
            "name: c, op: gemm, K: 8, C: 8, Y: 4, shares: a",
            "name: c, op: gemm, K: 8, C: 8, Y: 4, shares: b",
            5,
            "name 'a'",
        ),
        ("name: c, op: gemm, K: 8", "name: c, op: gemm, K: 7", 5, "has 56 weights"),
        ("name: c, op: gemm, K: 8", "name: c, op: matmul, K: 8", 5, "has 0 weights"),
    ],
)
def test_weights_that_cannot_be_shared(before: str, after: str, line: int, words: str) -> None:
    assert before in SHARED
    problems = [problem for problem in refused(SHARED.replace(before, after, 1)) if words in problem]
    assert problems
    assert problems[0].startswith(f"m.yaml:{line}")


names = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=8).filter(
    lambda n: n != "input"
)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Any layers whatever, chained by slices, whole tensors and reshapes."""
    layers: list[Layer] = []
    edges: list[Edge] = []
    for position, name in enumerate(draw(st.lists(names, min_size=1, max_size=6, unique=True))):
        op = draw(st.sampled_from(Op))
        channels = draw(st.integers(1, 6))
        groups = draw(st.sampled_from([1, channels]))
        pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
        layer = Layer(
            name=name,
            op=op,
            K=channels * draw(st.integers(1, 3)),
            C=channels,
            Y=draw(st.integers(7, 20)),
            X=draw(st.integers(7, 20)),
            R=draw(st.integers(1, 3)),
            S=draw(st.integers(1, 3)),
            N=draw(st.integers(1, 3)),
            stride=draw(pair),
            padding=draw(st.tuples(st.integers(0, 1), st.integers(0, 1))),
            dilation=draw(pair),
            groups=groups,
            out_y=draw(st.sampled_from([0, 5])),
            out_x=draw(st.sampled_from([0, 5])),
        )
        if layer.output_fault(cropped=True):
            layer = replace(layer, out_y=0, out_x=0)
        producers = draw(st.lists(st.integers(-1, position - 1), min_size=1, max_size=3))
        for producer in producers:
            most = layers[producer].output_elements if producer >= 0 else layer.input_elements
            whole = draw(st.booleans())
            edges.append(Edge(producer, position, most if whole else draw(st.integers(1, most)), reshape=True))
        if producers == [-1] and not layer.output_fault() and draw(st.booleans()):
            edges[-1] = Edge(-1, position, layer.input_elements)
        layers.append(layer)
    return Model(
        draw(names),
        tuple(layers),
        tuple(edges),
        draw(st.integers(1, 4)),
        draw(st.sampled_from([0, 10**6])),
        draw(st.text(max_size=9)),
    )


@given(models())
def test_any_model_comes_back(model: Model) -> None:
    assert read(dump_model(model)) == model
    assert model_from_dict(model_to_dict(model)) == model
