"""Feed-forward networks: one that every token takes, or the experts that a step touches."""

from __future__ import annotations

from chipweave.workload.importers.hf.decoder import Experts, FeedForward
from chipweave.workload.importers.hf.making import Making, beside
from chipweave.workload.importers.hf.routing import experts_and_rows
from chipweave.workload.zoo._builder import Activation


def feed_forward(making: Making, name: str, x: Activation, part: FeedForward) -> Activation:
    graph = making.graph
    inside = graph.gemm(f"{name}.up", x, K=part.hidden)
    if part.gated:
        inside = graph.elementwise(f"{name}.product", inside, graph.gemm(f"{name}.gate", x, K=part.hidden))
    return graph.gemm(f"{name}.down", inside, K=x.C)


def experts(making: Making, name: str, x: Activation, part: Experts) -> Activation:
    """The experts that are touched as one grouped product, each with its share of the rows; others move nothing."""
    graph, routing = making.graph, making.routing
    used, each = experts_and_rows(routing, part.count, part.chosen, making.step.rows)
    scores = graph.gemm(f"{name}.router", x, K=part.count)
    width = part.latent or x.C
    source = graph.gemm(f"{name}.latent_down", x, K=width) if part.latent else x
    sent = source.resample(used * width, each)
    inside = making.grouped(f"{name}.experts.up", sent, used, used * part.hidden)
    if part.gated:
        gate = making.grouped(f"{name}.experts.gate", sent, used, used * part.hidden)
        inside = graph.elementwise(f"{name}.experts.product", inside, gate)
    back = making.grouped(f"{name}.experts.down", inside, used, used * width)
    y = graph.elementwise(f"{name}.mix", beside(back), beside(scores), like=Activation(0, width, x.Y))
    if part.latent:
        y = graph.gemm(f"{name}.latent_up", y, K=x.C)
    if part.shared:
        shared = feed_forward(making, f"{name}.shared", x, FeedForward(part.shared, part.gated))
        gates = (graph.gemm(f"{name}.shared.weight", x, K=1),) if part.shared_gate else ()
        y = graph.elementwise(f"{name}.sum", y, shared, *gates)
    return y
