"""Distributions of lengths: as they are given, and every figure as the mean of its parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import chipweave
from chipweave.cli.main import run
from chipweave.errors import InputError
from chipweave.serving.lengths import MOST_LENGTHS, lengths_of, mean, shown
from chipweave.serving.service import Served
from tests.workload.importers.test_hf_bytes import LLAMA

HOW: dict[str, Any] = {"scheduler": "standalone"}
PROMPTS = {5: 3.0, 20: 1.0}
OUTPUTS = {4: 0.5, 9: 0.5}


@pytest.fixture(scope="module")
def mixed() -> Served:
    return chipweave.serve(LLAMA, "mesh-16", prompt=PROMPTS, output="4:0.5,9:0.5", batch=2, **HOW)


def test_ways_to_say_it(tmp_path: Path) -> None:
    file = tmp_path / "lengths.csv"
    file.write_text("length,share\n2048,3\n\n256,1\n")
    for given in ("256:0.25,2048:0.75", "2048:3, 256:1", file, str(file), {2048: 6, 256: 2}):
        assert lengths_of(given, "prompt") == ((256, 0.25), (2048, 0.75))
    assert lengths_of(7, "prompt") == lengths_of("7", "prompt") == ((7, 1.0),)
    assert lengths_of("7,9", "prompt") == ((7, 0.5), (9, 0.5))
    assert lengths_of("7:0,9:1", "prompt") == ((9, 1.0),)
    assert mean(((256, 0.25), (2048, 0.75))) == 1600
    assert shown(((256, 0.25), (2048, 0.75))) == "256 (25 %), 2,048 (75 %)"


def test_what_is_refused(tmp_path: Path) -> None:
    for given, said in (
        ("many", "prompt 'many': 'many' is no number of tokens; write 256, or 256:0.5,2048:0.5"),
        ("256:much", "'much' is no share"),
        ("256:-1", "share -1.0 of length 256 is negative or no number"),
        ("256:nan", "share nan of length 256 is negative or no number"),
        ("256:1,256:2", "length 256 is there twice"),
        ("256:0", "no length has a share"),
        (",".join(map(str, range(1, MOST_LENGTHS + 2))), f"take {MOST_LENGTHS} at most"),
    ):
        with pytest.raises(InputError, match="prompt") as caught:
            lengths_of(given, "prompt")
        assert said in str(caught.value), given
    file = tmp_path / "lengths.csv"
    for text, said in (
        ("", ":1: is empty"),
        ("tokens,share\n1,1\n", ":1: is no header of a table of lengths; begin with 'length,share'"),
        ("length,share\n1,1\n2\n", ":3: '2' is not a length and its share; write 256,0.5"),
        ("length,share\n1,1\nx,1\n", ":3: 'x' is no number of tokens"),
        ("length,share\n", "no length has a share"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=r"lengths\.csv") as caught:
            lengths_of(file, "prompt")
        assert said in str(caught.value), text


def test_every_figure_is_the_mean_over_its_parts(mixed: Served) -> None:
    """Steps one by one, by the plan that all share."""
    pairs = [(prompt, own / 4, output, other) for prompt, own in PROMPTS.items() for output, other in OUTPUTS.items()]
    assert sum(part.share for part in mixed.parts) == pytest.approx(1)
    first = {
        prompt: chipweave.schedule(chipweave.from_hf(LLAMA, phase="prefill", prompt=prompt, batch=2), "mesh-16", **HOW)
        for prompt in PROMPTS
    }
    step = {
        at: chipweave.evaluate(
            mixed.decode.schedule, chipweave.from_hf(LLAMA, phase="decode", context=at, batch=2), "mesh-16"
        ).evaluation
        for at in range(5, 28)
    }
    ttft_s = sum(own * other * first[prompt].evaluation.latency_s for prompt, own, _, other in pairs)
    steps = sum(own * other * (output - 1) for _, own, output, other in pairs)
    decode_s, decode_j = (
        sum(
            own * other * sum(getattr(step[at], name) for at in range(prompt, prompt + output - 1))
            for prompt, own, output, other in pairs
        )
        for name in ("latency_s", "energy_j")
    )
    prefill_j = sum(own * other * first[prompt].evaluation.energy_j for prompt, own, _, other in pairs)
    assert mixed.ttft_s == pytest.approx(ttft_s, rel=1e-12)
    assert mixed.tpot_s == pytest.approx(decode_s / steps, rel=2e-3)
    assert mixed.request_s == pytest.approx(ttft_s + decode_s, rel=2e-3)
    assert mixed.energy_j == pytest.approx(prefill_j + decode_j, rel=2e-3)
    assert mixed.tokens == pytest.approx(2 * 6.5)
    assert mixed.tokens_per_j == pytest.approx(2 * 6.5 / (prefill_j + decode_j), rel=2e-3)


def test_percentiles(mixed: Served) -> None:
    """Three of four prompts are short."""
    short, long = (
        chipweave.schedule(
            chipweave.from_hf(LLAMA, phase="prefill", prompt=prompt, batch=2), "mesh-16", **HOW
        ).evaluation.latency_s
        for prompt in PROMPTS
    )
    assert [mixed.ttft_within_s(share) for share in (0.5, 0.75, 0.76, 0.99)] == [short, short, long, long]


def test_one_length_is_a_distribution_of_one() -> None:
    one = chipweave.serve(LLAMA, "mesh-16", prompt=6, output=9, **HOW)
    same = chipweave.serve(LLAMA, "mesh-16", prompt="6:2", output={9: 1}, **HOW)
    assert (same.ttft_s, same.decode_s, same.decode_j, same.off) == (one.ttft_s, one.decode_s, one.decode_j, one.off)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA))
    asked = ["serve", str(file), "-p", "mesh-16", "-s", "standalone", "--prompt", "5:3,20:1", "--output", "9"]
    assert run(asked) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "5 (75 %), 20 (25 %) tokens in, 9 out" in text
    assert "on average; 50 % of requests within" in text
    assert run([*asked, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["prompt"] == [{"length": 5, "share": 0.75}, {"length": 20, "share": 0.25}]
    assert data["ttft_s"] == pytest.approx(sum(part["share"] * part["ttft_s"] for part in data["parts"]))
    assert set(data["ttft_percentiles_s"]) == {"p50", "p90", "p99"}
    assert run([*asked, "--disaggregate"]) == 2
    assert "have one length each; give one" in capsys.readouterr().err
