"""Sweeps as YAML: what their axes come to, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from chipweave.errors import InputError
from chipweave.files.sweep_file import MOST_POINTS, Sweep, load_sweep

HEAD = "name: s\nscenario: resnet18\npackage: het-2x2\nscheduler: scar\n"


def read(folder: Path, text: str) -> Sweep:
    path = folder / "s.yaml"
    path.write_text(text)
    return load_sweep(path)


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(folder, text)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("package.hop_latency_s: [1e-9, 2]", (1e-9, 2)),
        ("package.hop_latency_s: {linspace: [1, 3, 5]}", (1.0, 1.5, 2.0, 2.5, 3.0)),
        ("package.hop_latency_s: {logspace: [1, 100, 3]}", (1.0, 10.0, 100.0)),
        ("package.hop_latency_s: {linspace: [7, 9, 1]}", (7,)),
        ("package.hop_latency_s: {range: [1, 2, 0.25]}", (1, 1.25, 1.5, 1.75, 2)),
        ("package.hop_latency_s: {range: [0, 0.3, 0.1]}", (0.0, 0.1, 0.2, 0.30000000000000004)),
        ("chiplets.A.l2_bytes: {logspace: [1000, 4000, 3]}", (1000, 2000, 4000)),
        ("chiplets.A.l2_bytes: {linspace: [1, 2, 5]}", (1, 2)),
        ("seed: {range: [9, 1, -4]}", (9, 5, 1)),
    ],
)
def test_values(tmp_path: Path, written: str, values: tuple[float, ...]) -> None:
    found = read(tmp_path, f"{HEAD}axes:\n  {written}\n").axes[0].values
    assert found == values
    assert [type(value) for value in found if "l2" in written or "seed" in written] == [
        int for value in found if "l2" in written or "seed" in written
    ]


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ("package.link_bandwith_bytes_s: [1]", "names no field; did you mean 'link_bandwidth_bytes_s'?"),
        ("link_bandwidth_bytes_s: [1]", "names no field; did you mean 'package.link_bandwidth_bytes_s'?"),
        ("l2_byte: [1]", "names no field; did you mean 'chiplets.*.l2_bytes'?"),
        ("chiplets.*.l2: [1]", "'l2' names no field"),
        ("package.foo: [1]", "'foo' names no field; known: assumed, board, chiplets, classes, "),
        ("chiplets.Z.l2_bytes: [1]", "'Z' names nothing in `classes`; known: A, B (in built-in het-2x2)"),
        ("scenario.models.resnet19.batch: [1]", "'resnet19' names nothing in `models`; did you mean 'resnet18'?"),
        ("scenario.models.resnet18.model.layers.x.K: [1]", "'layers' names nothing: `model` is no mapping there"),
        ("package.name.x: [1]", "'x' names no field: nothing is below what stands before it"),
        ("chiplets.*.l2_bytes: [1000, 1.5]", "axes.chiplets.*.l2_bytes[1]: 1.5 is not a whole number"),
        ("chiplets.*.l2_bytes: [-5]", "axes.chiplets.*.l2_bytes[0]: -5 is out of range; give a number at least 1"),
        ("chiplets.*.dataflow.style: [nvdal]", "'nvdal' is unknown; did you mean 'nvdla'?"),
        ("package.hop_latency_s: ['35 ns']", "'35 ns' is not a number; give a number, without quotes or unit"),
        ("package.hop_latency_s: {linspace: [-1, 1, 3]}", "-1.0 is out of range"),
        ("package.hop_latency_s: {linspace: [1, 2]}", "has 2 items; give at least 3"),
        ("package.hop_latency_s: {linspace: [1, 2, 2.5]}", "linspace: 2.5 is no number of values"),
        ("package.hop_latency_s: {logspace: [0, 1, 3]}", "logspace: from 0 to 1 has no ratio"),
        ("package.hop_latency_s: {range: [1, 2, -1]}", "a step of -1 does not lead from 1 to 2"),
        ("package.hop_latency_s: {}", "give one of linspace, logspace and range"),
        ("package.hop_latency_s: {lin: [1, 2, 3]}", "unknown key; known: linspace, logspace, range"),
        ("options.nsplits: [1]", "'nsplits' is no option of scar; did you mean 'n_splits'?"),
        ("options.n_splits: [1, 200]", "n_splits=200 is more than 64"),
        ("options.packing: [first-fit, best]", "packing='best' is unknown; known: first-fit, uniform"),
        ("scheduler: [scar, waeve]", "scheduler 'waeve' is unknown; did you mean 'weave'?"),
        ("objective: [epd]", "objective 'epd'"),
        ("cost_model: [maestro, nest]", "cost model 'nest' is unknown"),
        ("fidelity: [rough]", "fidelity[0]: 'rough'"),
        ("seed: [-1]", "-1 is out of range"),
        ("package: [het-2x2, het-3x3]", "'het-3x3' is neither a built-in package nor a file"),
        ("scenario: [resnet18, resnet19]", "'resnet19' is neither a built-in scenario nor a file"),
        ("seed: []", "has no values, so that the sweep has no points"),
    ],
)
def test_axes_that_are_wrong_say_so_with_their_line(tmp_path: Path, axes: str, said: str) -> None:
    problems = refused(tmp_path, f"{HEAD}axes:\n  {axes}\n")
    assert any(said in problem for problem in problems), problems
    assert all(problem.startswith("s.yaml:6: axes.") for problem in problems)


def test_products_that_are_too_large(tmp_path: Path) -> None:
    thousand = "{linspace: [1, 2, 1000]}"
    names = ("hop_latency_s", "dram_latency_s", "conflict_delay_s")
    axes = "".join(f"  package.{name}: {thousand}\n" for name in names)
    assert refused(tmp_path, f"{HEAD}axes:\n{axes}") == [
        f"s.yaml:5: axes: 1000 x 1000 x 1000 = 1,000,000,000 points are more than {MOST_POINTS:,}; `sample` or "
        "`search` them"
    ]
    assert read(tmp_path, f"{HEAD}axes:\n{axes}sample: {{count: 100}}\n").size == 100
    assert read(tmp_path, f"{HEAD}axes:\n{axes}search: {{trials: 50}}\n").size == 50
    (said,) = refused(tmp_path, f"{HEAD}axes: {{seed: {{range: [0, 1e12, 1]}}}}\nsample: {{count: 1}}\n")
    assert "1000000000001 = 1,000,000,000,001 points" in said


ONE = "axes: {seed: [1]}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{ONE}where: [sed > 1]\n", "6: where[0]: 'sed > 1': 'sed' names no axis; did you mean 'seed'?"),
        (f"{ONE}sample: {{count: 0}}\n", "6: sample.count: 0 is out of range; give a number at least 1"),
        (f"{ONE}sample: {{count: 1}}\nsearch: {{trials: 1}}\n", "6: sample: does not go with search"),
        (
            "axes: {seed: [1, 2], fidelity: [paper]}\ncombine: zip\n",
            "6: combine: zip takes axes of one length; these have seed 2, fidelity 1",
        ),
        (f"{ONE}options: {{beam: 1}}\n", "6: options.beam: 'beam' is no option of scar"),
        (
            "axes: {chiplets.A.l2_bytes: [1], package.classes.A.l2_bytes: [2]}\n",
            "5: axes.package.classes.A.l2_bytes: is another axis of this file, too; leave one of the two out",
        ),
        ("axis: {seed: [1]}\n", "5: axis: unknown key; did you mean 'axes'?"),
        ("axes: [1]\n", "5: axes: a list of 1 is not a mapping; give a mapping"),
        (f"{ONE}search: {{trials: 3, minimise: [edp]}}\n", "edp"),
    ],
)
def test_what_else_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    problems = refused(tmp_path, HEAD + text)
    assert any(said in problem for problem in problems), problems


def test_what_must_be_there(tmp_path: Path) -> None:
    assert refused(tmp_path, "name: s\naxes: {seed: [1]}\n") == [
        "s.yaml:1: `scenario` is missing; add it, or an axis `scenario`",
        "s.yaml:1: `package` is missing; add it, or an axis `package`",
    ]
    (said,) = refused(tmp_path, "name: s\nmodels: []\n")
    assert said == "s.yaml:2: `models` says that this is a scenario, but a sweep is needed; name another file"


def test_names_of_files_start_at_the_folder_of_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what these files hold is part of what the store knows the sweep by."""
    net = "name: net\nlayers:\n  - {name: a, op: gemm, K: 2, C: 3, Y: 4}\n"
    (tmp_path / "net.yaml").write_text(net)
    (tmp_path / "chip.yaml").write_text("name: chip\nnum_pes: 64\n")
    (tmp_path / "pack.yaml").write_text("name: pack\nchiplets: [chip.yaml]\nlinks: []\ninterfaces: [0]\n")
    text = "name: s\nscenario: net.yaml\npackage: pack.yaml\naxes:\n  chiplets.*.l2_bytes: [1000, 2000]\n"
    first = read(tmp_path, text)
    assert read(tmp_path, f"# a remark\n{text}").document == first.document
    for name in ("net.yaml", "chip.yaml", "pack.yaml"):
        before = (tmp_path / name).read_text()
        (tmp_path / name).write_text(f"{before}# changed\n")
        assert read(tmp_path, text).document != first.document
        (tmp_path / name).write_text(before)
    assert read(tmp_path, text).document == first.document
