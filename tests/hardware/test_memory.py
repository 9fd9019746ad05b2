"""Stacks of memory: what they come to together by hand-worked sums, and what of a fixed plan never gets worse."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.evaluation.evaluate import evaluate
from chipweave.evaluation.exact.ground import prepare
from chipweave.hardware.memory import MOST_STACKS, Stack, Together, attachment_faults, together
from chipweave.hardware.package import Package
from chipweave.plan.problem import Fidelity, Problem
from chipweave.what_if.packages import with_twice_the_dram
from tests.support import random_package, random_problem, random_schedule

FAST = Stack("fast", 3e9, (0,), capacity_bytes=100, latency_s=1e-9, energy_j_per_bit=2e-12)
SLOW = Stack("slow", 1e9, (0,), capacity_bytes=300, latency_s=5e-9, energy_j_per_bit=10e-12)


def test_together_by_hand() -> None:
    """3 + 1 GB/s; the slower one is waited for; (3 x 2 + 1 x 10) / 4 = 4 pJ; of 133 bytes 100 are on the fast one,
    which is full then."""
    assert together([FAST, SLOW]) == Together(4e9, 5e-9, pytest.approx(4e-12), 133)
    assert together([FAST, replace(SLOW, capacity_bytes=None)]).capacity_bytes == 133
    assert together([replace(FAST, capacity_bytes=None)]).capacity_bytes is None


@given(st.floats(1e-3, 1e15), st.floats(0, 1e-6), st.integers(1, 50))
def test_of_alike_stacks_the_energy_is_exactly_theirs(bandwidth_bytes_s: float, energy_j: float, count: int) -> None:
    stack = Stack("s", bandwidth_bytes_s, (0,), 12345, energy_j_per_bit=energy_j)
    many = together([stack] * count)
    assert many.capacity_bytes == count * 12345
    assert (many.energy_j_per_bit, many.latency_s) == (energy_j, stack.latency_s)
    assert many.bandwidth_bytes_s == pytest.approx(count * bandwidth_bytes_s, rel=1e-12)


@given(st.lists(st.tuples(st.floats(1, 1e13), st.floats(0, 1e-9)), min_size=1, max_size=9))
def test_the_energy_is_a_mean(figures: list[tuple[float, float]]) -> None:
    energy_j = together([Stack("s", b, (0,), energy_j_per_bit=e) for b, e in figures]).energy_j_per_bit
    assert min(e for _, e in figures) <= energy_j * (1 + 1e-12)
    assert energy_j <= max(e for _, e in figures) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bandwidth_bytes_s": 0.0}, "stack 'fast': bandwidth_bytes_s: 0.0 is not a positive number; give one"),
        ({"capacity_bytes": -1}, "stack 'fast': capacity_bytes: -1 is not a positive number; give one"),
        ({"latency_s": math.nan}, "stack 'fast': latency_s: nan is negative or not a number; give 0 or more"),
        (
            {"energy_j_per_bit": -1.0},
            "stack 'fast': energy_j_per_bit: -1.0 is negative or not a number; give 0 or more",
        ),
        ({"interfaces": ()}, "stack 'fast': interfaces: nobody is attached to it; name the chiplets that are"),
        ({"interfaces": (1, 1)}, "stack 'fast': interfaces: lists a chiplet twice; name each once"),
    ],
)
def test_stacks_that_are_none(change: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(FAST, **change)  # type: ignore[arg-type]
    assert caught.value.problems == (problem,)


def test_attachments() -> None:
    assert attachment_faults([FAST, replace(SLOW, interfaces=(1, 2))], (0, 1, 2)) == []
    assert attachment_faults([FAST], (0, 2)) == [
        "no stack is attached to interface 2; attach one, or leave the chiplet out of `interfaces`"
    ]
    assert attachment_faults([FAST, replace(SLOW, interfaces=(0, 3))], (0,)) == [
        "stack 1 'slow' is attached to chiplet 3, which has no memory interface; attach it to one of those that have: 0"
    ]
    assert attachment_faults([FAST] * (MOST_STACKS + 1), (0,)) == [
        f"has {MOST_STACKS + 1} stacks; at most {MOST_STACKS} are supported: use fewer, larger ones"
    ]


def with_stacks(package: Package, *stacks: Stack) -> Package:
    return package.with_memory(tuple(replace(stack, interfaces=package.interfaces) for stack in stacks))


def test_figures_beside_stacks_are_refused() -> None:
    package = with_stacks(random_package(random.Random(0)), FAST, SLOW)
    assert package.capacity_bytes == 133
    assert (package.dram_bandwidth_bytes_s, package.dram_latency_s) == (4e9, 5e-9)
    assert replace(package, name="renamed").memory == package.memory
    with pytest.raises(InputError, match="dram_latency_s=1e-09 does not go with `memory`, whose stacks come to 5e-09"):
        replace(package, dram_latency_s=1e-9)
    assert with_twice_the_dram(package).dram_bandwidth_bytes_s == 8e9
    assert package.with_memory(()).dram_bandwidth_bytes_s == Package.dram_bandwidth_bytes_s


def of_package(problem: Problem, package: Package) -> Problem:
    return replace(problem, package=package)


@pytest.mark.parametrize("seed", range(6))
def test_one_stack_gives_the_bits_of_the_same_figures(seed: int) -> None:
    rng = random.Random(seed)
    problem = random_problem(rng, Fidelity.DETAILED, tasks=2)
    plain = problem.package
    stack = Stack(
        "same",
        plain.dram_bandwidth_bytes_s,
        plain.interfaces,
        latency_s=plain.dram_latency_s,
        energy_j_per_bit=plain.dram_energy_j_per_bit,
    )
    stacked = of_package(problem, plain.with_memory((stack,)))
    schedule = random_schedule(rng, problem)
    assert prepare(stacked).rates == prepare(problem).rates
    assert evaluate(schedule, stacked) == evaluate(schedule, problem)


@pytest.mark.parametrize("fidelity", Fidelity)
@pytest.mark.parametrize("seed", range(12))
def test_better_memory_never_hurts_a_fixed_plan(seed: int, fidelity: Fidelity) -> None:
    """More bandwidth, more stacks that are alike, shorter latency, less energy: none makes it slower or costlier."""
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity, tasks=2)
    schedule = random_schedule(rng, problem)
    stacks = [
        Stack(f"s{at}", rng.choice([1e5, 3e7, 1e9]), (0,), None, rng.choice([0.0, 1e-6]), rng.choice([1e-12, 2e-11]))
        for at in range(rng.randint(1, 3))
    ]
    factor = rng.choice([1.01, 2.0, 100.0])
    better = {
        "bandwidth": [replace(stack, bandwidth_bytes_s=factor * stack.bandwidth_bytes_s) for stack in stacks],
        "stacks": stacks * rng.randint(2, 4),
        "latency": [replace(stack, latency_s=stack.latency_s / factor) for stack in stacks],
        "energy": [replace(stack, energy_j_per_bit=stack.energy_j_per_bit / factor) for stack in stacks],
    }
    before = evaluate(schedule, of_package(problem, with_stacks(problem.package, *stacks)))
    first, *others = stacks
    faster = [replace(first, bandwidth_bytes_s=factor * first.bandwidth_bytes_s), *others]
    one_more = [*stacks, replace(rng.choice(stacks), energy_j_per_bit=1.0)]
    for changed in (faster, one_more):  # of more energy perhaps, as the mean may rise
        after = evaluate(schedule, of_package(problem, with_stacks(problem.package, *changed)))
        assert after.latency_s <= before.latency_s * (1 + 1e-9)
    for what, changed in better.items():
        after = evaluate(schedule, of_package(problem, with_stacks(problem.package, *changed)))
        assert after.latency_s <= before.latency_s * (1 + 1e-9), what
        assert after.energy_j <= before.energy_j * (1 + 1e-9), what
