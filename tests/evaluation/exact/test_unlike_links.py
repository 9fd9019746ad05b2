"""Links with figures of their own: evaluator, tables, bound and simulator against link by link arithmetic."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from chipweave.cost.interface import CostModel
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.record import Evaluation
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.links import OwnLink
from chipweave.hardware.package import Delivery, Package, Routing
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.schedulers.rescue import found_by
from chipweave.schedulers.search import Request
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.plain_links import figures, links_s, way_s
from tests.evaluation.exact.test_regions import Case, assert_equals_its_twin, mixed_case, random_case, reduced_case
from tests.evaluation.tables.test_single import cost_of
from tests.simulation.formulas import played
from tests.support import RoundNumbers, random_problem, random_schedule, seeds

KINDS = ("board", "single links", "one way")


def with_unlike_links(rng: random.Random, package: Package, kind: str) -> Package:
    """A board of two packages with slow links between; a few links of their own; ways that differ from their way back.

    Latencies and energies are round numbers, so that equal ways tie.
    """
    usual = package.link_bandwidth_bytes_s, package.hop_latency_s, package.nop_energy_j_per_bit
    board = tuple(rng.randrange(2) for _ in package.chiplets)
    own = []
    for a, b in package.links:
        drawn = [
            OwnLink(*ends, rng.choice([0.1, 0.5, 2.0]) * usual[0], rng.choice([0, 1, 3]) * usual[1], 2 * usual[2])
            for ends in ((a, b), (b, a))
        ]
        if kind == "board" and board[a] != board[b]:
            own += [OwnLink(*ends, usual[0] / 5, 4 * usual[1], 3 * usual[2], "serdes") for ends in ((a, b), (b, a))]
        elif kind == "single links" and rng.random() < 0.6:
            own += [drawn[0], replace(drawn[0], source=b, target=a)]
        elif kind == "one way" and rng.random() < 0.6:
            own += rng.choice([drawn[:1], drawn[1:], drawn])
    routing = rng.choice([Routing.FASTEST, package.routing])
    return replace(package, own_links=tuple(own), routing=routing)


def posed_on(problem: Problem, package: Package, cost_model: CostModel | None = None) -> Problem:
    return pose(problem.scenario, package, cost_model or problem.cost_model, problem.fidelity)


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", seeds(range(8), 60))
def test_equals_its_twin(seed: int, kind: str, fidelity: Fidelity) -> None:
    case = random_case(seed, fidelity)
    package = with_unlike_links(random.Random(seed), case.problem.package, kind)
    assert_equals_its_twin(Case(posed_on(case.problem, package), case.schedule))


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", seeds((2, 28, 54), 60))
def test_sums_over_a_region_equal_their_twin(seed: int, kind: str, fidelity: Fidelity) -> None:
    """Partial sums go to their owner on the ways of a multicast backwards: from i to j by the links of j to i, each at
    what that link takes in the direction in which they go."""
    case = reduced_case(seed, fidelity)
    package = with_unlike_links(random.Random(seed), case.problem.package, kind)
    assert_equals_its_twin(Case(posed_on(case.problem, package), case.schedule))


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("seed", seeds(range(12), 80))
def test_tables_of_single_chiplets_equal_the_evaluator(seed: int, kind: str, fidelity: Fidelity) -> None:
    """Where a link's two ways differ in latency or energy, tables take the mean of both."""
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity, tasks=rng.choice([1, 2]), rows=2, columns=rng.choice([2, 3]))
    problem = posed_on(problem, with_unlike_links(rng, problem.package, kind))
    schedule = random_schedule(rng, problem, windows=rng.choice([1, 2]))
    evaluation, ready = evaluate(schedule, problem), prepare(problem)
    for window, plain in zip(schedule.windows, evaluation.windows, strict=True):
        scores, latency_s, energy_j = cost_of(ready, window)
        assert latency_s == pytest.approx(plain.latency_s, rel=1e-12)
        assert energy_j == pytest.approx(plain.energy.total, rel=1e-12)
        assert scores.latency_s[0] == pytest.approx(max(each.latency_s for each in plain.pipelines), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_the_bound_holds_and_the_simulator_agrees(seed: int, kind: str) -> None:
    require_agreement(*mixed_case(seed), kind, seed)


@pytest.mark.parametrize("unicast", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", seeds((2, 28), 40))
def test_the_bound_holds_and_the_simulator_agrees_with_sums(seed: int, kind: str, unicast: bool) -> None:
    case = reduced_case(seed, Fidelity.DETAILED)
    delivery = Delivery.UNICAST if unicast else Delivery.MULTICAST
    package = replace(case.problem.package, delivery=delivery)
    require_agreement(posed_on(case.problem, package), case.schedule, kind, seed)


def require_agreement(problem: Problem, schedule: Schedule, kind: str, seed: int) -> None:
    problem = posed_on(problem, with_unlike_links(random.Random(seed), problem.package, kind))
    package, evaluation = problem.package, evaluate(schedule, problem)
    summed = any(Partition.REDUCED in stage.partitions for _, p in schedule.pipelines() for stage in p.stages)
    for goal in ("latency", "energy", "edp"):
        bound = lower_bound(problem, objective(goal), schedule.largest_region > 1, sums=summed)
        assert objective(goal)(evaluation.latency_s, evaluation.energy_j) >= bound.value * (1 - 1e-9)
    for window in played(problem, schedule, evaluation):
        window.require_links(problem)
        needs = links_s(package, dict(zip(package.directed_links, window.traffic.links.tolist(), strict=True)))
        assert window.latency_s >= needs * (1 - 1e-9)


def cost(problem: Problem, package: Package, schedule: Schedule) -> Evaluation:
    return evaluate(schedule, posed_on(problem, package))


@pytest.mark.parametrize("better", ["bandwidth_bytes_s", "energy_j_per_bit", "latency_s"])
@pytest.mark.parametrize("seed", range(12))
def test_a_better_link_never_makes_a_plan_slower_or_dearer(seed: int, better: str) -> None:
    """Shorter latency on routes that do not go by it: the fastest ones may all move to the link that became fast."""
    rng = random.Random(seed)
    problem, schedule = mixed_case(seed)
    package = replace(problem.package, own_links=())
    usual = package.link_bandwidth_bytes_s, package.hop_latency_s, package.nop_energy_j_per_bit
    own = tuple(OwnLink(*link, *usual) for link in package.directed_links)
    if better != "latency_s":
        package = replace(package, routing=rng.choice([package.routing, Routing.FASTEST]))
    factor = 3.0 if better == "bandwidth_bytes_s" else 0.4
    before = cost(problem, replace(package, own_links=own), schedule)
    assert before == cost(problem, package, schedule)
    for at in rng.sample(range(len(own)), len(own)):
        link = replace(own[at], **{better: factor * getattr(own[at], better)})
        own = (*own[:at], link, *own[at + 1 :])
        after = cost(problem, replace(package, own_links=own), schedule)
        assert after.latency_s <= before.latency_s * (1 + 1e-12)
        assert after.energy_j <= before.energy_j * (1 + 1e-12)
        before = after


# By hand ---------------------------------------------------------------------------------------------------------


def row(own: tuple[OwnLink, ...]) -> Package:
    """0-1-2-3 in a row, memory at 0: 100 B/s, 1 s and 1 J a bit on each link, but for those of their own."""
    return Package(
        "row", (Chiplet("c", l2_bytes=10**6),) * 4, ((0, 1), (1, 2), (2, 3)), (0,), link_bandwidth_bytes_s=100.0,
        hop_latency_s=1.0, nop_energy_j_per_bit=1.0, dram_bandwidth_bytes_s=1e6, dram_latency_s=0.0,
        dram_energy_j_per_bit=0.0, own_links=own,
    )  # fmt: skip


def two_layers() -> Problem:
    layers = tuple(Layer(f"l{n}", Op.GEMM, K=10, C=10, Y=1) for n in range(2))
    model = Model("m", layers, (Edge(-1, 0, 10), Edge(0, 1, 10)))
    return pose(Scenario("s", (Task("m", model, 1),)), row(()), RoundNumbers(), Fidelity.DETAILED)


def test_ten_bytes_over_a_slow_link_by_hand() -> None:
    """From chiplet 1 to 3, over 1-2 of 20 B/s, 5 s and 7 J a bit, and 2-3 as the others."""
    slow = tuple(OwnLink(*ends, 20.0, 5.0, 7.0) for ends in ((1, 2), (2, 1)))
    plan = Schedule((Window((Pipeline(0, (Stage(0, 0, (1,)), Stage(1, 1, (3,))), 1),)),))
    like, unlike = (cost(two_layers(), row(own), plan).windows[0] for own in ((), slow))
    sender, receiver = unlike.pipelines[0].stages
    assert like.pipelines[0].stages[0].forward_s == pytest.approx(10 / 100 + 1 + 1)
    assert sender.forward_s == pytest.approx(10 / 20 + 5 + 1)
    assert receiver.receive_s == pytest.approx(10 / 20)
    # Input (10 B) and weights (100 B) of the first layer go over 0-1; weights of the second over 0-1, 1-2 and 2-3;
    # its output comes back over these, and 10 B go over 1-2 and 2-3.
    assert sender.energy.nop == pytest.approx(8 * (110 * 1 + 10 * (7 + 1)))
    assert receiver.energy.nop == pytest.approx(8 * (100 * (1 + 7 + 1) + 10 * (1 + 7 + 1)))
    assert receiver.store_s == pytest.approx(10 / 1e6 + 1 + 5 + 1)
    assert (unlike.link, unlike.link_s) == ((1, 2), pytest.approx(110 / 20))
    assert (like.link, like.link_s) == ((0, 1), pytest.approx(210 / 100))
    assert like.port_s == unlike.port_s == pytest.approx(210 / 100)


def test_partial_sums_over_a_slow_way_by_hand() -> None:
    """On chiplets 1 and 2, 10 inputs each of 20, 10 outputs, of which each chiplet keeps 5 and sends the partial sums
    of the other 5: at once, as the two ways of a link are two links. From 1 to 2 at 20 B/s, 5 s and 7 J a bit, back as
    the others. The sums, 5 of chiplet 1 and 5 of chiplet 2, go out to the DRAM, over 0-1 and over 0-1 and 1-2."""
    slow = (OwnLink(1, 2, 20.0, 5.0, 7.0),)
    model = Model("m", (Layer("l", Op.GEMM, K=10, C=20, Y=1),), (Edge(-1, 0, 20),))
    plan = Schedule((Window((Pipeline(0, (Stage(0, 0, (1, 2), (Partition.REDUCED,)),), 1),)),))
    for own, late_s, forward_j in ((slow, 5 / 20 + 5, 7), ((), 5 / 100 + 1, 1)):
        problem = pose(Scenario("s", (Task("m", model, 1),)), row(own), RoundNumbers(), Fidelity.DETAILED)
        (stage,) = evaluate(plan, problem).stages
        assert stage.exchange_s == pytest.approx(late_s)
        assert stage.bytes_.exchange == 10
        # Inputs, 10 of each, and weights, 100 of each, come over 0-1, half of them over 1-2, too; sums go back.
        into, out = 220 * 1 + 110 * forward_j, 10 * 1 + 5 * 1
        assert stage.energy.nop == pytest.approx(8 * (into + out + 5 * forward_j + 5 * 1))


# Routes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
def test_the_fastest_routes_are_networkx_shortest_paths(seed: int) -> None:
    """Of least latency, then with the fewest links, then through the lowest numbers."""
    import networkx

    rng = random.Random(seed)
    links = rng.choice([topology.mesh, topology.torus, topology.switch])(rng.randint(1, 3), rng.randint(2, 4))
    count = 1 + max(b for _, b in links)
    own = [OwnLink(*e, 1e9, rng.choice([0, 1, 2, 5]) * 1e-9, 0.0) for a, b in links for e in ((a, b), (b, a))]
    made = Package("p", (Chiplet("c"),) * count, links, (0,), own_links=tuple(own), routing=Routing.FASTEST)
    graph = networkx.DiGraph()
    for a, b in made.directed_links:
        graph.add_edge(a, b, weight=(round(figures(made, (a, b))[1] * 1e9), 1))
    costs = {e: 1000 * graph.edges[e]["weight"][0] + 1 for e in graph.edges}
    networkx.set_edge_attributes(graph, costs, "cost")
    for a in range(count):
        for b in range(count):
            every = list(networkx.all_shortest_paths(graph, a, b, weight="cost"))
            assert made.routes[a][b] == tuple(min(every))
            assert made.hops(a, b) == len(every[0]) - 1
            assert made.late_hops[a, b] * made.wiring.standard.latency_s == pytest.approx(way_s(made, a, b), abs=1e-20)


# Searches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["scar", "weave", "scope"])
def test_searches_run_and_end_at_the_evaluators_figures(scheduler: str) -> None:
    rng = random.Random(4)
    problem = random_problem(rng, Fidelity.DETAILED, tasks=1 if scheduler == "scope" else 2)
    problem = posed_on(problem, with_unlike_links(rng, problem.package, "board"))
    found = found_by(scheduler, prepare(problem), Request(objective("edp")))
    assert faults_of(found.schedule, problem) == []
    value = evaluate(found.schedule, problem).edp_js
    assert all(best == pytest.approx(value, rel=1e-9) for _, best in found.history[-1:])
