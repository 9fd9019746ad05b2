"""The law: the same figures at both speeds, a stage worked out by hand, and what holds of every demand."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from chipweave.evaluation.law import (
    IN_LOAD,
    MATES,
    RESIDENT,
    STREAMED,
    Demand,
    Rates,
    Room,
    Way,
    better,
    kept,
    least_stage_s,
    least_weight_loads,
    micro_batches,
    ways,
    window_needs,
    window_s,
)
from chipweave.evaluation.tables.compiled_law import law


@numba.njit
def _compiled(demand: Demand, room: Room, chiplets: int, rates: Rates) -> Any:
    k = law.micro_batches(demand.batch, demand.micro_batch)
    one, other = law.ways(room, demand.weights, k, chiplets, rates)
    terms, rest = law.kept(demand, room, one, rates), law.kept(demand, room, other, rates)
    return one, other, terms, rest, law.better(terms, rest)


def rates_of(detailed: bool) -> Rates:
    return Rates(detailed, 11.0, 0.3, 0.01, 0.07, 5.0, 0.9, 0.13, 0.0)


def drawn(seed: int) -> tuple[Demand, Room, int, Rates]:
    """A demand, what it asks of an L2 that holds all, some or none of it, and on how many chiplets."""
    rng = random.Random(seed)

    def some(most: float) -> float:
        return rng.choice([0.0, rng.uniform(0, most)])

    batch = rng.randint(1, 9)
    weights = some(100)
    demand = Demand(
        batch,
        rng.randint(1, batch),
        *(some(9) for _ in range(5)),
        weights,
        float(rng.randint(0, 5)),
        some(40),
        float(rng.randint(0, 5)),
        some(40),
        float(rng.randint(0, 5)),
        float(rng.randint(0, 5)),
        *(some(30) for _ in range(8)),
    )
    two = weights * rng.uniform(0, 1)
    room = Room(rng.uniform(1, 200), some(80), some(30), weights, two, two * rng.uniform(0.5, 1.5), some(20), some(20))
    return demand, room, rng.choice([1, 4]), rates_of(rng.random() < 0.8)


@pytest.mark.parametrize("part", range(4))
def test_both_speeds_give_the_same_bits(part: int) -> None:
    seen: set[tuple[int, bool]] = set()
    for seed in range(500 * part, 500 * part + 500):
        demand, room, chiplets, rates = drawn(seed)
        one, other = ways(room, demand.weights, micro_batches(demand.batch, demand.micro_batch), chiplets, rates)
        plain = kept(demand, room, one, rates), kept(demand, room, other, rates)
        assert _compiled(demand, room, chiplets, rates) == (one, other, *plain, better(*plain))
        seen |= {(one.keeping, one.fits), (other.keeping, other.fits)}
    kinds = {(IN_LOAD, True), (RESIDENT, True), (MATES, True), (STREAMED, True), (STREAMED, False), (RESIDENT, False)}
    assert seen == kinds


@pytest.mark.parametrize("seed", range(400))
def test_no_way_goes_below_the_least(seed: int) -> None:
    demand, room, chiplets, rates = drawn(seed)
    k = micro_batches(demand.batch, demand.micro_batch)
    first_s, steady_s = least_stage_s(demand.compute_s, demand.weights, rates)
    demand = demand._replace(pace_s=max(demand.pace_s, demand.compute_s))
    for way in ways(room, demand.weights, k, chiplets, rates):
        terms = kept(demand, room, way, rates)
        if way.keeping != MATES or demand.weights == 0:
            assert terms.resident_s + terms.fill_s >= first_s * (1 - 1e-12)
        assert terms.steady_s >= steady_s * (1 - 1e-12)
        assert terms.weights >= least_weight_loads(k, rates) * demand.weights * (1 - 1e-12)
        assert terms.energy_j >= terms.dram * rates.dram_j * (1 - 1e-12)


def test_a_stage_by_hand() -> None:
    """Links of 10 B/s and 1 s a hop, DRAM of 5 B/s and 2 s; 7 samples, 2 at a time, so k = 4.

    Weights: 20 bytes over 3 hops: 20/5 + 3 + 2 = 9 s. Loads: 2 * 5/5 + 1 + 2 = 5 s. Stores: 2 * 10/5 + 1 + 2 = 7 s.
    """
    rates = Rates(True, 10.0, 1.0, 0.0, 0.5, 5.0, 2.0, 2.0, 0.0)
    demand = Demand(
        7, 2, 6.0, 1.5, 7.0, 0.5, 0.0, 20.0, 3.0, 5.0, 1.0, 10.0, 1.0, 1.0, 40.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0
    )
    roomy = Room(100.0, 30.0, 30.0, 20.0, 15.0, 20.0, 0.0, 0.0)
    (way, _) = ways(roomy, 20.0, 4, 1, rates)
    assert way == Way(RESIDENT, True, 20.0, 0.0)
    terms = kept(demand, roomy, way, rates)
    assert (terms.resident_s, terms.weights_s, terms.load_s, terms.store_s, terms.spill_s) == (9.0, 0.0, 5.0, 7.0, 0.0)
    assert terms.fill_s == 5 + 7 + 0.5 + 1.5 + 6
    assert terms.overlaps  # 20 + 30 + 30 <= 100
    assert terms.steady_s == max(7, 5 + 7 + 0.5)
    assert terms.alone_s == 9 + 20 + 3 * 12.5
    assert (terms.weights, terms.load, terms.store, terms.dram) == (20.0, 35.0, 70.0, 125.0)
    # 7 * (1 + 2 + 3 + 4 + 5 + 6) inside, the weights once, 125 * 2 J at the DRAM and 40 * 0.5 J on links
    assert terms.energy_j == 7 * 21 + 7 + 250 + 20

    tight = roomy._replace(l2=46.0)  # 20 + 30 do not fit, 15 + 30 do: they stream, and arrive while others compute
    (way, _) = ways(tight, 20.0, 4, 1, rates)
    assert way == Way(STREAMED, True, 15.0, 0.0)
    terms = kept(demand, tight, way, rates)
    assert (terms.resident_s, terms.weights_s, terms.overlaps) == (0.0, 9.0, False)
    assert terms.fill_s == terms.steady_s == 5 + 7 + 0.5 + 1.5 + max(6, 9)
    assert terms.weights == 4 * 20
    assert terms.fill_j == 7 * 5 + 4 * 7

    full = roomy._replace(l2=25.0, spill_kept=8.0, spill_streamed=2.0)  # nothing fits; streaming moves 4 * (20 + 4)
    (way, _) = ways(full, 20.0, 4, 1, rates)
    assert way == Way(RESIDENT, False, 20.0, 8.0)  # 20 + 2 * 4 * 8 = 84 <= 96
    assert kept(demand, full, way, rates).spill_s == 2 * (8 / 5 + 1 + 2)


def test_a_window_by_hand() -> None:
    rates = Rates(True, 10.0, 1.0, 0.0, 0.5, 5.0, 2.0, 2.0, 3.0)
    assert window_needs(3.0, 20.0, 50.0, 10.0, rates) == (3.0, 4.0, 5.0, 1.0)
    assert window_s(window_needs(3.0, 20.0, 50.0, 10.0, rates)) == 5.0
    assert window_s(window_needs(3.0, 20.0, 50.0, 10.0, rates._replace(detailed=False))) == 3.0


def test_compiled_code_is_not_used_for_another_law(tmp_path: Path) -> None:
    """Numba looks at a kernel's own file; a change of the law, which it calls, must be seen all the same."""
    code = f"""
import sys
from pathlib import Path
import chipweave.compiled as compiled
compiled._sources = lambda folder: sys.argv[1]
sys.path.insert(0, {str(tmp_path)!r})
import kernels
kernels.twice(2)
print(sum(kernels.twice.stats.cache_hits.values()))
"""
    (tmp_path / "kernels.py").write_text(
        "from chipweave.compiled import kernel\n\n\n@kernel()\ndef twice(x):\n    return 2 * x\n"
    )
    hits = [
        subprocess.run([sys.executable, "-c", code, digest], capture_output=True, text=True, check=True).stdout.strip()
        for digest in ("one", "one", "other")
    ]
    assert hits == ["0", "1", "0"]
