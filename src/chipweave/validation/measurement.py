"""What a validation is: measured figures, each beside our prediction, with what must be reached and what was found."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chipweave.errors import InputError


@dataclass(frozen=True)
class Point:
    """One figure that was measured or published, beside our prediction of it.

    Args:
        name: of what was measured, such as a layer or a model.
        quantity: that was measured, such as `time`; points of one quantity are summed up together.
        unit: of both figures.
        measured: the figure of the source, positive.
        predicted: ours; None where it cannot be predicted, and `note` says why.
        note: why the two differ, where they differ much.
        held_out: the point is of the half that no parameter may be set from.

    Raises:
        InputError: a figure that is not positive, or no prediction and no reason for that.
    """

    name: str
    quantity: str
    unit: str
    measured: float
    predicted: float | None
    note: str = ""
    held_out: bool = False

    def __post_init__(self) -> None:
        for key in ("measured", "predicted"):
            value = getattr(self, key)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"point '{self.name}': {key}={value} is not a positive number")
        if self.predicted is None and not self.note:
            raise InputError(f"point '{self.name}': has no prediction; say in its note why")

    @property
    def ratio(self) -> float | None:
        """Predicted over measured; None where there is no prediction."""
        return None if self.predicted is None else self.predicted / self.measured


@dataclass(frozen=True)
class Target:
    """Something that must be reached, judged in code.

    Args:
        text: what must be reached, as a sentence.
        reached: whether it is.
        figure: the figure that was judged, with its unit.
    """

    text: str
    reached: bool
    figure: str


@dataclass(frozen=True)
class Validation:
    """One set of measured figures and what our models make of it.

    Args:
        name: as the command line knows it.
        title: as a heading of the page.
        source: where the measured figures come from, with a citation.
        setting: Markdown sentences that name every parameter of the prediction, and where it comes from.
        points: in the order of the source.
        targets: what must be reached.
        findings: Markdown sentences: causes of differences, with their size.
    """

    name: str
    title: str
    source: str
    setting: tuple[str, ...]
    points: tuple[Point, ...]
    targets: tuple[Target, ...] = ()
    findings: tuple[str, ...] = ()
