"""The fields of a configuration, each read as what it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chipweave.errors import InputError
from chipweave.plain import short

LARGEST = 2**24
"""Of one size: the published ones stay below, and products of a few of them far inside 64-bit integers."""
MOST_BLOCKS = 1000
"""Of a model; the deepest one that is published has 126."""


class Fields:
    """A mapping of a configuration.

    What is wrong is an InputError whose `fields` say where: the keys that lead there, with dots between them.

    Args:
        data: the mapping; place: the keys that lead to it.
    """

    def __init__(self, data: Mapping[str, Any], place: str = "") -> None:
        self.data, self.place = data, place

    def fault(self, name: str, wrong: str) -> InputError:
        where = f"{self.place}.{name}" if self.place else name
        return InputError(f"configuration: {where}: {wrong}", fields=[(where, wrong)])

    def has(self, name: str) -> bool:
        """It is there, and not null."""
        return self.data.get(name) is not None

    def _named(self, names: Sequence[str]) -> str:
        """The name of those that a field goes by which is there; else the first."""
        return next((name for name in names if self.has(name)), names[0])

    def whole(self, *names: str, default: int | None = None, least: int = 1, most: int = LARGEST) -> int:
        """A whole number, by the first of its names that is there."""
        name = self._named(names)
        value = self.data.get(name)
        if value is None:
            if default is None:
                raise self.fault(name, "is missing; add it")
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fault(name, f"{short(value)} is not a whole number; give one")
        if not least <= value <= most:
            raise self.fault(name, f"{short(value)} is out of range; give {least} to {most}")
        return value

    def blocks(self, *names: str) -> int:
        return self.whole(*(names or ("num_hidden_layers",)), most=MOST_BLOCKS)

    def flag(self, name: str, default: bool) -> bool:
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.fault(name, f"{short(value)} is not true or false; give that")
        return value

    def text(self, name: str, default: str = "") -> str:
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.fault(name, f"{short(value)} is not text; give text")
        return value

    def part(self, name: str) -> Fields:
        """A mapping in the mapping."""
        value = self.data.get(name)
        where = f"{self.place}.{name}" if self.place else name
        if value is None:
            raise self.fault(name, "is missing; add it")
        if not isinstance(value, Mapping):
            raise self.fault(name, f"{short(value)} is not a mapping; give one")
        return Fields(value, where)

    def wholes(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers; empty where it is missing."""
        return tuple(self._items(name, int, "whole numbers"))

    def words(self, name: str, count: int, known: Sequence[str]) -> tuple[str, ...]:
        """A list of `count` words, each of the known ones; empty where it is missing."""
        items = tuple(self._items(name, str, "words"))
        if items and len(items) != count:
            raise self.fault(name, f"has {len(items)} items, and there are {count} layers; give one for each")
        unknown = next((item for item in items if item not in known), None)
        if unknown is not None:
            raise self.fault(name, f"{short(unknown)} is unknown; known: {', '.join(known)}")
        return items

    def _items(self, name: str, kind: type, what: str) -> list[Any]:
        value = self.data.get(name)
        if value is None:
            return []
        if not isinstance(value, list | tuple) or not all(isinstance(i, kind) and type(i) is not bool for i in value):
            raise self.fault(name, f"{short(value)} is not a list of {what}; give one")
        return list(value)

    def refuse(self, name: str, why: str) -> None:
        """Refuse a configuration in which a field is there and says something."""
        if self.data.get(name):
            raise self.fault(name, why)
