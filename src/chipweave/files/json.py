"""JSON text to plain data with the line of every value, as `files/yaml.py` does for YAML; and back."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from chipweave.errors import InputError
from chipweave.files.yaml import MAX_DEPTH, MAX_VALUES, LinedMapping, LinedSequence

_TOKEN = re.compile(
    r'[ \t\r\n]*("(?:[^"\\\x00-\x1f]++|\\.)*+"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|[{}\[\],:]|true|false|null)'
)
_NOT_FINITE = re.compile(r"[ \t\r\n]*(-?Infinity|NaN)(?![A-Za-z0-9_])")
"""What Python writes for numbers that JSON has no words for."""
_CONSTANTS = {"true": True, "false": False, "null": None}
_LONGEST_NUMBER = 400
_WIDTH = 120


def parse_json(text: str, path: str, *, what: str = "a schedule", not_finite: bool = False) -> LinedMapping:
    """The mapping that `text` holds; `path` is what messages call it.

    Args:
        what: the text should be.
        not_finite: take NaN and Infinity, which are no JSON, as Python writes and reads them.

    Raises:
        InputError: text that is no JSON, or not one mapping, or has repeated keys, more than MAX_DEPTH levels or
            MAX_VALUES values.
    """
    newlines = [i for i, character in enumerate(text) if character == "\n"]
    reader = _Reader(text, path, newlines, not_finite=not_finite)
    token = reader.next()
    if token != "{":
        raise reader.error(f"does not begin with a mapping; {what} begins with '{{'")
    data = reader.mapping(0)
    if text[reader.position :].strip():
        reader.line = reader.line_at(len(text) - len(text[reader.position :].lstrip()))
        raise reader.error("goes on after its end; keep one mapping per file")
    return data


@dataclass
class _Reader:
    text: str
    path: str
    newlines: list[int]
    position: int = 0
    line: int = 1
    values: int = 0
    not_finite: bool = False

    def error(self, problem: str) -> InputError:
        return InputError(f"{self.path}:{self.line}: {problem}")

    def line_at(self, position: int) -> int:
        return bisect_right(self.newlines, position - 1) + 1

    def next(self) -> str:
        match = _TOKEN.match(self.text, self.position)
        if match is None and self.not_finite:
            match = _NOT_FINITE.match(self.text, self.position)
        if match is None:
            rest = self.text[self.position :].lstrip()
            self.line = self.line_at(len(self.text) - len(rest))
            if not rest:
                raise self.error("not valid JSON: it ends too early; complete the file if it was cut short")
            raise self.error(f"not valid JSON at {rest[:20]!r}; correct it there")
        self.position = match.end()
        self.line = self.line_at(match.start(1))
        return match[1]

    def value(self, token: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} levels deep; flatten it")
        self.values += 1
        if self.values > MAX_VALUES:
            raise self.error(f"more than {MAX_VALUES} values; make the file smaller")
        if token == "{":
            return self.mapping(depth)
        if token == "[":
            return self.sequence(depth)
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        if token in "}],:":
            raise self.error(f"not valid JSON: '{token}' where a value is due; correct it there")
        if token[0] != '"' and len(token) > _LONGEST_NUMBER:
            raise self.error(f"a number of {len(token)} characters; shorten it")
        try:
            value = json.loads(token)
        except ValueError as error:
            raise self.error(f"not valid JSON: {error}; correct it there") from None
        if isinstance(value, float) and not math.isfinite(value) and token.lstrip("-")[:1] not in "IN":
            raise self.error(f"{token[:20]} is larger than any number that can be counted with; make it smaller")
        return value

    def mapping(self, depth: int) -> LinedMapping:
        data = LinedMapping(self.line)
        token = self.next()
        while token != "}":
            if token[0] != '"':
                raise self.error(f"not valid JSON: {token!r} where a quoted key is due; correct it there")
            line, key = self.line, str(self.value(token, depth))
            if key in data:
                raise self.error(f"key '{key}' repeats line {data.lines[key]}; remove one of the two")
            if self.next() != ":":
                raise self.error(f"not valid JSON: no ':' after key '{key}'; correct it there")
            data.lines[key] = line
            data[key] = self.value(self.next(), depth + 1)
            token = self._after_item("}")
        return data

    def sequence(self, depth: int) -> LinedSequence:
        data = LinedSequence(self.line)
        token = self.next()
        while token != "]":
            data.lines[len(data)] = self.line
            data.append(self.value(token, depth + 1))
            token = self._after_item("]")
        return data

    def _after_item(self, end: str) -> str:
        """The token that begins the next item, or `end`."""
        token = self.next()
        if token == end:
            return token
        if token != ",":
            raise self.error(f"not valid JSON: {token!r} where ',' or '{end}' is due; correct it there")
        token = self.next()
        if token == end:
            raise self.error(f"not valid JSON: ',' before '{end}'; remove it")
        return token


def dump_json(data: Any, indent: str = "") -> str:
    """JSON text, what fits on a line on one line. Floats come back to the last bit.

    Raises:
        ValueError: a number that is not finite.
    """
    line = json.dumps(data, ensure_ascii=False, allow_nan=False)
    if len(indent) + len(line) <= _WIDTH or not isinstance(data, dict | list) or not data:
        return line
    inner = indent + " "
    if isinstance(data, dict):
        items = [f"{json.dumps(key, ensure_ascii=False)}: {dump_json(value, inner)}" for key, value in data.items()]
        opening, closing = "{", "}"
    else:
        items = [dump_json(value, inner) for value in data]
        opening, closing = "[", "]"
    return opening + "\n" + ",\n".join(inner + item for item in items) + "\n" + indent + closing
