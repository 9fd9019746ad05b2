"""Fields of descriptions by dotted paths, such as `package.classes.*.l2_bytes`: what a field takes, and a description
with another value there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from chipweave.errors import InputError, did_you_mean
from chipweave.files.validate import Spec, shown

EVERY = "*"
"""Stands for every key of a mapping, or every entry of a list."""

Parts = tuple[str, ...]
Expand = Callable[[Parts, str], Any]
"""A text that stands for a mapping, by its place and itself, written out; the same text where it stands for itself."""


def kind_at(spec: type[Spec], parts: Sequence[str]) -> Any:
    """The annotation of the field that the parts of a path lead to.

    Raises:
        InputError: they lead to no field; the message begins with the part at fault.
    """
    at: list[Any] = [spec]
    for part in parts:
        below, known = _below(at, part)
        if not below:
            near = did_you_mean(part, known) or f"; known: {', '.join(sorted(known))}"
            near = near if known else ": nothing is below what stands before it"
            raise InputError(f"'{part}' names no field{near}")
        at = below
    return Union[tuple(at)] if len(at) > 1 else at[0]  # noqa: UP007  of a list that is not written out


def _below(kinds: Sequence[Any], part: str) -> tuple[list[Any], list[str]]:
    """The annotations one step further, and the names that are known there."""
    below: list[Any] = []
    known: list[str] = []
    for kind in (choice for each in kinds for choice in _choices(each)):
        origin = get_origin(kind)
        if isinstance(kind, type) and issubclass(kind, Spec):
            fields = {field.alias or name: field for name, field in kind.model_fields.items()}
            known += fields
            if part in fields:
                field = fields[part]
                about = tuple(field.metadata)
                below.append(Annotated[field.annotation, *about] if about else field.annotation)
        elif origin is dict:
            below.append(get_args(kind)[1])
        elif origin is list:
            below.append(get_args(kind)[0])
    return below, known


def _choices(kind: Any) -> list[Any]:
    """The alternatives of an annotation, None left out."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _choices(get_args(kind)[0])
    if origin in (Union, UnionType):
        return [choice for each in get_args(kind) if each is not NoneType for choice in _choices(each)]
    return [kind]


def put(data: Any, parts: Sequence[str], value: Any, labelled: Sequence[str], expand: Expand) -> Any:
    """A copy of a description with another value where the parts of a path lead; the rest is shared.

    Args:
        labelled: keys of mappings whose keys are labels: none is added to them.
        expand: writes out texts on the way.

    Raises:
        InputError: a part names no entry; the message begins with it.
    """
    return _put(data, tuple(parts), value, (), (tuple(labelled), expand))


def _put(data: Any, parts: Parts, value: Any, done: Parts, rules: tuple[Parts, Expand]) -> Any:
    if not parts:
        return value
    labelled, expand = rules
    part, rest = parts[0], parts[1:]
    here = done[-1] if done else ""
    if isinstance(data, str):
        data = expand(done, data)
    if isinstance(data, Mapping):
        chosen = list(data) if part == EVERY else [part]
        if (part not in data and part != EVERY and here in labelled) or not chosen:
            raise InputError(f"'{part}' names nothing in `{here}`{did_you_mean(part, map(str, data))}")
        return {**data, **{each: _put(data.get(each, {}), rest, value, (*done, each), rules) for each in chosen}}
    if isinstance(data, list):
        names = [name_of(entry) for entry in data]
        at = {index for index, name in enumerate(names) if part in (EVERY, name, str(index))}
        if not at:
            raise InputError(f"'{part}' names nothing in `{here}`{did_you_mean(part, filter(None, names))}")
        return [
            _put(entry, rest, value, (*done, part), rules) if index in at else entry for index, entry in enumerate(data)
        ]
    raise InputError(f"'{part}' names nothing: `{here}` is no mapping there, but {shown(data)}")


def name_of(entry: Any) -> str:
    """What an entry of a list is called: its name, or that of its model."""
    if not isinstance(entry, Mapping):
        return ""
    named = entry.get("name", entry.get("model", ""))
    return named if isinstance(named, str) else name_of(named)
