"""All steps of decode, by the plan of the one in the middle, each evaluated at its own context."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from chipweave.evaluation.bound import unavoidable_dram_bytes
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.record import Evaluation
from chipweave.ndarrays import Floats
from chipweave.plan.certificate import Requirement, Unmet, infeasible
from chipweave.plan.objective import objective as make_objective
from chipweave.plan.schedule import Schedule
from chipweave.results.result import Result
from chipweave.serving.growing import summed
from chipweave.serving.planning import Planning
from chipweave.serving.repeated import repeated, repeats, room_bytes
from chipweave.serving.service import Decoded, Service, Step
from chipweave.serving.steps import Steps
from chipweave.workload.scenario import Task

TIGHTENED = 3
"""Times that a plan of decode is looked for, each with a tighter limit of its step in the middle."""

SOME = 8
"""Steps for which a plan is looked for, too, where steps are repeated: one that keeps weights may not pay in one."""


@dataclass(frozen=True)
class Answer:
    """
    Args:
        asked: what is served, with its share of all; all alike but in their lengths.
        tell: what is done next.
    """

    asked: Sequence[tuple[float, Service]]
    steps: Steps
    planning: Planning
    tell: Callable[[str], None]

    @property
    def some(self) -> Service:
        """Any: batch, limits and what is repeated are those of all."""
        return self.asked[0][1]

    @property
    def middle(self) -> int:
        """The context for which the plan is made: in the middle of all steps."""
        if len(self.asked) == 1:
            return self.some.middle
        steps = sum(share * service.steps for share, service in self.asked)
        contexts = sum(share * service.steps * (service.first + service.last) / 2 for share, service in self.asked)
        return round(contexts / steps)

    def decoded(self) -> tuple[Result, list[Decoded]]:
        """The plan, and what it comes to for each service; one whose steps keep the limit on average, looked for until
        they do.

        Raises:
            InfeasibleError: none is found.
        """
        limit_s = self.some.tpot_limit_s
        held_s = None if self.some.repeat else limit_s
        for _ in range(TIGHTENED):
            plan = self.plan(held_s)
            found = self.by(plan)
            shares = [share for share, _ in self.asked]
            steps = sum(share * service.steps for share, service in self.asked)
            tpot_s = sum(share * each.seconds for share, each in zip(shares, found, strict=True)) / steps
            if limit_s is None or tpot_s <= limit_s:
                return plan, found
            if held_s is None:
                break
            held_s = plan.evaluation.latency_s * limit_s / tpot_s
        levers = ("raise `tpot_limit_s`", "serve fewer sequences together", "take a package with more bandwidth")
        demand = limit_s
        raise infeasible(
            Unmet(Requirement.LATENCY, of="decode", demand=demand, reached=tpot_s, unit="s", levers=levers)
        )

    def by(self, plan: Result) -> list[Decoded]:
        """What all steps come to by a plan, for each service."""
        price = cache(partial(self.priced, plan))
        return [self._summed(plan, service, price) for _, service in self.asked]

    def _summed(self, plan: Result, service: Service, price: Callable[[int], Floats]) -> Decoded:
        found = summed(price, service.first, service.last)
        seconds, joules, memory_s = map(float, found.total)
        if service.repeat:
            once, again = self.once(plan.schedule, context=service.first), found.priced[service.first]
            seconds, joules = seconds + once.latency_s - again[0], joules + once.energy_j - again[1]
        made = tuple(Step(at, *map(float, each)) for at, each in found.priced.items())
        return Decoded(seconds, joules, memory_s, made, found.off)

    def plan(self, limit_s: float | None) -> Result:
        """The plan of the step in the middle; of repeated steps the better one of two, made for one and for some."""
        middle = self.middle
        self.tell(f"decode behind {middle:,} tokens")
        model = self.steps.decode(middle)
        plan = self.planning.schedule(model, latency_limit_s=limit_s)
        if not self.some.repeat:
            return plan
        self.tell(f"the same, for {SOME} steps that keep what is in L2")
        some = self.planning.schedule(model, batch=SOME)
        goal = make_objective(plan.objective)
        costs = [self.priced(each, middle) for each in (plan, some)]
        values = [goal(float(cost[0]), float(cost[1])) for cost in costs]
        if not repeats(some.schedule) or values[0] <= values[1]:
            return plan
        return self.planning.evaluate(some.schedule, model)

    def once(self, plan: Schedule, steps: int = 1, *, context: int) -> Evaluation:
        """So many steps by a plan, from an L2 in which nothing is."""
        return self.planning.once(plan, self.steps.decode(context), steps)

    def priced(self, plan: Result, context: int) -> Floats:
        """Seconds, joules, and seconds of the memory's roofline, of a step behind so many tokens."""
        self.tell(f"the step behind {context:,} tokens")
        task = Task("decode", self.steps.decode(context))
        rates, least = prepare(plan.problem).rates, unavoidable_dram_bytes(task)
        if self.some.repeat:
            stays = min(task.model.distinct_weight_bytes, room_bytes(self.planning.package))
            step = repeated(plan.schedule, partial(self.once, context=context))
            return np.array([step.latency_s, step.energy_j, (least - stays) / rates.dram_bytes_s])
        cost = self.once(plan.schedule, context=context)
        return np.array([cost.latency_s, cost.energy_j, least / rates.dram_bytes_s])
