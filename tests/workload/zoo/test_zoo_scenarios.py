"""The scenarios against Table III of SCAR (Odema et al., MICRO 2024), transcribed here."""

from __future__ import annotations

import pytest

from chipweave.errors import InputError
from chipweave.workload.zoo import SCENARIOS, build_scenario

# Use case, models and batches, in the paper's order.
TABLE_III = {
    "datacenter-1": [("gpt-l", 1), ("bert-l", 3)],
    "datacenter-2": [("gpt-l", 1), ("bert-l", 3), ("resnet-50", 1)],
    "datacenter-3": [("gpt-l", 1), ("bert-l", 3), ("resnet-50", 32)],
    "datacenter-4": [("gpt-l", 8), ("bert-l", 24), ("u-net", 1), ("resnet-50", 32)],
    "datacenter-5": [
        ("gpt-l", 8),
        ("bert-l", 24),
        ("bert-base", 24),
        ("u-net", 1),
        ("resnet-50", 32),
        ("googlenet", 32),
    ],
    "arvr-6": [("d2go", 10), ("planercnn", 15), ("midas", 30), ("emformer", 3), ("hrvit", 10)],
    "arvr-7": [("planercnn", 15), ("hand-sp", 45), ("midas", 30)],
    "arvr-8": [("d2go", 30), ("emformer", 3)],
    "arvr-9": [("eyecod", 60), ("hand-sp", 30), ("sp2dense", 30)],
    "arvr-10": [("eyecod", 60), ("hand-sp", 45)],
}
# GMACs of one sample of each model and the layers with weights or products, from the references' totals.
FAITHFUL = {
    "gpt-l": ("gpt2_large", 100_341_022_720),
    "bert-l": ("bert_large", 39_460_012_032),
    "bert-base": ("bert_base", 11_173_625_856),
    "u-net": ("unet", 192_384_335_872),
    "resnet-50": ("resnet50", 4_089_184_256),
    "googlenet": ("googlenet", 1_582_671_872),
    "d2go": ("d2go_fbnetv3a", 980_176_368),
    "planercnn": ("planercnn", 9_975_117_824),
    "midas": ("midas_v21_small", 3_446_376_192),
    "emformer": ("emformer_em24l", 10_066_329_600),
    "hrvit": ("hrvit_b1", 2_775_573_440),
    "hand-sp": ("hand_graph_cnn", 4_072_630_272),
    "eyecod": ("eyecod", 1_027_112_960 + 142_153_760),
    "sp2dense": ("sparse_to_dense", 14_709_002_240),
}


IN_SERVICE = {
    "llm-chat": ["llama3_8b_decode", "llama3_8b_prefill"],
    "llm-moe": ["mixtral_8x7b_decode"],
    "llm-70b": ["llama3_70b_decode"],
}


@pytest.mark.parametrize("name", IN_SERVICE)
def test_language_models_in_service(name: str) -> None:
    """A step each: the sequences are in the model, so the scenario's batch is 1."""
    tasks = build_scenario(name).tasks
    assert [(task.model.name, task.batch) for task in tasks] == [(model, 1) for model in IN_SERVICE[name]]


def test_the_large_one_is_in_the_middle_of_its_answer() -> None:
    """Keys and values of 8 heads of 128 numbers, of 3,072 tokens, in 80 blocks; and the embedding of one."""
    (task,) = build_scenario("llm-70b").tasks
    assert task.model.input_elements == 80 * 2 * 3072 * 8 * 128 + 8192


def test_there_are_ten_scenarios_their_twins_and_five_frames() -> None:
    twins = {f"paper/{name}" for name in TABLE_III}
    frames = {f"arvr-{number}-frame" for number in range(6, 11)}
    answers = {f"datacenter-{number}-decode" for number in range(1, 6)}
    assert set(SCENARIOS) == set(TABLE_III) | twins | frames | set(IN_SERVICE) | answers


@pytest.mark.parametrize("number", range(1, 6))
def test_the_datacentres_with_an_answer(number: int) -> None:
    """A step of decode of as many sequences as GPT-L has prompts, beside what Table III has."""
    plain, answering = build_scenario(f"datacenter-{number}"), build_scenario(f"datacenter-{number}-decode")
    first, step, *others = answering.tasks
    assert (first, *others) == plain.tasks
    assert (step.name, step.batch, step.serves.sequences) == ("gpt-l-decode", 1, first.batch)
    # Keys and values of 36 blocks, 1,280 wide, of 192 tokens, and an embedding; of each sequence.
    assert step.model.input_elements == first.batch * (36 * 2 * 192 * 1280 + 1280)
    assert step.model.weight_elements == 36 * 12 * 1280**2 + 1280 * 50257


@pytest.mark.parametrize("name", TABLE_III)
@pytest.mark.parametrize("prefix", ["", "paper/"])
def test_models_and_batches_are_those_of_table_iii(prefix: str, name: str) -> None:
    scenario = build_scenario(prefix + name)
    assert scenario.name == prefix + name
    assert [(task.name, task.batch) for task in scenario.tasks] == TABLE_III[name]
    assert all(task.latency_limit_s is None and task.depends_on is None for task in scenario.tasks)
    assert all(task.model.name.startswith("paper/") == bool(prefix) for task in scenario.tasks)
    assert ("a batch is the frames of one second" in scenario.note) == name.startswith("arvr")


@pytest.mark.parametrize("name", TABLE_III)
def test_faithful_scenarios_run_the_real_networks(name: str) -> None:
    for task in build_scenario(name).tasks:
        assert (task.model.name, task.model.macs) == FAITHFUL[task.name]


def test_the_paper_counts_its_layers() -> None:
    """Table VI: GPT-L 120, BERT-L 60, U-Net 23 and ResNet 66 layers."""
    layers = {task.name: len(task.model.layers) for task in build_scenario("paper/datacenter-4").tasks}
    assert layers == {"gpt-l": 120, "bert-l": 60, "u-net": 23, "resnet-50": 66}


@pytest.mark.parametrize("number", range(6, 11))
def test_a_frame_has_the_frame_time_as_its_limit(number: int) -> None:
    second, frame = build_scenario(f"arvr-{number}"), build_scenario(f"arvr-{number}-frame")
    for batch, single in zip(second.tasks, frame.tasks, strict=True):
        assert (single.name, single.model, single.batch) == (batch.name, batch.model, 1)
        assert single.latency_limit_s == pytest.approx(1 / batch.batch)
    assert "frame time" in frame.note


def test_an_unknown_scenario_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match=r"unknown scenario 'datacentre-4'; did you mean 'datacenter-4'\?"):
        build_scenario("datacentre-4")
