"""One layer alone on a package of one chiplet, as a chip runs that goes through a network layer by layer."""

from __future__ import annotations

from chipweave.cost.interface import CostModel
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import WindowEvaluation
from chipweave.hardware.package import Package
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task


def evaluate_alone(layer: Layer, package: Package, samples: int, cost_model: CostModel) -> WindowEvaluation:
    """The window in which the package's first chiplet runs all samples of the layer together: inputs come from the
    DRAM, outputs go there, in elements as wide as the chiplet's operands."""
    width = -(-package.chiplets[0].precision_bits // 8)
    edge = Edge(NETWORK_INPUT, 0, layer.input_elements)
    model = Model(layer.name, (layer,), (edge,), bytes_per_element=width)
    problem = pose(Scenario(layer.name, (Task(layer.name, model, samples),)), package, cost_model, Fidelity.DETAILED)
    alone = Pipeline(0, (Stage(0, 0, (0,)),), micro_batch=samples)
    return evaluate(Schedule((Window((alone,)),)), problem).windows[0]
