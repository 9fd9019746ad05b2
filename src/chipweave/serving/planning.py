"""How plans of prefill and decode are found: on a whole package, or on some of its chiplets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chipweave.api import evaluate, schedule
from chipweave.api.asked import fidelity_of
from chipweave.cost import DEFAULT
from chipweave.cost.choose import choose
from chipweave.errors import InputError
from chipweave.evaluation.evaluate import evaluate as evaluated
from chipweave.evaluation.record import Evaluation
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.plan.problem import Problem, pose
from chipweave.plan.schedule import Schedule
from chipweave.results.result import Result
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task

ASLEEP = 1e-6
"""Share of its clock that a chiplet of the other side has while a plan is looked for, so that no search takes it."""


@dataclass(frozen=True)
class Planning:
    """
    Args:
        chiplets: on which plans run; None: all.
        common: what `schedule` is told.
    """

    package: Package
    common: Mapping[str, Any]
    chiplets: tuple[int, ...] | None = None

    def schedule(self, model: Model, **asked: Any) -> Result:
        """The best plan found, as it is on the whole package.

        Raises:
            InputError: the scheduler takes chiplets of the other side.
            InfeasibleError: no valid schedule, or none within the limits.
        """
        if self.chiplets is None:
            return schedule(model, self.package, **asked, **self.common)
        scheduler = self.common.get("scheduler", "weave")
        try:
            found = schedule(model, asleep(self.package, self.chiplets), **asked, **self.common)
        except InputError as error:  # on the whole package it went
            raise InputError(f"scheduler '{scheduler}' plans no part of a package: {error}; take weave") from None
        stages = [stage for _, pipeline in found.schedule.pipelines() for stage in pipeline.stages]
        used = {chiplet for stage in stages for chiplet in stage.chiplets}
        if not used <= set(self.chiplets):
            raise InputError(
                f"scheduler '{scheduler}' by objective '{found.objective}' does not keep to a part of the package; "
                "take weave, and an objective that counts time"
            )
        return self.evaluate(found.schedule, model)

    def evaluate(self, plan: Schedule, model: Model) -> Result:
        """A plan that is known."""
        return evaluate(plan, model, self.package, **self.how)

    @property
    def how(self) -> dict[str, Any]:
        """What `evaluate` is told."""
        given = {key: self.common[key] for key in ("objective", "fidelity") if key in self.common}
        return given | {"cost_model": self.common.get("cost_model", DEFAULT)}

    def problem(self, model: Model, samples: int = 1) -> Problem:
        scenario = Scenario("decode", (Task("decode", model, samples),))
        level = fidelity_of(self.how.get("fidelity", "detailed"))
        return pose(scenario, self.package, choose(self.how["cost_model"]), level)

    def once(self, plan: Schedule, model: Model, samples: int = 1) -> Evaluation:
        """So many samples by a plan, from an empty L2; without a bound, which would take longer than they do."""
        return evaluated(plan, self.problem(model, samples))


@dataclass(frozen=True)
class Way:
    """How the steps of an answer run.

    Args:
        planning: with the package that their weights and activations have.
        held_bytes: per chiplet, caches that stay in its L2; None: caches come from DRAM with every step.
    """

    planning: Planning
    held_bytes: Mapping[int, int] | None = None


def asleep(package: Package, awake: Collection[int]) -> Package:
    """The package with all other chiplets so slow that they are of no use; links and memory are what they are."""

    def slow(chiplet: Chiplet) -> Chiplet:
        return replace(chiplet, name=f"{chiplet.name}, asleep", clock_hz=ASLEEP * chiplet.clock_hz)

    every = enumerate(package.chiplets)
    return replace(package, chiplets=tuple(chiplet if at in awake else slow(chiplet) for at, chiplet in every))
