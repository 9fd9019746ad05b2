"""The page of a sweep says what its rows say, to the digit; names are text; of a large sweep it stays small."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from chipweave.evaluation.glossary import TERMS
from chipweave.report.html import sweep_page
from chipweave.report.html.parallel import LEFT, RIGHT, WIDTH
from chipweave.report.html.sweep import report_path
from chipweave.report.swept import axis_text, axis_unit, counts
from chipweave.results.sweep_summary import SweepSummary
from chipweave.sweep.gather import gather
from chipweave.sweep.reporting import points_csv
from chipweave.sweep.summary import front_positions, summarise
from tests.report.pages import EVIL, Node, parsed
from tests.report.sweeps import evil_sweep, swept, wide_sweep
from tests.sweep.made_up import made_up, row

SUMMARIES = {"made up": swept, "evil": evil_sweep, "wide": wide_sweep}


@pytest.fixture(params=SUMMARIES)
def every(request: pytest.FixtureRequest) -> tuple[SweepSummary, Node]:
    summary = SUMMARIES[request.param]()
    return summary, parsed(sweep_page(summary))


def table() -> list[dict[str, str]]:
    """The rows of the CSV of the sweep of `swept`."""
    found = made_up({3: ("infeasible", "no room in L2: 3 bytes more")}, waiting=(5,))
    return list(csv.DictReader(io.StringIO(points_csv(found, swept()))))


def test_every_figure_is_the_tables_to_the_digit() -> None:
    rows = table()
    root = parsed(sweep_page(swept()))
    seen = set()
    for figure in root.all("data"):
        pointer = figure.attributes.get("data-at")
        if pointer is None:
            assert figure.attributes["data-from"]
            continue
        _, position, column = pointer.split("/", 2)
        written = rows[int(position)][column.replace("~1", "/").replace("~0", "~")]
        value = json.loads(figure.attributes["value"])
        if isinstance(value, str | list | dict):
            assert written == (value if isinstance(value, str) else json.dumps(value))
        elif value is None:
            assert written == ""
        else:
            assert float(written) == value
        seen.add((int(position), column))
    for position in set(range(24)) - {3, 5}:
        assert {(position, name) for name in ("edp_js", "price_usd", "latency_s", "energy_j")} <= seen


def test_the_table_has_every_point() -> None:
    rows = table()
    assert [row["position"] for row in rows] == [str(n) for n in range(24)]
    assert rows[3]["failure"] == "infeasible: no room in L2: 3 bytes more"
    assert (rows[3]["edp_js"], rows[5]["edp_js"], rows[5]["failure"]) == ("", "", "")
    assert [int(row["position"]) for row in rows if row["front"] == "1"] == sorted(swept().fronts[0].positions)
    assert rows[0]["windows"] == "2"


def test_the_page_holds_what_it_says(every: tuple[SweepSummary, Node]) -> None:
    summary, root = every
    identifiers = [node.attributes["id"] for node in root.walk() if "id" in node.attributes]
    assert len(set(identifiers)) == len(identifiers)
    for node in root.walk():
        if "data-term" in node.attributes:
            assert node.attributes["data-term"] in TERMS
            assert f"term-{node.attributes['data-term']}" in identifiers
        if "data-row" in node.attributes:
            assert node.attributes["data-row"] in identifiers
    assert counts(summary) in root.text
    assert sweep_page(summary) == sweep_page(summary)


def test_points_of_fronts_lead_to_their_reports() -> None:
    summary = swept()
    keys = [summary.at[position].key for position in front_positions(summary)]
    root = parsed(sweep_page(summary, keys[:-1]))
    links = {node.attributes["href"] for node in root.all("a")}
    assert links == {report_path(key) for key in keys[:-1]}
    assert all(re.fullmatch(r"schedules/[0-9a-f]{64}\.html", link) for link in links)
    assert parsed(sweep_page(summary)).all("a") == []


def test_drawings_place_points_by_their_values() -> None:
    summary = swept()
    root = parsed(sweep_page(summary))
    planes = [node for node in root.all("svg") if "plane" in node.classes]
    assert len(planes) == 2
    places = {}
    for node in planes[0].walk():
        if "point" in node.classes:
            (path,) = node.all("path")
            x, y, _ = map(float, re.findall(r"[\d.]+", path.attributes["transform"]))
            places[int(node.attributes["data-row"].removeprefix("point-"))] = x, y, "chosen" in node.classes
    assert set(places) == set(range(24)) - {3, 5}
    assert {position for position, place in places.items() if place[2]} == set(summary.fronts[0].positions)
    order = sorted(places, key=lambda position: summary.at[position].figures["edp_js"] or 0)
    across = [places[position][0] for position in order]
    assert across == sorted(across)
    (drawn,) = (node for node in root.all("svg") if "parallel" in node.classes)
    lines = [node for node in drawn.walk() if "line" in node.classes]
    assert len(lines) == 22
    for node in lines:
        (path,) = node.all("path")
        steps = re.findall(r"[ML]([\d.]+) ", path.attributes["d"])
        assert len(steps) == 3 + 2
        assert all(LEFT - 0.1 <= float(step) <= WIDTH - RIGHT + 0.1 for step in steps)


def test_names_are_text() -> None:
    text = sweep_page(evil_sweep())
    root = parsed(text)
    assert len(root.all("script")) == 1
    assert root.all("img") == []
    assert EVIL[0] in root.text
    assert "n" * 601 not in root.text
    assert "\u202e" not in text


def test_of_a_large_sweep_the_page_stays_small_and_says_so() -> None:
    """20,000 points: the page is as large as one of 2,000."""

    def made(count: int) -> str:
        axes = [{"package.l2_bytes": n % 10, "seed": n // 10} for n in range(count)]
        found = [row(n, at, 1.0 + n % 997, 2.0 + n % 1009, 3.0) for n, at in enumerate(axes)]
        return sweep_page(summarise("large", gather(found)))

    small, large = made(2_000), made(20_000)
    assert len(large) < 1.1 * len(small) + 20_000
    assert len(large) < 1_500_000
    assert re.search(r"\d+ of 20,000 points are drawn and listed", large)


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("package.link_bandwidth_bytes_s", 1e11, "100 GB/s"),
        ("chiplets.*.l2_bytes", 2_500_000, "2.50 MB"),
        ("chiplets.A.clock_hz", 5e8, "500 MHz"),
        ("chiplets.A.node_nm", 7, "7 nm"),
        ("options.top_k", 12000, "12,000"),
        ("scenario.models.a.latency_limit_s", 0.01, "10.0 ms"),
        ("package.classes", {"A": "one", "B": "two"}, "A one, B two"),
        ("package.grid", [["A", "B"], ["A", "B"]], "A B / A B"),
        ("package", "mesh-16", "mesh-16"),
        ("options.deep", {"a": [1, {"b": 2}]}, '{"a": [1, {"b": 2}]}'),
        ("options.x", None, "–"),
        ("options.x", True, "yes"),
    ],
)
def test_values_of_axes_in_words(path: str, value: object, text: str) -> None:
    assert axis_text(path, value) == text


def test_units_of_axes() -> None:
    assert axis_unit("package.link_bandwidth_bytes_s") == "B/s"
    assert axis_unit("seed") == ""
