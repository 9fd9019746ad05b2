"""`chipweave reproduce`: what it writes where, and how it ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chipweave.cli.main import run
from chipweave.reproduction import catalog
from tests.reproduction.asked import COUNTED, SQUARES, Square

Chip = Callable[..., tuple[int, str, str]]


@pytest.fixture
def chip(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Chip]:
    """Runs the command on reproductions that cost nothing, with a cache of its own: (exit code, stdout, stderr)."""
    monkeypatch.setenv("CHIPWEAVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(catalog, "REPRODUCTIONS", (SQUARES,))
    COUNTED.clear()

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["reproduce", *map(str, arguments), "--jobs", "1"])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err + captured.out
        return code, captured.out, captured.err

    yield call
    COUNTED.clear()


def test_the_table_with_a_reason_for_what_is_missing(chip: Chip) -> None:
    code, out, err = chip("squares")
    assert (code, err) == (0, "")
    assert "| 12 | 144 (120) |" in out
    assert "| 13 | – (130) |" in out
    assert "13 is not squared; take 12" in out


def test_json(chip: Chip) -> None:
    _, out, _ = chip("all", "--quick", "--json")
    (exhibit,) = json.loads(out)
    assert exhibit["tables"][0]["rows"][0]["cells"] == [{"published": 30.0, "ours": 9}]


def test_the_second_run_computes_only_what_failed_unless_it_is_to(chip: Chip) -> None:
    """13 cannot be squared: that may have been asked wrongly, so it is asked again."""
    chip("squares")
    before = list(COUNTED)
    chip("squares")
    assert [*before, 13] == COUNTED
    chip("squares", "--quick", "--fresh")
    assert [*before, 13, 3, 12] == COUNTED


def test_files(chip: Chip, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert chip("squares", "--out", tmp_path / "deep" / "out", "--page", page)[0] == 0
    assert sorted(path.name for path in (tmp_path / "deep" / "out").iterdir()) == [
        "squares.csv",
        "squares.md",
        "squares.png",
        "squares.svg",
    ]
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == ["figures.csv", "squares.svg"]
    assert "![Squares: a table](page/squares.svg)" in page.read_text()


def test_names(chip: Chip) -> None:
    known = "'chipweave list reproductions' shows them"
    assert chip("sqares") == (2, "", f"error: reproduction 'sqares' is unknown; did you mean 'squares'? {known}\n")
    listed = "known: squares, all; " + known
    assert chip("tables", "squares") == (2, "", f"error: reproduction 'tables' is unknown; {listed}\n")
    assert COUNTED == []


def test_places_are_checked_before_anything_is_computed(chip: Chip, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for arguments, said in (
        (("--out", file), "is a file where a folder is needed"),
        (("--out", file / "deep"), "is a file where a folder is needed"),
        (("--page", tmp_path / "missing" / "page.md"), "its folder is missing"),
        (("--page", tmp_path), "is a folder"),
        (("--page", tmp_path / "file.md"), "is a file where a folder is needed"),
        (("--page", tmp_path / "page"), "end it in .md"),
    ):
        code, out, err = chip("squares", *arguments)
        assert (code, out) == (2, "")
        assert said in err
        assert err.count("\n") == 1
    assert COUNTED == []
    assert file.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_ctrl_c_keeps_what_is_computed_and_writes_nothing_half(
    chip: Chip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    squared = Square.answer

    def interrupted(self: Square) -> dict[str, object]:
        made = squared(self)
        if self.number == 12:
            signal.raise_signal(signal.SIGINT)
        return made

    monkeypatch.setattr(Square, "answer", interrupted)
    code, out, err = chip("squares", "--out", tmp_path / "out")
    assert (code, out) == (130, "")
    assert "the same command goes on from there" in err
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(Square, "answer", squared)
    assert chip("squares", "--out", tmp_path / "out")[0] == 0
    assert COUNTED == [3, 12, 13, 4]
