"""SCAR's Fig. 9 and Table VI: the best schedule of scenario 4 on Het-Sides, window by window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chipweave.hardware.dataflow import Style
from chipweave.reproduction.exhibit import IDLE, Cell, Exhibit, Finding, Look, Panel, Row, Series, Table, Verdict
from chipweave.reproduction.question import Answer, Answers, Question
from chipweave.reproduction.scar.compare import NOT_ASKED, in_words, on_ratios, ratio
from chipweave.reproduction.scar.most_windows import MostWindows
from chipweave.reproduction.scar.profile import PROFILE, Experiment, package_of
from chipweave.reproduction.scar.profile_words import AS_TABLE_IV

TITLE = "Fig. 9 and Table VI: the best schedule of scenario 4 on Het-Sides"
TOP = Experiment(4, "Het-Sides")
FORCED = MostWindows(4, "Het-Sides")
MODELS: Mapping[str, str] = {"gpt-l": "GPT-L", "bert-l": "BERT-L", "u-net": "U-Net", "resnet-50": "ResNet"}
"""Our task, and the paper's name of it."""
SIDE = 3
"""Chiplets in a row of the package."""
PUBLISHED: Mapping[str, tuple[float | None, ...]] = {
    "GPT-L": (0.23, 0.21, 1.02, 0.28, 0.23, 1.97, 3.1, 120),
    "BERT-L": (0, 0, 1.47, 0.4, 0.90, 2.77, 3.76, 60),
    "U-Net": (0.21, 0.14, 0.46, 0, 0, 0.8, 1.45, 23),
    "ResNet": (0.78, 0.17, 0.11, 0, 0, 1.1, 1.1, 66),
    "window": (0.78, 0.21, 1.47, 0.4, 0.9, None, 3.8, None),
    "layers": (60, 30, 131, 25, 23, None, None, 269),
}
"""Seconds in windows 0 to 4, ideal, total, and the number of layers (SCAR, Table VI)."""
WINDOWS = 5
IDEAL, TOTAL, LAYERS = WINDOWS, WINDOWS + 1, WINDOWS + 2
"""The other columns."""

Line = tuple[float | None, ...]


def questions(quick: bool) -> list[Question]:
    """Two experiments of Table IV: the best schedule, and the best that has all windows."""
    return [TOP] if quick else [TOP, FORCED]


def exhibit(answers: Answers) -> Exhibit:
    """Table VI with ours beside it, and the chiplets of each window."""
    answer = answers.get(TOP, {})
    windows = answer.get("windows", [])
    ours = breakdown(windows)
    return Exhibit(
        name="scar-fig-9",
        title=TITLE,
        source="SCAR, Fig. 9 and Table VI",
        setting=f"{AS_TABLE_IV} *Ideal* is the sum of a model's own times, *total* the time at which it ends: what "
        "lies between is spent waiting for other models to end their windows.",
        tables=(
            _table("Table VI", ours),
            _table("Table VI, all windows forced", breakdown(answers.get(FORCED, {}).get("windows", []))),
            _allocation(windows),
        ),
        findings=_findings(ours),
        panels=tuple(_grid(number, window) for number, window in enumerate(windows)),
        columns=max(1, min(len(windows), WINDOWS)),
        notes=_notes(answer),
    )


def breakdown(windows: Sequence[Mapping[str, Any]]) -> dict[str, Line]:
    """Table VI of an answer, by its row; None: a window that there is not. Empty: no answer."""
    if not windows:
        return {}
    ends = [sum(window["latency_s"] for window in windows[: number + 1]) for number in range(len(windows))]
    missing: Line = (None,) * (WINDOWS - len(windows))
    found: dict[str, Line] = {}
    for task, name in MODELS.items():
        own, layers, end = [0.0] * len(windows), 0, 0.0
        for number, window in enumerate(windows):
            for pipeline in window["pipelines"]:
                if pipeline["task"] == task:
                    own[number] = pipeline["latency_s"]
                    layers += _layers(pipeline)
                    end = ends[number] - window["latency_s"] + pipeline["latency_s"]
        found[name] = (*own, *missing, sum(own), end, float(layers))
    each = [float(sum(map(_layers, window["pipelines"]))) for window in windows]
    found["window"] = (*(window["latency_s"] for window in windows), *missing, None, ends[-1], None)
    found["layers"] = (*each, *missing, None, None, sum(each))
    return found


def _layers(pipeline: Mapping[str, Any]) -> int:
    return sum(last - first + 1 for first, last, _ in pipeline["stages"])


def _table(title: str, ours: Mapping[str, Line]) -> Table:
    columns = (*(f"W{number}" for number in range(WINDOWS)), "ideal", "total", "layers")
    nothing: Line = (None,) * len(columns)
    rows = tuple(Row(name, tuple(map(Cell, theirs, ours.get(name, nothing)))) for name, theirs in PUBLISHED.items())
    return Table(title, "s", "model", columns, rows)


def _allocation(windows: Sequence[Mapping[str, Any]]) -> Table:
    """How many chiplets each model has in each window; the paper's are in the image only."""
    rows = []
    for task, name in MODELS.items():
        counts: list[float | None] = [None] * WINDOWS
        for number, window in enumerate(windows):
            counts[number] = float(len(_chiplets(window, task)))
        rows.append(Row(name, tuple(Cell(None, count) for count in counts)))
    return Table("Chiplets of each model", "", "model", tuple(f"W{number}" for number in range(WINDOWS)), tuple(rows))


def _chiplets(window: Mapping[str, Any], task: str) -> list[int]:
    return [
        chiplet
        for pipeline in window["pipelines"]
        if pipeline["task"] == task
        for _, _, chiplets in pipeline["stages"]
        for chiplet in chiplets
    ]


def _grid(number: int, window: Mapping[str, Any]) -> Panel:
    """The package in a window; its columns are called by their dataflow."""
    package = package_of(TOP.strategy, TOP.scenario, PROFILE)
    by_model = {name: _chiplets(window, task) for task, name in MODELS.items()}
    busy = {chiplet for chiplets in by_model.values() for chiplet in chiplets}
    by_model[IDLE] = [chiplet for chiplet in range(len(package.chiplets)) if chiplet not in busy]
    series = tuple(
        Series(name, tuple(float(c % SIDE) for c in chiplets), tuple(float(c // SIDE) for c in chiplets))
        for name, chiplets in by_model.items()
    )
    styles = [chiplet.dataflow.style for chiplet in package.chiplets[:SIDE]]
    columns = tuple("NVD" if style is Style.NVDLA else "Shi" for style in styles)
    return Panel(f"W{number}: {window['latency_s']:.3g} s", Look.GRID, "", "", series, columns)


def _findings(ours: Mapping[str, Line]) -> tuple[Finding, ...]:
    models = tuple(MODELS.values())
    windows = [each for each in ours.get("window", ())[:WINDOWS] if each]
    longest = max(windows, default=0.0) / min(windows) if windows else None
    waits = [ratio(ours[name][TOTAL], ours[name][IDEAL]) if ours else None for name in models]
    published_waits = [(PUBLISHED[name][TOTAL] or 0.0) / (PUBLISHED[name][IDEAL] or 1.0) for name in models]
    layers = [ours[name][LAYERS] if ours else None for name in models]
    return (
        _same("the models have this many layers", [PUBLISHED[name][LAYERS] for name in models], layers),
        _same("the best schedule has five windows", [WINDOWS], [float(len(windows)) if ours else None]),
        on_ratios(
            "windows are far from uniform: the longest is seven times the shortest",
            "Table VI",
            [1.47 / 0.21],
            [longest],
            f"our best schedule has {len(windows)} windows",
        ),
        _order(ours, models),
        on_ratios(
            f"models wait for each other: total over ideal of {', '.join(models)}",
            "Table VI",
            published_waits,
            waits,
            f"our best schedule has {len(windows)} windows",
        ),
    )


def _same(claim: str, published: Sequence[float | None], ours: Sequence[float | None]) -> Finding:
    """Numbers that are equal or not."""
    untold = any(each is None for each in ours)
    verdict = Verdict.UNTOLD if untold else Verdict.HOLDS if list(ours) == list(published) else Verdict.NOT
    reason = NOT_ASKED if untold else "judged by equality"
    return Finding(claim, "Table VI", in_words(published), in_words(ours), verdict, reason)


def _order(ours: Mapping[str, Line], models: Sequence[str]) -> Finding:
    """The order in which models end: it holds if it is the paper's, and in direction if both image models are done
    before both language models."""

    def ended(lines: Mapping[str, Line]) -> list[str]:
        return sorted(models, key=lambda name: lines[name][TOTAL] or 0.0)

    theirs = ended(PUBLISHED)
    claim = "first-fit packing lets small models end early: ResNet and U-Net are done before the language models"
    if not ours:
        return Finding(claim, "V-B, Het-Sides Top Schedule", ", ".join(theirs), "–", Verdict.UNTOLD, NOT_ASKED)
    found = ended(ours)
    same_halves = set(found[:2]) == set(theirs[:2])
    verdict = Verdict.HOLDS if found == theirs else Verdict.DIRECTION if same_halves else Verdict.NOT
    reason = "the order in which models end, first to last"
    return Finding(claim, "V-B, Het-Sides Top Schedule", ", ".join(theirs), ", ".join(found), verdict, reason)


def _notes(answer: Answer) -> tuple[str, ...]:
    fixed = (
        "The paper's allocation of chiplets is in the image only. Its schedule has five windows; ours tries every "
        "number of cuts from none to four and keeps the best whole schedule; the second table forces all cuts.",
    )
    windows = answer.get("windows", [])
    if not windows:
        return fixed
    lines = [
        f"{MODELS[pipeline['task']]} layers {first} to {last} on chiplet {', '.join(map(str, chiplets))}"
        for window in windows
        for pipeline in window["pipelines"]
        for first, last, chiplets in pipeline["stages"]
    ]
    return (
        *fixed,
        f"Ours has {len(windows)} window{'s' if len(windows) > 1 else ''} (chiplets and layers are counted from 0): "
        f"{'; '.join(lines)}.",
    )
