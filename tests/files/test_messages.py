"""What is said of any value of any file that is wrong: where it stands, and what to do about it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chipweave.cost.interface import CostModel
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.errors import InputError
from chipweave.files.chiplet_file import load_chiplet
from chipweave.files.model_file import load_model
from chipweave.files.package_file import load_package
from chipweave.files.scenario_file import load_scenario
from chipweave.files.schedule_file import read
from chipweave.plan.problem import pose
from chipweave.workload.zoo import build_scenario

MODEL: dict[str, Any] = {
    "name": "net",
    "weight_bits": 8,
    "activation_bits": 8,
    "sum_bits": 32,
    "input_elements": 3072,
    "layers": [
        {"name": "a", "op": "conv", "K": 16, "C": 3, "Y": 32, "X": 32, "R": 3, "S": 3, "stride": 1, "padding": [1, 1]},
        {"name": "b", "op": "conv", "K": 16, "C": 16, "Y": 32, "X": 32, "weight_bits": "fp8", "out_y": 32},
        {"name": "c", "op": "elementwise", "C": 16, "Y": 32, "X": 32, "inputs": [{"from": "b", "elements": 9}, "a"]},
        {"name": "d", "op": "conv", "K": 16, "C": 16, "Y": 32, "X": 32, "weight_bits": "fp8", "shares": "b"},
    ],
}
CHIPLET: dict[str, Any] = {
    "name": "mine",
    "dataflow": {"style": "custom", "cluster": 64, "loops": {"rows": ["K"], "columns": ["C"], "whole": ["R"]}},
    "num_pes": 256,
    "clock_hz": 500e6,
    "l2_bytes": 1048576,
    "l1_bytes": 1024,
    "rates": {"8": 1, "16": 0.5},
    "array": [16, 16],
    "precision_bits": 8,
    "sum_bits": 32,
    "node_nm": 28,
    "stream_bytes": 104857,
    "die_yield": 0.9,
}
GRID: dict[str, Any] = {
    "name": "grid",
    "classes": {"A": "arvr-nvdla", "B": {"name": "bee", "base": "arvr-nvdla", "num_pes": 128}},
    "grid": [["A", "B"], ["B", "A"]],
    "topology": "mesh",
    "express": [[0, 3]],
    "interfaces": [0, 1],
    "routing": "shortest",
    "hop_latency_s": 35e-9,
    "memory": [{"kind": "hbm2e", "count": 1, "interfaces": [0, 1], "capacity_bytes": 1000000000}],
    "other_links": [{"class": "ucie-advanced-32", "modules": 1, "links": [[0, 1]], "latency_s": 1e-8}],
}
GRAPH: dict[str, Any] = {
    "name": "graph",
    "chiplets": ["arvr-nvdla", "arvr-shidiannao"],
    "links": [[0, 1]],
    "positions": [[0, 0], [0, 1]],
    "interfaces": [0],
    "dram_bandwidth_bytes_s": 64e9,
    "link": {"class": "ucie-advanced-32", "modules": 2},
    "board": {"packages": [[0], [1]], "class": "serdes-112", "modules": 8},
}
SCENARIO: dict[str, Any] = {
    "name": "two",
    "latency_limit_s": 10,
    "models": [
        {"name": "m", "model": "eyecod", "batch": 2, "latency_limit_s": 5},
        {"name": "n", "model": "llama3_8b", "serves": {"phase": "prefill", "prompt": 16}, "depends_on": "m"},
    ],
}

WRONG = ("-1", "0", "1.5", ".nan", ".inf", "1e400", "9223372036854775808", "1" + "0" * 60, "abc", '"16"', '"a\\nb"')
WRONG += ("null", "true", "[]", "{}", "[1, 2, 3]", "{q: 1}", '""', "10 MB")

Place = tuple[str | int, ...]


class Raw(str):
    """Text of a value, as it shall stand in a file."""


def places(data: Any, at: Place = ()) -> Iterator[Place]:
    """Of every value within, from the outside to the inside."""
    for key in data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield (*at, key)
        yield from places(data[key], (*at, key))


def text_of(data: Any, indent: str = "") -> str:
    """YAML with a line for every value."""
    if isinstance(data, Raw):
        return str(data)
    if isinstance(data, dict):
        return "".join(f"\n{indent}{json.dumps(key)}: {text_of(value, indent + '  ')}" for key, value in data.items())
    if isinstance(data, list):
        return "".join(f"\n{indent}- {text_of(value, indent + '  ')}" for value in data) or "[]"
    return json.dumps(data)


def changed(data: Any, wrongs: tuple[str, ...] = WRONG) -> Iterator[Any]:
    """The data with one value wrong, or one key missing or misspelt."""
    for at in places(data):
        for wrong in (*map(Raw, wrongs), None, "misspelt"):
            made = copy.deepcopy(data)
            around = made
            for part in at[:-1]:
                around = around[part]
            if isinstance(wrong, Raw):
                around[at[-1]] = wrong
                yield made
                continue
            value = around.pop(at[-1])
            if wrong is not None and isinstance(at[-1], str):
                around[at[-1] + "x"] = value
            yield made


@pytest.mark.parametrize(
    ("data", "load"),
    [
        (MODEL, load_model),
        (CHIPLET, load_chiplet),
        (GRID, load_package),
        (GRAPH, load_package),
        (SCENARIO, load_scenario),
    ],
)
def test_every_message_has_a_place_and_a_remedy(data: Any, load: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text_of(data), encoding="utf-8")
    load(path)
    refused = 0
    for made in changed(data, WRONG if load is not load_scenario else WRONG[::2]):
        path.write_text(text_of(made), encoding="utf-8")
        try:
            load(path)
        except InputError as error:
            refused += 1
            for problem in error.problems:
                assert re.fullmatch(rf"{re.escape(str(path))}:\d+: (\S[^\n]*; |give )[^\n]+", problem), (problem, made)
    assert refused > 50


@pytest.mark.parametrize(
    ("cost_model", "line", "wrong"),
    [
        (LoopnestCostModel(), "l1_bytes: 5", "l1_bytes=5 cannot hold one MAC's operands"),
        (LoopnestCostModel(), "dataflow: {style: custom, mappings: {conv: 'SpatialMap(1,1) K;'}}", "without `loops`"),
        (MaestroCostModel(), "dataflow: {style: custom, loops: {rows: [K], columns: [C]}}", "without `mappings`"),
    ],
)
def test_what_a_cost_model_refuses_of_a_chiplet_stands_in_its_file(
    cost_model: CostModel, line: str, wrong: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"name: p\nclasses:\n  A:\n    name: own\n    {line}\ngrid: [[A]]\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        pose(build_scenario("arvr-6"), load_package(path), cost_model)
    for problem in caught.value.problems:
        assert problem.startswith(f"{path}:3: ")
        assert wrong in problem
        assert "; " in problem


PLAN: dict[str, Any] = {
    "scenario": "MODEL",
    "package": "het-2x2",
    "cost_model": {"name": "maestro"},
    "objective": "edp",
    "schedule": {
        "windows": [
            {
                "pipelines": [
                    {
                        "model": "net",
                        "micro_batch": 1,
                        "stages": [
                            {"layers": ["a"], "chiplets": [0], "partition": "whole"},
                            {"layers": {"first": "b", "last": "d"}, "chiplets": [1, 3], "partition": "input_shared"},
                        ],
                    }
                ]
            }
        ]
    },
}


def test_every_message_about_a_plan(tmp_path: Path) -> None:
    network = tmp_path / "net.yaml"
    network.write_text(text_of(MODEL), encoding="utf-8")
    data = PLAN | {"scenario": str(network)}
    path = tmp_path / "plan.yaml"
    path.write_text(text_of(data), encoding="utf-8")
    read(path)
    for made in changed(data, WRONG[::3]):
        path.write_text(text_of(made), encoding="utf-8")
        try:
            read(path)
        except InputError as error:
            for problem in error.problems:
                assert re.fullmatch(rf"{re.escape(str(path))}:\d+: \S[^\n]*; [^\n]+", problem), (problem, made)
