"""Colours, hatches and letters by which models and components are told apart, in colour and in black and white.

Hues are those of Okabe and Ito, made for colour-blind readers (Color Universal Design, 2008); each is lightened or
darkened until it stands out from the background, and text from it. There are eight hues and seven hatches, so 56
models differ in one or the other; neighbours differ in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase


@dataclass(frozen=True, slots=True)
class Hatch:
    """A texture.

    Args:
        path: an SVG path to stroke in a tile of 8 x 8; empty: none.
        stroke: its width in the tile.
        matplotlib: the same as matplotlib writes hatches.
    """

    path: str
    stroke: float
    matplotlib: str


@dataclass(frozen=True, slots=True)
class Shade:
    """A fill that text is readable on, and a line that stands out from the background, as `#rrggbb`."""

    fill: str
    line: str


@dataclass(frozen=True, slots=True)
class Theme:
    """What everything is drawn on, as `#rrggbb`."""

    background: str
    text: str


LIGHT = Theme("#ffffff", "#1a1d21")
DARK = Theme("#15181c", "#e8eaed")

HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#8c8c8c")
"""Blue, orange, bluish green, reddish purple, sky blue, vermillion, yellow, and grey for the set's black."""

_RISING, _FALLING = "M-2 2L2-2M0 8L8 0M6 10L10 6", "M-2 6L2 10M0 0L8 8M6-2L10 2"
HATCHES = (
    Hatch("", 0.0, ""),
    Hatch(_RISING, 1.4, "////"),
    Hatch("M2 2h.01M6 6h.01", 2.4, "...."),
    Hatch(_FALLING, 1.4, "\\\\\\\\"),
    Hatch("M0 4H8", 1.4, "----"),
    Hatch(_RISING + _FALLING, 1.0, "xxxx"),
    Hatch("M4 0V8", 1.4, "||||"),
)

COMPONENTS = {
    "mac": ("#0072b2", HATCHES[0]),
    "l1": ("#56b4e9", HATCHES[1]),
    "l2": ("#56b4e9", HATCHES[0]),
    "noc": ("#0072b2", HATCHES[3]),
    "fill": ("#009e73", HATCHES[0]),
    "drain": ("#009e73", HATCHES[2]),
    "dram": ("#d55e00", HATCHES[0]),
    "nop": ("#e69f00", HATCHES[1]),
    "static": ("#8c8c8c", HATCHES[4]),
}
"""Hue and hatch of each part of the energy: inside the chiplet blue, to and from L2 green, outside warm."""

HEAT = {
    LIGHT: ("#c6ccd3", "#a9b6d4", "#8f96cf", "#8c66bd", "#a1368c", "#a80f3c"),
    DARK: ("#434b55", "#515f8a", "#6e76bf", "#a07fd8", "#e088cb", "#ffb199"),
}
"""From next to nothing to all of it, farther and farther from the background; widths grow along."""
HEAT_LIMITS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Upper ends of the steps, as shares."""


def letter(model: int) -> str:
    """A to Z, then AA, AB, ..."""
    first, last = divmod(model, len(ascii_uppercase))
    return (letter(first - 1) if first else "") + ascii_uppercase[last]


def hatch(model: int) -> Hatch:
    return HATCHES[model % len(HATCHES)]


def shade(model: int, theme: Theme = LIGHT) -> Shade:
    """Fill and line of a model."""
    return shade_of(HUES[model % len(HUES)], theme)


def shade_of(hue: str, theme: Theme = LIGHT) -> Shade:
    """Fill and line of a hue: text on the fill has a contrast of at least 4.5, the line on the background 3."""
    share = 0.6
    while contrast(theme.text, fill := mix(hue, theme.background, share)) < 4.5:
        share -= 0.05
    share = 1.0
    while contrast(theme.background, line := mix(hue, theme.text, share)) < 3:
        share -= 0.05
    return Shade(fill, line)


def mix(one: str, other: str, share: float) -> str:
    """`share` of one colour and the rest of the other, channel by channel."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, from 1 to 21 (WCAG 2.2, relative luminance)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [channel / 255 for channel in _channels(colour)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
