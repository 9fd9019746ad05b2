"""Caches that stay in L2, against a twin that moves every element by itself, and what all steps take at least."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

import chipweave
from chipweave.cost.choose import choose
from chipweave.evaluation.record import Split
from chipweave.files.package_file import resolve_package
from chipweave.hardware.package import Package
from chipweave.plan.problem import pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.serving.kept_caches import beside_caches, kept_bytes, share_of, with_kept_caches
from chipweave.serving.least import caches_bytes, least_decode_s
from chipweave.serving.planning import Planning
from chipweave.serving.repeated import Repeated, repeated
from chipweave.serving.service import Service
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task
from tests.serving.test_repeated import LARGE, cut
from tests.workload.importers.test_hf_bytes import DELTA, EXPERTS, GROUPED, INDEXED, LATENT, LLAMA, MAMBA, SLIDING

FIRST, LAST, BATCH = 3, 7, 2
"""Contexts of the first and the last step; sequences."""
HOW = Planning(resolve_package("mesh-16"), {})


def decode(context: int, config: dict[str, Any] = LLAMA) -> Model:
    return chipweave.from_hf(config, phase="decode", context=context, batch=BATCH)


def on_region(model: Model, chiplets: tuple[int, ...], partition: Partition) -> Schedule:
    stage = Stage(0, len(model.layers) - 1, chiplets, (partition,) * len(model.layers))
    return Schedule((Window((Pipeline(0, (stage,)),)),))


PLANS = {
    "one chiplet": lambda model: cut(model, 1),
    "two stages": lambda model: cut(model, 2),
    "heads parted": lambda model: on_region(model, (0, 1), Partition.INPUT_SHARED),
    "rows parted": lambda model: on_region(model, (0, 1), Partition.WEIGHT_SHARED),
}


def step_by_step(plan: Schedule) -> tuple[list[int], dict[int, int]]:
    """The twin: every number of every cache by itself. Per step the bytes that cross the DRAM once all weights are
    there, and per chiplet the most that its L2 ever holds of caches.

    A number is (layer, keys or values, sequence, head, token, place in the head); two heads of four.
    """
    model = decode(FIRST)
    names = [layer.name for layer in model.layers]
    held: dict[int, set[tuple[int, ...]]] = {}
    readers: dict[tuple[int, int], list[tuple[int, list[int]]]] = {}
    for _, pipeline in plan.pipelines():
        for stage in pipeline.stages:
            for block in range(2):
                for kind, product in enumerate(("qk", "av")):
                    layer = names.index(f"layers.{block}.attention.{product}")
                    if layer in stage.layers:
                        parted = stage.partition(layer) is Partition.INPUT_SHARED
                        readers[block, kind] = [
                            (chiplet, [at] if parted else [0, 1]) for at, chiplet in enumerate(stage.chiplets)
                        ]

    def append(token: int) -> None:
        for (block, kind), places in readers.items():
            for chiplet, heads in places:
                own = held.setdefault(chiplet, set())
                for head in heads:
                    own.update((block, kind, row, head, token, place) for row in range(BATCH) for place in range(4))

    for token in range(FIRST):
        append(token)
    moved = []
    for context in range(FIRST, LAST + 1):
        append(context)
        for (block, kind), places in readers.items():
            for chiplet, heads in places:
                wanted = {
                    (block, kind, row, head, token, place)
                    for row in range(BATCH)
                    for head in heads
                    for token in range(context + 1)
                    for place in range(4)
                }
                assert wanted <= held[chiplet]  # nothing is read that is not there
        moved.append(BATCH * (8 + 10))  # embeddings in, logits out
    return moved, {chiplet: len(own) for chiplet, own in held.items()}


@pytest.mark.parametrize("name", PLANS)
def test_every_element_by_itself(name: str) -> None:
    plan = PLANS[name](decode(FIRST))
    moved, most = step_by_step(plan)
    held = kept_bytes(decode(LAST), HOW.once(plan, decode(LAST)))
    assert {chiplet: bytes_ for chiplet, bytes_ in held.items() if bytes_} == most
    package = beside_caches(HOW.package, held)
    assert package is not None
    for context, bytes_ in zip(range(FIRST, LAST + 1), moved, strict=True):
        assert of_kept(plan, decode(context), package).dram_bytes == bytes_


def of_kept(plan: Schedule, model: Model, package: Package) -> Repeated:
    kept = with_kept_caches(model)
    assert kept is not None
    return repeated(plan, lambda schedule, steps: Planning(package, {}).once(schedule, kept, steps))


def test_time_and_energy_by_hand() -> None:
    """On one chiplet: the embedding in, computing as before, the logits out. A byte of caches saves the DRAM, and the
    access to L2 that brought it in or took it out; nothing else."""
    plan, model = cut(decode(5), 1), decode(5)
    package = beside_caches(HOW.package, {0: 2 * 2 * 16 * 8})
    assert package is not None
    kept = of_kept(plan, model, package)
    away = repeated(plan, lambda schedule, steps: HOW.once(schedule, model, steps))
    (stage,) = HOW.once(plan, model, 5).stages
    assert kept.latency_s == pytest.approx(stage.compute_s + 2 * 200e-9 + (16 + 20) / 64e9, rel=1e-9)
    caches = BATCH * 2 * 16 * (5 + 1)
    assert caches_bytes(model) == caches
    saved_j = away.energy_j - kept.energy_j
    dram_j = caches * 8 * 14.8e-12
    assert dram_j <= saved_j
    assert away.dram_bytes - kept.dram_bytes == caches
    # What is left is the L2's: fills of what was read, drains of what was stored, at the cost model's joules a byte.
    parts = [HOW.once(plan, model, steps).energy for steps in (5, 6)]
    in_l2_j = sum(getattr(parts[1], name) - getattr(parts[0], name) for name in ("fill", "drain"))
    assert saved_j - dram_j <= in_l2_j * (1 + 1e-9)


def test_a_split_holds_whole_units() -> None:
    """Keys of three heads on two chiplets: two of three on one of them. One head: its tokens are parted."""
    (layer,) = [each for each in decode(5, GROUPED).layers if each.name == "layers.0.attention.qk"]
    assert share_of(layer, Split(units=4)) == (2, 6)  # one head of keys: 6 tokens on 4 chiplets
    heads = replace(layer, groups=3, K=3, C=3)
    assert share_of(heads, Split(units=2)) == (2, 3)
    assert share_of(heads, Split(units=2, weights=(3, 1))) == (3, 3)
    assert share_of(heads, Split(rows=2)) == (1, 1)


@pytest.mark.parametrize(
    "config", [GROUPED, SLIDING, EXPERTS, LATENT, INDEXED], ids=lambda config: config["model_type"]
)
def test_of_every_kind_of_attention_nothing_but_ends_moves(config: dict[str, Any]) -> None:
    """What crosses the DRAM of a step is what crosses it without caches: embeddings and logits."""
    model = decode(5, config)
    package = beside_caches(HOW.package, kept_bytes(model, HOW.once(cut(model, 1), model)))
    assert package is not None
    assert of_kept(cut(model, 1), model, package).dram_bytes == BATCH * (8 + 10)


@pytest.mark.parametrize("config", [MAMBA, DELTA], ids=["mamba", "delta"])
def test_states_that_no_product_reads_stay_in_dram(config: dict[str, Any]) -> None:
    assert with_kept_caches(decode(5, config)) is None
    found = chipweave.serve(config, "mesh-16", prompt=3, output=6, repeat=True, scheduler="standalone")
    assert found.held_bytes is None


def test_room() -> None:
    """One byte of L2 beside the longest caches is the least; what L2 costs and streams is that of the whole."""
    small = replace(HOW.package, chiplets=tuple(replace(each, l2_bytes=512) for each in HOW.package.chiplets))
    assert beside_caches(small, {0: 512}) is None
    left = beside_caches(small, {0: 511})
    assert left is not None
    assert left.chiplets[0].l2_bytes == left.chiplets[0].block_bytes == 1
    assert left.chiplets[1:] == small.chiplets[1:]


def test_served_with_caches_that_fit_and_that_do_not() -> None:
    """8 KiB hold all weights, 1,760 bytes, and the caches; 2 KiB do not hold the caches of 100 tokens, 6.4 kB."""
    how: dict[str, Any] = {"prompt": 60, "output": 41, "batch": 2, "scheduler": "standalone", "repeat": True}
    found = {}
    for l2_bytes in (2**20, 2**12):
        chiplets = tuple(replace(each, l2_bytes=l2_bytes) for each in HOW.package.chiplets[:1])
        one = Package("one", chiplets, (), interfaces=(0,))
        found[l2_bytes] = chipweave.serve(LLAMA, one, **how)
    assert found[2**20].held_bytes == {0: 2 * 2 * 16 * 100}
    assert found[2**12].held_bytes is None
    assert found[2**20].tpot_s < found[2**12].tpot_s
    for each in found.values():
        assert 0 < each.least_tpot_s <= each.tpot_s


def of_all(plan: Schedule, service: Service, model: Any, package: Package) -> float:
    """All steps, one by one, with caches in L2 where they fit, the first one from an empty L2."""
    planning = Planning(package, {})
    longest = model(service.last)
    held = kept_bytes(longest, planning.once(plan, longest))
    beside = beside_caches(package, held)
    seconds = []
    for context in range(service.first, service.last + 1):
        away = repeated(plan, lambda schedule, steps, at=context: planning.once(schedule, model(at), steps)).latency_s
        kept = away if beside is None else of_kept(plan, model(context), beside).latency_s
        seconds.append(min(away, kept))
    return planning.once(plan, model(service.first)).latency_s + sum(seconds[1:])


@pytest.mark.parametrize("l2_bytes", [2**12, 2**20])
@pytest.mark.parametrize("name", PLANS)
def test_no_plan_is_below_the_bound(name: str, l2_bytes: int) -> None:
    service = Service(FIRST, LAST + 2 - FIRST, BATCH, repeat=True)
    package = replace(HOW.package, chiplets=tuple(replace(each, l2_bytes=l2_bytes) for each in HOW.package.chiplets))
    models = [decode(FIRST), decode(LAST)]
    problem = pose(Scenario("s", (Task("decode", models[0]),)), package, choose("loopnest"))
    least_s = least_decode_s(problem, models, service, models[1])
    found_s = of_all(PLANS[name](models[0]), service, decode, package)
    assert 0 < least_s <= found_s * (1 + 1e-12)


def test_the_bound_of_what_must_move_by_hand() -> None:
    """A model of 18 MB on chiplets of 64 KiB: of each step the DRAM moves what exceeds 16 x 64 KiB, and ends and caches
    anew; the first one moves all weights."""
    package = replace(HOW.package, chiplets=tuple(replace(each, l2_bytes=2**16) for each in HOW.package.chiplets))
    config = {**LLAMA, "hidden_size": 512, "intermediate_size": 2048, "vocab_size": 30000}
    make = partial(chipweave.from_hf, config, phase="decode")
    models = [make(context=1064), make(context=1073)]
    service = Service(1064, 11, 1, repeat=True)
    problem = pose(Scenario("s", (Task("decode", models[0]),)), package, choose("loopnest"))
    least_s = least_decode_s(problem, models, service, models[1])
    weights, room = models[0].distinct_weight_bytes, 16 * 2**16
    assert weights == LARGE.distinct_weight_bytes
    caches = sum(2 * 2 * 512 * (context + 1) for context in range(1064, 1074))
    by_hand = (10 * (weights - room + 512 + 30000) + caches + room) / 64e9
    assert least_s == pytest.approx(by_hand, rel=1e-9)
