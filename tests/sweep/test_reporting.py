"""`chipweave sweep report`, from a store to the files and the words."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import chipweave
from chipweave.cli.main import run
from chipweave.files.case_file import case_key
from chipweave.store.answer import Kind, answer_of
from chipweave.store.point import Point
from chipweave.store.store import Store
from tests.report.pages import parsed
from tests.store.made_up import answer, failure, first, points


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A store with one sweep: four points finished, one failed, one not run."""
    path = tmp_path / "sweep.db"
    asked = points(6)
    with Store.open(path) as store:
        store.add_sweep("seeds", "text", asked)
        for point in asked[:4]:
            store.put(answer(point))
        store.put_failure(failure(asked[4], Kind.INFEASIBLE, "too little L2"))
    return path


def test_the_report_in_the_terminal(where: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "report", str(where), "--x", "latency_s", "--y", "energy_j"]) == 0
    out = capsys.readouterr().out
    assert "seeds: 6 points: 4 finished, 1 failed, 1 not run yet" in out
    assert "front of latency and energy" in out
    assert "1 infeasible: too little L2 (points 4)" in out
    assert "2 searches were ended by their time limit" in out.replace("\n", " ")


def test_the_report_as_json(where: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Latency rises with the seed and energy falls: all four are on the front, the hypervolume is a sum of steps."""
    arguments = ["--x", "latency_s", "--y", "energy_j", "--reference", "5e-3", "--reference", "0.5", "--json"]
    assert run(["sweep", "report", str(where), *arguments]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["points"], data["finished"], data["failed"], data["waiting"]) == (6, 4, 1, 1)
    front = data["fronts"][0]
    assert [point["position"] for point in front["points"]] == [0, 1, 2, 3]
    steps = [(1e-3 * (1 + n), 1 / (3 + n), 0.5 if n == 0 else 1 / (2 + n)) for n in range(4)]
    assert front["hypervolume"] == pytest.approx(sum((5e-3 - x) * (before - y) for x, y, before in steps))
    assert data["failures"] == [{"kind": "infeasible", "reason": "too little L2", "count": 1, "positions": [4]}]


def test_the_files_of_the_report(where: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(["sweep", "report", str(where), "--schedules", "0", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["points.csv", "sweep.html"]
    with open(out / "points.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["position"] for row in rows] == list("012345")
    assert [row["failure"] for row in rows] == ["", "", "", "", "infeasible: too little L2", ""]
    assert float(rows[2]["latency_s"]) == 3e-3
    root = parsed((out / "sweep.html").read_text("utf-8"))
    assert "too little L2" in root.text
    assert root.all("a") == []
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert run(["sweep", "report", str(where), "--schedules", "0", "--out", str(out)]) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_point_of_the_front_opens_the_report_of_its_schedule(tmp_path: Path) -> None:
    path, asked = tmp_path / "sweep.db", first()
    key = case_key(asked)
    result = chipweave.run(asked, jobs=1)
    with Store.open(path) as store:
        store.add_sweep("one", "text", [Point(0, asked, key, {"seed": 0})])
        store.put(answer_of(key, result, 0.1, "host:1"))
    out = tmp_path / "out"
    assert run(["sweep", "report", str(path), "--out", str(out)]) == 0
    links = {node.attributes["href"] for node in parsed((out / "sweep.html").read_text("utf-8")).all("a")}
    assert links == {f"schedules/{key.removeprefix('sha256:')}.html"}
    (link,) = links
    page = (out / link).read_text("utf-8")
    assert json.dumps(result.evaluation.edp_js) in page
    assert chipweave.evaluate(out / link.replace(".html", ".json")).evaluation == result.evaluation


def test_what_is_wrong_is_said_once(where: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two, empty, nothing = (tmp_path / name for name in ("two.db", "empty.db", "nothing.db"))
    with Store.open(two) as store:
        store.add_sweep("one", "text", points(1))
        store.add_sweep("other", "text", points(1))
    with Store.open(nothing) as store:
        store.add_sweep("nothing", "text", [])
    Store.open(empty).close()
    (tmp_path / "file").write_text("")
    cases = {
        (where, "--x", "edp", "--y", "price_usd"): "figure 'edp': there is none of this name; did you mean 'edp_js'?",
        (where, "--x", "edp_js"): "--y: is missing; a front has two or three figures, --x and --y at least",
        (where, "--z", "edp_js"): "--x: is missing; a front has two or three figures, --x and --y at least",
        (where, "--sweep", "seed"): f"--sweep 'seed': is not in {where}; did you mean 'seeds'?",
        (where, "--out", str(tmp_path / "file")): f"{tmp_path / 'file'} takes no files; choose another folder",
        (where, "--reference", "1"): "--reference: a front of 2 figures needs as many finite numbers, one each",
        (two,): f"{two}: holds 2 sweeps; choose one with --sweep: one, other",
        (two, "--sweep", "one"): "sweep 'one': of its 1 points none is finished; run it first",
        (nothing,): "sweep 'nothing': of its 0 points none is finished; run it first",
        (empty,): f"{empty}: holds no sweep; run one with 'chipweave sweep FILE --store {empty}'",
        (tmp_path / "missing.db",): "there is no such store; check the name",
    }
    for arguments, said in cases.items():
        assert run(["sweep", "report", *map(str, arguments)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("error: ") == 1
        assert " ".join(err.split()).endswith(said)
