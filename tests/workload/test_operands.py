"""How many whole operands an element-wise layer of a model reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chipweave.errors import InputError
from chipweave.files.model_file import model_from_dict, model_to_dict
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model

CONV = Layer("conv", Op.CONV, K=4, C=4, Y=5, X=5, groups=1)
SUM = Layer("sum", Op.ELEMENTWISE, K=4, C=4, Y=5, X=5, groups=4)


def model(*sizes: int) -> Model:
    """A sum of as many operands, all of them the convolution's output or a part of it."""
    edges = (Edge(NETWORK_INPUT, 0, 100), *(Edge(0, 1, size) for size in sizes))
    return Model("m", (CONV, SUM), edges)


@pytest.mark.parametrize(("sizes", "operands"), [((100,), 1), ((100, 100), 2), ((100, 4), 2), ((100, 100, 100), 3)])
def test_they_follow_from_the_edges(sizes: tuple[int, ...], operands: int) -> None:
    made = model(*sizes)
    assert [layer.operands for layer in made.layers] == [1, operands]
    assert made.layers[1].input_elements == 100  # of one of them
    assert replace(made.layers[1], K=2, C=2, groups=2).operands == operands
    written = model_to_dict(made)
    assert all("operands" not in layer for layer in written["layers"])
    assert model_from_dict(written) == made
    assert replace(made, edges=model(100).edges) == model(100)


def test_there_is_at_least_one() -> None:
    with pytest.raises(InputError, match="layer 'sum': operands=0 is out of range"):
        replace(SUM, operands=0)
