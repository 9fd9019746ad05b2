"""A step of decode, element by element, beside the evaluator: what is read, what is appended, what is multiplied.

The twin computes a step with loops over single elements, knows nothing of layers or tensors, and notes each element
that it touches. What it notes of weights and caches must come from DRAM once, and what it makes anew must go there.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

import pytest

from chipweave.evaluation.evaluate import evaluate
from chipweave.plan.problem import Fidelity, Problem, pose
from chipweave.plan.room import need_of
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.workload.importers.hf import import_hf
from chipweave.workload.scenario import Scenario, Task
from tests.evaluation.exact.test_regions import package_of, stages_of
from tests.evaluation.l2_oracle import case_of, choose, links_of, play
from tests.evaluation.l2_stages import Together, odd_chiplet, odd_package
from tests.evaluation.test_l2_oracle import differences
from tests.support import random_schedule, seeds
from tests.workload.importers.test_hf_bytes import EXPERTS, GROUPED, LLAMA, SLIDING

Element = tuple[object, ...]


@dataclass
class Machine:
    """What a step touches: elements of weights, of the memory that is read, and of the memory that is written."""

    weights: set[Element] = field(default_factory=set)
    read: set[Element] = field(default_factory=set)
    written: set[Element] = field(default_factory=set)
    products: int = 0

    def multiply(self, *weight: object) -> None:
        self.weights.add(weight)
        self.products += 1


@dataclass(frozen=True)
class Shape:
    """Of a decoder."""

    width: int
    heads: int
    kv_heads: int
    hidden: int
    layers: int
    vocabulary: int
    window: int = 0
    chosen: tuple[int, ...] = ()
    experts: int = 0


def shape_of(config: dict[str, object], chosen: tuple[int, ...] = ()) -> Shape:
    names = ("hidden_size", "num_attention_heads", "num_key_value_heads", "intermediate_size", "num_hidden_layers")
    sizes = [int(str(config[name])) for name in (*names, "vocab_size")]
    window, experts = (int(str(config.get(name, 0))) for name in ("sliding_window", "num_local_experts"))
    return Shape(*sizes, window, chosen, experts)


def step(shape: Shape, context: int, batch: int) -> Machine:
    """One more token of each sequence."""
    made = Machine()
    for sequence in range(batch):
        made.read |= {("embedding", sequence, feature) for feature in range(shape.width)}
        for layer in range(shape.layers):
            _attention(made, shape, layer, sequence, context)
            for expert in shape.chosen or (0,):
                _feed_forward(made, shape, layer, expert)
            if shape.experts:
                for feature in range(shape.width):
                    for expert in range(shape.experts):
                        made.multiply(layer, "router", feature, expert)
        for feature in range(shape.width):
            for word in range(shape.vocabulary):
                made.multiply("head", feature, word)
                made.written.add(("logit", sequence, word))
    return made


def _attention(made: Machine, shape: Shape, layer: int, sequence: int, context: int) -> None:
    size = shape.width // shape.heads
    for name, heads in (("q", shape.heads), ("k", shape.kv_heads), ("v", shape.kv_heads)):
        for feature in range(shape.width):
            for output in range(heads * size):
                made.multiply(layer, name, feature, output)
    first = max(0, context - shape.window) if shape.window else 0
    for head in range(shape.heads):
        own = head * shape.kv_heads // shape.heads
        for token in range(first, context + 1):
            for at in range(size):
                for name in "kv":
                    cell = (layer, name, sequence, token, own, at)
                    (made.written if token == context else made.read).add(cell)
                    made.products += 1
    for feature in range(shape.heads * size):
        for output in range(shape.width):
            made.multiply(layer, "o", feature, output)


def _feed_forward(made: Machine, shape: Shape, layer: int, expert: int) -> None:
    for feature in range(shape.width):
        for hidden in range(shape.hidden):
            for name in ("up", "gate", "down"):
                made.multiply(layer, name, expert, feature, hidden)


TWINS = {
    "dense": (LLAMA, ()),
    "multi-query": (GROUPED, ()),
    "window": (SLIDING, ()),
    "experts": (EXPERTS, (1, 3)),
}


def plans(problem: Problem, rng: random.Random) -> list[Schedule]:
    """On a chiplet, on regions, and as random stages on single chiplets; with all caches of a layer on one of them."""
    model = problem.scenario.tasks[0].model
    one = Schedule((Window((Pipeline(0, (Stage(0, len(model.layers) - 1, (0,)),)),)),))
    regions = Schedule((Window((Pipeline(0, stages_of(rng, problem.package, list(model.units))),)),))
    return [one, regions, random_schedule(rng, problem, 1)]


ONE = [(name, context, 1) for name in TWINS for context in (1, 3, 9)]
SEVERAL = [(name, 4, 3) for name in TWINS if name != "experts"]
"""Which experts several tokens touch is a mean, not one of its outcomes."""


@pytest.mark.parametrize(("name", "context", "batch"), [*ONE, *SEVERAL])
def test_every_byte_equals_the_twin(name: str, context: int, batch: int) -> None:
    config, chosen = TWINS[name]
    twin = step(shape_of(config, chosen), context, batch)
    model = import_hf(config, phase="decode", context=context, batch=batch).model
    task = Task("decode", model)
    assert (model.macs, model.weight_elements) == (twin.products, len(twin.weights))
    assert model.input_elements == len(twin.read)
    rng = random.Random(context)
    problem = pose(Scenario("step", (task,)), package_of(rng, 10**6), Together(), Fidelity.DETAILED)
    for plan in plans(problem, rng):
        stages = evaluate(plan, problem).stages
        assert sum(stage.bytes_.load for stage in stages) == len(twin.read)
        assert sum(stage.bytes_.store for stage in stages) == len(twin.written)
        assert sum(stage.bytes_.weights for stage in stages) == len(twin.weights)
        assert sum(stage.bytes_.spill + stage.bytes_.again for stage in stages) == 0
    # Capacity: weights, what is read and what is written have a place in memory each.
    need = need_of(problem.scenario)
    assert (need.weights_bytes, need.ends_bytes) == (len(twin.weights), len(twin.read) + len(twin.written))


@pytest.mark.parametrize("seed", seeds(12, 200))
@pytest.mark.parametrize("name", TWINS)
def test_what_a_small_l2_keeps_of_a_step(name: str, seed: int) -> None:
    """Every figure of every stage as the oracle of L2 has it, which plays it byte by byte."""
    rng = random.Random(seed)
    model = import_hf(TWINS[name][0], phase="decode", context=rng.randint(1, 9), batch=rng.randint(1, 3)).model
    package = odd_package(rng, *rng.choice([(1, 2), (2, 2)]))
    small = odd_chiplet(rng, "small", round(math.exp(rng.uniform(math.log(20), math.log(4000)))))
    package = replace(package, chiplets=(small,) * len(package.chiplets))
    problem = pose(Scenario("step", (Task("m", model, rng.randint(1, 3)),)), package, Together(), Fidelity.DETAILED)
    schedule = random_schedule(rng, problem, rng.choice([1, 2]))
    found = evaluate(schedule, problem)
    for number, window in enumerate(schedule.windows):
        for pipeline, record in zip(window.pipelines, found.windows[number].pipelines, strict=True):
            for stage, theirs in zip(pipeline.stages, record.stages, strict=True):
                case = case_of(problem, schedule, number, pipeline, stage)
                played = play(case.chiplet.l2_bytes, case.works, case.tensors)
                ways = choose(case, played, links_of(problem, pipeline, stage, case))
                wrong = [differences(case, way, theirs) for way in ways]
                assert not min(wrong, key=len), (number, stage, wrong)
