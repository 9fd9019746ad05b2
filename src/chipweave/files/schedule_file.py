"""`schedule.json`: a result as a file that stands alone, and a file, or a plan written by hand, as a result."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from chipweave.cost.choose import choose, describe, rebuilds
from chipweave.errors import InputError, did_you_mean
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.record import (
    Energy,
    Evaluation,
    L2Use,
    PipelineEvaluation,
    Split,
    StageBytes,
    StageEvaluation,
    WindowEvaluation,
)
from chipweave.evaluation.term import names_of
from chipweave.files.atomic import make_folder, write_text
from chipweave.files.content import content_hash
from chipweave.files.json import dump_json, parse_json
from chipweave.files.layer_figures import figures_to_dict, problem_of
from chipweave.files.package_file import package_from_dict, package_to_dict, resolve_package
from chipweave.files.scenario_file import resolve_scenario, scenario_from_dict, scenario_to_dict
from chipweave.files.schedule_spec import (
    FORMAT_VERSION,
    LAW,
    LEAST,
    MOST,
    CostModelSpec,
    LineSpec,
    LowerBoundSpec,
    ScheduleFileSpec,
    StageSpec,
    StripsSpec,
)
from chipweave.files.validate import Location, Problems
from chipweave.files.yaml import parse_yaml, read_text
from chipweave.hardware.package import Package
from chipweave.plan.certificate import ByLength, Line, Proof
from chipweave.plan.objective import Objective, objective, require_objective
from chipweave.plan.problem import Problem, pose
from chipweave.plan.room import require_memory
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Strips, Window
from chipweave.results.result import Result, Search, assess
from chipweave.results.served import ServedStep, served_step
from chipweave.version import __version__
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario

T = TypeVar("T")

MOST_CHANGES = 30
"""Differences shown one by one; the rest are counted."""


def to_document(result: Result) -> dict[str, Any]:
    """Everything of a result as plain data; what DESIGN calls `schedule.json`."""
    scenario, package = scenario_to_dict(result.problem.scenario), package_to_dict(result.problem.package)
    return outline(result, content_hash(scenario), content_hash(package)) | {"scenario": scenario, "package": package}


def outline(result: Result, scenario_hash: str, package_hash: str) -> dict[str, Any]:
    """`to_document` with None for the scenario and the package, which many results may share; their names by content
    are given."""
    problem = result.problem
    return {
        "format_version": FORMAT_VERSION,
        "chipweave_version": __version__,
        "scenario": None,
        "scenario_hash": scenario_hash,
        "package": None,
        "package_hash": package_hash,
        "cost_model": _cost_model_to_dict(result),
        "fidelity": str(problem.fidelity),
        "objective": result.objective,
        "schedule": schedule_to_dict(result.schedule, problem.scenario),
        "law": LAW,
        "evaluation": evaluation_to_dict(result.evaluation, problem.scenario),
        "search": None if result.search is None else _search_to_dict(result.search, result),
    }


def to_text(result: Result) -> str:
    """The bytes of `schedule.json`: the same for the same result."""
    return text_of(to_document(result))


def text_of(document: dict[str, Any]) -> str:
    """The same of a result that is plain data already."""
    return dump_json(document) + "\n"


def write(result: Result, path: Path) -> None:
    """Write `schedule.json` whole or not at all; its folder is made where it is missing.

    Raises:
        InputError: the file cannot be written.
    """
    make_folder(path.parent)
    write_text(path, to_text(result))


def read(path: Path) -> Result:
    """Check and evaluate the schedule of a file.

    Raises:
        InputError: every problem of the file, with its line where it has one.
    """
    text = read_text(path)
    parse = parse_json if path.suffix == ".json" or text.lstrip().startswith("{") else parse_yaml
    data = parse(text, str(path))
    problems = Problems(str(path), data)
    spec = problems.check(ScheduleFileSpec, data)
    _require_finite(data, problems, ())
    if spec is not None and spec.format_version != FORMAT_VERSION:
        problems.add(
            ("format_version",),
            f"{spec.format_version} is not the format that chipweave {__version__} reads, {FORMAT_VERSION}; "
            "use the version that wrote the file",
        )
        problems.raise_any()
    scenario = _described(data, "scenario", problems, resolve_scenario, scenario_from_dict, path)
    package = _described(data, "package", problems, resolve_package, package_from_dict, path)
    plan = None if spec is None or scenario is None else _plan(spec, scenario, problems)
    goal = None if spec is None else _objective(spec, package, problems)
    if spec is not None:
        _require_lines(spec, problems)
        _require_whole_maps(spec, plan, problems)
    problems.raise_any()
    assert spec is not None
    assert scenario is not None
    assert package is not None
    assert plan is not None
    assert goal is not None
    require_memory(scenario, package)  # says by itself where the memory stands
    try:
        problem, cost_model = _pose(spec, scenario, package, path)
    except InputError as error:
        problems.include(("cost_model",), error)
        problems.raise_any()
        raise
    ready = prepare(problem)
    for fault in faults_of(plan, ready):
        problems.add(("schedule",) if fault.window is None else ("schedule", "windows", fault.window), fault.text)
    problems.raise_any()
    result = assess(ready, cost_model, plan, goal, _search_from(spec))
    return dataclasses.replace(result, changes=tuple(_changes(data, to_document(result))))


def _require_finite(data: Any, problems: Problems, at: Location) -> None:
    """YAML has `.inf` and `.nan`; figures that no field describes may hold neither."""
    if isinstance(data, dict):
        for key, value in data.items():
            _require_finite(value, problems, (*at, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            _require_finite(value, problems, (*at, index))
    elif isinstance(data, float) and not math.isfinite(data):
        problems.add(at, f"{data} is not a finite number; give a finite number")


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a schedule's file."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft} | ScheduleFileSpec.model_json_schema() | {"title": "chipweave schedule"}


def schedule_to_dict(schedule: Schedule, scenario: Scenario) -> dict[str, Any]:
    """Windows, pipelines and stages by the names of models and layers."""

    def stage(part: Stage, model: Model) -> dict[str, Any]:
        names = [model.layers[index].name for index in part.layers]
        partitions = [str(part.partition(index)) for index in part.layers]
        partition = partitions[0] if len(set(partitions)) == 1 else partitions
        made = {"layers": names, "chiplets": list(part.chiplets), "partition": partition}
        made |= {} if part.memory is None else {"memory": part.memory}
        return made | ({"rows": _rows_to_dict(part, model)} if part.strips else {})

    def pipeline(part: Pipeline) -> dict[str, Any]:
        task = scenario.tasks[part.task]
        stages = [stage(each, task.model) for each in part.stages]
        return {"model": task.name, "micro_batch": part.micro_batch, "stages": stages}

    return {"windows": [{"pipelines": [pipeline(part) for part in window.pipelines]} for window in schedule.windows]}


def _rows_to_dict(stage: Stage, model: Model) -> int | list[dict[str, Any]]:
    """A number where all layers of the stage are one run in strips; else every run."""
    only = stage.strips[0]
    if (only.first, only.last) == (stage.first, stage.last) and len(stage.strips) == 1:
        return only.rows
    names = [layer.name for layer in model.layers]
    return [{"first": names[each.first], "last": names[each.last], "rows": each.rows} for each in stage.strips]


def evaluation_to_dict(evaluation: Evaluation, scenario: Scenario) -> dict[str, Any]:
    """Every term of an evaluation by its name in `evaluation/record.py`; the fidelity stands beside it in the file."""
    totals = {name: getattr(evaluation, name) for name in ("latency_s", "energy_j", "edp_js", "average_power_w")}
    models = [
        {
            "model": task.name,
            "latency_s": evaluation.task_latency_s(index),
            "energy_j": evaluation.task_energy(index).total,
            "throughput_samples_per_s": task.batch / evaluation.latency_s,
            **_served_to_dict(served_step(evaluation, scenario, index)),
        }
        for index, task in enumerate(scenario.tasks)
    ]

    def pipeline_in_full(pipeline: PipelineEvaluation) -> dict[str, Any]:
        task = scenario.tasks[pipeline.task]
        return pipeline_to_dict(pipeline, task.name, [stage_to_dict(stage, task.model) for stage in pipeline.stages])

    windows = [window_to_dict(window, list(map(pipeline_in_full, window.pipelines))) for window in evaluation.windows]
    found = _record_to_dict(evaluation, windows=windows)
    del found["fidelity"], found["flows"]
    return totals | {"energy_parts_j": found["energy_parts_j"], "models": models} | found


def _served_to_dict(served: ServedStep | None) -> dict[str, Any]:
    """Nothing where nothing is served; of a step what its phase has."""
    if served is None:
        return {}
    return {"serving": {name: value for name, value in dataclasses.asdict(served).items() if value is not None}}


def window_to_dict(window: WindowEvaluation, pipelines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A window; its pipelines are given."""
    found = _record_to_dict(window, pipelines=pipelines)
    first = {key: found[key] for key in ("start_s", "latency_s", "bound_by")}
    last = {key: found.pop(key) for key in ("energy_j", "energy_parts_j", "pipelines")}
    return first | found | last


def pipeline_to_dict(pipeline: PipelineEvaluation, model: str, stages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A pipeline; its model's name and its stages are given."""
    return _record_to_dict(pipeline, task=model, stages=stages)


def stage_to_dict(stage: StageEvaluation, model: Model) -> dict[str, Any]:
    """A stage, by the names of its layers."""
    names = [layer.name for layer in model.layers]
    strips = tuple((names[first], names[last], *more) for first, last, *more in stage.strips)
    return _record_to_dict(stage, first=names[stage.first], last=names[stage.last], strips=strips)


_KEYS = {"bytes_": "bytes", "task": "model"}
"""Of the fields whose key in the file is not their name."""
_WHERE_THERE_IS = ("memory", "strips")
"""Fields that the file lacks where they are empty."""


def _record_to_dict(record: Any, **instead: Any) -> dict[str, Any]:
    """Every field of a record as plain data: as it is, or what is given `instead`; an energy by its total and parts."""
    found: dict[str, Any] = {}
    for name in names_of(type(record)):
        key, value = _KEYS.get(name, name), instead.get(name, getattr(record, name))
        if name in _WHERE_THERE_IS and not value:
            continue
        match value:
            case Energy():
                found |= {"energy_j": value.total, "energy_parts_j": dataclasses.asdict(value)}
            case L2Use() | StageBytes():
                found[key] = dataclasses.asdict(value)
            case tuple():
                found[key] = [_part_to_list(part) for part in value]
            case _:
                found[key] = value
    return found


def _part_to_list(part: Any) -> Any:
    if isinstance(part, Split):
        return _split_to_list(part)
    return list(part) if isinstance(part, tuple) else part


def _split_to_list(split: Split) -> list[Any]:
    own = split.kept
    equal = [own.samples, own.rows, own.columns, own.units]
    if split.inputs > 1:
        return [*equal, list(own.weights), split.inputs]
    return [*equal, list(own.weights)] if own.weights else equal


def _search_to_dict(search: Search, result: Result) -> dict[str, Any]:
    bound = result.certificate
    return {
        "scheduler": search.scheduler,
        "options": dict(search.options),
        "seed": search.seed,
        "seconds": search.seconds,
        "evaluated": search.evaluated,
        "complete": search.complete,
        "notes": list(search.notes),
        "front": [{"latency_s": latency_s, "energy_j": energy_j} for latency_s, energy_j in search.front],
        "value": result.value,
        "lower_bound": None
        if bound is None
        else {
            "of": bound.of,
            "value": bound.value,
            "latency_s": bound.latency_s,
            "energy_j": bound.energy_j,
            "binds": bound.binds,
            "terms_s": dict(bound.terms_s),
        }
        | _proof_to_dict(search.proof),
        "gap": result.gap,
        "history": [{"seconds": seconds, "value": value} for seconds, value in search.history],
        "bounds": [{"seconds": seconds, "value": value} for seconds, value in search.bounds],
    }


def _proof_to_dict(proof: Proof | None) -> dict[str, Any]:
    """Who proved it, and the lines; nothing where the lower bound says all."""
    if proof is None:
        return {}
    return {"by": str(proof.by), "lines": [_line_to_dict(line) for line in proof.lines]}


def _line_to_dict(line: Line) -> dict[str, Any]:
    made = line._asdict() | {"chiplet": list(line.chiplet), "chain": list(line.chain)}
    if line.by_length is None:
        del made["by_length"]
        return made
    own = line.by_length
    return made | {"by_length": {"chiplet": list(map(list, own.chiplet)), "chain": list(map(list, own.chain))}}


def _cost_model_to_dict(result: Result) -> dict[str, Any]:
    description = dict(result.cost_model)
    if rebuilds(description["name"]):
        return description
    return description | figures_to_dict(result.problem, result.schedule)


def _described(
    data: Any,
    key: str,
    problems: Problems,
    resolve: Callable[[str], T],
    from_dict: Callable[[Any, str], T],
    path: Path,
) -> T | None:
    """The scenario or package that `data[key]` names, points to or holds in full."""
    value = data.get(key)
    if not isinstance(value, str | dict):
        return None  # missing, or not of either kind: a problem already
    try:
        if isinstance(value, dict):
            return from_dict(value, str(path))
        beside = path.parent / value
        return resolve(str(beside) if os.path.isfile(beside) else value)
    except InputError as error:
        problems.include((key,), error)
        return None


def _objective(spec: ScheduleFileSpec, package: Package | None, problems: Problems) -> Objective | str | None:
    """Of a finished result, only the name of a Python function may be known."""
    try:
        if package is None:  # a problem of its own, which is told
            require_objective(spec.objective)
            return spec.objective
        return objective(spec.objective, package)
    except InputError as error:
        if spec.search is not None:
            return spec.objective
        problems.add(("objective",), str(error))
        return None


def _plan(spec: ScheduleFileSpec, scenario: Scenario, problems: Problems) -> Schedule:
    tasks = [task.name for task in scenario.tasks]
    windows = []
    for w, window in enumerate(spec.schedule.windows):
        pipelines = []
        for p, pipeline in enumerate(window.pipelines):
            at: Location = ("schedule", "windows", w, "pipelines", p)
            if pipeline.model not in tasks:
                near = did_you_mean(pipeline.model, tasks)
                problems.add((*at, "model"), f"'{pipeline.model}' is not in the scenario{near}")
                continue
            task = tasks.index(pipeline.model)
            model = scenario.tasks[task].model
            ends = [_ends(stage, model, problems, (*at, "stages", s)) for s, stage in enumerate(pipeline.stages)]
            stages = tuple(
                Stage(
                    first,
                    last,
                    tuple(stage.chiplets),
                    _partitions(stage, last - first + 1),
                    stage.memory,
                    _strips(stage, (first, last), model, problems, (*at, "stages", s)),
                )
                for s, (stage, (first, last)) in enumerate(zip(pipeline.stages, ends, strict=True))
            )
            pipelines.append(Pipeline(task, stages, pipeline.micro_batch))
        windows.append(Window(tuple(pipelines)))
    return Schedule(tuple(windows))


def _strips(
    stage: StageSpec, ends: tuple[int, int], model: Model, problems: Problems, at: Location
) -> tuple[Strips, ...]:
    """The runs of layers that go strip by strip."""
    if stage.rows is None:
        return ()
    if isinstance(stage.rows, int):
        return (Strips(*ends, stage.rows),)
    runs = []
    for number, run in enumerate(stage.rows):
        first, last = _ends(run, model, problems, (*at, "rows", number))
        runs.append(Strips(first, last, run.rows))
    return tuple(runs)


def _ends(stage: StageSpec | StripsSpec, model: Model, problems: Problems, at: Location) -> tuple[int, int]:
    """First and last layer of a stage; names that are unknown or out of order are problems."""
    if isinstance(stage, StripsSpec):
        names: dict[Location, str] = {(*at, "first"): stage.first, (*at, "last"): stage.last}
    elif isinstance(stage.layers, list):
        names = {(*at, "layers", i): name for i, name in enumerate(stage.layers)}
    else:
        names = {(*at, "layers", "first"): stage.layers.first, (*at, "layers", "last"): stage.layers.last}
    known = {layer.name: index for index, layer in enumerate(model.layers)}
    unknown = {place: name for place, name in names.items() if name not in known}
    for place, name in unknown.items():
        problems.add(place, f"'{name}' is no layer of '{model.name}'{did_you_mean(name, known)}")
    if unknown:
        return 0, 0
    indices = [known[name] for name in names.values()]
    if isinstance(stage, StageSpec) and isinstance(stage.layers, list):
        for place, before, index in zip(list(names)[1:], indices, indices[1:], strict=False):
            if index != before + 1:
                due = f"'{model.layers[before + 1].name}' is due" if before + 1 < len(known) else "the model ends"
                problems.add(place, f"'{names[place]}' stands where {due}; a stage runs consecutive layers in order")
                break
    elif indices[1] < indices[0]:
        first, last = names.values()
        place = at if isinstance(stage, StripsSpec) else (*at, "layers")
        problems.add(place, f"'{last}' runs before '{first}'; exchange them")
    return indices[0], indices[-1]


def _partitions(stage: StageSpec, layers: int) -> tuple[Partition, ...]:
    """One per layer; none where all are whole."""
    given = stage.partition
    every = tuple(given) if isinstance(given, list) else (given,) * layers
    return () if set(every) == {Partition.WHOLE} and len(every) == layers else every


def _pose(spec: ScheduleFileSpec, scenario: Scenario, package: Package, path: Path) -> tuple[Problem, dict[str, Any]]:
    """The problem with its costs, and the cost model as plain data."""
    given = spec.cost_model
    if isinstance(given, CostModelSpec) and given.figures is not None:
        if rebuilds(given.name):
            raise InputError(f"'{given.name}' computes its figures; leave out `figures`, or give them another name")
        return problem_of(given, scenario, package, spec.fidelity, str(path)), {"name": given.name}
    if isinstance(given, str):
        model = choose(given, folder=path.parent)
    elif rebuilds(given.name):
        model = choose(given.name, offchip_bandwidth=given.offchip_bandwidth, objective=given.objective)
    else:
        raise InputError(f"'{given.name}' needs its `figures`; write the file again with chipweave")
    return pose(scenario, package, model, spec.fidelity), describe(model)


def _search_from(spec: ScheduleFileSpec) -> Search | None:
    found = spec.search
    if found is None:
        return None
    return Search(
        scheduler=found.scheduler,
        options=found.options,
        seed=found.seed,
        seconds=found.seconds,
        evaluated=found.evaluated,
        front=tuple((point.latency_s, point.energy_j) for point in found.front),
        complete=found.complete,
        notes=tuple(found.notes),
        proof=_proof_from(found.lower_bound),
        history=tuple((point.seconds, point.value) for point in found.history),
        bounds=tuple((point.seconds, point.value) for point in found.bounds),
    )


def _require_lines(spec: ScheduleFileSpec, problems: Problems) -> None:
    """A proof bounds latency alone and energy alone at least, so that the region above its lines has corners; and none
    of its numbers is so small or large that sums of them say nothing."""
    bound = None if spec.search is None else spec.search.lower_bound
    if bound is None or bound.by is None:
        return
    for number, line in enumerate(bound.lines):
        for name, value in (("latency", line.latency), ("joule", line.joule), ("value", line.value)):
            if value != 0 and not LEAST <= abs(value) <= MOST:
                remedy = f"0, or between {LEAST:g} and {MOST:g}; take the file as it was written"
                problems.add(("search", "lower_bound", "lines", number, name), f"{value!r} is not {remedy}")
        if line.latency == line.joule == 0:
            problems.add(
                ("search", "lower_bound", "lines", number),
                "weighs neither seconds nor joules, and says nothing; take the file as it was written",
            )
    alone = {(each.latency > 0, each.joule > 0) for each in bound.lines}
    if not {(True, False), (False, True)} <= alone:
        problems.add(
            ("search", "lower_bound", "lines"),
            "hold no line for latency alone or none for energy alone, as every proof does; take the file as it was "
            "written, or leave out `by` and `lines`",
        )


def _require_whole_maps(spec: ScheduleFileSpec, plan: Schedule | None, problems: Problems) -> None:
    """A proof is of schedules whose layers run on whole maps."""
    bound = None if spec.search is None else spec.search.lower_bound
    if plan is not None and plan.in_strips and bound is not None and bound.by is not None and bound.lines:
        problems.add(
            ("search", "lower_bound", "lines"),
            "prove something of schedules whose layers run on whole maps, and a stage of this plan has `rows`; leave "
            "out `by` and `lines` (the lower bound holds, and is computed), or leave out `rows`",
        )


def _proof_from(bound: LowerBoundSpec | None) -> Proof | None:
    if bound is None or bound.by is None:
        return None
    return Proof(bound.of, bound.by, tuple(map(_line_from, bound.lines)))


def _line_from(line: LineSpec) -> Line:
    found = Line(
        line.latency, line.joule, line.value, tuple(line.chiplet), line.dram, tuple(line.chain), line.pipelines
    )
    own = line.by_length
    if own is None:
        return found
    chiplet, chain = tuple(map(tuple, own.chiplet)), tuple(map(tuple, own.chain))
    return found._replace(by_length=ByLength(chiplet, chain))


def _changes(stored: dict[str, Any], computed: dict[str, Any]) -> Iterator[str]:
    """What a file says differently from what was computed; nothing for what it does not say."""
    version = stored.get("chipweave_version")
    if version not in (None, computed["chipweave_version"]):
        yield f"chipweave_version: stored {version}, this is {computed['chipweave_version']}"
    for key in ("scenario", "package"):
        before, now = stored.get(f"{key}_hash"), computed[f"{key}_hash"]
        # What an older version wrote lacks fields of today: it has its own hash.
        if before not in (None, now) and before != content_hash(stored[key]):
            yield f"{key}_hash: stored {before}, the file's {key} has {now}: it was changed after it was hashed"
    differences = [*_differences("evaluation", stored.get("evaluation"), computed["evaluation"])]
    if stored.get("search") is not None:
        for key in ("value", "lower_bound", "gap"):
            differences += _differences(f"search.{key}", stored["search"][key], computed["search"][key])
    law = stored.get("law", 1)
    if law != LAW:
        yield from _of_another_law(law, differences)
        return
    yield from map(str, differences[:MOST_CHANGES])
    if len(differences) > MOST_CHANGES:
        yield f"and {len(differences) - MOST_CHANGES} more"


def _of_another_law(law: int, differences: Sequence[_Difference]) -> Iterator[str]:
    """What to know of figures that another law gave, if any differ: the totals, and how many others.

    Figures that only one of the laws has are no difference.
    """
    both = [each for each in differences if each.in_both]
    if not both:
        return
    yield (
        f"evaluation: the stored figures are of {'an older' if law < LAW else 'a newer'} law of what layers and "
        f"schedules cost (number {law}, this is {LAW}); the plan is read as it is and costed anew"
    )
    totals = [each for each in both if each.name in _TOTALS]
    yield from map(str, totals)
    if len(both) > len(totals):
        yield f"and {len(both) - len(totals)} more that follow from them"


_TOTALS = (
    *(f"evaluation.{name}" for name in ("latency_s", "energy_j", "edp_js")),
    *(f"search.{name}" for name in ("value", "lower_bound.value", "gap")),
)


@dataclasses.dataclass(frozen=True)
class _Difference:
    """A figure that a file says differently, or that only the file has, or only what was computed."""

    name: str
    stored: str | None
    computed: str | None

    @property
    def in_both(self) -> bool:
        return self.stored is not None and self.computed is not None

    def __str__(self) -> str:
        stored = "not stored" if self.stored is None else f"stored {self.stored}"
        return f"{self.name}: {stored}, " + ("not computed" if self.computed is None else f"computed {self.computed}")


def _differences(name: str, stored: Any, computed: Any) -> Iterator[_Difference]:
    if stored is None and name == "evaluation":
        return  # a plan without figures
    if isinstance(stored, dict) and isinstance(computed, dict):
        for key in [*computed, *(key for key in stored if key not in computed)]:
            if key not in stored:
                yield _Difference(f"{name}.{key}", None, _short(computed[key]))
            elif key not in computed:
                yield _Difference(f"{name}.{key}", _short(stored[key]), None)
            else:
                yield from _differences(f"{name}.{key}", stored[key], computed[key])
    elif isinstance(stored, list) and isinstance(computed, list) and len(stored) == len(computed):
        for index, (before, now) in enumerate(zip(stored, computed, strict=True)):
            yield from _differences(f"{name}[{index}]", before, now)
    elif stored != computed:
        yield _Difference(name, _short(stored), _short(computed))


def _short(value: Any) -> str:
    text = dump_json(value) if not isinstance(value, dict | list) else f"{len(value)} entries"
    return text if len(text) <= 60 else text[:57] + "..."
