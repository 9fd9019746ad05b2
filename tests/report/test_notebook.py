"""What notebooks show: the figures, in inert HTML that is the same each time."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

import chipweave
from chipweave.plan.problem import Fidelity
from chipweave.report.quantities import quantity
from chipweave.results.result import Cell, Comparison
from tests.report.results import chain_result, random_result
from tests.support import RoundNumbers

VOID = {"img"}


class Reader(HTMLParser):
    """Elements, their attributes and the text, of HTML in which everything is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [value or "" for name, value in attrs if name == "src"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def read(shown: object) -> Reader:
    html = shown._repr_html_()  # type: ignore[attr-defined]
    assert html == shown._repr_html_()  # type: ignore[attr-defined]
    reader = Reader(html)
    assert reader.names <= {"div", "table", "tr", "th", "td", "img"}
    assert reader.attributes <= {"style", "src", "alt"}
    return reader


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_a_result_shows_its_figures_and_drawings(fidelity: Fidelity) -> None:
    result = random_result(3, fidelity, windows=6)
    reader = read(result)
    words = " ".join(reader.text.split())
    for figure in (quantity(result.evaluation.latency_s, "s"), f"{result.evaluation.edp_js:.4g} Js", "m0", "m2"):
        assert figure in words
    assert len(reader.sources) == min(4, len(result.evaluation.windows)) + 1
    for source in reader.sources:
        kind, data = source.split(",")
        assert kind == "data:image/svg+xml;base64"
        drawing = ElementTree.fromstring(base64.b64decode(data).decode())
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
        text = base64.b64decode(data).decode()
        assert not re.search(r"<script|\bon\w+=|href=|url\((?!#)|@import", text)
        used, made = re.findall(r"url\(#([^)]+)\)", text), re.findall(r'<pattern id="([^"]+)"', text)
        assert set(used) <= set(made)


def test_evaluation_and_schedule_show_every_window() -> None:
    result = random_result(3, windows=3)
    words = " ".join(read(result.evaluation).text.split())
    for window in result.evaluation.windows:
        times = f"{quantity(window.latency_s, 's')} {quantity(window.contended_s, 's')}"
        assert f"{times} {quantity(window.energy.total, 'J')} {window.bound_by}" in words
    words = " ".join(read(result.schedule).text.split())
    for _, pipeline in result.schedule.pipelines():
        for number, stage in enumerate(pipeline.stages, 1):
            assert f"{'ABC'[pipeline.task]}{number} {stage.first} to {stage.last} {stage.chiplet}" in words


def test_a_comparison_is_a_tuple_that_shows_its_cells() -> None:
    result = random_result(1)
    cells = chipweave.compare(
        result.problem.scenario, [result.problem.package], ["standalone", "simba"], cost_model=RoundNumbers()
    )
    assert isinstance(cells, tuple)
    assert cells == tuple(cells)
    assert [cell.scheduler for cell in cells] == ["standalone", "simba"]
    words = " ".join(read(cells).text.split())
    assert cells[0].result is not None
    assert quantity(cells[0].result.evaluation.latency_s, "s") in words
    assert "1.00 (best)" in words
    assert " ".join(cells[1].reason.split()) in words or cells[1].result is not None


def test_long_plans_are_cut_and_hostile_names_inert() -> None:
    name = "<script>alert(1)</script>" + "W" * 10_000
    result = chain_result("mesh-256", [(1, [i]) for i in range(120)], name=name)
    reader = read(result)
    assert "<script>alert(1)</script>" in reader.text
    assert "and 80 more" in read(result.schedule).text
    assert len(reader.text) < 20_000
    assert "<script>" in read(Comparison([Cell("scar", name, None, "<b>why")])).text


def test_the_view_is_handed_in_with_any_part_and_loaded_when_a_notebook_asks() -> None:
    code = """
import sys
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
assert not [name for name in sys.modules if name.startswith("chipweave.report")]
plan = Schedule((Window((Pipeline(0, (Stage(0, 3, (1, 2)),)),)),))
assert "windows: 1" in plan._repr_html_()
assert "chipweave.report.notebook" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_without_a_view_the_plain_form_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chipweave.display._view", lambda value: None)
    assert random_result(1)._repr_html_() is None
