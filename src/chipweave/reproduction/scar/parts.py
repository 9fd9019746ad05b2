"""A part of a scenario: what some of its models come to without the others, or with other batches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from chipweave.reproduction.scar.profile import PROFILE, Experiment, Setting, scenario_of


@dataclass(frozen=True)
class Part:
    """A question: some models of a scenario under one of the paper's strategies, searched for EDP.

    Args:
        batches: the tasks that are kept, each with its number of samples.
    """

    scenario: int
    strategy: str
    batches: tuple[tuple[str, int], ...]
    setting: Setting = PROFILE

    def answer(self) -> dict[str, Any]:
        """See `profile.outcome`."""
        whole, batches = scenario_of(self.scenario, self.setting), dict(self.batches)
        kept = tuple(replace(task, batch=batches[task.name]) for task in whole.tasks if task.name in batches)
        return Experiment(self.scenario, self.strategy, setting=self.setting).answer_with(replace(whole, tasks=kept))
