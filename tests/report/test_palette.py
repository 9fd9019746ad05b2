"""Everybody can tell models apart, on paper and on both backgrounds; every figure has a definition."""

from __future__ import annotations

import dataclasses
import json
from itertools import combinations, pairwise

import pytest

from chipweave.evaluation.glossary import SCOPES, TERMS, term_at
from chipweave.evaluation.record import (
    Energy,
    Evaluation,
    L2Use,
    PipelineEvaluation,
    StageBytes,
    StageEvaluation,
    WindowEvaluation,
)
from chipweave.files.schedule_file import to_document
from chipweave.plan.certificate import Certificate
from chipweave.report.palette import (
    COMPONENTS,
    DARK,
    HATCHES,
    HEAT,
    HEAT_LIMITS,
    HUES,
    LIGHT,
    Theme,
    contrast,
    hatch,
    letter,
    mix,
    shade,
    shade_of,
)
from tests.report.pages import some_result

THEMES = [LIGHT, DARK]


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # just fails the 4.5 of level AA
    assert mix("#000000", "#ffffff", 0.25) == "#bfbfbf"


@pytest.mark.parametrize("theme", THEMES)
def test_lines_stand_out_and_text_is_readable_on_every_fill(theme: Theme) -> None:
    for hue in HUES:
        found = shade_of(hue, theme)
        assert contrast(found.line, theme.background) >= 3
        assert contrast(theme.text, found.fill) >= 4.5
        assert contrast(found.line, found.fill) >= 1.5  # hatches on their ground
    assert contrast(theme.text, theme.background) >= 7


@pytest.mark.parametrize("theme", THEMES)
def test_loads_leave_the_background_step_by_step(theme: Theme) -> None:
    far = [contrast(colour, theme.background) for colour in HEAT[theme]]
    assert all(after > 1.1 * before for before, after in pairwise(far))
    assert far[0] >= 1.5
    assert len(HEAT_LIMITS) == len(far)
    assert list(HEAT_LIMITS) == sorted(HEAT_LIMITS)


def test_fifty_six_models_differ_and_neighbours_do_without_colour() -> None:
    looks = [(shade(model), hatch(model)) for model in range(56)]
    assert all(one != other for one, other in combinations(looks, 2))
    assert all(hatch(model) != hatch(model + 1) for model in range(56))
    assert len({texture.matplotlib for texture in HATCHES}) == len({texture.path for texture in HATCHES}) == 7


def test_letters() -> None:
    assert [letter(model) for model in (0, 25, 26, 27, 51, 52)] == ["A", "Z", "AA", "AB", "AZ", "BA"]


def test_every_part_of_the_energy_has_a_look_of_its_own() -> None:
    assert set(COMPONENTS) == {field.name for field in dataclasses.fields(Energy)}
    assert len(set(COMPONENTS.values())) == len(COMPONENTS)


def test_every_field_of_the_evaluation_has_a_definition() -> None:
    scopes = {
        "schedule": Evaluation,
        "window": WindowEvaluation,
        "pipeline": PipelineEvaluation,
        "stage": StageEvaluation,
        "bytes": StageBytes,
        "energy": Energy,
        "l2": L2Use,
    }
    for scope, kind in scopes.items():
        for field in dataclasses.fields(kind):
            assert f"{scope}.{field.name}" in TERMS
    assert {f"bound.{name}" for name in ("value", "latency_s", "energy_j")} <= set(TERMS)
    assert {field.name for field in dataclasses.fields(Certificate)} >= {"value", "latency_s", "energy_j"}


def test_units_are_in_the_names() -> None:
    units = {"_s": "s", "_j": "J", "_js": "Js", "_w": "W", "_bytes": "B", "_share": "share"}
    for key, term in TERMS.items():
        for ending, unit in units.items():
            if key.endswith(ending) and not key.endswith(("per_s", "per_j", "bytes_s", "samples_s", "macs_s")):
                assert term.unit == unit, key
        assert term.label
        assert term.text.endswith(".")


def test_every_number_of_the_evaluation_in_the_file_has_a_definition() -> None:
    document = json.loads(json.dumps(to_document(some_result())))
    seen = set()

    def walk(value: object, pointer: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{pointer}/{key}")
        elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
            for number, inner in enumerate(value):
                walk(inner, f"{pointer}/{number}")
        elif isinstance(value, int | float):
            seen.add(term_at(pointer))

    walk(document["evaluation"], "/evaluation")
    walk(document["search"]["lower_bound"], "/search/lower_bound")
    walk(document["search"]["front"], "/search/front")
    assert seen <= set(TERMS), seen - set(TERMS)
    assert len(seen) > 40
    assert {key.split(".")[0] for key in seen} <= set(SCOPES.values())
