"""SCAR's search with its windows given: the partition with the most of them, rather than the best of all partitions.

The paper's Table VI has all five windows, and its strategies can be worse than one chiplet per model in one window. A
search that may leave the cuts out cannot be. So here the cuts are forced, to see what they cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chipweave.evaluation.evaluate import evaluate
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, pose
from chipweave.reproduction.scar.profile import PROFILE, cost_model_of, package_of, scenario_of, windows_of
from chipweave.schedulers.scar.options import ScarOptions
from chipweave.schedulers.scar.reconfigure import candidate_windows
from chipweave.schedulers.scar.scheduler import search_windows
from chipweave.schedulers.search import Request


@dataclass(frozen=True)
class MostWindows:
    """A question: the best schedule by EDP in the profile, its windows being the partition that has the most.

    Args:
        scenario: 1 to 10.
        strategy: a key of `STRATEGIES` whose scheduler is `scar` or `simba`.
        n_splits: cuts into windows.
    """

    scenario: int
    strategy: str
    n_splits: int = ScarOptions().n_splits

    def answer(self) -> dict[str, Any]:
        """`latency_s`, `energy_j`, `edp_js` and `windows`, as of `Experiment`."""
        scenario, options = scenario_of(self.scenario, PROFILE), ScarOptions(n_splits=self.n_splits)
        package = package_of(self.strategy, self.scenario, PROFILE)
        problem = pose(scenario, package, cost_model_of(PROFILE), Fidelity(PROFILE.fidelity))
        most = max(candidate_windows(problem, options.n_splits, options.packing), key=len)
        found = search_windows(problem, Request(objective("edp")), [most], options)
        evaluation = evaluate(found.schedule, problem)
        return {
            "latency_s": evaluation.latency_s,
            "energy_j": evaluation.energy_j,
            "edp_js": evaluation.edp_js,
            "windows": windows_of(scenario, found.schedule, evaluation),
        }
