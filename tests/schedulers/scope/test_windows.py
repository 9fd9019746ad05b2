"""The program that puts stages together to windows, against itself in plain Python and against its formulas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.law import Rates
from chipweave.evaluation.tables import regions_kernel as kernel
from chipweave.evaluation.tables.regions import Floats, Ground
from chipweave.evaluation.tables.regions_kernel import Line
from chipweave.hardware.snake import snake
from chipweave.plan.problem import Fidelity, pose
from chipweave.reproduction.scope.exhaustive import cut_model, mesh
from chipweave.schedulers.scope import kernel as windows_kernel
from chipweave.schedulers.scope.kernel import Board, Windows
from chipweave.workload.scenario import Scenario, Task
from chipweave.workload.zoo import build_model
from tests.schedulers.scope.table_bound import level
from tests.schedulers.scope.test_reference import window_s

Spans = list[tuple[int, int, int]]
"""Per stage: first unit, end, number of its size."""


K = kernel


@dataclass(frozen=True)
class Plain:
    """Made-up stages: table [h, length - 1, s, term], and what lies between them; the formulas in plain Python."""

    board: Board

    @property
    def table(self) -> Floats:
        return self.board.table

    @property
    def line(self) -> Line:
        return self.board.line

    @property
    def units(self) -> int:
        return len(self.table)

    def dram_s(self, bytes_: float) -> float:
        rates = self.line.rates
        fixed_s = self.line.dram_hops * rates.hop_s + rates.dram_s + rates.delta_s
        return bytes_ / rates.dram_bytes_s + fixed_s if bytes_ else 0.0

    def times(
        self, at: tuple[int, int, int], loaded: float, left: float, opens: bool, out_s: float, stored: bool
    ) -> tuple[float, float]:
        """(fill, steady) of stage (first unit, end, size) whose output leaves in `out_s`, to DRAM or the next stage.

        One that does not open the window receives what its largest part needs.
        """
        h, c, s = at
        stage = self.table[h, c - h - 1, s]
        load_s, streams_s, gather_s = self.dram_s(loaded + stage[K.LOADED]), stage[K.STREAMS_S], stage[K.GATHER_S]
        exposed_s = stage[K.EXPOSED_S]
        came = 0.0 if opens else self.board.need[h, s, int(stage[K.FIRST])]
        if stage[K.LEFT] < stage[K.OPEN] * (loaded + came + left):
            made_s = load_s + stage[K.EXCHANGE_S] + max(stage[K.COMPUTE_S] + exposed_s, streams_s, gather_s)
            return made_s + out_s, made_s + max(out_s, came / self.line.rates.link_bytes_s)
        made_s = load_s + max(stage[K.PACE_S] + exposed_s, streams_s, gather_s)
        dram_s = load_s + streams_s + (out_s if stored else 0.0)
        return made_s + out_s, max(stage[K.PACE_S] + exposed_s, dram_s, gather_s, out_s)


def made_up(seed: int, units: int = 6, longest: int = 4) -> Plain:
    rng = np.random.default_rng(seed)
    sizes = np.array([1, 2, 3, 5, 6])
    table = rng.uniform(0, 1, (units, longest, len(sizes), K.TERMS))
    table[..., K.PACE_S] += rng.uniform(0, 4, (units, longest, 1)) / sizes
    table[..., K.COMPUTE_S] += table[..., K.PACE_S]
    for term in (K.FIRST, K.OPEN):
        table[..., term] = rng.integers(0, 2, table.shape[:3])
    table[..., K.LEFT] = rng.integers(-1, 9, table.shape[:3])
    for term in (K.READY_S, K.RESIDENT_S):
        table[..., term] *= rng.integers(0, 7, table.shape[:3])
    for term in (K.STREAMS_S, K.GATHER_S, K.EXPOSED_S, K.LOADED):
        table[..., term] *= rng.integers(0, 4, table.shape[:3]) == 0
    table[rng.uniform(size=table.shape[:3]) < 0.1] = np.inf
    rates = Rates(
        detailed=seed % 3 > 0,
        link_bytes_s=8.0,
        hop_s=0.01,
        delta_s=0.02,
        link_j=0.1,
        dram_bytes_s=16.0,
        dram_s=0.01,
        dram_j=0.3,
        static_w=0.0,
    )
    line = Line(rates, 5, 2, 0.0, 0.0, 0.0, 0, 1.0, sizes, np.arange(7.0), np.ones(7))
    need, crossing = rng.uniform(0, 4, (units, len(sizes), 2)), rng.integers(0, 4, units + 1).astype(np.float64)
    return Plain(Board(table, np.arange(len(sizes)), need, crossing, line))


@dataclass(frozen=True)
class Tail:
    """The last stages of a window."""

    chips: int
    fill_s: float
    ready_s: float
    slowest_s: float
    joules: float
    bytes_: float
    stages: Spans


def plain_windows(b: Plain, end: int, cap_s: float, price: float) -> dict[int, tuple[float, float, float, Spans]]:
    """Per first unit: (cost, latency_s, joules, stages) of the window before `end`, from the back.

    Of the stages behind the first, those on the fewest chiplets are kept, then those with the shortest fill. A stage
    has the smallest region that is fast enough, and no smaller one than a shorter stage with the same end.
    """
    line, rates, sizes, crossing = b.line, b.line.rates, b.line.sizes, b.board.crossing
    mb, batch = line.micro_batch, line.batch
    rounds = batch / mb if rates.detailed else -(-batch // mb)
    most, tails = int(sizes[-1]), {end: Tail(0, 0.0, 0.0, 0.0, 0.0, 0.0, [])}
    found: dict[int, tuple[float, float, float, Spans]] = {}
    for c in range(end, 0, -1):
        if c not in tails or tails[c].chips >= most:
            continue
        behind, smallest = tails[c], {False: 0, True: 0}
        for h in range(c - 1, max(-1, c - b.table.shape[1] - 1), -1):
            for opens in (False, True):
                leaves = crossing[c] if c == end else 0.0
                enters = crossing[h] if opens else 0.0
                chosen, fill_s, steady_s, out_s = len(sizes), 0.0, 0.0, 0.0
                for s in range(smallest[opens], len(sizes)):
                    if behind.chips + sizes[s] > most:
                        break
                    if not np.isfinite(b.table[h, c - h - 1, s, K.PACE_S]):
                        continue
                    out_s = b.dram_s(mb * leaves)
                    if c < end and crossing[c]:
                        _, after, t = behind.stages[0]
                        asked = b.board.need[c, t, int(b.table[c, after - c - 1, t, K.FIRST])]
                        out_s = max(asked, mb * crossing[c] / sizes[s]) / rates.link_bytes_s
                        out_s += line.spans[min(most, sizes[s] + sizes[t])] * rates.hop_s + rates.delta_s
                    fill_s, steady_s = b.times((h, c, s), mb * enters, mb * crossing[c], opens, out_s, c == end)
                    if steady_s <= cap_s:
                        chosen = s
                        break
                smallest[opens] = chosen
                if chosen == len(sizes):
                    continue
                stage, moved = b.table[h, c - h - 1, chosen], batch * (leaves + enters)
                loaded_s = stage[K.READY_S] + mb * enters / rates.dram_bytes_s
                made = Tail(
                    behind.chips + int(sizes[chosen]),
                    behind.fill_s + fill_s,
                    max(loaded_s + out_s + behind.fill_s, stage[K.RESIDENT_S] + behind.ready_s),
                    max(behind.slowest_s, steady_s),
                    behind.joules + stage[K.ENERGY_J] + moved * rates.dram_j,
                    behind.bytes_ + stage[K.DRAM_BYTES] + moved,
                    [(h, c, chosen), *behind.stages],
                )
                if opens:
                    time_s = max(made.fill_s, made.ready_s) + (rounds - 1) * made.slowest_s
                    if rates.detailed:
                        time_s = max(time_s, made.bytes_ / rates.dram_bytes_s)
                    cost = time_s + price * made.joules
                    if h not in found or cost < found[h][0]:
                        found[h] = (cost, time_s, made.joules, made.stages)
                elif h not in tails or (made.chips, made.fill_s) < (tails[h].chips, tails[h].fill_s):
                    tails[h] = made
    return found


def compiled_windows(b: Plain, caps_s: Floats, price: float) -> Windows:
    shape = (b.units + 1, b.units + 1)
    best = Windows(*(np.full(shape, np.inf) for _ in range(3)), np.full(shape, -1))
    windows_kernel.windows(b.board, caps_s, price, np.arange(b.units, 0, -1), best)
    return best


def compiled_stages(b: Plain, a: int, e: int, cap_s: float, price: float) -> Spans:
    return [tuple(stage) for stage in windows_kernel.window_stages(b.board, a, e, cap_s, price).tolist()]


@pytest.mark.parametrize("price", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(25))
def test_windows_are_those_of_plain_python(seed: int, price: float) -> None:
    b = made_up(seed)
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
        b = Plain(Board(made.table, np.arange(len(ground.sizes)), made.units.need, ground.crossing, made.line))
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
