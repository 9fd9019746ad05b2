"""Models from PyTorch modules and ONNX files, as the API gives them: with warnings for what is not costed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chipweave.workload.model import Model

if TYPE_CHECKING:
    import torch

    from chipweave.workload.importers.assembly import Imported


def from_torch(
    module: torch.nn.Module,
    example_inputs: torch.Tensor | tuple[Any, ...] | Mapping[str, Any],
    *,
    name: str | None = None,
    strict: bool = False,
    bytes_per_element: int = 1,
) -> Model:
    """The model of a PyTorch module, in evaluation mode, for inputs of these shapes.

    The module is not changed, and its weights are not read: one made under `torch.device("meta")` has none. Operators
    that are not costed are named in a warning; `chipweave.workload.importers.torch.from_torch` counts them.

    Args:
        example_inputs: one tensor, a tuple of positional arguments, or a dictionary of keyword arguments; batch 1.
        name: of the model; by default that of the module's class.
        strict: operators that are not costed are an error.
        bytes_per_element: of activations and weights; not taken from the module.

    Raises:
        InputError: PyTorch is missing, the module cannot be traced, nothing in it is costed, or `strict` and some
            operators are not.
    """
    from chipweave.workload.importers.torch import from_torch as imported_from

    return _told(imported_from(module, example_inputs, name=name, strict=strict, bytes_per_element=bytes_per_element))


def from_onnx(
    path: str | Path,
    dims: Mapping[str, int] | None = None,
    *,
    strict: bool = False,
    name: str = "",
    bytes_per_element: int | None = None,
    inputs: Sequence[str] | None = None,
    values: Mapping[str, float | Sequence[float]] | None = None,
) -> Model:
    """The model in an ONNX file; weights are not needed. Operators that are not costed are named in a warning;
    `chipweave.workload.importers.onnx.import_onnx` counts them, and those that were folded.

    Args:
        dims: sizes of symbolic dimensions, by name (`batch`) or place (`INPUT:AXIS`).
        strict: operators that are not costed are an error.
        name: of the model; without one, the file's.
        bytes_per_element: of weights and activations alike; None takes the file's width where it is uniform, else 1.
        inputs: the network's, if the file has weights among them; without, they are told by name and place.
        values: of inputs that branches and loops depend on, by name: one for all entries, or as many as there are.

    Raises:
        InputError: no ONNX file, a damaged or outsized one, sizes that are missing, `onnx` not installed; under
            `strict`, operators that are not costed.
    """
    from chipweave.workload.importers.onnx import import_onnx

    made = import_onnx(
        path, dims, strict=strict, name=name, bytes_per_element=bytes_per_element, inputs=inputs, values=values
    )
    return _told(made)


def _told(imported: Imported) -> Model:
    """The model, after a warning for what is not costed and for each thing that was decided on the way."""
    if imported.unsupported:
        from chipweave.workload.importers.assembly import counted

        listed = counted(imported.unsupported)
        warnings.warn(f"'{imported.model.name}': not costed: {listed}", stacklevel=3)
    for note in imported.notes:
        warnings.warn(f"'{imported.model.name}': {note}", stacklevel=3)
    return imported.model
