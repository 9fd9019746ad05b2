"""From a module, or from the name of a function that makes one, to a model."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from chipweave.errors import ChipweaveError, InputError
from chipweave.workload.importers.assembly import Imported, counted
from chipweave.workload.importers.torch.export import graph_in, graph_of
from chipweave.workload.importers.torch.graph import TracedGraph
from chipweave.workload.importers.torch.translate import translate

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
_LONGEST_REASON = 300
"""Characters of someone else's message."""


def from_torch(
    module: torch.nn.Module | torch.export.ExportedProgram,
    example_inputs: torch.Tensor | tuple[Any, ...] | Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    strict: bool = False,
    bytes_per_element: int = 1,
) -> Imported:
    """The model of `module` as it runs on inputs of these shapes, in evaluation mode.

    The module may be on any device; one made under `torch.device("meta")` needs no memory for weights. It is not
    changed. A model is of one sample: give inputs of batch 1.

    Args:
        module: or what torch.export made of one, as it was traced.
        example_inputs: one tensor, a tuple of positional arguments, or a dictionary of keyword arguments; only shapes
            and types count. None takes those that a module was exported with.
        name: of the model; by default that of the module's class.
        strict: operators that are not costed are an error.
        bytes_per_element: of activations and weights; not taken from the module.

    Raises:
        InputError: the module cannot be traced, nothing in it is costed, or `strict` and some operators are not.
    """
    _require_torch()
    import torch

    if isinstance(module, torch.jit.ScriptModule):
        raise InputError("a script module cannot be traced; give the module that it was made of")
    if isinstance(module, torch.export.ExportedProgram) and example_inputs is not None:
        module = module.module()
    if isinstance(module, torch.export.ExportedProgram):
        label = name or "program"
        graph = graph_in(module)
    elif not isinstance(module, torch.nn.Module):
        raise InputError(f"{type(module).__name__} is not a torch.nn.Module; give an instance of one")
    elif example_inputs is None:
        raise InputError(f"{type(module).__name__} comes without example inputs; give what its forward takes")
    else:
        label = name or type(module).__name__
        graph = _traced(module, label, example_inputs)
    imported = translate(graph, label, f"torch.export of {type(module).__name__}, PyTorch {torch.__version__}",
                         bytes_per_element)  # fmt: skip
    if strict and imported.unsupported:
        listed = counted(imported.unsupported)
        raise InputError(
            f"'{label}' has operators that are not costed: {listed}; without strict, what they make counts as made of "
            "their inputs, at no cost"
        )
    return imported


def _traced(module: torch.nn.Module, label: str, example_inputs: Any) -> TracedGraph:
    arguments, keywords = _call(example_inputs)
    return _guarded(
        lambda: graph_of(module, arguments, keywords),
        f"'{label}' cannot be traced by torch.export",
        "a forward pass must not depend on the values of tensors, and must take the example inputs",
    )


def import_factory(spec: str) -> Imported:
    """The model of what a function of the user's returns: RUNS THE USER'S OWN CODE, with all that it may do.

    Args:
        spec: `module:factory`. `module` is imported as Python does, with the current folder on the path; `factory` is
            called without arguments and returns (module, example_inputs), a torch.nn.Module that has the attribute
            `example_inputs`, or a torch.export.ExportedProgram.

    Raises:
        InputError: the name is wrong, or the user's code or the import fails: what it said, and where.
    """
    module_name, colon, factory_name = spec.partition(":")
    if colon and module_name.endswith(".py") and os.path.isfile(module_name):
        asked = f"{Path(module_name).stem}:{factory_name}"
        raise InputError(f"'{spec}' names a file; name the module, from the folder that holds it: {asked}")
    if spec.endswith((".pt2", ".pt", ".pth")) and os.path.isfile(spec):
        raise InputError(
            f"'{spec}' is a file of PyTorch, which holds weights or a program; name a function that returns what a "
            "schedule needs, nets:net for net() in nets.py: return torch.export.load('net.pt2'), or the module that "
            "the weights belong to with its example inputs"
        )
    if not (colon and factory_name.isidentifier() and all(part.isidentifier() for part in module_name.split("."))):
        raise InputError(f"'{spec}' is not module:factory; for the function `net` in nets.py write nets:net")
    _require_torch()
    with _current_folder_on_the_path(), redirect_stdout(sys.stderr):  # what that code prints is no result of ours
        module, example_inputs = _pair(_made(module_name, factory_name), spec)
        return from_torch(module, example_inputs, name=factory_name)


@contextmanager
def _current_folder_on_the_path() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


def _require_torch() -> None:
    """An InputError where PyTorch is not installed."""
    try:
        import torch.export  # noqa: F401
    except (ImportError, OSError) as error:
        raise InputError(
            f"PyTorch cannot be imported ({error}); pip install 'chipweave[torch]', on Linux several GB: "
            "docs/import-torch.md says how to take the CPU build"
        ) from None


def _made(module_name: str, factory_name: str) -> Any:
    import torch

    outermost = module_name.partition(".")[0]
    if outermost not in sys.modules and importlib.util.find_spec(outermost) is None:
        raise InputError(f"there is no module '{outermost}' in {Path.cwd()} or among the installed packages")
    remedy = "this is your own code; run it alone to see more"
    loaded = _guarded(lambda: importlib.import_module(module_name), f"importing '{module_name}' failed", remedy)
    factory = getattr(loaded, factory_name, None)
    if factory is None or not callable(factory):
        known = [name for name, value in vars(loaded).items() if callable(value) and not name.startswith("_")]
        raise InputError(f"'{module_name}' has no function '{factory_name}'; it has {', '.join(known[:12]) or 'none'}")
    if isinstance(factory, torch.nn.Module):
        return factory
    return _guarded(factory, f"calling {module_name}:{factory_name} failed", remedy)


def _pair(made: Any, spec: str) -> tuple[Any, Any]:
    import torch

    if isinstance(made, torch.nn.Module):
        inputs = getattr(made, "example_inputs", None)
        if inputs is not None:
            return made, inputs
    elif isinstance(made, torch.export.ExportedProgram):
        return made, None
    elif isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], torch.nn.Module):
        return made
    raise InputError(
        f"{spec} returned {type(made).__name__}; return (module, example_inputs), with inputs as the module's forward "
        "takes them: a tensor, a tuple, or a dictionary of keywords; or what torch.export.export made of them"
    )


def _call(example_inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(example_inputs, Mapping):
        return (), {str(key): value for key, value in example_inputs.items()}
    if isinstance(example_inputs, list | tuple):
        return tuple(example_inputs), {}
    return (example_inputs,), {}


def _guarded(work: Callable[[], T], what: str, remedy: str) -> T:
    """The result of code that is not ours; whatever it raises as one message, with the user's own line."""
    try:
        return work()
    except ChipweaveError:
        raise
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())
        said = said if len(said) <= _LONGEST_REASON else said[: _LONGEST_REASON - 1] + "…"
        place = _place(error)
        raise InputError(f"{what}: {type(error).__name__}: {said}{f' ({place})' if place else ''}; {remedy}") from None


def _place(error: BaseException) -> str:
    """file:line of the innermost frame that is neither PyTorch's, nor Python's, nor ours."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    import torch

    chipweave, python = Path(__file__).parents[3], Path(traceback.__file__).parent
    others = tuple(str(folder) for folder in (Path(torch.__file__).parent, chipweave))
    frames = [
        f"{frame.filename}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((*others, "<"))
        and ("site-packages" in frame.filename or not frame.filename.startswith(str(python)))
    ]
    return frames[-1] if frames else ""
