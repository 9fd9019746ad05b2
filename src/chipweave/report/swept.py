"""Words for what came out of a sweep: values of axes, figures, and what the sweep as a whole says."""

from __future__ import annotations

import json

from chipweave.evaluation.glossary import TERMS
from chipweave.report.quantities import quantity
from chipweave.results.sweep_summary import SweepFront, SweepSummary

UNITS = {
    "bytes_s": "B/s",
    "bytes": "B",
    "j_per_bit": "J/bit",
    "j_per_byte": "J/B",
    "hz": "Hz",
    "nm": "nm",
    "bits": "bit",
    "usd": "USD",
    "s": "s",
    "j": "J",
    "w": "W",
}
"""Of an axis, by how the last part of its path ends."""
PLAIN = ("nm", "bit")
"""Units that take no prefix."""


def axis_unit(path: str) -> str:
    """The unit that the name of an axis says; empty where it says none."""
    name = path.rsplit(".", 1)[-1]
    return next((unit for end, unit in UNITS.items() if name.endswith(f"_{end}")), "")


def axis_text(path: str, value: object) -> str:
    """A value of an axis as people read it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            unit = axis_unit(path)
            if unit and unit not in PLAIN:
                return quantity(value, unit)
            return " ".join([f"{value:,}" if isinstance(value, int) else f"{value:.6g}", *([unit] if unit else [])])
        case str():
            return value
        case None:
            return "–"
        case dict() if all(isinstance(each, str | int | float) for each in value.values()):
            return ", ".join(f"{name} {each}" for name, each in value.items())
        case list() if value and all(isinstance(row, list) for row in value):
            return " / ".join(" ".join(map(str, row)) for row in value)
    return json.dumps(value)


def label(figure: str) -> str:
    """What a figure of a point is called."""
    return TERMS[f"point.{figure}"].label


def front_name(front: SweepFront) -> str:
    """`EDP and package price`."""
    *others, last = map(label, front.figures)
    return f"{', '.join(others)} and {last}"


def counts(summary: SweepSummary) -> str:
    """How many points there are, and what became of them."""
    parts = [f"{summary.finished:,} finished"]
    parts += [f"{summary.failed:,} failed"] if summary.failed else []
    parts += [f"{summary.waiting:,} not run yet"] if summary.waiting else []
    return f"{summary.count:,} points: {', '.join(parts)}"


def notes(summary: SweepSummary) -> list[str]:
    """What a reader must know to read the figures."""
    found = []
    if len(summary.points) < summary.count:
        found.append(
            f"{len(summary.points):,} of {summary.count:,} points are drawn and listed: those of the fronts and the "
            "best of each value (of long fronts a part), and a sample, evenly spread over the order of the sweep. "
            "Fronts, groups and sensitivities are those of all points; points.csv has them all."
        )
    if summary.ended_early:
        found.append(f"{summary.ended_early:,} searches were ended by their time limit.")
    if summary.by_factors and summary.sensitivities:
        found.append(
            "Sensitivities are those of the logarithm of a figure that is always positive: they say by what factors it "
            "changes."
        )
    if summary.sensitivities and summary.whole_product:
        found.append("Every combination of the axes' values is finished, so that the parts of the variance are exact.")
    elif summary.sensitivities:
        found.append(
            "Not every combination of the axes' values is finished, so that the part that an axis explains by itself "
            "is estimated, axes that go together share what they explain, and total indices are left out."
        )
    return found
