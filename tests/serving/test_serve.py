"""A language model in service, against scheduling and evaluating every step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import chipweave
from chipweave.cli.main import run
from chipweave.errors import InfeasibleError, InputError
from chipweave.serving.service import Served, Service
from tests.workload.importers.test_hf_bytes import EXPERTS, MAMBA, SLIDING
from tests.workload.importers.test_hf_bytes import LLAMA as SHORT

HOW: dict[str, Any] = {"scheduler": "standalone"}
LLAMA = SHORT | {"max_position_embeddings": 32_768}


def served(config: dict[str, Any], **asked: Any) -> Served:
    given = {"prompt": 6, "output": 9, **HOW} | asked
    return chipweave.serve(config, "mesh-16", **given)


@pytest.mark.parametrize("config", [LLAMA, SLIDING, EXPERTS, MAMBA], ids=["dense", "window", "experts", "states"])
def test_all_steps_by_adding_them_up(config: dict[str, Any]) -> None:
    found = served(config, batch=2)
    every = [
        chipweave.evaluate(
            found.decode.schedule, chipweave.from_hf(config, phase="decode", context=at, batch=2), "mesh-16"
        ).evaluation
        for at in range(6, 6 + 8)
    ]
    assert found.decode_s == pytest.approx(sum(each.latency_s for each in every), rel=2e-3)
    assert found.decode_j == pytest.approx(sum(each.energy_j for each in every), rel=2e-3)
    assert found.tpot_s == pytest.approx(found.decode_s / 8)
    assert found.tokens_per_s == pytest.approx(2 * 8 / found.decode_s)
    assert found.tokens_per_j == pytest.approx(2 * 9 / found.energy_j)
    assert found.request_s == pytest.approx(found.ttft_s + found.decode_s)
    assert 0 < found.memory_roofline <= 1


def test_the_memory_roofline_by_hand() -> None:
    """Llama of the tests: per step the weights, 8 + 32 c bytes of the embedding and caches, and 42 that are stored, at
    64 GB/s; caches of 6 to 13 tokens."""
    found = served(LLAMA)
    weights = chipweave.from_hf(LLAMA, phase="decode", context=6).weight_elements
    bytes_ = sum(weights + 8 + 32 * context + 42 for context in range(6, 14))
    assert found.decode_memory_s == pytest.approx(bytes_ / 64e9, rel=1e-9)


def test_prefill_is_the_time_to_the_first_token() -> None:
    found = served(LLAMA, prompt=20)
    prompt = chipweave.from_hf(LLAMA, phase="prefill", prompt=20)
    assert found.ttft_s == chipweave.schedule(prompt, "mesh-16", **HOW).evaluation.latency_s


def test_limits() -> None:
    free = served(LLAMA)
    held = served(LLAMA, ttft_limit_s=1.01 * free.ttft_s, tpot_limit_s=1.01 * free.tpot_s)
    assert held.ttft_s <= 1.01 * free.ttft_s
    assert held.tpot_s <= 1.01 * free.tpot_s
    for name in ("ttft_limit_s", "tpot_limit_s"):
        with pytest.raises(InfeasibleError, match=r"must end by 1e-12 s"):
            served(LLAMA, **{name: 1e-12})


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="output=1 is out of range; give 2 to"):
        Service(prompt=4, output=1)
    with pytest.raises(InputError, match="tpot_limit_s=0 is not a positive number"):
        Service(prompt=4, output=4, tpot_limit_s=0)
    with pytest.raises(InputError, match="more than the 10 that"):
        served(LLAMA | {"max_position_embeddings": 10})
    with pytest.raises(InputError, match=r"memory: package 'rebel100-like' holds .* 'the last step' needs"):
        chipweave.serve(LLAMA, "rebel100-like", prompt=6, output=9000, batch=2**20)
    with pytest.raises(InputError, match="give ttft_limit_s or tpot_limit_s"):
        served(LLAMA, latency_limit_s=1.0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA))
    asked = ["serve", str(file), "-p", "mesh-16", "-s", "standalone", "--prompt", "6", "--output", "9"]
    assert run([*asked, "--out", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert "1 sequence, 6 tokens in, 9 out" in text
    assert "time per output token" in text
    for name in ("prefill", "decode"):
        assert (tmp_path / "out" / name / "schedule.json").exists()
    assert run([*asked, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["steps"][0]["context"] == 6
    assert data["steps"][-1]["context"] == 13
    assert data["tpot_s"] == pytest.approx(served(LLAMA).tpot_s)


def test_the_command_refuses_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "llama3_9b", "-p", "mesh-16", "--prompt", "6", "--output", "9"]) == 2
    assert "did you mean 'llama3_8b'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "asked", "said"),
    [
        ({"max_position_embeddings": 100}, {"prompt": 90, "output": 30}, "119 tokens (118 cached, 1 new) are more"),
        ({}, {"prompt": 9000, "output": 9000, "batch": 500_000, "package": "rebel100-like"}, "give fewer of either"),
        ({}, {"prompt": 2, "output": 9000, "batch": 700_000, "package": "rebel100-like"}, "memory: package 'rebel100"),
        (
            {"model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 9},
            {},
            "num_experts_per_tok: 9 is more than num_local_experts, 4; correct one of them",
        ),
        ({"model_type": "frobnicate"}, {}, "'frobnicate' is no architecture that is known"),
        ({"hidden_size": "eight"}, {}, "hidden_size: 'eight' is not a whole number"),
        (None, {}, "not valid JSON: it ends too early"),
    ],
)
def test_bad_input_is_one_message(
    change: dict[str, Any] | None,
    asked: dict[str, Any],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, nothing on stdout, no folder; before any search."""
    file, out = tmp_path / "config.json", tmp_path / "out"
    file.write_text('{"model_type": "llama",' if change is None else json.dumps(LLAMA | change))
    given = {"package": "mesh-16", "prompt": 5, "output": 5} | asked
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    assert run(["serve", str(file), *words, "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("error:") == 1
    assert said in " ".join(captured.err.split())
    assert captured.out == ""
    assert not out.exists()
