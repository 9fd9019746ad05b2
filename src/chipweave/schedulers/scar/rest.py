"""What the units that a label still lacks take at least, and whether it may end within the caps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from chipweave.compiled import inner, kernel
from chipweave.evaluation.tables.compiled_law import law
from chipweave.evaluation.tables.single import StageTables
from chipweave.ndarrays import Floats, Ints
from chipweave.schedulers.scar.comparing import CARRIED, Beat, cap_at
from chipweave.schedulers.scar.energy_caps import Caps
from chipweave.schedulers.scar.trees import Onward

HAIR = 0.999999999
PACES = 12
STEPS = 4
"""What is fast costs more joules and what is cheap takes longer: between the two, so many corners are looked at."""


class Rest(NamedTuple):
    """What the units of a window from i on take at least, however they are cut into stages, on the places to which a
    path may go on (`trees.Onward`).

    A slow pace may save joules, so the least figures hold for stages that are no slower than each of several paces:
    what a label becomes lies behind the least latency and energy at one of them. What is fast may cost more joules than
    what is cheap, so beside each figure's least there is the line behind which both together lie.

    Args:
        of_node: [nodes] each node's way to go on; the last way is that of the empty path.
        pace_s: [g] ascending; no stage is slower than the last.
        first_s, energy_j: [ways, n + 1, g] seconds of the first micro-batch, and joules, of stages that are no slower
            than pace g; infinite where a way has too few places.
        fast_j, cheap_s: [ways, n + 1, g] the line's ends: joules beside `first_s`, and seconds beside `energy_j`.
        dram_bytes, steady_s: [ways, n + 1] at any pace: DRAM bytes, and seconds of the slowest stage.
    """

    of_node: Ints
    pace_s: Floats
    first_s: Floats
    energy_j: Floats
    fast_j: Floats
    cheap_s: Floats
    dram_bytes: Floats
    steady_s: Floats


@kernel(nogil=True)
def rest_of(tables: StageTables, onward: Onward) -> Rest:
    """The least figures, by dynamic programs from the back."""
    kinds, n = tables.fill_s.shape[0], tables.fill_s.shape[1]
    dram_bytes, steady_s = _least_alone(tables, onward)
    most_s = 0.0
    for kind in range(kinds):
        for i in range(n):
            for j in range(i, n):
                if tables.fill_s[kind, i, j] < np.inf:
                    most_s = max(most_s, tables.steady_s[kind, i, j])
    pace_s = np.full(PACES, np.inf)
    least_s = max(steady_s[-1, 0], most_s * 1e-6)
    for g in range(PACES - 1):
        pace_s[g] = least_s * (max(most_s, least_s) / least_s) ** (g / (PACES - 1)) if least_s > 0.0 else np.inf
    shape = (len(steady_s), n + 1, PACES)
    first_s, energy_j = np.full(shape, np.inf), np.full(shape, np.inf)
    rest = Rest(onward.of_node, pace_s, first_s, energy_j, first_s.copy(), first_s.copy(), dram_bytes, steady_s)
    _least_at_paces(tables, onward, rest)
    _least_together(tables, onward, rest)
    return rest


@inner()
def _least_alone(tables: StageTables, onward: Onward) -> tuple[Floats, Floats]:
    """DRAM bytes, and seconds of the slowest stage."""
    n, ways = tables.fill_s.shape[1], len(onward.begin) - 1
    bytes_, slowest_s = np.full((ways, n + 1), np.inf), np.full((ways, n + 1), np.inf)
    for way in range(ways):
        bytes_[way, n] = slowest_s[way, n] = 0.0
        for step in range(onward.begin[way], onward.begin[way + 1]):
            kind, to = onward.kind[step], onward.to[step]
            for i in range(n):
                for j in range(i, n):
                    if tables.fill_s[kind, i, j] < np.inf:
                        own_bytes = tables.dram_bytes[kind, i, j]
                        bytes_[way, i] = min(bytes_[way, i], (own_bytes + bytes_[to, j + 1]) * HAIR)
                        slowest_s[way, i] = min(
                            slowest_s[way, i], max(tables.steady_s[kind, i, j], slowest_s[to, j + 1])
                        )
    return bytes_, slowest_s


@inner()
def _since(pace_s: Floats, steady_s: float) -> int:
    """The first pace that a stage is no slower than."""
    since = 0
    while pace_s[since] < steady_s * HAIR:
        since += 1
    return since


@inner()
def _least_at_paces(tables: StageTables, onward: Onward, rest: Rest) -> None:
    """Fill in the least of seconds and of joules at each pace, and beside it what the other figure is then."""
    _, pace_s, first_s, energy_j, fast_j, cheap_s, _, steady_s = rest
    n = tables.fill_s.shape[1]
    for way in range(len(steady_s)):
        for g in range(PACES):
            first_s[way, n, g] = energy_j[way, n, g] = fast_j[way, n, g] = cheap_s[way, n, g] = 0.0
        for step in range(onward.begin[way], onward.begin[way + 1]):
            kind, to = onward.kind[step], onward.to[step]
            for i in range(n):
                for j in range(i, n):
                    fill_s, own_j = tables.fill_s[kind, i, j], tables.energy_j[kind, i, j]
                    if fill_s == np.inf or steady_s[to, j + 1] == np.inf:
                        continue
                    for g in range(_since(pace_s, tables.steady_s[kind, i, j]), PACES):
                        seconds, joules = fill_s + first_s[to, j + 1, g], own_j + energy_j[to, j + 1, g]
                        if seconds < first_s[way, i, g]:
                            first_s[way, i, g], fast_j[way, i, g] = seconds, own_j + fast_j[to, j + 1, g]
                        if joules < energy_j[way, i, g]:
                            energy_j[way, i, g], cheap_s[way, i, g] = joules, fill_s + cheap_s[to, j + 1, g]


@inner()
def _least_together(tables: StageTables, onward: Onward, rest: Rest) -> None:
    """Fill in the line's ends at each pace: from the least of seconds and joules together, at the price at which the
    fastest and the cheapest stages of the whole window cost alike."""
    _, pace_s, first_s, energy_j, fast_j, cheap_s, _, steady_s = rest
    n, price, both = tables.fill_s.shape[1], np.empty(PACES), np.full(first_s.shape, np.inf)
    for g in range(PACES):
        saved_s = cheap_s[-1, 0, g] - first_s[-1, 0, g]
        saved_j = fast_j[-1, 0, g] - energy_j[-1, 0, g]
        price[g] = saved_s / saved_j if 0.0 < saved_s < np.inf and 0.0 < saved_j < np.inf else 0.0
    for way in range(len(steady_s)):
        both[way, n] = 0.0
        for step in range(onward.begin[way], onward.begin[way + 1]):
            kind, to = onward.kind[step], onward.to[step]
            for i in range(n):
                for j in range(i, n):
                    fill_s, own_j = tables.fill_s[kind, i, j], tables.energy_j[kind, i, j]
                    if fill_s == np.inf or steady_s[to, j + 1] == np.inf:
                        continue
                    for g in range(_since(pace_s, tables.steady_s[kind, i, j]), PACES):
                        both[way, i, g] = min(both[way, i, g], fill_s + price[g] * own_j + both[to, j + 1, g])
    for way in range(len(steady_s)):
        for i in range(n + 1):
            for g in range(PACES):
                _lay_line(rest, (way, i, g), price[g], both[way, i, g])


@inner()
def _lay_line(rest: Rest, at: tuple[int, int, int], price: float, both: float) -> None:
    """Fill in the ends of one line. All figures become a hair lower: rounding must not lift what a label becomes at
    least above what it becomes."""
    least_s, least_j, least = rest.first_s[at] * HAIR, rest.energy_j[at] * HAIR, both * HAIR
    rest.first_s[at], rest.energy_j[at] = least_s, least_j
    rest.fast_j[at], rest.cheap_s[at] = least_j, least_s
    if price > 0.0 and least < np.inf:
        rest.fast_j[at] = max(least_j, (least - least_s) / price * HAIR)
        rest.cheap_s[at] = max(least_s, (least - price * least_j) * HAIR)


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
def fill_at_least(new: Floats, rest: Rest, at: tuple[int, int], beat: Beat, figures: Floats) -> None:
    """Fill `figures` with what a label becomes at least when it goes on by way at[0] with the units from at[1] on."""
    way, unit = at
    figures[0] = _least_s(new, rest.first_s[way, unit, PACES - 1], rest.steady_s[way, unit], beat)
    figures[1] = new[0, 2] + rest.energy_j[way, unit, PACES - 1]
    figures[2] = new[0, 3] + rest.dram_bytes[way, unit]


# Along the line from its fast to its cheap end, a part is no faster than where it begins, nor cheaper than where it
# ends. (Of the two ends alone nothing follows: caps may have steps.)


@inner()
def _first_s(rest: Rest, at: tuple[int, int, int], step: int) -> float:
    return float(rest.first_s[at] + step / STEPS * (rest.cheap_s[at] - rest.first_s[at]))


@inner()
def _energy_j(rest: Rest, at: tuple[int, int, int], step: int) -> float:
    return float(rest.energy_j[at] + (1 - (step + 1) / STEPS) * (rest.fast_j[at] - rest.energy_j[at]))


@inner()
def _slowest_s(new: Floats, rest: Rest, at: tuple[int, int, int]) -> float:
    """Seconds that the slowest stage to come takes at least if a label becomes no slower than a pace, but slower than
    the one before; infinite where it can't."""
    way, unit, g = at
    rest_s = rest.steady_s[way, unit]
    if rest.pace_s[g] < max(new[0, 1], rest_s):
        return np.inf
    if g > 0 and rest.pace_s[g - 1] >= max(new[0, 1], rest_s):
        rest_s = rest.pace_s[g - 1]  # as the label has no slower stage, there is one to come
    return float(rest_s)


@inner()
def _within(new: Floats, rest: Rest, at: tuple[int, int, int], beat: Beat, caps: Caps) -> bool:
    """Whether a label may stay within the caps that becomes no slower than a pace, but slower than the one before."""
    slowest_s = _slowest_s(new, rest, at)
    if slowest_s == np.inf or rest.first_s[at] == np.inf:
        return False
    latency_s = _least_s(new, rest.first_s[at], slowest_s, beat)
    if new[0, 2] + rest.energy_j[at] > cap_at(latency_s, caps):
        return False
    for step in range(STEPS):
        latency_s = _least_s(new, _first_s(rest, at, step), slowest_s, beat)
        if new[0, 2] + _energy_j(rest, at, step) <= cap_at(latency_s, caps):
            return True
    return False


@inner()
def affordable(new: Floats, rest: Rest, at: tuple[int, int], beat: Beat, caps: Caps) -> bool:
    """Whether a label that goes on by way at[0] from unit at[1] on may stay within the caps at some pace."""
    for g in range(PACES):  # noqa: SIM110 - a generator does not compile
        if _within(new, rest, (at[0], at[1], g), beat, caps):
            return True
    return False


@kernel(nogil=True)
def any_within(rest: Rest, beat: Beat, caps: Caps) -> bool:
    """Whether any pipeline may stay within the caps."""
    return affordable(np.zeros((1, CARRIED)), rest, (len(rest.steady_s) - 1, 0), beat, caps)


@kernel(nogil=True)
def least_latency_s(rest: Rest, beat: Beat) -> float:
    """Seconds that no pipeline goes below."""
    return _least_s(np.zeros((1, CARRIED)), rest.first_s[-1, 0, PACES - 1], rest.steady_s[-1, 0], beat)


@kernel(nogil=True)
def corners(rest: Rest, beat: Beat) -> tuple[Floats, Floats]:
    """Latencies and joules, [PACES * STEPS], behind one of which every pipeline lies."""
    none = np.zeros((1, CARRIED))
    latency_s, energy_j = np.full(PACES * STEPS, np.inf), np.full(PACES * STEPS, np.inf)
    for g in range(PACES):
        at = (len(rest.steady_s) - 1, 0, g)
        slowest_s = _slowest_s(none, rest, at)
        if slowest_s == np.inf or rest.first_s[at] == np.inf:
            continue
        for step in range(STEPS):
            latency_s[g * STEPS + step] = _least_s(none, _first_s(rest, at, step), slowest_s, beat)
            energy_j[g * STEPS + step] = _energy_j(rest, at, step)
    return latency_s, energy_j
