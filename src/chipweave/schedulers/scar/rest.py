"""What the units that a label still lacks take at least, and whether it may end within the caps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.tables.compiled_law import law
from chipweave.evaluation.tables.single import StageTables
from chipweave.ndarrays import Floats
from chipweave.schedulers.scar.comparing import CARRIED, Beat, cap_at
from chipweave.schedulers.scar.energy_caps import Caps

HAIR = 0.999999999
PACES = 24


class Rest(NamedTuple):
    """What the units of a window from j on take at least, however they are cut into stages on these places.

    A slow pace may save joules, so the least figures hold for stages that are no slower than each of several paces:
    what a label becomes lies behind the least latency and energy at one of them.

    Args:
        pace_s: [g] ascending; no stage is slower than the last.
        first_s, energy_j, dram_bytes: [n + 1, g] seconds of the first micro-batch, joules and DRAM bytes of stages
            that are no slower than pace g.
        steady_s: [left + 1, n + 1] seconds of the slowest of up to so many stages; infinite where they are too few.
    """

    pace_s: Floats
    first_s: Floats
    energy_j: Floats
    dram_bytes: Floats
    steady_s: Floats


@kernel(nogil=True)
def rest_of(tables: StageTables, longest: int) -> Rest:
    """The least of each figure apart, by dynamic programs from the back; up to `longest` stages."""
    kinds, n = tables.fill_s.shape[0], tables.fill_s.shape[1]
    steady_s = _least_steady_s(tables, longest)
    most_s = 0.0
    for kind in range(kinds):
        for i in range(n):
            for j in range(i, n):
                if tables.fill_s[kind, i, j] < np.inf:
                    most_s = max(most_s, tables.steady_s[kind, i, j])
    pace_s = np.full(PACES, np.inf)
    least_s = max(steady_s[longest, 0], most_s * 1e-6)
    for g in range(PACES - 1):
        pace_s[g] = least_s * (max(most_s, least_s) / least_s) ** (g / (PACES - 1)) if least_s > 0.0 else np.inf
    shape = (n + 1, PACES)
    rest = Rest(pace_s, np.full(shape, np.inf), np.full(shape, np.inf), np.full(shape, np.inf), steady_s)
    _least_at_paces(tables, rest)
    return rest


@inner()
def _least_steady_s(tables: StageTables, longest: int) -> Floats:
    kinds, n = tables.fill_s.shape[0], tables.fill_s.shape[1]
    found = np.full((longest + 1, n + 1), np.inf)
    for left in range(longest + 1):
        found[left, n] = 0.0
    for i in range(n - 1, -1, -1):
        for j in range(i, n):
            own_s = np.inf
            for kind in range(kinds):
                own_s = min(own_s, tables.steady_s[kind, i, j])
            if own_s == np.inf:
                continue
            for left in range(1, longest + 1):
                found[left, i] = min(found[left, i], max(own_s, found[left - 1, j + 1]))
    return found


@inner()
def _least_at_paces(tables: StageTables, rest: Rest) -> None:
    """Fill in the least figures of stages that are no slower than each pace."""
    first_s, energy_j, dram_bytes = rest.first_s, rest.energy_j, rest.dram_bytes
    kinds, n = tables.fill_s.shape[0], tables.fill_s.shape[1]
    for g in range(PACES):
        first_s[n, g] = energy_j[n, g] = dram_bytes[n, g] = 0.0
    for i in range(n - 1, -1, -1):
        for kind in range(kinds):
            for j in range(i, n):
                at = (kind, i, j)
                if tables.fill_s[at] == np.inf:
                    continue
                since = 0
                while rest.pace_s[since] < tables.steady_s[at] * HAIR:
                    since += 1
                fill_s, own_j, own_bytes = tables.fill_s[at], tables.energy_j[at], tables.dram_bytes[at]
                for g in range(since, PACES):
                    first_s[i, g] = min(first_s[i, g], fill_s + first_s[j + 1, g])
                    energy_j[i, g] = min(energy_j[i, g], own_j + energy_j[j + 1, g])
                    dram_bytes[i, g] = min(dram_bytes[i, g], own_bytes + dram_bytes[j + 1, g])
    # A hair low: rounding must not lift what a label becomes at least above what it becomes.
    for i in range(n):
        for g in range(PACES):
            first_s[i, g] *= HAIR
            energy_j[i, g] *= HAIR
            dram_bytes[i, g] *= HAIR


@inner()
def _least_s(new: Floats, rest_s: float, slowest_s: float, beat: Beat) -> float:
    """What no pipeline goes below that a label becomes.

    Args:
        rest_s: least seconds of the first micro-batch through the stages to come; slowest_s: of their slowest.
    """
    first_s = new[0, 0] + rest_s
    if not beat.rates.detailed:
        return float(law.pipeline_s(first_s, max(new[0, 1], slowest_s), beat.number))
    if beat.number == 1:
        return float(first_s)
    # The last micro-batch passes the rest behind when it left the label, or a pace behind others in the rest.
    last_s = new[0, 5] + beat.last * rest_s
    paced_s = new[0, 0] + beat.last * rest_s + (beat.number - 2 + beat.last) * slowest_s
    return float(max(last_s, paced_s, first_s + (beat.number - 2) * max(new[0, 1], slowest_s)))


@inner()
def fill_at_least(new: Floats, rest: Rest, unit: int, left: int, beat: Beat, figures: Floats) -> None:
    """Fill `figures` with what a label becomes at least when the units from `unit` on are added, on so many places."""
    any_ = PACES - 1
    figures[0] = _least_s(new, rest.first_s[unit, any_], rest.steady_s[left, unit], beat)
    figures[1] = new[0, 2] + rest.energy_j[unit, any_]
    figures[2] = new[0, 3] + rest.dram_bytes[unit, any_]


@inner()
def _within(new: Floats, rest: Rest, at: tuple[int, int], beat: Beat, caps: Caps, g: int) -> bool:
    """Whether a label may stay within the caps that becomes no slower than pace g, but slower than the one before."""
    unit, left = at
    rest_s = rest.steady_s[left, unit]
    if rest.pace_s[g] < max(new[0, 1], rest_s):
        return False
    if g > 0 and rest.pace_s[g - 1] >= max(new[0, 1], rest_s):
        rest_s = rest.pace_s[g - 1]  # as the label has no slower stage, there is one to come
        if rest_s == np.inf:
            return False
    latency_s = _least_s(new, rest.first_s[unit, g], rest_s, beat)
    return bool(new[0, 2] + rest.energy_j[unit, g] <= cap_at(latency_s, caps))


@inner()
def affordable(new: Floats, rest: Rest, at: tuple[int, int], beat: Beat, caps: Caps) -> bool:
    """Whether a label, with the units from at[0] on added on at[1] places, may stay within the caps at some pace."""
    for g in range(PACES):  # noqa: SIM110 - a generator does not compile
        if _within(new, rest, at, beat, caps, g):
            return True
    return False


@kernel(nogil=True)
def any_within(rest: Rest, longest: int, beat: Beat, caps: Caps) -> bool:
    """Whether any pipeline of up to `longest` stages may stay within the caps."""
    return affordable(np.zeros((1, CARRIED)), rest, (0, longest), beat, caps)


@kernel(nogil=True)
def least_latency_s(rest: Rest, longest: int, beat: Beat) -> float:
    """Seconds that no pipeline of up to `longest` stages goes below."""
    return _least_s(np.zeros((1, CARRIED)), rest.first_s[0, PACES - 1], rest.steady_s[longest, 0], beat)
