"""Run as a program: reports of an evaluation whose records have one field more each, which no report has heard of.

The fields are written into the source of `evaluation/record.py` as a person would add them, with a value in place of
the evaluator's work; every report has to show them, or to say that it cannot.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import sys
from types import ModuleType

import pytest

FIELDS = {
    "Energy": 'made_up: Annotated[float, Term("made-up energy", "J", "Made up.")] = 0.5',
    "StageBytes": 'made_up: Annotated[float, BytesTerm("made up", "B", "Made up.", "", "made_up_s", True)] = 64.0',
    "L2Use": 'made_up: Annotated[float, Term("made-up room", "B", "Made up.")] = 32.0',
    "StageEvaluation": 'made_up_s: Annotated[float, PassTerm("made-up time", "s", "Made up.", "", 8, 7)] = 0.25',
    "WindowEvaluation": 'made_up_s: Annotated[float, ResourceTerm("x", "s", "Made up.", "", "made-up resource")] = 0.1',
}
MODULE = "chipweave.evaluation.record"


def load_records() -> None:
    """Puts the records with the fields where everybody imports them from."""
    spec = importlib.util.find_spec(MODULE)
    assert spec is not None
    assert spec.origin is not None
    with open(spec.origin, encoding="utf-8") as file:
        text = file.read()
    lines = text.splitlines()
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name in FIELDS]
    assert len(classes) == len(FIELDS)
    for node in reversed(classes):
        last = max(part.end_lineno or 0 for part in node.body if isinstance(part, ast.AnnAssign))
        lines.insert(last, f"    {FIELDS[node.name]}")
    module = ModuleType(MODULE)
    sys.modules[MODULE] = module
    exec(compile("\n".join(lines), spec.origin, "exec"), module.__dict__)


def main() -> None:
    load_records()
    from rich.console import Console

    from chipweave.evaluation.timeline import stage_times
    from chipweave.files.schedule_file import to_document
    from chipweave.report import figure, palette
    from chipweave.report.comparison import comparison_data
    from chipweave.report.html import page
    from chipweave.report.notebook import evaluation_html
    from chipweave.report.terminal import report
    from chipweave.report.trace.document import trace
    from chipweave.results.result import Cell
    from tests.report.pages import some_result

    result = some_result()
    evaluation = result.evaluation
    stage, window = evaluation.stages[0], evaluation.windows[0]

    document = to_document(result)["evaluation"]
    (stored, *_) = document["windows"]
    stored_stage = stored["pipelines"][0]["stages"][0]
    assert (stored["made_up_s"], stored_stage["made_up_s"], stored_stage["bytes"]["made_up"]) == (0.1, 0.25, 64.0)
    assert stored_stage["l2"]["made_up"] == 32.0
    parts = document["energy_parts_j"]
    assert parts["made_up"] > 0
    assert abs(sum(parts.values()) - document["energy_j"]) < 1e-9 * document["energy_j"]
    assert comparison_data([Cell("x", "y", result)])[0]["energy_j"] == document["energy_j"]

    with pytest.raises(KeyError, match="made_up"):  # a part of the energy that has no look
        page(result)
    palette.COMPONENTS["made_up"] = ("#f0e442", palette.HATCHES[0])
    text = page(result)
    at = "/evaluation/windows/0/pipelines/0/stages/0"
    for shown in (
        'data-at="/evaluation/energy_parts_j/made_up"',
        'fill="url(#part-made_up)"',
        f'{at}/exchange_s {at}/made_up_s"',  # what the transfers are the sum of
        f'data-at="{at}/made_up_s"',  # a strip of the timeline
        "made-up energy",
        f'data-at="{at}/l2/made_up"',  # a column of the stages
        '<th data-term="window.made_up_share">made-up resource</th>',
        "How busy the made-up resource is at least.",
    ):
        assert shown in text, shown

    console = Console(file=io.StringIO(), width=200)
    report(result, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "made-up energy" in printed
    assert ", made-up resource " in printed
    assert "made_up" in evaluation_html(evaluation)

    events = trace(result)["traceEvents"]
    assert any(event["args"].get("made_up_s") == 0.25 and "compute_s" in event["args"] for event in events)
    assert any(event["name"] == "made_up" for event in events)
    assert any(event["name"].endswith(" made_up") and event["args"].get("made_up") == 64.0 for event in events)
    assert any(event["args"].get("name") == "needs: made-up resource" for event in events)
    assert any(event["args"].get("made_up_s") == 0.1 and len(event["args"]) == 2 for event in events)

    time = stage_times(window.pipelines[0], window.start_s)[0]
    _, strips = figure._spans(stage, time, 1.0, 1.0)
    assert any(abs(width - 0.25) < 1e-9 for _, width in strips)


if __name__ == "__main__":
    main()
