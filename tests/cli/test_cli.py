"""The command line: what it prints where, and how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chipweave
from chipweave.cli.console import program
from chipweave.cli.main import app, run
from chipweave.cost import DEFAULT
from chipweave.files.scenario_file import scenario_from_dict
from chipweave.files.yaml import parse_yaml
from chipweave.schedulers import SCHEDULERS, every_option
from chipweave.workload.zoo import build_scenario
from tests.cli.fakes import FAKES

SCENARIO = """
name: pair
note: a note to be shown
models:
  - name: left
    batch: 2
    model: &net
      name: net
      layers:
        - {name: one, op: conv, K: 16, C: 3, Y: 16, X: 16, R: 3, S: 3, padding: 1}
        - {name: two, op: conv, K: 32, C: 16, Y: 16, X: 16, R: 3, S: 3, padding: 1}
        - {name: add, op: elementwise, C: 32, Y: 16, X: 16}
  - {name: right, batch: 1, model: *net}
"""
COMMANDS = ("schedule", "evaluate", "why", "simulate", "compare", "cost", "price", "list", "show", "schema", "demo")
COMMANDS += ("reproduce", "validate", "serve")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "pair.yaml"
    path.write_text(SCENARIO)
    return str(path)


@pytest.fixture
def chip(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line into a pipe: (exit code, stdout, stderr). Searches by `scar`, which is quick, where no
    scheduler is named."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def call(*arguments: object) -> tuple[int, str, str]:
        named = {"-s", "--scheduler", "--help"} & set(map(str, arguments)) or arguments[:1] != ("schedule",)
        code = run([*map(str, arguments), *([] if named else ["-s", "scar"])])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err + captured.out
        return code, captured.out, captured.err

    return call


# Names, help, schemas ----------------------------------------------------------------------------------------------


def test_version(chip: Run) -> None:
    assert chip("--version") == (0, f"chipweave {chipweave.__version__}\n", "")


@pytest.mark.parametrize("empty", [("--out", ""), ("--out=",)])
def test_a_place_that_is_nothing_is_not_the_folder_that_one_is_in(chip: Run, empty: tuple[str, ...]) -> None:
    """As a shell hands over a variable that is not set."""
    code, _, err = chip("schedule", "resnet18", "--package", "het-2x2", *empty)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("error: --out: is empty; name a file or folder")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(chip: Run, command: str) -> None:
    code, out, _ = chip(command, "--help")
    assert code == 0
    assert f"chipweave {command}" in out
    assert "Example: chipweave" in out


def test_help_names_every_command(chip: Run) -> None:
    _, out, _ = chip("--help")
    assert chip() == (0, out, "")
    assert {c.name or c.callback.__name__ for c in app.registered_commands if c.callback} == set(COMMANDS)
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("models", "resnet50"),
        ("scenarios", "datacenter-4"),
        ("packages", "het-sides-3x3"),
        ("chiplets", "arvr-nvdla"),
        ("memory", "hbm3e"),
        ("links", "ucie-advanced-32"),
        ("schedulers", "scar"),
        ("validations", "eyeriss-v1"),
    ],
)
def test_lists(chip: Run, kind: str, name: str) -> None:
    code, out, err = chip("list", kind)
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines()]
    assert names[0] == kind.removesuffix("s")  # the heading
    assert name in names
    assert [entry["name"] for entry in json.loads(chip("list", kind, "--json")[1])] == names[1:]


def test_a_list_says_what_names_hold(chip: Run) -> None:
    """Figures by hand: AlexNet is 714,188,480 MACs; a datacenter chiplet has 4096 PEs at 500 MHz."""
    everything = json.loads(chip("list", "--json")[1])
    by_name = {kind: {entry["name"]: entry for entry in entries} for kind, entries in everything.items()}
    kinds = ["models", "scenarios", "packages", "chiplets", "memory", "links", "schedulers"]
    kinds += ["reproductions", "validations"]
    assert list(by_name) == kinds
    assert by_name["models"]["alexnet"] == {"name": "alexnet", "layers": 11, "macs": 714_188_480, "weights": 61_090_496}
    assert by_name["scenarios"]["datacenter-1"]["tasks"] == {"gpt-l": 1, "bert-l": 3}
    package = by_name["packages"]["het-sides-3x3"]
    assert (package["chiplets"], package["dataflows"]) == (9, {"nvdla": 6, "shidiannao": 3})
    assert (package["peak_macs_s"], package["dram_bandwidth_bytes_s"]) == (9 * 4096 * 500e6, 64e9)
    lines = chip("list")[1].splitlines()
    (line,) = (line for line in lines if line.startswith("het-sides-3x3 "))
    assert line.split()[-6:] == ["18.4", "TMAC/s", "-", "64.0", "GB/s", "-"]
    rebel = by_name["packages"]["rebel100-like"]
    assert (rebel["memory"], rebel["dram_bandwidth_bytes_s"], rebel["capacity_bytes"]) == (
        {"hbm3e": 4},
        4.8e12,
        144 * 2**30,
    )
    (line,) = (line for line in lines if line.startswith("rebel100-like "))
    assert " ".join(line.split()[-8:]) == "1.02 PMAC/s 4 hbm3e 4.80 TB/s 144 GiB"
    (line,) = (line for line in lines if line.startswith("datacenter-4 "))
    assert line.endswith("gpt-l x8, bert-l x24, u-net x1, resnet-50 x32")


def test_models_that_no_stack_holds_are_refused_with_file_and_line(chip: Run, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("name: p\ngrid: [[arvr-nvdla]]\nmemory:\n  - {kind: gddr6, capacity_bytes: 1048576}\n")
    code, out, err = chip("schedule", "alexnet", "--package", path, "--scheduler", "standalone")
    assert (code, out) == (2, "")
    assert f"{path}:3: memory: package 'p' holds 1 MiB, and scenario 'alexnet' needs 58." in err.replace("\n", " ")
    assert "are missing" in err


@pytest.mark.parametrize("name", ["hbm3e", "ucie-advanced-32"])
def test_kinds_are_shown_with_their_sources(chip: Run, name: str) -> None:
    code, out, err = chip("show", name)
    assert (code, err) == (0, "")
    shown = parse_yaml(out, name)[name]
    assert shown["sources"]["bandwidth_bytes_s"]
    assert shown["bandwidth_bytes_s"] > 0


@pytest.mark.parametrize("name", ["resnet18", "datacenter-1", "het-t", "datacenter-shidiannao"])
def test_what_is_shown_can_be_used(chip: Run, tmp_path: Path, name: str) -> None:
    code, out, err = chip("show", name)
    assert (code, err) == (0, "")
    path = tmp_path / "shown.yaml"
    path.write_text(out)
    if name == "het-t":
        assert chip("schedule", "resnet18", "--package", path, "--scheduler", "standalone", "--json")[0] == 0
    elif name == "datacenter-shidiannao":
        assert chip("cost", "resnet18", "--chiplet", path)[1] == chip("cost", "resnet18", "--chiplet", name)[1]
    else:
        arguments = ("--package", "simba-nvdla-3x3", "--scheduler", "standalone", "--json")
        built_in, mine = (json.loads(chip("schedule", which, *arguments)[1]) for which in (name, path))
        assert built_in["evaluation"] == mine["evaluation"]
        assert built_in["scenario_hash"] == mine["scenario_hash"]


def test_what_is_no_built_in_is_said_to_be_what_it_is(
    chip: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    (tmp_path / "folder").mkdir()
    for name, said in (
        ("mine.yaml", "mine.yaml: is a file already"),
        ("other.yaml", "other.yaml: no such file"),
        ("folder/mine", "folder/mine: no such file"),
        ("folder", "folder: is a folder"),
        ("no-such-name", "'no-such-name' is no built-in"),
    ):
        code, _, err = chip("show", name)
        assert code == 2
        assert said in err
        assert "'chipweave list' shows the names" in err


def test_a_scenario_is_shown_by_the_names_of_its_models(chip: Run) -> None:
    short, full = chip("show", "arvr-10-frame")[1], chip("show", "arvr-10-frame", "--full")[1]
    assert "model: hand_graph_cnn" in short
    assert len(short.splitlines()) == 5
    assert parse_yaml(full, "full")["models"][1]["model"]["layers"][0]["op"] == "conv"
    assert scenario_from_dict(parse_yaml(short, "short")) == scenario_from_dict(parse_yaml(full, "full"))
    assert scenario_from_dict(parse_yaml(short, "short")) == build_scenario("arvr-10-frame")


@pytest.mark.parametrize("kind", ["model", "scenario", "package", "chiplet", "schedule"])
def test_schemas(chip: Run, kind: str) -> None:
    code, out, _ = chip("schema", kind)
    assert code == 0
    assert json.loads(out)["type"] == "object"


# A schedule, its file, its report ----------------------------------------------------------------------------------


def without_seconds(document: dict[str, Any]) -> dict[str, Any]:
    search = document["search"]
    timeless = {name: [point | {"seconds": None} for point in search[name]] for name in ("history", "bounds")}
    return document | {"search": search | {"seconds": None} | timeless}


def test_a_schedule_of_an_older_law_is_costed_anew_and_said_to_be(chip: Run, tmp_path: Path) -> None:
    old = Path(__file__).parents[1] / "reference" / "schedules" / "by-hand.mesh-16.none.detailed.json"
    document = json.loads(old.read_text())
    document.pop("law", None)
    document["evaluation"]["latency_s"] = 1.5
    path = tmp_path / "schedule.json"
    path.write_text(json.dumps(document))
    code, out, err = chip("evaluate", path)
    assert code == 1
    assert "Window 0" in out
    said = " ".join(err.split())
    assert "the stored figures are of an older law" in said
    assert "evaluation.latency_s: stored 1.5, computed " in said
    assert "Traceback" not in err


@pytest.mark.parametrize("scheduler", list(SCHEDULERS))
def test_schedule_then_evaluate(chip: Run, scenario: str, tmp_path: Path, scheduler: str) -> None:
    package = "simba-nvdla-3x3" if scheduler == "simba" else "het-2x2"
    proves = scheduler in ("weave", "optimal")
    arguments = ("schedule", scenario, "--package", package, "--scheduler", scheduler)
    arguments += ("--steps", "20") if proves else ()
    code, out, err = chip(*arguments, "--json", "--out", tmp_path / "out")
    path = tmp_path / "out" / "schedule.json"
    written = [path, path.with_name("report.html"), path.with_name("trace.json")]
    assert (code, err) == (0, "".join(f"saved {each}\n" for each in written))
    assert path.read_text() == out
    assert set(path.parent.iterdir()) == set(written)
    document = json.loads(out)
    assert document["search"]["scheduler"] == scheduler
    assert document["search"]["complete"] is True

    again = chip(*arguments, "--json")
    assert without_seconds(json.loads(again[1])) == without_seconds(document)

    said = f"{path}: its lower bound was taken from its proof; `--certificate` checks the proof itself\n"
    assert chip("evaluate", path, "--json") == (0, out, said if proves else "")
    code, report, err = chip("evaluate", path)
    assert (code, err) == (0, said if proves else "")
    lines = len(document["search"]["lower_bound"].get("lines", ()))
    none = "holds no proof; its lower bound was computed anew"
    held = f"its proof holds: {lines} lines, checked anew" if proves else none
    assert chip("evaluate", path, "--certificate", "--json") == (0, out, f"{path}: {held}\n")
    for task in ("left", "right"):
        assert task in report
    assert f"{document['evaluation']['edp_js']:.4g} Js" in report
    assert f"gap             {100 * document['search']['gap']:.1f} %" in report
    assert "a note to be shown" in report


def test_a_proof_that_was_changed_is_refused(chip: Run, scenario: str, tmp_path: Path) -> None:
    chip("schedule", scenario, "-p", "het-2x2", "-s", "optimal", "--steps", "0", "--out", tmp_path)
    path = tmp_path / "schedule.json"
    document = json.loads(path.read_text())
    document["search"]["lower_bound"]["lines"][0]["value"] *= 1.01
    path.write_text(json.dumps(document))
    code, _, err = chip("evaluate", path, "--certificate")
    assert code == 1
    assert f"{path}: its proof does not hold:\nline 0: its value is " in err
    document["search"]["lower_bound"]["lines"][0]["chiplet"][0] = -1
    path.write_text(json.dumps(document))
    code, _, err = chip("evaluate", path)
    assert code == 2
    assert "search.lower_bound.lines[0].chiplet[0]" in err
    lines = document["search"]["lower_bound"]["lines"]
    lines[0]["chiplet"][0] = 0.0
    for left in ([], [each for each in lines if each["latency"] == 0], [each for each in lines if each["joule"] == 0]):
        document["search"]["lower_bound"]["lines"] = left
        path.write_text(json.dumps(document))
        code, _, err = chip("evaluate", path)
        assert code == 2
        assert "search.lower_bound.lines: hold no line for latency alone or none for energy alone" in err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"joule": 1e-320, "value": 4e-321}, "lines[2].joule: 1e-320 is not 0, or between 1e-30 and 1e+30"),
        ({"latency": 2e307, "value": 1e307}, "lines[2].latency: 2e+307 is not 0, or between 1e-30 and 1e+30"),
        ({"joule": 1e-10, "value": 1.7e308}, "lines[2].value: 1.7e+308 is not 0, or between 1e-30 and 1e+30"),
        ({}, "lines[2]: weighs neither seconds nor joules, and says nothing"),
    ],
)
def test_lines_whose_sums_would_say_nothing_are_refused(
    chip: Run, scenario: str, tmp_path: Path, changed: dict[str, float], said: str
) -> None:
    """A weight so small that every layer's share is rounded up, or so large that sums run over, proves anything."""
    chip("schedule", scenario, "-p", "het-2x2", "-s", "optimal", "--steps", "0", "--out", tmp_path)
    path = tmp_path / "schedule.json"
    document = json.loads(path.read_text())
    lines = document["search"]["lower_bound"]["lines"]
    nothing = {"latency": 0.0, "joule": 0.0, "value": 0.0, "dram": 0.0}
    priceless = {name: [0.0] * len(lines[0][name]) for name in ("chiplet", "chain")}
    lines[2:] = [nothing | priceless | changed]
    path.write_text(json.dumps(document))
    code, _, err = chip("evaluate", path, "--certificate")
    assert code == 2
    assert f"search.lower_bound.{said}" in err


def test_a_tampered_file_says_what_changed(chip: Run, scenario: str, tmp_path: Path) -> None:
    chip("schedule", scenario, "-p", "het-2x2", "-s", "standalone", "--out", tmp_path)
    path = tmp_path / "schedule.json"
    document = json.loads(path.read_text())
    document["evaluation"]["energy_j"] *= 2
    path.write_text(json.dumps(document))
    code, out, err = chip("evaluate", path)
    assert code == 1
    assert "evaluation.energy_j: stored" in err
    assert "pair on het-2x2" in out


def test_reports_fit_100_columns_and_have_no_colours_in_a_pipe(chip: Run, scenario: str) -> None:
    code, out, err = chip("schedule", scenario, "-p", "het-2x2")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_package_in_two_parts_is_bad_input(chip: Run, tmp_path: Path) -> None:
    path = tmp_path / "parts.yaml"
    path.write_text(
        "name: p\nchiplets: [A, A, A, A]\nclasses: {A: simba-chiplet}\nlinks: [[0, 1], [2, 3]]\ninterfaces: [0]\n"
    )
    code, out, err = chip("schedule", "resnet18", "-p", path)
    assert (code, out) == (2, "")
    expected = "links: package 'p': chiplets 2, 3 cannot be reached from chiplet 0; add a link to them"
    assert err.strip() == f"error: {path}:4: {expected}"


@pytest.mark.parametrize("scheduler", ["optimal", pytest.param("weave", marks=pytest.mark.slow)])
def test_a_batch_of_a_million_is_searched_in_micro_batches_of_at_most_128(
    chip: Run, tmp_path: Path, scheduler: str
) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(SCENARIO.replace("batch: 2", "batch: 1000000"))
    code, out, _ = chip("schedule", path, "-p", "het-2x2", "-s", scheduler, "--steps", 50, "--json")
    assert code == 0
    windows = json.loads(out)["schedule"]["windows"]
    sizes = [pipeline["micro_batch"] for window in windows for pipeline in window["pipelines"]]
    assert all(1 <= size <= 128 for size in sizes), sizes


def test_a_model_is_a_scenario_of_one_with_a_batch(chip: Run) -> None:
    code, out, _ = chip("schedule", "resnet18", "-p", "het-2x2", "-s", "standalone", "--batch", 3, "--json")
    assert code == 0
    ((model,),) = ([m["batch"] for m in json.loads(out)["scenario"]["models"]],)
    assert model == 3


def test_scar_takes_its_options(chip: Run, scenario: str) -> None:
    options = ("--n-splits", 1, "--packing", "uniform", "--provision", "exhaustive", "--top-k", 2, "--node-cap", 3)
    code, out, _ = chip("schedule", scenario, "-p", "het-2x2", *options, "--search", "exhaustive", "--json")
    assert code == 0
    chosen = json.loads(out)["search"]["options"]
    assert chosen["n_splits"] == 1
    assert (chosen["packing"], chosen["provision"], chosen["search"]) == ("uniform", "exhaustive", "exhaustive")
    assert (chosen["top_k"], chosen["node_cap"]) == (2, 3)


def test_schedulers_on_regions_take_their_options(chip: Run, scenario: str) -> None:
    arguments = ("-p", "het-2x2", "-s", "scope", "--micro-batch", 1, "--windows", 1, "--polish", 0, "--json")
    code, out, _ = chip("schedule", scenario, *arguments)
    assert code == 0
    document = json.loads(out)
    assert document["search"]["options"] == {"micro_batch": 1, "windows": 1, "polish": 0}
    pipelines = [pipeline for window in document["schedule"]["windows"] for pipeline in window["pipelines"]]
    assert [pipeline["micro_batch"] for pipeline in pipelines] == [1, 1]
    code, out, _ = chip("compare", scenario, *arguments, "-s", "scar")
    assert code == 0
    cells = json.loads(out)
    assert (cells[0]["scheduler"], cells[0]["windows"]) == ("scope", 2)


def test_compare_takes_the_options_of_schedulers(chip: Run, scenario: str) -> None:
    for command in ("schedule", "compare"):
        _, out, _ = chip(command, "--help")
        assert all(f" {option.flag} " in out for option in every_option())
    arguments = (scenario, "-p", "het-2x2", "-s", "scar", "--n-splits", 0, "--packing", "uniform", "--json")
    (cell,) = json.loads(chip("compare", *arguments)[1])
    alone = json.loads(chip("schedule", *arguments)[1])
    assert (cell["edp_js"], cell["windows"]) == (alone["evaluation"]["edp_js"], 1)


def test_what_is_a_reconstruction_is_called_one(chip: Run) -> None:
    assert "scope is our reconstruction" in " ".join(chip("schedule", "--help")[1].replace("│", " ").split())
    (line,) = (line for line in chip("list", "schedulers")[1].splitlines() if line.startswith("scope "))
    assert "our reconstruction of Scope" in line


def test_maestros_offchip_floor_reaches_the_file(chip: Run, scenario: str, tmp_path: Path) -> None:
    arguments = ("schedule", scenario, "-p", "het-2x2", "-s", "standalone", "--json")
    floor = json.loads(chip(*arguments, "--maestro-offchip-bandwidth", 1)[1])
    none = json.loads(chip(*arguments, "--cost-model", "maestro")[1])
    assert floor["cost_model"] == {"name": "maestro", "offchip_bandwidth": 1}
    assert none["cost_model"] == {"name": "maestro", "offchip_bandwidth": None}
    assert json.loads(chip(*arguments)[1])["cost_model"] == {"name": "loopnest", "objective": "edp"}
    assert floor["evaluation"]["latency_s"] > none["evaluation"]["latency_s"]


# Comparisons -------------------------------------------------------------------------------------------------------


def test_compare(chip: Run, scenario: str) -> None:
    arguments = ("compare", scenario, "-p", "het-2x2", "-p", "simba-nvdla-3x3", "-s", "simba", "-s", "nn-baton")
    code, out, err = chip(*arguments, "--json")
    assert code == 0
    assert err.splitlines() == [f"{s} on {p}" for p in ("het-2x2", "simba-nvdla-3x3") for s in ("simba", "nn-baton")]
    cells = {(cell["scheduler"], cell["package"]): cell for cell in json.loads(out)}
    assert "one chiplet class" in cells["simba", "het-2x2"]["error"]
    values = [cell["value"] for cell in cells.values() if "value" in cell]
    assert len(values) == 3
    assert min(cell["ratio"] for cell in cells.values() if "ratio" in cell) == 1
    _, table, _ = chip(*arguments)
    for cell in cells.values():
        assert cell["scheduler"] in table
        assert cell["package"] in table
        if "edp_js" in cell:
            assert f"{cell['edp_js']:.4g} Js" in table
    assert "different numbers of chiplets and no static power" in table


def test_a_comparison_says_what_packages_are_made_of_and_is_sorted(chip: Run, scenario: str) -> None:
    packages = ("simba-nvdla-3x3", "het-2x2")
    arguments = ("compare", scenario, *(word for name in packages for word in ("-p", name)), "-s", "standalone")
    rows = json.loads(chip(*arguments, "-s", "simba", "--sort", "chiplets", "--json")[1])
    assert [row.get("chiplets") for row in rows] == [4, 9, 9, None]
    # 4096 PEs, 10 MiB and 500 MHz a chiplet (SCAR V-A).
    assert [row["pes"] for row in rows[:2]] == [4 * 4096, 9 * 4096]
    assert rows[0]["l2_bytes"] == 4 * 10 * 2**20
    assert rows[0]["peak_macs_per_s"] == 4 * 4096 * 500e6
    _, out, _ = chip(*arguments)
    assert "not equal in PEs, L2, peak rate" in " ".join(out.split())
    _, same, _ = chip("compare", scenario, "-p", "het-sides-3x3", "-p", "simba-nvdla-3x3", "-s", "standalone")
    assert "The packages are equal in PEs, L2, peak rate" in " ".join(same.split())


def test_the_reason_of_empty_cells_stands_there_once(chip: Run, scenario: str) -> None:
    _, out, _ = chip("compare", scenario, "-p", "het-2x2", "-p", "het-sides-3x3", "-s", "simba", "-s", "standalone")
    assert out.count("one chiplet class") == len({line for line in out.splitlines() if "one chiplet class" in line}) > 0
    assert "(1) simba on het-2x2" in out


def test_compare_fails_where_no_cell_has_a_schedule(chip: Run, scenario: str) -> None:
    code, out, _ = chip("compare", scenario, "-p", "het-2x2", "-s", "simba")
    assert code == 1
    assert "simba on het-2x2: " in out


# Cost --------------------------------------------------------------------------------------------------------------


NETWORK = """
Network tiny { // a comment
  Layer good {
    Type: CONV
    Stride { X: 1, Y: 1 }
    Dimensions { K: 4, C: 4, R: 3, S: 3, Y: 8, X: 8 }
    Dataflow {
      SpatialMap(1,1) K; TemporalMap(1,1) C; TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;
      TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X;
    }
  }
BAD}
"""
BAD = "  Layer bad { Type: CONV Stride { X: 1, Y: 1 } Dimensions { K: 4, C: 4, R: 3, S: 3, Y: 8, X: 8 } }\n"
HARDWARE = ("--num-pes", 4, "--noc-bandwidth", 8, "--noc-latency", 1, "--simd-lanes", 1)


def test_cost_of_a_maestro_network(chip: Run, tmp_path: Path) -> None:
    path = tmp_path / "tiny.m"
    path.write_text(NETWORK.replace("BAD", ""))
    code, out, err = chip("cost", path, *HARDWARE, "--json")
    assert (code, err) == (0, "")
    (layer,) = json.loads(out)["layers"]
    assert layer.keys() == {"name", "runtime_cycles", "macs", "energy_mac_units", "l1", "l2"}
    assert layer["macs"] == 4 * 4 * 3 * 3 * 6 * 6
    assert {tensor: set(figures) for tensor, figures in layer["l2"].items()} == {
        tensor: {"read", "write", "size"} for tensor in ("input", "filter", "output")
    }
    assert chip("cost", path, *HARDWARE)[1].startswith("good ")


def test_a_layer_that_fails_leaves_the_others_their_figures(chip: Run, tmp_path: Path) -> None:
    path = tmp_path / "tiny.m"
    path.write_text(NETWORK.replace("BAD", BAD))
    code, out, err = chip("cost", path, *HARDWARE, "--json")
    assert code == 2
    good, bad = json.loads(out)["layers"]
    assert good["runtime_cycles"] > 0
    assert bad.keys() == {"name", "error"}
    assert "layer 'bad'" in err


def test_cost_of_a_model(chip: Run) -> None:
    arguments = ("cost", "alexnet", "--chiplet", "datacenter-nvdla", "--cost-model", "maestro")
    code, out, err = chip(*arguments, "--json")
    assert (code, err) == (0, "")
    layers = json.loads(out)["layers"]
    assert all(0 <= layer["utilisation"] <= 1 for layer in layers)
    for layer in layers:
        assert layer["cycles"] == layer["maestro"]["cycles"] * layer["maestro"].get("runs", 1)
    code, table, _ = chip(*arguments)
    assert code == 0
    assert f"{sum(layer['macs'] for layer in layers):,}" in table
    assert f"{sum(layer['cycles'] for layer in layers):,.0f}" in table


def test_cost_has_the_default_of_schedules(chip: Run) -> None:
    arguments = ("cost", "alexnet", "--chiplet", "datacenter-nvdla", "--json")
    assert chip(*arguments) == chip(*arguments, "--cost-model", DEFAULT)
    floor = chip(*arguments, "--maestro-offchip-bandwidth", 4)
    assert floor == chip(*arguments, "--maestro-offchip-bandwidth", 4, "--cost-model", "maestro")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["alexnet", "-c", "datacenter-nvdla", "--num-pes", 16], "--num-pes"),
        (["net.m", "-c", "datacenter-nvdla"], "--chiplet"),
        (["net.m", "--cost-model", "table:figures.csv"], "--cost-model"),
    ],
)
def test_cost_ignores_no_option(chip: Run, arguments: list[object], named: str) -> None:
    code, out, err = chip("cost", *arguments)
    assert (code, out) == (2, "")
    assert named in err


@pytest.mark.parametrize(
    ("started", "found", "typed"),
    [
        (".venv/bin/chipweave", None, ".venv/bin/chipweave"),
        ("/usr/bin/chipweave", "/usr/bin/chipweave", "chipweave"),
        ("/somewhere/__main__.py", None, "chipweave"),
    ],
)
def test_the_next_step_can_be_typed(
    monkeypatch: pytest.MonkeyPatch, started: str, found: str | None, typed: str
) -> None:
    monkeypatch.setattr("sys.argv", [started])
    monkeypatch.setattr("chipweave.cli.console.which", lambda name: found)
    assert program() == typed


# Endings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["schedule", "datacenter-44", "-p", "het-2x2"], "did you mean 'datacenter-4'?"),
        (["schedule", "datacenter-4", "-p", "het-sides"], "did you mean 'het-sides-3x3'?"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "-s", "skar"], "did you mean 'scar'?"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--objective", "edpp"], "'edpp'"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--objective", "energy-latency"], "falls when latency rises"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--fidelity", "exact"], "'exact' is not one of"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--time-limit", "0"], "time limit 0.0 s is not a positive"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--time-limit", "nan"], "is not a positive number"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--seed", "-1"], "--seed"),
        (["schedule", "resnet18", "-p", "het-2x2", "--seed=-1"], "'-1' is too small; give at least 0"),
        (["schedule", "resnet18", "-p", "het-2x2", "--batch", "two"], "'two' is no whole number; give one, without"),
        (["schedule", "resnet18", "-p", "het-2x2", "--latency-limit", "10ms"], "'10ms' is no number; give one"),
        (["schedule", "resnet18", "-p", "het-2x2", "--latency-limit", "-1"], "number; give one, or leave it out"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--jobs", "100000"], "jobs=100000 is not in 1..1024"),
        (["schedule", "resnet18", "-p", "mesh-16", "--batch", "0"], "batch=0 is not in 1..1000000"),
        (["schedule", "resnet18", "-p", "het-2x2", "--batch", "1000000000"], "batch=1000000000 is not in 1..1000000"),
        (["schedule", "\x1b[31mred", "-p", "het-2x2"], "\\x1b[31mred"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--batch", "2"], "models with batches of their own"),
        (
            ["schedule", "datacenter-4", "-p", "het-2x2", "-s", "nn-baton", "--top-k", "2"],
            "--top-k: not an option of 'nn-baton'",
        ),
        (["schedule", "resnet18", "-p", "het-2x2", "--windows", "2"], "'scar', but of scope, segmented-pipeline"),
        (["schedule", "resnet18", "-p", "het-2x2", "-s", "scope", "--polish", "-1"], "polish=-1 is not in 0..1000000"),
        (["compare", "resnet18", "-p", "het-2x2", "--micro-batch", "2"], "not an option of 'scar' and 'standalone'"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--n-splits", "-1"], "n_splits=-1 is not at least 0"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--cost-model", "maestor"], "'maestor' is unknown"),
        (["schedule", "datacenter-4", "-p", "het-2x2", "--cost-model", "table:missing.csv"], "missing.csv"),
        (["schedule", "datacenter-4"], "Missing option '--package'"),
        (["schedul"], "No such command 'schedul'"),
        (["schedule"], "Missing argument 'SCENARIO'; see 'chipweave schedule --help'"),
        (["import", "onx"], "see 'chipweave import --help'"),
        (["schedule", "resnet18", "-p", "het-2x2", "--objective", "ebp"], "'ebp' is not allowed; write latency,"),
        (["list", "modelz"], "'modelz'"),
        (["show", "resnet-50"], "did you mean 'resnet50'?"),
        (["evaluate", "missing.json"], "missing.json: no such file"),
        (["cost", "resnet50"], "--chiplet is missing"),
        (["cost", "resnet50", "-c", "datacenter-nvidia"], "did you mean 'datacenter-nvdla'?"),
        (["cost", "resnet50", "-c", "arvr-nvdla", "--cost-model", "table:/dev/zero"], "/dev/zero: the file has more"),
        (["cost", "resnet50", "-c", "arvr-nvdla", "--maestro-offchip-bandwidth", str(2**31)], "not in 1..2147483647"),
        (["schedule", "alexnet", "-p", "het-2x2", "--out", "x" * 5000], "File name too long"),
        (["cost", "missing.m"], "missing.m: no such file"),
        (["compare", "datacenter-4", "-p", "het-2x2", "-s", "scarr"], "did you mean 'scar'?"),
        (["compare", "datacenter-4", "-p", "het-2x2", "--objective", "energy-latency"], "falls when latency rises"),
        (["compare", "datacenter-4", "-p", "het-2x2", "--time-limit", "-1"], "time limit -1.0 s is not a positive"),
        (["compare", "datacenter-4", "-p", "het-2x2", "--seed", "-1"], "--seed"),
        (["compare", "datacenter-4", "-p", "het-2x2", "--seed", str(2**32)], f"seed={2**32} is not in 0..{2**32 - 1}"),
        (["compare", "datacenter-4", "-p", "het-2x2", "--sort", "weight"], "'weight' is not one of"),
        (["compare", "datacenter-4", "-p", "het-2x2", "--spare", "1"], "No such option"),
        (["why", "missing.json"], "missing.json: no such file"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(chip: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    if arguments[0] == "schedule" and len(arguments) > 2 and "--out" not in arguments:
        arguments = [*arguments, "--out", str(tmp_path / "out")]
    code, out, err = chip(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("error: ")
    assert err.count("error: ") == 1  # a long line is wrapped
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("fakes")
def test_a_place_that_takes_no_files_is_found_before_the_search(chip: Run, scenario: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder" / "schedule.json").mkdir(parents=True)
    for out, message in (("file", "takes no files"), ("file/deeper", "takes no files"), ("folder", "is a folder")):
        code, _, err = chip("schedule", scenario, "-p", "het-2x2", "-s", "broken", "--out", tmp_path / out)
        assert code == 2
        assert message in " ".join(err.split())


def test_brackets_in_names_are_text(chip: Run, scenario: str, tmp_path: Path) -> None:
    path = tmp_path / "marked.yaml"
    path.write_text(SCENARIO.replace("name: left", 'name: "left[/]"').replace("name: one", 'name: "[bold]one:smile:"'))
    code, out, _ = chip("schedule", path, "-p", "het-2x2", "-s", "standalone")
    assert code == 0
    assert "A left[/]" in out
    assert "[bold]one:smile:" in out


def test_every_problem_of_a_file_has_a_line(chip: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(SCENARIO.replace("batch: 2", "batch: -4").replace("op: elementwise", "op: elementwize"))
    code, out, err = chip("schedule", path, "-p", "het-2x2")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) >= 2
    assert all(re.match(r"error: \S*bad\.yaml:\d+: ", line) for line in err.splitlines())


@pytest.mark.parametrize("scheduler", ["scar", "standalone", "nn-baton"])
def test_an_impossible_latency_limit_ends_with_1(chip: Run, tmp_path: Path, scheduler: str) -> None:
    path = tmp_path / "hurry.yaml"
    path.write_text(SCENARIO.replace("batch: 2", "batch: 2\n    latency_limit_s: 1.0e-12"))
    code, out, err = chip("schedule", path, "-p", "het-2x2", "-s", scheduler, "--out", tmp_path / "out")
    assert (code, out) == (1, "")
    assert "latency limit" in err
    assert not (tmp_path / "out").exists()


def test_more_models_than_chiplets(chip: Run, tmp_path: Path) -> None:
    path = tmp_path / "crowd.yaml"
    more = "".join(f"  - {{name: more{i}, model: *net}}\n" for i in range(3))
    path.write_text(SCENARIO + more)
    code, _, err = chip("schedule", path, "-p", "het-2x2", "-s", "standalone")
    assert code == 1
    assert "needs 5 chiplets for 5 models, the package has 4" in err
    assert chip("schedule", path, "-p", "het-2x2", "--json")[0] == 0


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, entry in FAKES.items():
        monkeypatch.setitem(SCHEDULERS, name, entry)


@pytest.mark.usefixtures("fakes")
def test_ctrl_c_keeps_the_best_so_far(chip: Run, scenario: str, tmp_path: Path) -> None:
    code, out, err = chip("schedule", scenario, "-p", "het-2x2", "-s", "interrupted", "--out", tmp_path, "--json")
    assert code == 130
    assert "best schedule found until then" in err
    assert json.loads(out)["search"]["complete"] is False
    assert (tmp_path / "schedule.json").read_text() == out


@pytest.mark.usefixtures("fakes")
def test_a_second_ctrl_c_does_not_wait(chip: Run, scenario: str, tmp_path: Path) -> None:
    code, out, err = chip("schedule", scenario, "-p", "het-2x2", "-s", "hopeless", "--out", tmp_path / "out")
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted; nothing was saved"
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(("scheduler", "reason"), [("broken", "ZeroDivisionError: by zero"), ("wrong", "in no stage")])
def test_our_own_faults_end_with_70(
    chip: Run, scenario: str, scheduler: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHIPWEAVE_DEBUG", raising=False)
    code, out, err = chip("schedule", scenario, "-p", "het-2x2", "-s", scheduler)
    assert (code, out) == (70, "")
    assert reason in err
    assert "Please report it" in err
    monkeypatch.setenv("CHIPWEAVE_DEBUG", "1")
    with pytest.raises((ZeroDivisionError, RuntimeError)):
        run(["schedule", scenario, "-p", "het-2x2", "-s", scheduler])


# Processes of their own --------------------------------------------------------------------------------------------


def process(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    shell = f'chipweave() {{ "{sys.executable}" -c "from chipweave.cli.main import main; main()" "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, timeout=120, env=os.environ | environment, check=False
    )


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = process('chipweave show gpt2_large | head -n 1; exit "${PIPESTATUS[1]}"')
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("name: ")


def test_plain_text_where_the_terminal_knows_ascii_only() -> None:
    done = process("chipweave list schedulers", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")


def test_it_runs_as_a_module() -> None:
    done = process(f'"{sys.executable}" -m chipweave --version')
    assert done.stdout == f"chipweave {chipweave.__version__}\n"


def test_cheap_commands_load_nothing_heavy() -> None:
    every = ["numba", "numpy", "pymoo", "rich.progress", "chipweave.evaluation.tables.single"]
    commands = ("'list', 'packages'", "'list', 'models'", "'list', 'schedulers'", "'--version'", "'compare', '--help'")
    for command in (f"[{words}]" for words in commands):
        # What packages are made of is worked out by NumPy.
        heavy = [each for each in every if "list" not in command or each != "numpy"]
        code = (
            "import sys; from chipweave.cli.main import run; "
            f"code = run({command}); loaded = set({heavy!r}) & set(sys.modules); "
            "sys.exit(f'loaded {loaded}' if loaded else code)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


def test_price_says_what_a_package_costs(chip: Run) -> None:
    code, out, _ = chip("price", "het-sides-3x3", "--assembly", "organic", "--volume", "1000", "--json")
    document = json.loads(out)
    bill = document["assemblies"]["organic"]
    parts = ("dies_usd", "bad_dies_usd", "package_usd", "bad_packages_usd", "lost_dies_usd")
    assert code == 0
    assert [die["count"] for die in document["dies"]] == [6, 3]
    assert bill["total_usd"] == pytest.approx(sum(bill[part] for part in parts))
    assert bill["with_design_usd"] == pytest.approx(bill["total_usd"] + bill["design_usd"])
    code, out, _ = chip("price", "het-sides-3x3")
    assert code == 0
    assert all(way in out for way in ("organic", "fan-out", "interposer"))


def test_price_says_where_a_die_stands_that_is_too_large(chip: Run, tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    text = "name: big\ngrid: [[A, B]]\nclasses:\n  B: simba-chiplet\n"
    text += "  A: {name: huge, base: datacenter-nvdla, l2_bytes: L2}\n"
    path.write_text(text.replace("L2", "1073741824"))
    code, out, err = chip("price", path, "--json")
    assert code == 0
    assert f"note: {path}:5: huge has " in err
    assert "place" not in json.loads(out)["dies"][0]
    for size, said in (("20737418240", "die 'huge': no wafer holds"), ("4700000000", "no wafer holds a carrier of")):
        path.write_text(text.replace("L2", size))
        code, out, err = chip("price", path)
        assert (code, out) == (2, "")
        assert f"{path}:5: {said}" in err


@pytest.mark.parametrize("wrong", [("--ports", "-1"), ("--volume", "0"), ("--assembly", "glue")])
def test_price_of_what_cannot_be(chip: Run, wrong: tuple[str, str]) -> None:
    code, out, err = chip("price", "het-sides-3x3", *wrong)
    assert (code, out) == (2, "")
    assert wrong[0].strip("-") in err
