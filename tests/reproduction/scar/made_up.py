"""Answers that nobody computed, for tests of what is made of answers."""

from __future__ import annotations

from typing import Any

from chipweave.reproduction.question import Answer, Question
from chipweave.reproduction.scar.fig_2 import BARS, BEST, Study
from chipweave.reproduction.scar.most_windows import MostWindows
from chipweave.reproduction.scar.profile import Experiment
from chipweave.reproduction.scar.space import Space


def outcome(latency_s: float, energy_j: float, **more: Any) -> dict[str, Any]:
    """As of an `Experiment`."""
    plain: dict[str, Any] = {"front": [], "windows": [], "evaluated": 100}
    return plain | {"latency_s": latency_s, "energy_j": energy_j, "edp_js": latency_s * energy_j} | more


def answer_to(question: Question) -> Answer:
    """Some answer of the right shape to any question of SCAR."""
    if isinstance(question, Experiment | MostWindows):
        return outcome(2.0, 3.0)
    if isinstance(question, Study):
        bar = {"edp": 0.5, "latency": 0.5, "energy": 1.0, "kinds": "WWW"}
        return {"bars": dict.fromkeys((*BARS, *BEST), bar), "affinity": "WWWO"}
    assert isinstance(question, Space)
    return {"chiplets": 9, "layers": [2, 2], "partitions": 1, "rule": 3.0, "exhaustive": 4.0}
