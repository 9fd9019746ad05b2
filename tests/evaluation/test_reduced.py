"""Layers whose sums are added up over the chiplets of a region: by hand, and what must hold of any plan with them.

That every byte is the one that counting elements gives is in `exact/test_regions.py`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chipweave.cli.main import run as command
from chipweave.evaluation.audit import faults_of_proof
from chipweave.evaluation.bound import lower_bound
from chipweave.evaluation.check import faults_of
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.exact.layout import Held
from chipweave.evaluation.exact.sums import reduction
from chipweave.evaluation.lines import lines_for, proven
from chipweave.evaluation.record import Split
from chipweave.hardware.package import Delivery
from chipweave.plan.certificate import Proof, Prover, Space
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.results.result import assess
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions import REDUCED, reduced_case
from tests.evaluation.exact.test_regions_by_hand import DETAILED, PAPER, SQUARE, Sheet, check, gemm, row, run, stages_of
from tests.simulation.formulas import assert_as_the_formulas, played
from tests.support import seeds

W, I, R = Partition.WEIGHT_SHARED, Partition.INPUT_SHARED, Partition.REDUCED  # noqa: E741

# By hand, with the figures of `exact/test_regions_by_hand.py` ------------------------------------------------------
#
# Two chiplets, batch 3, one sample at a time; 2 rows of everything.
#
#   layer      weights  input   output  MACs
#   up    4->8      32   8       16      64
#   down  8->4      32  16        8      64
#   next  4->4      16   8        8      32
#
# Each chiplet has half of the MACs: compute_s = (32 + 32 + 16) / 64 = 1.25. Weights 80/5 = 16 s, half on a chiplet.

BLOCK = Model(
    "block",
    (gemm("up", 2, 4, 8), gemm("down", 2, 8, 4), gemm("next", 2, 4, 4)),
    (Edge(-1, 0, 8), Edge(0, 1, 16), Edge(1, 2, 8)),
)


def test_column_then_row() -> None:
    """up makes 4 channels on each chiplet, and these are the inputs of which down's chiplets make partial sums: nothing
    moves between them.

    sums     each chiplet has partial sums of all 8 outputs and keeps two of the four channels, 4: it sends the other
             4 bytes: 4/10 + 1 = 1.4
    next     needs all of them: the other 4 bytes come back as sums: 1.4;   exchange 2.8, bytes 3 * 4 * 4 = 48
    pace     max(0.5, 0) + max(0.5, 2.8) + 0.25 = 3.55
    0 -> 1   half the weights, 40; 3 * (8 of input + 4 + 4) = 48: 88
    1 -> 0   3 * (4 + 4 + 4 of next's outputs) = 36;   hop_bytes 124
    L2       weights 40; up: 8 + 8; down: 8 that it reads and partial sums of all 8; next: 8 + 4: 16
    l2       3 * (16 + 2 * 8 + 8) = 120: down's outputs are made twice, in part
    noc      3 * (2 * 8 + 16 + 2 * 8) = 144
    fill     3 * (2 * 8 of up + half of 2 * 8 of next) = 72; 8 bytes of partial sums a sample at 1 J, 24; weights 80
    drain    of down's 16 partial sums the 8 that leave, and the 8 sums for next; next 8: 3 * 24 = 72
    """
    (stage,) = stages_of(run(BLOCK, row(2), DETAILED, [Stage(0, 2, (0, 1), (I, R, I))], batch=3))
    assert stage.splits == (Split(units=2), Split(inputs=2, sums=Split(units=2)), Split(units=2))
    check(stage, compute_s=1.25, exchange_s=2.8, pace_s=3.55, resident_s=16)
    check(stage.bytes_, weights=80, load=24, store=24, exchange=48, mates=0, hop_bytes=124)
    check(stage.l2, keeping="resident", fits=True, held_weights=40, activations=16, spill=0)
    check(stage.energy, mac=480, l1=960, l2=120, noc=144, fill=176, drain=72, dram=256, nop=124)


def test_wider_sums() -> None:
    """The same with sums of 4 bytes: of down's half of them 16 go each way, 16/10 + 1 = 2.6, and what next needs, 4, as
    before, 1.4. They enter an L2 as 32 bytes a sample, and leave one as 32; beside the 8 that down reads its chiplets
    have 8 sums of 4 bytes.

    0 -> 1   40 of weights; 3 * (8 of input + 16 + 4): 124;   1 -> 0   3 * (16 + 4 + 4): 72
    """
    stages = [Stage(0, 2, (0, 1), (I, R, I))]
    (stage,) = stages_of(run(replace(BLOCK, sum_bits=32), row(2), DETAILED, stages, batch=3))
    check(stage, compute_s=1.25, exchange_s=4.0)
    check(stage.bytes_, weights=80, load=24, store=24, exchange=3 * (32 + 8), hop_bytes=196)
    check(stage.l2, activations=40)
    check(stage.energy, fill=72 + 96 + 80, drain=3 * (32 + 8 + 8), dram=256, nop=196)
    same = stages_of(run(replace(BLOCK, sum_bits=8), row(2), DETAILED, stages, batch=3))
    assert same == stages_of(run(BLOCK, row(2), DETAILED, stages, batch=3))


@pytest.mark.parametrize("seed", range(8))
def test_narrower_sums_never_cost_more(seed: int) -> None:
    """And the simulator's formulas are the evaluator's at any width."""
    made = reduced_case(seed, Fidelity.DETAILED)
    problem, found = made.problem, []
    for bits in (32, 20, 16, 0):
        tasks = tuple(replace(task, model=replace(task.model, sum_bits=bits)) for task in problem.scenario.tasks)
        other = replace(problem, scenario=replace(problem.scenario, tasks=tasks))
        evaluation = evaluate(made.schedule, other)
        assert_as_the_formulas(other, made.schedule, evaluation)
        found.append((evaluation.windows[0].dram_bytes, evaluation.energy_j))
    assert found == sorted(found, reverse=True)


def test_two_column_splits_move_more() -> None:
    """Between up and down each needs the other's half, 8 bytes: 8/10 + 1 = 1.8, and then 1.4; bytes 3 * (16 + 8)."""
    (stage,) = stages_of(run(BLOCK, row(2), DETAILED, [Stage(0, 2, (0, 1), (I, I, I))], batch=3))
    check(stage, compute_s=1.25, exchange_s=3.2)
    check(stage.bytes_, exchange=72)


def test_sums_go_where_the_next_layer_reads_them() -> None:
    """next in rows: each chiplet keeps the sums of the row that it reads, 4 bytes, and they stay. In `paper` likewise,
    and every fill and drain: 3 * (16 + 16 + 8 of inputs, 80 of weights, 8 of sums), 3 * (16 + 2 * 8 + 8)."""
    stages = [Stage(0, 2, (0, 1), (I, R, W))]
    (stage,) = stages_of(run(BLOCK, row(2), DETAILED, stages, batch=3))
    assert stage.splits[1] == Split(inputs=2, sums=Split(rows=2))
    check(stage, exchange_s=1.4)
    check(stage.bytes_, exchange=24)
    check(stage.energy, drain=3 * (8 + 8))
    (stage,) = stages_of(run(BLOCK, row(2), PAPER, stages, batch=3))
    check(stage, exchange_s=1.4)
    check(stage.energy, fill=3 * (40 + 96 + 8), drain=3 * 40)


def test_sums_at_the_end_of_a_stage() -> None:
    """down is the stage's last layer: the sums are made before they leave, 2 channels from each chiplet."""
    stages = [Stage(0, 1, (0, 1), (I, R)), Stage(2, 2, (2,))]
    first, _ = stages_of(run(BLOCK, row(3), DETAILED, stages, batch=3))
    check(first, exchange_s=1.4)
    check(first.bytes_, exchange=24, forward=24)


def test_ways_meet_and_add_up_or_go_alone() -> None:
    """On the square everyone keeps 2 bytes and sends the other three their 2: 6 out of each chiplet. Where sums are
    added on the way, 2 come in, over three links each: 4 * 3 * 2 = 24; by themselves 6 come in, and the diagonal pairs
    take two links: 8 * 2 + 4 * 4 = 32. Rows come first: 0 gets 3's by 2, so that what comes from 2 has both."""
    ready = prepare(pose(Scenario("s", (Task("t", BLOCK),)), SQUARE, Sheet(), DETAILED))
    boxes = np.array([[0, 1, 0, 2, 0, 1, channel, channel + 1] for channel in range(4)])
    added, alone = (reduction(ready.network_back, (0, 1, 2, 3), Held(boxes), 1.0, alone) for alone in (False, True))
    assert added.out.tolist() == alone.out.tolist() == [6, 6, 6, 6]
    assert added.into.tolist() == [2, 2, 2, 2]
    assert alone.into.tolist() == [6, 6, 6, 6]
    assert (added.hop_bytes, alone.hop_bytes, added.hops, added.sent) == (24, 32, 2, 24)
    number = {link: at for at, link in enumerate(SQUARE.directed_links)}
    assert [added.links[number[link]] for link in ((2, 0), (1, 0))] == [2, 4]
    assert [alone.links[number[link]] for link in ((2, 0), (1, 0))] == [4, 4]


# Plans that cannot be ----------------------------------------------------------------------------------------------

ODD = Model(
    "odd",
    (
        Layer("stem", Op.CONV, K=4, C=2, Y=4, X=4),
        Layer("add", Op.ELEMENTWISE, K=4, C=4, Y=4, X=4, groups=4),
        Layer("deep", Op.DEPTHWISE, K=4, C=4, Y=4, X=4, groups=4),
        Layer("pool", Op.POOL, K=4, C=4, Y=4, X=4, groups=4),
        Layer("product", Op.MATMUL, K=8, C=4, Y=16),
    ),
    (Edge(-1, 0, 32), Edge(0, 1, 64), Edge(1, 2, 64), Edge(2, 3, 64), Edge(3, 4, 64), Edge(1, 4, 32)),
)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (0, "layer 'stem' cannot be 'reduced': it has fewer input channels, 2, than the region has chiplets, 3; take "
            "at most 2 chiplets, or use 'input_shared' or 'weight_shared'"),
        (1, "layer 'add' cannot be 'reduced': it is of kind 'elementwise', which adds up no input channels"),
        (2, "layer 'deep' cannot be 'reduced': it has 4 groups, whose sums are apart"),
        (3, "layer 'pool' cannot be 'reduced': it is of kind 'pool', which adds up no input channels"),
        (4, "layer 'product' cannot be 'reduced': it is of kind 'matmul', a product of two tensors without weights"),
    ],
)  # fmt: skip
def test_what_cannot_be_reduced_is_refused(layer: int, says: str) -> None:
    partitions = tuple(R if at == layer else W for at in range(5))
    problem = pose(Scenario("s", (Task("odd", ODD),)), row(3), Sheet(), DETAILED)
    schedule = Schedule((Window((Pipeline(0, (Stage(0, 4, (0, 1, 2), partitions),)),)),))
    (fault,) = faults_of(schedule, problem)
    assert says in str(fault)


PLAN = """
scenario: {{name: one, models: [{{name: net, model: alexnet}}]}}
package: mesh-16
schedule:
  windows:
    - pipelines:
        - model: net
          stages:
            - {{layers: {{first: features.0, last: features.12}}, chiplets: [0, 1, 2, 3], partition: {first}}}
            - layers: [classifier.1, classifier.4, classifier.6]
              chiplets: [4, 5]
              partition: [input_shared, reduced, input_shared]
"""


def test_a_plan_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan with the word is read, costed and written, and what is written is costed alike; a bad one is refused."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(PLAN.format(first="weight_shared"))
    bad.write_text(PLAN.format(first="reduced"))
    assert command(["evaluate", str(good), "--out", str(tmp_path / "made")]) == 0
    assert "sums over their chiplets" in " ".join(capsys.readouterr().out.split())
    assert command(["evaluate", str(tmp_path / "made" / "schedule.json")]) == 0
    assert command(["evaluate", str(bad)]) == 2
    assert "layer 'features.0' cannot be 'reduced'" in capsys.readouterr().err


# Any plan ----------------------------------------------------------------------------------------------------------


def case(seed: int, fidelity: Fidelity = DETAILED) -> tuple[Problem, Schedule]:
    """Half of the cases are `unicast`."""
    made = reduced_case(seed, fidelity)
    if seed % 2:
        return made.problem, made.schedule
    package = replace(made.problem.package, delivery=Delivery.UNICAST)
    return pose(made.problem.scenario, package, made.problem.cost_model, fidelity), made.schedule


@pytest.mark.parametrize("seed", seeds(REDUCED, 120))
def test_the_simulator_plays_them_as_the_formulas_have_them(seed: int) -> None:
    problem, schedule = case(seed)
    evaluation = evaluate(schedule, problem)
    for window in played(problem, schedule, evaluation):
        window.require_links(problem)
        own, carried = window.own, window.traffic
        ports = [own[f"port {way} chiplet {at}"] for way in ("out of", "into") for at in range(len(carried.out))]
        assert np.array(ports) == pytest.approx(np.concatenate((carried.out, carried.into)), rel=1e-9)


@pytest.mark.parametrize("seed", seeds(REDUCED, 120))
def test_never_below_what_adding_up_takes(seed: int) -> None:
    """Of n chiplets with partial sums of the same outputs, n - 1 send each, and no port is faster than a link."""
    problem, schedule = case(seed)
    model, package = problem.scenario.tasks[0].model, problem.package
    for (_, pipeline), stage in zip(
        [(p, s) for _, p in schedule.pipelines() for s in p.stages], evaluate(schedule, problem).stages, strict=True
    ):
        many = len(pipeline.chiplets)
        summed = [at for at in pipeline.layers if pipeline.partition(at) is R]
        bytes_ = (many - 1) * sum(model.tensor_bytes(model.layers[at].output_elements) for at in summed)
        batch = problem.scenario.tasks[0].batch
        assert stage.bytes_.exchange >= batch * bytes_ * (1 - 1e-9)
        assert stage.bytes_.hop_bytes >= batch * bytes_ * (1 - 1e-9)
        assert stage.exchange_s >= bytes_ / many / package.link_bandwidth_bytes_s * (1 - 1e-9)


def require_bounded(seed: int, fidelity: Fidelity, prices: bool) -> None:
    problem, schedule = case(seed, fidelity)
    ready = prepare(problem)
    cost = evaluate(schedule, ready)
    for goal in map(objective, ("latency", "energy", "edp")):
        value = goal(cost.latency_s, cost.energy_j)
        bound = lower_bound(ready, goal, sums=True)
        assert bound.of is Space.SUMS
        assert bound.value <= value * (1 + 1e-9)
        assert bound.value <= lower_bound(ready, goal, regions=True).value * (1 + 1e-12)
    if prices:
        lines = lines_for(ready, Space.SUMS, objective("edp"))
        assert all(
            line.latency * cost.latency_s + line.joule * cost.energy_j >= line.value * (1 - 1e-12) for line in lines
        )
        assert faults_of_proof(ready, Proof(Space.SUMS, Prover.WEAVE, lines)) == []


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize("seed", seeds(REDUCED, 120))
def test_no_plan_is_below_the_bound_of_plans_with_sums(seed: int, fidelity: Fidelity) -> None:
    require_bounded(seed, fidelity, prices=seed < 32)


def test_a_plan_with_sums_is_held_against_a_bound_that_has_them() -> None:
    """And a proof for plans without them says nothing of it."""
    problem = pose(Scenario("s", (Task("block", BLOCK, 3),)), row(2), Sheet(), DETAILED)
    plans = [Schedule((Window((Pipeline(0, (Stage(0, 2, (0, 1), parts),)),)),)) for parts in ((I, I, I), (I, R, I))]
    without, with_sums = (assess(problem, {"name": "sheet"}, plan, objective("edp")) for plan in plans)
    assert without.certificate is not None
    assert with_sums.certificate is not None
    assert (without.certificate.of, with_sums.certificate.of) == (Space.REGIONS, Space.SUMS)
    ready, goal = prepare(problem), objective("edp")
    proof = Proof(Space.REGIONS, Prover.WEAVE, lines_for(ready, Space.REGIONS, goal))
    assert proven(ready, goal, True, proof).lines == proof.lines
    assert proven(ready, goal, True, proof, sums=True).lines == ()
    wide = Proof(Space.SUMS, Prover.WEAVE, lines_for(ready, Space.SUMS, goal))
    assert proven(ready, goal, True, wide).of is Space.SUMS


def test_unequal_chiplets_have_equal_parts_of_the_inputs() -> None:
    where = row(2)
    slow = replace(where.chiplets[0], name="slow", clock_hz=32.0)
    where = replace(where, chiplets=(where.chiplets[0], slow))
    (stage,) = stages_of(run(BLOCK, where, DETAILED, [Stage(0, 2, (0, 1), (R, R, R))]))
    assert stage.splits[0] == Split(inputs=2, sums=Split(units=2))
    check(stage, compute_s=80 / 32)
