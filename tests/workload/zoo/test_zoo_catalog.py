"""Names and parameters of the zoo: what is built, and what is refused."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.workload.layer import Op
from chipweave.workload.zoo import MODELS, build_model

# Where each parameter is drawn from. Small values meet the lower bounds, and the steps of 16 and 32 most legal sizes.
SIZES = st.one_of(
    st.integers(-5, 300), st.integers(0, 90).map(lambda n: 8 * n), st.integers(0, 40).map(lambda n: 188 + 16 * n)
)
DRAWN_FROM = {
    "resolution": SIZES,
    "height": SIZES,
    "width": SIZES,
    "sequence": st.integers(-2, 600),
    "blocks": st.integers(-2, 5),
    "prompt": st.integers(-2, 600),
    "context": st.integers(-2, 200_000),
    "batch": st.integers(-2, 70),
    "proposals": st.integers(-2, 50),
    "detections": st.integers(-2, 50),
    "planes": st.integers(-2, 50),
}


def _parameters(name: str) -> list[str]:
    return list(inspect.signature(MODELS[name]).parameters)


def _problems(name: str, parameters: dict[str, int]) -> tuple[str, ...]:
    """Why the builder refuses; nothing where it builds a model whose sums have operands of matching sizes."""
    try:
        model = build_model(name, **parameters)
    except InputError as error:
        return error.problems
    for layer, edges in zip(model.layers, model.operands, strict=True):
        if layer.op is Op.ELEMENTWISE and not layer.name.endswith(".moe.mix"):  # which reads what experts make
            whole = layer.output_elements
            # Beside whole maps there are HRViT's half maps side by side, and one value a channel.
            sizes = {whole, whole // 2 if layer.name.endswith(".attn") else whole, layer.N * layer.K}
            assert {edge.elements for edge in edges} <= sizes, layer.name
    return ()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_carries_its_name_and_source(name: str) -> None:
    model = build_model(name)
    assert model.name == name
    assert any(status in model.source for status in ("exact", "approximate", "verbatim"))


@pytest.mark.parametrize("name", [name for name in MODELS if _parameters(name)])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_parameters_either_chain_or_are_refused(name: str, data: st.DataObject) -> None:
    """A model checks its own shapes, so building one proves that they chain at every size that is accepted."""
    parameters = {key: data.draw(DRAWN_FROM[key], label=key) for key in _parameters(name)}
    for problem in _problems(name, parameters):
        assert problem.startswith(f"model '{name}': ")
        assert "is out of range; give " in problem


PADDED = [
    "resnet18",
    "resnet50",
    "vgg16",
    "mobilenet_v2",
    "googlenet",
    "darknet19",
    "unet",
    "hrvit_b1",
    "hand_graph_cnn",
]


@pytest.mark.parametrize("name", PADDED)
def test_convolutions_grow_with_the_area(name: str) -> None:
    """Twice the side: four times the multiplications in every convolution, where padding keeps the borders."""
    default = inspect.signature(MODELS[name]).parameters["resolution"].default
    small, large = build_model(name), build_model(name, resolution=2 * default)
    grown = {layer.name: layer.macs for layer in large.layers}
    convolutions = [layer for layer in small.layers if layer.op in (Op.CONV, Op.DEPTHWISE, Op.TRANSPOSED)]
    assert all(grown[layer.name] == 4 * layer.macs for layer in convolutions)


@pytest.mark.parametrize("name", ["gpt2_medium", "bert_base", "llama_7b", "emformer_em24l"])
def test_attention_grows_with_the_square_of_the_sequence(name: str) -> None:
    short, long = build_model(name), build_model(name, sequence=256)
    for before, after in zip(short.layers, long.layers, strict=True):
        assert after.macs == (4 if before.op is Op.MATMUL else 2) * before.macs
    assert short.weight_elements == long.weight_elements


def test_a_transformer_of_other_depth_and_width_is_another_size_of_the_family() -> None:
    medium, same = build_model("gpt2_medium"), build_model("gpt2", blocks=24, width=1024)
    assert medium.layers == same.layers
    assert medium.edges == same.edges


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("resnet5O", {}, "unknown model 'resnet5O'; did you mean 'resnet50'?"),
        ("resnet50", {"resolution": 1}, "model 'resnet50': resolution=1 is out of range; give 32 to 65536"),
        ("unet", {"resolution": 500}, "model 'unet': resolution=500 is out of range; give 16 to 65536 in steps of 16"),
        ("unet_572_valid", {"resolution": 512}, "resolution=512 is out of range; give 188 to 65536 in steps of 16"),
        ("gpt2", {"blocks": 10**9}, "model 'gpt2': blocks=1000000000 is out of range; give 1 to 1000"),
        ("resnet50", {"resoluton": 224}, "model 'resnet50': unknown parameter 'resoluton'; did you mean 'resolution'?"),
        ("resnet50", {"resolution": 224.0}, "model 'resnet50': resolution=224.0 is not a whole number"),
        ("resnet50", {"resolution": True}, "model 'resnet50': resolution=True is not a whole number"),
        ("resnet50", {"resolution": "224"}, "model 'resnet50': resolution='224' is not a whole number"),
        ("paper/d2go", {"width": 3}, "model 'paper/d2go' has no parameters; leave out 'width'"),
    ],
)
def test_bad_names_and_parameters_are_refused(name: str, parameters: dict[str, int], message: str) -> None:
    with pytest.raises(InputError) as error:
        build_model(name, **parameters)
    assert message in str(error.value)


def test_all_problems_come_at_once() -> None:
    with pytest.raises(InputError) as error:
        build_model("midas_v21_small", height=1, width=33)
    assert len(error.value.problems) == 2


def test_importing_the_catalog_loads_nothing_heavy() -> None:
    code = "import sys, chipweave.workload.zoo; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "numba", "pydantic", "ruamel", "typer", "rich"} & set(loaded)
