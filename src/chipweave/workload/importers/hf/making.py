"""A decoder's step in the making: the graph, what it reads of the network's input, and what it leaves behind."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from chipweave.workload.importers.hf.routing import Routing
from chipweave.workload.importers.hf.step import Step
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT
from chipweave.workload.zoo._builder import Activation, Graph


@dataclass
class Making:
    """
    Args:
        absorbed: latent attention works on latent vectors, instead of making keys and values of all heads.
        read: elements of the network's input so far; every state is a slice of it.
        cache_share: bits of a cached element over those of an activation. A cache counts as so many fewer (or more)
            elements of the activations' width, so its bytes are its own; rounded up to whole channels where stored.
    """

    step: Step
    routing: Routing
    absorbed: bool
    graph: Graph = field(default_factory=Graph)
    read: int = 0
    cache_share: float = 1.0

    def input(self, C: int, Y: int) -> Activation:
        """A slice of the network's input that nobody else reads: Y rows of C."""
        self.read += C * Y
        return Activation(NETWORK_INPUT, C, Y)

    def cached(self, C: int, tokens: int) -> tuple[Activation, ...]:
        """What is stored of `tokens` earlier tokens of each sequence, C numbers each; nothing where there are none."""
        if not tokens:
            return ()
        if self.cache_share == 1:
            return (self.input(C, self.step.sequences * tokens),)
        stored = self.step.sequences * tokens * self._channels(C)
        self.read += stored
        return (Activation(NETWORK_INPUT, C, self.step.sequences * tokens, moved=stored),)

    def _channels(self, C: int) -> int:
        return math.ceil(C * self.cache_share - 1e-9)

    def keep(self, name: str, tensor: Activation) -> None:
        """Store a tensor, or what the view has of it: an output of the network, which nothing reads."""
        if self.cache_share == 1:
            self.graph.elementwise(name, tensor)
        else:
            self.graph.elementwise(name, beside(tensor), like=replace(tensor, C=self._channels(tensor.C), moved=0))

    def append(self, name: str, made: Activation, window: int = 0) -> None:
        """Store what each new token adds to a cache; of a window, no more tokens than it holds."""
        tokens = min(self.step.tokens, window or self.step.tokens)
        self.keep(name, replace(made, Y=self.step.sequences * tokens))

    def grouped(self, name: str, source: Activation, groups: int, K: int) -> Activation:
        """Groups of features, each times a matrix of its own: of every row of `source`, K outputs in all."""
        return self.graph.conv(name, source, K=K, groups=groups)

    def short_convolution(self, name: str, source: Activation, kernel: int) -> Activation:
        """Every channel over the last `kernel` tokens; the tokens before come from the state, and are stored anew."""
        step, earlier = self.step, kernel - 1 if self.step.context else 0
        before = self.cached(source.C, earlier)
        padding = (kernel - 1 - earlier, 0)
        layer = Layer(
            name, Op.DEPTHWISE, K=source.C, C=source.C, Y=step.tokens + earlier, R=kernel, N=step.sequences,
            out_y=step.tokens, padding=padding, groups=source.C,
        )  # fmt: skip
        if kernel > 1:
            self.append(f"{name}.append", source, kernel - 1)
        return rows(self.graph.layer(layer, source, *before), source.C, step.rows)


def rows(tensor: Activation, C: int, Y: int) -> Activation:
    """The same elements as Y rows of C."""
    return replace(tensor, C=C, Y=Y, X=1, N=1)


def beside(tensor: Activation, elements: int | None = None) -> Activation:
    """An operand that is not as large as the layer reads it: it travels, and its shape is not checked."""
    return replace(tensor, C=0, moved=tensor.elements if elements is None else elements)
