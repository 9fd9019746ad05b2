"""What a task serves, as scenario files say it: a step of a language model, and the limits that are known there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from chipweave.errors import InputError, did_you_mean
from chipweave.files.hf_config import import_config
from chipweave.files.validate import Location, Name, Problems, Spec, shown
from chipweave.workload.importers.hf.step import LARGEST
from chipweave.workload.model import Model
from chipweave.workload.scenario import Task
from chipweave.workload.serves import Phase, Serves, middle_of
from chipweave.workload.zoo.language import CONFIGURATIONS, public

Tokens = Annotated[int, Field(ge=1, le=LARGEST)]
Seconds = Annotated[float, Field(gt=0)]


class ServesSpec(Spec):
    """A step of a language model, of one sample."""

    phase: Annotated[Phase, Field(strict=False)] = Field(
        description="`prefill` takes a prompt in one pass, `decode` makes one more token."
    )
    batch: Tokens = Field(1, description="Sequences of a step.")
    prompt: Tokens | None = Field(None, description="Tokens of each sequence that come in.")
    output: Tokens | None = Field(
        None, description="Tokens of each that go out, of decode behind `prompt`: the step in the middle is taken."
    )
    context: Annotated[int, Field(ge=0, le=LARGEST)] | None = Field(
        None, description="Tokens of each that are cached before the step. Default: none; of decode, see `output`."
    )
    ttft_limit_s: Seconds | None = Field(
        None, description="Of prefill: it ends by then, s from the scenario's start. Default: no limit."
    )
    tpot_limit_s: Seconds | None = Field(
        None, description="Of decode: the step takes at most so long, s from the scenario's start. Default: no limit."
    )
    routing: str = Field("uniform", description="Which experts tokens take: uniform, zipf:S, or a file of shares.")
    absorbed: bool | None = Field(
        None, description="Latent attention works on latent vectors, or not. Default: in decode."
    )
    bytes_per_element: Annotated[int, Field(ge=1, le=64)] | None = Field(
        None, description="Of weights, caches and activations. Default: the configuration's; of a built-in one 1."
    )
    of: Name | None = Field(
        None, description="The language model, where `model` is written out. Default: the name of that."
    )


class Served(NamedTuple):
    """What a task serves, and the limit of its step."""

    serves: Serves
    limit_s: float | None


def read_serves(
    spec: ServesSpec, of: str, latency_limit_s: float | None, waits: bool, problems: Problems, at: Location
) -> Served | None:
    """What stands at `at`; None with the problems added.

    Args:
        of: the language model, as `model` says.
        latency_limit_s: the task's own. waits: the task depends on another one.
    """
    before = len(problems.found)
    limits = {"ttft_limit_s": spec.ttft_limit_s, "tpot_limit_s": spec.tpot_limit_s}
    known, foreign = limits if spec.phase is Phase.PREFILL else reversed(limits)
    if limits[foreign] is not None:
        problems.add((*at, foreign), f"{spec.phase} has none; give {known}, or leave it out")
    limit_s = limits[known]
    if limit_s is not None and latency_limit_s is not None:
        problems.add((*at, known), "is a second limit beside the model's latency_limit_s; leave one of the two out")
    if known == "tpot_limit_s" and limit_s is not None and waits:
        wrong = "counts from the scenario's start, and this model waits for another one"
        problems.add((*at, known), f"{wrong}; give latency_limit_s of the model, until this step ends")
    context = spec.context
    if context is None and spec.phase is Phase.DECODE:
        if spec.prompt is None or spec.output is None:
            problems.add(at, "decode needs the tokens that are cached; give `context`, or `prompt` and `output`")
            return None
        context = middle_of(spec.prompt, spec.output)
    try:
        how = {name: getattr(spec, name) for name in ("routing", "absorbed", "bytes_per_element")}
        serves = Serves(of, spec.phase, spec.batch, spec.prompt or 0, spec.output or 0, context or 0, **how)
    except InputError as error:
        for problem in error.problems:
            problems.add(at, problem)
        return None
    return None if len(problems.found) > before else Served(serves, latency_limit_s if limit_s is None else limit_s)


def model_of_step(serves: Serves, folder: Path = Path()) -> Model:
    """The layers of a step; files start at `folder`.

    Raises:
        InputError: no such configuration, or what it does not allow.
    """
    prefills, table = serves.prefills, serves.routing.endswith(".csv")
    asked: Mapping[str, Any] = {
        "phase": serves.phase,
        "prompt": serves.prompt if prefills else None,
        "context": serves.context if serves.context or not prefills else None,
        "batch": serves.sequences,
        "routing": folder / serves.routing if table else serves.routing,
        "absorbed": serves.absorbed,
    }
    known, width = CONFIGURATIONS.get(serves.of), serves.bytes_per_element
    if known is not None:
        name = f"{serves.of}_{serves.phase}"
        return public(import_config(known, name=name, bytes_per_element=width or 1, **asked).model)
    path = folder / serves.of
    if not path.suffix and not os.path.exists(path):
        near = did_you_mean(serves.of, CONFIGURATIONS)
        raise InputError(
            f"{shown(serves.of)} is no file and no built-in configuration{near or ', which are '}"
            f"{'' if near else ', '.join(CONFIGURATIONS)}"
        )
    return import_config(path, bytes_per_element=width, **asked).model


def serves_to_dict(task: Task, *, named: bool) -> dict[str, Any]:
    """JSON-able data that is read back as the same; empty where the task serves nothing.

    Args:
        named: `model` says which language model it is.
    """
    serves = task.serves
    if serves is None:
        return {}
    said: dict[str, Any] = {} if named else {"of": serves.of}
    said |= {"phase": str(serves.phase), "batch": serves.sequences}
    said |= {name: length for name in ("prompt", "output") if (length := getattr(serves, name))}
    if not serves.output or serves.context != middle_of(serves.prompt, serves.output):
        said |= {"context": serves.context} if serves.context or not serves.prefills else {}
    if serves.routing != "uniform":
        said["routing"] = serves.routing
    said |= {key: value for key in ("absorbed", "bytes_per_element") if (value := getattr(serves, key)) is not None}
    name = limit_name(task)
    return {"serves": said | ({} if name is None else {name: task.latency_limit_s})}


def limit_name(task: Task) -> str | None:
    """What the limit of a task that serves is called; None: it has none, or it is said as that of any task."""
    if task.serves is None or task.latency_limit_s is None:
        return None
    if task.serves.prefills:
        return "ttft_limit_s"
    return None if task.depends_on is not None else "tpot_limit_s"


def is_built_in(task: Task) -> bool:
    """Whether the language model's name and the step say all of the task's layers."""
    serves = task.serves
    if serves is None or serves.of not in CONFIGURATIONS or serves.routing.endswith(".csv"):
        return False
    return model_of_step(serves) == task.model
