"""docs/workloads.md lists every network and scenario with its present figures."""

from __future__ import annotations

import re
from pathlib import Path

from chipweave.workload.zoo import MODELS, SCENARIOS, build_model, build_scenario

PAGE = (Path(__file__).parents[3] / "docs" / "workloads.md").read_text(encoding="utf-8")


def _rows(columns: int) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
    return {row[0].strip("`"): row[1:] for row in rows if len(row) == columns and row[0].startswith("`")}


def test_the_page_lists_every_network_with_its_figures() -> None:
    rows = _rows(columns=7)
    assert list(rows) == list(MODELS)
    for name, (_, layers, computing, gmacs, weights, source) in rows.items():
        model = build_model(name)
        figures = (len(model.layers), sum(not layer.rides for layer in model.layers))
        assert (int(layers), int(computing)) == figures
        assert (gmacs, weights) == (f"{model.macs / 1e9:.3f}", f"{model.weight_elements / 1e6:.3f}")
        assert source == model.source


def test_the_page_lists_the_ten_scenarios_with_their_batches() -> None:
    rows = _rows(columns=3)
    assert set(rows) == {name for name in SCENARIOS if not name.startswith("paper/") and not name.endswith("-frame")}
    for name, (_, tasks) in rows.items():
        batches = [(task, int(batch)) for task, batch in re.findall(r"([\w-]+) \((\d+)\)", tasks)]
        assert batches == [(task.name, task.batch) for task in build_scenario(name).tasks]
