"""Conditions on the axes of a sweep, such as `l2_bytes < 5e6 or batch == 1`: read as expressions, never run as code."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chipweave.errors import InputError, did_you_mean

LONGEST = 300
"""Characters of a condition."""

_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda one, all_: one in all_,
    ast.NotIn: lambda one, all_: one not in all_,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"max": max, "min": min, "abs": abs, "len": len}


@dataclass(frozen=True)
class Condition:
    """A condition that a point of a sweep keeps or does not.

    Args:
        text: as it was written.
        names: what each name in it stands for, as the path of an axis.
    """

    text: str
    tree: ast.expr
    names: Mapping[str, str]

    def __call__(self, values: Mapping[str, Any]) -> bool:
        """Whether a point with these values, by the axes' paths, keeps it.

        Raises:
            InputError: it cannot be computed there.
        """
        try:
            return bool(_value(self.tree, {name: values[path] for name, path in self.names.items()}))
        except (ArithmeticError, TypeError, ValueError) as error:
            used = ", ".join(f"{name}={values[path]!r}" for name, path in self.names.items())
            raise InputError(f"cannot be computed at {used}: {error}; correct it") from None


def condition(text: str, paths: Mapping[str, str]) -> Condition:
    """The condition that a text states.

    Args:
        paths: the paths of the axes by the names that may stand for them.

    Raises:
        InputError: it is none, or names no axis.
    """
    allowed = "use comparisons, and, or, not, in, numbers, texts, + - * / // %, max, min, abs, len"
    if len(text) > LONGEST:
        raise InputError(f"has {len(text)} characters; at most {LONGEST}")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"is no condition; {allowed}") from None
    names: dict[str, str] = {}
    for node in _leaves(tree):
        if isinstance(node, ast.expr):
            word = _dotted(node)
            if word is None:
                raise InputError(f"'{ast.unparse(node)}' is not allowed; {allowed}")
            if word not in paths:
                raise InputError(f"'{word}' names no axis{did_you_mean(word, paths)}")
            names[word] = paths[word]
    if not names:
        raise InputError("names no axis, so that it holds everywhere or nowhere; name one, or leave it out")
    return Condition(text, tree, names)


def _leaves(node: ast.AST) -> list[ast.AST]:
    """The names in an expression, and what is not allowed in one."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str()):
            return []
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [leaf for part in parts for leaf in _leaves(part)]
        case ast.UnaryOp(op=op, operand=part) if type(op) in _OPERATORS:
            return _leaves(part)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return [*_leaves(left), *_leaves(right)]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARISONS for op in ops):
            return [leaf for part in (left, *others) for leaf in _leaves(part)]
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as parts, keywords=[]) if name in _FUNCTIONS:
            return [leaf for part in parts for leaf in _leaves(part)]
    return [node]


def _dotted(node: ast.AST) -> str | None:
    """`package.grid` of a name, or of an attribute of one; None of anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=name):
            before = _dotted(inner)
            return None if before is None else f"{before}.{name}"
    return None


def _value(node: ast.AST, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, values) for part in parts)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_value(part, values) for part in parts]
        case ast.UnaryOp(op=op, operand=part):
            return _OPERATORS[type(op)](_value(part, values))
        case ast.BinOp(left=left, op=op, right=right):
            one, two = _value(left, values), _value(right, values)
            if not all(isinstance(each, int | float) for each in (one, two)):
                raise TypeError("arithmetic takes numbers")
            return _OPERATORS[type(op)](one, two)
        case ast.Compare(left=left, ops=ops, comparators=others):
            chain = [_value(part, values) for part in (left, *others)]
            return all(
                _COMPARISONS[type(op)](one, two) for op, one, two in zip(ops, chain[:-1], chain[1:], strict=True)
            )
        case ast.Call(func=ast.Name(id=name), args=parts):
            return _FUNCTIONS[name](*(_value(part, values) for part in parts))
    word = _dotted(node)
    assert word is not None
    return values[word]
