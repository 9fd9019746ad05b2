"""A language model in service: a plan for the prompt, one for the answer, and what both come to.

The answer's plan is made for the step in its middle, and all steps run by it, each evaluated at its own context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chipweave.api import evaluate, schedule
from chipweave.cost import DEFAULT
from chipweave.errors import InputError
from chipweave.evaluation.bound import unavoidable_dram_bytes
from chipweave.evaluation.exact.ground import prepare
from chipweave.files.hf_config import import_config
from chipweave.hardware.package import Package
from chipweave.ndarrays import Floats
from chipweave.plan.certificate import Requirement, Unmet, infeasible
from chipweave.results.result import Result
from chipweave.serving.growing import summed
from chipweave.serving.service import Served, Service, Step
from chipweave.workload.model import Model
from chipweave.workload.zoo.language import CONFIGURATIONS

TIGHTENED = 3
"""Times that a plan of decode is looked for, each with a tighter limit of its step in the middle."""


def serve(
    config: str | Path | Mapping[str, Any],
    package: Package | str | Path,
    *,
    prompt: int,
    output: int,
    batch: int = 1,
    ttft_limit_s: float | None = None,
    tpot_limit_s: float | None = None,
    routing: str | Path | Sequence[float] = "uniform",
    absorbed: bool | None = None,
    bytes_per_element: int | None = None,
    progress: Callable[[str], None] | None = None,
    **common: Any,
) -> Served:
    """A language model in service on a package: `batch` sequences of `prompt` tokens, each answered with `output`.

    Prefill and decode run one after another, each on the whole package by a plan of its own. The context grows by a
    token a step; steps are priced at a few contexts, and lie on lines in between (docs/serving.md).

    Args:
        config: a `config.json` of `transformers`, the same as a mapping, or a built-in one such as `llama3_70b`.
        package: an object, a built-in name or a YAML file.
        prompt, output: tokens of each sequence that come in and go out; batch: sequences that are served together.
        ttft_limit_s: time to the first token, at most; tpot_limit_s: time per output token, on average, at most.
        routing, absorbed, bytes_per_element: as `from_hf` takes them; of a built-in model an element has one byte.
        progress: called with what is done next.
        common: passed to `schedule`, such as `scheduler` and `objective`.

    Raises:
        InputError: a name, file or number is wrong, more tokens than the model takes, or more than the memory holds.
        InfeasibleError: no valid schedule, or none within the limits.
    """
    asked = Service(prompt, output, batch, ttft_limit_s, tpot_limit_s)
    if common.get("latency_limit_s") is not None:
        raise InputError("serve: latency_limit_s is that of one schedule; give ttft_limit_s or tpot_limit_s")
    common = {name: value for name, value in common.items() if value is not None}
    known, width = _configuration(config, bytes_per_element)
    model_of = partial(_model, known, batch, {"routing": routing, "absorbed": absorbed, "bytes_per_element": width})
    first = model_of("prefill", prompt)
    model_of("decode", asked.last)  # refused here, where it has more tokens than the model takes
    tell = progress or (lambda _: None)
    tell("prefill")
    prefill = schedule(first, package, latency_limit_s=ttft_limit_s, **common)
    made = partial(_decoded, asked, model_of, prefill.problem.package, common, tell)
    name = str(config) if isinstance(config, str | Path) and str(config) in CONFIGURATIONS else first.name
    return made(prefill, name)


def _configuration(
    config: str | Path | Mapping[str, Any], bytes_per_element: int | None
) -> tuple[str | Path | Mapping[str, Any], int | None]:
    """What a built-in name stands for, whose elements have one byte unless something else is asked for."""
    if isinstance(config, str) and config in CONFIGURATIONS:
        return CONFIGURATIONS[config], bytes_per_element or 1
    return config, bytes_per_element


def _model(
    config: str | Path | Mapping[str, Any], batch: int, how: Mapping[str, Any], phase: str, tokens: int
) -> Model:
    """Prefill of so many tokens, or decode behind so many."""
    step = {"prompt" if phase == "prefill" else "context": tokens}
    return import_config(config, phase=phase, batch=batch, **step, **how).model


def _decoded(
    asked: Service,
    model_of: Callable[[str, int], Model],
    package: Package,
    common: Mapping[str, Any],
    tell: Callable[[str], None],
    prefill: Result,
    name: str,
) -> Served:
    """All steps of the answer, by the plan of the one in the middle."""
    middle, limit_s = model_of("decode", asked.middle), asked.tpot_limit_s
    how = {key: common[key] for key in ("objective", "fidelity") if key in common}
    how["cost_model"] = common.get("cost_model", DEFAULT)
    tpot_s = 0.0
    for _ in range(TIGHTENED):
        tell(f"decode behind {asked.middle:,} tokens")
        plan = schedule(middle, package, latency_limit_s=limit_s, **common)
        price = partial(_priced, plan, model_of, package, how, tell)
        all_steps = summed(price, asked.first, asked.last)
        seconds, joules, memory_s = map(float, all_steps.total)
        tpot_s = seconds / asked.steps
        if asked.tpot_limit_s is None or limit_s is None or tpot_s <= asked.tpot_limit_s:
            steps = tuple(Step(at, *map(float, each)) for at, each in all_steps.priced.items())
            return Served(name, asked, prefill, plan, seconds, joules, memory_s, steps, all_steps.off)
        limit_s = plan.evaluation.latency_s * asked.tpot_limit_s / tpot_s
    raise infeasible(
        Unmet(
            Requirement.LATENCY,
            of="decode",
            demand=asked.tpot_limit_s,
            reached=tpot_s,
            unit="s",
            levers=("raise `tpot_limit_s`", "serve fewer sequences together", "take a package with more bandwidth"),
        )
    )


def _priced(
    plan: Result,
    model_of: Callable[[str, int], Model],
    package: Package,
    how: Mapping[str, Any],
    tell: Callable[[str], None],
    context: int,
) -> Floats:
    """Seconds, joules, and seconds of the memory's roofline, of a step of decode behind so many tokens."""
    tell(f"the step behind {context:,} tokens")
    model = model_of("decode", context)
    result = evaluate(plan.schedule, model, package, **how)
    (task,) = result.problem.scenario.tasks
    memory_s = unavoidable_dram_bytes(replace(task, batch=1)) / prepare(result.problem).rates.dram_bytes_s
    return np.array([result.evaluation.latency_s, result.evaluation.energy_j, memory_s])
