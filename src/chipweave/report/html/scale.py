"""Where values stand on an axis, and which of them are written beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from chipweave.report.html.drawing import decades, ticks
from chipweave.report.quantities import quantity


@dataclass(frozen=True)
class Scale:
    """Values to pixels; logarithmic where they span more than a factor of 4."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool
    unit: str

    @staticmethod
    def over(values: Sequence[float], start: float, end: float, unit: str) -> Scale:
        low, high = min(values), max(values)
        logarithmic = low > 0 and high > 4 * low
        if logarithmic:
            room = 0.08 * math.log(high / low)
            return Scale(low * math.exp(-room), high * math.exp(room), start, end, True, unit)
        room = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
        return Scale(low - room, high + room, start, end, False, unit)

    def at(self, value: float) -> float:
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def label(self, value: float) -> str:
        if self.unit == "share":
            return f"{100 * value:.3g} %"
        if self.unit == "USD":
            return f"${value:,.6g}"
        return quantity(value, self.unit) if self.unit else f"{value:.3g}"

    def ticks(self) -> list[float]:
        if self.logarithmic:
            found = decades(self.low, self.high)
            if len(found) >= 2:
                return found
        return ticks(self.low, self.high, 5)
