"""`chipweave import`: what it prints, what it saves, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chipweave.cli.main import run
from chipweave.files.chiplet_file import load_chiplet
from chipweave.files.model_file import load_model
from chipweave.files.scenario_file import load_scenario

NETWORK = """Network net {
Layer a { Type: CONV Dimensions { K: 4, C: 3, R: 3, S: 3, Y: 8, X: 8 } Dataflow { SpatialMap(1,1) K; TemporalMap(1,1) C;
  TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S; TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X; } }
}"""


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    pytest.importorskip("onnx", reason="ONNX files need the package onnx")
    import onnx

    from tests.workload.importers.onnx_nets import Net

    net = Net()
    x = net.node("Relu", net.conv("stem", net.input("image", ("batch", 3, 8, 8)), 4, 3, 3))
    x = net.node("Flatten", net.node("GlobalAveragePool", net.node("Magic", x, domain="nobody"), name="average"))
    y = net.node("Gemm", x, net.weight("classes.weight", 10, 4), transB=1)
    model = net.model(y, domains=["nobody"])
    model.graph.value_info.add().CopyFrom(onnx.helper.make_tensor_value_info("Magic_2_out", 1, ("batch", 4, 8, 8)))
    path = tmp_path / "small.onnx"
    onnx.save_model(model, path)
    return path


def test_json_holds_the_totals(onnx_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """64 * 4 * 27 and 4 * 10 MACs."""
    assert run(["import", "onnx", str(onnx_file), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {key: data[key] for key in ("name", "macs", "weights", "layers", "unsupported")} == {
        "name": "small",
        "macs": 64 * 4 * 27 + 40,
        "weights": 4 * 27 + 40,
        "layers": 3,
        "unsupported": {"nobody:Magic": 1},
    }
    assert (data["element_types"], data["bytes_per_element"]) == ({"float32": 5}, 4)


def test_the_summary_says_what_is_not_costed(onnx_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "onnx", str(onnx_file)]) == 0
    text = capsys.readouterr()
    assert "small, from: ONNX file small.onnx, made by hand" in text.out
    assert "NOT COSTED (what they make counts as made of their inputs): nobody:Magic (1)" in text.out
    assert "without cost: Flatten (1), Relu (1)" in text.out
    assert "note: the dimension 'batch' is taken as 1" in text.out
    assert "elements that layers read, by tensors: float32 (5); an element is costed at 4 bytes" in text.out
    assert "--out MODEL.yaml" in text.err


def test_the_saved_model_is_scheduled(onnx_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = onnx_file.parent / "models" / "small.yaml"  # the folder is made
    assert run(["import", "onnx", str(onnx_file), "--out", str(out), "--dim", "batch=2", "--name", "two"]) == 0
    assert f"schedule {out}" in capsys.readouterr().err
    model = load_model(out)
    assert (model.name, model.macs) == ("two", 2 * (64 * 4 * 27 + 40))
    assert run(["schedule", str(out), "-p", "het-2x2", "-s", "standalone", "--cost-model", "maestro"]) == 0


def test_strict_writes_nothing(onnx_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = onnx_file.parent / "small.yaml"
    assert run(["import", "onnx", str(onnx_file), "--strict", "--out", str(out)]) == 2
    assert "not costed: nobody:Magic (1)" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("text", ["batch", "=3", "batch=", "batch=-1", "batch=x", "batch=1.5", "batch=99999999999"])
def test_a_size_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "onnx", "net.onnx", "--dim", text]) == 2
    assert f"--dim {text}: is no NAME=SIZE" in capsys.readouterr().err


def test_a_size_that_is_given_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "onnx", "net.onnx", "--dim", "a=1", "--dim", "a=2"]) == 2
    assert "'a' is given twice" in capsys.readouterr().err


def test_maestro_becomes_a_model_and_a_chiplet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.m").write_text(NETWORK)
    (tmp_path / "hw.m").write_text("num_pes: 256\nnoc_bw_cstr: 64\noffchip_bw_cstr: 128")
    out, chiplet = tmp_path / "net.yaml", tmp_path / "mine.yaml"
    command = ["import", "maestro", str(tmp_path / "net.m"), "--out", str(out), "--hardware", str(tmp_path / "hw.m")]
    assert run(command) == 2
    assert "say where to write it: --chiplet-out" in capsys.readouterr().err
    assert run([*command, "--chiplet-out", str(chiplet), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["name"], data["macs"], data["layers"]) == ("net", 36 * 4 * 27, 1)
    assert "dram_bandwidth_bytes_s" in data["notes"][-1]
    assert load_model(out).macs == data["macs"]
    assert (load_chiplet(chiplet).num_pes, load_chiplet(chiplet).name) == (256, "mine")
    assert run(["cost", str(out), "--chiplet", str(chiplet), "--cost-model", "maestro"]) == 0


SCENARIO = """Network eyes {
FPS: 60
Layer a { Type: CONV Dimensions: { N: 1, K: 4, C: 3, Y: 8, X: 8, R: 3, S: 3 } }
}
Network gaze { Dependency: { eyes } Probability: 0.5 FPS: 30
Layer a { Type: CONV Dimensions: { N: 1, K: 4, C: 3, Y: 8, X: 8 } }
}
"""


def test_a_scenario_of_xrbench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """MACs by hand: 6 * 6 * 4 * 27 of a 3x3 filter, and 8 * 8 * 4 * 3 of the layer that names none."""
    (tmp_path / "xr.m").write_text(SCENARIO)
    out = tmp_path / "xr.yaml"
    assert run(["import", "maestro", str(tmp_path / "xr.m"), "--out", str(out), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [(model["name"], model["macs"], model["batch"]) for model in data["models"]] == [
        ("eyes", 36 * 4 * 27, 60),
        ("gaze", 64 * 4 * 3, 30),
    ]
    assert data["models"][1]["notes"][-1] == "1 convolutions have neither R nor S: their filters are taken as 1x1"
    assert "of gaze too, which the file runs with a Probability below 1" in data["notes"][1]
    scenario = load_scenario(out)
    assert [(task.name, task.batch, task.depends_on) for task in scenario.tasks] == [
        ("eyes", 60, None),
        ("gaze", 30, "eyes"),
    ]
    assert run(["import", "maestro", str(tmp_path / "xr.m"), "--network", "gaze"]) == 0
    assert "gaze, from: MAESTRO file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            SCENARIO.replace("{ eyes }", "{ eye }"),
            "xr.m:5: 'gaze' depends on 'eye', no network of it; did you mean 'eyes'?",
        ),
        (SCENARIO.replace("0.5", "1.5"), "xr.m:5: '1.5' is no number from 0 to 1; write one"),
        (SCENARIO.replace("FPS: 60", "FPS: 60.5"), "xr.m:2: '60.5' is not a whole number"),
        (SCENARIO.replace("R: 3, ", ""), "xr.m:3: layer 'a' lacks dimension R; CONV needs KCRSYX"),
        (SCENARIO.replace("gaze", "eyes").replace("{ eyes }", "{ x }"), "'eyes' depends on 'x', no network of it"),
    ],
)
def test_a_scenario_with_a_slip(text: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "xr.m").write_text(text)
    assert run(["import", "maestro", str(tmp_path / "xr.m")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line
    assert run(["import", "maestro", str(tmp_path / "xr.m"), "--network", "gazing"]) == 2


CSV = "Layer,M,N,K,\nff,4,6,5,\n"
PROBLEM = "problem:\n  shape: gemm\n  instance: {M: 4, N: 6, K: 5}\n"
WORKLOAD = (
    "- id: 0\n  operator_type: Gemm\n  equation: O[m][n]+=I[m][k]*W[k][n]\n  loop_dims: [M, N, K]\n"
    "  loop_sizes: [4, 6, 5]\n  operand_precision: {I: 16, W: 16}\n"
)


@pytest.mark.parametrize(
    ("command", "name", "text", "bytes_"),
    [
        ("scale-sim", "net.csv", CSV, 1),
        ("timeloop", "net.yaml", PROBLEM, 1),
        ("timeloop", "layers", PROBLEM, 1),
        ("zigzag", "net.yaml", WORKLOAD, 2),
        ("maestro", "net.txt", "Network net { Layer ff { Type: GEMM Dimensions { M: 4, N: 6, K: 5 } } }", 1),
    ],
)
def test_files_of_other_tools(
    command: str, name: str, text: str, bytes_: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is refused where a model is wanted, with the import that makes one of it; that one does."""
    file = tmp_path / name
    if name == "layers":
        file.mkdir()
        (file / "0.yaml").write_text(text)
    else:
        file.write_text(text)
    out = tmp_path / "out" / "mine.yaml"
    for given in (["schedule", str(file), "-p", "het-2x2"], ["cost", str(file), "-c", "datacenter-nvdla"]):
        assert run(given) == 2
        line = " ".join(capsys.readouterr().err.split())  # a long line is wrapped
        assert line.endswith(f"; make a model of it first: chipweave import {command} {file} --out MODEL.yaml")
    assert run(["import", command, str(file), "--out", str(out)]) == 0
    assert f"an element is costed at {bytes_} byte" in capsys.readouterr().out
    model = load_model(out)
    assert (model.macs, model.weight_elements, model.bytes_per_element) == (4 * 5 * 6, 30, bytes_)
    assert run(["import", command, str(file), "--bytes-per-element", "4", "--name", "mine", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["name"], data["bytes_per_element"], data["macs"]) == ("mine", 4, 120)
    assert run(["import", command, str(file), "--out", str(file if file.is_file() else file / "new.yaml")]) == 2
    assert not (tmp_path / "layers" / "new.yaml").exists()


def test_workloads_in_python_are_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.py").write_text("workload = {0: {'equation': 'O[b]+=W[b]*I[b]', 'loop_dim_size': {'B': 1}}}\n")
    for given in (["import", "zigzag"], ["schedule", "-p", "het-2x2"]):
        assert run([*given, str(tmp_path / "net.py")]) == 2
        assert "is a ZigZag workload in Python, which is not read; write it as ZigZag's YAML" in capsys.readouterr().err


def test_a_damaged_network_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.m").write_text(NETWORK[:100])
    assert run(["import", "maestro", str(tmp_path / "net.m"), "--out", str(tmp_path / "net.yaml")]) == 2
    assert "net.m:2: " in capsys.readouterr().err
    assert not (tmp_path / "net.yaml").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--out", "net.m"],
        ["--out", "./net.m"],
        ["--hardware", "hw.m", "--chiplet-out", "hw.m"],
        ["--chiplet-out", "link.m"],
        ["--out", "new.yaml", "--chiplet-out", "new.yaml"],
    ],
)
def test_no_file_that_is_read_is_replaced(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.m").write_text(NETWORK)
    Path("hw.m").write_text("num_pes: 256")
    Path("link.m").symlink_to("net.m")
    assert run(["import", "maestro", "net.m", *options]) == 2
    assert f"error: {options[-1].removeprefix('./')}: is both read and written, or written twice" in (
        capsys.readouterr().err
    )
    assert (Path("net.m").read_text(), Path("hw.m").read_text()) == (NETWORK, "num_pes: 256")
    assert not Path("new.yaml").exists()


def test_an_onnx_file_is_not_replaced_by_its_model(onnx_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = onnx_file.read_bytes()
    assert run(["import", "onnx", str(onnx_file), "--out", str(onnx_file)]) == 2
    assert "name another file to save in" in capsys.readouterr().err
    assert onnx_file.read_bytes() == content


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("my net.onnx", "import onnx 'my net.onnx'"),
        ("net.M", "import maestro net.M"),
        ("nets.py", "import torch MODULE:FACTORY"),
        ("net.pth", "import torch MODULE:FACTORY"),
    ],
)
def test_a_network_that_was_not_imported_is_told_how(
    name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"\x08\x0a\xff")
    Path("two.yaml").write_text(f"name: two\nmodels:\n  - model: {name}\n")
    for given in (name, "two.yaml"):
        assert run(["schedule", given, "-p", "het-2x2"]) == 2
        assert f"{name}: is no YAML file; make a model of it first: chipweave {command} --out MODEL.yaml" in (
            capsys.readouterr().err
        )
