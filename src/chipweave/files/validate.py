"""Data against a pydantic description, with every problem as one line a user can act on."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from chipweave.errors import InputError, did_you_mean
from chipweave.files.yaml import line_of, quoted
from chipweave.plain import NAME, STEERING

Location = tuple[str | int, ...]
SpecT = TypeVar("SpecT", bound="Spec")

Name = Annotated[str, Field(min_length=1, pattern=NAME)]
"""Text on one line."""
Prose = Annotated[str, Field(pattern=rf"^[^\x00-\x08\x0b-\x1f{STEERING}]*$")]
"""Text on any number of lines."""

MOST_PROBLEMS = 50
"""Found in one file before its reading ends."""

LARGEST_COUNT = 2**53
"""Element and byte counts are exact in the evaluator's doubles up to here."""


class Spec(BaseModel):
    """A mapping in a file: no unknown keys, no silent conversions, finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


@dataclass
class Problems:
    """What is wrong with one piece of data, in the order of its lines.

    Args:
        path: what messages call the file (or the mapping, where there is no file).
        data: the whole of it.
    """

    path: str
    data: Any
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, location: Location, problem: str) -> None:
        """A problem of the value at `location`; `problem` names the value and the remedy."""
        line = line_of(self.data, location)
        where = self.place(location)
        name = _name(self.data, location)
        self.found.append((line or 0, f"{where}: {name + ': ' if name else ''}{problem}"))
        if len(self.found) >= MOST_PROBLEMS:
            self.found.append((line or 0, f"{where}: {MOST_PROBLEMS} problems; the rest of the file was not checked"))
            self.raise_any()

    def place(self, location: Location) -> str:
        """File and line of the value at `location`."""
        line = line_of(self.data, location)
        return self.path if line is None else f"{self.path}:{line}"

    def include(self, location: Location, error: InputError) -> None:
        """Problems of what the value at `location` names or holds; those of this file say already where they are."""
        for problem in error.problems:
            if error.path == self.path:
                self.found.append((line_of(self.data, location) or 0, problem))
            else:
                self.add(location, problem)

    def refuse(self, location: Location, error: InputError) -> None:
        """What an object that `location` describes would not be made for: at its fields, where all are of one."""
        if len(error.fields) == len(error.problems):
            for key, wrong in error.fields:
                self.add((*location, key), wrong)
        else:
            for problem in error.problems:
                self.add(location, problem)

    def raise_any(self) -> None:
        """Raise InputError with all problems, if there are any."""
        if self.found:
            lines = dict.fromkeys(text for _, text in sorted(self.found, key=lambda item: item[0]))
            raise InputError(list(lines), path=self.path)

    def check(self, spec: type[SpecT], data: Any, location: Location = (), *, mend: bool = False) -> SpecT | None:
        """`data` (which stands at `location`) as a `spec`; None, with its problems added, where it is none.

        With `mend`, unknown keys and numbers at fault are left out after they were added, so that the rest can
        still be checked: None only where it is not whole without them.
        """
        try:
            return spec.model_validate(data)
        except ValidationError as error:
            details = [(d, _place(data, d)) for d in error.errors(include_url=False)]
        # A value may be of one of several kinds: where something inside it is wrong, what it is not is no news.
        around = {at[:length] for _, at in details for length in range(len(at))}
        details = [(d, at) for d, at in details if not (d["type"] in _WANTED and at in around)]
        for d, at in details:
            self.add((*location, *at), _problem(d, spec, at))
        slips = {at for d, at in details if d["type"] in _SLIPS and at and isinstance(at[-1], str)}
        if not mend or not slips:
            return None
        return Problems("", None).check(spec, _without(data, slips, ()))


def _place(data: Any, details: ErrorDetails) -> Location:
    """Where an error is; pydantic's own words for alternatives, which are not in the data, are left out."""
    location, place = details["loc"], []
    for i, part in enumerate(location):
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if inside:
            data = data[part]
        if inside or (details["type"] == "missing" and i == len(location) - 1):
            place.append(part)
    return tuple(place)


def _without(data: Any, places: set[Location], at: Location) -> Any:
    if isinstance(data, dict):
        return {key: _without(value, places, (*at, key)) for key, value in data.items() if (*at, key) not in places}
    if isinstance(data, list):
        return [_without(value, places, (*at, i)) for i, value in enumerate(data)]
    return data


def shown(value: Any) -> str:
    """A value for a message, shortened."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return quoted(value)
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"


def _name(data: Any, location: Location) -> str:
    """`layers[3] 'conv1' K`: where a value stands, in the reader's words."""
    text = ""
    for part in location:
        word = (
            f"[{part}]" if isinstance(part, int) else part if part.isprintable() and len(part) <= 60 else quoted(part)
        )
        text += word if isinstance(part, int) or not text else f".{word}"
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            continue
        if isinstance(part, int) and isinstance(data, dict) and isinstance(data.get("name"), str):
            text += f" {shown(data['name'])}"
    return text


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "finite_number": "a finite number",
}
_SLIPS = {"extra_forbidden", "int_type", "int_from_float", "float_type", "finite_number"}
_RANGE = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_SLIPS |= set(_RANGE)
_RANGE_WORDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


def _problem(details: ErrorDetails, spec: type[Spec], location: Location) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys(spec, location[:-1])
        return f"unknown key{did_you_mean(str(location[-1]), known) or '; known: ' + ', '.join(known)}"
    if kind == "missing":
        return "is missing; add it"
    if kind in _RANGE:
        bound = context[_RANGE[kind]]
        return f"{shown(value)} is out of range; give a number {_RANGE_WORDS[_RANGE[kind]]} {bound:.16g}"
    if kind in _WANTED:
        remedy = f"give {_WANTED[kind]}"
        if isinstance(value, str) and kind in ("int_type", "float_type"):
            remedy += ", without quotes or unit"
        elif not isinstance(value, str) and kind == "string_type" and not isinstance(value, list | dict):
            remedy = "quote it"
        return f"{shown(value)} is not {_WANTED[kind]}; {remedy}"
    if kind == "enum":
        expected = str(context["expected"])
        choices = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
        return f"{shown(value)} is unknown{did_you_mean(str(value), choices)}"
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length") if kind == "too_short" else context.get("max_length")
        return f"has {context['actual_length']} items; give at {'least' if kind == 'too_short' else 'most'} {bound}"
    if kind == "string_pattern_mismatch":
        return f"{shown(value)} has control characters; write it on one line of plain text"
    if kind == "string_too_short":
        return "is empty text; write something"
    if kind == "value_error":
        return str(context["error"])
    return f"{shown(value)}: {details['msg']}"


def _keys(spec: type[Spec], location: Location) -> list[str]:
    """The keys that are known at a location of a description (all alternatives together)."""
    root = _schema(spec)
    at = _alternatives(root, root)
    for part in location:
        below = []
        for schema in at:
            if isinstance(part, int):
                below += [schema["items"]] if "items" in schema else []
            elif part in schema.get("properties", {}):
                below.append(schema["properties"][part])
            else:  # a mapping by label
                below += schema.get("patternProperties", {}).values()
                below += [schema["additionalProperties"]] if schema.get("additionalProperties") else []
        at = [choice for schema in below for choice in _alternatives(schema, root)]
    return list(dict.fromkeys(key for schema in at for key in schema.get("properties", {})))


@cache
def _schema(spec: type[Spec]) -> dict[str, Any]:
    return spec.model_json_schema()


def _alternatives(schema: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    choices = schema.get("anyOf") or schema.get("oneOf") or []
    return [schema] if not choices else [found for choice in choices for found in _alternatives(choice, root)]
