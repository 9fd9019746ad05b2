"""Schedules AI models on multi-chiplet packages, and shows how good the schedule is."""

from typing import TYPE_CHECKING, Any

from chipweave.display import show_with
from chipweave.version import __version__ as __version__

if TYPE_CHECKING:
    from chipweave.api import compare as compare
    from chipweave.api import evaluate as evaluate
    from chipweave.api import from_onnx as from_onnx
    from chipweave.api import from_torch as from_torch
    from chipweave.api import schedule as schedule
    from chipweave.api import simulate as simulate
    from chipweave.report.save import save as save
    from chipweave.results.result import Result as Result
    from chipweave.what_if.ask import why as why

_API = ("compare", "evaluate", "from_onnx", "from_torch", "save", "schedule", "simulate", "Result")


def __getattr__(name: str) -> Any:
    """The API, loaded when first asked for: `import chipweave` stays cheap."""
    if name == "save":
        from chipweave.report.save import save

        return save
    if name in _API:
        from chipweave import api

        return getattr(api, name)
    raise AttributeError(f"module 'chipweave' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_API])


def _view(value: object) -> str | None:
    """What a notebook shows of a value; the reports are loaded when one first asks."""
    from chipweave.report.notebook import html_of

    return html_of(value)


show_with(_view)
