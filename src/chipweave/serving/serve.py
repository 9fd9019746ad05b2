"""A language model in service: a plan for the prompt, one for the answer, and what both come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from chipweave.api.asked import package_of
from chipweave.errors import InputError
from chipweave.hardware.package import Package
from chipweave.plan.room import require_memory
from chipweave.serving.answer import Answer
from chipweave.serving.apart import require_two_sides, side_by_side
from chipweave.serving.lengths import Lengths, lengths_of
from chipweave.serving.planning import Planning
from chipweave.serving.service import Part, Served, Service
from chipweave.serving.steps import Steps
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo.language import CONFIGURATIONS


def serve(
    config: str | Path | Mapping[str, Any],
    package: Package | str | Path,
    *,
    prompt: int | str | Path | Mapping[int, float],
    output: int | str | Path | Mapping[int, float],
    batch: int = 1,
    ttft_limit_s: float | None = None,
    tpot_limit_s: float | None = None,
    repeat: bool = False,
    disaggregate: bool = False,
    prefill_chiplets: Sequence[int] | None = None,
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
        prompt, output: tokens of each sequence that come in and go out, or a small distribution of them
            (`256:0.5,2048:0.5`, a CSV file, shares by length); batch: sequences that are served together.
        ttft_limit_s: time to the first token, at most; tpot_limit_s: time per output token, on average, at most.
        repeat: weights that fit L2 stay there from one step of decode to the next; else each step loads them.
        disaggregate: also side by side, on disjoint parts of the package; prefill_chiplets: those of prefill; None:
            looked for.
        routing, absorbed, bytes_per_element: as `from_hf` takes them; of a built-in model an element has one byte.
        progress: called with what is done next.
        common: passed to `schedule`, such as `scheduler` and `objective`.

    Raises:
        InputError: a name, file or number is wrong, more tokens than the model takes, or more than the memory holds.
        InfeasibleError: no valid schedule, or none within the limits.
    """
    prompts, outputs = lengths_of(prompt, "prompt"), lengths_of(output, "output")
    told = {"batch": batch, "ttft_limit_s": ttft_limit_s, "tpot_limit_s": tpot_limit_s, "repeat": repeat}
    asked = _services(told, prompts, outputs)
    _require_sound(asked, common, disaggregate, prefill_chiplets)
    common = {name: value for name, value in common.items() if value is not None}
    built_in = isinstance(config, str) and config in CONFIGURATIONS
    known, width = (CONFIGURATIONS[str(config)], bytes_per_element or 1) if built_in else (config, bytes_per_element)
    steps = Steps(known, batch, {"routing": routing, "absorbed": absorbed, "bytes_per_element": width})
    planning, tell = Planning(package_of(package), common), progress or (lambda _: None)
    models = {length: steps.prefill(length) for length, _ in prompts}
    # The last step is refused before any search, where the model takes fewer tokens or the memory holds fewer.
    longest = steps.decode(max(service.last for _, service in asked))
    require_memory(Scenario("the last step", (Task("decode", longest),)), planning.package)
    if disaggregate:
        require_two_sides(asked[0][1], steps, planning.package, prefill_chiplets)
    name = str(config) if built_in else models[prompts[0][0]].name
    together = _one_after_another(name, asked, models, Answer(asked, steps, planning, tell))
    if not disaggregate:
        return together
    return replace(together, apart=side_by_side(together, steps, planning, prefill_chiplets, tell))


def _one_after_another(
    name: str, asked: Sequence[tuple[float, Service]], models: Mapping[int, Model], answer: Answer
) -> Served:
    """Each on the whole package. `models`: prefill by the length of the prompt."""
    prefills = {}
    for length, model in models.items():
        answer.tell(f"prefill of {length:,} tokens" if len(models) > 1 else "prefill")
        prefills[length] = answer.planning.schedule(model, latency_limit_s=answer.some.ttft_limit_s)
    decode, found = answer.decoded()
    parts = tuple(
        Part(share, service, prefills[service.prompt], decoded)
        for (share, service), decoded in zip(asked, found, strict=True)
    )
    return Served(name, parts, decode)


def _require_sound(
    asked: Sequence[tuple[float, Service]],
    common: Mapping[str, Any],
    disaggregate: bool,
    prefill_chiplets: Sequence[int] | None,
) -> None:
    """Hold against each other what is asked."""
    paper, repeat = common.get("fidelity", "detailed") == "paper", asked[0][1].repeat
    if common.get("latency_limit_s") is not None:
        raise InputError("serve: latency_limit_s is that of one schedule; give ttft_limit_s or tpot_limit_s")
    if repeat and paper:
        raise InputError("serve: in fidelity 'paper' no weights stay in L2; leave `repeat` out, or use 'detailed'")
    if prefill_chiplets is not None and not disaggregate:
        raise InputError("serve: prefill_chiplets are those of prefill beside decode; give `disaggregate`, too")
    if disaggregate and paper:
        raise InputError("serve: in fidelity 'paper' nothing is shared; leave `disaggregate` out, or use 'detailed'")
    if disaggregate and len(asked) > 1:
        raise InputError("serve: side by side, prompts and answers have one length each; give one")


def _services(asked: Mapping[str, Any], prompts: Lengths, outputs: Lengths) -> list[tuple[float, Service]]:
    """Each length of the prompt with each of the answer, which do not depend on each other."""
    return [(own * other, Service(prompt, output, **asked)) for prompt, own in prompts for output, other in outputs]
