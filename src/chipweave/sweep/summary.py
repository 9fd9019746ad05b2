"""From the points of a sweep to what its report shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chipweave.errors import InputError
from chipweave.results.sweep_summary import (
    MORE_IS_BETTER,
    WHOLE,
    BestOf,
    FailureGroup,
    SweepFront,
    SweepSummary,
    SweptAxis,
    SweptPoint,
)
from chipweave.sweep.gather import Gathered, short_labels
from chipweave.sweep.influence import coded, groups, sensitivities
from chipweave.sweep.pareto import hypervolume, on_front

MOST_SAMPLED, MOST_OF_A_FRONT = 300, 200
"""Points that are drawn and listed beside those of fronts and groups; and of each front."""
MOST_REASONS, POINTS_OF_A_REASON = 40, 5
BEYOND = 0.1
"""Of the span of a figure: so far beyond its worst value is the corner of a hypervolume that nobody sets."""
USUAL = ("edp_js", "price_usd"), ("latency_s", "energy_j")
"""Figures of fronts where none are asked for."""


def summarise(
    name: str, found: Gathered, asked: Sequence[str] = (), reference: Sequence[float] | None = None
) -> SweepSummary:
    """What a sweep's report shows.

    Args:
        asked: two or three figures whose front comes first; EDP and price, as far as known, without them.
        reference: the corner of this front's hypervolume, in the figures' units; without it a bit beyond the worst
            values (`BEYOND`).

    Raises:
        InputError: no point is finished, a figure is unknown, or there are not two or three of them.
    """
    if not found.finished.any():
        failed = f", and {len(found.failures)} failed" if found.failures else ""
        raise InputError(f"sweep '{name}': of its {len(found.keys)} points none is finished{failed}; run it first")
    wanted = _figures(found, asked)
    fronts = tuple(
        _front(found, figures, reference if number == 0 else None) for number, figures in enumerate(wanted)
    )
    axes = coded(found)
    best = tuple(group for axis in axes for group in groups(found, axis, wanted[0][0]))
    matters, by_factors, whole = sensitivities(found, axes, wanted[0])
    reasons, left_out = _failures(found)
    labels = short_labels([axis.path for axis in axes])
    return SweepSummary(
        name,
        len(found.keys),
        int(found.finished.sum()),
        len(found.failures),
        found.same,
        tuple(SweptAxis(axis.path, labels[axis.path], len(axis.values)) for axis in axes),
        tuple(found.figures),
        fronts,
        best,
        matters,
        by_factors,
        whole and bool(found.finished.all()),
        reasons,
        left_out,
        found.ended_early,
        tuple(_point(found, number) for number in _kept(found, fronts, best, reasons)),
    )


def front_positions(summary: SweepSummary) -> list[int]:
    """Positions of the points on the fronts that are shown, each once, the asked front's first."""
    every = (position for front in summary.fronts for position in front.positions if position in summary.at)
    return list(dict.fromkeys(every))


def _figures(found: Gathered, asked: Sequence[str]) -> list[tuple[str, ...]]:
    """The figures of each front."""
    if asked and (len(asked) not in (2, 3) or len(set(asked)) < len(asked)):
        raise InputError(f"a front is one of two or three different figures, not of {', '.join(asked)}")
    for name in asked:
        found.figure(name)
    usual = [figures for figures in USUAL if all(name in found.figures for name in figures)]
    return ([tuple(asked)] if asked else []) + [figures for figures in usual if set(figures) != set(asked)]


def _front(found: Gathered, figures: tuple[str, ...], reference: Sequence[float] | None) -> SweepFront:
    """The front of two or three figures, each turned so that less is better."""
    turned = np.array([-1.0 if name in MORE_IS_BETTER else 1.0 for name in figures])
    values = np.column_stack([found.figure(name) for name in figures]) * turned
    known = np.flatnonzero(np.isfinite(values).all(axis=1))
    if not len(known):
        raise InputError(f"no finished point has all of {', '.join(figures)}; take other figures")
    values = values[known]
    if reference is None:
        corner = values.max(axis=0) + BEYOND * np.ptp(values, axis=0)
    elif len(reference) != len(figures) or not np.isfinite(reference).all():
        raise InputError(f"--reference: a front of {len(figures)} figures needs as many finite numbers, one each")
    else:
        corner = np.asarray(reference, np.float64) * turned
    best = known[on_front(values)]
    keys = [found.figure(name)[best] * turn for name, turn in zip(figures, turned, strict=True)]
    order = np.lexsort([found.positions[best], *reversed(keys)])
    volume = hypervolume(values, corner.tolist())
    box = float(np.prod(np.maximum(corner - values.min(axis=0), 0.0)))
    return SweepFront(
        figures,
        tuple(found.positions[best[order]].tolist()),
        tuple((corner * turned).tolist()),
        volume,
        volume / box if box > 0 else None,
    )


def _failures(found: Gathered) -> tuple[tuple[FailureGroup, ...], int]:
    """The reasons, the most frequent first, and how many points have others."""
    members: dict[tuple[str, str], list[int]] = {}
    for number, why in sorted(found.failures.items()):
        members.setdefault(why, []).append(int(found.positions[number]))
    ordered = sorted(members.items(), key=lambda each: -len(each[1]))
    made = [
        FailureGroup(kind, reason, len(positions), tuple(positions[:POINTS_OF_A_REASON]))
        for (kind, reason), positions in ordered[:MOST_REASONS]
    ]
    return tuple(made), sum(len(positions) for _, positions in ordered[MOST_REASONS:])


def _kept(
    found: Gathered, fronts: Sequence[SweepFront], best: Sequence[BestOf], reasons: Sequence[FailureGroup]
) -> list[int]:
    """The numbers of the points that are drawn and listed."""
    positions = {position for front in fronts for position in _spread(front.positions, MOST_OF_A_FRONT)}
    positions |= {group.position for group in best if group.position is not None}
    positions |= {position for group in reasons for position in group.positions}
    numbers = set(np.searchsorted(found.positions, sorted(positions)).tolist())
    return sorted(numbers | set(_spread(np.flatnonzero(found.finished).tolist(), MOST_SAMPLED)))


def _spread(items: Sequence[int], most: int) -> Sequence[int]:
    """At most so many of the items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[place * (len(items) - 1) // (most - 1)] for place in range(most)]


def _point(found: Gathered, number: int) -> SweptPoint:
    def value(name: str) -> float | None:
        figure = float(found.figures[name][number])
        return None if np.isnan(figure) else int(figure) if name in WHOLE else figure

    return SweptPoint(
        int(found.positions[number]),
        found.keys[number],
        {path: column[number] for path, column in found.axes.items()},
        {name: value(name) for name in found.figures},
        found.failures.get(number, ("", ""))[1],
    )
