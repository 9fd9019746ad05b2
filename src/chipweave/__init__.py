"""Schedules AI models on multi-chiplet packages, and shows how good the schedule is."""

from typing import TYPE_CHECKING, Any

from chipweave.display import show_with
from chipweave.version import __version__ as __version__

if TYPE_CHECKING:
    from chipweave.api import case as case
    from chipweave.api import compare as compare
    from chipweave.api import evaluate as evaluate
    from chipweave.api import from_hf as from_hf
    from chipweave.api import from_onnx as from_onnx
    from chipweave.api import from_torch as from_torch
    from chipweave.api import run as run
    from chipweave.api import schedule as schedule
    from chipweave.api import simulate as simulate
    from chipweave.report.save import save as save
    from chipweave.results.case import Case as Case
    from chipweave.results.result import Result as Result
    from chipweave.serving.serve import serve as serve
    from chipweave.store.store import Store as Store
    from chipweave.what_if.ask import why as why

_PLACES = {
    "Case": "chipweave.results.case",
    "Result": "chipweave.results.result",
    "Store": "chipweave.store.store",
    "case": "chipweave.api",
    "compare": "chipweave.api",
    "evaluate": "chipweave.api",
    "from_hf": "chipweave.api",
    "from_onnx": "chipweave.api",
    "from_torch": "chipweave.api",
    "run": "chipweave.api",
    "save": "chipweave.report.save",
    "schedule": "chipweave.api",
    "serve": "chipweave.serving.serve",
    "simulate": "chipweave.api",
    "why": "chipweave.what_if.ask",
}
"""The API by the modules in which it stands, loaded when first asked for: `import chipweave` stays cheap."""

__all__ = [
    "Case",
    "Result",
    "case",
    "compare",
    "evaluate",
    "from_hf",
    "from_onnx",
    "from_torch",
    "run",
    "save",
    "schedule",
    "serve",
    "simulate",
    "why",
]
"""All but `Store`, which needs an extra: `from chipweave import *` works without it."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'chipweave' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "Store", "__version__"]


def _view(value: object) -> str | None:
    """What a notebook shows of a value; the reports are loaded when one first asks."""
    from chipweave.report.notebook import html_of

    return html_of(value)


show_with(_view)
