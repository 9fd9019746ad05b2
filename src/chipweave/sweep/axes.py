"""From a sweep to its points: which values each has, and the case that they make.

Nothing is kept per point: any point can be made by its position alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from chipweave.api import case as make_case
from chipweave.errors import InputError
from chipweave.files.package_file import package_from_dict
from chipweave.files.scenario_file import scenario_from_dict
from chipweave.files.sweep_base import Base, base_of
from chipweave.files.sweep_file import Axis, SampleSpec, Sweep, options_for
from chipweave.hardware.package import Package
from chipweave.results.case import Case
from chipweave.workload.scenario import Scenario

T = TypeVar("T")
Choice = tuple[int, ...]
"""Per axis, the number of the value that a point has there."""

KEPT = 512
"""Scenarios, packages and questions that are kept: neighbouring points share them."""


@dataclass(frozen=True)
class Points:
    """The points of a sweep, made one by one."""

    sweep: Sweep
    _kept: dict[str, dict[Any, Any]] = field(default_factory=dict, repr=False, compare=False)

    def choice(self, position: int) -> Choice:
        """Which values the point at a position has; the last axis varies fastest."""
        spec, lengths = self.sweep.spec, self._lengths
        if spec.sample is not None:
            return self._sampled[position]
        if spec.combine == "zip":
            return (position,) * len(lengths)
        chosen = []
        for length in reversed(lengths):
            position, index = divmod(position, length)
            chosen.append(index)
        return tuple(reversed(chosen))

    def positions(self) -> Iterator[int]:
        """Those of the points that keep what `where` says.

        Raises:
            InputError: a condition cannot be computed at a point.
        """
        for position in range(self.sweep.size):
            if self.keeps(self.choice(position)):
                yield position

    def keeps(self, choice: Choice) -> bool:
        """Whether a point keeps what `where` says.

        Raises:
            InputError: a condition cannot be computed there.
        """
        if not self.sweep.where:
            return True
        values = self.values(choice)
        for index, condition in enumerate(self.sweep.where):
            try:
                if not condition(values):
                    return False
            except InputError as error:
                raise InputError(f"{self.sweep.path}: where[{index}]: {condition.text!r} {error}") from None
        return True

    def values(self, choice: Choice) -> dict[str, Any]:
        """A point's values by the paths of their axes."""
        return {axis.path: axis.values[index] for axis, index in zip(self.sweep.axes, choice, strict=True)}

    def case(self, choice: Choice) -> Case:
        """The question of a point. Points that share a scenario or a package share the object.

        Raises:
            InputError: its values make no scenario, no package or no question.
        """
        try:
            question = self._settled(choice)
            scenario, package = (self._read(kind, choice) for kind in ("scenario", "package"))
        except InputError as error:
            raise InputError([f"{self.sweep.path}: {self.said(choice)}: {line}" for line in error.problems]) from None
        return replace(question, scenario=scenario, package=package)

    def said(self, choice: Choice) -> str:
        """A point for a message."""
        said = (f"{path}={_short(value)}" for path, value in self.values(choice).items())
        return f"at {', '.join(said)}"

    @cached_property
    def _lengths(self) -> list[int]:
        return [len(axis.values) for axis in self.sweep.axes]

    @cached_property
    def _sampled(self) -> list[Choice]:
        assert self.sweep.spec.sample is not None
        return sample(self.sweep.spec.sample, self._lengths)

    def _read(self, kind: str, choice: Choice) -> Any:
        """The scenario or package of a point."""
        own = tuple(index if axis.parts[0] == kind else -1 for axis, index in zip(self.sweep.axes, choice, strict=True))
        return self._once(kind, own, lambda: self._made(kind, choice))

    def _made(self, kind: str, choice: Choice) -> Scenario | Package:
        own = [
            (axis, axis.values[index])
            for axis, index in zip(self.sweep.axes, choice, strict=True)
            if axis.parts[0] == kind
        ]
        base = self._base(kind, own)
        if kind == "scenario":
            limits = self.sweep.spec.limits.model_dump(exclude_none=True)
            base = replace(base, data={**base.data, **limits})
        for axis, value in own:
            if len(axis.parts) > 1:
                base = base.with_value(axis.parts[1:], value)
        read: Any = scenario_from_dict if kind == "scenario" else package_from_dict
        made: Scenario | Package = read(base.data, base.called)
        return made

    def _base(self, kind: str, own: Sequence[tuple[Axis, Any]]) -> Base:
        named = next((value for axis, value in own if axis.parts == (kind,)), getattr(self.sweep.spec, kind))
        return self._once(f"{kind} base", repr(named), lambda: base_of(kind, named, self.sweep.path))

    def _settled(self, choice: Choice) -> Case:
        """The question with whatever scenario and package: all else of it."""
        chosen = {
            axis.parts: axis.values[index]
            for axis, index in zip(self.sweep.axes, choice, strict=True)
            if axis.parts[0] not in ("scenario", "package")
        }
        seed = chosen.pop(("seed",), self.sweep.spec.seed)
        question = self._once("question", repr(chosen), lambda: self._question(chosen, choice))
        return replace(question, seed=seed)

    def _question(self, chosen: Mapping[tuple[str, ...], Any], choice: Choice) -> Case:
        spec = self.sweep.spec
        names = ("scheduler", "objective", "cost_model", "fidelity", "time_limit_s")
        settings = {name: chosen.get((name,), getattr(spec, name)) for name in names}
        options = {**spec.options, **{parts[1]: value for parts, value in chosen.items() if parts[0] == "options"}}
        model = str(settings["cost_model"])
        if model.startswith("table:"):
            settings["cost_model"] = f"table:{Path(self.sweep.path).parent / model.removeprefix('table:')}"
        return make_case(
            self._read("scenario", choice),
            self._read("package", choice),
            options=options_for(settings["scheduler"], options),
            **settings,
        )

    def _once(self, shelf: str, key: Any, make: Callable[[], T]) -> T:
        kept = self._kept.setdefault(shelf, {})
        if key not in kept:
            if len(kept) >= KEPT:
                del kept[next(iter(kept))]
            kept[key] = make()
        made: T = kept[key]
        return made


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:40] + "…"


def sample(spec: SampleSpec, lengths: Sequence[int]) -> list[Choice]:
    """Points of a product of so many values per axis: each axis is cut into as many equal parts as it has values."""
    from scipy.stats import qmc

    if spec.method == "sobol":
        # a power of two, of which the first are taken: other numbers are drawn from it with a warning
        drawn = qmc.Sobol(len(lengths), rng=spec.seed).random_base2(max(0, math.ceil(math.log2(spec.count))))
    elif spec.method == "latin":
        drawn = qmc.LatinHypercube(len(lengths), rng=spec.seed).random(spec.count)
    else:
        import numpy as np

        drawn = np.random.default_rng(spec.seed).random((spec.count, len(lengths)))
    numbers = (drawn[: spec.count] * lengths).astype(int).tolist()
    return [tuple(min(index, most - 1) for index, most in zip(row, lengths, strict=True)) for row in numbers]
