"""A model in the making from a network described elsewhere: layers are appended, everything else is folded.

A front end walks its operators in order, keeps one `View` per tensor, and calls one method per operator. What a
method gets and returns are views; which layer made what, and how many of its elements travel, is kept in them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from chipweave.errors import InputError
from chipweave.plain import STEERING
from chipweave.workload.importers.view import Piece, Shape, View, ViewKind, fold, made_of
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model

Pair = tuple[int, int]

LARGEST_BOUND = 2**31 - 1
"""Of one loop; as in model files."""
MOST_LAYERS = 100_000
MOST_EDGES = 100_000
"""Where every layer reads all before it they grow with the square; a DenseNet-264, which does so within its four
blocks of at most 64, has some 3,400."""
LONGEST_NAME = 200
"""Characters; longer names keep their end, where they differ."""
_UNNAMED = re.compile(rf"[\x00-\x1f{STEERING}\ud800-\udfff]")


@dataclass(frozen=True)
class Imported:
    """A model that was made from a file or a program of another kind.

    Args:
        model: what `schedule` takes.
        unsupported: operators that are not costed, by name, with how often each occurs; their outputs count as made
            of their inputs.
        folded: operators that cost nothing here, by name: norms, activations, reshapes.
        notes: one sentence each: what was decided on the way.
        element_types: of the weights and activations that layers read, by name (`float16`), with how many tensors have
            each; empty where the source says none.
        parameters: of the whole network, with embeddings, norms and biases, which no layer counts; None where the
            source does not say.
    """

    model: Model
    unsupported: dict[str, int]
    folded: dict[str, int]
    notes: tuple[str, ...] = ()
    element_types: dict[str, int] = field(default_factory=dict)
    parameters: int | None = None


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a matrix product: its view, and how many different matrices it brings (1: shared by all)."""

    view: View
    matrices: int = 1


class Assembly:
    """Layers and edges in the making; every method appends at most two layers and returns the view of the output.

    `shape` is the output's shape wherever it is asked for. Sizes that are not positive, or too large to be true, are
    an InputError that names the layer.

    `times` says how often a loop runs what is appended now: layers become so many copies (their `N`), which share
    their weights, and views are of a single round.
    """

    def __init__(self) -> None:
        self.times = 1
        self._layers: list[Layer] = []
        self._edges: list[Edge] = []
        self._uses: Counter[str] = Counter()
        self._inputs: dict[str, int] = {}
        self._first_with: dict[str, Layer] = {}
        self.unsupported: Counter[str] = Counter()
        self.folded: Counter[str] = Counter()
        self.notes: list[str] = []
        self.element_types: Counter[str] = Counter()
        self.reasons: list[str] = []
        """Why operators are not costed, in sentences that may follow notes."""

    def copy(self) -> Assembly:
        """One that goes on from here by itself."""
        made = Assembly()
        made.become(self)
        return made

    def become(self, other: Assembly) -> None:
        """Take over all that `other` has, so that what it tried holds here."""
        for name, value in vars(other).items():
            setattr(self, name, value if isinstance(value, int) else value.copy())

    @property
    def layer_count(self) -> int:
        return len(self._layers)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All that were appended."""
        return tuple(self._layers)

    def finish(self, name: str, source: str, bytes_per_element: int | None = None) -> Imported:
        """The model.

        Args:
            bytes_per_element: None takes the width of the element types where it is one, else 1.

        Raises:
            InputError: no operator is costed.
        """
        if not self._layers:
            listed = counted(dict(sorted(self.unsupported.items())))
            what = f"it has {listed}, which are not" if listed else "import a network with convolutions or products"
            nothing = f"'{legal_name(name)}' has no operator that is costed; {what}"
            raise InputError([nothing, *dict.fromkeys(self.reasons)])
        sharing = {layer.shares for layer in self._layers if layer.shares}
        if sharing:
            several = len(sharing) + sum(bool(layer.shares) for layer in self._layers)
            self.notes.append(
                f"{several} layers share weights with others; the model's total counts these once, and a stage that "
                "holds several of them loads and holds them once"
            )
        model = Model(
            legal_name(name) or "model",
            tuple(self._layers),
            tuple(self._edges),
            bytes_per_element or uniform_bytes(self.element_types) or 1,
            sum(self._inputs.values()),
            source,
        )
        counters = self.unsupported, self.folded, self.element_types
        unsupported, folded, types = (dict(sorted(counter.items())) for counter in counters)
        return Imported(model, unsupported, folded, tuple(dict.fromkeys((*self.notes, *self.reasons))), types)

    def fold(self, operator: str, views: Sequence[View], shape: Shape | None) -> View:
        """An operator that costs nothing, counted under its name."""
        self.folded[operator] += 1
        return fold(views, shape)

    def leave_out(self, operator: str, views: Sequence[View], shape: Shape | None) -> View:
        """An operator that is not costed: listed, its output made of its inputs."""
        self.unsupported[operator] += 1
        return fold(views, shape)

    def convolution(
        self,
        name: str,
        source: View,
        weight: View,
        *,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int,
        shape: Shape,
        beside: Sequence[View] = (),
    ) -> View:
        """A convolution over one, two or three axes; `source` and `shape` are N x channels x those axes.

        `weight`: K x C/groups x the filter; `padding`: before each axis. A third axis (the first of three) unrolls:
        every output plane is a copy of a convolution over the planes under its filter. A filter that is no constant
        has no weights: the convolution is then a product of the patches under it with the filter, group by group.

        Args:
            beside: further activations that steer it, such as the offsets of its taps.
        """
        assert source.shape is not None
        assert weight.shape is not None
        channels, filter_ = weight.shape[0], weight.shape[2:]
        if weight.kind is not ViewKind.CONSTANT:
            positions, taps = source.shape[0] * math.prod(shape[2:]), math.prod(filter_)
            layer = self._layer(name, Op.MATMUL, K=channels, C=source.shape[1] * taps, Y=positions, groups=groups)
            return self._append(layer, (source, weight, *beside), shape)
        size, out = source.shape[2:], shape[2:]
        C, N = source.shape[1], source.shape[0]
        axes = slice(-2, None)
        if len(filter_) == 3:
            C, N = C * filter_[0], N * out[0]
        op = Op.DEPTHWISE if 1 < groups == C == channels else Op.CONV
        grid = _grid(size[axes], out[axes], filter_[axes])
        steps, spread = _pair(stride), _pair(dilation)
        layer = self._layer(
            name, op, K=channels, C=C, N=N, groups=groups, **grid, stride=steps, dilation=spread,
            padding=_reaching(_pair(padding, 0), grid, steps, spread),
        )  # fmt: skip
        return self._append(layer, (source, *beside), shape, weight.stored)

    def transposed_convolution(
        self,
        name: str,
        source: View,
        weight: View,
        *,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int,
        shape: Shape,
    ) -> View:
        """A transposed convolution over one, two or three axes; `weight`: C x K/groups x the filter.

        A third axis (the first of three) unrolls: every input plane is a copy that makes a plane for each of the
        filter's. Where these overlap, what is made is more than what is left of it. A filter that is no constant has
        no weights: every input element is multiplied with its channel's filters.
        """
        assert source.shape is not None
        assert weight.shape is not None
        (C, K, *filter_), (N, _, *size) = weight.shape, source.shape
        if weight.kind is not ViewKind.CONSTANT:
            columns, positions = K * groups * math.prod(filter_), N * math.prod(size)
            layer = self._layer(name, Op.MATMUL, K=columns, C=C, Y=positions, groups=groups)
            return self._append(layer, (source, weight), shape)
        if len(filter_) == 3:
            N, K = N * size[0], K * filter_[0]
        axes = slice(-2, None)
        layer = self._layer(
            name, Op.TRANSPOSED, K=K * groups, C=C, N=N, groups=groups,
            **_grid(size[axes], shape[2:][axes], filter_[axes]), stride=_pair(stride), padding=_pair(padding, 0),
            dilation=_pair(dilation),
        )  # fmt: skip
        return self._append(layer, (source,), shape, weight.stored)

    def product(
        self,
        name: str,
        left: Operand,
        right: Operand,
        *,
        batch: int,
        rows: int,
        inner: int,
        columns: int,
        shape: Shape | None,
    ) -> View:
        """`batch` matrix products (rows x inner) @ (inner x columns).

        A constant side is a layer's weights: a gemm where all products share it, a grouped convolution of one row
        where each has its own. Two activations are a matmul. Products of constants and control values alone are no
        layer.
        """
        constants = [side.view.kind is ViewKind.CONSTANT for side in (left, right)]
        controls = [side.view.kind is ViewKind.CONTROL for side in (left, right)]
        views = (left.view, right.view)
        if all(constants) or all(controls) or (any(controls) and inner == 1):
            return fold(views, shape)
        if constants[1]:
            layer = self._weighted(name, right.matrices, batch, rows, inner, columns)
            return self._append(layer, views[:1], shape, right.view.stored)
        if constants[0]:
            layer = self._weighted(name, left.matrices, batch, columns, inner, rows)
            return self._append(layer, views[1:], shape, left.view.stored)
        heads = batch
        if right.matrices == 1:
            heads, rows = 1, batch * rows
        elif left.matrices == 1:
            heads, columns = 1, batch * columns
        layer = self._layer(name, Op.MATMUL, K=heads * columns, C=heads * inner, Y=rows, groups=heads)
        return self._append(layer, views, shape)

    def _weighted(self, name: str, matrices: int, batch: int, rows: int, inner: int, columns: int) -> Layer:
        if matrices == 1:
            return self._layer(name, Op.GEMM, K=columns, C=inner, Y=batch * rows)
        return self._layer(name, Op.CONV, K=batch * columns, C=batch * inner, Y=rows, groups=batch)

    def repeated_product(
        self, name: str, views: Sequence[View], weights: View, *, times: int, rows: int, inner: int, columns: int
    ) -> View:
        """`times` products (rows x inner) @ weights (inner x columns), one after another and with the same weights.

        Args:
            views: what comes in beside what an earlier product left.
        """
        layer = self._layer(name, Op.GEMM, K=columns, C=inner, Y=rows, N=times)
        return self._append(layer, views, (times * rows, columns), weights.stored)

    def joined(self, name: str, views: Sequence[View], shape: tuple[int, int, int]) -> View:
        """An element-wise layer that makes copies x rows x features of all that the views bring."""
        N, Y, C = shape
        layer = self._layer(name, Op.ELEMENTWISE, K=C, C=C, Y=Y, N=N, groups=C)
        return self._append(layer, views, shape)

    def attention(
        self,
        name: str,
        query: View,
        key: View,
        value: View,
        *,
        heads: int,
        rows: int,
        columns: int,
        inner: int,
        value_inner: int,
        shape: Shape | None,
    ) -> View:
        """Scores query key^T (rows x columns, `inner` deep) of `heads` heads (of all samples), then scores value."""
        scores = self._layer(f"{name}.qk", Op.MATMUL, K=heads * columns, C=heads * inner, Y=rows, groups=heads)
        weights = self._append(scores, (query, key), (heads, rows, columns))
        mixed = self._layer(f"{name}.av", Op.MATMUL, K=heads * value_inner, C=heads * columns, Y=rows, groups=heads)
        return self._append(mixed, (weights, value), shape)

    def pool(
        self,
        name: str,
        source: View,
        *,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        shape: Shape,
    ) -> View:
        """A pool over one or two axes; `source` and `shape` are N x channels x those axes."""
        assert source.shape is not None
        C = source.shape[1]
        layer = self._layer(
            name, Op.POOL, K=C, C=C, N=source.shape[0], groups=C, **_grid(source.shape[2:], shape[2:], kernel),
            stride=_pair(stride), padding=_pair(padding, 0),
        )  # fmt: skip
        return self._append(layer, (source,), shape)

    def global_pool(self, name: str, source: View, shape: Shape | None) -> View:
        """One value for each channel of N x channels x one or two axes, whatever `shape` it is given."""
        assert source.shape is not None
        batch, C, *size = source.shape
        kernel = _pair(size)
        view = self.pool(
            name, source, kernel=kernel, stride=kernel, padding=(0, 0), shape=(batch, C, *(1 for _ in size))
        )
        return replace(view, shape=shape)

    def upsample(self, name: str, source: View, shape: Shape) -> View:
        """A resize of N x channels x one or two axes, to a larger or a smaller map."""
        assert source.shape is not None
        C, size, out = source.shape[1], source.shape[2:], shape[2:]
        grid = _grid(size, out, (1, 1))
        smaller = grid["out_y"] <= grid["Y"] and grid["out_x"] <= grid["X"]
        layer = self._layer(
            name, Op.POOL if smaller else Op.UPSAMPLE, K=C, C=C, N=source.shape[0], groups=C, **grid,
            stride=_pair([a // b if smaller else max(1, -(-b // a)) for a, b in zip(size, out, strict=True)]),
        )  # fmt: skip
        return self._append(layer, (source,), shape)

    def elementwise(self, operator: str, name: str, views: Sequence[View], shape: Shape | None) -> View:
        """A sum, product or the like: a layer where it joins activations of different layers.

        With constants and control values, or of one tensor with what was folded from it (x * sigmoid(x), or a norm's
        x - mean(x)), it is folded, and counted under the operator's name.
        """
        activations = [view for view in views if view.kind is ViewKind.ACTIVATION]
        pieces = [piece for view in activations for piece in view.pieces]
        if pieces and all(piece.embedded for piece in pieces):  # token and position embeddings
            self.folded[operator] += 1
            return replace(fold(activations[:1], shape), shape=shape)
        if len({view.sources for view in activations}) <= 1 or shape is None:
            if shape is None and len(activations) > 1:
                raise InputError(
                    f"{operator} '{legal_name(name)}' joins two activations, and their sizes are not known; bind the "
                    "dimensions of the network's inputs"
                )
            return self.fold(operator, views, shape)
        batch, C, Y, X = _map_of(shape, self._channels(activations))
        layer = self._layer(name, Op.ELEMENTWISE, K=C, C=C, Y=Y, X=X, N=batch, groups=C)
        return self._append(layer, activations, shape)

    def _channels(self, views: Sequence[View]) -> set[int]:
        return {self._layers[p.producer].K for view in views for p in view.pieces if p.producer != NETWORK_INPUT}

    def _layer(self, name: str, op: Op, N: int = 1, **figures: int | Pair) -> Layer:
        label = self._unique(legal_name(name) or op.value)
        figures["N"] = N * self.times
        for key, value in figures.items():
            least = 0 if key == "padding" else 1
            if not all(least <= each <= LARGEST_BOUND for each in (value if isinstance(value, tuple) else (value,))):
                raise InputError(
                    f"layer '{label}': {key}={value} is not in {least}..{LARGEST_BOUND}; check the sizes of its inputs"
                )
        return Layer(label, op, **figures)  # type: ignore[arg-type]

    def _unique(self, name: str) -> str:
        """A second `x` is called `x#1`, a third `x#2`."""
        while True:
            count = self._uses[name]
            self._uses[name] += 1
            if not count:
                return "input#0" if name == "input" else name
            if not self._uses[f"{name}#{count}"]:
                self._uses[f"{name}#{count}"] += 1
                return f"{name}#{count}"

    def _append(self, layer: Layer, sources: Sequence[View], shape: Shape | None, stored: str = "") -> View:
        if stored:
            first = self._first_with.setdefault(stored, layer)
            if first is not layer and first.weight_elements == layer.weight_elements:
                layer = replace(layer, shares=first.name)
        if len(self._layers) >= MOST_LAYERS:
            raise InputError(f"the network has more than {MOST_LAYERS:,} layers; import a part of it")
        index = len(self._layers)
        self._layers.append(layer)
        self._edges += self._edges_into(index, layer, sources)
        if len(self._edges) > MOST_EDGES:
            raise InputError(f"the network has more than {MOST_EDGES:,} edges between layers; import a part of it")
        view = made_of((Piece(index, layer.output_elements // self.times),), shape)
        return fold((view,), shape)

    def _edges_into(self, index: int, layer: Layer, sources: Sequence[View]) -> list[Edge]:
        """One edge per producer, with all that its views bring of it; marked where these are not what is read."""
        brought: dict[int, int] = {}
        of_inputs: Counter[str] = Counter()
        for piece in chain.from_iterable(view.pieces for view in sources):
            elements = min(piece.elements * self.times, piece.most or piece.elements * self.times)
            brought[piece.producer] = brought.get(piece.producer, 0) + elements
            if piece.producer == NETWORK_INPUT:
                of_inputs[piece.origin] += elements
        if not brought:  # made of control values alone, as a network of 16-bit pictures might be
            elements = layer.input_elements // self.times
            brought, of_inputs = {NETWORK_INPUT: elements}, Counter({"": elements})
        for origin, elements in of_inputs.items():
            self._inputs[origin] = max(self._inputs.get(origin, 0), elements)
        for producer in brought:
            if producer != NETWORK_INPUT:
                brought[producer] = min(brought[producer], self._layers[producer].output_elements)
        total = sum(brought.values())
        chains = total >= layer.input_elements if layer.op is Op.ELEMENTWISE else total == layer.input_elements
        chains = chains and layer.output_fault() is None  # padding at one end alone, by more than an output
        return [Edge(producer, index, elements, reshape=not chains) for producer, elements in brought.items()]


def counted(operators: Mapping[str, int]) -> str:
    """`LSTM (2), Loop (1)`."""
    return ", ".join(f"{operator} ({count})" for operator, count in operators.items())


def uniform_bytes(element_types: Iterable[str]) -> int:
    """Bytes of an element, where all types have as many (`float16`, `bfloat16`: 2; `int4`: 1); else 0."""
    bits = [re.search(r"\d+", name) for name in element_types]
    widths = {-(-int(found.group()) // 8) if found else 0 for found in bits}
    return widths.pop() if len(widths) == 1 else 0


def elements_in_words(made: Imported) -> str:
    """Which element types the source has, and how many bytes an element is costed at."""
    model, size = made.model, made.model.bytes_per_element
    costed = f"an element is costed at {size} byte{'s' * (size > 1)}"
    if model.weight_bits:
        costed = f"a weight is costed at {model.weight_bits:g} bits, an activation at {model.activation_bits:g}"
    if not made.element_types:
        return f"elements: the source says no type; {costed}"
    differ = "" if uniform_bytes(made.element_types) else " (they differ in width; --bytes-per-element sets one)"
    return f"elements that layers read, by tensors: {counted(made.element_types)}; {costed}{differ}"


def legal_name(name: str) -> str:
    """`name` on one line, without characters that steer a terminal, its end kept where it is long."""
    text = _UNNAMED.sub(" ", name).strip()
    return text if len(text) <= LONGEST_NAME else "…" + text[1 - LONGEST_NAME :]


def _grid(size: Sequence[int], out: Sequence[int], filter_: Sequence[int]) -> dict[str, int]:
    (Y, X), (out_y, out_x), (R, S) = _pair(size), _pair(out), _pair(filter_)
    return {"Y": Y, "X": X, "out_y": out_y, "out_x": out_x, "R": R, "S": S}


def _reaching(padding: Pair, grid: Mapping[str, int], stride: Pair, dilation: Pair) -> Pair:
    """Padding before each axis; more of it where windows that lie in the padding behind the map would not fit else."""

    def along(axis: int, size: int, taps: int, outputs: int) -> int:
        reach = dilation[axis] * (taps - 1) + 1
        lacking = (outputs - 1) * stride[axis] + reach - size
        return padding[axis] if lacking <= 2 * max(padding[axis], reach - 1) else -(-lacking // 2)

    return along(0, grid["Y"], grid["R"], grid["out_y"]), along(1, grid["X"], grid["S"], grid["out_x"])


def _pair(values: Sequence[int], missing: int = 1) -> Pair:
    """The last two of the values; a single one is the vertical."""
    if len(values) == 1:
        return values[0], missing
    return values[-2], values[-1]


def _map_of(shape: Shape, channels: set[int]) -> tuple[int, int, int, int]:
    """N, C, Y and X of a tensor: channels come first (N C Y X) or, of rows and where that is what was made, last."""
    if len(shape) < 2:
        return 1, math.prod(shape), 1, 1
    if len(shape) <= 3 or (shape[-1] in channels and shape[1] not in channels):
        batch = shape[0] if len(shape) > 2 else 1
        rows = shape[1:-1] if len(shape) > 2 else shape[:1]
        return batch, shape[-1], math.prod(rows), 1
    return shape[0], shape[1], math.prod(shape[2:-1]), shape[-1]
