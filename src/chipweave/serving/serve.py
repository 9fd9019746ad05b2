"""A language model in service: a plan for the prompt, one for the answer, and what both come to.

The answer's plan is made for the step in its middle, and all steps run by it, each evaluated at its own context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chipweave.api import evaluate, schedule
from chipweave.api.asked import fidelity_of, package_of
from chipweave.cost import DEFAULT
from chipweave.cost.choose import choose
from chipweave.errors import InputError
from chipweave.evaluation.bound import unavoidable_dram_bytes
from chipweave.evaluation.evaluate import evaluate as evaluated
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.record import Evaluation
from chipweave.files.hf_config import import_config
from chipweave.hardware.package import Package
from chipweave.ndarrays import Floats
from chipweave.plan.certificate import Requirement, Unmet, infeasible
from chipweave.plan.objective import objective as make_objective
from chipweave.plan.problem import pose
from chipweave.plan.room import require_memory
from chipweave.plan.schedule import Schedule
from chipweave.results.result import Result
from chipweave.serving.growing import summed
from chipweave.serving.repeated import repeated, repeats, room_bytes
from chipweave.serving.service import Served, Service, Step
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo.language import CONFIGURATIONS

TIGHTENED = 3
"""Times that a plan of decode is looked for, each with a tighter limit of its step in the middle."""

SOME = 8
"""Steps for which a plan is looked for, too, where steps are repeated: one that keeps weights may not pay in one."""


def serve(
    config: str | Path | Mapping[str, Any],
    package: Package | str | Path,
    *,
    prompt: int,
    output: int,
    batch: int = 1,
    ttft_limit_s: float | None = None,
    tpot_limit_s: float | None = None,
    repeat: bool = False,
    routing: str | Path | Sequence[float] = "uniform",
    absorbed: bool | None = None,
    bytes_per_element: int | None = None,
    progress: Callable[[str], None] | None = None,
    **common: Any,
) -> Served:
    """A language model in service on a package: `batch` sequences of `prompt` tokens, each answered with `output`.

    Prefill and decode run one after another, each on the whole package by a plan of its own. The context grows by a
    token a step; steps are priced at a few contexts, and lie on lines in between (docs/serving.md).

    Args:
        config: a `config.json` of `transformers`, the same as a mapping, or a built-in one such as `llama3_70b`.
        package: an object, a built-in name or a YAML file.
        prompt, output: tokens of each sequence that come in and go out; batch: sequences that are served together.
        ttft_limit_s: time to the first token, at most; tpot_limit_s: time per output token, on average, at most.
        repeat: weights that fit L2 stay there from one step of decode to the next; else each step loads them.
        routing, absorbed, bytes_per_element: as `from_hf` takes them; of a built-in model an element has one byte.
        progress: called with what is done next.
        common: passed to `schedule`, such as `scheduler` and `objective`.

    Raises:
        InputError: a name, file or number is wrong, more tokens than the model takes, or more than the memory holds.
        InfeasibleError: no valid schedule, or none within the limits.
    """
    asked = Service(prompt, output, batch, ttft_limit_s, tpot_limit_s, repeat)
    if common.get("latency_limit_s") is not None:
        raise InputError("serve: latency_limit_s is that of one schedule; give ttft_limit_s or tpot_limit_s")
    if repeat and common.get("fidelity", "detailed") == "paper":
        raise InputError("serve: in fidelity 'paper' no weights stay in L2; leave `repeat` out, or use 'detailed'")
    common = {name: value for name, value in common.items() if value is not None}
    known, width = config, bytes_per_element
    if isinstance(config, str) and config in CONFIGURATIONS:
        known, width = CONFIGURATIONS[config], bytes_per_element or 1
    steps = Steps(known, batch, {"routing": routing, "absorbed": absorbed, "bytes_per_element": width})
    first, system = steps.prefill(prompt), package_of(package)
    # The last step is refused before any search, where the model takes fewer tokens or the memory holds fewer.
    require_memory(Scenario("the last step", (Task("decode", steps.decode(asked.last)),)), system)
    tell = progress or (lambda _: None)
    tell("prefill")
    prefill = schedule(first, system, latency_limit_s=ttft_limit_s, **common)
    name = config if isinstance(config, str) and config in CONFIGURATIONS else first.name
    return _Answer(asked, steps, system, common, tell).served(prefill, name)


@dataclass(frozen=True)
class Steps:
    """The steps of a configuration, all of so many sequences; `how`: what else its import is told."""

    config: str | Path | Mapping[str, Any]
    batch: int
    how: Mapping[str, Any]

    def prefill(self, prompt: int) -> Model:
        return import_config(self.config, phase="prefill", prompt=prompt, batch=self.batch, **self.how).model

    def decode(self, context: int) -> Model:
        return import_config(self.config, phase="decode", context=context, batch=self.batch, **self.how).model


@dataclass(frozen=True)
class _Answer:
    """All steps of decode, by the plan of the one in the middle.

    Args:
        common: what `schedule` is told; tell: what is done next.
    """

    asked: Service
    steps: Steps
    package: Package
    common: Mapping[str, Any]
    tell: Callable[[str], None]

    def served(self, prefill: Result, name: str) -> Served:
        """With a plan whose steps keep the limit on average, looked for until it does."""
        asked, limit_s = self.asked, None if self.asked.repeat else self.asked.tpot_limit_s
        for _ in range(TIGHTENED):
            plan = self.plan(limit_s)
            found = summed(partial(self.priced, plan), asked.first, asked.last)
            seconds, joules, memory_s = map(float, found.total)
            if asked.repeat:
                once, again = self.once(plan.schedule, asked.first), found.priced[asked.first]
                seconds, joules = seconds + once.latency_s - again[0], joules + once.energy_j - again[1]
            tpot_s = seconds / asked.steps
            if asked.tpot_limit_s is None or tpot_s <= asked.tpot_limit_s:
                made = tuple(Step(at, *map(float, each)) for at, each in found.priced.items())
                return Served(name, asked, prefill, plan, seconds, joules, memory_s, made, found.off)
            if limit_s is None:
                break
            limit_s = plan.evaluation.latency_s * asked.tpot_limit_s / tpot_s
        levers = ("raise `tpot_limit_s`", "serve fewer sequences together", "take a package with more bandwidth")
        demand = asked.tpot_limit_s
        raise infeasible(
            Unmet(Requirement.LATENCY, of="decode", demand=demand, reached=tpot_s, unit="s", levers=levers)
        )

    def plan(self, limit_s: float | None) -> Result:
        """The plan of the step in the middle; of repeated steps the better one of two, made for one and for some."""
        self.tell(f"decode behind {self.asked.middle:,} tokens")
        model = self.steps.decode(self.asked.middle)
        plan = schedule(model, self.package, latency_limit_s=limit_s, **self.common)
        if not self.asked.repeat:
            return plan
        self.tell(f"the same, for {SOME} steps that keep what is in L2")
        some = schedule(model, self.package, batch=SOME, **self.common)
        goal = make_objective(plan.objective)
        costs = [self.priced(each, self.asked.middle) for each in (plan, some)]
        values = [goal(float(cost[0]), float(cost[1])) for cost in costs]
        if not repeats(some.schedule) or values[0] <= values[1]:
            return plan
        return evaluate(some.schedule, model, self.package, **self.how)

    @property
    def how(self) -> dict[str, Any]:
        """What `evaluate` is told."""
        given = {key: self.common[key] for key in ("objective", "fidelity") if key in self.common}
        return given | {"cost_model": self.common.get("cost_model", DEFAULT)}

    def once(self, plan: Schedule, context: int, steps: int = 1) -> Evaluation:
        """So many steps by a plan, from an L2 in which nothing is; without a bound, which takes longer than they do."""
        scenario = Scenario("decode", (Task("decode", self.steps.decode(context), steps),))
        model, level = choose(self.how["cost_model"]), fidelity_of(self.common.get("fidelity", "detailed"))
        return evaluated(plan, pose(scenario, self.package, model, level))

    def priced(self, plan: Result, context: int) -> Floats:
        """Seconds, joules, and seconds of the memory's roofline, of a step behind so many tokens."""
        self.tell(f"the step behind {context:,} tokens")
        task = Task("decode", self.steps.decode(context))
        rates, least = prepare(plan.problem).rates, unavoidable_dram_bytes(task)
        if self.asked.repeat:
            stays = min(task.model.distinct_weight_bytes, room_bytes(self.package))
            step = repeated(plan.schedule, lambda schedule, steps: self.once(schedule, context, steps))
            return np.array([step.latency_s, step.energy_j, (least - stays) / rates.dram_bytes_s])
        cost = self.once(plan.schedule, context)
        return np.array([cost.latency_s, cost.energy_j, least / rates.dram_bytes_s])
