"""YAML text to plain data and back: bounded, without tags, and with the line of every value.

Only what a hand-written description needs is accepted: one document of mappings with text keys, lists, text,
numbers, true/false and null (YAML 1.2 core schema). Anchors, aliases and merge keys (`<<`) work until they expand too
far.
"""

from __future__ import annotations

import json
import os
import re
import select
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from chipweave.errors import InputError

MAX_BYTES = 20 * 2**20
MAX_VALUES = 500_000
"""Values after aliases are expanded; a model of 1,000 layers has about 15,000."""
MAX_DEPTH = 50
LONGEST_SILENCE_S = 10
"""Of a pipe with a name, before its first byte."""

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CONSTANTS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_CONSTANTS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_MAX_DIGITS = 400
"""No double has more digits before its point; longer integers would only cost time."""


class LinedMapping(dict[str, Any]):
    """A dict that knows its own line and the line of each key (both from 1)."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str | int, int] = {}


class LinedSequence(list[Any]):
    """A list that knows its own line and the line of each item (both from 1)."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str | int, int] = {}


def line_of(data: Any, location: tuple[str | int, ...]) -> int | None:
    """Line of the value at `location`, as far as it leads; None for data that did not come from a file."""
    line = getattr(data, "line", None)
    for part in location:
        if not isinstance(data, LinedMapping | LinedSequence) or part not in data.lines:
            continue  # a key that is missing, or the name of an alternative
        line, data = data.lines[part], data[part]  # type: ignore[index]
    return line


def quoted(text: str) -> str:
    """Text for a message: in quotes, on one line, shortened."""
    return repr(text if len(text) <= 60 else text[:60] + "…")


def load_yaml(path: str | Path) -> LinedMapping:
    """The mapping that the file holds.

    Raises:
        InputError: the file cannot be read, is no UTF-8 text, is too large, or `parse_yaml` refuses its text.
    """
    return parse_yaml(read_text(Path(path)), str(path))


def parse_yaml(
    text: str, path: str, included: Sequence[tuple[str, str]] = (), *, tags: bool = False
) -> LinedMapping:
    """The mapping that `text` holds; `path` is what messages call it.

    Args:
        included: texts whose anchors are known in `text`, each with what messages call it.
        tags: a tag of the file's own, such as `!Component`, says nothing; else it is refused, as others always are.

    Raises:
        InputError: text that is no YAML, or not one mapping, or has tags, repeated keys, more than MAX_DEPTH
            levels or MAX_VALUES values.
    """
    anchors: Anchors = {}
    for other, name in included:
        _parsed(other, name, anchors, tags)
    data = _parsed(text, path, anchors, tags)
    if not isinstance(data, LinedMapping):
        line = getattr(data, "line", 1)
        raise InputError(f"{path}:{line}: is not a mapping of keys to values; write `key: value` lines")
    return data


def parse_yaml_list(text: str, path: str) -> LinedSequence:
    """As `parse_yaml`, of text that holds a list."""
    data = _parsed(text, path, {})
    if not isinstance(data, LinedSequence):
        line = getattr(data, "line", 1)
        raise InputError(f"{path}:{line}: is not a list; begin each entry with `- `")
    return data


Anchors = dict[str, tuple[Any, int]]
"""What each stands for, and its size."""


def _parsed(text: str, path: str, anchors: Anchors, tags: bool = False) -> Any:
    """The data of the one document of `text`; reads `anchors`, and adds those of the text to them."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _Composer(path, iter(YAML(typ="safe").parse(text)), anchors=anchors, tags=tags).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line, text.count("\n")) + 1 if mark else 1
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        remedy = "correct it there, or complete the file if it was cut short"
        indent = re.match(r"\s*", text.split("\n")[line - 1])
        if indent is not None and "\t" in indent[0]:
            problem, remedy = "a tab indents this line", "indent it with spaces"
        raise InputError(f"{path}:{line}: not valid YAML: {problem}; {remedy}") from None
    except (YAMLError, AssertionError) as error:  # a control character; an unknown %YAML version
        problem = str(error).splitlines()[0]
        position = getattr(error, "position", None)
        where = path if position is None else f"{path}:{text.count(chr(10), 0, position) + 1}"
        raise InputError(f"{where}: not valid YAML: {problem}; save it as plain UTF-8 text") from None


def read_text(path: Path) -> str:
    """The text of a UTF-8 file of at most MAX_BYTES.

    Raises:
        InputError: it cannot be read, is no text, too large, or empty.
    """
    try:
        content = _content(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the name and the folder") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name a YAML file in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read: {reason}; check the file and its permissions") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: is larger than {MAX_BYTES // 2**20} MB; this is no file that chipweave reads")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: byte 0x{content[error.start]:02x} is no UTF-8 text; save the file as UTF-8"
        ) from None
    if not text.strip():
        raise InputError(f"{path}:1: is empty; `chipweave show NAME` prints a working example")
    return text


def _content(path: Path) -> bytes:
    """At most a byte more than may be read. A pipe with a name may have no one who writes into it.

    Raises:
        InputError: nothing came from such a pipe in LONGEST_SILENCE_S.
    """

    def without_waiting(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=without_waiting) as file:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            named = os.path.exists(os.path.realpath(path))  # `<(command)` has none
            if not select.select([file], [], [], LONGEST_SILENCE_S if named else None)[0]:
                raise InputError(
                    f"{path}: is a pipe that nothing was written into for {LONGEST_SILENCE_S} s; name a file, or start "
                    "what writes into it first"
                )
        if hasattr(os, "set_blocking"):
            os.set_blocking(file.fileno(), True)
        return file.read(MAX_BYTES + 1)


@dataclass
class _Composer:
    """Builds data from parser events in one pass, counting as it goes."""

    path: str
    events: Iterator[Any]
    tags: bool = False
    values: int = 0
    anchors: Anchors = field(default_factory=dict)
    open_anchors: set[str] = field(default_factory=set)

    def document(self) -> Any:
        next(self.events)  # stream start
        if type(next(self.events)).__name__ != "DocumentStartEvent":
            raise InputError(f"{self.path}:1: holds no data; `chipweave show NAME` prints a working example")
        event = next(self.events)
        data = self._value(event, 0)
        next(self.events)  # document end
        after = next(self.events)
        if type(after).__name__ != "StreamEndEvent":
            raise self._error(after, "a second document begins here; keep one per file")
        return data

    def _error(self, event: Any, problem: str) -> InputError:
        return InputError(f"{self.path}:{event.start_mark.line + 1}: {problem}")

    def _count(self, event: Any, values: int) -> None:
        self.values += values
        if self.values > MAX_VALUES:
            raise self._error(event, f"more than {MAX_VALUES} values, aliases expanded; make the file smaller")

    def _value(self, event: Any, depth: int) -> Any:
        if type(event).__name__ == "AliasEvent":
            return self._alias(event)
        if event.tag is not None and not (self.tags and re.fullmatch(r"![\w.:-]*", str(event.tag))):
            raise self._error(
                event, f"tag {quoted(str(event.tag))} is not allowed; remove it (and quote text that needs it)"
            )
        if depth > MAX_DEPTH:
            raise self._error(event, f"nested more than {MAX_DEPTH} levels deep; flatten it")
        self._count(event, 1)
        before, anchor = self.values, event.anchor
        if anchor:
            self.open_anchors.add(anchor)
        kind = type(event).__name__
        if kind == "ScalarEvent":
            data = self._scalar(event)
        elif kind == "SequenceStartEvent":
            data = self._sequence(event, depth)
        else:
            data = self._mapping(event, depth)
        if anchor:
            self.open_anchors.discard(anchor)
            self.anchors[anchor] = data, self.values - before + 1
        return data

    def _alias(self, event: Any) -> Any:
        if event.anchor in self.open_anchors:
            raise self._error(event, f"alias {quoted('*' + event.anchor)} contains itself; write the value out")
        if event.anchor not in self.anchors:
            raise self._error(event, f"alias {quoted('*' + event.anchor)} has no anchor before it; define it")
        data, size = self.anchors[event.anchor]
        self._count(event, size)
        return data

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if not event.implicit[0]:  # quoted
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if len(text) <= _MAX_DIGITS and _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _NOT_FINITE.fullmatch(text):
            return float(text.replace(".", ""))
        return text

    def _sequence(self, event: Any, depth: int) -> LinedSequence:
        data = LinedSequence(event.start_mark.line + 1)
        for item in self.events:
            if type(item).__name__ == "SequenceEndEvent":
                break
            data.lines[len(data)] = item.start_mark.line + 1
            data.append(self._value(item, depth + 1))
        return data

    def _mapping(self, event: Any, depth: int) -> LinedMapping:
        data = LinedMapping(event.start_mark.line + 1)
        merged: list[LinedMapping] = []
        for key in self.events:
            if type(key).__name__ == "MappingEndEvent":
                break
            if type(key).__name__ != "ScalarEvent" or key.tag is not None:
                raise self._error(key, "this key is no plain text; write `key: value`")
            name, line = key.value, key.start_mark.line + 1
            if name == "<<" and key.implicit[0]:
                merged += self._bases(key, self._value(next(self.events), depth + 1))
                continue
            if name in data:
                raise self._error(key, f"key {quoted(name)} repeats line {data.lines[name]}; remove one of the two")
            data.lines[name] = line
            data[name] = self._value(next(self.events), depth + 1)
        for base in merged:  # what stands here, and what was merged before, holds
            for name in base.keys() - data.keys():
                data[name], data.lines[name] = base[name], base.lines[name]
        return data

    def _bases(self, key: Any, value: Any) -> list[LinedMapping]:
        """The mappings under a merge key, one or a list of them."""
        bases = value if isinstance(value, LinedSequence) else [value]
        if not all(isinstance(base, LinedMapping) for base in bases):
            raise self._error(key, "`<<` merges mappings alone; give one, such as an alias, or write the keys out")
        return bases


def dump_yaml(data: dict[str, Any]) -> str:
    """YAML text of JSON-able data, which `parse_yaml` reads back exactly.

    The outer levels take a line per key; a mapping of numbers and short text inside a list takes one line.
    """
    return "\n".join(_block(data)) + "\n"


def _block(data: Any) -> list[str]:
    lines: list[str] = []
    for key, value in data.items():
        if isinstance(value, str) and "\n" in value and _fits_literal(value):
            keep = "|" if value.endswith("\n") else "|-"
            lines += [f"{_text(key)}: {keep}", *("  " + line if line else "" for line in value.splitlines())]
        elif isinstance(value, dict) and value:
            lines += [f"{_text(key)}:", *("  " + line for line in _block(value))]
        elif isinstance(value, list) and value and isinstance(value[0], dict | list):
            lines.append(f"{_text(key)}:")
            for item in value:
                lines += _item(item)
        else:
            lines.append(f"{_text(key)}: {_flow(value)}")
    return lines


def _item(item: Any) -> list[str]:
    """One item of a list: on one line, unless it holds a mapping."""
    if isinstance(item, dict) and any(isinstance(value, dict) for value in item.values()):
        first, *rest = _block(item)
        return [f"  - {first}", *("    " + line if line else "" for line in rest)]
    return [f"  - {_flow(item)}"]


def _fits_literal(text: str) -> bool:
    """True where a literal block keeps the text as it is: plain lines, no blank edges."""
    lines = text.removesuffix("\n").split("\n")
    plain = all(line.isprintable() and line == line.rstrip() for line in lines)
    return plain and bool(lines[0]) and not lines[0].startswith(" ") and bool(lines[-1])


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value)


def _number(value: float) -> str:
    """Exact and short, in engineering notation: 100e9, 35e-9."""
    return Decimal(repr(value)).normalize().to_eng_string().lower().replace("e+", "e")


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./#()+-]*( [A-Za-z0-9_./(+-][A-Za-z0-9_./()+-]*)*")


def _text(value: str) -> str:
    """Plain where no reader could take it for anything else, else quoted (JSON strings are YAML)."""
    words = {"null", "true", "false", "yes", "no", "on", "off"}
    if _PLAIN.fullmatch(value) and value.lower() not in words:
        return value
    # JSON leaves these characters as they are; YAML would fold or refuse them
    quoted = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\ud800-\udfff\u2028\u2029\ufeff\ufffe\uffff]", lambda m: f"\\u{ord(m[0]):04x}", quoted)
