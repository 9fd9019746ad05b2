"""What every link, chiplet port and memory interface carries in each window: the evaluator's bytes, place by place."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.evaluation.exact.demand import Flow, Setting, stage_flows
from chipweave.evaluation.exact.ground import Prepared, prepare
from chipweave.evaluation.exact.tensors import locate
from chipweave.evaluation.exact.transfer import Floats, together
from chipweave.evaluation.record import Evaluation, WindowEvaluation
from chipweave.plan.problem import Problem
from chipweave.plan.schedule import Schedule


@dataclass(frozen=True)
class WindowTraffic:
    """Bytes of one window.

    Args:
        links: per directed link, in the order of `Network.links`.
        out, into: per chiplet.
        dram: per chiplet with a memory interface, to and from DRAM.
        flows: per pipeline, per stage, what it moves.
    """

    links: Floats
    out: Floats
    into: Floats
    dram: dict[int, float]
    flows: tuple[tuple[tuple[Flow, ...], ...], ...]


def traffic(schedule: Schedule, problem: Problem | Prepared, evaluation: Evaluation) -> tuple[WindowTraffic, ...]:
    """The traffic of every window of an evaluated schedule.

    Sums are formed in the evaluator's order, so that the busiest link of a window carries, to the last bit,
    `link_s` * the link bandwidth.
    """
    ready = prepare(problem)
    where = [locate(schedule, task, len(entry.model.layers)) for task, entry in enumerate(ready.tasks)]

    def window(index: int, costs: WindowEvaluation) -> WindowTraffic:
        flows = []
        dram = dict.fromkeys(ready.package.interfaces, 0.0)
        for pipeline, evaluated in zip(schedule.windows[index].pipelines, costs.pipelines, strict=True):
            setting = Setting(ready, index, pipeline, where[pipeline.task], schedule.largest_region)
            flows.append(tuple(stage_flows(setting, i, stage.l2) for i, stage in enumerate(evaluated.stages)))
            for region, stage in zip(setting.regions, evaluated.stages, strict=True):
                dram[region.interface] += stage.bytes_.dram
        net = ready.network
        stages = [[together(net, (flow.moved for flow in stage)) for stage in pipeline] for pipeline in flows]
        total = together(net, (together(net, pipeline) for pipeline in stages))
        return WindowTraffic(total.links, total.out, total.into, dram, tuple(flows))

    return tuple(window(index, costs) for index, costs in enumerate(evaluation.windows))
