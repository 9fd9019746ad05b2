"""A layer that is written as a nest of loops: which loops index which tensor says what operator it is.

Timeloop's problems and ZigZag's equations are of this form. Of an output that sums products of a first operand and
of weights (or of a second activation):

- loops that index all three are groups (or heads),
- output and weights alone: output channels; both operands alone: input channels,
- output and first operand alone: rows, samples, places of a map,
- a window is an axis of the first operand that a loop of the output and a loop of the weights index together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from chipweave.errors import InputError
from chipweave.workload.importers.assembly import Assembly, Operand
from chipweave.workload.importers.chain import reading
from chipweave.workload.importers.view import View, ViewKind, constant


@dataclass(frozen=True, slots=True)
class Window:
    """An axis of the first operand at stride x `out` + dilation x `filter`.

    Args:
        size: of the axis, without padding; 0: as far as the window reaches.
        padding: before the axis.
    """

    out: str
    filter: str
    stride: int = 1
    dilation: int = 1
    size: int = 0
    padding: int = 0


@dataclass(frozen=True)
class LoopNest:
    """Loops by name, with what they index.

    Args:
        sizes: how often each loop runs, at least once.
        output, first, second: the loops that index each tensor; of `first` those outside of windows.
        windows: at most three, the vertical one before the horizontal one, that of the depth before both.
    """

    sizes: Mapping[str, int]
    output: frozenset[str]
    first: frozenset[str]
    second: frozenset[str]
    windows: tuple[Window, ...] = ()

    def times(self, loops: frozenset[str]) -> int:
        return math.prod(self.sizes[loop] for loop in loops)

    @property
    def reach(self) -> tuple[int, ...]:
        """Elements of each window's axis: as given, or from the first that it touches to the last."""
        return tuple(
            window.size
            or window.stride * (self.sizes[window.out] - 1) + window.dilation * (self.sizes[window.filter] - 1) + 1
            for window in self.windows
        )


@dataclass(frozen=True, slots=True)
class _Sizes:
    groups: int
    K: int
    C: int
    rows: int


def append_nest(assembly: Assembly, name: str, nest: LoopNest, first: View | None, second: View | None = None) -> View:
    """The nest as a layer of `assembly`: a convolution where a window slides, else a product of matrices.

    Args:
        first: what the first operand is made of; None for the network's input.
        second: of what the second one is, where it is an activation; None for weights.

    Raises:
        InputError: a loop whose place in the three tensors makes it no part of such an operator.
    """
    # a map under a filter of one element is a convolution; rows under one are a product
    maps = sum(nest.sizes[window.out] > 1 for window in nest.windows) > 1
    windows = nest.windows if maps or any(_slides(nest, window) for window in nest.windows) else ()
    sizes = _parts(nest, windows)
    if not windows:
        return _product(assembly, name, sizes, first, second)
    if second is not None and second.kind is not ViewKind.CONSTANT:
        shape = (sizes.rows, sizes.groups * sizes.K, *(nest.sizes[window.out] for window in windows))
        views = [view for view in (first, second) if view is not None]
        return assembly.leave_out("convolution by an activation", views, shape)
    return _convolution(assembly, name, nest, sizes, first)


def _slides(nest: LoopNest, window: Window) -> bool:
    strides = window.stride > 1 and nest.sizes[window.out] > 1
    return nest.sizes[window.filter] > 1 or strides or window.padding > 0


def _parts(nest: LoopNest, windows: tuple[Window, ...]) -> _Sizes:
    """The loops by their role, those of `windows` apart; loops that run once play none."""
    sliding = {loop for window in windows for loop in (window.out, window.filter)}
    output, second = nest.output, nest.second
    first = nest.first | {window.out for window in nest.windows if window not in windows}
    groups, K = output & first & second, (output & second) - first
    C, rows = (first & second) - output, (output & first) - second
    parts = [frozenset(part - sliding) for part in (groups, K, C, rows)]
    placed = sliding.union(*parts)
    misplaced = [window.out for window in windows if window.out not in output or window.out in second]
    misplaced += [window.filter for window in windows if window.filter not in second or window.filter in output]
    misplaced += [loop for loop, size in nest.sizes.items() if size > 1 and loop not in placed]
    if misplaced:
        loop = misplaced[0]
        raise InputError(
            f"loop {loop} of {nest.sizes[loop]} has no place in a convolution or a product; it must index output and "
            "weights, output and input, both operands, or all three, and a window one loop of the output and one of "
            "the weights"
        )
    return _Sizes(*map(nest.times, parts))


def _product(assembly: Assembly, name: str, sizes: _Sizes, first: View | None, second: View | None) -> View:
    """`groups` products of rows x C by C x K."""
    groups, K, C, rows = sizes.groups, sizes.K, sizes.C, sizes.rows
    right = constant((groups, C, K)) if second is None else reading(second, (groups, C, K))
    return assembly.product(
        name, Operand(reading(first, (groups, rows, C)), groups), Operand(right, groups),
        batch=groups, rows=rows, inner=C, columns=K, shape=(groups, rows, K),
    )  # fmt: skip


def _convolution(assembly: Assembly, name: str, nest: LoopNest, sizes: _Sizes, first: View | None) -> View:
    windows = nest.windows
    out = tuple(nest.sizes[window.out] for window in windows)
    filter_ = tuple(nest.sizes[window.filter] for window in windows)
    channels, K = sizes.groups * sizes.C, sizes.groups * sizes.K
    return assembly.convolution(
        name, reading(first, (sizes.rows, channels, *nest.reach)),
        constant((K, sizes.C, *filter_)),
        stride=[window.stride for window in windows], padding=[window.padding for window in windows],
        dilation=[window.dilation for window in windows], groups=sizes.groups, shape=(sizes.rows, K, *out),
    )  # fmt: skip
