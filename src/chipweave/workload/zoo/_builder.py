"""What every network of the zoo is written with: tensors that know their shape, and a graph that grows by layers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from chipweave.errors import InputError
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Activation:
    """A layer's output as its reader sees it: the whole, or a view of it (N x C x Y x X elements, per sample).

    `moved` counts the elements that travel when they are not the view itself: a reader that pools regions out of a
    feature map needs the whole map. 0 means the view. Concatenation needs no view: a reader takes several tensors.
    """

    producer: int
    C: int
    Y: int = 1
    X: int = 1
    N: int = 1
    moved: int = 0

    @property
    def elements(self) -> int:
        return self.N * self.C * self.Y * self.X

    def channels(self, count: int) -> Activation:
        """The first (or any) `count` channels."""
        return replace(self, C=count)

    def crop(self, height: int, width: int) -> Activation:
        return replace(self, Y=height, X=width)

    def tokens(self) -> Activation:
        """One row for each position of the map."""
        return replace(self, Y=self.Y * self.X, X=1)

    def flat(self) -> Activation:
        """One row of all features, as a classifier reads it."""
        return replace(self, C=self.C * self.Y * self.X, Y=1, X=1)

    def regroup(self, C: int, Y: int, X: int = 1) -> Activation:
        """The same elements in another shape (the padding of a last window left behind)."""
        return replace(self, C=C, Y=Y, X=X)

    def resample(self, C: int, Y: int, X: int = 1, N: int = 1) -> Activation:
        """Another number of elements made of all of these: region pooling, a mean over copies, padded windows."""
        return Activation(self.producer, C, Y, X, N, moved=self.moved or self.elements)

    def steering(self) -> Activation:
        """The whole tensor, read to choose what a layer works on (boxes, say): it travels but brings no channels."""
        return replace(self, C=0, moved=self.elements)


Source = Activation | tuple[Activation, ...]
"""What a layer reads: one tensor, or several side by side along the channels."""


def network_input(C: int, Y: int, X: int = 1) -> Activation:
    return Activation(NETWORK_INPUT, C, Y, X)


class Graph:
    """Layers and edges in the making. Every method appends one layer and returns its output."""

    def __init__(self) -> None:
        self._layers: list[Layer] = []
        self._edges: list[Edge] = []
        self._uses: Counter[str] = Counter()

    def model(self, name: str, source: str, bytes_per_element: int = 1, input_elements: int = 0) -> Model:
        return Model(name, tuple(self._layers), tuple(self._edges), bytes_per_element, input_elements, source)

    def layer(self, layer: Layer, *operands: Activation) -> Activation:
        """A layer as it is, but for its name where that is taken."""
        return self._append(replace(layer, name=self._unique(layer.name)), operands)

    def count(self, op: Op) -> int:
        """Layers of one class so far."""
        return sum(layer.op is op for layer in self._layers)

    def conv(
        self,
        name: str,
        source: Source,
        K: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        padding: int | None = None,
        groups: int = 1,
        out: Pair = (0, 0),
    ) -> Activation:
        """A convolution; padding keeps the size at stride 1 unless given; `out` overrules the output size."""
        return self._windowed(
            Op.CONV, name, source, K=K, kernel=kernel, stride=stride, padding=padding, groups=groups, out=out
        )

    def depthwise(
        self, name: str, source: Source, kernel: int, stride: int = 1, padding: int | None = None, out: Pair = (0, 0)
    ) -> Activation:
        C = sum(tensor.C for tensor in _operands(source))
        return self._windowed(
            Op.DEPTHWISE, name, source, K=C, kernel=kernel, stride=stride, padding=padding, groups=C, out=out
        )

    def transposed(self, name: str, source: Source, K: int, kernel: int, stride: int, padding: int = 0) -> Activation:
        return self._windowed(Op.TRANSPOSED, name, source, K=K, kernel=kernel, stride=stride, padding=padding)

    def _windowed(
        self,
        op: Op,
        name: str,
        source: Source,
        *,
        K: int,
        kernel: int,
        stride: int,
        padding: int | None,
        groups: int = 1,
        out: Pair = (0, 0),
    ) -> Activation:
        operands = _operands(source)
        map_ = operands[0]
        pad = kernel // 2 if padding is None else padding
        layer = Layer(
            self._unique(name),
            op,
            K=K,
            C=sum(tensor.C for tensor in operands),
            Y=map_.Y,
            X=map_.X,
            R=kernel,
            S=kernel,
            N=map_.N,
            out_y=out[0],
            out_x=out[1],
            stride=(stride, stride),
            padding=(pad, pad),
            groups=groups,
        )
        return self._append(layer, operands)

    def gemm(self, name: str, source: Source, K: int) -> Activation:
        """Every row (Y) of C features times a C x K weight matrix."""
        operands = _operands(source)
        rows = operands[0]
        C = sum(tensor.C for tensor in operands)
        return self._append(Layer(self._unique(name), Op.GEMM, K=K, C=C, Y=rows.Y, N=rows.N), operands)

    def sharing(self, activation: Activation, first: Activation) -> Activation:
        """The same output; the layer that makes it has the weights of the one that makes `first`."""
        layer = self._layers[activation.producer]
        self._layers[activation.producer] = replace(layer, shares=self._layers[first.producer].name)
        return activation

    def matmul(
        self, name: str, source: Source, heads: int, rows: int, inner: int, columns: int, copies: int = 1
    ) -> Activation:
        """`heads` products (rows x inner) @ (inner x columns) of two activations; `source` brings both operands.

        Args:
            copies: of all of it, as for several sequences.
        """
        name = self._unique(name)
        layer = Layer(name, Op.MATMUL, K=heads * columns, C=heads * inner, Y=rows, N=copies, groups=heads)
        return self._append(layer, _operands(source))

    def pool(
        self,
        name: str,
        source: Source,
        kernel: Pair | int,
        stride: Pair | int,
        padding: int = 0,
        ceil: bool = False,
        out: Pair = (0, 0),
    ) -> Activation:
        """A pool. `ceil` keeps the last, partly filled window, as the frameworks' ceil mode does."""
        operands = _operands(source)
        map_ = operands[0]
        (R, S), strides = _pair(kernel), _pair(stride)
        if ceil:
            out = (
                -(-(map_.Y + 2 * padding - R) // strides[0]) + 1,
                -(-(map_.X + 2 * padding - S) // strides[1]) + 1,
            )
        C = sum(tensor.C for tensor in operands)
        layer = Layer(
            self._unique(name),
            Op.POOL,
            K=C,
            C=C,
            Y=map_.Y,
            X=map_.X,
            R=R,
            S=S,
            N=map_.N,
            out_y=out[0],
            out_x=out[1],
            stride=strides,
            padding=(padding, padding),
            groups=C,
        )
        return self._append(layer, operands)

    def global_pool(self, name: str, source: Source, stride: Pair | int | None = None) -> Activation:
        """The mean of each channel. The stride changes nothing; the reference tables write the kernel or 1."""
        map_ = _operands(source)[0]
        return self.pool(name, source, (map_.Y, map_.X), (map_.Y, map_.X) if stride is None else stride)

    def adaptive_pool(self, name: str, source: Activation, size: int) -> Activation:
        """A pool to size x size whatever comes in; no layer at all where that is the size already."""
        if (size, size) == (source.Y, source.X):
            return source
        if max(source.Y, source.X) <= size:  # then it repeats what there is
            return self.upsample(name, source, (size, size))
        kernel = (-(-source.Y // size), -(-source.X // size))
        stride = (max(1, source.Y // size), max(1, source.X // size))
        return self.pool(name, source, kernel, stride, out=(size, size))

    def elementwise(self, name: str, *operands: Activation, like: Activation | None = None) -> Activation:
        """A sum or product in the shape of `like` (or the first operand); smaller operands are broadcast or joined."""
        shape = like or operands[0]
        layer = Layer(
            self._unique(name),
            Op.ELEMENTWISE,
            K=shape.C,
            C=shape.C,
            Y=shape.Y,
            X=shape.X,
            N=shape.N,
            groups=shape.C,
        )
        return self._append(layer, operands)

    def upsample(self, name: str, source: Source, size: Pair, stride: int = 1) -> Activation:
        operands = _operands(source)
        map_ = operands[0]
        C = sum(tensor.C for tensor in operands)
        layer = Layer(
            self._unique(name),
            Op.UPSAMPLE,
            K=C,
            C=C,
            Y=map_.Y,
            X=map_.X,
            N=map_.N,
            out_y=size[0],
            out_x=size[1],
            stride=(stride, stride),
            groups=C,
        )
        return self._append(layer, operands)

    def _unique(self, name: str) -> str:
        """A second `x` is called `x#1`, a third `x#2`."""
        count = self._uses[name]
        self._uses[name] += 1
        return f"{name}#{count}" if count else name

    def _append(self, layer: Layer, operands: tuple[Activation, ...]) -> Activation:
        index = len(self._layers)
        self._layers.append(layer)
        for tensor in operands:
            moved = tensor.moved or tensor.elements
            self._edges.append(Edge(tensor.producer, index, moved, reshape=moved != tensor.elements))
        return Activation(index, layer.K, layer.out_y, layer.out_x, layer.N)


def _operands(source: Source) -> tuple[Activation, ...]:
    return (source,) if isinstance(source, Activation) else source


def _pair(value: Pair | int) -> Pair:
    return (value, value) if isinstance(value, int) else value


LARGEST_PARAMETER = 65536
"""Keeps every element and operation count far inside 64-bit integers."""


def require(model: str, minimum: int, step: int = 1, maximum: int = LARGEST_PARAMETER, **parameters: int) -> None:
    """Refuse a builder's parameters outside minimum, minimum + step, ... up to maximum.

    Raises:
        InputError: one line for each.
    """
    steps = f" in steps of {step}" if step > 1 else ""
    problems = [
        f"model '{model}': {name}={value} is out of range; give {minimum} to {maximum}{steps}"
        for name, value in parameters.items()
        if not minimum <= value <= maximum or (value - minimum) % step
    ]
    if problems:
        raise InputError(problems)
