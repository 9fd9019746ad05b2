"""Whole schedules, random ones: what must hold of any simulation, on single chiplets and on regions."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chipweave import api
from chipweave.cli.main import run as command
from chipweave.errors import InputError
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.record import Evaluation
from chipweave.evaluation.traffic import traffic
from chipweave.files.simulation_file import simulation_to_dict
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.schedule import Schedule, Window
from chipweave.report.html.simulated_timeline import merged, simulated_drawing
from chipweave.schedulers.weave.options import WeaveOptions
from chipweave.simulation.draft import Draft, Layout
from chipweave.simulation.machine import Machine
from chipweave.simulation.outcome import late, simulate, simulate_all
from chipweave.simulation.rescore import Rescored, rescored, verdict
from chipweave.simulation.transfers import floor_of
from chipweave.simulation.windows import lay_out_together, window_runs
from tests.evaluation.exact.test_regions import mixed_case
from tests.simulation.formulas import assert_as_the_formulas
from tests.simulation.hand import made_of
from tests.stored_schedules import FOLDER
from tests.support import random_problem, random_schedule

MACHINES = {
    "default": Machine(),
    "packets": made_of(discipline="packets", packet_bytes=300),
    "alone": made_of(contention=False),
    "late": made_of(entry="arrival", dma_channels=1, receive_slots=1, streaming="lumped", order="at-once"),
    "eager": made_of(latency="each", exchange="behind", interfaces="split", dma_channels=2, prefetch=True),
}


def least_s(evaluation: Evaluation, problem: Problem, window: int) -> float:
    """What no machine goes below in a window: every resource's bytes, and the computing of every stage."""
    package, costs = problem.package, evaluation.windows[window]
    carried = traffic(evaluation, package)[window]
    busiest = max(float(each.max(initial=0.0)) for each in (carried.links, carried.out, carried.into))
    needs = [busiest / package.link_bandwidth_bytes_s, costs.dram_bytes / package.dram_bandwidth_bytes_s]
    for pipeline in costs.pipelines:
        needs += [stage.compute_s * (pipeline.micro_batches - 1) for stage in pipeline.stages]
    return max(needs)


@pytest.mark.parametrize("seed", range(60))
def test_the_formulas_machine_gives_the_formulas(seed: int) -> None:
    problem, schedule = mixed_case(seed)
    evaluation = evaluate(schedule, problem)
    assert_as_the_formulas(problem, schedule, evaluation)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("seed", range(20))
def test_bytes_are_the_evaluators_and_no_roofline_is_undercut(seed: int, machine: str) -> None:
    problem, schedule = mixed_case(seed)
    evaluation = evaluate(schedule, problem)
    made = simulate(problem, schedule, evaluation, MACHINES[machine])
    carried = traffic(evaluation, problem.package)
    expected = [[sum(w.dram.values()), *w.links, *w.out, *w.into] for w in carried]
    if machine == "eager":  # all windows in one simulation, with a resource for each interface
        expected = [list(np.sum(expected, axis=0))]
    for window, (stretch, bytes_) in enumerate(zip(made.stretches, expected, strict=True)):
        own = stretch.draft.carried
        kept = [each for each, kind in zip(own, stretch.draft.floor.kinds, strict=True) if kind != "interface"]
        assert np.abs(np.array(kept) - bytes_).max() <= 1e-12 * max(bytes_)
        assert sum(bound.seconds for bound in stretch.bounds) == pytest.approx(stretch.latency_s, rel=1e-9)
        if machine in ("default", "packets"):
            assert stretch.latency_s >= least_s(evaluation, problem, window) * (1 - 1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_a_machine_of_twice_the_speed_takes_half_the_time(seed: int) -> None:
    problem, schedule = mixed_case(seed)
    package = problem.package
    fast = replace(
        package,
        chiplets=tuple(replace(chiplet, clock_hz=2 * chiplet.clock_hz) for chiplet in package.chiplets),
        link_bandwidth_bytes_s=2 * package.link_bandwidth_bytes_s,
        dram_bandwidth_bytes_s=2 * package.dram_bandwidth_bytes_s,
        hop_latency_s=package.hop_latency_s / 2,
        dram_latency_s=package.dram_latency_s / 2,
        conflict_delay_s=package.conflict_delay_s / 2,
    )
    other = pose(problem.scenario, fast, problem.cost_model)
    for machine in (MACHINES["default"], MACHINES["packets"]):
        one = simulate(problem, schedule, evaluate(schedule, problem), machine)
        two = simulate(other, schedule, evaluate(schedule, other), machine)
        assert two.latency_s == pytest.approx(one.latency_s / 2, rel=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_unicast_moves_no_less_and_windows_follow_each_other(seed: int) -> None:
    problem, schedule = mixed_case(seed)
    evaluation = evaluate(schedule, problem)
    one, every = (simulate(problem, schedule, evaluation, made_of(delivery=each)) for each in ("multicast", "unicast"))
    for a, b in zip(one.stretches, every.stretches, strict=True):
        more = np.array(b.draft.carried) - np.array(a.draft.carried)
        assert more.min() >= -1e-9 * max(b.draft.carried)
    if schedule.largest_region == 1:
        assert every.latency_s == one.latency_s
    for before, after in zip(one.windows, one.windows[1:], strict=False):
        assert after.start_s == pytest.approx(before.start_s + before.latency_s, rel=1e-12)
    assert one.latency_s == max(end_s for window in one.windows for end_s in window.ends_s)


@pytest.mark.parametrize("seed", range(0, 12, 2))
def test_a_memory_with_a_port_of_its_own_leaves_the_chiplets_ports_alone(seed: int) -> None:
    """On single chiplets all that comes from DRAM or goes there passes one port of the interface's chiplet, but what
    that chiplet loads and stores itself."""
    problem, schedule = mixed_case(seed)
    evaluation, interfaces = evaluate(schedule, problem), problem.package.interfaces
    one, own = (simulate(problem, schedule, evaluation, made_of(memory_port=each)) for each in ("chiplet", "own"))
    for window, a, b in zip(evaluation.windows, one.stretches, own.stretches, strict=True):
        less = np.array(a.draft.carried) - np.array(b.draft.carried)
        floor = a.draft.floor
        ports = [first + each for first in (floor.out, floor.into) for each in interfaces]
        away = [s for each in window.pipelines for s in each.stages if s.chiplets[0] not in interfaces]
        expected = sum(stage.bytes_.dram for stage in away)
        assert less[ports].sum() == pytest.approx(expected, rel=1e-9)
        assert np.abs(np.delete(less, ports)).max() <= 1e-9 * max(a.draft.carried)


def test_same_input_same_bytes() -> None:
    def text(seed: int) -> str:
        problem, schedule = mixed_case(seed)
        made = simulate_all(prepare(problem), schedule, evaluate(schedule, problem))
        return json.dumps(simulation_to_dict(made, schedule, problem))

    for seed in range(4):
        assert text(seed) == text(seed)


def test_the_command_prints_writes_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(FOLDER / "alexnet.mesh-16.scope.detailed.json")
    assert command(["simulate", file, "--json", "--explain", "--trace", str(tmp_path / "trace.json")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["windows"][0]["latency_s"] > 0
    assert said["ladder"][0]["latency_s"] == said["latency_s"] == said["disciplines_s"]["fluid"]
    assert sum(each["seconds"] for each in said["simulated_together"][0]["bounds"]) == pytest.approx(
        said["windows"][0]["latency_s"]
    )
    slices = [each for each in json.loads((tmp_path / "trace.json").read_text())["traceEvents"] if each["ph"] == "X"]
    assert max(each["args"]["end_s"] for each in slices) == said["latency_s"]
    by_track: dict[int, list[tuple[float, float]]] = {}
    for each in slices:
        by_track.setdefault(each["tid"], []).append((each["args"]["start_s"], each["args"]["end_s"]))
    for spans in by_track.values():  # a track holds one thing at a time
        assert all(a[1] <= b[0] * (1 + 1e-12) for a, b in zip(sorted(spans), sorted(spans)[1:], strict=False))
    assert command(["simulate", file, "--explain"]) == 0
    assert "From the machine to the formulas" in capsys.readouterr().out
    assert command(["simulate", file, "--set", "discipline=packet"]) == 2
    assert capsys.readouterr().err.startswith("error: machine: discipline='packet' is none of its values; did you")
    assert command(["simulate", str(FOLDER / "alexnet.mesh-16.scope.paper.json")]) == 2
    assert "fidelity 'paper'" in capsys.readouterr().err
    result = api.evaluate(file)
    assert api.simulate(result).latency_s == said["latency_s"]
    with pytest.raises(InputError):
        api.simulate(FOLDER / "alexnet.mesh-16.scope.paper.json")


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_plans_are_chosen_by_the_median_of_the_disciplines(seed: int) -> None:
    """Against whole simulations; the windows that plans share make no difference."""
    rng = random.Random(seed)
    problem = random_problem(rng, Fidelity.DETAILED, tasks=2)
    plans = [random_schedule(rng, problem) for _ in range(4)]
    ready, goal = prepare(problem), objective("edp")
    found = rescored(ready, [*plans, plans[0]], goal)
    expected = []
    for plan in plans:
        evaluation = evaluate(plan, ready)
        expected.append(goal(simulate_all(ready, plan, evaluation).median_s, evaluation.energy_j))
    assert [each.value for each in found] == pytest.approx(sorted([*expected, expected[0]]), rel=1e-9)
    assert found[0].place == expected.index(min(expected))
    assert verdict(found[:1]) == "Simulated 1 plan: the search kept no other to choose among."


def test_what_a_verdict_says() -> None:
    plan = Schedule(())
    best, second = Rescored(plan, 3, 1.0, 1.0), Rescored(plan, 0, 1.0, 1.1)
    assert verdict([best, second]) == (
        "Simulated 2 plans: the evaluator's number 4 is the simulator's best, the evaluator's best 10.0% behind it."
    )
    close = replace(second, value=1.01)
    assert verdict([close, replace(best, value=1.02)]) == (
        "Simulated 2 plans: the evaluator's best is the simulator's, the next one 1.0% behind; that is less than what "
        "simulations tell apart (2 %)."
    )


def test_schedule_chooses_by_simulation() -> None:
    result = api.schedule("resnet18", "het-2x2", scheduler="optimal", simulate=3, options=WeaveOptions(steps=100))
    assert result.search is not None
    assert result.search.notes[-1].startswith("Simulated ")
    for wrong, words in ((0, "simulate=0 is no number of plans"), (2, "fidelity 'paper'")):
        with pytest.raises(InputError, match=words):
            api.schedule("resnet18", "het-2x2", simulate=wrong, fidelity="paper")


def test_models_that_end_late_are_named() -> None:
    """Just below and at what is simulated."""
    problem, schedule = mixed_case(4)
    made = simulate(problem, schedule, evaluate(schedule, problem))
    for share, number in ((1 - 1e-9, len(made.models_s)), (1.0, 0)):
        tasks = zip(problem.scenario.tasks, made.models_s, strict=True)
        limited = tuple(replace(task, latency_limit_s=ends_s * share) for task, (ends_s, _) in tasks)
        found = late(made, replace(problem, scenario=replace(problem.scenario, tasks=limited)))
        assert len(found) == number
        assert all(each.reached == ends_s for each, (ends_s, _) in zip(found, made.models_s, strict=False))


def test_disciplines_are_told_by_window() -> None:
    problem, schedule = mixed_case(6)
    made = simulate_all(problem, schedule, evaluate(schedule, problem))
    assert dict(made.spans_s)["fluid"] == made.latency_s
    for place, (name, seconds) in enumerate(made.spans_s):
        own = [window.spans_s[place] for window in made.windows]
        assert {each for each, _ in own} == {name}
        assert sum(each for _, each in own) == pytest.approx(seconds)


def test_the_timeline_draws_all_computing() -> None:
    """Blocks are as long as what is computed; those that are next to each other may be one."""
    result = api.evaluate(FOLDER / "alexnet.mesh-16.scope.detailed.json")
    made = api.simulate(result)
    text = str(simulated_drawing(made, result))
    assert text.startswith("<svg")
    assert text.endswith("</svg>")
    (stages,) = [p.stages for w in result.schedule.windows[:1] for p in w.pipelines]
    assert text.count("<rect") >= 1 + len(stages)
    assert merged([(3.0, 4.0), (0.0, 1.0), (1.1, 2.0)], 0.2) == [(0.0, 2.0), (3.0, 4.0)]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("seed", range(10))
def test_micro_batches_that_are_repeated_are_as_those_that_are_laid_out(
    seed: int, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against all of them laid out one by one: the same operations, which wait for the same ones."""
    problem, plan = many_micro_batches(seed)
    ready, made = prepare(problem), MACHINES[machine]
    runs = window_runs(ready, plan, floor_of(ready.package, made), made)

    def laid_out() -> Layout:
        draft = Draft(made, floor_of(ready.package, made))
        lay_out_together(draft, runs)
        return draft.laid_out()

    one = laid_out()
    monkeypatch.setattr("chipweave.simulation.pipeline.looks_back", lambda run, _: run.micro_batches)
    other = laid_out()
    for repeated, single in zip((*one.operations, one.bytes_), (*other.operations, other.bytes_), strict=True):
        assert repeated.tolist() == single.tolist()
    assert one.whats.tolist() == other.whats.tolist()


def many_micro_batches(seed: int) -> tuple[Problem, Schedule]:
    """A case of batches of 13, in micro-batches of one sample or two."""
    problem, schedule = mixed_case(seed)
    tasks = tuple(replace(task, batch=13, latency_limit_s=None) for task in problem.scenario.tasks)
    scenario = replace(problem.scenario, tasks=tasks)
    windows = tuple(
        Window(tuple(replace(each, micro_batch=1 + seed // 2 % 2) for each in window.pipelines))
        for window in schedule.windows
    )
    return pose(scenario, problem.package, problem.cost_model), Schedule(windows)
