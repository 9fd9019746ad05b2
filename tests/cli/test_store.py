"""`chipweave store`: what it prints, what it writes, and how it says no."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from chipweave.cli.main import run
from chipweave.store.answer import Kind
from chipweave.store.store import Store
from tests.store.made_up import answer, failure, points

NAME = 'it\'s "one" [red]\x1b'


@pytest.fixture
def place(tmp_path: Path) -> str:
    """A store of five points, two finished, one failed, one claimed."""
    path = str(tmp_path / "store.db")
    asked = points(5)
    with Store.open(path) as store:
        store.add_sweep(NAME, "text", asked)
        for point in asked[:2]:
            store.put(answer(point))
        store.put_failure(failure(asked[2], Kind.INFEASIBLE, "no room [bold]\x1b"))
        store.claim([asked[3].key], "somebody", 600, 1)
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert run(["store", *arguments]) == code
    found = capsys.readouterr()
    assert "\x1b" not in found.out + found.err
    return found.out, found.err


def test_ls(place: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # the table on single lines
    out, err = said(capsys, "ls", place)
    lines = {line.rsplit("  ", 1)[0].strip(): line.split() for line in out.splitlines()}
    counts = next(words for line, words in lines.items() if line.startswith("it's"))
    assert counts[-7:-2] == ["5", "5", "2", "1", "1"]
    assert "2 documents" in err
    out, err = said(capsys, "ls", place, "--json")
    found = json.loads(out)
    assert found["sweeps"][0]["name"] == NAME
    assert {name: found["whole"][name] for name in ("points", "cases", "finished", "failed", "claimed")} == {
        "points": 5,
        "cases": 5,
        "finished": 2,
        "failed": 1,
        "claimed": 1,
    }
    assert err == ""


def test_show(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished, _, failed, *_ = points(5)
    out, _ = said(capsys, "show", place, finished.key, "--out", str(tmp_path / "schedule.json"))
    shown = [line.split() for line in out.splitlines()]
    assert ["latency_s", "0.001"] in shown
    assert ["scheduler", "standalone"] in shown
    assert json.loads((tmp_path / "schedule.json").read_text())["scenario"]["name"] == "alexnet"
    out, _ = said(capsys, "show", place, failed.key.removeprefix("sha256:")[:12])
    assert "no room [bold]" in out
    assert "infeasible" in out
    out, _ = said(capsys, "show", place, failed.key, "--json")
    found = json.loads(out)
    assert (found["result"], found["failures"][0]["reason"]) == (None, "no room [bold]\x1b")
    assert found["points"] == [{"sweep": NAME, "position": 2, "key": failed.key, "axes": {"seed": 2}}]
    assert found["case"]["document"]["seed"] == 2


def test_export(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {kind: tmp_path / f"figures.{kind}" for kind in ("csv", "parquet")}
    options = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    _, err = said(capsys, "export", place, "--sweep", NAME, *options)
    assert err.count("2 rows") == 2
    with files["csv"].open(newline="") as file:
        assert [row["axes.seed"] for row in csv.DictReader(file)] == ["0", "1"]
    out, err = said(capsys, "export", place, *options, "--json")
    assert json.loads(out) == [{"file": str(path), "rows": 2} for path in files.values()]
    assert err == ""


def test_gc(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = said(capsys, "gc", place, "--json")
    assert (json.loads(out), err) == ({"claims": 0, "cases": 0, "documents": 0}, "")
    assert said(capsys, "gc", place)[1] == "removed 0 claims, 0 cases, 0 documents\n"


def test_no(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "missing.db")
    unfinished = points(5)[4].key
    for arguments, message in (
        (("ls", missing), "there is no such store; check the name"),
        (("ls", str(tmp_path)), "is a folder; name a file in it"),
        (("gc", "mysql://a:secret@b/c"), "'mysql' is no kind of database"),
        (("export", place), "no file is named; give --csv FILE or --parquet FILE"),
        (("export", place, "--csv", str(tmp_path / "x"), "--sweep", "it"), "sweep 'it': is not in"),
        (("export", place, "--csv", str(tmp_path)), "is a folder"),
        (("show", place, "sha256:"), "several begin so"),
        (("show", place, "xyz%"), "case 'xyz%': is not in"),
        (("show", place, unfinished, "--out", str(tmp_path / "x")), "has no result in"),
    ):
        out, err = said(capsys, *arguments, code=2)
        assert out == ""
        assert err.startswith("error: ")
        assert message in err
        assert err.count("error:") == 1
        assert "secret" not in err
    assert not Path(missing).exists()
    assert not (tmp_path / "x").exists()
