"""Models from elsewhere as the API gives them: those of modules and files with warnings for what is not costed."""

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
    module: torch.nn.Module | torch.export.ExportedProgram,
    example_inputs: torch.Tensor | tuple[Any, ...] | Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    strict: bool = False,
    bytes_per_element: int = 1,
) -> Model:
    """The model of a PyTorch module, in evaluation mode, for inputs of these shapes.

    The module is not changed, and its weights are not read: one made under `torch.device("meta")` has none. Operators
    that are not costed are named in a warning; `chipweave.workload.importers.torch.from_torch` counts them.

    Args:
        module: or what torch.export made of one, as it was traced.
        example_inputs: one tensor, a tuple of positional arguments, or a dictionary of keyword arguments; batch 1.
            None takes those that a module was exported with.
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


def from_hf(
    config: str | Path | Mapping[str, Any],
    *,
    phase: str,
    prompt: int | None = None,
    context: int | None = None,
    batch: int = 1,
    routing: str | Path | Sequence[float] = "uniform",
    absorbed: bool | None = None,
    name: str = "",
    bytes_per_element: int | None = None,
    weights: str | float | None = None,
    activations: str | float | None = None,
    cache: str | float | None = None,
) -> Model:
    """One step of a language model, from the configuration that Hugging Face's `transformers` writes: a `config.json`,
    or the same as a mapping. Weights, a network and `transformers` are not needed.

    `chipweave.files.hf_config.import_config` gives the number of parameters and what was decided on the way, too.

    Args:
        phase: `prefill`, of a prompt, or `decode`, of one more token.
        prompt: new tokens of each sequence, for prefill.
        context: tokens of each sequence that are cached before.
        batch: sequences of a step. One sample of the model is one step of all of them.
        routing: which experts tokens take: `uniform`, `zipf:S`, a CSV file of shares, or the shares themselves.
        absorbed: latent attention works on latent vectors; None: in decode.
        name: of the model; without one, the file's or the family's with the phase.
        bytes_per_element: of weights, caches and activations alike; None takes the configuration's, else 1.
        weights, activations, cache: of each its own instead, a format such as `fp8` or `mxfp4`, or bits; what is left
            out is the configuration's, of caches and states that of activations.

    Raises:
        InputError: a file that cannot be read, an architecture that is not imported, fields that are missing or wrong,
            more tokens than the model takes, widths that no one number says.
    """
    from chipweave.files.hf_config import import_config

    return import_config(
        config,
        phase=phase,
        prompt=prompt,
        context=context,
        batch=batch,
        routing=routing,
        absorbed=absorbed,
        name=name,
        bytes_per_element=bytes_per_element,
        weights=weights,
        activations=activations,
        cache=cache,
    ).model


def _told(imported: Imported) -> Model:
    """The model, after a warning for what is not costed and for each thing that was decided on the way."""
    if imported.unsupported:
        from chipweave.workload.importers.assembly import counted

        listed = counted(imported.unsupported)
        warnings.warn(f"'{imported.model.name}': not costed: {listed}", stacklevel=3)
    for note in imported.notes:
        warnings.warn(f"'{imported.model.name}': {note}", stacklevel=3)
    return imported.model
