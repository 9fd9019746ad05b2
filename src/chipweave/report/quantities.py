"""Numbers with their units, as people read them."""

from __future__ import annotations

import math

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}


def quantity(value: float, unit: str) -> str:
    """Three significant digits with an SI prefix: 12.3 ms; of money, cents as far as they matter."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.3g} {unit}"
    if unit == "USD":
        return f"{value:,.2f} USD" if abs(value) < 1000 else f"{value:,.0f} USD"
    if unit == "s" and abs(value) >= 1000:
        return f"{value:,.0f} s"
    mantissa, exponent = f"{value:.2e}".split("e")
    prefix = 3 * (int(exponent) // 3)
    if prefix not in _PREFIXES:
        return f"{value:.3g} {unit}"
    shift = int(exponent) - prefix
    return f"{float(mantissa) * 10**shift:.{2 - shift}f} {_PREFIXES[prefix]}{unit}"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def valued(value: float, objective: str) -> str:
    """A value of the objective, in the form and unit of the totals; of an expression, whose unit is its own, plain."""
    match objective:
        case "latency":
            return quantity(value, "s")
        case "energy":
            return quantity(value, "J")
        case "edp":
            return f"{value:.4g} Js"
        case "throughput":
            return f"{quantity(value, 's')} for the batch"
    return f"{value:.4g}"


def axis_prefix(longest_s: float) -> tuple[int, str]:
    """Power of ten and SI prefix in which to write times on an axis that ends at `longest_s`."""
    exponent = max(-15, min(0, 3 * math.floor(math.log10(max(abs(longest_s), 1e-15)) / 3)))
    return exponent, {0: "", -3: "m", -6: "µ", -9: "n", -12: "p", -15: "f"}[exponent]
