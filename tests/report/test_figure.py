"""Figures: the evaluation's times, letters that do not touch, the same bytes again."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from chipweave.errors import InputError
from chipweave.plan.problem import Fidelity
from chipweave.report.figure import WIDTHS_IN, timeline, timeline_figure
from chipweave.results.result import Result
from tests.report.results import chain_result, random_result, slow_dram

pytest.importorskip("matplotlib", reason="figures need matplotlib")

CASES = {
    "detailed": lambda: random_result(1, windows=4),
    "paper": lambda: random_result(5, Fidelity.PAPER),
    "regions": lambda: chain_result("mesh-36", [(8, [0, 1, 2, 3, 4, 5, 11, 10]), (1, [9])], [(3, [0, 1])]),
    "many rows": lambda: chain_result("mesh-256", [(1, [i]) for i in range(90)], batch=3000, name="$x_{" + "W" * 200),
    "many windows": lambda: chain_result("mesh-16", *[[(1, [0])]] * 60),
    "held": lambda: slow_dram(chain_result("mesh-16", [(1, [0]), (1, [1])], [(1, [5])], batch=9), 1e3),
}


def drawn(result: Result, columns: int = 2) -> Any:
    import matplotlib

    from chipweave.report.figure import _STYLE

    with matplotlib.rc_context(_STYLE):
        figure = timeline(result, WIDTHS_IN[columns])
        figure.canvas.draw()
    return figure


def texts(figure: Any) -> list[tuple[str, Any]]:
    """Every text that is seen, with its box. Labels of ticks beyond the axis are there, but not drawn."""
    from matplotlib.text import Text

    (axes,) = figure.axes
    low, high = axes.get_xlim()
    hidden = [tick.label1 for tick in axes.xaxis.get_major_ticks() if not low <= tick.get_loc() <= high]
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent()) for text in found if text not in hidden]


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_letters_do_not_touch_and_stay_inside(case: str, columns: int) -> None:
    figure = drawn(CASES[case](), columns)
    assert figure.get_size_inches()[0] == WIDTHS_IN[columns]
    assert figure.get_size_inches()[1] < 10
    boxes = texts(figure)
    assert len(boxes) > 5
    for _, box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.width + 1
        assert box.y1 <= figure.bbox.height + 1
    touching = [(a, b) for (a, one), (b, two) in combinations(boxes, 2) if one.overlaps(two)]
    assert touching == []


@pytest.mark.parametrize("case", ["detailed", "paper", "regions", "held"])
def test_bars_are_where_the_evaluation_says(case: str) -> None:
    """Each stage's bars begin no earlier than its window and end with its last micro-batch."""
    result = CASES[case]()
    figure = drawn(result)
    (axes,) = figure.axes
    unit = {"s": 1.0, "ms": 1e3, "µs": 1e6, "ns": 1e9}[axes.get_xlabel().split("(")[1].rstrip(")")]
    assert axes.get_xlim() == (0, pytest.approx(result.evaluation.latency_s * unit))
    ends = [path.get_extents().x1 for bars in axes.collections for path in bars.get_paths()]
    starts = [path.get_extents().x0 for bars in axes.collections for path in bars.get_paths()]
    for window in result.evaluation.windows:
        assert any(start == pytest.approx(window.start_s * unit, abs=1e-9 * unit) for start in starts)
        for pipeline in window.pipelines:
            worked_s = window.start_s + pipeline.latency_s  # what DRAM or a link adds is hatched
            assert any(end == pytest.approx(worked_s * unit) for end in ends)


def test_legend_names_models_and_what_is_hatched() -> None:
    words = [text for text, _ in texts(drawn(CASES["held"]()))]
    assert "A net (9)" in words
    assert "held by DRAM, link or port" in words
    assert "held by DRAM, link or port" not in [text for text, _ in texts(drawn(CASES["regions"]()))]


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_the_same_result_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / f"{name}.{suffix}" for name in ("one", "two")]
    for path in paths:
        timeline_figure(random_result(1), path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert not re.search(rb"/CreationDate|<dc:date>|20\d\d-\d\d-\d\d", first)
    if suffix == "pdf":
        assert b"/FontFile2" in first  # TrueType, embedded whole: what matplotlib calls type 42
        assert b"/Type3" not in first


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"end its name in \.pdf, \.svg or \.png"):
        timeline_figure(random_result(1), tmp_path / "a.jpeg")
    with pytest.raises(InputError, match="1 or 2 columns"):
        timeline_figure(random_result(1), tmp_path / "a.pdf", columns=3)
    with pytest.raises(InputError, match="cannot be written"):
        timeline_figure(random_result(1), tmp_path / "missing" / "a.pdf")
    assert list(tmp_path.iterdir()) == []


def test_names_of_stages_stand_in_a_block_that_holds_them() -> None:
    """Five equal micro-batches on one chiplet fill a column of a page: over the middle of all of them, the name would
    stand on the third; it stands on the first, and covers no end of a block."""
    figure = drawn(chain_result("mesh-16", [(1, [0])], batch=5))
    (axes,) = figure.axes
    ((name, box),) = [(text, box) for text, box in texts(figure) if re.fullmatch(r"[A-Z]\d", text)]
    spans = [path.get_extents(axes.transData) for bar in axes.collections for path in bar.get_paths()]
    first = min((span for span in spans if span.height > box.height), key=lambda span: float(span.x0))
    assert name == "A1"
    assert first.x0 < box.x0 < box.x1 < first.x1
