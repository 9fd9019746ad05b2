"""Layers in strips (docs/strips.md): against an oracle that follows every row, by hand, and by properties."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.evaluation.bound import lower_bound, unavoidable_dram_bytes
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.demand import Setting, StageWork
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.exact.in_strips import Stream, streams_of
from chipweave.evaluation.exact.tensors import locate
from chipweave.evaluation.record import Evaluation, Keeping, StageEvaluation
from chipweave.evaluation.streams import ARRIVAL, exposed_s, open_stream, stream_layer
from chipweave.evaluation.strips import fault_of_run, need_of
from chipweave.hardware.chiplet import Chiplet
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Strips, Window
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import NETWORK_INPUT, Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.l2_stages import Together, odd_package
from tests.evaluation.strips_oracle import Course, Part, Run, all_of, most_alive, played
from tests.support import seeds


def convolution(name: str, rows: int, columns: int, channels: int, more: dict[str, object]) -> Layer:
    return Layer(name, Op.CONV, C=channels, Y=rows, X=columns, **more)  # type: ignore[arg-type]


def random_model(rng: random.Random) -> Model:
    """A chain of layers on maps, with skips that add up what has the same size, and now and then an output more."""
    shape = (rng.randint(4, 14), rng.randint(1, 3), rng.randint(1, 3))
    layers: list[Layer] = []
    edges: list[Edge] = []
    sizes = {NETWORK_INPUT: shape}
    for number in range(rng.randint(3, 8)):
        before = number - 1 if rng.random() < 0.85 else rng.randint(NETWORK_INPUT, number - 1)
        rows, columns, channels = sizes[before]
        alike = [t for t in sizes if sizes[t] == sizes[before] and t != before]
        kind, name = rng.random(), f"layer{number}"
        flat = {"K": channels, "groups": channels}
        if alike and kind < 0.3:
            layer = convolution(name, rows, columns, channels, flat)
            layer = replace(layer, op=Op.ELEMENTWISE)
            other = rng.choice(alike)
            edges.append(Edge(other, number, rows * columns * channels))
        elif kind < 0.4 and rows >= 4:
            reach = rng.choice([2, 3])
            more = {"R": reach, "stride": (2, 1), "padding": (rng.choice([0, 1]), 0), "out_y": 0, "out_x": 0}
            layer = replace(convolution(name, rows, columns, channels, flat), op=Op.POOL, **more)
        elif kind < 0.5 and rows <= 10:
            layer = replace(
                convolution(name, rows, columns, channels, flat), op=Op.UPSAMPLE, stride=(2, 1), out_y=0, out_x=0
            )
        elif kind < 0.6 and 2 <= rows <= 10:
            outputs, reach, padding = rng.randint(1, 3), rng.choice([2, 3]), (rng.choice([0, 1]), 0)
            sizes_ = {"K": outputs, "C": channels, "Y": rows, "X": columns, "R": reach}
            layer = Layer(name, Op.TRANSPOSED, **sizes_, stride=(2, 1), padding=padding)
        else:
            beside = [t for t in sizes if sizes[t][:2] == (rows, columns) and t != before]
            if beside and rng.random() < 0.4:  # two tensors together, as a U-Net has them
                other = rng.choice(beside)
                edges.append(Edge(other, number, math.prod(sizes[other])))
                channels += sizes[other][2]
            reach, dilation = rng.choice([1, 2, 3, 3, 3]), rng.choice([1, 1, 2])
            more = {"K": rng.randint(1, 3), "R": reach, "dilation": (dilation, 1), "stride": (rng.choice([1, 1, 2]), 1)}
            span = dilation * (reach - 1) + 1
            layer = convolution(name, rows, columns, channels, {**more, "padding": (span // 2, 0)})
        edges.append(Edge(before, number, math.prod(sizes[before])))
        layers.append(layer)
        sizes[number] = (layer.out_y, layer.out_x, layer.K)
    return Model("random", tuple(layers), tuple(edges))


def random_runs(rng: random.Random, model: Model, part: Part | None = None) -> list[Run]:
    runs, layer, end = [], 0 if part is None else part.first, len(model.layers) if part is None else part.end
    while layer < end:
        last = min(end - 1, layer + rng.randint(0, 5))
        rows = rng.randint(1, max(1, model.layers[last].out_y))
        if rng.random() < 0.8 and fault_of_run(model, Strips(layer, last, rows)) is None:
            runs.append((layer, last, rows))
            layer = last + 1
        else:
            layer += 1
    return runs


def problem_of(model: Model, l2_bytes: int, batch: int = 1, fidelity: Fidelity = Fidelity.DETAILED) -> Problem:
    package = odd_package(random.Random(0), 1, 2)
    package = replace(package, chiplets=(Chiplet("one", l2_bytes=l2_bytes, num_pes=4), *package.chiplets[1:]))
    return pose(Scenario("strips", (Task("m", model, batch),)), package, Together(), fidelity)


def plan_of(model: Model, runs: list[Run], micro_batch: int = 1) -> Schedule:
    stage = Stage(0, len(model.layers) - 1, (0,), strips=tuple(Strips(*run) for run in runs))
    return Schedule((Window((Pipeline(0, (stage,), micro_batch),)),))


def evaluated(model: Model, runs: list[Run], l2_bytes: int, batch: int = 1, micro_batch: int = 1) -> StageEvaluation:
    problem, plan = problem_of(model, l2_bytes, batch), plan_of(model, runs, micro_batch)
    assert faults_of(plan, problem) == []
    return evaluate(plan, problem).stages[0]


def worked(model: Model, runs: list[Run], l2_bytes: int, samples: int, part: Part) -> StageWork:
    """The stage as the evaluator works it out, in three windows and up to three stages of the middle one."""
    ends = [0, part.begins, part.first, part.end, part.ends, len(model.layers)]
    stages = [
        Stage(first, end - 1, (0,), strips=tuple(Strips(*run) for run in runs) if first == part.first else ())
        for first, end in pairwise(ends)
        if end > first
    ]
    inside = [stage for stage in stages if part.begins <= stage.first < part.ends]
    several = [[stage for stage in stages if stage.first < part.begins], inside]
    several.append([stage for stage in stages if stage.first >= part.ends])
    windows = [Window((Pipeline(0, tuple(some), samples),)) for some in several if some]
    number = 1 if several[0] else 0
    plan, ready = Schedule(tuple(windows)), prepare(problem_of(model, l2_bytes, samples))
    pipeline = windows[number].pipelines[0]
    setting = Setting(ready, number, pipeline, locate(plan, 0, len(model.layers)), 1)
    return next(work for work in setting.works if work.stage.first == part.first)


def compare_part(seed: int) -> bool:
    """A stage among others of its window and of other windows, whose keep pass and live set the oracle has alike;
    whether something in it was sent by an earlier stage, and runs."""
    rng = random.Random(seed)
    model, samples = random_model(rng), rng.choice([1, 1, 2])
    begins, first, end, ends = sorted(rng.choices(range(len(model.layers) + 1), k=4))
    part = Part(first, end, begins, ends)
    if first == end:
        return False
    runs = random_runs(rng, model, part)
    needs = [Course(model, run).need for run in runs if run[2] < model.layers[run[1]].out_y]
    l2_bytes = max(needs, default=40) + rng.choice([0, 1, 10, 40, 150])
    theirs = played(model, runs, Chiplet("one", l2_bytes=l2_bytes, num_pes=4), samples, part)
    work = worked(model, runs, l2_bytes, samples, part)
    assert work.kept == (theirs.slack, theirs.back, theirs.wrote, theirs.again), (seed, part, runs, l2_bytes)
    assert work.live == most_alive(model, runs, samples, part)
    sent = [e for layer in range(first, end) for e in model.operands[layer] if begins <= e.producer < first]
    return bool(sent and needs)


def compare(seed: int) -> tuple[int, int]:
    """Runs, and whether anything was evicted, of a random network that the oracle has alike."""
    rng = random.Random(seed)
    model, samples = random_model(rng), rng.choice([1, 1, 2, 3])
    runs, part = random_runs(rng, model), all_of(model)
    cut = [run for run in runs if run[2] < model.layers[run[1]].out_y]
    needs = [Course(model, run).need for run in cut]
    for run, need in zip(cut, needs, strict=True):
        assert need_of(model, Strips(*run)).total == need, (seed, run)
    l2_bytes = max(needs, default=40) + rng.choice([0, 1, 10, 40, 150, 10_000])
    theirs = played(model, runs, Chiplet("one", l2_bytes=l2_bytes, num_pes=4), samples, part)
    ours = worked(model, runs, l2_bytes, samples, part).kept
    assert ours == (theirs.slack, theirs.back, theirs.wrote, theirs.again), (seed, runs, l2_bytes)
    stage = evaluated(model, runs, l2_bytes, samples, samples)
    assert stage.l2 is not None
    assert stage.l2.spill in (theirs.back + theirs.wrote, 0), "or none, where all weights stay"
    assert stage.l2.activations == most_alive(model, runs, samples, part)
    assert [each[4] for each in stage.strips] == needs
    return len(cut), theirs.back + theirs.wrote > 0


@pytest.mark.parametrize("seed", seeds({*range(120), 452, 502, 1418}, 4000))
def test_rows_and_bytes_equal_the_oracle(seed: int) -> None:
    """In the last three a tensor from the middle of a run waits behind it, where there is more room than before it."""
    compare(seed)


@pytest.mark.parametrize("seed", seeds(150, 4000))
def test_stages_among_others_equal_the_oracle(seed: int) -> None:
    compare_part(seed)


def test_some_of_them_read_what_was_sent() -> None:
    assert sum(map(compare_part, range(150))) >= 15


def test_the_instances_show_runs_with_and_without_evictions() -> None:
    found = [compare(seed) for seed in range(60)]
    assert sum(runs > 0 and evicts for runs, evicts in found) >= 10
    assert sum(runs > 0 and not evicts for runs, evicts in found) >= 10
    assert sum(runs > 1 for runs, _ in found) >= 5


@pytest.mark.parametrize("seed", range(60))
def test_weights_are_pinned_in_what_is_left(seed: int) -> None:
    """All of them where they fit beside what is alive; else as many as the least room holds, or with room for a second
    copy of what comes and goes. What is not pinned comes with each of the three micro-batches."""
    rng = random.Random(seed)
    model, samples = random_model(rng), rng.choice([1, 2])
    runs = random_runs(rng, model)
    needs = [Course(model, run).need for run in runs if run[2] < model.layers[run[1]].out_y]
    l2_bytes = max(needs, default=40) + rng.choice([0, 10, 40, 150])
    stage = evaluated(model, runs, l2_bytes, 3 * samples, samples)
    weights = sum(layer.weight_elements for layer in model.layers)
    slack = played(model, runs, Chiplet("one", l2_bytes=l2_bytes, num_pes=4), samples, all_of(model)).slack
    outputs = sum(layer.output_elements for number, layer in enumerate(model.layers) if not model.consumers[number])
    read = min(model.input_elements, sum(edge.elements for edge in model.input_readers))
    second = samples * (read + outputs)
    assert stage.l2 is not None
    pinned = stage.l2.held_weights
    if weights + most_alive(model, runs, samples, all_of(model)) > l2_bytes:
        assert pinned in (min(weights, slack), min(weights, max(0, slack - second)))
    assert stage.bytes_.weights == weights + 2 * (weights - pinned)


def two_convolutions() -> Model:
    """As on the page: maps of 8 rows of 10 bytes, filters of 9 bytes."""
    layers = tuple(Layer(name, Op.CONV, K=1, C=1, Y=8, X=10, R=3, S=3, padding=(1, 1)) for name in "ab")
    return Model("two", layers, (Edge(NETWORK_INPUT, 0, 80), Edge(0, 1, 80)))


def test_the_example_by_hand() -> None:
    model = two_convolutions()
    assert need_of(model, Strips(0, 1, 2)) == (18, 140)
    stage = evaluated(model, [(0, 1, 2)], 160)
    assert (stage.bytes_.load, stage.bytes_.store, stage.bytes_.spill, stage.bytes_.again) == (80, 80, 0, 0)
    assert stage.strips == ((0, 1, 2, 4, 158.0),)
    assert stage.l2 is not None
    assert stage.l2.activations == 140
    assert stage.l2.keeping is Keeping.RESIDENT
    whole = evaluated(model, [], 160)  # of 160 bytes 18 + 80 are in flight with `b`, so 62 of `a`'s 80 stay
    assert whole.bytes_.spill > 0


def test_a_run_that_needs_more_than_there_is_is_refused() -> None:
    model = two_convolutions()
    assert faults_of(plan_of(model, [(0, 1, 2)]), problem_of(model, 158)) == []
    (fault,) = faults_of(plan_of(model, [(0, 1, 2)]), problem_of(model, 157))
    assert str(fault) == (
        "window 0: 'm' layers 0 to 1: rows=2: 'a' to 'b' need 158 bytes of L2, 18 of them weights, and the chiplet has "
        "157; take fewer rows, or shorter runs of layers (a list of {first, last, rows})"
    )


@pytest.mark.parametrize("rows", [8, 9, 100])
def test_strips_as_high_as_the_map_are_none(rows: int) -> None:
    """The whole evaluation, to the last bit."""
    model = two_convolutions()
    for l2_bytes, batch, micro_batch in ((60, 3, 2), (160, 1, 1), (10_000, 4, 1)):
        problem = problem_of(model, l2_bytes, batch)
        assert evaluate(plan_of(model, [(0, 1, rows)], micro_batch), problem) == evaluate(
            plan_of(model, [], micro_batch), problem
        )


@pytest.mark.parametrize("seed", range(40))
def test_nothing_falls_below_what_no_schedule_avoids(seed: int) -> None:
    """DRAM bytes, and the lower bound of latency, energy and EDP; and strips take no less than whole layers."""
    rng = random.Random(seed)
    model = random_model(rng)
    runs = random_runs(rng, model)
    batch, micro_batch = rng.choice([(1, 1), (3, 2), (4, 1)])
    problem = problem_of(model, 2_000, batch)
    plan = plan_of(model, runs, micro_batch)
    assert faults_of(plan, problem) == []
    found: Evaluation = evaluate(plan, problem)
    assert found.windows[0].dram_bytes >= unavoidable_dram_bytes(problem.scenario.tasks[0])
    for name in ("latency", "energy", "edp"):
        goal = objective(name)
        bound = lower_bound(problem, goal)
        assert goal(found.latency_s, found.energy_j) >= bound.value * (1 - 1e-12)
    if micro_batch == 1:
        assert found.stages[0].compute_s >= evaluate(plan_of(model, [], 1), problem).stages[0].compute_s * (1 - 1e-12)


def test_where_there_is_room_for_all_the_bytes_are_the_same() -> None:
    for seed in range(20):
        rng = random.Random(seed)
        model = random_model(rng)
        runs = random_runs(rng, model)
        strips, whole = (evaluated(model, some, 1_000_000, 4, 2).bytes_ for some in (runs, []))
        assert strips == whole


@pytest.mark.parametrize("seed", range(30))
def test_streams_without_runs_are_those_of_the_law(seed: int) -> None:
    """`streams_of` says the same as `streams.py` of layers alone."""
    rng, state, whole = random.Random(seed), np.zeros(6), np.zeros(6)
    open_stream(state)
    open_stream(whole)
    units = []
    for _ in range(rng.randint(1, 8)):
        compute_s, blocks = rng.uniform(0, 3), rng.randint(1, 4)
        weights_s = rng.choice([0.0, rng.uniform(0, 5)])
        units.append(Stream(compute_s, 1.1 * compute_s, weights_s, weights_s, blocks if weights_s else 1, False))
        stream_layer(1.1 * compute_s, weights_s, units[-1].blocks, state)
        stream_layer(compute_s, weights_s, units[-1].blocks, whole)
    exposed, arrival = streams_of(units)
    assert arrival == pytest.approx(whole[ARRIVAL], rel=1e-12)
    assert exposed == pytest.approx(exposed_s(state), rel=1e-12, abs=1e-12)


def test_weights_of_a_run_wait_for_nothing_to_hide_them() -> None:
    """A layer of 2 s with 1 s of weights, a run of 3 s with 4 s, a layer of 2 s with 1 s in two blocks: exposed are the
    run's 4 s and the first block behind it, 0.5 s; the first layer's block is hidden by the last one's of before."""
    units = [Stream(2, 2, 1, 1, 1, False), Stream(3, 3, 4, 4, 1, True), Stream(2, 2, 1, 1, 2, False)]
    exposed, arrival = streams_of(units)
    assert exposed == 4.5
    # 1 s of weights, 2 s; the run's are there at 5 s, through at 8; the last layer's were there at 6.
    assert arrival == 10


def strip(layer: Layer, rows: int) -> Layer:
    """So many rows of a 3 x 3 convolution, with the rows of input that they read and none beside the map."""
    return replace(layer, name=f"{layer.name} {rows}", Y=rows + 2, padding=(0, 1), out_y=rows)


def test_strips_cost_what_the_cost_model_says_of_them() -> None:
    """By the page's example: `a` makes 3, 2, 2 and 1 rows, `b` four times 2."""
    two, cost_model = two_convolutions(), LoopnestCostModel()
    two = replace(two, layers=tuple(replace(layer, K=6, C=6) for layer in two.layers), edges=(
        Edge(NETWORK_INPUT, 0, 480), Edge(0, 1, 480)), input_elements=480)  # fmt: skip
    package = odd_package(random.Random(0), 1, 1)
    package = replace(package, chiplets=(Chiplet("one", l2_bytes=3_000, num_pes=16),))
    problem = pose(Scenario("strips", (Task("m", two, 2),)), package, cost_model, Fidelity.DETAILED)
    parts = [strip(two.layers[0], rows) for rows in (3, 2, 2, 1)], [strip(two.layers[1], 2)] * 4
    chiplet = package.chiplets[0]
    costs = [cost_model.costs(some, chiplet) for some in parts]
    whole = cost_model.costs(two.layers, chiplet)
    seconds = sum(max(each.cycles.sum(), own) for each, own in zip(costs, whole.cycles, strict=True)) / chiplet.clock_hz
    inside = [each.resident_j.sum() for each in costs]
    joules = sum(max(each, own) for each, own in zip(inside, whole.resident_j, strict=True))
    found = evaluate(plan_of(two, [(0, 1, 2)], 2), problem).stages[0]
    assert found.compute_s == pytest.approx(2 * seconds, rel=1e-12), "two samples, one after another"
    parts_j = found.energy
    assert parts_j.mac + parts_j.l1 + parts_j.l2 + parts_j.noc == pytest.approx(2 * joules, rel=1e-12)
    assert joules > whole.resident_j.sum(), "or this would show nothing"
    for name in ("latency", "energy", "edp"):
        goal, costs_ = objective(name), evaluate(plan_of(two, [(0, 1, 2)], 2), problem)
        assert goal(costs_.latency_s, costs_.energy_j) >= lower_bound(problem, goal).value * (1 - 1e-12)


def refusals(stage: Stage, model: Model, fidelity: Fidelity = Fidelity.DETAILED) -> list[str]:
    problem = problem_of(model, 100_000, 1, fidelity)
    return [each.text for each in faults_of(Schedule((Window((Pipeline(0, (stage,)),)),)), problem)]


def test_what_does_not_go_by_strips_is_refused_by_name() -> None:
    layers = (
        Layer("a", Op.CONV, K=2, C=1, Y=8, X=4, R=3, S=3, padding=(1, 1)),
        Layer("mean", Op.POOL, K=2, C=2, Y=8, X=4, R=8, S=4, groups=2),
        Layer("scale", Op.ELEMENTWISE, K=2, C=2, Y=8, X=4, groups=2),
        Layer("scores", Op.MATMUL, K=8, C=2, Y=32),
        Layer("classes", Op.GEMM, K=3, C=256, Y=1),
    )
    edges = (
        Edge(-1, 0, 32), Edge(0, 1, 64), Edge(0, 2, 64), Edge(1, 2, 2), Edge(2, 3, 64), Edge(1, 3, 2, True),
        Edge(3, 4, 256),
    )  # fmt: skip
    model = Model("net", layers, edges)

    def fault(first: int, last: int, rows: int = 2) -> str | None:
        return fault_of_run(model, Strips(first, last, rows))

    assert fault(0, 0) is None
    assert "layer 'mean' needs all 8 rows of its input for its only one; end the run before 'mean'" in str(fault(0, 2))
    assert fault(2, 2) is None, "'mean' comes from elsewhere, and waits whole"
    assert need_of(model, Strips(2, 2, 2)).rows == 4 * 8 + 2 + 4 * 8, "4 rows of 'a', the means, 4 rows out"
    assert "layer 'scores' multiplies two tensors" in str(fault(2, 3))
    behind = Model("behind", (layers[0], replace(layers[4], C=64)), (Edge(-1, 0, 32), Edge(0, 1, 64)))
    assert "layer 'classes' does not take the rows of 'a' one by one" in str(fault_of_run(behind, Strips(0, 1, 1)))
    smaller = replace(layers[0], name="b", C=2, Y=6, out_y=0)
    cropped = Model("cropped", (layers[0], smaller), (Edge(-1, 0, 32), Edge(0, 1, 48)))
    assert "layer 'b' does not take the rows of 'a' one by one" in str(fault_of_run(cropped, Strips(0, 1, 1)))


def test_regions_paper_and_runs_out_of_place_are_refused() -> None:
    model = two_convolutions()
    shared = (Partition.WEIGHT_SHARED,) * 2
    (text,) = refusals(Stage(0, 1, (0, 1), shared, strips=(Strips(0, 1, 2),)), model)
    assert "`rows` is for a stage on one chiplet" in text
    (text,) = refusals(Stage(0, 1, (0,), strips=(Strips(0, 1, 2),)), model, Fidelity.PAPER)
    assert "`rows` is no part of fidelity 'paper'" in text
    for runs, words in (
        ((Strips(0, 2, 2),), "are not all layers of the stage"),
        ((Strips(0, 1, 2), Strips(1, 1, 2)), "stands in two runs, or out of order"),
        ((Strips(0, 1, 0),), "rows=0 is not at least 1"),
    ):
        (text,) = refusals(Stage(0, 1, (0,), strips=runs), model)
        assert words in text
