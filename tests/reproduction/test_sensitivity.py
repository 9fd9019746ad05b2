"""Claims under many settings: shares, standings and what turns them, on made-up answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chipweave.reproduction.exhibit import Verdict
from chipweave.reproduction.page import markdown, table_csv
from chipweave.reproduction.question import Answer, Question
from chipweave.reproduction.scar import sensitivity
from chipweave.reproduction.scar.profile import PROFILE, Experiment, Setting
from chipweave.reproduction.scar.sensitivity import Standing, Swept
from chipweave.reproduction.scar.settings import CHOICES, QUICK
from chipweave.reproduction.scar.statements.all_claims import CLAIMS

HOLDS, DIRECTION, NOT, UNTOLD = Verdict.HOLDS, Verdict.DIRECTION, Verdict.NOT, Verdict.UNTOLD


def swept(*verdicts: Verdict) -> Swept:
    return Swept(1, CLAIMS[0], {f"setting {place}": each for place, each in enumerate(verdicts)})


def test_shares_add_up() -> None:
    """Of four settings in which it can be told, two, one and one."""
    found = swept(HOLDS, DIRECTION, NOT, UNTOLD, HOLDS)
    assert [found.share(each) for each in (HOLDS, DIRECTION, NOT)] == [0.5, 0.25, 0.25]
    assert found.share(HOLDS, DIRECTION) == 0.75
    assert swept(UNTOLD).share(HOLDS) is None


@pytest.mark.parametrize(
    ("verdicts", "standing"),
    [
        ((HOLDS, DIRECTION, UNTOLD), Standing.ROBUST),
        ((HOLDS, NOT), Standing.HANGS),
        ((NOT, DIRECTION), Standing.HANGS),
        ((NOT, NOT, UNTOLD), Standing.NOWHERE),
        ((UNTOLD, UNTOLD), Standing.UNTOLD),
    ],
)
def test_standing(verdicts: tuple[Verdict, ...], standing: Standing) -> None:
    assert swept(*verdicts).standing is standing


def test_what_turns_a_claim() -> None:
    """Held against the first setting; in direction is no turn, and what is not told turns nothing."""
    assert swept(HOLDS, DIRECTION, NOT, UNTOLD, NOT).flips == ("setting 2", "setting 4")
    assert swept(NOT, NOT, DIRECTION).flips == ("setting 2",)
    assert swept(UNTOLD, HOLDS).flips == ()


def test_settings_differ_from_the_profile_in_what_they_say() -> None:
    assert CHOICES[0].setting == PROFILE
    assert len({each.setting for each in CHOICES}) == len({each.name for each in CHOICES}) == len(CHOICES)
    assert set(QUICK) <= {each.name for each in CHOICES}
    for choice in CHOICES[1:]:
        changed = [name for name in vars(PROFILE) if getattr(choice.setting, name) != getattr(PROFILE, name)]
        assert len(changed) == 1 + choice.name.count(",")


def answers_with(better: Setting) -> dict[Question, Answer]:
    """Every strategy has an EDP, latency and energy of 2; the mixed ones of 1 in one setting, of 3 in the others."""
    found: dict[Question, Answer] = {}
    for question in sensitivity.questions(False):
        assert isinstance(question, Experiment)
        mixed = question.strategy.startswith("Het")
        value = (1.0 if question.setting == better else 3.0) if mixed else 2.0
        window = {"latency_s": value, "pipelines": [_pipeline(task, value) for task in sensitivity.MODELS]}
        found[question] = {"edp_js": value, "latency_s": value, "energy_j": value, "windows": [window]}
    return found


def _pipeline(task: str, latency_s: float) -> dict[str, object]:
    return {"task": task, "latency_s": latency_s, "stages": [[0, 0, [0]]]}


def test_a_claim_that_hangs_on_the_floor_is_found() -> None:
    """Mixed packages win with the floor at 64 alone: insight 1 hangs on it, and insight 2 fails there alone."""
    found = {each.claim.key: each for each in sensitivity.swept(answers_with(Setting(floor=64)))}
    heavy = found["I1 heavy: mixed"]
    assert heavy.standing is Standing.HANGS
    assert heavy.flips == ("floor 64",)
    assert heavy.share(HOLDS) == pytest.approx(1 / len(CHOICES))
    light = found["I2 light: homogeneous"]
    assert light.flips == ("floor 64",)
    assert light.share(HOLDS) == pytest.approx(1 - 1 / len(CHOICES))


def test_a_setting_that_changes_nothing_for_a_claim_does_not_count() -> None:
    """A claim about homogeneous packages knows no polarity, one about AR/VR no BERT-L."""
    found = {each.claim.key: each for each in sensitivity.swept({})}
    alike = found["pipelines cost 1.05"].verdicts
    assert "flipped" not in alike
    assert "floor 64, flipped" not in alike
    assert "floor 64" in alike
    assert "flipped" in found["heavy: Het-Sides"].verdicts
    assert "BERT-L 120" not in found["AR/VR 17 %"].verdicts


def test_the_exhibit_has_every_claim_in_one_table_and_its_marks() -> None:
    shown = sensitivity.exhibit(answers_with(Setting(floor=64)))
    asked = [claim for claim in CLAIMS if claim.scope != "profile"]
    listed = [row for table in shown.word_tables for row, _ in table.rows]
    assert sorted(int(row.split()[0]) for row in listed) == [CLAIMS.index(claim) + 1 for claim in asked]
    assert sorted(int(number) for panel in shown.panels for number in panel.categories) == [
        CLAIMS.index(claim) + 1 for claim in asked
    ]
    for panel in shown.panels:
        holds, at_least = panel.series
        assert all(0 <= low <= high <= 1 for low, high in zip(holds.y, at_least.y, strict=True))
    page = markdown(shown)
    assert all(mark in page for mark in ("●", "○", "floor 64"))
    assert "I1 heavy: mixed,floor 64,,●" in table_csv([shown])


def test_a_run_without_answers_has_a_page() -> None:
    shown = sensitivity.exhibit({})
    assert (shown.word_tables, shown.panels, shown.notes) == ((), (), ())
    assert shown.title in markdown(shown)


def test_affinity_is_the_time_of_one_style_over_the_other() -> None:
    answers = answers_with(Setting(floor=64))
    slow = Experiment(4, "Stand. (Shi)")
    answers[slow] = {**answers[slow], "windows": [{"pipelines": [_pipeline(task, 6.0) for task in sensitivity.MODELS]}]}
    (table,) = sensitivity.exhibit(answers).tables
    profile = table.columns.index("profile")
    assert [row.cells[profile].ours for row in table.rows] == [3.0] * 4
    assert [row.cells[profile + 1].ours for row in table.rows] == [1.0] * 4


def test_the_profile_is_first_and_polarity_has_its_pair() -> None:
    by_name = {each.name: each.setting for each in CHOICES}
    assert by_name["floor 64, flipped"] == replace(by_name["floor 64"], flipped=True)
