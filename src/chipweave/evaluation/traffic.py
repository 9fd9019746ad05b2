"""What every link, chiplet port and memory interface carries in each window: the evaluator's bytes, place by place."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.evaluation.exact.region import passed
from chipweave.evaluation.exact.transfer import network, together
from chipweave.evaluation.record import Evaluation, Flow, WindowEvaluation
from chipweave.hardware.package import Package
from chipweave.ndarrays import Floats


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


def traffic(evaluation: Evaluation, package: Package) -> tuple[WindowTraffic, ...]:
    """The traffic of every window of an evaluated schedule.

    Sums are formed in the evaluator's order, so that the busiest link of a window carries, to the last bit,
    `link_s` * the link bandwidth.
    """
    net = network(package)

    def window(costs: WindowEvaluation, flows: tuple[tuple[tuple[Flow, ...], ...], ...]) -> WindowTraffic:
        dram = dict.fromkeys(package.interfaces, 0.0)
        for pipeline in costs.pipelines:
            for stage in pipeline.stages:
                for interface, bytes_ in passed(package, stage):
                    dram[interface] += bytes_
        stages = [[together(net, (flow.moved for flow in stage)) for stage in pipeline] for pipeline in flows]
        total = together(net, (together(net, pipeline) for pipeline in stages))
        return WindowTraffic(total.links, total.out, total.into, dram, flows)

    return tuple(window(*each) for each in zip(evaluation.windows, evaluation.flows, strict=True))
