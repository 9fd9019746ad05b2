"""The page says what schedule.json says, to the digit; names are text; it asks for nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chipweave
from chipweave.evaluation.glossary import TERMS
from chipweave.evaluation.record import L2Use
from chipweave.evaluation.term import names_of
from chipweave.files.schedule_file import to_text
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.report.bottleneck import binding
from chipweave.report.comparison import STATIC_NOTE, comparison_data
from chipweave.report.html import comparison_page, page
from chipweave.report.html.binding import binding as bound_by
from chipweave.report.html.data_elements import shown, typeset
from chipweave.report.html.drawing import decades, ticks
from chipweave.report.html.layout import places
from chipweave.report.html.loads import loads
from chipweave.report.html.package import package_drawing
from chipweave.report.html.page_data import PageData
from chipweave.report.html.stages import MOST_STAGES
from chipweave.report.html.timeline import GUTTER, WIDTH, timeline_drawing
from chipweave.results.result import Cell, Result, assess
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.report.pages import EVIL, Node, evil_result, parsed, plan_on_regions, some_result, stacked_result
from tests.support import RoundNumbers

CASES = {
    "detailed": some_result,
    "paper": lambda: some_result(1, Fidelity.PAPER),
    "regions": plan_on_regions,
    "evil": evil_result,
    "stacks": stacked_result,
    "one chiplet": lambda: some_result(2, tasks=1, rows=1, columns=1, windows=1),
}


@cache
def case(name: str) -> tuple[Result, str, Node]:
    result = CASES[name]()
    text = page(result)
    return result, text, parsed(text)


@pytest.fixture(params=CASES)
def every(request: pytest.FixtureRequest) -> tuple[Result, str, Node]:
    return case(request.param)


def follow(document: Any, pointer: str) -> Any:
    """RFC 6901, read again."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def test_every_figure_of_the_file_is_the_files_to_the_digit(every: tuple[Result, str, Node]) -> None:
    result, _, root = every
    document = json.loads(to_text(result))
    figures = [node for node in root.walk() if "data-at" in node.attributes]
    for figure in figures:
        at, value = figure.attributes["data-at"], figure.attributes["value" if figure.name == "data" else "data-value"]
        assert value == json.dumps(follow(document, at)), at
    shown_at = {figure.attributes["data-at"] for figure in figures}
    assert {"/evaluation/latency_s", "/evaluation/energy_j", "/evaluation/edp_js"} <= shown_at
    for w, window in enumerate(document["evaluation"]["windows"]):
        assert f"/evaluation/windows/{w}/latency_s" in shown_at
        for p, pipeline in enumerate(window["pipelines"]):
            assert f"/evaluation/windows/{w}/pipelines/{p}/latency_s" in shown_at
            for s in range(len(pipeline["stages"])):
                at = f"/evaluation/windows/{w}/pipelines/{p}/stages/{s}"
                assert {f"{at}/{name}" for name in ("compute_s", "fill_s", "steady_s", "energy_j")} <= shown_at
    if result.search is not None:
        assert {"/search/gap", "/search/value", "/search/front/3/energy_j", "/search/seed"} <= shown_at


def test_what_is_computed_says_from_what(every: tuple[Result, str, Node]) -> None:
    result, _, root = every
    document = json.loads(to_text(result))
    for figure in root.all("data"):
        attributes = figure.attributes
        assert ("data-at" in attributes) != ("data-from" in attributes), attributes
        for pointer in attributes.get("data-from", "").split():
            follow(document, pointer)  # raises where it leads nowhere
        if not attributes.get("data-at", "").startswith("/search/options"):
            assert attributes["data-term"] in TERMS


SCALES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def test_what_is_read_is_the_exact_figure_rounded(every: tuple[Result, str, Node]) -> None:
    raised = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    seen = 0
    for figure in every[2].all("data"):
        exact = json.loads(figure.attributes["value"])
        match = re.fullmatch(
            r"(-?[\d.]+)(?:×10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+))? ?(?:([fpnµmkMGT]?)(?:s|J|Js|W|B|B/s)|(%))?",
            figure.text.replace(",", ""),
        )
        if match is None or not isinstance(exact, int | float) or isinstance(exact, bool):
            split = re.fullmatch(r"(\d+)[wi](?: (\d+)i)?", figure.text)  # layers by how they are split
            assert sum(map(int, filter(None, split.groups()))) == exact if split else not isinstance(exact, float)
            continue
        number, power, prefix, share = match.groups()
        value = float(number) * 10 ** int((power or "0").translate(raised)) * SCALES[prefix or ""]
        rounding = 0.0005 if share else 0.0
        assert value / (100 if share else 1) == pytest.approx(exact, rel=0.0051, abs=rounding), figure.text
        seen += 1
    assert seen > 50


def test_no_number_in_a_table_stands_outside_a_figure(every: tuple[Result, str, Node]) -> None:
    """Names, labels of stages and windows, and drawings aside."""

    def texts(node: Node) -> list[str]:
        if node.name in ("data", "bdi", "svg") or "label" in node.classes:
            return []
        found = []
        for child in node.children:
            found += [child] if isinstance(child, str) else texts(child)
        return found

    tables = every[2].all("table")
    assert len(tables) >= 8
    for table in tables:
        for cell in [*table.all("td"), *table.all("tbody")[0].all("th")]:
            assert not re.search(r"\d", " ".join(texts(cell))), texts(cell)


def test_derived_figures_are_what_they_say() -> None:
    result, _, root = case("detailed")
    document = json.loads(to_text(result))
    checked = 0
    for figure in root.all("data"):
        pointers = figure.attributes.get("data-from", "").split()
        values = [follow(document, pointer) for pointer in pointers]
        exact, term = json.loads(figure.attributes["value"]), figure.attributes.get("data-term", "")
        if term in ("window.dram_share", "window.link_share", "window.port_share", "window.pipeline_share"):
            assert exact == values[0] / values[1]
        elif term == "window.end_s":
            assert exact == values[0] + values[1]
        elif term == "stage.transfers_s" or (term.startswith("energy.") and term != "energy.share" and values):
            assert exact == pytest.approx(sum(values), rel=1e-12)
        elif term in ("energy.share", "model.energy_share"):
            assert exact == pytest.approx(values[0] / values[1], rel=1e-12)
        else:
            continue
        checked += 1
    assert checked > 40


@pytest.mark.parametrize("name", ["detailed", "regions", "paper"])
def test_the_busiest_link_and_the_drams_bytes_are_the_evaluations(name: str) -> None:
    result, _, _ = case(name)
    package = result.problem.package
    for busy, window in zip(loads(result), result.evaluation.windows, strict=True):
        assert sum(load.bytes_ for load in busy.interfaces.values()) == pytest.approx(
            sum(stage.bytes_.dram for pipeline in window.pipelines for stage in pipeline.stages), rel=1e-12
        )
        most = max(load.bytes_ for load in busy.links.values())
        port = max(busy.port(chiplet).bytes_ for chiplet in range(len(package.chiplets)))
        if result.problem.fidelity is Fidelity.DETAILED:
            assert most == pytest.approx(window.link_s * package.link_bandwidth_bytes_s, rel=1e-12)
            assert port == pytest.approx(window.port_s * package.link_bandwidth_bytes_s, rel=1e-12)
            assert max(load.share for load in busy.links.values()) <= 1 + 1e-12


def test_the_page_is_well_formed_and_can_be_heard(every: tuple[Result, str, Node]) -> None:
    root = every[2]
    identifiers = [node.attributes["id"] for node in root.walk() if "id" in node.attributes]
    assert len(set(identifiers)) == len(identifiers)
    assert root.all("html")[0].attributes["lang"] == "en"
    for drawing in root.all("svg"):
        named = drawing.attributes.get("aria-label") or drawing.attributes.get("aria-hidden")
        assert named, drawing.attributes
    items = [node for node in root.walk() if "item" in node.classes]
    assert len(items) > 5
    for item in items:
        assert item.attributes["aria-label"]
        assert item.attributes.get("data-row", identifiers[0]) in identifiers, item.attributes["data-row"]
    for node in root.walk():
        for key in ("aria-labelledby", "for"):
            assert set(node.attributes.get(key, "").split()) <= set(identifiers)
        for used in re.findall(r"url\(#([^)]*)\)", " ".join(node.attributes.values())):
            assert used in identifiers
    for node in root.all("data"):
        entry = node.attributes.get("data-term", "").replace(" ", "-")
        assert not entry or f"term-{entry}" in identifiers
    for row in root.all("tr"):
        heads = row.above.above.all("thead") if row.above is not None and row.above.above is not None else []
        if heads:
            assert len(row.all("td") + row.all("th")) == len(heads[0].all("th"))


def test_the_page_needs_nothing_and_its_policy_says_so(every: tuple[Result, str, Node]) -> None:
    _, text, root = every
    for node in root.walk():
        assert not {key for key in node.attributes if key.startswith("on") or key in ("src", "href", "style")}
    assert [node.name for node in root.walk() if node.name in ("link", "img", "iframe", "a", "base")] == []
    (script,), (style,) = root.all("script"), root.all("style")
    assert set(re.findall(r"\w+://[\w.]+", text)) == {"http://www.w3.org"}  # the namespace of SVG
    assert "@import" not in style.text
    assert re.findall(r"url\((?!#)", style.text) == []
    (policy,) = (node.attributes["content"] for node in root.all("meta") if "http-equiv" in node.attributes)
    hashes = {
        name: base64.b64encode(hashlib.sha256(node.text.encode()).digest()).decode()
        for name, node in (("script", script), ("style", style))
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "base-uri 'none'"
    )


def test_the_schedule_as_simulated_is_folded_below_its_timeline(every: tuple[Result, str, Node]) -> None:
    result, text, _ = every
    assert ("The same as simulated" in text) == (result.simulated is not None)
    assert ("simulated: what each chiplet does when" in text) == (result.simulated is not None)


def test_what_a_search_had_found_when_is_a_falling_line() -> None:
    """Twice the last value after a second, the last one after 2 of 4 seconds: one step, a third of the way across."""
    result = case("detailed")[0]
    assert result.search is not None
    falling = replace(result.search, seconds=4.0, history=((1.0, 2.0), (2.0, 1.0)))
    text = page(replace(result, search=falling))
    assert "How the search got there" in text
    names = ((node.attributes.get("aria-label") or "", node) for node in parsed(text).walk())
    (drawn,) = [node for name, node in names if name.startswith("The best value so far")]
    paths = [node.attributes["d"] or "" for node in drawn.all("path")]
    (line,) = [path for path in paths if re.fullmatch(r"M[0-9.]+ [0-9.]+H[0-9.]+V[0-9.]+H[0-9.]+", path)]
    x, y, at, lower, end = (float(number) for number in re.findall(r"[0-9.]+", line))
    assert x < at < end
    assert at - x == pytest.approx((end - x) / 3, abs=0.2)
    assert lower > y
    for history in ((), ((1.0, 2.0),), ((1.0, 1.0), (2.0, -1.0))):
        assert "How the search got there" not in page(replace(result, search=replace(falling, history=history)))


def test_names_are_text_of_bounded_length_that_keeps_its_direction() -> None:
    _, text, root = case("evil")
    assert len(root.all("script")) == 1
    assert not root.all("img")
    shown_text = root.all("body")[0].text
    assert EVIL[0] in shown_text
    assert EVIL[1] in shown_text
    assert max(map(len, re.findall(r"n+", text))) < 700
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", text)


def test_the_same_result_gives_the_same_bytes() -> None:
    result, text, _ = case("detailed")
    assert page(result) == text
    assert page(CASES["detailed"]()) == text


@pytest.mark.parametrize("setting", [{"windows": 40, "most": 40, "tasks": 8}, {"tasks": 26, "rows": 6, "columns": 6}])
def test_large_schedules_make_bounded_pages_that_say_what_they_leave_out(setting: dict[str, int]) -> None:
    result = some_result(3, batch=2000, **setting)
    text = page(result)
    root = parsed(text)
    assert len(text) < 3e6
    assert max(len(list(drawing.walk())) for drawing in root.all("svg")) < 4000
    stages = sum(len(pipeline.stages) for window in result.evaluation.windows for pipeline in window.pipelines)
    listed = [node for node in root.all("tr") if re.fullmatch(r"\d+-stage-\d+-\d+", node.attributes.get("id", ""))]
    assert len(listed) == stages or ("are not; schedule.json has all" in text and len(listed) < MOST_STAGES)
    windows = [node for node in root.all("article") if "window" in node.classes]
    assert len(windows) == len(result.evaluation.windows) or "the first and the longest are drawn" in text


def test_stages_say_what_their_l2_keeps_and_notes_what_comes_of_it() -> None:
    """Columns of bytes that some stage has, each a figure of the file; what all fits in has none of the others."""
    tight = some_result(3, tasks=1, windows=1, batch=4, micro_batch=1)
    chiplets = tuple(replace(chiplet, l2_bytes=300) for chiplet in tight.problem.package.chiplets)
    problem = replace(tight.problem, package=replace(tight.problem.package, chiplets=chiplets))
    result = assess(problem, tight.cost_model, tight.schedule, objective("edp"))
    text = page(result)
    shown = {name for name in names_of(L2Use) if f"/stages/0/l2/{name}" in text}
    used = {name for name in names_of(L2Use) if any(getattr(stage.l2, name) for stage in result.evaluation.stages)}
    assert {"spill", "streamed"} <= used
    assert shown - {"keeping"} == used - {"keeping", "fits"}
    assert "For want of room in L2" in text
    assert ("Twice the L2" in text) == bool(result.larger_l2 and result.larger_l2.worthwhile)
    roomy = tuple(replace(chiplet, l2_bytes=10**8) for chiplet in chiplets)
    problem = replace(problem, package=replace(problem.package, chiplets=roomy))
    text = page(assess(problem, tight.cost_model, tight.schedule, objective("edp")))
    assert "/l2/held_weights" in text
    assert not any(f"/l2/{name}" in text for name in ("streamed", "gathered", "again", "spill"))
    assert "Twice the L2" not in text


def test_a_plan_written_by_hand_has_no_search() -> None:
    result, text, root = case("regions")
    assert "a plan written by hand" in text
    assert "chipweave evaluate schedule.json" in text
    assert "/search" not in text
    assert "3: 0-2" not in text
    assert any(node.attributes.get("value") == "[0, 1, 2]" and node.text == "0-2" for node in root.all("data"))
    assert result.certificate is not None
    assert any(
        node.attributes["value"] == json.dumps(result.certificate.value)
        for node in root.all("data")
        if node.attributes.get("data-term") == "bound.value"
    )


def test_an_objective_of_which_only_the_name_is_known_has_no_value_and_no_bound() -> None:
    some = case("detailed")[0]
    root = parsed(page(assess(some.problem, some.cost_model, some.schedule, "my own <b>", None)))
    assert "my own <b>" in root.text
    assert "lower bound" not in root.all("header")[0].text


# Drawings


def boxes(path: str) -> list[tuple[float, float]]:
    """Left and right ends of a path's rectangles."""
    found = re.findall(r"M(-?[\d.]+) [\d.]+h([\d.]+)v", path)
    return [(float(left), float(left) + float(width)) for left, width in found]


def stages_of(drawing: str) -> dict[str, Node]:
    return {node.attributes["data-row"]: node for node in parsed(drawing).walk() if "stage" in node.classes}


@pytest.mark.parametrize("name", ["detailed", "paper", "one chiplet", "regions"])
def test_the_timeline_has_a_block_for_every_micro_batch_until_the_pipelines_end(name: str) -> None:
    result = case(name)[0]
    latency_s = result.evaluation.latency_s
    drawn = stages_of(timeline_drawing(result, range(len(result.evaluation.windows))))
    count = 0
    for w, window in enumerate(result.evaluation.windows):
        for p, pipeline in enumerate(window.pipelines):
            ends = []
            for s, stage in enumerate(pipeline.stages):
                group = drawn[f"{w}-stage-{p}-{s}"]
                solid = [path for path in group.all("path") if path.attributes["fill"].startswith("url")]
                blocks = [box for path in solid for box in boxes(path.attributes["d"])]
                narrow = any("run" in path.classes for path in solid)
                rows = len({y for path in solid for y in re.findall(r"M-?[\d.]+ ([\d.]+)h", path.attributes["d"])})
                if not narrow and stage.compute_s:
                    assert len(blocks) == pipeline.micro_batches * rows
                    count += 1
                ends += [end for _, end in blocks]
            worked_s = window.start_s + pipeline.latency_s  # what DRAM or a link adds is hatched
            end_s = GUTTER + worked_s / latency_s * (WIDTH - GUTTER - 12)
            if pipeline.micro_batches > 1:
                assert max(ends) == pytest.approx(end_s, abs=1.0)
    assert count > 0


def test_a_thousand_micro_batches_are_a_few_blocks_and_a_run() -> None:
    result = some_result(4, batch=3000, micro_batch=2, windows=1, tasks=1)
    (pipeline,) = result.evaluation.windows[0].pipelines
    assert pipeline.micro_batches > 100
    drawing = timeline_drawing(result, [0])
    runs = re.findall(r"× ([\d,]+)", drawing)
    blocks = [node for node in stages_of(drawing).values() if any("run" in path.classes for path in node.all("path"))]
    assert len(blocks) == len(pipeline.stages)
    count = pipeline.micro_batches
    assert {int(run.replace(",", "")) for run in runs} <= set(range(count - 50, count))
    assert drawing.count("<") < 400


def test_the_package_shows_every_stage_on_its_chiplets() -> None:
    result = case("detailed")[0]
    for w, window in enumerate(result.schedule.windows):
        root = parsed(package_drawing(result, w, key=str(w)))
        tiles = [node for node in root.walk() if "chiplet" in node.classes]
        assert len(tiles) == len(result.problem.package.chiplets)
        labels = {}
        for chiplet, tile in enumerate(tiles):
            assert tile.attributes["aria-label"].startswith(f"Chiplet {chiplet}, ")
            labels[chiplet] = [node.text for node in tile.all("text") if "label" in node.classes]
        wanted: dict[int, list[str]] = {chiplet: [] for chiplet in labels}
        for pipeline in window.pipelines:
            for number, stage in enumerate(pipeline.stages, 1):
                for chiplet in stage.chiplets:
                    wanted[chiplet] = [f"{'ABC'[pipeline.task]}{number}"]
        assert labels == wanted


def test_busier_links_are_wider_and_each_direction_has_its_own_line() -> None:
    result = case("detailed")[0]
    (busy, *_) = loads(result)
    root = parsed(package_drawing(result, 0, busy, "0"))
    lines = {
        (int(a), int(b)): node
        for node in root.walk()
        if "link" in node.classes
        for a, b in re.findall(r"from chiplet (\d+) to (\d+)", node.attributes["aria-label"])
    }
    assert set(lines) == {link for link, load in busy.links.items() if load.bytes_}
    widths = []
    for link, node in lines.items():
        (line,) = (path for path in node.all("path") if path.attributes.get("stroke", "")[:3] == "var")
        widths.append((busy.links[link].share, float(line.attributes["stroke-width"])))
        assert node.attributes["data-row"] == f"0-link-{link[0]}-{link[1]}"
    widths.sort()
    assert [width for _, width in widths] == sorted(width for _, width in widths)
    assert widths[0][1] < widths[-1][1]
    (a, b) = next(link for link in lines if link[::-1] in lines)
    assert lines[a, b].all("path")[0].attributes["d"] != lines[b, a].all("path")[0].attributes["d"]


# Layout


def package_of(count: int, links: tuple[tuple[int, int], ...]) -> Package:
    return Package("p", (Chiplet("a"),) * count, links, interfaces=(0,))


def test_a_grid_is_drawn_as_it_is_without_wide_gaps() -> None:
    chiplets, links = (Chiplet("a"),) * 4, ((0, 1), (1, 2), (2, 3))
    spread = Package("p", chiplets, links, (0,), positions=((0, 0), (0, 1), (5, 1), (1000, 1)))
    assert places(spread).points == ((0, 0), (1, 0), (1, 2), (1, 4))


@settings(max_examples=40)
@given(st.integers(2, 14), st.randoms(use_true_random=False))
def test_a_graph_is_spread_out(count: int, rng: Any) -> None:
    links = {(rng.randrange(chiplet), chiplet) for chiplet in range(1, count)}
    links |= {tuple(sorted(rng.sample(range(count), 2))) for _ in range(rng.randint(0, count))}
    package = package_of(count, tuple(sorted(links)))
    found = places(package)
    assert found == places(package_of(count, tuple(sorted(links))))
    points = np.array(found.points)
    apart = np.abs(points[:, None] - points[None]).max(axis=2) + np.eye(count) * 9
    assert apart.min() > 0.95
    assert points.min() >= 0


def test_chiplets_crowded_around_one_find_places_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pushing would take too long, all of 40 neighbours of a hub still have a place each, the hub the middle."""
    monkeypatch.setattr("chipweave.report.html.layout._MOST_PAIRS", 1)
    found = places(package_of(41, tuple((0, i) for i in range(1, 41))))
    points = np.array(found.points)
    apart = np.abs(points[:, None] - points[None]).max(axis=2) + np.eye(41) * 9
    assert apart.min() >= 1
    assert max(found.width, found.height) <= 20
    assert np.abs(points[0] - [found.width / 2, found.height / 2]).max() <= 3


def test_the_places_are_worked_out_once_for_all_drawings_of_a_page() -> None:
    package = package_of(5, tuple((0, i) for i in range(1, 5)))
    assert places(package) is places(package_of(5, package.links))


def test_distances_in_a_drawn_graph_follow_hops() -> None:
    for links, count in ((topology.mesh(4, 4), 16), (tuple((i, i + 1) for i in range(9)), 10)):
        package = package_of(count, links)
        points = np.array(places(package).points)
        apart = np.linalg.norm(points[:, None] - points[None], axis=2)
        above = np.triu_indices(count, 1)
        assert np.corrcoef(apart[above], package.hop_matrix[above])[0, 1] > 0.9


# Figures


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.012345, "s", "12.3 ms"),
        (1.5e-6, "s", "1.50 µs"),
        (6.684e-6, "Js", "6.684×10⁻⁶ Js"),
        (0.98765, "share", "98.8 %"),
        (1234567, "", "1,234,567"),
        (None, "s", "–"),
        (True, "", "yes"),
        ([0, 1, 2, 5], "", "0-2, 5"),
        ([], "", "–"),
    ],
)
def test_figures_in_words(value: Any, unit: str, text: str) -> None:
    assert typeset(shown(value, unit)) == text


@given(st.floats(1e-9, 1e9), st.floats(1.001, 1e6))
def test_ticks_are_few_and_inside(low: float, factor: float) -> None:
    high = low * factor
    found = ticks(low, high)
    assert 0 <= len(found) <= 9
    assert all(low * (1 - 1e-6) <= tick <= high * (1 + 1e-6) for tick in found)
    assert all(low <= tick <= high for tick in decades(low, high))


# Side by side


def cells() -> tuple[Cell, ...]:
    some = some_result(0)
    other = some_result(1, columns=2, tasks=3)
    return (
        Cell("scar", "random", some),
        Cell("<b>own", "elsewhere", replace(other, search=None)),
        Cell("simba", "random", None, "needs <i>one</i> class"),
    )


def test_the_comparison_says_what_its_data_say() -> None:
    text = comparison_page(cells())
    root, data = parsed(text), comparison_data(cells())
    figures = root.all("data")
    for figure in figures:
        assert figure.attributes["value"] == json.dumps(follow(data, figure.attributes["data-at"]))
        assert figure.attributes["data-term"] in TERMS
    shown_at = {figure.attributes["data-at"] for figure in figures}
    keys = ("chiplets", "windows", "latency_s", "energy_j", "edp_js", "ratio", "gap", "seconds")
    assert {f"/{cell}/{key}" for cell in (0, 1) for key in keys} <= shown_at
    assert "needs <i>one</i> class" in root.text
    assert "<b>own" in root.text
    assert STATIC_NOTE in root.text
    identifiers = [node.attributes["id"] for node in root.walk() if "id" in node.attributes]
    assert len(set(identifiers)) == len(identifiers)
    assert len([node for node in root.all("svg") if "package" in node.classes]) == 2
    assert comparison_page(cells()) == text


def test_a_comparison_without_any_schedule_gives_the_reasons() -> None:
    root = parsed(comparison_page([Cell("scar", "p", None, "too small"), Cell("simba", "p", None, "two classes")]))
    assert "too small" in root.text
    assert "two classes" in root.text


def test_throughput_is_compared_as_throughput() -> None:
    some = some_result(0)
    result = assess(some.problem, some.cost_model, some.schedule, objective("throughput"), some.search)
    pointers = [node.attributes["data-at"] for node in parsed(comparison_page([Cell("s", "p", result)])).all("data")]
    assert "/0/samples_per_s" in pointers
    assert "/0/edp_js" not in pointers


# What binds

SLOW_DRAM = {"dram_bandwidth_bytes_s": 2e5}


def test_what_binds_a_window_is_said_with_figures_of_the_file() -> None:
    seen = set()
    slow_links = {"link_bandwidth_bytes_s": 2e5, "dram_bandwidth_bytes_s": 1e9}
    for seed, fields in [*((seed, slow_links) for seed in range(12)), (0, SLOW_DRAM)]:
        result = some_result(seed, tasks=4, **fields)
        document = json.loads(to_text(result))
        for w, window in enumerate(result.evaluation.windows):
            if window.bound_by in seen:
                continue
            seen.add(window.bound_by)
            root = parsed(bound_by(PageData(result), w))
            for figure in root.all("data"):
                for pointer in (figure.attributes.get("data-at") or figure.attributes["data-from"]).split():
                    follow(document, pointer)
                if "data-at" in figure.attributes:
                    value = json.dumps(follow(document, figure.attributes["data-at"]))
                    assert figure.attributes["value"] == value
            said = root.text.replace(" … ", " .. ")
            words = re.sub(r" \([^)]*\)", "", binding(window, result.problem))
            assert typeset(said) == typeset(words)
    assert seen == {"pipeline", "dram", "link", "port"}


def test_what_outlasts_the_pipelines_is_drawn_behind_them() -> None:
    result = some_result(0, tasks=4, **SLOW_DRAM)
    windows = result.evaluation.windows
    w = max(range(len(windows)), key=lambda w: windows[w].dram_s / max(p.latency_s for p in windows[w].pipelines))
    window = windows[w]
    worked = max(pipeline.latency_s for pipeline in window.pipelines) / window.latency_s
    assert window.bound_by == "dram"
    assert worked < 0.8
    rectangles = parsed(timeline_drawing(result, [w])).all("rect")
    (tail,) = (node for node in rectangles if node.attributes.get("fill") == "url(#tail)")
    room = WIDTH - GUTTER - 12
    assert float(tail.attributes["x"]) == pytest.approx(GUTTER + worked * room, abs=0.01)
    assert float(tail.attributes["width"]) == pytest.approx((1 - worked) * room, abs=0.02)


def test_limits_of_latency_are_shown() -> None:
    some = case("detailed")[0]
    tasks = tuple(replace(task, latency_limit_s=1e9) for task in some.problem.scenario.tasks)
    problem = replace(some.problem, scenario=replace(some.problem.scenario, tasks=tasks))
    root = parsed(page(replace(some, problem=problem)))
    limits = [node for node in root.all("data") if node.attributes.get("data-at", "").endswith("/latency_limit_s")]
    assert [node.attributes["value"] for node in limits] == ["1000000000.0"] * len(tasks)


def test_notes_and_options_of_a_file_do_not_swell_the_page() -> None:
    some = case("detailed")[0]
    assert some.search is not None
    swollen = replace(some.search, notes=("x" * 5000,) * 5000, options={f"option {k}": "y" * 5000 for k in range(5000)})
    assert len(page(replace(some, search=swollen))) < len(case("detailed")[1]) + 300_000


def test_sums_over_many_windows_name_the_list_of_windows() -> None:
    result = some_result(0, tasks=2, windows=40, most=80)
    parts = [sum(p.task == task for w in result.evaluation.windows for p in w.pipelines) for task in (0, 1)]
    sources = [
        node.attributes["data-from"].split()
        for node in parsed(page(result)).all("data")
        if node.attributes.get("data-term") == "energy.mac" and "data-from" in node.attributes
    ]
    assert parts[0] > 12 > parts[1]
    assert sources[0] == ["/evaluation/windows"]
    assert len(sources[1]) == parts[1]


@pytest.mark.slow
def test_a_page_of_a_thousand_windows_stays_small() -> None:
    """Three models of 1,000 layers on nine chiplets, a layer of each in every window."""
    count, place = 1000, topology.grid_positions(3, 3)
    layers = tuple(Layer(f"l{at}", Op.CONV, K=8, C=8, Y=4, X=4) for at in range(count))
    edges = (Edge(NETWORK_INPUT, 0, 128), *(Edge(at, at + 1, 128) for at in range(count - 1)))
    tasks = tuple(Task(name, Model(name, layers, edges)) for name in ("m0", "m1", "m2"))
    chiplets = tuple(Chiplet("ab"[at % 2]) for at in range(9))
    package = Package("p", chiplets, topology.mesh(3, 3), (0,), place)
    windows = (tuple(Pipeline(t, (Stage(at, at, (3 * t + at % 3,)),)) for t in range(3)) for at in range(count))
    plan = Schedule(tuple(map(Window, windows)))
    text = page(chipweave.evaluate(plan, Scenario("s", tasks), package, cost_model=RoundNumbers()))
    assert len(text.encode()) < 3_000_000
    assert "the first and the longest are drawn" in text
