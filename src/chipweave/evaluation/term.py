"""What a figure means, beside the field that holds it: `field: Annotated[float, Term(...)]`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_type_hints

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Term:
    """A figure's meaning.

    Args:
        label: a word or three.
        unit: `s`, `J`, `Js`, `W`, `B`, `1/s`, `USD`, `share` (of 1), or empty for a count or a name.
        text: one sentence.
        equation: how it is computed from other figures, if it is.
    """

    label: str
    unit: str
    text: str
    equation: str = ""


@dataclass(frozen=True, slots=True)
class PassTerm(Term):
    """A time that every micro-batch spends in a stage.

    Args:
        turn: its place, from 1, where the first micro-batch's way through the stage is drawn.
        transfer: its place, from 1, in the sum of everything that moves; 0: nothing moves in it.
    """

    turn: int = 0
    transfer: int = 0


@dataclass(frozen=True, slots=True)
class BytesTerm(Term):
    """Bytes that a stage moves in a window.

    Args:
        time: the stage's time in which they move.
        dram: from or to DRAM.
        whole: as many with every micro-batch, a short one too.
    """

    time: str = ""
    dram: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True)
class ResourceTerm(Term):
    """The least time that a resource which all share needs in a window.

    Args:
        resource: its name.
    """

    resource: str = ""


def names_of(record: type) -> tuple[str, ...]:
    """The fields of a data class."""
    return tuple(field.name for field in fields(record))


def terms_of(record: type) -> dict[str, Term]:
    """The meaning of every field that has one, in the order of the fields."""
    hints = get_type_hints(record, include_extras=True)
    found = {name: getattr(hints[name], "__metadata__", ()) for name in names_of(record)}
    return {name: term for name, extras in found.items() for term in extras if isinstance(term, Term)}


def added_up(names: Sequence[str]) -> Callable[[Any], float]:
    """A function that adds these fields of a record up, in this order; compiled, as searches ask all the time."""
    total: Callable[[Any], float] = eval(f"lambda record: {' + '.join(f'record.{name}' for name in names)}")
    return total


def added_field_by_field(record: type[R]) -> Callable[[R, R], R]:
    """A function that makes one record of two; compiled, as `added_up` is."""
    sums = ", ".join(f"one.{name} + other.{name}" for name in names_of(record))
    both: Callable[[R, R], R] = eval(f"lambda one, other: record({sums})", {"record": record})
    return both
