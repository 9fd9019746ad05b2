"""Sweeps as YAML: a question, and the axes along which it is varied."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, create_model

from chipweave.cost import DEFAULT
from chipweave.cost.choose import choose
from chipweave.errors import InputError, did_you_mean
from chipweave.files.condition import Condition, condition
from chipweave.files.content import content_hash
from chipweave.files.field_path import Parts, kind_at
from chipweave.files.locate import load
from chipweave.files.package_file import ChipletRef, PackageSpec
from chipweave.files.scenario_file import ScenarioSpec
from chipweave.files.sweep_base import Base, base_of, content_of
from chipweave.files.validate import Location, Name, Problems, Prose, Spec, shown
from chipweave.files.yaml import dump_yaml
from chipweave.plan.objective import require_objective
from chipweave.schedulers import SCHEDULERS, options_class, options_of
from chipweave.schedulers.options import Option

MOST_POINTS = 10_000_000
"""Of a sweep."""

Three = Annotated[list[float], Field(min_length=3, max_length=3)]


class RangeSpec(Spec):
    """The values of an axis by a rule; one of these."""

    linspace: Three | None = Field(None, description="[first, last, how many]: with equal steps.")
    logspace: Three | None = Field(None, description="[first, last, how many]: with equal ratios.")
    range: Three | None = Field(None, description="[first, last, step]: the last is one of them where a step meets it.")


class LimitsSpec(Spec):
    """Limits of every case, instead of its scenario's."""

    latency_limit_s: Annotated[float, Field(gt=0)] | None = Field(
        None, description="The whole schedule takes at most so long, s. Default: the scenario's."
    )
    energy_limit_j: Annotated[float, Field(gt=0)] | None = Field(
        None, description="The whole schedule takes at most so much energy, J. Default: the scenario's."
    )
    power_limit_w: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Energy by latency of the whole schedule, at most, W. Default: the scenario's."
    )


class Method(StrEnum):
    """How points are sampled."""

    SOBOL = "sobol"
    LATIN = "latin"
    RANDOM = "random"


class SampleSpec(Spec):
    """A sample of the product, instead of all of it."""

    method: Annotated[Method, Field(strict=False)] = Field(
        Method.SOBOL, description="sobol (scrambled), latin (hypercube) or random."
    )
    count: int = Field(ge=1, le=MOST_POINTS, description="Points; those that `where` leaves out are among them.")
    seed: int = Field(0, ge=0, lt=2**32, description="Of the sample.")


class Searcher(StrEnum):
    """Who chooses points."""

    TPE = "tpe"
    NSGA2 = "nsga2"


Figure = Literal[
    "latency_s", "energy_j", "edp_js", "power_w", "value", "price_usd", "area_mm2", "l2_bytes", "pes", "chiplets"
]


def _edp() -> list[Figure]:
    return ["edp_js"]


class SearchSpec(Spec):
    """Points that are chosen one generation after another by what those before came to, by Optuna."""

    method: Annotated[Searcher, Field(strict=False)] = Field(
        Searcher.TPE, description="tpe (a tree of Parzen estimators) or nsga2 (an evolutionary search)."
    )
    trials: int = Field(ge=1, le=MOST_POINTS, description="Points that are tried.")
    minimise: list[Figure] = Field(
        default_factory=_edp,
        min_length=1,
        max_length=3,
        description="Figures of a case, one to three. Default: `edp_js`.",
    )
    generation: int = Field(16, ge=1, le=1000, description="Points that are chosen at a time.")
    seed: int = Field(0, ge=0, lt=2**32, description="Of the search.")


def _listed_or_ruled(value: Any) -> str:
    return "listed" if isinstance(value, list) else "ruled"


AxisSpec = Annotated[
    Annotated[list[Any], Tag("listed")] | Annotated[RangeSpec, Tag("ruled")], Discriminator(_listed_or_ruled)
]
Reference = Annotated[
    Annotated[Name, Tag("named")] | Annotated[dict[str, Any], Tag("inline")],
    Discriminator(lambda value: "inline" if isinstance(value, dict) else "named"),
]


class SweepSpec(Spec):
    """A question, and the axes along which it is varied."""

    name: Name = Field(description="What the store calls it.")
    note: Prose = Field("", description="Shown with the results.")
    scenario: Reference | None = Field(
        None, description="A built-in name, a YAML file (relative to this one), or a mapping. Default: an axis says it."
    )
    package: Reference | None = Field(
        None, description="A built-in name, a YAML file (relative to this one), or a mapping. Default: an axis says it."
    )
    scheduler: str = Field("weave", description="Who searches.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Of the scheduler, such as `{n_splits: 2}`; of several, each takes its own."
    )
    objective: str = Field(
        "edp", description="What is minimised: a name, or an expression of latency, energy and what the package costs."
    )
    cost_model: str = Field(DEFAULT, description="What layers cost: `loopnest`, `maestro`, or `table:FILE.csv`.")
    fidelity: Literal["paper", "detailed"] = Field("detailed", description="paper or detailed.")
    seed: int = Field(0, ge=0, lt=2**32, description="Of anything random in a search.")
    time_limit_s: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Of a case's search, s; results then depend on the machine. Default: no limit."
    )
    limits: LimitsSpec = Field(
        default_factory=lambda: LimitsSpec.model_validate({}), description="Of every case, instead of its scenario's."
    )
    axes: dict[Name, AxisSpec] = Field(
        min_length=1, description="Values by the path of a field: a list, or a rule that makes one."
    )
    combine: Literal["product", "zip"] = Field(
        "product", description="product: every value with every other; zip: the first of each, the second of each, ..."
    )
    where: list[str] = Field(
        default_factory=list, description="Conditions on axes; points that do not keep all of them are left out."
    )
    sample: SampleSpec | None = Field(None, description="Take a sample of the product. Default: all of it.")
    search: SearchSpec | None = Field(None, description="Search the product. Default: all of it.")


@dataclass(frozen=True)
class Axis:
    """Where a sweep varies, and the values that it takes there.

    Args:
        path: as it is written.
        parts: from the root of the question, aliases resolved.
        values: JSON-able.
    """

    path: str
    parts: Parts
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Sweep:
    """A sweep that was read.

    Args:
        path: of its file.
        spec: what it says.
        axes: in the order of the file; the last one varies fastest.
        where: what points must keep.
        content: a name by content of the sweep and of all files that it names.
    """

    path: str
    spec: SweepSpec
    axes: tuple[Axis, ...]
    where: tuple[Condition, ...]
    content: str

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def document(self) -> str:
        """What the store keeps of it: what decides its points, as YAML."""
        return dump_yaml(self.spec.model_dump(mode="json", exclude_unset=True)) + f"# content: {self.content}\n"

    @property
    def size(self) -> int:
        """Points, with those that `where` leaves out."""
        if self.spec.search is not None:
            return self.spec.search.trials
        return _size([len(axis.values) for axis in self.axes], self.spec)


def _size(lengths: Sequence[int], spec: SweepSpec) -> int:
    if spec.sample is not None:
        return spec.sample.count
    return lengths[0] if spec.combine == "zip" else math.prod(lengths)


def load_sweep(path: str | Path) -> Sweep:
    """The sweep in a YAML file.

    Raises:
        InputError: every problem of the file and of the files that it names, one line each.
    """
    data = load(path, "sweep")
    problems = Problems(str(path), data)
    spec = problems.check(SweepSpec, data, mend=True)
    problems.raise_any()
    assert spec is not None
    _check_sizes(spec, problems)
    problems.raise_any()
    axes = tuple(_axis(path, written, spec, problems) for path, written in spec.axes.items())
    problems.raise_any()
    bases = _check_settings(spec, axes, problems)
    _check_places(axes, bases, problems)
    where = tuple(_conditions(spec, axes, problems))
    problems.raise_any()
    content = content_hash([content_of(base.data, Path(base.called).parent) for base in bases] + [_versions()])
    files = content_of(spec.model_dump(mode="json", exclude_unset=True), Path(path).parent)
    return Sweep(str(path), spec, axes, where, content_hash([content, files]))


def _versions() -> list[Any]:
    from chipweave.cost.loopnest.cache import VERSION
    from chipweave.files.schedule_spec import LAW

    return [LAW, VERSION]


# Sizes -------------------------------------------------------------------------------------------------------------


def _check_sizes(spec: SweepSpec, problems: Problems) -> None:
    """How many points there are, before any is made."""
    lengths: dict[str, int] = {}
    for path, written in spec.axes.items():
        try:
            lengths[path] = _length(written)
        except InputError as error:
            problems.add(("axes", path), str(error))
    if len(lengths) < len(spec.axes):
        return
    empty = [path for path, length in lengths.items() if length == 0]
    for path in empty:
        problems.add(("axes", path), "has no values, so that the sweep has no points; give at least one")
    if spec.combine == "zip" and len(set(lengths.values())) > 1:
        said = ", ".join(f"{path} {length}" for path, length in lengths.items())
        problems.add(("combine",), f"zip takes axes of one length; these have {said}")
    for one, other in (("sample", "search"), ("sample", "zip"), ("search", "zip")):
        taken = {"sample": spec.sample is not None, "search": spec.search is not None, "zip": spec.combine == "zip"}
        if taken[one] and taken[other]:
            problems.add((one,), f"does not go with {other}; leave one of them out")
    longest = max(lengths.values())
    if longest > MOST_POINTS or (spec.search is None and _size(list(lengths.values()), spec) > MOST_POINTS):
        many = math.prod(lengths.values())
        said = " x ".join(map(str, lengths.values()))
        problems.add(("axes",), f"{said} = {many:,} points are more than {MOST_POINTS:,}; `sample` or `search` them")


def _length(written: list[Any] | RangeSpec) -> int:
    if isinstance(written, list):
        return len(written)
    rule, (first, last, third) = _rule(written)
    if rule == "range":
        if third == 0 or (last - first) / third < 0:
            raise InputError(f"range: a step of {third:g} does not lead from {first:g} to {last:g}")
        return math.floor((last - first) / third + 1e-9) + 1
    if third != int(third) or third < 1:
        raise InputError(f"{rule}: {third:g} is no number of values; give a whole number of at least 1")
    if rule == "logspace" and not (first > 0 and last > 0):
        raise InputError(f"logspace: from {first:g} to {last:g} has no ratio; give two numbers above 0")
    return int(third)


def _rule(written: RangeSpec) -> tuple[str, list[float]]:
    given = {name: three for name, three in written.model_dump(exclude_unset=True).items() if three is not None}
    if len(given) != 1:
        raise InputError("give one of linspace, logspace and range")
    return next(iter(given.items()))


def _made(written: RangeSpec) -> list[Any]:
    """The values of a rule: floats, but of a range of whole numbers whole numbers."""
    rule, (first, last, third) = _rule(written)
    if rule == "range":
        values = [first + index * third for index in range(_length(written))]
        return [int(value) for value in values] if all(value == int(value) for value in values) else values
    count = int(third)
    shares = [index / (count - 1) for index in range(count)] if count > 1 else [0.0]
    if rule == "linspace":
        made = [first + share * (last - first) for share in shares]
    else:
        made = [first * (last / first) ** share for share in shares]
    return [*made[:-1], last] if count > 1 else made


# Axes --------------------------------------------------------------------------------------------------------------

ALIASES = {"chiplets": ("package", "classes"), "limits": ("scenario",)}
"""First parts of paths that stand for others."""

SETTINGS = ("scenario", "package", "scheduler", "objective", "cost_model", "fidelity", "seed", "time_limit_s")
"""Keys of a sweep that may be axes themselves."""

HEADS = (*SETTINGS, "options", *ALIASES)


def _axis(path: str, written: list[Any] | RangeSpec, spec: SweepSpec, problems: Problems) -> Axis:
    """An axis, with its values held against the field that it leads to."""
    at: Location = ("axes", path)
    head, *rest = path.split(".")
    parts = (*ALIASES.get(head, (head,)), *rest)
    try:
        kind = _kind(path, parts)
    except InputError as error:
        problems.add(at, str(error))
        return Axis(path, parts, ())
    if isinstance(written, list):
        values = written
        _fits(path, kind, values, problems, ("axes",))
    else:
        values = _made(written)
        if _faults(path, kind, values) and not _faults(path, kind, whole := [round(value) for value in values]):
            values = list(dict.fromkeys(whole))
        for fault in _faults(path, kind, values)[:1]:
            problems.add(at, fault)
    for index, value in enumerate(values):
        try:
            _require_meaning(parts, value, spec, problems.path)
        except InputError as error:
            problems.add((*at, index) if isinstance(written, list) else at, "; ".join(error.problems))
    return Axis(path, parts, tuple(_placed(parts, value, Path(problems.path).parent) for value in values))


def _kind(path: str, parts: Parts) -> Any:
    """The annotation of the field that a path leads to."""
    if parts[0] == "options" and len(parts) == 2:
        return Any
    if len(parts) == 1 and parts[0] in SETTINGS:
        return kind_at(SweepSpec, parts)
    roots: dict[str, type[Spec]] = {"scenario": ScenarioSpec, "package": PackageSpec}
    if parts[0] in roots and len(parts) > 1:
        kind = kind_at(roots[parts[0]], parts[1:])
        return ChipletRef if parts[:2] == ("package", "classes") and len(parts) == 3 else kind
    raise InputError(f"names no field{_nearest(path)}")


def _nearest(path: str) -> str:
    """The tail of a message: a path whose last part is the closest to this one's."""
    from difflib import get_close_matches

    known = {each.rpartition(".")[2]: each for each in reversed(_known_paths())}
    close = get_close_matches(path.rpartition(".")[2], known, n=1, cutoff=0.6)
    return f"; did you mean '{known[close[0]]}'?" if close else f"; paths begin with {', '.join(HEADS)}"


def _known_paths() -> list[str]:
    from chipweave.files.chiplet_file import ChipletSpec
    from chipweave.files.scenario_file import TaskSpec

    within: dict[str, type[Spec]] = {
        "package.": PackageSpec,
        "chiplets.*.": ChipletSpec,
        "scenario.models.*.": TaskSpec,
    }
    options = [f"options.{own.name}" for name in SCHEDULERS for own in options_of(name)]
    fields = [f"{front}{name}" for front, each in within.items() for name in each.model_fields]
    return [*SETTINGS, *fields, *(f"limits.{name}" for name in LimitsSpec.model_fields), *dict.fromkeys(options)]


def _fits(path: str, kind: Any, values: list[Any], problems: Problems, location: Location) -> None:
    """Hold the values of an axis against an annotation."""
    model: type[Spec] = create_model("Values", __base__=Spec, values=(list[kind], Field(alias=path)))
    problems.check(model, {path: values}, location)


def _faults(path: str, kind: Any, values: list[Any]) -> list[str]:
    """What `_fits` says of values that stand nowhere in the file."""
    scratch = Problems("", None)
    _fits(path, kind, values, scratch, ())
    return [text.removeprefix(": ").removeprefix(f"{path}[").partition("]: ")[2] or text for _, text in scratch.found]


def _require_meaning(parts: Parts, value: Any, spec: SweepSpec, sweep: str) -> None:
    """Hold a value against what it names.

    Raises:
        InputError: it names nothing.
    """
    if parts == ("scheduler",) and value not in SCHEDULERS:
        raise InputError(f"scheduler {shown(value)} is unknown{did_you_mean(str(value), SCHEDULERS)}")
    if parts == ("objective",):
        require_objective(value)
    if parts == ("cost_model",):
        choose(value, folder=Path(sweep).parent)
    if parts in (("scenario",), ("package",)):
        base_of(parts[0], value, sweep)
    if parts[0] == "options" and len(parts) == 2:
        require_option(parts[1], value, _schedulers(spec))


def _schedulers(spec: SweepSpec) -> list[str]:
    """Those of all points."""
    written = spec.axes.get("scheduler")
    return [name for name in written if isinstance(name, str)] if isinstance(written, list) else [spec.scheduler]


def require_option(name: str, value: Any, schedulers: Sequence[str]) -> None:
    """An option must be one of some scheduler's.

    Raises:
        InputError: none of them has it, or it may not have this value.
    """
    takers = [each for each in schedulers if name in {own.name for own in options_of(each)}]
    if not takers:
        known = dict.fromkeys(own.name for each in schedulers for own in options_of(each))
        raise InputError(f"'{name}' is no option of {' or '.join(schedulers)}{did_you_mean(name, known)}")
    for each in takers:
        options_for(each, {name: value})


def options_for(scheduler: str, given: Mapping[str, Any]) -> Any:
    """A scheduler's options with those of the given ones that it takes; None where it has none.

    Raises:
        InputError: a value is wrong.
    """
    kind = options_class(scheduler)
    if kind is None:
        return None
    own = {option.name: _member(option, given[option.name]) for option in options_of(scheduler) if option.name in given}
    return kind(**own)


def _member(option: Option, value: Any) -> Any:
    """The member of an option's enumeration that a word stands for."""
    if not isinstance(value, str):
        return value
    members = {option.word(each): each for each in _members(option.kind)}
    if members and value not in members:
        raise InputError(f"{option.name}={shown(value)} is unknown{did_you_mean(value, members)}")
    return members.get(value, value)


def _members(kind: Any) -> list[Any]:
    return list(kind) if hasattr(kind, "__members__") else []


def _placed(parts: Parts, value: Any, folder: Path) -> Any:
    """A file that is named deep in a description starts at the folder of the sweep, as all that the sweep names."""
    named = parts[-1] == "model" or parts[-2:-1] == ("classes",)
    if named and isinstance(value, str) and os.path.isfile(folder / value):
        return os.path.realpath(folder / value)
    return value


# What is not an axis -----------------------------------------------------------------------------------------------


def _check_settings(spec: SweepSpec, axes: Sequence[Axis], problems: Problems) -> list[Base]:
    """What the question itself names, and the descriptions that points start from."""
    varied = {axis.parts: axis for axis in axes}
    for key in ("scheduler", "objective", "cost_model"):
        with_line: Location = (key,)
        if (key,) not in varied:
            _add(problems, with_line, lambda key=key: _require_meaning((key,), getattr(spec, key), spec, problems.path))  # type: ignore[misc]
    for name, value in spec.options.items():
        _add(problems, ("options", name), lambda name=name, value=value: require_option(name, value, _schedulers(spec)))  # type: ignore[misc]
    twice = [axis for index, axis in enumerate(axes) if axis.parts in [other.parts for other in axes[:index]]]
    for axis in twice:
        problems.add(("axes", axis.path), "is another axis of this file, too; leave one of the two out")
    bases: list[Base] = []
    for kind in ("scenario", "package"):
        given = getattr(spec, kind)
        values = varied[(kind,)].values if (kind,) in varied else () if given is None else (given,)
        if not values:
            problems.add((), f"`{kind}` is missing; add it, or an axis `{kind}`")
        for value in values:
            _add(problems, (kind,), lambda kind=kind, value=value: bases.append(base_of(kind, value, problems.path)))  # type: ignore[misc]
    return bases


def _add(problems: Problems, location: Location, check: Callable[[], Any]) -> None:
    try:
        check()
    except InputError as error:
        problems.include(location, error)


def _check_places(axes: Sequence[Axis], bases: Sequence[Base], problems: Problems) -> None:
    """Every path must lead somewhere in every description that points start from."""
    for axis in axes:
        for base in bases:
            if axis.parts[0] == base.kind and len(axis.parts) > 1 and axis.values:
                try:
                    base.with_value(axis.parts[1:], axis.values[0])
                except InputError as error:
                    problems.add(("axes", axis.path), f"{error} (in {base.called})")


def _conditions(spec: SweepSpec, axes: Sequence[Axis], problems: Problems) -> Iterator[Condition]:
    paths = names_of(axes)
    for index, text in enumerate(spec.where):
        try:
            yield condition(text, paths)
        except InputError as error:
            problems.add(("where", index), f"{shown(text)}: {error}")


def names_of(axes: Sequence[Axis]) -> dict[str, str]:
    """The paths of axes by what may stand for them in a condition: the whole path, or its last part where that is one
    axis' alone."""
    last = [axis.path.rpartition(".")[2] for axis in axes]
    short = {name: axis.path for name, axis in zip(last, axes, strict=True) if last.count(name) == 1}
    return dict(chain(short.items(), ((axis.path, axis.path) for axis in axes)))
