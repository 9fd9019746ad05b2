"""PROV: how many nodes each task of a window may use (SCAR IV-B)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chipweave.ndarrays import Floats
from chipweave.plan.objective import Objective
from chipweave.plan.problem import Problem
from chipweave.schedulers.scar.options import Provision
from chipweave.schedulers.scar.reconfigure import Share


def node_limits(
    problem: Problem,
    window: Sequence[Share],
    expected: Sequence[tuple[Floats, Floats]],
    objective: Objective,
    provision: Provision,
    node_cap: int | None,
) -> tuple[int, ...]:
    """Most nodes per task of the window, in its order.

    Under `rule` they add up to at most the chiplets. Under `exhaustive` each task may use whatever the others
    leave (at least one each): SCHED's exclusive occupancy then tries every distribution.
    """
    chiplets = len(problem.package.chiplets)
    if provision is Provision.EXHAUSTIVE:
        limits = [chiplets - len(window) + 1] * len(window)
    else:
        demands = [
            objective(*(float(part[share.first : share.end].sum()) for part in expected[share.task]))
            for share in window
        ]
        limits = proportional(demands, chiplets)
    cap = chiplets if node_cap is None else node_cap
    return tuple(min(limit, cap, share.end - share.first) for limit, share in zip(limits, window, strict=True))


def proportional(demands: Sequence[float], chiplets: int) -> list[int]:
    """Eq. 2: N_i = round(P_i / sum P * |C|), at least 1 (halves round up).

    What rounding and the minimum give out too much is taken back, node by node, from the model that has most
    above its exact share and more than one node; the paper does not say how. Left-over chiplets stay idle.
    """
    total = sum(demands)
    exact = [demand / total * chiplets if total > 0 else chiplets / len(demands) for demand in demands]
    nodes = [max(1, math.floor(share + 0.5)) for share in exact]
    while sum(nodes) > chiplets:
        over = [count - share if count > 1 else -math.inf for count, share in zip(nodes, exact, strict=True)]
        nodes[over.index(max(over))] -= 1
    return nodes
