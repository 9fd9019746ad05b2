"""Searches: the same points whoever answers and however often they are interrupted, and better than chance."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from chipweave.store.answer import Answer, Failure, Kind
from chipweave.store.content import content
from chipweave.store.store import Store
from chipweave.sweep.parcel import Parcel, case_of
from chipweave.sweep.search import search
from tests.sweep import small
from tests.sweep.small import AtOnce

optuna = pytest.importorskip("optuna", reason="searches need Optuna")

AXES = """axes:
  package.link_bandwidth_bytes_s: {logspace: [1e9, 1e12, 31]}
  package.dram_bandwidth_bytes_s: {logspace: [1e9, 1e12, 31]}
  chiplets.*.dataflow: [nvdla, shidiannao]
"""
HEAD = small.FILE.partition("axes:")[0] + AXES


def valley(parcel: Parcel) -> Answer | Failure:
    """Least at 1e11 and 1e10; nothing where links are slowest."""
    package = case_of(parcel).package
    if package.link_bandwidth_bytes_s < 2e9:
        return Failure(parcel.key, Kind.INFEASIBLE, "too slow", 0.0, "here")
    made = small.made_of_nothing(parcel)
    assert isinstance(made, Answer)
    off = (math.log10(package.link_bandwidth_bytes_s) - 11) ** 2 + (
        math.log10(package.dram_bandwidth_bytes_s) - 10
    ) ** 2
    figures = {**made.figures, "edp_js": 1e-3 + off, "energy_j": 1 / (1 + off)}
    return Answer(made.key, figures, made.packed, made.seconds, made.worker, made.version)


def best(store: Store) -> float:
    return min(row["edp_js"] for row in store.figures("small"))


@pytest.mark.parametrize("method", ["tpe", pytest.param("nsga2", marks=pytest.mark.slow)])
def test_the_same_search_whatever_happens(tmp_path: Path, method: str) -> None:
    text = f"{HEAD}search: {{method: {method}, trials: 44, generation: 10, minimise: [edp_js, energy_j]}}\n"
    asked = small.sweep(tmp_path, text=text)
    with Store.open(tmp_path / "whole.db") as store:
        search(asked, store, lambda _: AtOnce(valley, room=1))
        whole = content(store)
        assert len(store.keys("small")) == 44
        study = optuna.load_study(study_name="chipweave small", storage=store.url)
        assert len(study.trials) == 44
        assert [trial.number for trial in study.trials] == list(range(44))
    with Store.open(tmp_path / "parts.db") as store:
        for stop_after in (3, 9, 1, 14):
            workers = AtOnce(valley, stop_after=stop_after, room=7)
            search(asked, store, lambda _, w=workers: w, stop=lambda w=workers: w.stopped)  # type: ignore[misc]
        search(asked, store, lambda _: AtOnce(valley))
        assert content(store) == whole
        study = optuna.load_study(study_name="chipweave small", storage=store.url)
        assert len(study.trials) == 44


def test_a_search_is_better_than_chance(tmp_path: Path) -> None:
    found = {}
    for name, how in {"tpe": "search: {trials: 80}", "random": "sample: {method: random, count: 80}"}.items():
        asked = small.sweep(tmp_path, text=f"{HEAD}{how}\n")
        with Store.open(tmp_path / f"{name}.db") as store:
            if asked.spec.search is not None:
                search(asked, store, lambda _: AtOnce(valley))
            else:
                from chipweave.sweep.run import run_sweep

                run_sweep(asked, store, lambda _: AtOnce(valley))
            found[name] = best(store)
    assert found["tpe"] <= found["random"]


def test_points_that_where_leaves_out_are_not_asked(tmp_path: Path) -> None:
    text = f"{HEAD}where: ['dataflow == \"nvdla\"']\nsearch: {{trials: 30, generation: 10}}\n"
    with Store.open(tmp_path / "s.db") as store:
        search(small.sweep(tmp_path, text=text), store, lambda _: AtOnce(valley))
        rows = list(store.figures("small"))
        assert rows
        assert {row["axes"]["chiplets.*.dataflow"] for row in rows} == {"nvdla"}
