"""Scenarios as YAML: which models run together, with their batches and limits."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Field, SkipValidation, Tag

from chipweave.errors import InputError, did_you_mean
from chipweave.files.locate import load, locate
from chipweave.files.model_file import (
    ModelSpec,
    model_from_dict,
    model_to_dict,
    read_model,
    resolve_model,
)
from chipweave.files.serves_file import (
    Served,
    ServesSpec,
    is_built_in,
    limit_name,
    model_of_step,
    read_serves,
    serves_to_dict,
)
from chipweave.files.validate import Location, Name, Problems, Prose, Spec, shown
from chipweave.files.yaml import dump_yaml
from chipweave.workload.model import Model
from chipweave.workload.scenario import LARGEST_BATCH, LIMITS, Scenario, Task


def _named_or_inline(value: Any) -> str:
    return "inline" if isinstance(value, dict | Spec) else "named"


class TaskSpec(Spec):
    """One model of a scenario."""

    name: Name | None = Field(None, description="Unique in the scenario. Default: the model's name.")
    # an inline model is checked by `read_model`, which goes on after the first problem
    model: Annotated[
        Annotated[Name, Tag("named")] | Annotated[SkipValidation[ModelSpec], Tag("inline")],
        Discriminator(_named_or_inline),
    ] = Field(
        description="A built-in name, a YAML file (relative to this one), or a model as a mapping; with `serves`, the "
        "configuration of a language model: a built-in name or a config.json."
    )
    parameters: dict[str, int] = Field(
        default_factory=dict, description="Of a built-in model, such as `resolution` or `sequence`."
    )
    batch: int = Field(1, ge=1, le=LARGEST_BATCH, description="Samples.")
    latency_limit_s: Annotated[float, Field(gt=0)] | None = Field(
        None, description="The model's last stage ends by then, s from the scenario's start. Default: no limit."
    )
    depends_on: str | None = Field(None, description="A model that must have finished in an earlier window.")
    serves: ServesSpec | None = Field(None, description="The step of a language model that a sample is.")


class ScenarioSpec(Spec):
    """Models that run together on one package."""

    name: Name = Field(description="What results call it.")
    note: Prose = Field("", description="Shown wherever results are, such as what a batch means.")
    latency_limit_s: Annotated[float, Field(gt=0)] | None = Field(
        None, description="The whole schedule takes at most so long, s. Default: no limit."
    )
    energy_limit_j: Annotated[float, Field(gt=0)] | None = Field(
        None, description="The whole schedule takes at most so much energy, J. Default: no limit."
    )
    power_limit_w: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Energy by latency of the whole schedule, at most, W. Default: no limit."
    )
    models: list[TaskSpec] = Field(min_length=1, description="At least one.")


def load_scenario(path: str | Path) -> Scenario:
    """The scenario in a YAML file; a model's file is a scenario of one.

    Raises:
        InputError: every problem of the file and of the files it names, one line each.
    """
    data = load(path, "scenario", "model")
    if "models" not in data and "layers" in data:
        return _alone(model_from_dict(data, str(path)))
    return scenario_from_dict(data, str(path))


def resolve_scenario(name_or_path: str | Path) -> Scenario:
    """The scenario of a built-in name or YAML file; a model's name or file is a scenario of one.

    Raises:
        InputError: neither a name nor a file, or what `load_scenario` refuses.
    """
    from chipweave.workload.zoo import MODELS, SCENARIOS, build_model, build_scenario

    name = str(name_or_path)
    path = locate(name, "scenario", [*SCENARIOS, *MODELS])
    if path is not None:
        return load_scenario(path)
    return build_scenario(name) if name in SCENARIOS else _alone(build_model(name))


def _alone(model: Model) -> Scenario:
    return Scenario(model.name, (Task(model.name, model),))


def scenario_from_dict(data: Any, path: str = "scenario") -> Scenario:
    """The scenario that JSON-able data describes; `path` names it in messages, and files start at its folder.

    Raises:
        InputError: every problem of the data, one line each.
    """
    problems = Problems(path, data)
    spec = problems.check(ScenarioSpec, data, mend=True)
    given = list(enumerate(spec.models if spec else []))
    served = [_served(task, i, problems) for i, task in given]
    models = [_model(task, i, served[i], problems, Path(path).parent) for i, task in given]
    names = [
        task.name or (model.name if model else str(task.model))
        for task, model in zip(spec.models if spec else [], models, strict=True)
    ]
    if spec is not None:
        _check_names(spec, names, problems)
    problems.raise_any()
    assert spec is not None
    tasks = tuple(
        Task(name, model, task.batch, step.limit_s, task.depends_on, step.serves)
        if step is not None
        else Task(name, model, task.batch, task.latency_limit_s, task.depends_on)
        for name, model, task, step in zip(names, models, spec.models, served, strict=True)
        if model is not None
    )
    return Scenario(spec.name, tasks, spec.note, *(getattr(spec, name) for name in LIMITS))


def _served(task: TaskSpec, position: int, problems: Problems) -> Served | None:
    """What a task serves; None: nothing, or with the problems added."""
    if task.serves is None:
        return None
    at: Location = ("models", position, "serves")
    inline = not isinstance(task.model, str)
    if task.serves.of is not None and not inline:
        problems.add((*at, "of"), "is what `model` says; leave it out")
    of = task.serves.of or (str(task.model) if not inline else _name_of(task.model))
    return read_serves(task.serves, of, task.latency_limit_s, task.depends_on is not None, problems, at)


def _name_of(model: Any) -> str:
    """Of a model that is written out, which is checked elsewhere."""
    name = model.get("name") if isinstance(model, Mapping) else getattr(model, "name", None)
    return name if isinstance(name, str) else "model"


def _model(task: TaskSpec, position: int, served: Served | None, problems: Problems, folder: Path) -> Model | None:
    at: Location = ("models", position)
    if task.serves is not None and task.parameters:
        problems.add((*at, "parameters"), "a language model that is served has none; say the step in `serves`")
        return None
    if task.serves is not None and isinstance(task.model, str):
        if served is None:
            return None
        try:
            return model_of_step(served.serves, folder)
        except InputError as error:
            problems.include((*at, "model"), error)
            return None
    if not isinstance(task.model, str):
        if task.parameters:
            problems.add((*at, "parameters"), "a model written out has none; change its layers instead")
        return read_model(task.model, problems, (*at, "model"))
    try:
        return resolve_model(task.model, task.parameters, folder=folder)
    except InputError as error:
        problems.include((*at, "model"), error)
        return None


def _check_names(spec: ScenarioSpec, names: list[str], problems: Problems) -> None:
    waits: Mapping[str, list[str]] = {name: [] for name in names}
    first: dict[str, int] = {}
    for i, (task, name) in enumerate(zip(spec.models, names, strict=True)):
        if first.setdefault(name, i) != i:
            problems.add(
                ("models", i, "name"), f"{shown(name)} is also models[{first[name]}]; give each its own `name`"
            )
        if task.depends_on is None:
            continue
        if task.depends_on in waits:
            waits[name].append(task.depends_on)
        else:
            near = did_you_mean(task.depends_on, names)
            problems.add(("models", i, "depends_on"), f"{shown(task.depends_on)} is not in the scenario{near}")
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        circle = [str(name) for name in error.args[1]]
        words = " -> ".join(map(shown, circle))
        at = "models", names.index(circle[1]), "depends_on"
        problems.add(at, f"the models wait for each other: {words}; remove one of these")


def scenario_to_dict(scenario: Scenario, *, by_name: bool = False) -> dict[str, Any]:
    """JSON-able data that `scenario_from_dict` reads back as an equal scenario.

    Args:
        by_name: built-in models are named, without their layers; else all models are written in full.
    """
    data: dict[str, Any] = {"name": scenario.name}
    if scenario.note:
        data["note"] = scenario.note
    data |= {name: limit for name in LIMITS if (limit := getattr(scenario, name)) is not None}
    data["models"] = [_task_to_dict(task, by_name) for task in scenario.tasks]
    return data


def _task_to_dict(task: Task, by_name: bool) -> dict[str, Any]:
    data: dict[str, Any] = {"name": task.name, "batch": task.batch}
    if task.latency_limit_s is not None and limit_name(task) is None:
        data["latency_limit_s"] = task.latency_limit_s
    if task.depends_on is not None:
        data["depends_on"] = task.depends_on
    if task.serves is not None:
        if by_name and is_built_in(task):
            return data | {"model": task.serves.of} | serves_to_dict(task, named=True)
        return data | serves_to_dict(task, named=False) | {"model": model_to_dict(task.model)}
    if by_name and _is_built_in(task.model):
        return data | {"model": task.model.name}
    return data | {"model": model_to_dict(task.model)}


def _is_built_in(model: Model) -> bool:
    """Whether the model's name alone stands for it, at the builder's own sizes."""
    from chipweave.workload.zoo import MODELS, build_model

    return model.name in MODELS and build_model(model.name) == model


def dump_scenario(scenario: Scenario, *, by_name: bool = False) -> str:
    """YAML text that `load_scenario` reads back as an equal scenario; `by_name` as in `scenario_to_dict`."""
    return dump_yaml(scenario_to_dict(scenario, by_name=by_name))
