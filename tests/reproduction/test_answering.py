"""Questions are answered once, whoever answers them, whatever became of the folder of answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chipweave.errors import InputError
from chipweave.reproduction import answering
from chipweave.reproduction.answering import answers
from chipweave.reproduction.page import markdown, table_csv
from chipweave.reproduction.question import exhibit_of, key_of
from chipweave.reproduction.writing import write_folder
from tests.reproduction.asked import COUNTED, NUMBERS, SQUARES, Deadly, Square


@pytest.fixture(autouse=True)
def counted() -> Iterator[None]:
    COUNTED.clear()
    yield
    COUNTED.clear()


def test_each_distinct_question_is_answered_once_and_kept(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = answers(
        [Square(3), Square(4), Square(3)], jobs=1, folder=tmp_path, progress=lambda *done: told.append(done)
    )
    assert [found[Square(n)]["square"] for n in (3, 4)] == [9, 16]
    assert COUNTED == [3, 4]
    assert told == [(0, 2), (1, 2), (2, 2)]
    assert answers([Square(4), Square(5)], jobs=1, folder=tmp_path)[Square(4)] == found[Square(4)]
    assert COUNTED == [3, 4, 5]
    answers([Square(4)], jobs=1, folder=tmp_path, fresh=True)
    answers([Square(4)], jobs=1, folder=None)
    assert COUNTED == [3, 4, 5, 4, 4]


def test_what_is_answered_is_what_is_read_back(tmp_path: Path) -> None:
    first = answers([Square(3)], jobs=1, folder=tmp_path)
    assert first == answers([Square(3)], jobs=1, folder=tmp_path) == {Square(3): {"square": 9, "pair": [3, 1 / 3]}}


def test_a_key_is_of_the_fields_and_the_class() -> None:
    assert len({key_of(each) for each in (Square(3), Square(4), Square(3, 3))}) == 3
    assert key_of(Square(3)) == key_of(Square(3, power=2))


def test_a_stop_keeps_what_is_answered_and_the_same_command_goes_on(tmp_path: Path) -> None:
    asked = [Square(number) for number in (1, 2, 3, 4)]
    found = answers(asked, jobs=1, folder=tmp_path, stop=lambda: len(COUNTED) == 2)
    assert list(found) == asked[:2]
    assert list(answers(asked, jobs=1, folder=tmp_path)) == asked
    assert COUNTED == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\xfe\x00",
        b'{"question": "sha256:',
        b"[" * 100_000,
        b'{"question": "sha256:another", "answer": {"square": 7}}',
        b"7",
        b'{"question": "KEY", "answer": [7]}',
    ],
)
def test_a_damaged_answer_is_asked_again(tmp_path: Path, damage: bytes) -> None:
    answers([Square(3)], jobs=1, folder=tmp_path)
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(damage.replace(b"KEY", key_of(Square(3)).encode()))
    assert answers([Square(3)], jobs=1, folder=tmp_path)[Square(3)]["square"] == 9
    assert COUNTED == [3, 3]
    assert json.loads(path.read_text())["answer"]["square"] == 9


def test_a_file_too_large_for_an_answer_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers([Square(3)], jobs=1, folder=tmp_path)
    (path,) = tmp_path.rglob("*.json")
    monkeypatch.setattr(answering, "MOST_BYTES", path.stat().st_size)
    answers([Square(3)], jobs=1, folder=tmp_path)
    assert COUNTED == [3]
    monkeypatch.setattr(answering, "MOST_BYTES", path.stat().st_size - 1)
    answers([Square(3)], jobs=1, folder=tmp_path)
    assert COUNTED == [3, 3]


def test_a_folder_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert answers([Square(3)], jobs=1, folder=tmp_path / "file" / "deep")[Square(3)]["square"] == 9


def test_a_question_without_an_answer_is_a_dash_and_a_reason() -> None:
    found = answers(SQUARES.questions(False), jobs=1, folder=None)
    shown = exhibit_of(SQUARES, False, found)
    assert [cell.ours for *_, cell in shown.figures()] == [9, 144, None, 16]
    text = markdown(shown)
    assert "| 13 | – (130) |" in text
    assert "- `Square(number=13)`: 13 is not squared; take 12" in text
    assert "12 is not" not in markdown(exhibit_of(SQUARES, True, found))


def test_many_failures_are_counted() -> None:
    asked = [Square(number, power) for number, power in ((13, p) for p in range(7))]
    many = SQUARES.__class__("many", "Nobody", "many", lambda quick: asked, SQUARES.exhibit)
    (note,) = exhibit_of(many, False, answers(asked, jobs=1, folder=None)).notes
    assert "7 experiments" in note
    assert note.count("take 12") == 5
    assert "- and 2 more" in note


def test_two_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    written = []
    for jobs in (1, 2):
        found = answers(SQUARES.questions(False), jobs=jobs, folder=None)
        assert list(found) == [Square(number) for number in NUMBERS]
        write_folder([exhibit_of(SQUARES, False, found)], tmp_path / str(jobs))
        written.append({path.name: path.read_bytes() for path in (tmp_path / str(jobs)).iterdir()})
    assert written[0] == written[1]
    assert sorted(written[0]) == ["squares.csv", "squares.md", "squares.png", "squares.svg"]
    assert table_csv([exhibit_of(SQUARES, False, found)]).encode() == written[0]["squares.csv"]


@pytest.mark.slow
def test_a_process_that_is_ended_is_one_clear_message() -> None:
    with pytest.raises(InputError, match=r"ended from outside, perhaps for want of memory.*fewer --jobs"):
        answers([Deadly(1), Deadly(2)], jobs=2, folder=None)
