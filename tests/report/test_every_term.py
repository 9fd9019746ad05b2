"""What the evaluation is made of reaches every report: nothing that a page does not know vanishes without a word."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from chipweave.evaluation.record import (
    BYTES_TERMS,
    DRAM_BYTES,
    ENERGY_PARTS,
    FIRST_PASS,
    RESOURCES,
    TRANSFERS,
    Energy,
    StageBytes,
    StageEvaluation,
)
from chipweave.evaluation.term import PassTerm, names_of, terms_of
from chipweave.files.schedule_file import to_document
from chipweave.plan.problem import Fidelity
from chipweave.report.bottleneck import binding
from chipweave.report.html.binding import binding as binding_of_page
from chipweave.report.html.page_data import PageData
from chipweave.report.trace.stages import LEFT_OUT
from tests.report.pages import plan_on_regions, some_result


def test_a_made_up_term_is_shown_everywhere() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.report.made_up_terms"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_time_of_a_stage_is_part_of_a_pass_or_follows_from_others() -> None:
    terms = terms_of(StageEvaluation)
    times = {name for name in names_of(StageEvaluation) if name.endswith("_s")}
    follow = {name for name in times - set(FIRST_PASS) if terms[name].equation}
    assert times - set(FIRST_PASS) - follow == {"resident_s"}  # once per window: `shares_s` and timelines have it
    passing = [term for term in terms.values() if isinstance(term, PassTerm)]
    assert sorted(term.turn for term in passing) == list(range(1, len(FIRST_PASS) + 1))
    assert sorted(term.transfer for term in passing if term.transfer) == list(range(1, len(TRANSFERS) + 1))
    assert set(FIRST_PASS) - set(TRANSFERS) == {"compute_s"}


def test_all_bytes_move_in_a_time_and_all_transfers_move_bytes() -> None:
    assert set(names_of(StageBytes)) - set(BYTES_TERMS) == {"hop_bytes"}  # all of them, link by link
    assert {term.time for term in BYTES_TERMS.values()} == set(TRANSFERS)
    for result in (some_result(), some_result(1, Fidelity.PAPER), plan_on_regions()):
        flows = [flow for window in result.traffic for pipeline in window.flows for stage in pipeline for flow in stage]
        assert {flow.kind for flow in flows} <= set(BYTES_TERMS)


def test_sums_are_of_all_fields_in_their_order() -> None:
    one, other = (Energy(*(scale * 1.1**k for k in range(len(ENERGY_PARTS)))) for scale in (0.1, 0.7))
    total = 0.0
    for name in names_of(Energy):
        assert getattr(one + other, name) == getattr(one, name) + getattr(other, name)
        total += getattr(one, name)
    assert one.total == total
    moved = StageBytes(*(0.1 * 1.7**k for k in range(len(fields(StageBytes)))))
    assert DRAM_BYTES == ("weights", "again", "load", "store", "spill")
    assert moved.dram == moved.weights + moved.again + moved.load + moved.store + moved.spill
    stage = some_result().evaluation.stages[0]
    moved_s = stage.load_s + stage.weights_s + stage.store_s + stage.spill_s + stage.forward_s + stage.exchange_s
    assert stage.transfers_s == moved_s


@pytest.mark.parametrize("name", ["pipeline", *RESOURCES])
def test_whatever_binds_a_window_has_a_sentence(name: str) -> None:
    result = some_result()
    window = replace(result.evaluation.windows[0], bound_by=name, link=(0, 1), port=2)
    bound = replace(result, evaluation=replace(result.evaluation, windows=(window, *result.evaluation.windows[1:])))
    assert binding(window, result.problem)
    assert binding_of_page(PageData(bound), 0)


def test_what_binds_a_window_and_is_not_known_is_said() -> None:
    result = some_result()
    window = replace(result.evaluation.windows[0], bound_by="gossip")
    bound = replace(result, evaluation=replace(result.evaluation, windows=(window, *result.evaluation.windows[1:])))
    with pytest.raises(ValueError, match="'gossip'"):
        binding(window, result.problem)
    with pytest.raises(ValueError, match="'gossip'"):
        binding_of_page(PageData(bound), 0)


def test_the_file_has_every_field() -> None:
    result = some_result()
    document = to_document(result)["evaluation"]
    window = document["windows"][0]
    pipeline = window["pipelines"][0]
    stage = pipeline["stages"][0]
    written = {"bytes_": "bytes", "energy": "energy_parts_j", "task": "model"}
    evaluation = result.evaluation
    pairs = [
        (document, evaluation),
        (window, evaluation.windows[0]),
        (pipeline, evaluation.windows[0].pipelines[0]),
        (stage, evaluation.stages[0]),
    ]
    for described, record in pairs:
        keys = {written.get(name, name) for name in names_of(type(record))}
        # beside it; their sums are `bytes`; only where tensors lie nearest, and where layers go strip by strip
        assert keys - set(described) <= {"fidelity", "flows", "memory", "strips"}
    assert set(LEFT_OUT) <= {*window, *pipeline, *stage}
