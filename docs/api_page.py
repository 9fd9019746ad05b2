"""Writes docs/api.md: the public names of the Python API, with their types and what their docstrings say.

Run as `make api`; tests hold the page to it.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from inspect import Parameter
from pathlib import Path

import chipweave
from chipweave.results.result import Cell, Comparison, Search
from chipweave.results.what_if import Change, Figures, WhatIf

PAGE = Path(__file__).parent / "api.md"
VALUES = (chipweave.Case, chipweave.Result, Search, Cell, Comparison, WhatIf, Change, Figures, chipweave.Store)
TITLES = {"Args": "Arguments"}
HEAD = """# Python API

`import chipweave` gives these names; `help(chipweave.schedule)` says the same. This page is made of the docstrings by
`make api`.
"""


def page() -> str:
    """The page in Markdown."""
    functions = [getattr(chipweave, name) for name in chipweave.__all__ if name.islower()]
    parts = [HEAD, "## Functions\n", *map(_function, functions), "## What they return\n", *map(_value, VALUES)]
    return "\n".join(parts)


def _function(function: Callable[..., object]) -> str:
    signature = inspect.signature(function)
    code = [f"chipweave.{function.__name__}("]
    keywords = False
    for parameter in signature.parameters.values():
        if parameter.kind is Parameter.KEYWORD_ONLY and not keywords:
            code.append("    *,")
            keywords = True
        code.append(f"    {_parameter(parameter)},")
    code.append(f") -> {signature.return_annotation}")
    return _entry(f"chipweave.{function.__name__}", code, inspect.getdoc(function) or "")


def _parameter(parameter: Parameter) -> str:
    stars = {Parameter.VAR_KEYWORD: "**", Parameter.VAR_POSITIONAL: "*"}.get(parameter.kind, "")
    default = "" if parameter.default is Parameter.empty else f" = {parameter.default!r}"
    return f"{stars}{parameter.name}: {parameter.annotation}{default}"


def _value(value: type) -> str:
    fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
    code = [f"class {value.__name__}:", *(f"    {field.name}: {field.type}" for field in fields)]
    for name, own in vars(value).items():
        getter = getattr(own, "fget", None) or getattr(own, "func", None)
        if getter is not None and not name.startswith("_"):
            code.append(
                f"    {name}: {inspect.signature(getter).return_annotation}  # {_first(inspect.getdoc(getter))}"
            )
        elif inspect.isfunction(plain := getattr(own, "__wrapped__", own)) and not name.startswith("_"):
            if isinstance(own, staticmethod):
                code.append("    @staticmethod")
            code.append(f"    def {name}{_plain_signature(plain)}: ...  # {_first(inspect.getdoc(plain))}")
    return _entry(
        f"{value.__module__}.{value.__name__}", [line.removesuffix("  # ") for line in code], value.__doc__ or ""
    )


def _plain_signature(function: Callable[..., object]) -> str:
    signature = inspect.signature(function)
    given = ", ".join("self" if name == "self" else _parameter(each) for name, each in signature.parameters.items())
    return f"({given}) -> {signature.return_annotation}"


def _first(docstring: str | None) -> str:
    """The first sentence of a docstring, on one line."""
    return " ".join((docstring or "").split("\n\n")[0].split())


def _entry(name: str, code: list[str], docstring: str) -> str:
    return "\n".join([f"### {name}\n", "```python", *code, "```\n", *_text(inspect.cleandoc(docstring)), ""])


def _text(docstring: str) -> Iterator[str]:
    """A docstring's paragraphs, with the entries of its sections as lists."""
    for paragraph in docstring.split("\n\n"):
        lines = paragraph.splitlines()
        section = re.fullmatch(r"(\w+):", lines[0])
        if not section:
            yield f"{' '.join(paragraph.split())}\n"
            continue
        yield f"{TITLES.get(section[1], section[1])}:\n"
        for entry in re.split(r"\n(?=    \S)", "\n".join(lines[1:])):
            names, _, text = " ".join(entry.split()).partition(": ")
            yield f"- {', '.join(f'`{name}`' for name in names.split(', '))}: {text}" if text else f"- {names}"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
