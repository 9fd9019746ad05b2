"""Fields of records as the plain values that files know: whole numbers, numbers, text, tuples, members, records.

Whoever builds a record in Python is held to what a file is held to, and NumPy's scalars become Python's, so that what
could be built can be saved and read back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from enum import Enum
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, TypeGuard, Union, get_args, get_origin, get_type_hints

from chipweave.errors import InputError

STEERING = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
"""Characters beside ASCII's control characters that steer a terminal, or the order of what it shows, or that nobody
sees; as in a regular expression's brackets."""

LARGEST = 2**63 - 1
"""The largest whole number of 64 bits."""

NAME = rf"^[^\x00-\x1f{STEERING}]+$"
"""Text on one line that shows as it is."""

Reader = Callable[[Any], Any]
"""The plain form of a value; ValueError with the words for what it should be."""


def settle(record: Any, what: str) -> None:
    """Make the fields of a frozen dataclass plain, each as its annotation says; to be called first in `__post_init__`.

    Args:
        what: the record is, for messages: `chiplet`.

    Raises:
        InputError: values of another kind, all of them.
    """
    kind: type = type(record)
    faults = []
    for name, exact, read in _readers(kind):
        value = getattr(record, name)
        if type(value) is int:
            if exact is int and -LARGEST <= value <= LARGEST:
                continue
        elif type(value) is exact and name != "name":
            continue
        try:
            plain = read(value)
            if name == "name" and not _is_name(plain):
                raise ValueError("text on one line, without control characters")
        except ValueError as error:
            faults.append((name, f"{short(value)} is not {error}; give that"))
            continue
        if plain is not value:
            object.__setattr__(record, name, plain)
    if faults:
        called = getattr(record, "name", None)
        owner = f"{what} {short(called)}" if isinstance(called, str) else what
        raise InputError([f"{owner}: {key}={wrong}" for key, wrong in faults], fields=faults)


def short(value: object) -> str:
    """A value for a message, on one line and of bounded length."""
    if isinstance(value, Integral) and not isinstance(value, bool) and abs(int(value)) >= 10**60:
        return "a number of more than 60 digits"
    try:
        text = repr(value[:60] if isinstance(value, str | bytes | list | tuple) else value)
    except ValueError:  # numbers of thousands of digits in it
        return f"a {type(value).__name__}"
    return text if len(text) <= 80 else text[:79] + "…"


def reader(hint: Any) -> Reader:
    """What reads values of an annotation."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        kinds = [kind for kind in inner if kind is not NoneType]
        if set(kinds) == {int, float}:
            return _optional(_figure)
        return _optional(reader(kinds[0])) if len(kinds) == 1 else _anything
    if origin is tuple:
        return _each(reader(inner[0])) if inner[-1] is Ellipsis else _exactly(tuple(map(reader, inner)))
    if origin is not None:
        return _mapping if isinstance(origin, type) and issubclass(origin, Mapping) else _anything
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(hint)
    return _instance(hint) if isinstance(hint, type) else _anything


@cache
def _readers(kind: type) -> tuple[tuple[str, type, Reader], ...]:
    """Per field its name, the type that needs no reading, and its reader."""
    hints = get_type_hints(kind)
    none_needed = type("none", (), {})
    return tuple(
        (each.name, hints[each.name] if hints[each.name] in (int, float, str, bool) else none_needed, reader(hint))
        for each in fields(kind)
        for hint in (hints[each.name],)
    )


def _is_name(text: object) -> bool:
    return not isinstance(text, str) or _NAME.match(text) is not None


_NAME = re.compile(NAME)


def _whole(value: Any) -> int:
    if type(value) is int and -LARGEST <= value <= LARGEST:
        return value
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError("a whole number")
    if abs(int(value)) > LARGEST:
        raise ValueError("a whole number of at most 64 bits")
    return int(value)


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError("a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a number that can be counted with") from None


def _figure(value: Any) -> int | float:
    """A whole number stays one."""
    return _whole(value) if isinstance(value, Integral) else _number(value)


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if not isinstance(value, str):
        raise ValueError("text")
    return str(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool) and type(value).__name__ != "bool":  # NumPy's
        raise ValueError("True or False")
    return bool(value)


_SIMPLE: dict[Any, Reader] = {int: _whole, float: _number, str: _text, bool: _truth}


def _anything(value: Any) -> Any:
    return value


def _mapping(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError("a mapping")
    return value


def _optional(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _member(kind: type[Enum]) -> Reader:
    def read(value: Any) -> Enum:
        if isinstance(value, kind):
            return value
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"one of {', '.join(str(each.value) for each in kind)}") from None

    return read


def _instance(kind: type) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"a {kind.__name__}")
        return value

    return read


def _items(value: Any) -> tuple[Any, ...]:
    if isinstance(value, tuple):
        return value
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise ValueError("a tuple")
    try:
        return tuple(value)
    except TypeError:  # an array of no dimension
        raise ValueError("a tuple") from None


def _are_small(value: Any) -> TypeGuard[tuple[int, ...]]:
    """Whether it is a tuple of whole numbers from 0 as it is, as nearly always."""
    return type(value) is tuple and all(type(item) is int and 0 <= item <= LARGEST for item in value)


def _each(read: Reader) -> Reader:
    kind = next((kind for kind, own in _SIMPLE.items() if own is read), None)

    def read_all(value: Any) -> tuple[Any, ...]:
        if kind is int and _are_small(value):
            return value
        items = _items(value)
        try:
            plain = tuple(map(read, items))
        except ValueError as error:
            raise ValueError(f"a tuple, each item {error}") from None
        same = type(value) is tuple and all(a is b for a, b in zip(plain, items, strict=True))
        return items if same else plain

    return read_all


def _exactly(readers: tuple[Reader, ...]) -> Reader:
    whole = all(read is _whole for read in readers)

    def read_all(value: Any) -> tuple[Any, ...]:
        if whole and _are_small(value) and len(value) == len(readers):
            return value
        items = _items(value)
        if len(items) != len(readers):
            raise ValueError(f"a tuple of {len(readers)}")
        return tuple(read(item) for read, item in zip(readers, items, strict=True))

    return read_all
