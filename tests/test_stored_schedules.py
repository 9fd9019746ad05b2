"""Schedules that were stored once (tests/reference/schedules) come out the same: their figures, and the search."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest

from chipweave import api
from chipweave.files.scenario_file import scenario_from_dict
from chipweave.files.schedule_file import read, schedule_to_dict
from tests.stored_schedules import (
    LETTERS,
    Stored,
    differences,
    digest,
    full_files,
    grounds,
    in_short,
    plan_in_short,
    schedule_of,
    stored,
)

Place = tuple[str, str]
"""Scenario and package: what is costed together."""

EDP_TOLERANCE = 1e-12
QUICK = {
    ("alexnet", "mesh-16"),
    ("arvr-8", "arvr-het-sides-3x3"),
    ("arvr-8", "arvr-simba-nvdla-3x3"),
    ("arvr-8", "arvr-simba-shidiannao-3x3"),
    ("by-hand", "mesh-16"),
    ("in-time", "mesh-16"),
    ("one-after-another", "het-2x2"),
    ("tight", "mesh-16"),
}
"""Places whose schedules are evaluated in every run: few layers are mapped, and every scheduler and every condition of
a scenario is among them."""
QUICKLY_SEARCHED = {("datacenter-3", "simba-nvdla-3x3", 2)}
"""Places with the jobs that search in every run."""


def place_of(name: str) -> Place:
    scenario, package, *_ = name.split(".")
    return scenario, package


PLACES_IN_FULL = {place_of(path.name) for path in full_files()}


@cache
def built_in() -> tuple[Stored, ...]:
    """Every schedule of a built-in scenario, those that are kept in full among them."""
    in_full = (json.loads(path.read_text(encoding="utf-8")) for path in full_files())
    known = {each.where for each in stored()}
    short = (in_short(document) for document in in_full if document["search"] is not None)
    return (*stored(), *(each for each in short if each.where in known))


def slow_but(quick: Collection[tuple[object, ...]], every: Iterable[tuple[object, ...]]) -> list[object]:
    """`every` one as parameters; all but the quick ones are slow."""
    return [pytest.param(*each, marks=() if each in quick else pytest.mark.slow) for each in every]


PLACES = sorted(PLACES_IN_FULL.union(each.where for each in stored()))


@pytest.mark.parametrize(("scenario", "package"), slow_but(QUICK, PLACES))
def test_every_figure_is_as_stored(scenario: str, package: str) -> None:
    found: list[str] = []
    for path in full_files():
        if place_of(path.name) == (scenario, package):
            found += [f"{path.name}: {change}" for change in read(path).changes]
    short = [each for each in stored() if each.where == (scenario, package)]
    ready = grounds(scenario, package) if short else {}
    for each in short:
        found += differences(each, ready[each.fidelity])
    assert not found, "\n".join(found)


SCAR = [each for each in built_in() if each.scheduler == "scar"]
SEARCHES = [(*place, jobs) for place in sorted({each.where for each in SCAR}) for jobs in (1, 2)]


@pytest.mark.parametrize(("scenario", "package", "jobs"), slow_but(QUICKLY_SEARCHED, SEARCHES))
def test_scar_finds_the_schedules_that_it_found(scenario: str, package: str, jobs: int) -> None:
    for each in SCAR:
        if each.where != (scenario, package):
            continue
        result = api.schedule(scenario, package, scheduler="scar", fidelity=each.fidelity, jobs=jobs)
        assert result.value is not None
        assert result.value <= each.latency_s * each.energy_j * (1 + EDP_TOLERANCE), each.name
        assert result.schedule == schedule_of(each.plan), each.name


# The references themselves ---------------------------------------------------------------------------------------


def test_the_references_hold_every_scheduler_in_both_fidelities() -> None:
    kinds = {(each.scheduler, each.fidelity) for each in built_in()}
    schedulers = ("scar", "standalone", "nn-baton", "scope", "segmented-pipeline", "full-pipeline", "sequential")
    assert kinds == {(scheduler, fidelity) for scheduler in schedulers for fidelity in ("paper", "detailed")}
    assert len({each.where for each in SCAR}) == 30
    assert len(SCAR) == 60
    assert {each.objective for each in built_in()} == {"edp"}


def test_what_every_run_evaluates_is_of_every_scheduler_and_condition() -> None:
    in_full = [path for path in full_files() if place_of(path.name) in QUICK]
    names = {path.name.split(".")[2] for path in in_full} | {each.scheduler for each in stored() if each.where in QUICK}
    assert names > {each.scheduler for each in built_in()}
    tasks = [task for path in in_full for task in json.loads(path.read_text())["scenario"]["models"]]
    assert any(task.get("latency_limit_s") for task in tasks)
    assert any(task.get("depends_on") for task in tasks)


def test_the_references_in_full_are_varied() -> None:
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in full_files()]
    stages = [
        stage
        for document in documents
        for window in document["evaluation"]["windows"]
        for pipeline in window["pipelines"]
        for stage in pipeline["stages"]
    ]
    keepings = {stage["l2"]["keeping"] for stage in stages if stage["l2"] is not None}
    assert keepings == {"resident", "mates", "streamed"}
    for kind in ("weights", "again", "load", "store", "spill", "forward", "exchange", "mates", "hop_bytes"):
        assert any(stage["bytes"][kind] for stage in stages), kind
    tasks = [task for document in documents for task in document["scenario"]["models"]]
    assert any(task.get("latency_limit_s") for task in tasks)
    assert any(task.get("depends_on") for task in tasks)
    assert {"edp", "latency", "throughput"} < {document["objective"] for document in documents}
    assert {len(document["scenario"]["models"]) for document in documents} == {1, 2}


def test_a_plan_in_short_is_the_plan_of_the_file() -> None:
    for path in full_files():
        document = json.loads(path.read_text(encoding="utf-8"))
        scenario = scenario_from_dict(document["scenario"])
        assert schedule_to_dict(schedule_of(plan_in_short(document)), scenario) == document["schedule"], path.name


def test_letters_tell_partitions_apart() -> None:
    assert len(set(LETTERS.values())) == len(LETTERS)


def test_a_digest_tells_the_last_bit_and_not_how_a_number_is_written() -> None:
    data = {"a": [1, 0.1, -0.0], "b": {"c": None, "d": True, "e": "text"}}
    other = {"b": {"e": "text", "d": True, "c": None}, "a": [1.0, 0.1, 0]}
    assert digest(data) == digest(other)
    changed = deepcopy(data)
    changed["a"][1] = 0.1 + 2**-56  # type: ignore[index]
    assert digest(changed) != digest(data)


def test_a_difference_is_told_by_name() -> None:
    kept = next(each for each in stored() if each.where == ("arvr-8", "arvr-simba-nvdla-3x3"))
    ready = grounds(*kept.where)[kept.fidelity]
    assert list(differences(kept, ready)) == []
    later = replace(kept, latency_s=kept.latency_s * 2, evaluation="another")
    assert list(differences(later, ready)) == [
        f"{kept.name}: latency_s: stored {later.latency_s!r}, computed {kept.latency_s!r}"
    ]
    [other] = differences(replace(kept, evaluation="another"), ready)
    assert "another figure" in other
    [bound] = differences(replace(kept, bound="another"), ready)
    assert "lower bound" in bound
