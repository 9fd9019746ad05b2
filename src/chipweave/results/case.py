"""A case: one question, whose answer is a result."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from chipweave.cost.interface import CostModel
from chipweave.hardware.package import Package
from chipweave.plan.objective import Function
from chipweave.plan.problem import Fidelity
from chipweave.workload.scenario import Scenario


@dataclass(frozen=True)
class Case:
    """What is asked: which scenario is to be scheduled on which package, how, and by what it is judged.

    Equal cases have equal answers, a time limit aside. How many threads work on a case, and who watches, is not part
    of it. `chipweave.files.case_file.case_key` is its name by content.

    Args:
        scenario, package: what runs where; limits are part of the scenario.
        scheduler, options: who searches; the scheduler's own options, None: its defaults.
        objective: what is minimised, by name, as an expression, or a Python function.
        cost_model: what layers cost.
        fidelity, seed: of the evaluation; of anything random.
        time_limit_s: after which the search ends with the best so far; None: none.
        simulate: among how many of the best plans simulation chooses; None: it does not.
        rows: where activations are evicted, runs of layers that go strip by strip are looked for in what was found.
        rescued: where the scheduler's own schedules do not keep the limits, `weave` is asked for one that does.
    """

    scenario: Scenario
    package: Package
    scheduler: str
    options: object | None
    objective: str | Function
    cost_model: CostModel
    fidelity: Fidelity
    seed: int = 0
    time_limit_s: float | None = None
    simulate: int | None = None
    rescued: bool = True
    rows: bool = False

    def __reduce__(self) -> tuple[Callable[[bytes], Case], tuple[bytes]]:
        """Packed: scenarios repeat themselves, and many cases travel to other processes."""
        values = tuple(getattr(self, field.name) for field in fields(self))
        return _unpacked, (zlib.compress(pickle.dumps(values), level=1),)


def _unpacked(packed: bytes) -> Case:
    values: tuple[Any, ...] = pickle.loads(zlib.decompress(packed))
    return Case(*values)
