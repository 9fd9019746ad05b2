"""SCAR's Fig. 2: the motivational study of three ResNet-50 layers and one of GPT-2 on a 2x2 package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chipweave.reproduction.exhibit import (
    Cell,
    Exhibit,
    Finding,
    Look,
    Panel,
    Row,
    Series,
    Table,
    Verdict,
    verdict_of_ratio,
)
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar.compare import NOT_ASKED, in_words, on_ratios
from chipweave.study.fig_2 import KINDS, PUBLISHED, Fig2Setting, worked_case
from chipweave.study.hardware import Hardware, MappingText

TITLE = "Fig. 2: the motivational study on a 2x2 package"
BARS = ("A1", "A2", "A3", "B1", "B2", "B3")
BEST = ("best A", "best B")
FLOORS = (None, 64)
WEIGHT, OUTPUT = "W", "O"
"""Kinds of chiplets: weight and output stationary."""


@dataclass(frozen=True)
class Study:
    """A question: all bars of the figure in one setting.

    Args:
        mapping: the mapping text of MAESTRO (`MappingText`).
        floor: of MAESTRO's off-chip bandwidth, elements per cycle; None: off.
        start: the kind of the chiplet on which the figure's B1 runs.
    """

    mapping: str = MappingText.FIXED.value
    floor: int | None = None
    start: str = WEIGHT

    def answer(self) -> dict[str, Any]:
        """By bar its `edp`, `latency` and `energy` over those of A1 or B1, and the `kinds` that ResNet's layers run
        on; `affinity` of the four layers."""
        hardware = Hardware(floor=self.floor, mapping=MappingText(self.mapping))
        case = worked_case(Fig2Setting(hardware, start=self.start))
        bars = {
            bar.name: {"edp": bar.edp, "latency": bar.latency, "energy": bar.energy, "kinds": bar.kinds}
            for bar in case.bars
        }
        return {"bars": bars, "affinity": case.affinity}


PROFILE = Study()
"""The mapping texts and the floor of SCAR's profile. Chiplet 1 is weight stationary: III-E cannot give B3 = 0.28 beside
A3 = 0.48 otherwise, since B1 and B3 would have GPT-2's layer in common."""
SETTINGS = tuple(Study(mapping.value, floor) for floor in FLOORS for mapping in MappingText)


def questions(quick: bool) -> list[Question]:
    """The settings of the table, with both kinds of chiplet 1; of a quick run the official texts only."""
    asked = [each for each in SETTINGS if not quick or each.mapping == PROFILE.mapping]
    return [Study(each.mapping, each.floor, start) for each in asked for start in (WEIGHT, OUTPUT)]


def exhibit(answers: Answers) -> Exhibit:
    """EDP of each bar over A1 or B1 in every setting."""
    return Exhibit(
        name="scar-fig-2",
        title=TITLE,
        source="SCAR, II-C and Fig. 2",
        setting="Three weight-stationary (WS) chiplets and one output-stationary (OS), batch 1. Which three layers and "
        "which schedule A3 is, no text says: ours are the convolutions of `layer1.1` of ResNet-50, the first "
        "feed-forward layer of the small GPT-2 at sequence 128, and the best pipeline of one window that uses both "
        "kinds. Columns are MAESTRO's mapping texts (`fixed`: the official ones; `square`: the OS array as wide as "
        "high; `channels`: output rows and channels over the OS array; `auto`: the best sizes per layer) without and "
        "with its off-chip floor at 64 elements per cycle; statements are judged in the first, SCAR's profile.",
        tables=(_table(answers, "edp", "EDP"), *(_table(answers, name, name) for name in ("latency", "energy"))),
        findings=_findings(answers),
        panels=tuple(_panel(answers, study) for study in (PROFILE, Study(floor=64)) if study in answers),
        columns=2,
        notes=_notes(answers),
    )


def printed(bar: str) -> float | None:
    """The published EDP of a bar; of A3 the first reading."""
    if bar in ("A1", "B1"):
        return 1.0
    value = PUBLISHED.get(bar)
    return value[0] if isinstance(value, tuple) else value


def _name(study: Study) -> str:
    return f"{study.mapping}, {'no floor' if study.floor is None else f'floor {study.floor}'}"


def _bar(answers: Answers, study: Study, bar: str, name: str) -> float | None:
    bars: Mapping[str, Mapping[str, float]] = answers.get(study, {}).get("bars", {})
    return bars[bar][name] if bar in bars else None


def _table(answers: Answers, name: str, what: str) -> Table:
    rows = []
    for bar in ("A2", "A3", "B2", "B3", *BEST):
        starts = ((WEIGHT, ""),) if "A" in bar else ((WEIGHT, ", B1 on WS"), (OUTPUT, ", B1 on OS"))
        for start, label in starts:
            ours = [_bar(answers, Study(each.mapping, each.floor, start), bar, name) for each in SETTINGS]
            theirs = printed(bar) if name == "edp" else None
            title = f"{bar.replace('best', 'best that `scar` finds,')}{label}"
            rows.append(Row(title, tuple(Cell(theirs, found) for found in ours)))
    return Table(f"{what} over that of A1, of B1", "", "schedule", tuple(map(_name, SETTINGS)), tuple(rows))


def _findings(answers: Answers) -> tuple[Finding, ...]:
    def of(bar: str) -> float | None:
        return _bar(answers, PROFILE, bar, "edp")

    def ratio(claim: str, bar: str) -> Finding:
        latency, energy = (_bar(answers, PROFILE, bar, name) for name in ("latency", "energy"))
        reason = f"ours is latency {in_words([latency])} times energy {in_words([energy])}"
        return on_ratios(claim, "II-C", [printed(bar) or 1.0], [of(bar)], reason)

    return (
        ratio("A2: ResNet's layers on a WS chiplet have 0.78 times the EDP of an OS chiplet", "A2"),
        _of_a3(of("A3")),
        ratio("B2: ResNet on WS beside GPT-2 on OS has 0.30 times the EDP of one after another", "B2"),
        ratio("B3: a mixed pipeline of ResNet, then GPT-2 on OS, has 0.28 times the EDP", "B3"),
        _order(answers, "A"),
        _order(answers, "B"),
    )


def _of_a3(ours: float | None) -> Finding:
    """Either reading of "0.52x less EDP" counts."""
    readings = PUBLISHED["A3"]
    assert isinstance(readings, tuple)
    verdicts = [verdict_of_ratio(reading, ours) for reading in readings]
    best = next(each for each in (Verdict.HOLDS, Verdict.DIRECTION, Verdict.NOT, Verdict.UNTOLD) if each in verdicts)
    reason = NOT_ASKED if ours is None else "'0.52x less' may mean 0.52 or 0.48; either counts"
    claim = "A3: ResNet's layers over both kinds have '0.52x less EDP' than on OS"
    return Finding(claim, "II-C", " or ".join(map(str, readings)), in_words([ours]), best, reason)


def _order(answers: Answers, series: str) -> Finding:
    """Whether the three bars fall; the reason names the settings in which they do."""

    def bars(study: Study) -> list[float | None]:
        return [_bar(answers, study, f"{series}{number}", "edp") for number in (1, 2, 3)]

    def falls(found: list[float | None]) -> bool:
        first, second, third = found
        return first is not None and second is not None and third is not None and first > second > third

    ours = bars(PROFILE)
    elsewhere = [_name(each) for each in SETTINGS if each != PROFILE and falls(bars(each))]
    if None in ours:
        verdict, reason = Verdict.UNTOLD, NOT_ASKED
    else:
        verdict = Verdict.HOLDS if falls(ours) else Verdict.NOT
        columns = "; ".join(elsewhere) or "no other column"
        reason = f"{'also' if verdict is Verdict.HOLDS else 'it does'} in {columns}"
    theirs = in_words([printed(f"{series}{number}") for number in (1, 2, 3)])
    claim = f"{series}1, {series}2, {series}3: each is better than the one before"
    return Finding(claim, "Fig. 2", theirs, in_words(ours), verdict, reason)


def _notes(answers: Answers) -> tuple[str, ...]:
    affinities = [f"{_name(each)}: {answers[each]['affinity']}" for each in SETTINGS if each in answers]
    return (
        "The kind of chiplet with the lesser EDP for each of the three ResNet layers and for GPT-2's, W for WS and O "
        f"for OS: {'; '.join(affinities)}. A3 needs ResNet layers of both kinds, B2 and B3 need a GPT-2 layer that "
        "prefers OS."
        if affinities
        else "Nothing was computed in this run.",
        f"The package is {KINDS}: every chiplet of a 2x2 package has an interface to DRAM. Series A does not depend on "
        "the kind of chiplet 1, and has one row.",
    )


def _panel(answers: Answers, study: Study) -> Panel:
    places = tuple(float(place) for place in range(len(BARS)))
    ours = tuple(_bar(answers, study, bar, "edp") or 0.0 for bar in BARS)
    theirs = tuple(printed(bar) or 0.0 for bar in BARS)
    series = (Series("EDP", places, ours), Series("EDP", places, theirs, published=True))
    return Panel(_name(study), Look.BARS, "", "over A1, over B1", series, BARS, logarithmic=True)
