"""What the exhibit of the 2x2 study makes of gains, by gains made up by hand."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from chipweave.reproduction import two_by_two
from chipweave.reproduction.answering import answers
from chipweave.reproduction.exhibit import Exhibit, Verdict
from chipweave.reproduction.question import key_of
from chipweave.reproduction.two_by_two import Pair, exhibit, gains_of, of_most, questions
from chipweave.study.two_by_two import (
    HETEROGENEOUS,
    MODES,
    Factors,
    Gain,
    TwoByTwoSetting,
    every_setting,
    reference_settings,
    study,
)

HERE = reference_settings()[0]
BY_BATCH = "Every setting, by batch, mapping text and floor"


def gains(throughput: float, efficiency: float, alike: float = 1.0) -> list[Gain]:
    """Of all modes: the mixed pipelined ones have the two figures, those of one kind `alike` for both, and standalone
    on one of each a little more than the monolithic chip."""
    figures = {mode.name: (alike, alike) for mode in MODES}
    figures |= dict.fromkeys(HETEROGENEOUS, (throughput, efficiency)) | {"standalone, one of each": (1.05, 1.0)}
    factors = Factors(1.0, 1.0, throughput, 1.0)
    return [
        Gain(name, "as the chiplets", *both, (1.0, 1.0), factors, ("l2", 2.0, 1.0)) for name, both in figures.items()
    ]


def answer(*chips: list[Gain]) -> dict[str, object]:
    return {"gains": [[asdict(gain) for gain in each] for each in chips]}


def cells(made: Exhibit, table: str, row: str) -> list[float | None]:
    return [cell.ours for title, name, _, cell in made.figures() if (title, name) == (table, row)]


def test_gains_survive_the_folder_of_answers(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = gains(2.2, 1.9)
    monkeypatch.setattr(two_by_two, "study", lambda setting: type("Made", (), {"gains": (tuple(mine),)}))
    found = answers([Pair(HERE)], jobs=1, folder=None)
    assert gains_of(found[Pair(HERE)]) == [mine]


def test_questions_differ_by_content() -> None:
    asked = questions(quick=False)
    assert len(asked) == len(every_setting())
    assert len({key_of(each) for each in asked}) == len(asked)
    assert set(questions(quick=True)) <= set(asked)


def test_tables_of_one_setting() -> None:
    made = exhibit({Pair(HERE): answer(gains(2.3, 1.2))})
    assert cells(made, "Throughput over the monolithic chip, batch 1", "pipelined, 3 WS + 1 OS")[:2] == [2.3, None]
    assert cells(made, "Efficiency over the monolithic chip, batch 1", "pipelined, WS")[:2] == [1.0, None]
    why = cells(made, "Why the mixed package with the best throughput is faster", "batch 1, fixed, no floor")
    assert why == [2.3, 1.0, 1.0, 2.3, 1.0]
    throughput, efficiency, both, order, mixing = made.findings
    assert (throughput.verdict, throughput.ours) == (Verdict.HOLDS, "2.3 to 2.3")
    assert efficiency.verdict is Verdict.DIRECTION
    assert both.verdict is Verdict.UNTOLD
    assert (order.verdict, mixing.verdict) == (Verdict.HOLDS, Verdict.HOLDS)
    assert all(each is None for each in cells(made, BY_BATCH, "1, fixed, no floor"))


def test_ranges_need_every_setting() -> None:
    """One setting of many has a figure of its own; a monolithic chip that is better gives the least of each range."""
    found = {Pair(setting): answer(gains(2.3, 1.2), gains(0.5, 0.9, 2.0)) for setting in every_setting()}
    found[Pair(HERE)] = answer(gains(40.0, 3.0), gains(0.4, 0.8, 2.0))
    made = exhibit(found)
    row = cells(made, BY_BATCH, "1, fixed, no floor")
    in_row = sum(1 for s in every_setting() if s.batch == 1 and s.hardware.mapping == "fixed" and not s.hardware.floor)
    assert row == [0.4, 40.0, 0.8, 3.0, 2 * in_row, in_row - 1, 0, 0, in_row, in_row]
    del found[Pair(HERE)]
    assert set(cells(exhibit(found), BY_BATCH, "1, fixed, no floor")) == {None}
    assert None not in cells(exhibit(found), BY_BATCH, "2, fixed, no floor")


def test_the_verdict_of_most_settings() -> None:
    holds, direction, misses = Verdict.HOLDS, Verdict.DIRECTION, Verdict.NOT
    assert of_most([]) is Verdict.UNTOLD
    assert of_most([holds, holds, misses]) is holds
    assert of_most([holds, misses]) is misses
    assert of_most([holds, direction, misses]) is direction
    assert of_most([direction, misses]) is misses


@pytest.mark.slow
def test_an_answer_is_the_study() -> None:
    setting = TwoByTwoSetting(HERE.hardware, 2)
    assert [tuple(each) for each in gains_of(Pair(setting).answer())] == [*study(setting).gains]
