"""What all drawings share: the patterns that their fills refer to, and axes."""

from __future__ import annotations

import math

from markupsafe import Markup

from chipweave.evaluation.record import ENERGY_PARTS
from chipweave.report.html.markup import joined, tag
from chipweave.report.palette import COMPONENTS, DARK, HATCHES, HUES, LIGHT, Hatch, shade_of

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def model_fill(model: int) -> str:
    """The value of a `fill` attribute: the pattern of a model. Models with the same one share it."""
    return f"url(#model-{model % (len(HUES) * len(HATCHES))})"


def model_line(model: int) -> str:
    return f"var(--line-{model % len(HUES)}, {shade_of(HUES[model % len(HUES)]).line})"


def component_fill(name: str) -> str:
    return f"url(#part-{name})"


def patterns(models: int) -> Markup:
    """An invisible drawing that holds the patterns of so many models and of the parts of energy, once a page."""
    parts = [
        _pattern(f"model-{model}", model % len(HUES), HATCHES[model % len(HATCHES)])
        for model in range(min(models, len(HUES) * len(HATCHES)))
    ]
    for name in ENERGY_PARTS:
        hue, hatch = COMPONENTS[name]
        parts.append(_pattern(f"part-{name}", HUES.index(hue), hatch))
    tail = tag("path", d="M-2 2L2-2M0 8L8 0M6 10L10 6", class_="faint", stroke_width=1, fill="none")
    parts.append(tag("pattern", tail, id="tail", width=8, height=8, patternUnits="userSpaceOnUse"))
    return tag("svg", tag("defs", joined(parts)), width=0, height=0, class_="patterns", aria_hidden="true")


def _pattern(identifier: str, hue: int, hatch: Hatch) -> Markup:
    shade = shade_of(HUES[hue])
    ground = tag("rect", width=8, height=8, fill=f"var(--fill-{hue}, {shade.fill})")
    line = f"var(--line-{hue}, {shade.line})"
    texture = tag("path", d=hatch.path, stroke=line, stroke_width=hatch.stroke, stroke_linecap="round", fill="none")
    inner = ground + texture if hatch.path else ground
    return tag("pattern", inner, id=identifier, width=8, height=8, patternUnits="userSpaceOnUse")


def variables() -> str:
    """CSS: the palette as custom properties, for a light and a dark page."""

    def block(theme_name: str) -> str:
        from chipweave.report.palette import HEAT

        theme = {"light": LIGHT, "dark": DARK}[theme_name]
        shades = [shade_of(hue, theme) for hue in HUES]
        lines = [f"--background:{theme.background};--text:{theme.text};"]
        lines += [f"--fill-{i}:{shade.fill};--line-{i}:{shade.line};" for i, shade in enumerate(shades)]
        lines += [f"--heat-{i}:{colour};" for i, colour in enumerate(HEAT[theme])]
        return f"color-scheme:{theme_name};" + "".join(lines)

    return (
        f":root{{{block('light')}}}\n"
        f"@media screen and (prefers-color-scheme: dark){{:root:not([data-theme=light]){{{block('dark')}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{block('dark')}}}}}\n"
    )


def ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Round values from `low` to `high`, at most so many: steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next((factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= most), 10)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from `low` to `high`, for logarithmic axes; only 1s over many decades."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(exponents) <= 4 else (1,)
    found = [factor * 10.0**exponent for exponent in exponents for factor in factors]
    return [value for value in found if low <= value <= high]
