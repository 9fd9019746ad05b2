"""Shapes on their side."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.cost.loopnest import search
from chipweave.cost.loopnest.chiplet import STYLES
from chipweave.cost.loopnest.closed_form import count
from chipweave.cost.loopnest.machine import Constraint, Energies, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.loopnest.shape import LOOPS, Axis, Shape, shapes_of
from chipweave.cost.loopnest.turn import turned, turned_mapping, upright
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style
from chipweave.workload.layer import Layer, Op

NVDLA, SHIDIANNAO, EYERISS = (STYLES[style] for style in (Style.NVDLA, Style.SHIDIANNAO, Style.EYERISS))
WIDE = Shape((1, 1, 4, 3, 2, 5, 1, 3), Axis(1, 1, 0, 2), Axis(2, 1, -1, 10))

axes = st.builds(Axis, st.integers(1, 3), st.integers(1, 2), st.integers(-2, 0), st.integers(1, 9))
shapes = st.builds(Shape, st.tuples(*[st.integers(1, bound) for bound in (2, 2, 4, 4, 5, 5, 3, 3)]), axes, axes)


@given(st.data())
def test_a_mapping_on_its_side_counts_the_same(data: Any) -> None:
    shape = data.draw(shapes)
    tile = tuple(data.draw(st.integers(1, bound)) for bound in shape.bounds)
    spatial = tuple(data.draw(st.integers(1, -(-d // t))) for d, t in zip(shape.bounds, tile, strict=True))
    orders = [data.draw(st.permutations(LOOPS).map("".join)) for _ in range(2)]
    mapping = Mapping(spatial, tile, *orders)  # type: ignore[arg-type]
    machine = Machine(10**6, NVDLA, l1_bytes=data.draw(st.integers(6, 200)), noc_bandwidth=data.draw(st.integers(1, 8)))
    assert count(turned(shape), turned_mapping(mapping), machine) == count(shape, mapping, machine)
    assert turned(turned(shape)) == shape
    assert turned_mapping(turned_mapping(mapping)) == mapping


@pytest.mark.parametrize(
    ("constraint", "array", "alike"),
    [
        (NVDLA, None, True),
        (NVDLA, (2, 8), True),
        (SHIDIANNAO, None, True),
        (SHIDIANNAO, (4, 4), True),
        (SHIDIANNAO, (2, 8), False),
        (EYERISS, None, False),
        (Constraint("GK", "C", "W", "RS"), None, True),
        (Constraint("GK", "C", "W", "S"), None, False),
        (Constraint("YX", "K"), (2, 8), True),
        (Constraint("Y", "K"), None, False),
        (Constraint("RC", "K", spread="R"), None, False),
        (Constraint("R", "S", spread="RS"), None, True),
        (Constraint("R", "S", spread="R"), None, False),
    ],
)
def test_shapes_are_stood_up_where_both_axes_are_alike(
    constraint: Constraint, array: tuple[int, int] | None, alike: bool
) -> None:
    machine = Machine(16, constraint, array)
    assert upright(WIDE, machine) == (turned(WIDE) if alike else WIDE)
    assert upright(turned(WIDE), machine) == turned(WIDE)
    energies = Energies(1.0, 1.0, 5.0, 2.0)
    if alike:
        one, two = (
            count(shape, search.best_mapping(shape, machine, energies, "latency"), machine).cycles
            for shape in (WIDE, turned(WIDE))
        )
        assert one == two


@pytest.mark.parametrize("style", [Style.NVDLA, Style.SHIDIANNAO, Style.EYERISS])
def test_layers_on_their_side_get_mappings_of_their_own(style: Style, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIPWEAVE_CACHE", "off")
    chiplet = Chiplet("small", Dataflow(style), num_pes=16, noc_bandwidth=4)
    tall = Layer("tall", Op.CONV, K=4, C=3, Y=9, X=5, R=3, S=1)
    wide = Layer("wide", Op.CONV, K=4, C=3, Y=5, X=9, R=1, S=3)
    asked: list[Shape] = []
    best = search.best_mappings

    def noted(shapes: list[Shape], *rest: Any) -> list[Mapping]:
        asked.extend(shapes)
        return best(shapes, *rest)

    monkeypatch.setattr(search, "best_mappings", noted)
    made = LoopnestCostModel().plan([wide, tall], chiplet)
    assert len(asked) == (2 if style is Style.EYERISS else 1)
    for layer, (run,) in zip(made.layers, made.runs, strict=True):
        assert [run.shape] == shapes_of(layer)
        assert run.counts == count(run.shape, run.mapping, made.machine)
