"""One operator with its loop bounds."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from chipweave.errors import InputError
from chipweave.plain import settle


class Op(StrEnum):
    """Operator classes. The first five multiply and accumulate; the last three ride with their producer."""

    CONV = "conv"
    DEPTHWISE = "dwconv"
    TRANSPOSED = "upconv"
    GEMM = "gemm"
    MATMUL = "matmul"
    POOL = "pool"
    ELEMENTWISE = "elementwise"
    UPSAMPLE = "upsample"


LARGEST_LENGTH = 2**31 - 1
"""Of one axis of a tensor; as in model files."""

MOST_BITS = 64
"""Of one element."""

RIDERS = frozenset({Op.POOL, Op.ELEMENTWISE, Op.UPSAMPLE})


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator, for one sample.

    Loop bounds carry the field's letters: `N` (copies of the operator in one sample, such as regions of
    interest; the batch is the scenario's), `K` output channels, `C` input channels (total, not per group),
    `R` x `S` filter, `Y` x `X` input size *without* padding. Pairs are (vertical, horizontal).

    - gemm: `Y` rows (tokens), `C` inputs, `K` outputs, X = R = S = 1.
    - matmul: activation x activation over `groups` = b heads: `C` = b*inner, `K` = b*columns, `Y` rows.
    - upconv: transposed convolution; multiplications are counted on the input grid.
    - pool, upsample, elementwise: K = C = groups = channels; no multiplications.

    `operands` says how many tensors as large as its input an element-wise layer reads; a model sets it by the edges.
    `shares` names the layer before it in the model whose weights are its weights too: a model's total counts them once.
    `weight_bits` are those of one weight, scales included; 0: as the model says. `product_bits`, which a model sets,
    are those of the wider operand of its products, without scales; 0: the model says of no width.
    """

    name: str
    op: Op
    K: int
    C: int
    Y: int
    X: int = 1
    R: int = 1
    S: int = 1
    N: int = 1
    out_y: int = 0
    out_x: int = 0
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    operands: int = 1
    shares: str = ""
    weight_bits: float = 0.0
    product_bits: int = 0

    def __post_init__(self) -> None:
        settle(self, "layer")
        bounds = {"N": self.N, "K": self.K, "C": self.C, "R": self.R, "S": self.S, "Y": self.Y, "X": self.X}
        bounds |= {"groups": self.groups, "stride": min(self.stride), "dilation": min(self.dilation)}
        bounds |= {"operands": self.operands}
        wrong = [f"{key}={value}" for key, value in bounds.items() if value < 1]
        if wrong or min(self.padding) < 0:
            raise InputError(
                f"layer '{self.name}': {', '.join(wrong) or f'padding={self.padding}'} is out of range; "
                "bounds, groups, stride, dilation and operands are at least 1, padding at least 0"
            )
        if not 0 <= self.weight_bits <= MOST_BITS:
            raise self._refused("weight_bits", f"{self.weight_bits} is not in 0..{MOST_BITS}; give a number that is")
        if self.C % self.groups or self.K % self.groups:
            indivisible = f"{self.groups} does not divide C={self.C} and K={self.K}"
            raise self._refused("groups", f"{indivisible}; give a number that divides both")
        if self.out_y == 0:
            object.__setattr__(self, "out_y", self.usual_output(0))
        if self.out_x == 0:
            object.__setattr__(self, "out_x", self.usual_output(1))
        if min(self.out_y, self.out_x) < 1:
            raise InputError(
                f"layer '{self.name}': the filter {self.R}x{self.S} does not fit the padded input, "
                f"output would be {self.out_y}x{self.out_x}; raise the padding or the input size"
            )

    def _refused(self, key: str, wrong: str) -> InputError:
        return InputError(f"layer '{self.name}': {key}={wrong}", fields=[(key, wrong)])

    def usual_output(self, axis: int) -> int:
        """Output length along an axis (0 vertical, 1 horizontal), by the usual convolution arithmetic.

        Below 1 where the filter does not fit the padded input.
        """
        size, kernel = ((self.Y, self.R), (self.X, self.S))[axis]
        if self.op in (Op.ELEMENTWISE, Op.GEMM, Op.MATMUL):
            return size
        if self.op is Op.TRANSPOSED:
            return (size - 1) * self.stride[axis] - 2 * self.padding[axis] + self.dilation[axis] * (kernel - 1) + 1
        if self.op is Op.UPSAMPLE:
            return size * self.stride[axis]
        reach = self.dilation[axis] * (kernel - 1) + 1
        return (size + 2 * self.padding[axis] - reach) // self.stride[axis] + 1

    def output_fault(self, cropped: bool = False) -> tuple[str, str] | None:
        """The field (`out_y`, `out_x`) whose size the shape cannot give, and why; None where both are sound.

        Beside the usual arithmetic, a window may be padded more at one end, so that there is an output per stride
        (`same`, causal), and a pool may have a last window that is cut short (ceil mode), or adapt to a size. The size
        of an upsample is its own to state. `cropped`: an edge says that shapes do not chain; then any number of outputs
        will do whose windows touch the map.
        """
        for axis, field in enumerate(("out_y", "out_x")):
            stated, usual = getattr(self, field), self.usual_output(axis)
            if stated in self._outputs(axis, usual) or (cropped and stated <= self._touching(axis)):
                continue
            if self.op is Op.POOL and self._adapts_to(axis, stated):
                continue
            return field, (
                f"{stated} is stated, but the shape gives {usual}; leave {field} out, or correct "
                f"{'YX'[axis]}, {'RS'[axis]}, stride, padding or dilation"
            )
        return None

    def _outputs(self, axis: int, usual: int) -> Container[int]:
        """The lengths of the output that the shape can give along an axis; `usual`: by the usual arithmetic."""
        size, stride = (self.Y, self.X)[axis], self.stride[axis]
        if self.op is Op.UPSAMPLE:
            return range(1, LARGEST_LENGTH + 1)
        if self.op in (Op.ELEMENTWISE, Op.GEMM, Op.MATMUL):
            return (usual,)
        if self.op is Op.TRANSPOSED:  # PyTorch and ONNX pad the output by less than a stride or a dilation
            most = max(stride, self.dilation[axis]) - 1
            return range(usual - most, usual + most + 1)
        if usual < 1:  # a filter larger than its map: as in some published tables, or padded to an output per stride
            return (1, -(-size // stride))
        last = self._cut_short(axis) if self.op is Op.POOL else usual
        return (usual, last, -(-size // stride))

    def _adapts_to(self, axis: int, outputs: int) -> bool:
        """Whether the windows are those of a pool that adapts to so many outputs, no more than there are inputs."""
        size, kernel = ((self.Y, self.R), (self.X, self.S))[axis]
        if self.padding[axis] or not 1 <= outputs <= size:
            return False
        return (kernel, self.stride[axis]) == (-(-size // outputs), size // outputs)

    def _touching(self, axis: int) -> int:
        """Outputs whose windows touch the map, or its padding where that is wider."""
        size, kernel = ((self.Y, self.R), (self.X, self.S))[axis]
        reach = self.dilation[axis] * (kernel - 1) + 1
        if self.op is Op.TRANSPOSED:
            return (size - 1) * self.stride[axis] + reach
        return (size + 2 * max(self.padding[axis], reach - 1) - reach) // self.stride[axis] + 1

    def _cut_short(self, axis: int) -> int:
        """Outputs of a pool in ceil mode: the last window may hang over the end."""
        size, kernel = ((self.Y, self.R), (self.X, self.S))[axis]
        reach = self.dilation[axis] * (kernel - 1) + 1
        return -((reach - size - 2 * self.padding[axis]) // self.stride[axis]) + 1

    @property
    def rides(self) -> bool:
        """True where the layer is never a stage of its own (pool, element-wise, upsample)."""
        return self.op in RIDERS

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one sample."""
        if self.rides:
            return 0
        grid = self.Y * self.X if self.op is Op.TRANSPOSED else self.out_y * self.out_x
        return self.N * grid * self.K * (self.C // self.groups) * self.R * self.S

    @property
    def weight_elements(self) -> int:
        """Trained weights (bias and normalisation folded away). Zero for matmul and riders."""
        if self.rides or self.op is Op.MATMUL:
            return 0
        return self.K * (self.C // self.groups) * self.R * self.S

    @property
    def output_elements(self) -> int:
        return self.N * self.K * self.out_y * self.out_x

    @property
    def input_elements(self) -> int:
        """Activations the layer reads, both operands of a matmul included (one operand of an element-wise)."""
        first = self.N * self.C * self.Y * self.X
        if self.op is Op.MATMUL:
            return first + self.N * self.C * self.K // self.groups
        return first


def reducible(layer: Layer) -> bool:
    """Whether input channels can be parted, so that each part makes partial sums of all outputs: of layers with weights
    and one group."""
    return layer.weight_elements > 0 and layer.groups == 1


def channel_units(layer: Layer) -> int:
    """Units of output channels that can be parted: single channels, or whole groups where the layer has groups."""
    return layer.groups if layer.groups > 1 else layer.K
