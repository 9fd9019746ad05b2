"""What a task of a schedule comes to that serves a step of a language model, in the words of the field."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.evaluation.record import Evaluation
from chipweave.workload.scenario import Scenario


@dataclass(frozen=True, slots=True)
class ServedStep:
    """One step of all sequences of a task, of all its samples.

    Args:
        ttft_s: of prefill, time to the first token: the end of its last stage, from the scenario's start.
        tpot_s: of decode, time per output token: likewise, or from the end of the task for which it waits.
        tokens_per_s: of prefill those that come in, over `ttft_s`; of decode those that go out, over `tpot_s`.
        tokens_per_j: the same tokens over what the task's stages spend; None where they spend nothing.
    """

    ttft_s: float | None
    tpot_s: float | None
    tokens_per_s: float
    tokens_per_j: float | None


def served_step(evaluation: Evaluation, scenario: Scenario, number: int) -> ServedStep | None:
    """What the task with that number comes to; None where it serves nothing."""
    task = scenario.tasks[number]
    if task.serves is None:
        return None
    ends_s, energy_j = evaluation.task_latency_s(number), evaluation.task_energy(number).total
    tokens = task.batch * task.serves.tokens
    per_j = tokens / energy_j if energy_j else None
    if task.serves.prefills:
        return ServedStep(ends_s, None, tokens / ends_s, per_j)
    starts_s = 0.0
    if task.depends_on is not None:
        names = [each.name for each in scenario.tasks]
        starts_s = evaluation.task_latency_s(names.index(task.depends_on))
    return ServedStep(None, ends_s - starts_s, tokens / (ends_s - starts_s), per_j)
