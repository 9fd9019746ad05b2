"""What notebooks show of a value: asked of a view that is handed in, so that no value depends on reports."""

from __future__ import annotations

from collections.abc import Callable

View = Callable[[object], str | None]
"""A value in HTML; None where its plain form has to do."""


def _plain(_: object) -> None:
    return None


_view: View = _plain


def show_with(view: View) -> None:
    """Hand in what notebooks show of every value; `chipweave` does so when it is imported."""
    global _view
    _view = view


class Shown:
    """A value that notebooks show as the view says that was handed in."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        return _view(self)
