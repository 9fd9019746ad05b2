"""What every link, chiplet port and memory interface carries in each window: the evaluator's bytes, place by place."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.schedule.evaluation import Evaluation, WindowEvaluation
from chipweave.schedule.plan import Schedule
from chipweave.schedule.problem import Problem
from chipweave.schedule.stage import Flow, Setting, stage_flows
from chipweave.schedule.tensors import locate
from chipweave.schedule.transfer import Floats, together


@dataclass(frozen=True)
class WindowTraffic:
    """Bytes of one window.

    Args:
        links: per directed link, in the order of `problem.network.links`.
        out, into: per chiplet.
        dram: per chiplet with a memory interface, to and from DRAM.
        flows: per pipeline, per stage, what it moves.
    """

    links: Floats
    out: Floats
    into: Floats
    dram: dict[int, float]
    flows: tuple[tuple[tuple[Flow, ...], ...], ...]


def traffic(schedule: Schedule, problem: Problem, evaluation: Evaluation) -> tuple[WindowTraffic, ...]:
    """The traffic of every window of an evaluated schedule.

    Sums are formed in the evaluator's order, so that the busiest link of a window carries, to the last bit,
    `link_s` * the link bandwidth.
    """
    where = [locate(schedule, task, len(entry.model.layers)) for task, entry in enumerate(problem.scenario.tasks)]

    def window(index: int, costs: WindowEvaluation) -> WindowTraffic:
        flows = []
        dram = dict.fromkeys(problem.package.interfaces, 0.0)
        for pipeline, evaluated in zip(schedule.windows[index].pipelines, costs.pipelines, strict=True):
            setting = Setting(problem, index, pipeline, where[pipeline.task], schedule.largest_region)
            flows.append(tuple(stage_flows(setting, i, stage.l2) for i, stage in enumerate(evaluated.stages)))
            for region, stage in zip(setting.regions, evaluated.stages, strict=True):
                dram[region.interface] += stage.bytes_.dram
        net = problem.network
        stages = [[together(net, (flow.moved for flow in stage)) for stage in pipeline] for pipeline in flows]
        total = together(net, (together(net, pipeline) for pipeline in stages))
        return WindowTraffic(total.links, total.out, total.into, dram, tuple(flows))

    return tuple(window(index, costs) for index, costs in enumerate(evaluation.windows))
