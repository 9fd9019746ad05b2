"""What the options of a scheduler are made of: a frozen dataclass whose fields say all there is to know of them.

Checks, the command line with its help, the tables of the documentation and the command that makes a result again
follow from the fields. Nothing heavy is loaded here, nor where options are defined: `--help` reads them all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import field, fields
from enum import Enum
from functools import cache
from numbers import Integral, Real
from types import NoneType
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

from chipweave.errors import InputError
from chipweave.plain import reader, short

T = TypeVar("T")

LARGEST = 2**31 - 1
"""Of whole numbers that have no bound of their own: kernels count with 64 bits, and multiply."""

_PYTHONS: tuple[type, ...] = (int, float, bool)
_KINDS: dict[type, tuple[Any, str]] = {
    int: (Integral, "whole number"),
    float: (Real, "number"),
    bool: (bool, "truth value"),
    str: (str, "text"),
}


class Option(NamedTuple):
    """One option, as its field states it.

    Args:
        name: of the field; the command line has it with dashes.
        kind: `int`, `float`, `bool`, `str`, or an enumeration.
        default: its value where none is given.
        help: what it decides, in one sentence without its full stop.
        unset: what None does, where it may be None.
        least, most: bounds, where it has them.
        paper: what the paper calls it, and where.
    """

    name: str
    kind: type
    default: object
    help: str
    unset: str
    least: float | None
    most: float | None
    paper: str

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")

    def word(self, value: object) -> str:
        """A value as the command line and the documentation write it."""
        if value is None:
            return self.unset
        return str(value).replace("_", "-") if issubclass(self.kind, Enum) else str(value)

    def words(self, value: object) -> tuple[str, ...]:
        """What sets the option to a value on the command line."""
        if self.kind is bool:
            return (self.flag if value else self.flag.replace("--", "--no-", 1),)
        return (self.flag, self.word(value))


def option(
    default: T,
    *,
    help: str,
    unset: str = "",
    least: float | None = None,
    most: float | None = None,
    paper: str = "",
) -> T:
    """The field of an option; see `Option`."""
    facts = {"help": help, "unset": unset, "least": least, "most": most, "paper": paper}
    return field(default=default, metadata=facts)


@cache
def read(options: type) -> tuple[Option, ...]:
    """The options that a class of options has, in its order."""
    hints = get_type_hints(options)
    return tuple(Option(own.name, _kind(hints[own.name]), own.default, **own.metadata) for own in fields(options))


def _kind(hint: type) -> type:
    """`int` of `int | None`."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if kinds else hint


def check(options: object, scheduler: str = "") -> None:
    """Hold options against their kinds and bounds.

    Args:
        scheduler: named in front of each message; without it a message names both bounds instead.

    Raises:
        InputError: values that are wrong, all of them.
    """
    kind: type = type(options)
    for own in read(kind):  # NumPy's numbers become what files hold
        value = getattr(options, own.name)
        if isinstance(value, Real) and type(value) not in _PYTHONS and own.kind in (int, float):
            with suppress(ValueError):
                object.__setattr__(options, own.name, reader(own.kind)(value))
    wrong = [text for own in read(kind) for text in _wrong(own, getattr(options, own.name), scheduler)]
    if wrong:
        raise InputError(wrong)


def _wrong(own: Option, value: Any, scheduler: str) -> Iterator[str]:
    if value is None and own.unset:
        return
    given = f"{scheduler}: {own.name}=" if scheduler else f"{own.name}="
    given += short(value) if isinstance(value, Integral) or len(str(value)) > 60 else str(value)
    kind, word = _KINDS.get(own.kind, (own.kind, own.kind.__name__))
    if not isinstance(value, kind) or (isinstance(value, bool) and own.kind is not bool):
        yield f"{given} is no {word}"
        return
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{given} is not a finite number"
        return
    if isinstance(value, Integral) and abs(int(value)) > LARGEST:
        yield f"{given} is more than {LARGEST}"
        return
    below = own.least is not None and value < own.least
    above = own.most is not None and value > own.most
    if (below or above) and not scheduler and None not in (own.least, own.most):
        yield f"{given} is not in {own.least}..{own.most}"
    elif below:
        yield f"{given} is not at least {own.least}"
    elif above:
        yield f"{given} is more than {own.most}"


def chosen(given: object | None, options: type[T]) -> T:
    """The options of a request, or the defaults.

    Raises:
        InputError: the options given are another scheduler's.
    """
    if given is None:
        return options()
    if not isinstance(given, options):
        raise InputError(f"options {given!r} are not {options.__name__}")
    return given
