"""Prefill and decode side by side, against their evaluations one by one and arithmetic by hand."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import chipweave
from chipweave.cli.main import run
from chipweave.errors import InfeasibleError, InputError
from chipweave.evaluation.evaluate import evaluate
from chipweave.files.package_file import resolve_package
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.links import OwnLink
from chipweave.hardware.package import Package
from chipweave.plan.certificate import Requirement, Unmet, infeasible
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.serving.apart import _looked_for, boundaries, by_multipliers, moved_between
from chipweave.serving.occupied import Places, occupied
from chipweave.serving.planning import asleep
from chipweave.serving.service import Served
from tests.evaluation.exact.test_regions import mixed_case
from tests.evaluation.exact.test_unlike_links import KINDS, posed_on, with_unlike_links
from tests.workload.importers.test_hf_bytes import LLAMA

PAIR = Package("pair", (Chiplet("a", num_pes=64), Chiplet("b", num_pes=256)), ((0, 1),), interfaces=(0, 1))
HOW: dict[str, Any] = {"scheduler": "standalone", "prompt": 6, "output": 9, "batch": 2, "disaggregate": True}


@pytest.fixture(scope="module")
def served() -> Served:
    return chipweave.serve(LLAMA, PAIR, **HOW)


def test_each_side_by_itself(served: Served) -> None:
    """The sides are plans on their own chiplets, and cost what they cost alone."""
    apart = served.apart
    assert apart is not None
    assert apart.prefill.chiplets == (1,)  # most multipliers first
    assert apart.decode.chiplets == (0,)
    for side in (apart.prefill, apart.decode):
        assert {chiplet for stage in side.plan.evaluation.stages for chiplet in stage.chiplets} == set(side.chiplets)
        assert side.plan.problem.package == PAIR
    assert apart.prefill.seconds == apart.prefill.plan.evaluation.latency_s
    steps = [
        chipweave.evaluate(
            apart.decode.plan.schedule, chipweave.from_hf(LLAMA, phase="decode", context=at, batch=2), PAIR
        ).evaluation
        for at in range(6, 14)
    ]
    assert apart.decode.seconds == pytest.approx(sum(step.latency_s for step in steps), rel=2e-3)
    assert apart.decode.joules == pytest.approx(sum(step.energy_j for step in steps), rel=2e-3)
    dram = apart.prefill.plan.evaluation.windows[0].dram_bytes + sum(step.windows[0].dram_bytes for step in steps)
    assert apart.shared_place == "the DRAM"
    assert apart.shared_s == pytest.approx(dram / 64e9, rel=1e-9)


def test_the_slower_side_decides(served: Served) -> None:
    apart = served.apart
    assert apart is not None
    assert apart.period_s == max(apart.prefill.seconds, apart.decode.seconds, apart.shared_s)
    assert apart.tokens_per_s == pytest.approx(2 * 9 / apart.period_s)
    assert apart.tokens_per_j == pytest.approx(2 * 9 / (apart.prefill.joules + apart.decode.joules))
    assert apart.bound_by == "decode"
    assert apart.ttft_s == apart.prefill.seconds
    assert apart.tpot_s == pytest.approx(apart.decode.seconds / 8)


def test_caches_that_move_by_hand(served: Served) -> None:
    """Two layers, keys and values of width 8, 6 tokens, 2 sequences: 384 bytes; over the only link at 100 GB/s and
    2.04 pJ a bit, or through the DRAM, there and back, at 64 GB/s and 14.8 pJ a bit."""
    apart = served.apart
    assert apart is not None
    moved = apart.moved
    assert moved.bytes_ == 384
    assert moved.dram_s == pytest.approx(2 * 384 / 64e9)
    assert moved.dram_j == pytest.approx(2 * 384 * 8 * 14.8e-12)
    assert moved.links_s == pytest.approx(384 / 100e9 + 35e-9)
    assert moved.links_j == pytest.approx(384 * 8 * 2.04e-12)


def test_a_memory_that_is_too_slow_sets_the_period() -> None:
    """Both sides keep a slow DRAM busy: together they need it for longer than each takes alone."""
    slow = Package("slow", PAIR.chiplets, PAIR.links, interfaces=(0, 1), dram_bandwidth_bytes_s=1e6)
    longer = LLAMA | {"max_position_embeddings": 8192}
    found = chipweave.serve(longer, slow, **HOW | {"prompt": 4000, "output": 3})
    apart = found.apart
    assert apart is not None
    assert apart.bound_by == "the DRAM"
    assert apart.period_s == apart.shared_s > apart.slower_s
    stretch = apart.shared_s / apart.slower_s
    assert apart.ttft_s == pytest.approx(stretch * apart.prefill.seconds)
    assert apart.tpot_s == pytest.approx(stretch * apart.decode.seconds / 2)
    # One after another, no byte less moves: what is side by side wins only where the DRAM has time to spare.
    assert apart.tokens_per_s / found.tokens_per_s_with_prefill < 1.05


def test_places() -> None:
    package = resolve_package("mesh-16")
    model = chipweave.from_hf(LLAMA, phase="prefill", prompt=6)
    stage = Stage(0, len(model.layers) - 1, (1, 2, 5, 6), (Partition.INPUT_SHARED,) * len(model.layers))
    result = chipweave.evaluate(Schedule((Window((Pipeline(0, (stage,)),)),)), model, package)
    busy = occupied(result.evaluation, package)
    (window,) = result.evaluation.windows
    links = len(package.directed_links)
    assert len(busy) == 1 + links + 2 * 16
    assert busy[0] == pytest.approx(window.dram_s)
    assert busy[1 : 1 + links].max() == pytest.approx(window.link_s)
    assert busy[1 + links :].max() == pytest.approx(window.port_s)
    assert Places(package).name(0) == "the DRAM"
    assert Places(package).name(1 + int(np.argmax(busy[1 : 1 + links]))).startswith("the link from chiplet")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_places_of_unlike_links(seed: int, kind: str) -> None:
    """Of every window the busiest link and the busiest port take what the evaluator says."""
    problem, schedule = mixed_case(seed)
    problem = posed_on(problem, with_unlike_links(random.Random(seed), problem.package, kind))
    package, evaluation = problem.package, evaluate(schedule, problem)
    links = len(package.directed_links)
    for window, flows in zip(evaluation.windows, evaluation.flows, strict=True):
        alone = replace(evaluation, windows=(window,), flows=(flows,))
        busy = occupied(alone, package)[-links - 2 * len(package.chiplets) :]
        assert busy[:links].max() == pytest.approx(window.link_s, rel=1e-12)
        assert busy[links:].max() == pytest.approx(window.port_s, rel=1e-12)


def test_caches_that_move_over_unlike_links() -> None:
    """Twice the energy of every link is twice the energy of what moves; half the bandwidth, without latency, twice the
    time."""
    package = replace(resolve_package("het-2x2"), hop_latency_s=0.0)
    usual = package.link_bandwidth_bytes_s, 0.0, package.nop_energy_j_per_bit
    own = [OwnLink(*way, usual[0] / 2, 0.0, 2 * usual[2]) for way in package.directed_links]
    # One way stays as it is, so that links differ; nothing moves over it.
    unlike = replace(package, own_links=tuple(each for each in own if each.ends != (3, 2)), routing=package.routing)
    decode = chipweave.from_hf(LLAMA, phase="decode", context=4)
    plans = [chipweave.schedule(decode, each, scheduler="standalone") for each in (package, unlike)]
    one, other = (moved_between(decode, plan, (0, 1), (2, 3)) for plan in plans)
    assert not unlike.wiring.equal
    assert other.links_j == pytest.approx(2 * one.links_j, rel=1e-12)
    assert other.links_s == pytest.approx(2 * one.links_s, rel=1e-12)


def test_who_is_asleep_is_of_no_use() -> None:
    package = asleep(PAIR, (0,))
    assert package.chiplets[0] == PAIR.chiplets[0]
    assert package.chiplets[1].peak_macs_s == pytest.approx(1e-6 * PAIR.chiplets[1].peak_macs_s)
    with pytest.raises(InputError, match=r"scheduler 'simba' plans no part of a package: .* take weave"):
        chipweave.serve(LLAMA, "mesh-16", **HOW | {"scheduler": "simba", "prefill_chiplets": [0, 1]})
    # Slowness is no matter to an objective of energy alone, which takes one of the two chiplets for both sides.
    with pytest.raises(InputError, match="does not keep to a part of the package"):
        chipweave.serve(LLAMA, PAIR, **HOW | {"objective": "energy"})


@pytest.mark.parametrize("best", range(1, 16))
def test_shares_are_found_by_halving(best: int) -> None:
    """Prefill's time falls with its chiplets, decode's rises: the share where they cross is among those looked at."""

    def share(number: int) -> Any:
        prefill, decode = SimpleNamespace(seconds=best / number), SimpleNamespace(seconds=(16 - best) / (16 - number))
        return SimpleNamespace(prefill=prefill, decode=decode, period_s=max(prefill.seconds, decode.seconds))

    kept, tried, failed = _looked_for(share, [], 16)
    assert failed is None
    assert len(tried) <= 4
    assert min(each.period_s for each in kept) == 1.0


def test_shares_that_miss_limits_are_left() -> None:
    def share(number: int) -> Any:
        if number < 9:
            raise infeasible(Unmet(Requirement.LATENCY, of="prefill", demand=1.0, reached=2.0, unit="s"))
        return SimpleNamespace(
            prefill=SimpleNamespace(seconds=1.0), decode=SimpleNamespace(seconds=2.0), period_s=number
        )

    kept, tried, failed = _looked_for(share, [], 16)
    assert [each.period_s for each in kept] == [12, 10, 9]
    assert {each.prefill_chiplets: each.period_s for each in tried} == {8: None, 12: 12, 10: 10, 9: 9}
    assert failed is not None
    with pytest.raises(InfeasibleError):
        chipweave.serve(LLAMA, PAIR, **HOW | {"ttft_limit_s": 1e-12})


def test_classes_are_kept_apart_where_they_can_be() -> None:
    big, small = Chiplet("big"), Chiplet("small", num_pes=256)
    mixed = Package("m", (small, big, big, small), topology.mesh(2, 2), (0,), topology.grid_positions(2, 2))
    assert by_multipliers(mixed) == (1, 2, 0, 3)
    assert boundaries(mixed, by_multipliers(mixed)) == [2]
    assert boundaries(resolve_package("mesh-16"), range(16)) == []


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA))
    asked = ["serve", str(file), "-p", "mesh-16", "-s", "standalone", "--prompt", "6", "--output", "9"]
    asked += ["--prefill-chiplets", "0-2,5"]
    assert run([*asked, "--out", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert "side by side" in text
    assert "chiplets of prefill  0-2, 5; tried: 4:" in text
    for name in ("prefill", "decode"):
        assert (tmp_path / "out" / "side-by-side" / name / "schedule.json").exists()
    assert run([*asked, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    beside = data["side_by_side"]
    assert beside["prefill"]["chiplets"] == [0, 1, 2, 5]
    assert beside["period_s"] == max(beside["prefill"]["seconds"], beside["decode"]["seconds"], beside["shared_s"])
    ratio = beside["tokens_per_s_over_one_after_another"]
    assert ratio == pytest.approx(beside["tokens_per_s"] / data["tokens_per_s_with_prefill"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0-", "'0-' is no chiplet's number; write 0-3,8"),
        ("3-1", "'3-1' is no chiplet's number"),
        ("0,99", "99 is not in package 'mesh-16', which has 0 to 15"),
        ("1,1", "1 is named more than once"),
        ("0-15", "all 16 of package 'mesh-16' are given; leave some to each side"),
    ],
)
def test_chiplets_that_are_refused(given: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["serve", "llama3_8b", "-p", "mesh-16", "-s", "standalone", "--prompt", "2", "--output", "2"]
    assert run([*asked, "--prefill-chiplets", given]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_a_memory_that_does_not_hold_both_sides() -> None:
    """144 GiB: weights of 70.5 GB and caches of one batch, of 43.6 GB, fit; those of two do not."""
    with pytest.raises(InputError, match=r"memory: package 'rebel100-like' holds .* prefill beside decode needs"):
        chipweave.serve("llama3_70b", "rebel100-like", **HOW | {"prompt": 2048, "output": 2, "batch": 130})
