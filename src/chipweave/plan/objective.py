"""What a search minimises: a function of a schedule's latency and energy that neither may lower by rising.

It may know what its package costs and how large its dies are, which are constants of a search.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

from chipweave.errors import InputError
from chipweave.hardware.price import dies_mm2, dies_of, package_usd

if TYPE_CHECKING:
    from chipweave.hardware.package import Package

Function = Callable[[float, float], float]

NAMED: dict[str, Function] = {
    "latency": lambda latency_s, energy_j: latency_s,
    "energy": lambda latency_s, energy_j: energy_j,
    "edp": lambda latency_s, energy_j: latency_s * energy_j,
    "throughput": lambda latency_s, energy_j: latency_s,
}
"""The papers' objectives. Most samples per second, fill and drain included, is least latency of the batch."""

_OPERATORS: dict[type, Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {"max": max, "min": min, "sqrt": math.sqrt, "log": math.log}
_LONGEST_EXPRESSION = 200

OF_PACKAGE: Mapping[str, Callable[[Package], float]] = MappingProxyType(
    {"cost": package_usd, "area": lambda package: dies_mm2(dies_of(package))}
)
"""What expressions may name of a package: US dollars to make one, and square millimetres of all its dies."""
_ANY_PACKAGE = dict.fromkeys(OF_PACKAGE, 1.0)


@dataclass(frozen=True)
class Objective:
    """`function(latency_s, energy_j)` is minimised; `name` is what results show."""

    name: str
    function: Function

    def __call__(self, latency_s: float, energy_j: float) -> float:
        return self.function(latency_s, energy_j)


STEP = 1e-4
"""Relative step of an objective's slopes."""


def slopes(goal: Objective, latency_s: float, energy_j: float) -> tuple[float, float]:
    """What a second more and a joule more add to an objective, about."""
    here = goal(latency_s, energy_j)
    per_s = (goal(latency_s * (1 + STEP), energy_j) - here) / (latency_s * STEP)
    per_j = (goal(latency_s, energy_j * (1 + STEP)) - here) / (energy_j * STEP)
    return per_s, per_j


Powers = tuple[int, int]
"""Of latency and energy."""

_HIGHEST_POWER = 12


def powers_of(goal: Objective) -> Powers | None:
    """(p, q) where an objective orders schedules as latency ** p * energy ** q does; None where no such powers are.

    `sqrt(latency * energy)` and `log(latency) + log(energy)` order schedules as `edp` does, so that a search has to
    find the same for all three. The powers are read off the slopes, and tried at points from 10 us to 50 s and from
    10 uJ to 50 J: along latency ** p * energy ** q the objective must not change.
    """
    per_s, per_j = (goal(x, y) - goal(1 / x, 1 / y) for x, y in ((1 + STEP, 1.0), (1.0, 1 + STEP)))
    if not max(per_s, per_j) > 0:
        return None
    share = Fraction(per_s / (per_s + per_j)).limit_denominator(2 * _HIGHEST_POWER)
    powers = share.numerator, share.denominator - share.numerator
    return powers if max(powers) <= _HIGHEST_POWER and _is_of(goal, powers) else None


def _is_of(goal: Objective, powers: Powers) -> bool:
    p, q = powers
    axis = [1e-5, 5e-4, 2e-2, 1.0, 50.0]
    for latency_s, energy_j in product(axis, axis):
        here = goal(latency_s, energy_j)
        rises = goal(latency_s * (1 + STEP), energy_j * (1 + STEP)) - here
        for step in (0.3, 2.0):
            along = goal(latency_s * step**q, energy_j / step**p) - here
            if not abs(along) <= 1e-6 * rises or not rises > 0:
                return False
    return True


def of_powers(powers: Powers) -> Objective:
    """latency ** p * energy ** q, under the name that it has, if it has one."""
    names = {(1, 0): "latency", (0, 1): "energy", (1, 1): "edp"}
    if powers in names:
        return Objective(names[powers], NAMED[names[powers]])
    p, q = powers
    return Objective(f"latency ** {p} * energy ** {q}", lambda latency_s, energy_j: latency_s**p * energy_j**q)


def in_terms_of(goal: Objective, powers: Powers, value: float) -> float:
    """What an objective with these powers is where latency ** p * energy ** q has a value above 0."""
    p, q = powers
    return goal(value ** (1 / p), 1.0) if p else goal(1.0, value ** (1 / q))


def objective(choice: str | Function, package: Package | None = None) -> Objective:
    """One of `NAMED`, an expression, or a callable (latency_s, energy_j).

    An expression may use `latency` (s), `energy` (J), `edp` (J s), `power` (W) and, of the package, `cost` (US dollars,
    `price.package_usd`) and `area` (mm2 of all dies), numbers, + - * / **, parentheses, max, min, sqrt and log, as in
    `energy * latency ** 2` or `edp * cost`.

    Raises:
        InputError: it cannot be read, falls somewhere when latency or energy rises, or names the cost or area of a
            package where none is given, or one whose dies have no price.
    """
    if callable(choice):
        made = Objective(getattr(choice, "__name__", "custom"), choice)
    elif not isinstance(choice, str):
        raise InputError(f"objective {choice!r} is neither a name, an expression nor a function")
    elif choice in NAMED:
        return Objective(choice, NAMED[choice])
    else:
        tree = _tree_of(choice)
        made = Objective(choice, _compiled(choice, tree, _constants(choice, tree, package)))
    _require_monotone(made)
    return made


def require_objective(choice: str | Function) -> None:
    """Hold what is to be minimised against what `objective` takes, whatever the package will be.

    Raises:
        InputError: as `objective`, where that does not hang on the package.
    """
    if isinstance(choice, str) and choice not in NAMED and _names_of(tree := _tree_of(choice)) & OF_PACKAGE.keys():
        _compiled(choice, tree, _ANY_PACKAGE)
    else:
        objective(choice)


def _constants(text: str, tree: ast.AST, package: Package | None) -> dict[str, float]:
    """What an expression names of the package."""
    named = sorted(_names_of(tree) & OF_PACKAGE.keys())
    if named and package is None:
        raise InputError(f"objective '{text}': '{named[0]}' is a package's, and none is given")
    try:
        return {name: OF_PACKAGE[name](package) for name in named if package is not None}
    except InputError as error:
        raise InputError(f"objective '{text}': package '{package.name if package else ''}': {error}") from None


def _names_of(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _tree_of(text: str) -> ast.AST:
    if len(text) > _LONGEST_EXPRESSION:
        raise InputError(f"objective: the expression has {len(text)} characters; at most {_LONGEST_EXPRESSION}")
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(
            f"objective '{text}' is neither {', '.join(NAMED)} nor an expression; give one, such as "
            "'energy * latency ** 2'"
        ) from None


def _compiled(text: str, tree: ast.AST, constants: Mapping[str, float]) -> Function:
    """The expression as a function; tried once, as what is not allowed is found by computing it."""

    def function(latency_s: float, energy_j: float) -> float:
        values = {"latency": latency_s, "energy": energy_j, "edp": energy_j * latency_s}
        return _compute(tree, text, {**values, "power": energy_j / latency_s, **constants})

    function(1.0, 1.0)
    return function


def _compute(node: ast.AST, text: str, values: dict[str, float]) -> float:
    match node:
        case ast.Constant(value=bool() | complex()):
            pass
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=op, operand=inner) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_compute(inner, text, values))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            try:
                return _OPERATORS[type(op)](_compute(left, text, values), _compute(right, text, values))
            except (ArithmeticError, ValueError) as error:
                raise InputError(f"objective '{text}' cannot be computed at {values}: {error}") from None
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as arguments, keywords=[]) if name in _FUNCTIONS:
            try:
                return float(_FUNCTIONS[name](*(_compute(argument, text, values) for argument in arguments)))
            except (ArithmeticError, ValueError, TypeError) as error:
                raise InputError(f"objective '{text}' cannot be computed at {values}: {error}") from None
    part = ast.unparse(node) if isinstance(node, ast.expr) else text
    raise InputError(
        f"objective '{text}': '{part}' is not allowed; write {', '.join(NAMED)}, or an expression of latency, energy, "
        f"edp, power, {', '.join(OF_PACKAGE)}, numbers, + - * / **, {', '.join(_FUNCTIONS)}"
    )


def _require_monotone(made: Objective) -> None:
    """Searches and bounds rest on it, so it is tried on a grid from nanoseconds to hours and nanojoules to MJ."""
    grid = [10.0 ** (exponent / 2) for exponent in range(-18, 13)]
    for fixed in grid:
        rows = ([(x, fixed) for x in grid], [(fixed, x) for x in grid])
        for row, axis in zip(rows, ("latency", "energy"), strict=True):
            before = -math.inf
            for latency_s, energy_j in row:
                value = made(latency_s, energy_j)
                if not isinstance(value, int | float) or not math.isfinite(value):
                    raise InputError(
                        f"objective '{made.name}' is {value!r} at latency {latency_s:g} s, energy {energy_j:g} J; "
                        "it must be a finite number everywhere"
                    )
                if value < before - 1e-12 * abs(before):
                    raise InputError(
                        f"objective '{made.name}' falls when {axis} rises (at latency {latency_s:g} s, energy "
                        f"{energy_j:g} J); only objectives that do not are supported"
                    )
                before = value
