"""Experts that a step touches: against enumeration on small cases, and against drawing lots on large ones."""

from __future__ import annotations

import random
from itertools import combinations, product
from math import comb, sqrt
from statistics import mean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.workload.importers.hf.routing import Routing, experts_and_rows, touched


@pytest.mark.parametrize(("experts", "chosen", "tokens"), [(4, 2, 1), (4, 2, 3), (5, 1, 4), (5, 3, 2), (6, 2, 3)])
def test_uniform_equals_enumeration(experts: int, chosen: int, tokens: int) -> None:
    """Every way in which all tokens can choose, all as likely."""
    ways = list(product(combinations(range(experts), chosen), repeat=tokens))
    average = sum(len(set().union(*way)) for way in ways) / len(ways)
    assert len(ways) == comb(experts, chosen) ** tokens
    assert touched(Routing().chances(experts, chosen), tokens) == pytest.approx(average)
    assert average == pytest.approx(experts * (1 - (1 - chosen / experts) ** tokens))


def draw(chances: list[float], lots: random.Random) -> set[int]:
    """Different experts, each with its chance, which add up to the number drawn: systematic sampling."""
    order = list(range(len(chances)))
    lots.shuffle(order)
    taken, passed, mark = set(), 0.0, lots.random()
    for expert in order:
        passed += chances[expert]
        while passed > mark + 1e-12:
            taken.add(expert)
            mark += 1
    return taken


@pytest.mark.parametrize(
    ("routing", "experts", "chosen", "tokens"),
    [(Routing(), 256, 8, 32), (Routing(exponent=1.0), 128, 8, 20), (Routing(exponent=2.0), 64, 4, 50)],
)
def test_many_experts_equal_drawing_lots(routing: Routing, experts: int, chosen: int, tokens: int) -> None:
    lots, chances = random.Random(1), routing.chances(experts, chosen)
    counts = []
    for _ in range(400):
        drawn = [draw(chances, lots) for _ in range(tokens)]
        assert {len(each) for each in drawn} == {chosen}
        counts.append(len(set().union(*drawn)))
    error = stdev(counts) / sqrt(len(counts))
    assert touched(chances, tokens) == pytest.approx(mean(counts), abs=4 * error)
    assert error < 0.01 * experts


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.data())
def test_chances_add_up(shares: list[float], data: st.DataObject) -> None:
    positive = sum(share > 0 for share in shares)
    if not positive:
        return
    chosen = data.draw(st.integers(1, positive))
    chances = Routing(shares=tuple(shares)).chances(len(shares), chosen)
    assert sum(chances) == pytest.approx(chosen)
    assert all(0 <= chance <= 1 for chance in chances)
    for first, second in combinations(range(len(shares)), 2):  # in proportion, where none is capped
        if chances[first] < 1 and chances[second] < 1:
            scale = max(shares) * chosen
            assert chances[first] * shares[second] == pytest.approx(chances[second] * shares[first], abs=1e-6 * scale)


def test_a_table_is_capped() -> None:
    """Of 2 a token, the first expert gets its 1 at most; the rest goes to the others in proportion 3 : 1."""
    assert Routing(shares=(8.0, 3.0, 1.0)).chances(3, 2) == pytest.approx([1, 0.75, 0.25])


def test_whole_numbers() -> None:
    """One token takes its own; 32 x 8 assignments on 163.3 of 256 experts are 163 and 2 rows; many touch all."""
    assert experts_and_rows(Routing(), 256, 8, 1) == (8, 1)
    assert touched([8 / 256] * 256, 32) == pytest.approx(163.3, abs=0.1)
    assert experts_and_rows(Routing(), 256, 8, 32) == (163, 2)
    assert experts_and_rows(Routing(), 256, 8, 4096) == (256, 128)
    assert experts_and_rows(Routing(exponent=50.0), 16, 2, 1000) == (2, 1000)


def test_tables_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="has shares of 3 experts, the model has 4"):
        Routing(shares=(1.0, 1.0, 1.0), label="mine.csv").chances(4, 2)
    with pytest.raises(InputError, match="fewer than 2 experts have a share"):
        Routing(shares=(1.0, 0.0, 0.0), label="mine.csv").chances(3, 2)
