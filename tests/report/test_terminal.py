"""The report says what the evaluation says, in black and white, in 100 columns."""

from __future__ import annotations

import io
import random
import re
from dataclasses import replace

import pytest
from rich.console import Console
from rich.text import Text

from chipweave.cost.whole_layers import WholeLayers
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.record import Keeping
from chipweave.files.package_file import resolve_package
from chipweave.hardware.package import Routing
from chipweave.hardware.snake import snake
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.report.bottleneck import binding, shares_s
from chipweave.report.caveats import width_notes
from chipweave.report.comparison import comparison_data, homogeneous_verdict, print_comparison
from chipweave.report.l2_use import l2_words
from chipweave.report.naming import letters, partitions_of, ranges
from chipweave.report.quantities import percent, quantity
from chipweave.report.summary import bottleneck, distance
from chipweave.report.terminal import report
from chipweave.report.text_table import print_columns
from chipweave.results.result import Cell, Result, Search, assess
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.support import RoundNumbers, random_problem, random_schedule


def some_result(seed: int, fidelity: Fidelity = Fidelity.DETAILED, columns: int = 3) -> Result:
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity, tasks=3, rows=2, columns=columns)
    search = Search("scar", {}, 0, 1.5, 1234, (), True, ("a note of the search",))
    return assess(
        problem, {"name": "round-numbers"}, random_schedule(rng, problem, windows=2), objective("edp"), search
    )


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ("latency", r"lower bound \d\S* [num]?s gap"),
        ("energy", r"lower bound \d\S* [num]?J gap"),
        ("edp", r"lower bound \d\S* Js gap"),
        ("throughput", r"throughput \d\S* samples/s lower bound \d\S* [num]?s for the batch gap"),
        ("energy * latency ** 2", r"objective (\S+) lower bound \d\S* gap"),
    ],
)
def test_the_lower_bound_stands_beside_what_it_bounds(wanted: str, line: str) -> None:
    some = some_result(0)
    result = assess(some.problem, some.cost_model, some.schedule, objective(wanted), some.search)
    found = re.search(line, " ".join(printed(result).split()))
    assert found is not None
    if found.groups():
        assert found[1] == f"{result.value:.4g}"


def test_throughput_counts_the_samples_of_all_models() -> None:
    some = some_result(0)
    result = assess(some.problem, some.cost_model, some.schedule, objective("throughput"))
    samples = sum(task.batch for task in some.problem.scenario.tasks)
    assert f"throughput {samples / result.evaluation.latency_s:.4g} samples/s" in " ".join(printed(result).split())
    cell = Cell("scar", "p", replace(result, search=some.search))
    assert comparison_data([cell])[0]["samples_per_s"] == samples / result.evaluation.latency_s
    shown = comparison([cell])
    assert "samples/s" in shown
    assert f"{samples / result.evaluation.latency_s:.4g}" in shown
    assert "EDP" not in shown


def printed(result: Result, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    report(result, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", range(20))
def test_the_report_agrees_with_the_evaluation(seed: int, fidelity: Fidelity) -> None:
    result = some_result(seed, fidelity)
    evaluation, problem = result.evaluation, result.problem
    text = printed(result)
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    words = " ".join(text.split())
    assert f"latency {quantity(evaluation.latency_s, 's')} energy {quantity(evaluation.energy_j, 'J')}" in words
    assert f"EDP {evaluation.edp_js:.4g} Js average power {quantity(evaluation.average_power_w, 'W')}" in words
    assert result.gap is not None
    assert f"gap {100 * result.gap:.1f} %" in words
    for index, window in enumerate(evaluation.windows):
        assert f"Window {index}: " in words
        assert f"bound by {binding(window, problem)}" in words
    for index, task in enumerate(problem.scenario.tasks):
        energy = quantity(evaluation.task_energy(index).total, "J")
        ends = quantity(evaluation.task_latency_s(index), "s")
        assert f"{'ABC'[index]} {task.name} {task.batch} {ends} - {energy}" in words
    assert ("roofline" in words) == (fidelity is Fidelity.DETAILED)
    assert "1,234 candidates in 1.5 s" in words
    assert "a note of the search" in words


@pytest.mark.parametrize("seed", range(0, 20, 4))
@pytest.mark.parametrize("width", [80, 140])
def test_it_fits_other_widths_with_every_fact(seed: int, width: int) -> None:
    """The same words in another order at most; the names of repeated tables and a few rows more."""
    result = some_result(seed)
    text = printed(result, width)
    assert max(map(len, text.splitlines())) <= width
    assert set(printed(result).split()) <= set(text.split())


def test_long_names_stand_above_their_figures_in_80_columns() -> None:
    result = some_result(0)
    task = result.problem.scenario.tasks[0]
    layers = tuple(replace(layer, name=f"a.long.name.of.{layer.name}.{'x' * 30}") for layer in task.model.layers)
    long = replace(task, model=replace(task.model, layers=layers))
    problem = replace(result.problem, scenario=Scenario("s", (long, *result.problem.scenario.tasks[1:])))
    text = printed(replace(result, problem=problem), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"^  A1\*? +a\.long\.name\.of\.\S+( \.\.)?$", text, flags=re.MULTILINE)


def columns(width: int, in_groups: bool) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    rows = [(Text("one"), ("1", "22", "333")), (Text("three"), ("4444", "5", "6"))]
    print_columns(console, "t", ("a", "b", "c"), rows, in_groups)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_columns_are_aligned_or_parted() -> None:
    """Cells of 4, 2 and 3 characters with 2 spaces before each: 15, and 1 + 5 for the names."""
    assert columns(21, False) == ["t          a   b    c", " one       1  22  333", " three  4444   5    6"]
    assert columns(20, False) == [
        "t",
        "           a   b    c",
        " one",
        "           1  22  333",
        " three",
        "        4444   5    6",
    ]
    assert columns(20, True) == [
        "t          a   b",
        " one       1  22",
        " three  4444   5",
        "",
        "t         c",
        " one    333",
        " three    6",
    ]


def test_the_first_lines_say_what_binds_and_how_far_from_the_best() -> None:
    result = some_result(0)
    windows = result.evaluation.windows
    longest = max(range(len(windows)), key=lambda index: windows[index].latency_s)
    head = " ".join(printed(result).split("Window 0:")[0].split())
    for sentence in (bottleneck(result), distance(result)):
        assert " ".join(sentence.split()) in head
    assert bottleneck(result).startswith(f"Longest: window {longest}, ")
    assert binding(windows[longest], result.problem) in bottleneck(result)
    assert result.gap is not None
    assert f"at most {100 * result.gap:.1f} %" in distance(result)
    unknown = replace(result, certificate=None, value=None, objective="my_function")
    assert "not known" in distance(unknown)
    assert "not known" in " ".join(printed(unknown).split())
    assert "not known" in distance(replace(result, value=-1.0))
    one = wide_result("mesh-16", [(1, 0, [0])])
    assert bottleneck(one).startswith("Bound by net: ")


def test_a_homogeneous_package_that_wins_is_named() -> None:
    mixed = next(r for r in map(some_result, range(40)) if len(r.problem.package.classes) == 2)
    plain = wide_result("mesh-16", [(1, 0, [0])])
    assert mixed.value is not None
    for value, wins in ((0.5, True), (1.0, False), (2.0, False)):
        cells = [Cell("scar", "m", replace(mixed, value=1.5 * mixed.value)), Cell("scar", "best-m", mixed)]
        cells.append(Cell("simba", "plain", replace(plain, value=value * mixed.value)))
        verdict = homogeneous_verdict(cells)
        assert bool(verdict) == wins
        assert (verdict in comparison(cells)) or not wins
        if wins:
            assert "plain (simba)" in verdict
            assert "best-m (scar), comes to 2.00 times its value" in verdict
        assert homogeneous_verdict(cells[2:]) == ""
        assert homogeneous_verdict(cells[:2]) == ""
    assert homogeneous_verdict([Cell("scar", "p", None, "why")]) == ""


def test_next_steps_come_last() -> None:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    report(some_result(0), console, ["one", "two"])
    assert isinstance(console.file, io.StringIO)
    assert [line.rstrip() for line in console.file.getvalue().splitlines()[-2:]] == ["Next: one", "  or: two"]


@pytest.mark.parametrize("seed", range(20))
def test_the_drawing_shows_every_chiplet_once_per_window(seed: int) -> None:
    result = some_result(seed)
    count = len(result.problem.package.chiplets)
    parts = re.split(r"^Window \d+", printed(result), flags=re.MULTILINE)[1:]
    for text, window, costs in zip(parts, result.schedule.windows, result.evaluation.windows, strict=True):
        cells = re.findall(r"\[(.{3,5})\]", text)
        assert len(cells) == count
        drawn = {(cell[0], int(cell[1:3])): number for number, cell in enumerate(cells) if not cell.startswith(" -")}
        planned = {
            ("ABC"[pipeline.task], position): stage.chiplet
            for pipeline in window.pipelines
            for position, stage in enumerate(pipeline.stages, 1)
        }
        assert drawn == planned
        if costs.idle:
            assert re.search(f"idle: chiplets? {ranges(costs.idle)} *$", text, flags=re.MULTILINE)


def test_a_reached_bound_is_called_optimal() -> None:
    result = some_result(0)
    assert result.certificate is not None
    assert result.value is not None
    proven = replace(result, certificate=replace(result.certificate, value=result.value))
    assert "proven optimal" in printed(proven)


def test_packages_without_positions_are_drawn_in_a_row() -> None:
    result = some_result(0)
    problem = result.problem
    package = replace(problem.package, positions=None, routing=Routing.SHORTEST)
    flat = assess(
        Problem(problem.scenario, package, problem.fidelity, problem.costs, problem.cost_model),
        result.cost_model,
        result.schedule,
        objective("edp"),
    )
    text = printed(flat)
    assert "a plan written by hand" in text
    assert sum(line.count("[") for line in text.splitlines() if line.startswith("  [")) == 6 * len(
        flat.schedule.windows
    )


def test_a_study_of_latency_alone_has_no_energy_to_show() -> None:
    """Costs without energy, on a package whose links and DRAM take none."""
    problem = some_result(0).problem
    package = replace(problem.package, nop_energy_j_per_bit=0.0, dram_energy_j_per_bit=0.0)
    free = tuple(
        tuple(replace(costs, **{key: 0 * value for key, value in vars(costs).items() if key.endswith("_j")})
              for costs in row) for row in problem.costs
    )  # fmt: skip
    schedule = some_result(0).schedule
    result = assess(
        replace(problem, package=package, costs=free, cost_model=WholeLayers("free")),
        {"name": "free"},
        schedule,
        objective("latency"),
    )
    assert result.evaluation.energy_j == 0
    text = printed(result)
    assert "Models" in text
    assert "Energy" not in text


@pytest.mark.parametrize("far", [(10**9, 10**9), (-3, -7), (0, 2**31 - 1)])
def test_chiplets_that_lie_far_apart_are_drawn_without_the_gap(far: tuple[int, int]) -> None:
    """A drawing as large as the grid would be 10^18 places."""
    result = some_result(0)
    problem = result.problem
    assert problem.package.positions is not None
    package = replace(problem.package, positions=(*problem.package.positions[:-1], far), routing=Routing.SHORTEST)
    apart = assess(replace(problem, package=package), result.cost_model, result.schedule, objective("edp"))
    lines = [line for line in printed(apart).splitlines() if line.startswith("  ") and "[" in line]
    assert sum(line.count("[") for line in lines) == 6 * len(apart.schedule.windows)


def test_a_limit_is_shown_beside_the_end() -> None:
    result = some_result(0)
    problem = result.problem
    tasks = tuple(Task(t.name, t.model, t.batch, 1234.0) for t in problem.scenario.tasks)
    limited = pose(Scenario("limited", tasks), problem.package, RoundNumbers(), problem.fidelity)
    assert "1,234 s" in printed(assess(limited, result.cost_model, result.schedule, objective("edp")))


# Regions -----------------------------------------------------------------------------------------------------------


def wide_result(package_name: str, *windows: list[tuple[int, int, list[int]]], chiplet_classes: int = 1) -> Result:
    """A net of equal layers; per window its stages as (layers, parts that share weights, chiplets)."""
    package = resolve_package(package_name)
    if chiplet_classes > 1:
        odd = replace(package.chiplets[0], name="odd-chiplet")
        package = replace(package, chiplets=(odd, *package.chiplets[1:]))
    count = sum(layers for window in windows for layers, _, _ in window)
    layers = tuple(Layer(f"layer{i}", Op.CONV, K=8, C=8, Y=16, X=16) for i in range(count))
    model = Model("net", layers, tuple(Edge(i - 1, i, 8 * 16 * 16) for i in range(count)))
    problem = pose(Scenario("net", (Task("net", model, 4),)), package, RoundNumbers(), Fidelity.DETAILED)
    at, made = 0, []
    for window in windows:
        stages = []
        for many, shared, chiplets in window:
            words = (Partition.WEIGHT_SHARED,) * shared + (Partition.INPUT_SHARED,) * (many - shared)
            stages.append(Stage(at, at + many - 1, tuple(chiplets), words if len(chiplets) > 1 else ()))
            at += many
        made.append(Window((Pipeline(0, tuple(stages)),)))
    schedule = Schedule(tuple(made))
    assert faults_of(schedule, problem) == []
    return assess(problem, {"name": "round-numbers"}, schedule, objective("edp"))


def test_regions_partitions_keeping_and_exchange_are_shown() -> None:
    result = wide_result("mesh-36", [(8, 5, [0, 1, 2, 3, 4, 5, 11, 10]), (1, 0, [9]), (2, 2, [8, 7])])
    text = printed(result)
    assert max(map(len, text.splitlines())) <= 100
    stages = result.evaluation.windows[0].pipelines[0].stages
    shown = [
        (
            f"on 8: 0-5, 11-10 5w 3i {quantity(stages[0].compute_s, 's')} {quantity(stages[0].exchange_s, 's')}",
            stages[0],
        ),
        (f"on 9 1 {quantity(stages[1].compute_s, 's')} -", stages[1]),
        (f"on 2: 8-7 2w {quantity(stages[2].compute_s, 's')} -", stages[2]),
    ]
    words = " ".join(text.split())
    for start, stage in shown:
        assert stage.l2 is not None
        end = f"{stage.l2.keeping} {quantity(stage.resident_s, 's')}"
        assert f"{start} {quantity(stage.transfers_s, 's')} {quantity(stage.steady_s, 's')} {end}" in words
    assert all(stage.overlaps for stage in stages)
    assert "room in L2" not in words
    assert "mates:" not in words
    assert "transfers do not overlap" not in words
    assert [stage.exchange_s > 0 for stage in stages] == [True, False, False]
    assert "idle: chiplets 6, 12-35 " in words
    assert "our reconstruction" in words


def test_what_moves_in_a_region_counts_as_transfers() -> None:
    stage = wide_result("mesh-16", [(2, 1, [0, 1])]).evaluation.windows[0].pipelines[0].stages[0]
    others = stage.load_s + stage.weights_s + stage.store_s + stage.spill_s + stage.forward_s
    assert stage.exchange_s > 0
    assert stage.transfers_s == pytest.approx(others + stage.exchange_s)


def with_l2(result: Result, l2_bytes: int) -> Result:
    package = result.problem.package
    chiplets = tuple(replace(chiplet, l2_bytes=l2_bytes) for chiplet in package.chiplets)
    problem = replace(result.problem, package=replace(package, chiplets=chiplets))
    return assess(problem, result.cost_model, result.schedule, objective("edp"))


def test_what_does_not_fit_is_marked_and_explained() -> None:
    """A layer has 64 weights, 2,048 bytes in and as many out; a row in and out are 256. Of M bytes, two blocks and
    two pieces leave M - 640; layer 0's weights and output, then layer 1's, take 2,112 of them where there is room. What
    of the output has no room goes and comes back, with each of 4 samples; what is left is for pins."""
    roomy = wide_result("mesh-16", [(2, 0, [0])])
    for l2_bytes, mark, of_stage, effects in (
        (2880, "resident ", "", ()),
        (
            2800,
            "streamed ",
            "L2 of A1: 48.0 B of 128 B of weights pinned; per micro-batch 80.0 B streamed",
            ("Weights that do not stay are streamed: 240 B beyond loading each once.",),
        ),
        (
            2600,
            "streamed! ",
            "L2 of A1: none of 128 B of weights pinned; per micro-batch 128 B streamed, 304 B evicted and back",
            (
                "! marks stages that evict activations from L2.",
                "For want of room in L2 1 stage evicts activations: 1.22 kB to DRAM and back in all.",
                "Weights that do not stay are streamed: 384 B beyond loading each once.",
                "Twice the L2 in every chiplet would save this plan 9 % of the DRAM bytes, 0 % of the latency, ",
            ),
        ),
    ):
        result = with_l2(roomy, l2_bytes)
        (stage,) = result.evaluation.windows[0].pipelines[0].stages
        words = " ".join(printed(result).split())
        assert mark in words
        assert ("L2 of A1" in words) == bool(of_stage)
        assert of_stage in words
        assert ("streamed: " in words) == bool(effects)
        assert all(effect in words for effect in effects)
        assert ("For want of room" in words) == ("!" in mark) == ("! marks" in words)
        assert f"{quantity(stage.steady_s, 's')}+ {mark}" in words
        assert "(+ where transfers do not overlap compute)" in words


def test_the_stages_that_move_most_are_told_and_the_others_counted() -> None:
    """What an earlier stage sends waits in L2, so less room is left in all stages but the first."""
    text = printed(with_l2(wide_result("mesh-16", [(2, 0, [chiplet]) for chiplet in range(6)]), 2600))
    assert [line.split(":")[0].strip() for line in text.splitlines() if "L2 of" in line] == [
        "L2 of A2",
        "L2 of A3",
        "L2 of A4",
        "L2 of A5",
        "and L2 of 2 more stages, where less moves",
    ]


def test_what_a_stage_reads_again_and_gathers_is_told() -> None:
    (stage,) = wide_result("mesh-16", [(2, 2, [0, 1])]).evaluation.stages
    assert stage.l2 is not None
    bytes_ = replace(stage.bytes_, weights=100.0 + 3 * 20)
    l2 = replace(stage.l2, held_weights=50.0, streamed=20.0, gathered=30.0, again=7.0, spill=0.0)
    stage = replace(stage, l2=l2, bytes_=bytes_)
    assert l2_words(stage, 4) == (
        "50.0 B on a chiplet of 100 B of weights pinned; per micro-batch 20.0 B streamed, 30.0 B gathered from mates, "
        "7.00 B read again"
    )
    assert l2_words(stage, 1) == "7.00 B read again"
    kept = replace(stage, l2=replace(l2, streamed=0.0, gathered=0.0, again=0.0), bytes_=replace(bytes_, weights=100.0))
    assert l2_words(kept, 4) == "all 100 B of weights pinned"
    none = replace(kept, bytes_=replace(bytes_, weights=0.0), l2=replace(l2, streamed=0.0, gathered=0.0, spill=9.0))
    assert l2_words(none, 4) == "no weights; per micro-batch 9.00 B evicted and back, 7.00 B read again"


def test_mates_are_explained_where_there_are_some() -> None:
    result = wide_result("mesh-16", [(8, 8, [0, 1, 2, 3])])
    (window,) = result.evaluation.windows
    (pipeline,) = window.pipelines
    (stage,) = pipeline.stages
    assert stage.l2 is not None
    stage = replace(stage, l2=replace(stage.l2, keeping=Keeping.MATES))
    window = replace(window, pipelines=(replace(pipeline, stages=(stage,)),))
    words = " ".join(printed(replace(result, evaluation=replace(result.evaluation, windows=(window,)))).split())
    assert " mates " in words
    assert "mates: a region's chiplets keep one copy of the weights together." in words


def test_a_short_last_micro_batch_computes_for_its_samples() -> None:
    (pipeline,) = wide_result("mesh-16", [(1, 0, [0])]).evaluation.windows[0].pipelines
    short = replace(pipeline, micro_batch=3, micro_batches=2)  # 3 samples and 1
    (stage,) = pipeline.stages
    assert shares_s(short, 4)["compute"] == pytest.approx(stage.compute_s * 4 / 3)
    printed = replace(short, stages=(replace(stage, l2=None),))  # in `paper` it counts in full
    assert shares_s(printed, 4)["compute"] == pytest.approx(stage.compute_s * 2)


def test_a_window_is_bound_by_loading_where_that_takes_longest() -> None:
    result = wide_result("mesh-16", [(1, 0, [0]), (1, 0, [1])])
    (pipeline,) = result.evaluation.windows[0].pipelines
    first, second = pipeline.stages
    slowest = pipeline.slowest
    assert shares_s(pipeline, 4) == {
        "compute": pytest.approx(first.compute_s + second.compute_s + 3 * slowest.compute_s),
        "transfers": pytest.approx(first.transfers_s + second.transfers_s + 3 * slowest.transfers_s),
        "loading weights": first.resident_s + second.resident_s,
    }
    costs, problem = result.evaluation.windows[0], result.problem
    assert "net: mostly compute; 4 micro-batches, slowest in layer" in binding(costs, problem)
    loading = replace(pipeline, stages=(replace(first, resident_s=1.0), second))
    text = binding(replace(costs, bound_by="pipeline", pipelines=(loading,)), problem)
    assert text.startswith("net: mostly loading weights; 4 micro-batches")


@pytest.mark.parametrize("chiplet_classes", [1, 2])
@pytest.mark.parametrize("width", [80, 100, 160])
def test_large_packages_fit(width: int, chiplet_classes: int) -> None:
    order = snake(resolve_package("mesh-256"))
    stages = [(1, 1, list(order[2 * i : 2 * i + 2])) for i in range(120)]
    text = printed(wide_result("mesh-256", stages, chiplet_classes=chiplet_classes), width)
    drawing = text[text.index("Window 0") : text.index("A net:")]
    assert max(map(len, drawing.splitlines())) <= width
    assert len(re.findall(r"A\d+", drawing)) == 240
    assert len(re.findall(r" - ", drawing)) == 16
    assert (len(re.findall("A1 *o", drawing)) == 1) == (chiplet_classes == 2)


def test_long_rows_go_on_in_the_next_line() -> None:
    result = wide_result("mesh-144", [(1, 1, [0]), (1, 1, [1])])
    package = replace(result.problem.package, positions=None, routing=Routing.SHORTEST)
    problem = replace(result.problem, package=package)
    text = printed(assess(problem, result.cost_model, result.schedule, objective("edp")))
    assert max(map(len, text.splitlines())) <= 100
    assert "A1  A2   - " in text
    assert text.count(" - ") >= 142


def test_long_lists_of_stages_show_the_first_and_the_slowest() -> None:
    package = resolve_package("mesh-64")
    order = snake(package)
    lengths = [3 if i in (30, 40, 50) else 1 for i in range(60)]
    text = printed(wide_result("mesh-64", [(many, 0, [order[i]]) for i, many in enumerate(lengths)]))
    shown = [int(number) for number in re.findall(r"^  A(\d+)\*? +layer", text, flags=re.MULTILINE)]
    assert shown == sorted(shown)
    assert len(shown) == 20
    assert {*range(1, 9), 31, 41, 51} <= set(shown)
    assert "…     and 40 more, see schedule.json" in text


def test_a_stage_on_all_chiplets_is_not_drawn_and_few_of_many_windows_are() -> None:
    order = list(snake(resolve_package("mesh-16")))
    text = printed(wide_result("mesh-16", *[[(1, 1, order)]] * 20))
    assert "[A1 ]" not in text
    assert "A net: 4 x 1 samples" in text
    assert len(re.findall("^Window", text, flags=re.MULTILINE)) == 16
    assert "… and 4 more windows, see schedule.json" in text


def test_ranges_and_partitions_in_short() -> None:
    assert ranges([]) == ""
    assert ranges([7, 3, 4, 5, 9, 10]) == "7, 3-5, 9-10"
    assert ranges([28, 29, 35, 34, 33, 32, 31, 30]) == "28-29, 35-30"
    assert ranges([1, 2, 1, 0, 4]) == "1-2, 1-0, 4"
    assert partitions_of(Stage(0, 2, (4,))) == "3"
    both = (Partition.INPUT_SHARED, Partition.WEIGHT_SHARED, Partition.INPUT_SHARED)
    assert partitions_of(Stage(0, 2, (4, 5), both)) == "1w 2i"
    assert partitions_of(Stage(0, 1, (4, 5), both[::2])) == "2i"


# Comparisons -------------------------------------------------------------------------------------------------------


def comparison(cells: list[Cell]) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    print_comparison(cells, console)
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_ratios_are_to_the_best() -> None:
    results = [some_result(seed) for seed in range(3)]
    cells = [Cell("scar", f"p{i}", result) for i, result in enumerate(results)]
    cells.append(Cell("simba", "mixed", None, "`simba` needs a package of one class"))
    data = comparison_data(cells)
    values = [result.evaluation.edp_js for result in results]
    assert [row["ratio"] for row in data[:3]] == [value / min(values) for value in values]
    assert data[3] == {"scheduler": "simba", "package": "mixed", "error": "`simba` needs a package of one class"}
    text = comparison(cells)
    assert "1.00*" in text
    assert "simba on mixed: `simba` needs a package of one class" in text
    assert "static power" not in text


def test_each_gap_names_the_schedules_that_its_bound_is_for() -> None:
    search = some_result(0).search
    single = replace(wide_result("mesh-16", [(2, 0, [0])]), search=search)
    wide = replace(wide_result("mesh-16", [(2, 2, [0, 1])]), search=search)
    assert single.gap is not None
    assert wide.gap is not None
    cells = [Cell("scar", "one", single), Cell("scope", "many", wide)]
    bounds = [row["lower_bound_of"] for row in comparison_data(cells)]
    assert bounds == ["schedules with one chiplet a stage", "schedules on regions of any size"]
    text = comparison(cells)
    marks = {"schedules on regions of any size": 1, "schedules with one chiplet a stage": 2}
    assert f"{100 * single.gap:.1f} % ({marks[bounds[0]]}) " in text
    assert f"{100 * wide.gap:.1f} % ({marks[bounds[1]]}) " in text
    legend = " or ".join(f"{kind} ({mark})" for kind, mark in marks.items())
    assert f"gap: on the row's package, the best of {legend} is at most this far below the row." in text
    alone = comparison(cells[:1])
    assert "gap: on the row's package, the best of schedules with one chiplet a stage is at most" in alone
    assert "(1)" not in alone


def test_what_ended_early_is_pointed_out() -> None:
    whole = some_result(0)
    assert whole.search is not None
    cut = replace(whole, search=replace(whole.search, complete=False))
    cells = [Cell("scar", "whole", whole), Cell("scar", "cut", cut)]
    assert [row["complete"] for row in comparison_data(cells)] == [True, False]
    text = comparison(cells)
    assert "scar on cut: ended early, the best so far" in text
    assert "scar on whole:" not in text


def test_different_sizes_without_static_power_are_pointed_out() -> None:
    cells = [Cell("scar", "small", some_result(0, columns=2)), Cell("scar", "large", some_result(0, columns=3))]
    assert "different numbers of chiplets and no static power" in comparison(cells)


# Words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "s", "0 s"),
        (1.0, "s", "1.00 s"),
        (0.01234, "s", "12.3 ms"),
        (0.9999, "s", "1.00 s"),
        (999.4e-6, "s", "999 us"),
        (999.6e-6, "s", "1.00 ms"),
        (1e-9, "s", "1.00 ns"),
        (35e-9, "s", "35.0 ns"),
        (1234.5, "s", "1,234 s"),
        (64e9, "B/s", "64.0 GB/s"),
        (5, "J", "5.00 J"),
        (1e-20, "J", "1e-20 J"),
        (1e20, "J", "1e+20 J"),
        (float("inf"), "s", "inf s"),
    ],
)
def test_quantities(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_letters_differ_and_tell() -> None:
    assert letters(["datacenter-nvdla", "datacenter-shidiannao"]) == {
        "datacenter-nvdla": "n",
        "datacenter-shidiannao": "s",
    }
    assert letters(["one"]) == {"one": "o"}
    names = [f"x{i}" for i in range(30)]
    assert len(set(letters(names).values())) == 30
    assert percent(1, 3) == "33 %"
    assert percent(1, 0) == "-"


def test_elements_of_another_width_than_what_chiplets_compute_with_are_said() -> None:
    """Two bytes are 16 bits; presets of papers compute with 8, others with 16."""
    problem = random_problem(random.Random(1), Fidelity.DETAILED)

    def of_width(bytes_: int) -> Problem:
        tasks = (replace(t, model=replace(t.model, bytes_per_element=bytes_)) for t in problem.scenario.tasks)
        return replace(problem, scenario=replace(problem.scenario, tasks=tuple(tasks)))

    assert width_notes(of_width(1)) == []
    notes = width_notes(of_width(2))
    assert len(notes) == len(problem.package.classes)
    assert all("'m0' (and 1 more) has elements of 16 bits" in note for note in notes)
    assert all("computes with 8 (precision_bits)" in note for note in notes)
    assert all(note.endswith("Set precision_bits: 16, or bytes_per_element: 1.") for note in notes)
    chiplets = tuple(replace(chiplet, precision_bits=16) for chiplet in problem.package.chiplets)
    problem = replace(problem, package=replace(problem.package, chiplets=chiplets))
    assert width_notes(of_width(2)) == []
    assert all(note.endswith("Set precision_bits: 8, or bytes_per_element: 2.") for note in width_notes(of_width(1)))
    assert len(width_notes(of_width(1))) == len(problem.package.classes)
