"""The evaluator equals its element-by-element twin on random stages on regions."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from chipweave.errors import InputError
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.record import Evaluation
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package, Routing
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.workload.layer import Layer, Op, reducible
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.plain_links import joules
from tests.evaluation.exact.plain_regions import Proportional, Together, Twin, transfer
from tests.evaluation.test_evaluate import latency_of
from tests.support import random_problem, random_schedule, seeds

SPLIT = (Partition.WEIGHT_SHARED, Partition.INPUT_SHARED)
PLENTY, SCARCE = 10**7, (150, 200, 250, 300)

QUICK = (*range(45), 55, 68, 107, 117)
"""Seeds of cases that are held against the twin in every run: among them is every kind of stage."""


REDUCED = (0, 2, 8, 9, 28, 31, 51, 55, 63, 68, 71, 79, 113)
"""Likewise of cases with layers that are `reduced`: among them is every kind of sum."""


@dataclass(frozen=True)
class Case:
    problem: Problem
    schedule: Schedule


def convolution(rng: random.Random, name: str, channels: int, rows: int, columns: int) -> Layer:
    """A convolution that leaves no input unread between its windows (stride at most its reach)."""
    while True:
        kind = rng.choice(["plain", "plain", "pointwise", "groups", "depthwise"])
        kernel = (1, 1) if kind == "pointwise" else (rng.randint(1, 3), rng.randint(1, 3))
        dilation = (rng.randint(1, 2), rng.randint(1, 2))
        reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
        groups = {"groups": rng.choice([g for g in (1, 2, 3) if channels % g == 0]), "depthwise": channels}.get(kind, 1)
        try:
            return Layer(
                name,
                Op.DEPTHWISE if kind == "depthwise" else Op.CONV,
                K=channels if kind == "depthwise" else groups * rng.randint(1, 4),
                C=channels,
                Y=rows,
                X=columns,
                R=kernel[0],
                S=kernel[1],
                stride=(rng.randint(1, min(2, reach[0])), rng.randint(1, min(2, reach[1]))),
                padding=(rng.randint(0, reach[0] // 2), rng.randint(0, reach[1] // 2)),
                dilation=dilation,
                groups=groups,
            )
        except InputError:  # the filter does not fit
            continue


def upsampled(rng: random.Random, before: Layer) -> Layer:
    """What `before` makes, each row and column once or twice."""
    stride = (rng.randint(1, 2), rng.randint(1, 2))
    size = {"K": before.K, "C": before.K, "Y": before.out_y, "X": before.out_x, "N": before.N, "groups": before.K}
    return Layer(before.name, Op.UPSAMPLE, stride=stride, **size)


def transposed(rng: random.Random, before: Layer) -> Layer:
    """A transposed convolution of what `before` makes, whose inputs reach every output."""
    stride = (rng.randint(1, 2), rng.randint(1, 2))
    kernel, padding = tuple(rng.randint(s, 3) for s in stride), (rng.randint(0, 1), rng.randint(0, 1))
    groups = rng.choice([g for g in (1, 2) if before.K % g == 0])
    many = (before.out_y, before.out_x)
    fits = all((m - 1) * s - 2 * p + k > 0 for m, s, p, k in zip(many, stride, padding, kernel, strict=True))
    return Layer(
        before.name,
        Op.TRANSPOSED,
        K=groups * rng.randint(1, 3),
        C=before.K,
        Y=many[0],
        X=many[1],
        R=kernel[0],
        S=kernel[1],
        N=before.N,
        stride=stride,
        padding=padding if fits else (0, 0),
        groups=groups,
    )


def maps(rng: random.Random) -> Model:
    """Convolutions, pools, upsampling and sums in a chain with skips; perhaps a gemm at the end."""
    rows, columns, channels = rng.randint(3, 7), rng.randint(3, 7), rng.randint(1, 4)
    copies = rng.choice([1, 1, 1, 2])
    layers: list[Layer] = [replace(convolution(rng, "first", channels, rows, columns), N=copies)]
    edges = [Edge(-1, 0, copies * channels * rows * columns)]
    many = rng.randint(2, 4)
    for index in range(1, many):
        before, name = layers[-1], f"layer{index}"
        shape = (before.out_y, before.out_x, before.K)
        rows, columns, channels = shape
        alike = [i for i, layer in enumerate(layers[:-1]) if (layer.out_y, layer.out_x) == shape[:2]]
        choice = rng.random()
        if index == many - 1 and choice < 0.2:
            layers.append(Layer(name, Op.GEMM, K=rng.randint(1, 6), C=before.output_elements, Y=1))
            edges.append(Edge(index - 1, index, before.output_elements))
        elif choice < 0.35 and min(rows, columns) > 1:
            layers.append(
                Layer(
                    name,
                    Op.POOL,
                    K=channels,
                    C=channels,
                    Y=rows,
                    X=columns,
                    R=2,
                    S=2,
                    N=copies,
                    stride=(2, 2),
                    groups=channels,
                )
            )
            edges.append(Edge(index - 1, index, before.output_elements))
        elif choice < 0.55 and rows * columns < 16:
            layers.append(rng.choice([upsampled, transposed])(rng, replace(before, name=name)))
            edges.append(Edge(index - 1, index, before.output_elements))
        elif choice < 0.65:
            layers.append(
                Layer(name, Op.ELEMENTWISE, K=channels, C=channels, Y=rows, X=columns, N=copies, groups=channels)
            )
            edges.append(Edge(index - 1, index, before.output_elements))
            same = [i for i in alike if channels == layers[i].K and rng.random() < 0.7]
            edges += [Edge(i, index, layers[i].output_elements) for i in same]
        else:
            joined = [i for i in alike if rng.random() < 0.5]  # a concatenation
            total = channels + sum(layers[i].K for i in joined)
            layers.append(replace(convolution(rng, name, total, rows, columns), N=copies))
            edges += [Edge(i, index, layers[i].output_elements) for i in [*joined, index - 1]]
    return Model("maps", tuple(layers), tuple(edges), bytes_per_element=rng.choice([1, 2]))


def attention(rng: random.Random) -> Model:
    """Queries and keys from one input, their product, and perhaps what weighs values with it."""
    tokens, heads, inner = rng.randint(2, 5), rng.randint(1, 3), rng.randint(1, 3)
    width = heads * inner
    inputs = rng.randint(1, 4)
    layers = [
        Layer("q", Op.GEMM, K=width, C=inputs, Y=tokens),
        Layer("k", Op.GEMM, K=width, C=inputs, Y=tokens),
        Layer("scores", Op.MATMUL, K=heads * tokens, C=width, Y=tokens, groups=heads),
    ]
    edges = [
        Edge(-1, 0, tokens * inputs),
        Edge(-1, 1, tokens * inputs),
        Edge(0, 2, tokens * width),
        Edge(1, 2, tokens * width),
    ]
    if rng.random() < 0.5:
        layers.append(Layer("weighed", Op.MATMUL, K=width, C=heads * tokens, Y=tokens, groups=heads))
        edges += [Edge(2, 3, heads * tokens * tokens), Edge(1, 3, tokens * width)]
    return Model("attention", tuple(layers), tuple(edges))


def gemms(rng: random.Random) -> Model:
    """Matrices with more weights than activations, one after another."""
    widths = [rng.randint(4, 16) for _ in range(rng.randint(4, 6))]
    tokens = rng.randint(1, 4)
    layers = tuple(Layer(f"g{i}", Op.GEMM, K=k, C=c, Y=tokens) for i, (c, k) in enumerate(pairwise(widths)))
    return Model("gemms", layers, tuple(Edge(i - 1, i, tokens * width) for i, width in enumerate(widths[:-1])))


def package_of(rng: random.Random, l2_bytes: int) -> Package:
    rows, columns = rng.choice([(1, 2), (1, 3), (2, 2), (2, 3), (1, 4)])
    kinds = [
        Chiplet("slow", l2_bytes=l2_bytes, num_pes=4, clock_hz=1e6),
        Chiplet("quick", l2_bytes=l2_bytes + 300, num_pes=4, clock_hz=3e6),
    ]
    shape, routing = rng.choice(
        [(topology.mesh, Routing.XY), (topology.mesh, Routing.SHORTEST), (topology.triangular, Routing.SHORTEST)]
    )
    many = rows * columns
    return Package(
        "random",
        tuple(rng.choice(kinds) for _ in range(many)),
        shape(rows, columns),
        interfaces=tuple(sorted(rng.sample(range(many), rng.randint(1, 2)))),
        positions=topology.grid_positions(rows, columns),
        routing=routing,
        link_bandwidth_bytes_s=rng.choice([1e5, 1e7]),
        dram_bandwidth_bytes_s=rng.choice([2e5, 3e7]),
        hop_latency_s=3e-6,
        dram_latency_s=7e-6,
        conflict_delay_s=rng.choice([0.0, 2e-6]),
    )


def region(rng: random.Random, package: Package, free: set[int], most: int) -> tuple[int, ...]:
    """A random connected set of free chiplets, in a random order."""
    chosen = [rng.choice(sorted(free))]
    while len(chosen) < most:
        near = sorted({n for chiplet in chosen for n in package.neighbours[chiplet]} & free - set(chosen))
        if not near:
            break
        chosen.append(rng.choice(near))
    rng.shuffle(chosen)
    free -= set(chosen)
    return tuple(chosen)


def stages_of(
    rng: random.Random, package: Package, units: list[tuple[int, int]], chiplets: Iterable[int] | None = None
) -> tuple[Stage, ...]:
    """Random stages of all units on random regions, on these chiplets if given."""
    free = set(range(len(package.chiplets)) if chiplets is None else chiplets)
    number = rng.randint(1, min(len(units), 3, len(free)))
    inner = sorted(rng.sample(range(1, len(units)), number - 1))
    stages: list[Stage] = []
    for a, b in zip([0, *inner], [*inner, len(units)], strict=True):
        room = len(free) - (number - len(stages) - 1)
        where = region(rng, package, free, rng.randint(1, max(1, room)))
        first, last = units[a][0], units[b - 1][1]
        split = () if len(where) == 1 else tuple(rng.choice(SPLIT) for _ in range(first, last + 1))
        stages.append(Stage(first, last, where, split))
    return tuple(stages)


def random_case(seed: int, fidelity: Fidelity) -> Case:
    """A valid schedule of one task in one or two windows; in `paper` with scarce L2 one sample at a time."""
    rng = random.Random(seed)
    model = rng.choice([maps, maps, attention, gemms])(rng)
    l2_bytes = rng.choice([PLENTY, *SCARCE])
    batch = rng.choice([1, 2, 3, 5])
    any_fits = l2_bytes == PLENTY or fidelity is Fidelity.DETAILED
    micro_batch = rng.randint(1, min(batch, 3)) if any_fits else 1
    package = package_of(rng, l2_bytes)
    units = list(model.units)
    cut = rng.randint(1, len(units)) if rng.random() < 0.4 else len(units)
    windows = []
    for part in (units[:cut], units[cut:]):
        if part:
            windows.append(Window((Pipeline(0, stages_of(rng, package, part), micro_batch),)))
    cost_model = rng.choice([Proportional(), Together()])
    problem = pose(Scenario("random", (Task("m", model, batch),)), package, cost_model, fidelity)
    case = Case(problem, Schedule(tuple(windows)))
    return case if fidelity is Fidelity.DETAILED or _is_plain(case) else random_case(seed + 10**6, fidelity)


def reduced_case(seed: int, fidelity: Fidelity) -> Case:
    """A random case in which about half of the layers that can be `reduced` are."""
    case, rng = random_case(seed, fidelity), random.Random(-seed - 1)
    layers = case.problem.scenario.tasks[0].model.layers

    def changed(stage: Stage) -> Stage:
        some = [
            Partition.REDUCED
            if reducible(layers[at]) and len(stage.chiplets) <= layers[at].C and rng.random() < 0.6
            else stage.partition(at)
            for at in stage.layers
        ]
        return replace(stage, partitions=tuple(some)) if len(stage.chiplets) > 1 else stage

    windows = [
        Window(tuple(replace(p, stages=tuple(map(changed, p.stages))) for p in window.pipelines))
        for window in case.schedule.windows
    ]
    return Case(case.problem, Schedule(tuple(windows)))


def mixed_case(seed: int) -> tuple[Problem, Schedule]:
    """A problem in `detailed` and a valid schedule of it, every other one on regions."""
    if seed % 2:
        made = random_case(seed, Fidelity.DETAILED)
        return made.problem, made.schedule
    rng = random.Random(seed)
    problem = random_problem(rng, Fidelity.DETAILED, tasks=rng.randint(1, 3), rows=3, columns=3)
    return problem, random_schedule(rng, problem)


def _is_plain(case: Case) -> bool:
    """No region reads a tensor that it must also hand on: who holds it then is not said (`paper`)."""
    model = case.problem.scenario.tasks[0].model
    for window in case.schedule.windows:
        (pipeline,) = window.pipelines
        for number, stage in enumerate(pipeline.stages):
            for tensor in range(pipeline.first, stage.first):
                readers = {edge.consumer for edge in model.consumers[tensor]}
                later = {layer for other in pipeline.stages[number + 1 :] for layer in other.layers}
                if len(stage.chiplets) > 1 and readers & set(stage.layers) and readers & later:
                    return False
    return True


def about(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-18)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(QUICK, 120))
def test_equals_its_twin(seed: int, fidelity: Fidelity) -> None:
    assert_equals_its_twin(random_case(seed, fidelity))


def assert_equals_its_twin(case: Case) -> None:
    """Every term of every stage, and of the windows."""
    problem, package = case.problem, case.problem.package
    fidelity = problem.fidelity
    assert faults_of(case.schedule, problem) == []
    twin = Twin(case.schedule, problem, problem.cost_model)
    evaluation = evaluate(case.schedule, problem)
    for index, window in enumerate(evaluation.windows):
        (pipeline,) = window.pipelines
        every = []
        for number, stage in enumerate(pipeline.stages):
            plain = twin.stage(index, number)
            every.append(plain)
            for name, seconds in plain.seconds.items():
                assert getattr(stage, name) == about(seconds), name
            assert stage.overlaps == plain.overlaps
            for name, amount in plain.bytes_.items():
                assert getattr(stage.bytes_, name) == about(amount), name
            for name, own_j in plain.inside_j.items():
                assert getattr(stage.energy, name) == about(own_j), name
            assert stage.energy.nop == about(joules(package, plain.moves.links))
            moved = sum(plain.bytes_[name] for name in ("weights", "again", "load", "store", "spill"))
            assert stage.energy.dram == about(8 * moved * package.dram_energy_j_per_bit)
            assert plain.moves.crossings <= plain.moves.hop_elements * (1 + 1e-12)
            assert (stage.l2 is None) == (fidelity is Fidelity.PAPER)
            if stage.l2 is not None:
                assert stage.l2.activations == about(plain.activations)
                for name, value in plain.l2.items():
                    assert getattr(stage.l2, name) == about(value), name
        shared = twin.window(every)
        if fidelity is Fidelity.DETAILED:
            assert (window.dram_s, window.link_s, window.port_s) == tuple(
                map(about, (shared.dram_s, shared.link_s, shared.port_s))
            )
            assert shared.crossing_s <= shared.link_s * (1 + 1e-12)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(REDUCED, 120))
def test_equals_its_twin_with_sums_over_chiplets(seed: int, fidelity: Fidelity) -> None:
    assert_equals_its_twin(reduced_case(seed, fidelity))


def test_the_random_cases_have_every_kind_of_sum() -> None:
    seen: set[str] = set()
    for seed in REDUCED:
        case = reduced_case(seed, Fidelity.DETAILED)
        layers = case.problem.scenario.tasks[0].model.layers
        for stage in evaluate(case.schedule, case.problem).stages:
            assert stage.l2 is not None
            for layer, split in zip(layers[stage.first :], stage.splits, strict=False):
                if split.sums is None:
                    continue
                kinds = {
                    "samples": split.sums.samples > 1,
                    "rows": split.sums.rows > 1,
                    "columns": split.sums.columns > 1,
                    "channels": split.sums.units > 1,
                    "unequal": bool(split.sums.weights),
                    "overlaps": stage.overlaps,
                    "does not overlap": not stage.overlaps,
                    "streamed": stage.l2.streamed > 0,
                    "evicted": stage.l2.spill > 0,
                    "read again": stage.l2.again > 0,
                    **{str(op): layer.op is op for op in (Op.CONV, Op.GEMM, Op.TRANSPOSED)},
                }
                seen |= {kind for kind, is_it in kinds.items() if is_it}
    assert seen == set(kinds)


def test_the_random_cases_have_every_kind_of_stage() -> None:
    """So that what equals the twin is all of the account."""
    seen: set[str] = set()
    for seed in QUICK:
        case = random_case(seed, Fidelity.DETAILED)
        for stage in evaluate(case.schedule, case.problem).stages:
            use, several = stage.l2, len(stage.chiplets) > 1
            assert use is not None
            kinds = {
                "all pinned": use.resident,
                "some pinned": use.streamed > 0 and use.held_weights > 0,
                "mates": use.gathered > 0,
                "mates and streamed": use.gathered > 0 and use.streamed > 0,
                "evicted on a region": use.spill > 0 and several,
                "read again on a region": use.again > 0 and several,
                "exposed on a region": stage.exposed_s > 0 and several,
                "overlaps": stage.overlaps,
                "exchanges longer than it computes": stage.overlaps and stage.pace_s > stage.compute_s,
                "receives longer than it sends": stage.steady_s > stage.fill_s,
                "receives longer than it sends on a region": stage.steady_s > stage.fill_s and several,
                "waits for weights": stage.ready_s > stage.fill_s,
                "short last": stage.last_fill_s < stage.fill_s,
                "unequal rows": any(split.weights and split.rows > 1 for split in stage.splits),
                "unequal columns": any(split.weights and split.columns > 1 for split in stage.splits),
                "unequal channels": any(split.weights and split.units > 1 for split in stage.splits),
                "a chiplet that has nothing to do": any(0 in split.weights for split in stage.splits),
                "equal parts on two classes": any(split.parts > 1 and not split.weights for split in stage.splits)
                and len({case.problem.package.class_of[chiplet] for chiplet in stage.chiplets}) > 1,
            }
            seen |= {kind for kind, is_it in kinds.items() if is_it}
    assert seen == set(kinds)


@pytest.mark.parametrize("seed", range(40))
def test_one_chiplet_regions_are_stages_as_ever(seed: int) -> None:
    """With one chiplet a stage exchanges nothing, and its pace is its compute time."""
    case = random_case(seed, Fidelity.DETAILED)
    ones = tuple(
        Window(
            tuple(
                replace(p, stages=tuple(replace(s, chiplets=s.chiplets[:1], partitions=()) for s in p.stages))
                for p in window.pipelines
            )
        )
        for window in case.schedule.windows
    )
    for window in evaluate(Schedule(ones), case.problem).windows:
        for stage in window.pipelines[0].stages:
            assert (stage.exchange_s, stage.bytes_.exchange, stage.bytes_.mates) == (0, 0, 0)
            assert stage.pace_s == about(stage.compute_s)


@pytest.mark.parametrize("seed", range(40))
def test_the_load_of_a_link_is_a_union_where_needs_are_alike_or_apart(seed: int) -> None:
    """The documentation's min(sum, all that the owner has) against counting every byte on a link once."""
    rng = random.Random(seed)
    package = package_of(rng, PLENTY)
    chiplets = range(len(package.chiplets))
    elements = [(number,) for number in range(12)]
    owner = rng.choice(chiplets)
    everything, rest = {owner: set(elements)}, [chiplet for chiplet in chiplets if chiplet != owner]
    apart = {chiplet: {e for e in elements if e[0] % len(rest) == index} for index, chiplet in enumerate(rest)}
    alike = {chiplet: set(elements) for chiplet in rest}
    for need in (alike, apart):
        moves = transfer(package, everything, need)
        assert moves.links == moves.crossing
        assert moves.sent == moves.leaving
    some = {chiplet: set(rng.sample(elements, 5)) for chiplet in rest}
    moves = transfer(package, everything, some)
    assert all(moves.crossing[link] <= load <= len(elements) for link, load in moves.links.items())


# What must not change it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("seed", seeds(15, 30))
def test_a_mirrored_package_costs_the_same(seed: int, across: bool, fidelity: Fidelity) -> None:
    # 2x2 with XY routes, which mirror; one interface, so that none is picked by its number
    rng = random.Random(seed)
    case = random_case(seed, fidelity)
    kinds = [Chiplet("slow", l2_bytes=PLENTY, clock_hz=1e6), Chiplet("quick", l2_bytes=PLENTY, clock_hz=3e6)]
    package = replace(
        case.problem.package,
        chiplets=tuple(rng.choice(kinds) for _ in range(4)),
        links=topology.mesh(2, 2),
        positions=topology.grid_positions(2, 2),
        routing=Routing.XY,
        interfaces=(rng.randrange(4),),
    )
    mirror = [1, 0, 3, 2] if across else [2, 3, 0, 1]
    units = list(case.problem.scenario.tasks[0].model.units)
    stages = stages_of(rng, package, units)
    there = replace(
        package,
        chiplets=tuple(package.chiplets[mirror[i]] for i in range(4)),
        interfaces=(mirror[package.interfaces[0]],),
    )
    moved = tuple(replace(stage, chiplets=tuple(mirror[c] for c in stage.chiplets)) for stage in stages)
    one = evaluate(_one_window(stages), pose(case.problem.scenario, package, Proportional(), fidelity))
    two = evaluate(_one_window(moved), pose(case.problem.scenario, there, Proportional(), fidelity))
    assert two.latency_s == about(one.latency_s)
    assert two.energy_j == about(one.energy_j)
    for name in ("dram_s", "link_s", "port_s"):
        assert getattr(two.windows[0], name) == about(getattr(one.windows[0], name))


def _one_window(stages: tuple[Stage, ...]) -> Schedule:
    return Schedule((Window((Pipeline(0, stages, 1),)),))


def _keepings(evaluation: Evaluation) -> list[str]:
    stages = [stage for window in evaluation.windows for stage in window.pipelines[0].stages]
    return [str(stage.l2.keeping) for stage in stages if stage.l2]


@pytest.mark.parametrize("what", ["dram_bandwidth_bytes_s", "link_bandwidth_bytes_s"])
@pytest.mark.parametrize("seed", seeds(30, 60))
def test_more_bandwidth_never_hurts(seed: int, what: str) -> None:
    for fidelity in Fidelity:
        case = random_case(seed, fidelity)
        package = case.problem.package
        faster = replace(package, **{what: random.Random(seed).uniform(1, 50) * getattr(package, what)})
        before = evaluate(case.schedule, case.problem)
        after = evaluate(case.schedule, replace(case.problem, package=faster))
        if _keepings(before) != _keepings(after):
            continue  # a stage picks what is best for itself, which need not be best for the pipeline
        assert after.latency_s <= before.latency_s * (1 + 1e-12)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", range(30))
def test_a_pipeline_takes_what_its_stages_terms_say(seed: int, fidelity: Fidelity) -> None:
    case = random_case(seed, fidelity)
    (task,) = case.problem.scenario.tasks
    for window in evaluate(case.schedule, case.problem).windows:
        (pipeline,) = window.pipelines
        assert pipeline.latency_s == about(latency_of(pipeline, fidelity))
        if task.batch == 1 and fidelity is Fidelity.PAPER:
            assert pipeline.latency_s == about(sum(stage.fill_s for stage in pipeline.stages))
