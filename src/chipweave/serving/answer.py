"""All steps of decode, by the plan of the one in the middle, each evaluated at its own context."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np

from chipweave.errors import InputError
from chipweave.evaluation.bound import unavoidable_dram_bytes
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.record import Evaluation
from chipweave.ndarrays import Floats
from chipweave.plan.certificate import Requirement, Unmet, infeasible
from chipweave.plan.objective import objective as make_objective
from chipweave.plan.schedule import Schedule
from chipweave.results.result import Result
from chipweave.serving.growing import summed
from chipweave.serving.kept_caches import beside_caches, kept_bytes, with_kept_caches
from chipweave.serving.least import least_decode_s, may_stay_bytes
from chipweave.serving.planning import Planning, Way
from chipweave.serving.repeated import one_by_one, repeated, repeats
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
        way = self.way(plan)
        price = cache(partial(self.priced, plan, way))
        return [self._summed(plan, way, service, price) for _, service in self.asked]

    def _summed(self, plan: Result, way: Way, service: Service, price: Callable[[int], Floats]) -> Decoded:
        found = summed(price, service.first, service.last)
        seconds, joules, memory_s = map(float, found.total)
        if service.repeat:
            once, again = self.once(plan.schedule, context=service.first), found.priced[service.first]
            seconds, joules = seconds + once.latency_s - again[0], joules + once.energy_j - again[1]
        made = tuple(Step(at, *map(float, each)) for at, each in found.priced.items())
        ends = [self.steps.decode(context) for context in (service.first, service.last)]
        least_s = least_decode_s(plan.problem, ends, service, self.steps.decode(self.longest))
        return Decoded(seconds, joules, memory_s, made, found.off, least_s, way)

    @property
    def longest(self) -> int:
        """The context of the last step of all."""
        return max(service.last for _, service in self.asked)

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
        values = [self._value(each, self.way(each)) for each in (plan, some)]
        if not repeats(some.schedule) or values[0] <= values[1]:
            return plan
        return self.planning.evaluate(some.schedule, model)

    def _value(self, plan: Result, way: Way) -> float:
        """Of the step in the middle, by the objective."""
        cost = self.priced(plan, way, self.middle)
        return make_objective(plan.objective, self.planning.package)(float(cost[0]), float(cost[1]))

    def way(self, plan: Result) -> Way:
        """With caches in L2 where steps are repeated, the longest ones fit, and that is better; else from DRAM."""
        away = Way(self.planning)
        if not self.some.repeat or not repeats(plan.schedule):
            return away
        longest = self.steps.decode(self.longest)
        if with_kept_caches(longest) is None:
            return away
        held = kept_bytes(longest, self.once(one_by_one(plan.schedule), context=self.longest))
        package = beside_caches(self.planning.package, held)
        if package is None:
            return away
        kept = Way(replace(self.planning, package=package), held)
        try:
            return kept if self._value(plan, kept) < self._value(plan, away) else away
        except InputError:  # of the cost model: too little L2 is left to compute with
            return away

    def once(self, plan: Schedule, steps: int = 1, *, context: int) -> Evaluation:
        """So many steps by a plan, from an L2 in which nothing is."""
        return self.planning.once(plan, self.steps.decode(context), steps)

    def again(self, plan: Schedule, steps: int = 1, *, way: Way, context: int) -> Evaluation:
        """The same, with caches where they are."""
        model = self.steps.decode(context)
        kept = model if way.held_bytes is None else with_kept_caches(model)
        assert kept is not None
        return way.planning.once(plan, kept, steps)

    def priced(self, plan: Result, way: Way, context: int) -> Floats:
        """Seconds, joules, and seconds of the memory's roofline, of a step behind so many tokens."""
        self.tell(f"the step behind {context:,} tokens")
        task = Task("decode", self.steps.decode(context))
        rates, least = prepare(plan.problem).rates, unavoidable_dram_bytes(task)
        if self.some.repeat:
            stays = may_stay_bytes(task.model, self.steps.decode(self.longest), self.planning.package)
            step = repeated(plan.schedule, partial(self.again, way=way, context=context))
            return np.array([step.latency_s, step.energy_j, (least - stays) / rates.dram_bytes_s])
        cost = self.once(plan.schedule, context=context)
        return np.array([cost.latency_s, cost.energy_j, least / rates.dram_bytes_s])
