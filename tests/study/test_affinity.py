from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.cost.interface import LayerCosts
from chipweave.hardware.chiplet import Chiplet
from chipweave.study.affinity import (
    Figures,
    LayerClass,
    compare,
    compare_by_class,
    distinct,
    freedom,
    layer_class,
    spending,
    weights_at_once,
    wins,
)
from chipweave.workload.layer import Layer, Op

CLASSES = {
    LayerClass.FEW_CHANNELS: [
        Layer("image", Op.CONV, K=64, C=3, Y=224, X=224, R=7, S=7, stride=(2, 2), padding=(3, 3)),
        Layer("four channels, 1x1", Op.CONV, K=8, C=4, Y=2, X=2),
    ],
    LayerClass.LARGE_MAP: [
        Layer("five channels", Op.CONV, K=8, C=5, Y=28, X=28, R=3, S=3, padding=(1, 1)),
        Layer("small maps of many regions", Op.CONV, K=8, C=8, Y=14, X=14, R=3, S=3, padding=(1, 1), N=4),
        Layer("a filter of one row", Op.CONV, K=8, C=8, Y=28, X=28, S=3, padding=(0, 1)),
    ],
    LayerClass.SMALL_MAP: [
        Layer("783 outputs", Op.CONV, K=8, C=8, Y=27, X=29, R=3, S=3, padding=(1, 1)),
        Layer("1x1 outputs of a 3x3 filter", Op.CONV, K=8, C=8, Y=3, X=3, R=3, S=3),
    ],
    LayerClass.POINTWISE: [
        Layer("two outputs", Op.CONV, K=8, C=8, Y=2, X=1),
        Layer("large", Op.CONV, K=8, C=64, Y=56, X=56),
    ],
    LayerClass.DEPTHWISE: [
        Layer("depthwise", Op.DEPTHWISE, K=8, C=8, Y=8, X=8, R=3, S=3, groups=8),
        Layer("two groups, 1x1", Op.CONV, K=8, C=8, Y=8, X=8, groups=2),
    ],
    LayerClass.TRANSPOSED: [Layer("up", Op.TRANSPOSED, K=8, C=3, Y=8, X=8, R=2, S=2, stride=(2, 2))],
    LayerClass.GEMM: [
        Layer("33 rows", Op.GEMM, K=8, C=8, Y=33),
        Layer("33 samples of one row", Op.GEMM, K=8, C=2, Y=1, N=33),
        Layer("33 regions, one position", Op.CONV, K=8, C=8, Y=1, N=33),
    ],
    LayerClass.FULLY_CONNECTED: [
        Layer("32 rows", Op.GEMM, K=8, C=8, Y=32),
        Layer("squeeze", Op.CONV, K=8, C=8, Y=1, X=1),
    ],
    LayerClass.ATTENTION: [Layer("heads", Op.MATMUL, K=64, C=64, Y=16, groups=4)],
}


@pytest.mark.parametrize(("expected", "layer"), [(kind, layer) for kind, some in CLASSES.items() for layer in some])
def test_classes_by_the_stated_rules(expected: LayerClass, layer: Layer) -> None:
    assert layer_class(layer) is expected


def test_every_class_has_an_example_and_riders_have_no_class() -> None:
    assert set(CLASSES) == set(LayerClass)
    with pytest.raises(ValueError, match=r"'add'.*no class"):
        layer_class(Layer("add", Op.ELEMENTWISE, K=4, C=4, Y=4, groups=4))


def test_distinct_layers_differ_in_more_than_their_names() -> None:
    one = Layer("a", Op.GEMM, K=8, C=8, Y=4)
    same, wider = Layer("b", Op.GEMM, K=8, C=8, Y=4), Layer("c", Op.GEMM, K=9, C=8, Y=4)
    rider = Layer("d", Op.ELEMENTWISE, K=4, C=4, Y=4, groups=4)
    assert distinct([one, rider, same, wider]) == (one, wider)


def test_weights_that_an_array_holds_at_once() -> None:
    """Of a depthwise layer one a channel; of four heads four times 16 x 16."""
    assert weights_at_once(CLASSES[LayerClass.DEPTHWISE][0]) == 8
    assert weights_at_once(CLASSES[LayerClass.FEW_CHANNELS][0]) == 64 * 3
    assert weights_at_once(CLASSES[LayerClass.ATTENTION][0]) == 4 * 16 * 16


def figures(cycles: list[float], energy_j: list[float]) -> Figures:
    return Figures(np.array(cycles), np.array(energy_j))


def test_ratios_by_hand() -> None:
    """Cycles ratios 2 and 1/8, energy 1/2 and 2, EDP 1 and 1/4; the second layer has three times the MACs."""
    found = compare(figures([20, 5], [1, 6]), figures([10, 40], [2, 3]), [100, 300])
    assert (found.mean.cycles, found.mean.energy, found.mean.edp) == pytest.approx((0.5, 1, 0.5))
    weighted = 2**0.25 * 0.125**0.75, 0.5**0.25 * 2**0.75, 0.25**0.75
    assert (found.weighted.cycles, found.weighted.energy, found.weighted.edp) == pytest.approx(weighted)
    assert (found.layers, found.macs) == (2, 400)
    assert (found.better, found.level, found.worse) == (1, 1, 0)


def test_a_hundredth_is_level_either_way() -> None:
    style, reference = figures([98.9, 99.1, 100.0, 100.0], [1] * 4), figures([100, 100, 99.1, 98.9], [1] * 4)
    found = compare(style, reference, [1, 1, 1, 1])
    assert (found.better, found.level, found.worse) == (1, 2, 1)


def test_classes_are_compared_on_their_own_layers() -> None:
    gemm, single, squeeze = CLASSES[LayerClass.GEMM][0], *CLASSES[LayerClass.FULLY_CONNECTED]
    found = compare_by_class([gemm, single, squeeze], figures([4, 1, 9], [1, 1, 1]), figures([1, 1, 1], [1, 1, 1]))
    assert list(found) == [LayerClass.GEMM, LayerClass.FULLY_CONNECTED, None]
    assert [each.mean.cycles for each in found.values()] == pytest.approx([4, 3, 36 ** (1 / 3)])
    assert [each.layers for each in found.values()] == [1, 2, 3]


def test_wins_of_three_styles() -> None:
    edp = {"a": np.array([1.0, 5, 3, 2]), "b": np.array([2.0, 1, 3, 2]), "c": np.array([3.0, 2, 1, 2.01])}
    assert wins(edp) == {"a": 1, "b": 1, "c": 1, "level": 1}


def test_spending_by_hand() -> None:
    """8 x 8 x 33 and 8 x 2 x 33 MACs, 2640 in all, on 10 PEs."""
    layers = CLASSES[LayerClass.GEMM][:2]
    zero = np.zeros(2)
    costs = LayerCosts(
        cycles=np.array([400.0, 128.0]),
        mac_j=zero,
        l1_j=np.array([2000.0, 640.0]),
        l2_j=np.array([1000.0, 320.0]),
        noc_j=np.array([0.0, 264.0]),
        fill_input_j=zero + 7,
        fill_weight_j=zero + 7,
        drain_output_j=zero + 7,
        l2_need_elements=zero,
    )
    found = spending(layers, costs, Chiplet("ten", num_pes=10))
    assert list(found) == [LayerClass.GEMM]
    spent = found[LayerClass.GEMM]
    assert (spent.utilisation, spent.l1, spent.l2, spent.noc) == pytest.approx((0.5, 1.0, 0.5, 0.1))


def test_a_free_choice_by_hand() -> None:
    """Alone `a` takes 11 cycles and 11 J, `b` the same. Freely: 2 cycles at least, 2 J at least, both at once."""
    found = freedom({"a": figures([1, 10], [1, 10]), "b": figures([10, 1], [10, 1])}, [1, 1])
    assert (found.cycles, found.energy, found.edp) == pytest.approx((2 / 11, 2 / 11, 4 / 121))
    assert found.chosen == (0, 1)


def test_a_style_that_is_best_at_everything_leaves_nothing_to_choose() -> None:
    found = freedom({"a": figures([2, 3], [2, 3]), "b": figures([1, 3], [2, 2])}, [5, 7])
    assert (found.cycles, found.energy, found.edp) == (1, 1, 1)
    assert (found.fastest, found.thriftiest, found.best, found.chosen) == ("b", "b", "b", (1, 1))


def test_the_product_may_save_nothing_where_both_sums_save() -> None:
    """One layer, fast or thrifty, at the same product."""
    found = freedom({"fast": figures([1], [4]), "thrifty": figures([4], [1])}, [3])
    assert (found.fastest, found.thriftiest) == ("fast", "thrifty")
    assert (found.cycles, found.energy, found.edp) == (1, 1, 1)


NUMBERS = st.integers(1, 50)


@given(st.data(), st.integers(1, 3), st.integers(1, 5))
def test_a_free_choice_is_the_best_of_all_assignments(data: st.DataObject, styles: int, layers: int) -> None:
    rows = st.lists(NUMBERS, min_size=layers, max_size=layers)
    tables = {str(index): figures(data.draw(rows), data.draw(rows)) for index in range(styles)}
    times = data.draw(rows)
    found = freedom(tables, times)

    def sums(choice: tuple[str, ...]) -> tuple[float, float]:
        cycles = sum(times[i] * tables[style].cycles[i] for i, style in enumerate(choice))
        return cycles, sum(times[i] * tables[style].energy_j[i] for i, style in enumerate(choice))

    everything = [sums(choice) for choice in product(tables, repeat=layers)]
    single = [sums((style,) * layers) for style in tables]
    for ratio, cost in (
        (found.cycles, lambda pair: pair[0]),
        (found.energy, lambda pair: pair[1]),
        (found.edp, lambda pair: pair[0] * pair[1]),
    ):
        assert ratio == pytest.approx(min(map(cost, everything)) / min(map(cost, single)))
        assert ratio <= 1
    cycles, energy = sums(tuple(list(tables)[index] for index in found.chosen))
    assert cycles * energy == pytest.approx(min(one * other for one, other in everything))
