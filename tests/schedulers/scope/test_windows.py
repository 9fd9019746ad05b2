"""The program that puts stages together to windows, against itself in plain Python and against its formulas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.scope_quality import mesh
from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.tables import regions_kernel as kernel
from chipweave.evaluation.tables.regions import Floats, Ground, Ints
from chipweave.hardware.snake import snake
from chipweave.plan.problem import Fidelity, pose
from chipweave.schedulers.scope import kernel as windows_kernel
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model
from tests.schedulers.scope.everything import cut_model
from tests.schedulers.scope.table_bound import level
from tests.schedulers.scope.test_reference import window_s

Spans = list[tuple[int, int, int]]
"""Per stage: first unit, end, number of its size."""


@dataclass(frozen=True)
class Board:
    """Made-up stages: table [h, length - 1, s, term], and what lies between them."""

    table: Floats
    sizes: Ints
    need: Floats
    crossing: Floats
    spans: Floats
    constants: Floats

    @property
    def units(self) -> int:
        return len(self.table)

    def dram_s(self, bytes_: float) -> float:
        return bytes_ / self.constants[kernel.DRAM] + self.constants[kernel.DRAM_FIXED_S] if bytes_ else 0.0

    def times(self, h: int, c: int, s: int, moved_s: float) -> tuple[float, float]:
        """(fill, steady) of a stage."""
        stage = self.table[h, c - h - 1, s]
        serial_s, weights_s, other_s = stage[kernel.SERIAL], stage[kernel.WEIGHTS_S], moved_s + stage[kernel.SPILL_S]
        if not self.constants[kernel.DETAILED]:
            return serial_s + weights_s + moved_s, serial_s + weights_s + moved_s
        spills = stage[kernel.SPILL_S] > 0
        fill_s = (serial_s + weights_s if spills else max(serial_s, weights_s)) + other_s
        return fill_s, max(stage[kernel.PACE], other_s + weights_s) if stage[kernel.OVERLAPS] else fill_s


def board(seed: int, units: int = 6, longest: int = 4) -> Board:
    rng = np.random.default_rng(seed)
    sizes = np.array([1, 2, 3, 5, 6])
    table = rng.uniform(0, 1, (units, longest, len(sizes), kernel.TERMS))
    table[..., kernel.PACE] += rng.uniform(0, 4, (units, longest, 1)) / sizes
    table[..., kernel.SERIAL] += table[..., kernel.PACE]
    for term in (kernel.FIRST, kernel.OVERLAPS):
        table[..., term] = rng.integers(0, 2, table.shape[:3])
    table[..., kernel.SPILL_S] *= rng.integers(0, 4, table.shape[:3]) == 0
    table[rng.uniform(size=table.shape[:3]) < 0.1] = np.inf
    constants = np.zeros(13)
    constants[[kernel.MICRO_BATCH, kernel.MICRO_BATCHES, kernel.BATCH]] = 2, 3, 6
    constants[[kernel.LINK, kernel.DRAM, kernel.DRAM_J, kernel.NOP_J]] = 8.0, 16.0, 0.3, 0.1
    constants[[kernel.HOP_S, kernel.DELTA_S, kernel.DRAM_FIXED_S]] = 0.01, 0.02, 0.03
    constants[kernel.DETAILED] = seed % 3 > 0
    return Board(
        table,
        sizes,
        rng.uniform(0, 4, (units, len(sizes), 2)),
        rng.integers(0, 4, units + 1).astype(np.float64),
        np.arange(7.0),
        constants,
    )


@dataclass(frozen=True)
class Tail:
    """The last stages of a window."""

    chips: int
    fill_s: float
    slowest_s: float
    joules: float
    bytes_: float
    stages: Spans


def plain_windows(b: Board, end: int, cap_s: float, price: float) -> dict[int, tuple[float, float, float, Spans]]:
    """Per first unit: (cost, latency_s, joules, stages) of the window before `end`, from the back.

    Of the stages behind the first, those on the fewest chiplets are kept, then those with the shortest fill. A stage
    has the smallest region that is fast enough, and no smaller one than a shorter stage with the same end.
    """
    mb, k, batch = (b.constants[at] for at in (kernel.MICRO_BATCH, kernel.MICRO_BATCHES, kernel.BATCH))
    most, tails = int(b.sizes[-1]), {end: Tail(0, 0.0, 0.0, 0.0, 0.0, [])}
    found: dict[int, tuple[float, float, float, Spans]] = {}
    for c in range(end, 0, -1):
        if c not in tails or tails[c].chips >= most:
            continue
        behind, smallest = tails[c], {False: 0, True: 0}
        for h in range(c - 1, max(-1, c - b.table.shape[1] - 1), -1):
            for opens in (False, True):
                leaves = b.crossing[c] if c == end else 0.0
                enters = b.crossing[h] if opens else 0.0
                chosen, fill_s, steady_s = len(b.sizes), 0.0, 0.0
                for s in range(smallest[opens], len(b.sizes)):
                    if behind.chips + b.sizes[s] > most:
                        break
                    if not np.isfinite(b.table[h, c - h - 1, s, kernel.PACE]):
                        continue
                    moved_s = b.dram_s(mb * leaves) + b.dram_s(mb * enters)
                    if c < end and b.crossing[c]:
                        _, after, t = behind.stages[0]
                        asked = b.need[c, t, int(b.table[c, after - c - 1, t, kernel.FIRST])]
                        moved_s += max(asked, mb * b.crossing[c] / b.sizes[s]) / b.constants[kernel.LINK]
                        moved_s += b.spans[min(most, b.sizes[s] + b.sizes[t])] * b.constants[kernel.HOP_S]
                        moved_s += b.constants[kernel.DELTA_S]
                    fill_s, steady_s = b.times(h, c, s, moved_s)
                    if steady_s <= cap_s:
                        chosen = s
                        break
                smallest[opens] = chosen
                if chosen == len(b.sizes):
                    continue
                stage, moved = b.table[h, c - h - 1, chosen], batch * (leaves + enters)
                made = Tail(
                    behind.chips + int(b.sizes[chosen]),
                    behind.fill_s + fill_s + stage[kernel.RESIDENT_S],
                    max(behind.slowest_s, steady_s),
                    behind.joules + stage[kernel.ENERGY] + moved * b.constants[kernel.DRAM_J],
                    behind.bytes_ + stage[kernel.DRAM_BYTES] + moved,
                    [(h, c, chosen), *behind.stages],
                )
                if opens:
                    time_s = made.fill_s + (k - 1) * made.slowest_s
                    if b.constants[kernel.DETAILED]:
                        time_s = max(time_s, made.bytes_ / b.constants[kernel.DRAM])
                    cost = time_s + price * made.joules
                    if h not in found or cost < found[h][0]:
                        found[h] = (cost, time_s, made.joules, made.stages)
                elif h not in tails or (made.chips, made.fill_s) < (tails[h].chips, tails[h].fill_s):
                    tails[h] = made
    return found


def compiled_windows(b: Board, caps_s: Floats, price: float) -> tuple[Floats, Floats, Floats, Ints]:
    shape = (b.units + 1, b.units + 1)
    cost, latency_s, joules = (np.full(shape, np.inf) for _ in range(3))
    cap = np.full(shape, -1)
    windows_kernel.windows(
        caps_s, price, b.table, np.arange(len(b.sizes)), b.sizes, b.need, b.crossing, b.spans, b.constants,
        np.arange(b.units, 0, -1), cost, latency_s, joules, cap,
    )  # fmt: skip
    return cost, latency_s, joules, cap


def compiled_stages(b: Board, a: int, e: int, cap_s: float, price: float) -> Spans:
    found = windows_kernel.window_stages(
        a, e, cap_s, price, b.table, np.arange(len(b.sizes)), b.sizes, b.need, b.crossing, b.spans, b.constants
    )
    return [tuple(stage) for stage in found.tolist()]


@pytest.mark.parametrize("price", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(25))
def test_windows_are_those_of_plain_python(seed: int, price: float) -> None:
    b = board(seed)
    caps_s = np.array([np.inf, 4.0, 2.5, 1.5])
    cost, latency_s, joules, cap = compiled_windows(b, caps_s, price)
    seen = 0
    for e in range(1, b.units + 1):
        plain = [plain_windows(b, e, cap_s, price) for cap_s in caps_s]
        for a in range(e):
            options = [(each[a][0], number) for number, each in enumerate(plain) if a in each]
            if not options:
                assert cost[a, e] == np.inf
                continue
            best, number = min(options)
            assert cost[a, e] == pytest.approx(best, rel=1e-12)
            number = int(cap[a, e])
            _, time_s, spent, stages = plain[number][a]
            assert (latency_s[a, e], joules[a, e]) == (pytest.approx(time_s), pytest.approx(spent))
            assert compiled_stages(b, a, e, float(caps_s[number]), price) == stages
            seen += len(stages) > 1
    assert seen > 2


@pytest.mark.parametrize("fidelity", list(Fidelity))
@pytest.mark.parametrize(("name", "first", "end", "l2_bytes"), [("resnet18", 0, 6, 1 << 20), ("vgg16", 0, 5, 1 << 17)])
def test_windows_cost_what_their_stages_do(name: str, first: int, end: int, l2_bytes: int, fidelity: Fidelity) -> None:
    """Each stage with its partitions: `test_reference.window_s` adds them up by the formulas."""
    model = cut_model(build_model(name), first, end)
    package = mesh(2, l2_bytes)
    problem = pose(Scenario("cut", (Task("cut", model, 6),)), package, MaestroCostModel(), fidelity)
    ground = Ground(prepare(problem), 0, snake(package), np.arange(1, 5))
    for micro_batch in (1, 3):
        made = level(ground, micro_batch)
        b = Board(made.table, ground.sizes, made.units.need, ground.crossing, ground.spans, made.numbers)
        caps_s = np.array([np.inf, 1e-4, 3e-5, 1e-5])
        _, latency_s, _, cap = compiled_windows(b, caps_s, 0.0)
        assert micro_batch > 1 or np.isfinite(latency_s).any()
        for a, e in zip(*np.nonzero(np.isfinite(latency_s)), strict=True):
            stages = compiled_stages(b, int(a), int(e), float(caps_s[cap[a, e]]), 0.0)
            chiplets = tuple(int(ground.sizes[s]) for _, _, s in stages)
            assert (stages[0][0], stages[-1][1]) == (a, e)
            assert sum(chiplets) <= 4
            assert window_s(ground, made, [int(a), *(to for _, to, _ in stages)], chiplets) == pytest.approx(
                latency_s[a, e]
            )
