"""The page of the validations is what a fresh run says; what is summed up of points is right."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from chipweave.errors import InputError
from chipweave.validation import catalog
from chipweave.validation.accuracy import accuracy, halves, histogram
from chipweave.validation.measurement import Point, Target, Validation
from chipweave.validation.page import page, points_csv, section

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"

SLOW = frozenset({"simba", "tpu-models", "language-models"})
"""Validations that take longer than a run of all tests should wait for."""

POINTS = (
    Point("a", "time", "ms", 10.0, 9.0),
    Point("b", "time", "ms", 10.0, 15.0, held_out=True, note="twice|the work"),
    Point("c", "time", "ms", 10.0, None, note="no figure"),
    Point("d", "power", "mW", 2000.0, 2000.0),
)


@pytest.mark.parametrize(
    "entry",
    [pytest.param(each, marks=[pytest.mark.slow] if each.name in SLOW else []) for each in catalog.VALIDATIONS],
    ids=lambda entry: entry.name,
)
def test_the_page_is_what_a_run_says(entry: catalog.Entry) -> None:
    validation = catalog.validate(entry.name)
    assert (validation.name, validation.title) == (entry.name, entry.title)
    text = PAGE.read_text()
    assert "\n".join(["", *section(validation), ""]) in text
    for target in validation.targets:  # the table at its top
        assert f"| {target.text} | {'reached' if target.reached else '**missed**'} | {target.figure} |" in text


def test_the_page_has_every_validation_and_no_other() -> None:
    titles = [line[3:] for line in PAGE.read_text().splitlines() if line.startswith("## ")]
    expected = [entry.title for entry in catalog.VALIDATIONS]
    assert titles == ["What must be reached", *expected, "What is not here"]


def test_accuracy_by_hand() -> None:
    found = accuracy(POINTS)
    assert found is not None
    assert (found.points, found.worst.name) == (3, "b")
    assert found.mean_error == pytest.approx((0.1 + 0.5 + 0.0) / 3)
    assert found.ratios == pytest.approx((0.9 + 0.2 * 0.1, 1.0, 1.0 + 0.8 * 0.5))
    assert found.within == pytest.approx((2 / 3, 2 / 3, 1.0))
    assert accuracy(POINTS[2:3]) is None
    assert {which: len(part) for which, part in halves(POINTS).items()} == {
        "all": 4,
        "may set parameters": 3,
        "held out": 1,
    }
    assert list(halves(POINTS[2:])) == ["all"]


def test_a_histogram_counts_every_ratio_once() -> None:
    lines = histogram(POINTS)
    assert lines[0].startswith("0.90 to 0.95  #")
    assert lines[-1].startswith("1.50 to 2.00  #")
    assert sum(int(line.split()[-1]) for line in lines) == 3
    assert histogram(POINTS[2:3]) == []


def test_what_is_written_of_a_validation() -> None:
    made = Validation("x", "Some chip", "A paper.", ("As set.",), POINTS, (Target("must", False, "0.5"),), ("Why.",))
    text = page([made])
    assert "| [Some chip](#some-chip) | must | **missed** | 0.5 |" in text
    assert "| b | time | 10 ms | 15 | 1.50 | yes | twice/the work |" in text
    assert "| c | time | 10 ms | - | - |  | no figure |" in text
    assert "| d | power | 2,000 mW | 2,000 | 1.00 |  |  |" in text
    rows = list(csv.DictReader(points_csv([made]).splitlines()))
    assert [row["ratio"] for row in rows] == ["0.9", "1.5", "", "1.0"]
    assert rows[1]["note"] == "twice|the work"


@pytest.mark.parametrize(("measured", "predicted", "note"), [(0.0, 1.0, ""), (1.0, -1.0, ""), (1.0, None, "")])
def test_points_refuse_what_is_no_figure(measured: float, predicted: float | None, note: str) -> None:
    with pytest.raises(InputError):
        Point("a", "time", "ms", measured, predicted, note)


def test_names() -> None:
    assert catalog.chosen([]) == catalog.chosen(["all"]) == catalog.VALIDATIONS
    with pytest.raises(InputError, match="'nope' is unknown; use eyeriss-v1"):
        catalog.chosen(["nope", "eyeriss-v1"])


def test_every_target_that_is_missed_is_explained() -> None:
    """A miss without a finding would be a number without a cause."""
    for entry in catalog.VALIDATIONS:
        validation = catalog.validate(entry.name) if entry.name not in SLOW else None
        if validation is not None and not all(target.reached for target in validation.targets):
            assert validation.findings, entry.name
