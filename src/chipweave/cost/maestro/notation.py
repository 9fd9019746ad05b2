"""MAESTRO's data-centric notation: what the words are, and a mapping text as directives.

`SpatialMap(size, offset) DIM;`, `TemporalMap(size, offset) DIM;` and `Cluster(size, P);` (Kwon et al., MICRO 2019,
section 3). A size is a sum of integers, `Sz(DIM)` (the layer's dimension) and declared constants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from chipweave.errors import InputError

DIMENSIONS = ("C", "G", "K", "M", "N", "R", "S", "X", "Y", "X'", "Y'")
"""Index = code in the engine's arrays. The last two are output columns and rows."""

LAYER_DIMENSIONS = DIMENSIONS[:9]

LAYER_TYPES = ("CONV", "TRCONV", "DSCONV", "NGCONV", "GEMM")
"""Index = code in the engine's arrays."""

LARGEST_NUMBER = 2**31 - 1
"""MAESTRO's sizes are 32-bit."""


class Kind(IntEnum):
    TEMPORAL = 0
    SPATIAL = 1
    CLUSTER = 2


WORD_OF_KIND = {Kind.TEMPORAL: "TemporalMap", Kind.SPATIAL: "SpatialMap", Kind.CLUSTER: "Cluster"}
_KIND_OF_WORD = {word: kind for kind, word in WORD_OF_KIND.items()}


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Directive:
    """One statement of a mapping. `size` and `offset` are sums of (sign, number or dimension letter)."""

    kind: Kind
    dim: str
    size: tuple[tuple[int, int | str], ...]
    offset: tuple[tuple[int, int | str], ...]
    line: int


# Brackets, commas, colons and semicolons only separate, as in MAESTRO's own reader.
_LEXEME = re.compile(
    r"(?P<space>[\s(),:;>]+|//[^\n]*|/\*.*?\*/)"
    r"|(?P<token>\d*[A-Za-z_][\w.\-]*'?|\d+(?:\.\d+)?|[{}+\-])"
    r"|(?P<bad>.)",
    re.DOTALL,
)


def tokenize(text: str, path: str) -> list[Token]:
    """Words, numbers and braces of `text` with their lines; comments (`//`, `/* */`) fall away.

    Raises:
        InputError: a character that the notation does not have, or a comment that is never closed.
    """
    tokens, line = [], 1
    for match in _LEXEME.finditer(text):
        lexeme = match.group()
        if match.lastgroup == "token":
            tokens.append(Token(lexeme, line))
        elif match.lastgroup == "bad":
            if text.startswith("/*", match.start()):
                raise InputError(f"{path}:{line}: this comment is never closed; end it with */")
            raise InputError(f"{path}:{line}: unexpected character {lexeme!r}; remove it")
        line += lexeme.count("\n")
    return tokens


class Reader:
    """A position in a list of tokens."""

    def __init__(self, tokens: Sequence[Token], path: str) -> None:
        self.tokens, self.path, self.position = tokens, path, 0

    @property
    def line(self) -> int:
        index = min(self.position, len(self.tokens) - 1)
        return self.tokens[index].line if self.tokens else 1

    def peek(self) -> str:
        """The next token's text; empty at the end."""
        return self.tokens[self.position].text if self.position < len(self.tokens) else ""

    def take(self) -> str:
        text = self.peek()
        if not text:
            raise self.error("the text ends in the middle of a statement", "complete it")
        self.position += 1
        return text

    def expect(self, text: str) -> None:
        if self.peek() != text:
            raise self.error(f"expected '{text}' before {self.peek()!r}", f"insert '{text}'")
        self.position += 1

    def error(self, problem: str, remedy: str) -> InputError:
        return InputError(f"{self.path}:{self.line}: {problem}; {remedy}")

    def integer(self) -> int:
        line, text = self.line, self.take()
        if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > LARGEST_NUMBER:
            self.position -= 1
            problem = f"{text!r} is not a whole number from 0 to {LARGEST_NUMBER}"
            raise InputError(f"{self.path}:{line}: {problem}; write one")
        return int(text)

    def fraction(self) -> float:
        """A number from 0 to 1."""
        text = self.take()
        if not re.fullmatch(r"[01](\.\d{1,20})?", text) or float(text) > 1:
            self.position -= 1
            raise self.error(f"{text!r} is no number from 0 to 1", "write one")
        return float(text)


def read_directives(reader: Reader, constants: Mapping[str, int], end: str = "") -> tuple[Directive, ...]:
    """Directives up to the token `end` (empty: the end of the text), which is left in place.

    Raises:
        InputError: a statement that is not a directive, with its line.
    """
    directives = []
    while reader.peek() != end:
        line, word = reader.line, reader.peek()
        if word not in _KIND_OF_WORD:
            known = ", ".join(_KIND_OF_WORD)
            problem = f"{word!r} is not a mapping directive" if word else "the mapping never ends"
            raise reader.error(problem, f"use {known}")
        reader.take()
        kind = _KIND_OF_WORD[word]
        size = _read_sum(reader, constants)
        offset, dim = size, ""
        if kind is Kind.CLUSTER:
            if reader.peek() in ("P", "L"):
                reader.take()
        else:
            offset = _read_sum(reader, constants)
            dim = reader.take()
            if dim not in DIMENSIONS:
                reader.position -= 1
                raise reader.error(f"{dim!r} is not a dimension", f"use one of {', '.join(DIMENSIONS)}")
        directives.append(Directive(kind, dim, size, offset, line))
    return tuple(directives)


def _read_sum(reader: Reader, constants: Mapping[str, int]) -> tuple[tuple[int, int | str], ...]:
    terms: list[tuple[int, int | str]] = []
    sign = 1
    while True:
        text = reader.peek()
        if text == "Sz":
            reader.take()
            dim = reader.take()
            if dim not in LAYER_DIMENSIONS:
                reader.position -= 1
                raise reader.error(f"Sz({dim}) names no dimension", f"use one of {', '.join(LAYER_DIMENSIONS)}")
            terms.append((sign, dim))
        elif text in constants:
            reader.take()
            terms.append((sign, constants[text]))
        else:
            terms.append((sign, reader.integer()))
        if reader.peek() not in ("+", "-"):
            return tuple(terms)
        sign = 1 if reader.take() == "+" else -1


def parse_mapping(text: str, path: str) -> tuple[Directive, ...]:
    """The directives of a mapping text, outermost first.

    Args:
        text: statements in MAESTRO's notation.
        path: what to call the text in errors: a file, or "chiplet 'name', mapping 'conv'".

    Raises:
        InputError: `path:line: problem; remedy`.
    """
    return read_directives(Reader(tokenize(text, path), path), {})


def resolve(directives: Sequence[Directive], sizes: Mapping[str, int], path: str) -> list[tuple[int, int, int, int]]:
    """Rows (kind, dimension code, size, offset) for a layer with these dimension sizes; a cluster's dimension is -1.

    Raises:
        InputError: `Sz` of a dimension that the layer does not declare, or a size or offset below 1.
    """
    rows = []
    for directive in directives:
        numbers = []
        for what, terms in (("size", directive.size), ("offset", directive.offset)):
            missing = [term for _, term in terms if isinstance(term, str) and term not in sizes]
            if missing:
                raise InputError(
                    f"{path}:{directive.line}: Sz({missing[0]}) in {WORD_OF_KIND[directive.kind]}: the layer has no "
                    f"dimension {missing[0]}; declare it or write a number"
                )
            value = sum(sign * (sizes[term] if isinstance(term, str) else term) for sign, term in terms)
            if not 1 <= value <= LARGEST_NUMBER:
                raise InputError(
                    f"{path}:{directive.line}: {WORD_OF_KIND[directive.kind]}: {what} {value} is out of range; "
                    f"it must be 1 to {LARGEST_NUMBER}"
                )
            numbers.append(value)
        code = DIMENSIONS.index(directive.dim) if directive.dim else -1
        rows.append((int(directive.kind), code, numbers[0], numbers[1]))
    return rows
