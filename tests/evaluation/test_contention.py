"""The estimate of what contention for the DRAM costs: by hand, and its limits."""

from __future__ import annotations

import random

import pytest

from chipweave.evaluation.contention import Sharer, contended_s
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.law import WHOLE, Demand, Rates, Way, kept
from chipweave.plan.problem import Fidelity
from tests.evaluation.test_law import DEMAND
from tests.support import random_problem, random_schedule

RATES = Rates(True, 10.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0)
STAYS = Way(WHOLE, 0.0, 0.0, 0.0, 0.0, 1.0, False)
NOTHING = dict.fromkeys(Demand._fields, 0)


def stage(batch: int, compute_s: float, load: float, weights: float = 0.0, exchange_s: float = 0.0) -> Sharer:
    """One sample at a time, transfers and compute one after another."""
    demand = DEMAND._replace(
        **{**NOTHING, "batch": batch, "micro_batch": 1, "last": 1.0, "compute_s": compute_s, "pace_s": compute_s,
           "load": load, "weights": weights, "arrival_s": compute_s, "exchange_s": exchange_s}
    )  # fmt: skip
    way = STAYS._replace(pinned=weights)
    return Sharer(demand, way, kept(demand, way, RATES))


def test_two_that_load_in_turn_by_hand() -> None:
    """Each computes 3 s and loads 2 bytes at 2 bytes a second, for 4 samples: 16 s alone, of which DRAM is busy 4.

    In W seconds the other one takes 4 / W of the DRAM, so a load takes 1 / (1 - 4 / W) s, and
    W = 4 (3 + W / (W - 4)), or W^2 - 20 W + 48 = 0: W = 10 + sqrt(52).
    """
    one = [stage(4, 3.0, 2.0)]
    assert one[0].terms.alone_s == 16
    assert contended_s([one, one], 16.0, RATES) == pytest.approx(10 + 52**0.5, rel=1e-8)


def test_one_alone_waits_for_nobody() -> None:
    assert contended_s([[stage(4, 3.0, 2.0)]], 16.0, RATES) == pytest.approx(16, rel=1e-8)
    assert contended_s([[stage(4, 3.0, 0.0)], [stage(4, 1.0, 0.0)]], 12.0, RATES) == 12


def test_weights_that_stay_load_side_by_side() -> None:
    """8 and 2 bytes of weights at 2 bytes a second, 4 and 1 s alone. The short one has them after 1 + 1 s, the long one
    after 4 + 1; each then exchanges for 3 s."""
    long, short = [stage(1, 0.0, 0.0, 8.0, 3.0)], [stage(1, 0.0, 0.0, 2.0, 3.0)]
    assert contended_s([long], 7.0, RATES) == pytest.approx(4 + 3, rel=1e-8)
    assert contended_s([long, short], 7.0, RATES) == pytest.approx(5 + 3, rel=1e-8)
    assert contended_s([long, short, short], 7.0, RATES) == pytest.approx(6 + 3, rel=1e-8)


@pytest.mark.parametrize("seed", range(60))
def test_never_below_the_latency(seed: int) -> None:
    rng = random.Random(seed)
    problem = random_problem(rng, Fidelity.DETAILED, tasks=2)
    evaluation = evaluate(random_schedule(rng, problem), problem)
    for window in evaluation.windows:
        assert window.latency_s <= window.contended_s
        assert window.contended_s < 1e6 * window.latency_s


def test_paper_knows_no_contention() -> None:
    rng = random.Random(1)
    problem = random_problem(rng, Fidelity.PAPER, tasks=2)
    evaluation = evaluate(random_schedule(rng, problem), problem)
    assert all(window.contended_s == window.latency_s for window in evaluation.windows)
