"""The ten scenarios of SCAR's Table III (Odema et al., MICRO 2024), with the real networks and with SCAR's own.

Beside them three of language models in service, and SCAR's datacentres with an answer to GPT-L's prompt.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from chipweave.errors import InputError, did_you_mean
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.serves import Phase, Serves
from chipweave.workload.zoo.catalog import build_model

# What SCAR calls a model: the task's name, the faithful network, the `paper/` network.
NETWORKS = {
    "gpt-l": ("gpt2_large", "paper/gpt_l"),
    "bert-l": ("bert_large", "paper/bert_l"),
    "bert-base": ("bert_base", "paper/bert_base"),
    "u-net": ("unet", "paper/unet"),
    "resnet-50": ("resnet50", "paper/resnet50"),
    "googlenet": ("googlenet", "paper/googlenet"),
    "d2go": ("d2go_fbnetv3a", "paper/d2go"),
    "planercnn": ("planercnn", "paper/planercnn"),
    "midas": ("midas_v21_small", "paper/midas"),
    "emformer": ("emformer_em24l", "paper/emformer"),
    "hrvit": ("hrvit_b1", "paper/hrvit"),
    "hand-sp": ("hand_graph_cnn", "paper/hand"),
    "eyecod": ("eyecod", "paper/eyecod"),
    "sp2dense": ("sparse_to_dense", "paper/sparse_to_dense"),
}

# Table III: name, use case, batch of each model. An AR/VR batch is XRBench's frame rate, per second.
TABLE_III: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("datacenter-1", "LMs", {"gpt-l": 1, "bert-l": 3}),
    ("datacenter-2", "LMs + image", {"gpt-l": 1, "bert-l": 3, "resnet-50": 1}),
    ("datacenter-3", "LMs + image", {"gpt-l": 1, "bert-l": 3, "resnet-50": 32}),
    ("datacenter-4", "LMs + segmentation + image", {"gpt-l": 8, "bert-l": 24, "u-net": 1, "resnet-50": 32}),
    (
        "datacenter-5",
        "LMs + segmentation + image",
        {"gpt-l": 8, "bert-l": 24, "bert-base": 24, "u-net": 1, "resnet-50": 32, "googlenet": 32},
    ),
    ("arvr-6", "AR assistant", {"d2go": 10, "planercnn": 15, "midas": 30, "emformer": 3, "hrvit": 10}),
    ("arvr-7", "AR gaming", {"planercnn": 15, "hand-sp": 45, "midas": 30}),
    ("arvr-8", "outdoors", {"d2go": 30, "emformer": 3}),
    ("arvr-9", "social", {"eyecod": 60, "hand-sp": 30, "sp2dense": 30}),
    ("arvr-10", "VR gaming", {"eyecod": 60, "hand-sp": 45}),
)
# Language models in service: name, use case, and per task its network and the step that it serves. That of `llm-70b` is
# in the middle of 2,048 tokens that are generated behind a prompt of 2,048.
IN_SERVICE: tuple[tuple[str, str, dict[str, tuple[str, Serves]]], ...] = (
    (
        "llm-chat",
        "decode beside a prefill",
        {
            "decode": ("llama3_8b_decode", Serves("llama3_8b", Phase.DECODE, context=2048)),
            "prefill": ("llama3_8b_prefill", Serves("llama3_8b", Phase.PREFILL, prompt=512)),
        },
    ),
    (
        "llm-moe",
        "decode of a mixture of experts",
        {"decode": ("mixtral_8x7b_decode", Serves("mixtral_8x7b", Phase.DECODE, sequences=8, context=2048))},
    ),
    (
        "llm-70b",
        "decode of a large dense model",
        {"decode": ("llama3_70b_decode", Serves("llama3_70b", Phase.DECODE, context=3072))},
    ),
)
FAITHFUL, AS_PUBLISHED = 0, 1
BATCH_IS_A_SECOND = "a batch is the frames of one second (XRBench frame rates)"
BATCH_IS_A_FRAME = "one frame of each model; the latency limit is the frame time at XRBench's frame rate"


def _batched(name: str, use_case: str, batches: dict[str, int], variant: int) -> Scenario:
    note = f"SCAR Table III ({use_case})"
    if name.startswith("arvr"):
        note += f"; {BATCH_IS_A_SECOND}"
    if variant == AS_PUBLISHED:
        name = f"paper/{name}"
        note += "; networks as SCAR most likely ran them"
    tasks = (Task(task, build_model(NETWORKS[task][variant]), batch) for task, batch in batches.items())
    return Scenario(name, tuple(tasks), note)


def _one_frame(name: str, use_case: str, frames_per_second: dict[str, int]) -> Scenario:
    tasks = (Task(task, build_model(NETWORKS[task][FAITHFUL]), 1, 1 / rate) for task, rate in frames_per_second.items())
    return Scenario(f"{name}-frame", tuple(tasks), f"SCAR Table III ({use_case}); {BATCH_IS_A_FRAME}")


def _answering(name: str, use_case: str, batches: dict[str, int]) -> Scenario:
    """Beside the models of Table III, among them GPT-L on prompts of 128 tokens, a step of decode of as many sequences
    of GPT-L: in the middle of 128 tokens that are generated behind a prompt of 128."""
    serves = Serves("gpt2_large", Phase.DECODE, sequences=batches["gpt-l"], context=192)
    answer = Task("gpt-l-decode", _step("gpt2_large_decode", serves), serves=serves)
    tasks = _batched(name, use_case, batches, FAITHFUL).tasks
    note = f"SCAR Table III ({use_case}), and a step of decode of GPT-L; ours"
    return Scenario(f"{name}-decode", (tasks[0], answer, *tasks[1:]), note)


def _in_service(name: str, use_case: str, steps: dict[str, tuple[str, Serves]]) -> Scenario:
    tasks = (Task(task, _step(network, serves), serves=serves) for task, (network, serves) in steps.items())
    return Scenario(name, tuple(tasks), f"language models in service: {use_case}; one step")


def _step(network: str, serves: Serves) -> Model:
    length = {"prompt": serves.prompt} if serves.prefills else {"context": serves.context}
    return build_model(network, batch=serves.sequences, **length)


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    **{row[0]: partial(_batched, *row, FAITHFUL) for row in TABLE_III},
    **{f"{row[0]}-frame": partial(_one_frame, *row) for row in TABLE_III if row[0].startswith("arvr")},
    **{row[0]: partial(_in_service, *row) for row in IN_SERVICE},
    **{f"{row[0]}-decode": partial(_answering, *row) for row in TABLE_III if "gpt-l" in row[2]},
    **{f"paper/{row[0]}": partial(_batched, *row, AS_PUBLISHED) for row in TABLE_III},
}
"""Every built-in scenario by name; calling one builds it."""


def build_scenario(name: str) -> Scenario:
    """Build a scenario: `datacenter-1..5`, `arvr-6..10`, their `paper/` twins, `arvr-6..10-frame`, `llm-...`, and
    `datacenter-1..5-decode`.

    Raises:
        InputError: an unknown name.
    """
    if name not in SCENARIOS:
        raise InputError(f"unknown scenario '{name}'{did_you_mean(name, SCENARIOS)}")
    return SCENARIOS[name]()
