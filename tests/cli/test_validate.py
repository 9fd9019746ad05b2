"""`chipweave validate`, on a made-up validation."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from chipweave.cli.main import run
from chipweave.validation import catalog
from chipweave.validation.measurement import Point, Target, Validation

POINTS = (
    Point("one", "time", "ms", 10.0, 9.0, held_out=True),
    Point("two", "time", "ms", 10.0, 14.0, note="it waits for the DRAM"),
)


def made_up() -> Validation:
    targets = (Target("near", False, "40 %"),)
    return Validation("made-up", "A chip", "A paper.", ("As set.",), POINTS, targets, ("Why.",))


@pytest.fixture(autouse=True)
def only_the_made_up_one(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalog.Entry("made-up", "A chip", f"{__name__}:made_up")
    monkeypatch.setattr(catalog, "VALIDATIONS", (entry,))


def test_it_prints_points_errors_notes_and_targets(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "made-up"]) == 0
    out = capsys.readouterr().out
    (two,) = (line for line in out.splitlines() if line.startswith(" two, time"))
    assert two.split()[-4:] == ["10", "ms", "14", "1.40"]
    assert "time, all (2): mean absolute error 25.0 %, worst 1.40 (two)" in out
    assert "two, time: it waits for the DRAM" in out
    assert "missed: near (40 %)" in out
    assert "Why." in out


def test_it_writes_what_it_is_asked_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table, page = tmp_path / "points.csv", tmp_path / "page.md"
    assert run(["validate", "--json", "--csv", str(table), "--markdown", str(page)]) == 0
    (written,) = json.loads(capsys.readouterr().out)
    assert [point["ratio"] for point in written["points"]] == [0.9, 1.4]
    assert written["targets"] == [{"text": "near", "reached": False, "figure": "40 %"}]
    assert [row["held out"] for row in csv.DictReader(table.read_text().splitlines())] == ["yes", "no"]
    assert "| two | time | 10 ms | 14 | 1.40 |  | it waits for the DRAM |" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["made-down"], "validation 'made-down' is unknown; use made-up, all"),
        (["--csv", "{folder}"], "is a folder"),
    ],
)
def test_bad_input(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["validate", *(each.format(folder=tmp_path) for each in arguments)]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
