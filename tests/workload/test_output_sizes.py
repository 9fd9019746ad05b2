"""A stated size of the output is what the shape can give, or it is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.files.model_file import model_from_dict
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model

sizes = st.integers(1, 12)


@given(st.sampled_from([Op.CONV, Op.POOL]), sizes, sizes, st.integers(1, 4), st.integers(0, 3), st.integers(1, 40))
def test_windows_are_counted_one_by_one(op: Op, size: int, kernel: int, stride: int, padding: int, stated: int) -> None:
    """Windows of the map with its padding; one output per stride; a pool's last window may hang over the end.

    A filter larger than the padded map gives one output, as published tables have it, or one per stride.
    """
    padded = size + 2 * padding
    whole = sum(1 for start in range(0, padded, stride) if start + kernel <= padded)
    hanging = whole + (whole > 0 and (whole - 1) * stride + kernel < padded)
    sound = {whole, *([hanging] if op is Op.POOL else [])} if whole else {1}
    sound |= {-(-size // stride)}
    if op is Op.POOL and not padding and stated <= size:  # it may adapt: as many windows, which overlap by one at most
        sound |= {stated} if (kernel, stride) == (-(-size // stated), size // stated) else set()
    layer = Layer(
        "a", op, K=2, C=2, Y=size, X=9, R=kernel, stride=(stride, 1), padding=(padding, 0), out_y=stated,
        groups=2 if op is Op.POOL else 1,
    )  # fmt: skip
    assert (layer.output_fault() is None) == (stated in sound)
    edges = (Edge(NETWORK_INPUT, 0, layer.input_elements),)
    if stated in sound:
        Model("net", (layer,), edges)
    else:
        with pytest.raises(InputError, match=f"out_y={stated} is stated, but the shape gives"):
            Model("net", (layer,), edges)


@pytest.mark.parametrize("op", ["conv", "dwconv", "pool", "upconv", "gemm", "elementwise"])
@pytest.mark.parametrize("key", ["out_y", "out_x"])
@pytest.mark.parametrize("stated", [5, 1000, 100_000, 2**31 - 1])
def test_files_say_where_the_size_is_wrong(op: str, key: str, stated: int) -> None:
    layer = {"name": "a", "op": op, "K": 4, "C": 4, "Y": 8, "X": 8, key: stated}
    said = rf"^net\.yaml: layers\[0\] 'a'\.{key}: {stated} is stated, but the shape gives"
    with pytest.raises(InputError, match=said):
        model_from_dict({"name": "net", "layers": [layer]}, "net.yaml")


@pytest.mark.parametrize(("stated", "sound"), [(1, True), (7, True), (10, True), (11, False)])
def test_a_crop_is_taken_where_an_edge_says_so(stated: int, sound: bool) -> None:
    """A window of 3 touches a map of 8 in 10 places: 8 + 2 * (3 - 1) - 3 + 1."""
    layer = Layer("a", Op.CONV, K=4, C=4, Y=8, X=8, R=3, S=3, padding=(1, 1), out_y=stated)
    edges = (Edge(NETWORK_INPUT, 0, 256, reshape=True),)
    if sound:
        assert Model("net", (layer,), edges).layers[0].out_y == stated
    else:
        with pytest.raises(InputError, match="out_y=11 is stated"):
            Model("net", (layer,), edges)
