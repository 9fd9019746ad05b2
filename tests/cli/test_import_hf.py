"""`chipweave import hf`: what it prints and saves, and what it refuses, with the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chipweave
from chipweave.cli.main import run
from chipweave.errors import InputError
from chipweave.files.hf_config import import_config
from chipweave.files.model_file import load_model
from chipweave.workload.importers.hf.families import FAMILIES, REFUSED

PUBLISHED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "reference/hf/published.json").read_text("utf-8")
)
LLAMA = PUBLISHED["llama-3.1-8b"]["config"] | {"num_hidden_layers": 2}
MOE = PUBLISHED["mixtral-8x7b"]["config"] | {"num_hidden_layers": 2}
DECODE = ["--phase", "decode", "--context", "100"]


def saved(folder: Path, config: dict[str, Any], name: str = "config.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(config, indent=1))
    return path


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The message of a command that ends with 2."""
    capsys.readouterr()
    assert run(["import", "hf", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    return " ".join(captured.err.split())


def test_json_holds_the_totals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, PUBLISHED["llama-3.1-8b"]["config"], "llama_config.json")
    assert run(["import", "hf", str(path), *DECODE, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["name"], data["parameters"], data["bytes_per_element"]) == ("llama-decode", 8030261248, 2)
    assert data["weights"] == 8030261248 - 4096 * 128256 - 65 * 4096
    assert data["unsupported"] == {}


def test_the_summary_says_both_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, MOE | {"vision_config": {}, "quantization_config": {"quant_method": "fp8"}})
    assert run(["import", "hf", str(path), *DECODE, "--batch", "4"]) == 0
    text = capsys.readouterr().out
    assert "with embeddings, norms and biases, which no layer has" in text
    assert "note: 5 of 8 experts are touched, on average, each by 2 rows at most" in text
    assert "an element is costed at 1 byte" in text
    assert "weights are quantised (fp8) to 1 byte; caches and activations are costed at the same" in text


def test_the_saved_model_is_scheduled(tmp_path: Path) -> None:
    out = tmp_path / "models" / "step.yaml"
    small = LLAMA | {
        "num_hidden_layers": 1,
        "hidden_size": 64,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 96,
    }
    path = saved(tmp_path, small | {"vocab_size": 100})
    assert run(["import", "hf", str(path), *DECODE, "--out", str(out), "--name", "mine"]) == 0
    model = load_model(out)
    assert model == chipweave.from_hf(path, phase="decode", context=100, name="mine")
    assert model == chipweave.from_hf(small | {"vocab_size": 100}, phase="decode", context=100, name="mine")
    assert run(["schedule", str(out), "-p", "het-2x2", "-s", "standalone"]) == 0


def test_the_routing_by_name_file_and_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, table = saved(tmp_path, MOE), tmp_path / "shares.csv"
    table.write_text(
        "expert,share\n\n" + "".join(f"{expert},{int(expert in (3, 5))}\n" for expert in reversed(range(8)))
    )
    weights = []
    for routing in ("uniform", "zipf:0", "zipf:90", str(table)):
        assert run(["import", "hf", str(path), *DECODE, "--batch", "50", "--routing", routing, "--json"]) == 0
        weights.append(json.loads(capsys.readouterr().out)["weights"])
    expert = 2 * 3 * 4096 * 14336
    assert weights[0] == weights[1] == weights[2] + 6 * expert == weights[3] + 6 * expert
    shares = [0.0, 0, 0, 1, 0, 1, 0, 0]
    model = chipweave.from_hf(path, phase="decode", context=100, batch=50, routing=shares)
    assert model.weight_elements == weights[3]


FAULTS: list[tuple[dict[str, Any], str]] = [
    (
        {"model_type": "lama"},
        "config.json:2: model_type: 'lama' is no architecture that is known; did you mean 'llama'?",
    ),
    ({"model_type": "t5"}, "is no architecture that is known"),
    ({"model_type": None}, "config.json:2: model_type: is missing; it says which architecture this is"),
    (
        {"model_type": "deepseek_v4"},
        "config.json:2: model_type: 'deepseek_v4' is not imported: attention over compressed",
    ),
    ({"vocab_size": None}, "vocab_size: is missing; add it"),
    ({"vocab_size": "many"}, "vocab_size: 'many' is not a whole number; give one"),
    ({"vocab_size": True}, "vocab_size: True is not a whole number; give one"),
    ({"hidden_size": -4096}, "hidden_size: -4096 is out of range; give 1 to 16777216"),
    ({"num_key_value_heads": 7}, "num_key_value_heads: 7 does not divide num_attention_heads 32; correct it"),
    ({"hidden_size": 4097}, "hidden_size: 4097 is not a multiple of the 32 heads; correct it, or add head_dim"),
    ({"num_hidden_layers": 1001}, "num_hidden_layers: 1001 is out of range; give 1 to 1000"),
    ({"tie_word_embeddings": "no"}, "tie_word_embeddings: 'no' is not true or false; give that"),
    ({"torch_dtype": "int3"}, "torch_dtype: 'int3' is no type that is known"),
    (
        {"quantization_config": {"quant_method": "mxfp4"}},
        "quantization_config: weights are quantised (mxfp4), to widths that are not read here; give --weights and",
    ),
    ({"text_config": 3}, "text_config: 3 is not a mapping; give one"),
    ({"text_config": {"model_type": "llama"}}, "config.json:12: text_config.hidden_size: is missing; add it"),
    ({"max_position_embeddings": 50}, "config.json: 101 tokens (100 cached, 1 new) are more than the 50 that"),
    ({"hidden_size": 2**31}, "hidden_size: 2147483648 is out of range; give 1 to 16777216"),
    (
        {"num_attention_heads": 2**20, "head_dim": 2**12},
        "K=4294967296 is more than 2147483647",
    ),
]


@pytest.mark.parametrize(("change", "message"), FAULTS, ids=[next(iter(row[0])) for row in FAULTS])
def test_a_configuration_at_fault(
    change: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path, LLAMA | change)
    out = tmp_path / "out.yaml"
    text = said([str(path), *DECODE, "--out", str(out)], capsys)
    assert message in text
    assert text.count("error: ") == 1
    assert f"error: {path}" in text
    assert not out.exists()


def test_experts_at_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, MOE | {"num_experts_per_tok": 9})
    line = path.read_text().split("num_experts_per_tok")[0].count("\n") + 1
    assert f"{path}:{line}: num_experts_per_tok: 9 is more than num_local_experts, 8" in said(
        [str(path), *DECODE], capsys
    )


TEXTS = [
    ("", "config.json:1: is empty"),
    ("[1]", "config.json:1: does not begin with a mapping; a configuration begins with '{'"),
    ('{"model_type": "llama",\n "a" 1}', "config.json:2: not valid JSON"),
    ('{"model_type": "llama",\n "a": 1', "config.json:2: not valid JSON: it ends too early"),
    ("{\n" + '"a": {' * 60 + "}" * 60 + "}", "nested more than"),
]


@pytest.mark.parametrize(("text", "message"), TEXTS, ids=range(len(TEXTS)))
def test_a_file_that_is_none(text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    assert message in said([str(path), *DECODE], capsys)


def test_a_file_of_very_many_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chipweave.files.json.MAX_VALUES", 10)
    assert "config.json:7: more than 10 values; make the file smaller" in said(
        [str(saved(tmp_path, LLAMA)), *DECODE], capsys
    )


def test_numbers_that_python_writes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA | {"time_step_limit": [0.0, float("inf"), -float("inf"), float("nan")]}))
    assert chipweave.from_hf(path, phase="decode", context=3).layers


STEPS = [
    (["--phase", "decode"], "decode needs the tokens that are cached; give --context"),
    (["--phase", "prefill"], "prefill needs the length of the prompt; give --prompt"),
    (["--phase", "decode", "--context", "3", "--prompt", "3"], "decode takes no prompt"),
    (["--phase", "both"], "phase 'both' is unknown; known: prefill, decode"),
    ([*DECODE, "--batch", "0"], "batch=0 is out of range"),
    (["--phase", "decode", "--context", "-1"], "context=-1 is out of range"),
    (["--phase", "prefill", "--prompt", "100000", "--batch", "1000"], "more than 16777216 rows; give fewer of either"),
    ([*DECODE, "--routing", "even"], "routing 'even' is unknown; give uniform, zipf:S, or a file FILE.csv"),
    ([*DECODE, "--routing", "zipf:x"], "the exponent is no number from 0 to 100"),
    ([*DECODE, "--routing", "none.csv"], "none.csv: no such file"),
]


@pytest.mark.parametrize(("arguments", "message"), STEPS, ids=range(len(STEPS)))
def test_a_step_at_fault(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in said([str(saved(tmp_path, MOE)), *arguments], capsys)


TABLES = [
    ("expert,part\n0,1\n", "shares.csv:1: is no header of a routing table; begin with 'expert,share'"),
    ("expert,share\n0,1\n0,1\n", "shares.csv:3: expert 0 is there twice; remove one of the two"),
    ("expert,share\n0,-1\n", "shares.csv:2: '0,-1' is not an expert's number and its share; write 0,0.25"),
    ("expert,share\n0,1,2\n", "shares.csv:2: '0,1,2' is not"),
    ("expert,share\n0,nan\n", "shares.csv:2: '0,nan' is not"),
    ("expert,share\n1,1\n", "shares.csv: expert 0 has no line; write one for each, from 0 on"),
    ("expert,share\n", "shares.csv: expert 0 has no line"),
    ("expert,share\n0,1\n1,1\n", "has shares of 2 experts, the model has 8; give one for each"),
]


@pytest.mark.parametrize(("text", "message"), TABLES, ids=range(len(TABLES)))
def test_a_table_at_fault(text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "shares.csv"
    table.write_text(text)
    assert message in said([str(saved(tmp_path, MOE)), *DECODE, "--routing", str(table)], capsys)


def test_a_configuration_in_place_of_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, LLAMA)
    assert run(["schedule", str(path), "-p", "het-2x2"]) == 2
    text = " ".join(capsys.readouterr().err.split())
    assert f"is a language model's configuration; make a model of it first: chipweave import hf {path} --phase" in text


def test_nothing_is_known_and_refused_at_once() -> None:
    assert not set(FAMILIES) & set(REFUSED)


STRANGE = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70), st.sampled_from([2**31 - 1, 2**31, 2**70, 0.5, 1e300]),
    st.text(max_size=3), st.lists(st.sampled_from([1, "mamba", "full_attention", None]), max_size=3), st.just({"a": 1}),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PUBLISHED)), st.data())
def test_strange_fields_are_refused_or_imported(name: str, data: st.DataObject) -> None:
    """Never anything but a model or an InputError in a few lines."""
    config = {**PUBLISHED[name]["config"], "num_hidden_layers": 2}
    config |= {key: config.get(key, 2) for key in ("n_layer", "layer_types", "quantization_config")}
    key = data.draw(st.sampled_from(sorted(config)))
    config[key] = data.draw(STRANGE)
    phase = data.draw(st.sampled_from([{"phase": "decode", "context": 3}, {"phase": "prefill", "prompt": 5}]))
    assert len(problems_of(config, phase)) <= 1


def problems_of(config: dict[str, Any], phase: dict[str, Any]) -> tuple[str, ...]:
    try:
        import_config(config, **phase, bytes_per_element=1)
    except InputError as error:
        return error.problems
    return ()
