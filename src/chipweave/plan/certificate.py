"""What is proven of schedules: how far one is from the best, and what cannot be met at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from chipweave.errors import InfeasibleError


class Space(StrEnum):
    """Schedules for which something is proven, as a sentence names them; each has those before it. The first two have
    no layers that are `reduced`."""

    ONE_CHIPLET = "schedules with one chiplet a stage"
    REGIONS = "schedules on regions of any size"
    SUMS = "schedules on regions of any size, with sums over their chiplets"

    @property
    def on_regions(self) -> bool:
        """Whether stages may have several chiplets."""
        return self is not Space.ONE_CHIPLET

    def holds(self, other: Space) -> bool:
        """Whether all schedules of another space are in this one."""
        every = list(Space)
        return every.index(self) >= every.index(other)


class Prover(StrEnum):
    """Who proved it: the lower bound alone, or a scheduler that ruled out the rest of its space."""

    BOUND = "bound"
    OPTIMAL = "optimal"
    WEAVE = "weave"


class ByLength(NamedTuple):
    """Prices that depend on how long a window is, by ranges of lengths (`evaluation.by_length.Reference`).

    Args:
        chiplet: [range, class] of a chiplet-second; chain: [range, chain] of a chain's second.
    """

    chiplet: tuple[tuple[float, ...], ...]
    chain: tuple[tuple[float, ...], ...]


class Line(NamedTuple):
    """latency * L + joule * E >= value for the seconds L and joules E of every schedule, proven by prices.

    Args:
        latency, joule: weights.
        value: of the weighted sum, at least.
        chiplet: price of a chiplet-second of each class; dram: of a second of the DRAM.
        chain: of a second of each chain of tasks that wait for each other.
        pipelines: whether it holds by what whole pipelines take, with their cuts, or by what single layers do.
        by_length: instead of `chiplet` and `chain`, which are those of the shortest windows: of windows by length.
    """

    latency: float
    joule: float
    value: float
    chiplet: tuple[float, ...]
    dram: float
    chain: tuple[float, ...]
    pipelines: bool = False
    by_length: ByLength | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """Lines that hold for every schedule of a space, as a search found them or a file has them.

    Args:
        by: who found them.
    """

    of: Space
    by: Prover
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """No schedule of this scenario on this package, under this fidelity and cost model, does better.

    Args:
        of: the schedules for which that is proven.
        by: who proved it.
        value: of the objective.
        latency_s, energy_j: what it is computed from, each a bound by itself.
        binds: which latency term is the largest.
        terms_s: all of them.
        lines: of weighted sums of latency and energy, which together may prove more than the two apart.
    """

    of: Space
    by: Prover
    value: float
    latency_s: float
    energy_j: float
    binds: str
    terms_s: tuple[tuple[str, float], ...]
    lines: tuple[Line, ...] = ()

    def gap(self, value: float) -> float:
        """How far `value`, above 0, may be from the best, as a fraction of it: 0 is proven optimal."""
        return 1 - self.value / value


class Requirement(StrEnum):
    """What may be demanded of schedules.

    `latency`: a model, or the whole schedule, ends by its limit. `energy`, `power`: of the whole schedule, at most so
    many joules, and joules a second. `chiplets`: so many at the same time. `stages`: room for so many in all
    windows. `micro-batch`: so many samples at a time fit L2. `time`: the search comes to its first schedule.
    """

    LATENCY = "latency"
    ENERGY = "energy"
    POWER = "power"
    CHIPLETS = "chiplets"
    STAGES = "stages"
    MICRO_BATCH = "micro-batch"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Unmet:
    """A demand that no schedule meets, or none that was found.

    Args:
        what: is demanded.
        of: the model that has to meet it; empty: all of them together.
        by: the scheduler that demands it, or failed to meet it; empty: whichever.
        demand: how much: of latency, energy and power at most, of anything else at least. None: it has no number.
        bound: no schedule comes closer, proven; None: nothing is proven.
        space: the schedules for which `bound` holds; None: all.
        reached: the closest one that was found; None: none was.
        unit: of these numbers.
        searched: among what none was found; of stages, what has to hold them.
        levers: what would help, as orders to the user.
    """

    what: Requirement
    of: str = ""
    by: str = ""
    demand: float | None = None
    bound: float | None = None
    space: Space | None = None
    reached: float | None = None
    unit: str = ""
    searched: str = ""
    levers: tuple[str, ...] = ()

    @property
    def impossible(self) -> bool:
        """Whether it is proven that no schedule of `space` meets it; otherwise none was found."""
        return self._misses(self.bound) > 0

    @property
    def gap(self) -> float | None:
        """By how much the closest schedule misses it: what was found, else what is proven; None: not known."""
        if self.reached is not None:
            return self._misses(self.reached)
        return self._misses(self.bound) if self.impossible else None

    def _misses(self, value: float | None) -> float:
        if value is None or self.demand is None:
            return 0.0
        return value - self.demand if self.what in LIMITED else self.demand - value

    def __str__(self) -> str:
        match self.what:
            case Requirement.LATENCY | Requirement.ENERGY | Requirement.POWER:
                return self._over()
            case Requirement.CHIPLETS:
                one_each = f"a chiplet for each of the {self.demand} layers of '{self.of}'"
                needs = one_each if self.of else f"{self.demand} chiplets for {self.demand} models"
                return f"`{self.by}` needs {needs}, the package has {self.bound} ({self.gap} short)"
            case Requirement.STAGES:
                return f"'{self.of}': {self.searched} do not hold {self.demand} layers, one a stage"
            case Requirement.MICRO_BATCH:
                return f"'{self.of}': no schedule found whose stages fit L2 with micro_batch={self.demand}"
            case Requirement.TIME if self.demand is not None:
                done = f"{self.reached} of {self.demand} {self.unit}"
                return f"stopped while layers were costed ({done}), before any schedule was found"
            case Requirement.TIME:
                return "stopped before any schedule within the latency limits was found"

    def _over(self) -> str:
        if self.demand is None:
            return ""
        subject = f"'{self.of}'" if self.of else "the schedule"
        does, must, none = _WORDS[self.what]
        least = "" if self.bound is None else f"{self.bound:.4g} {self.unit}"
        if self.bound is not None and self.impossible:
            times = f"{self.bound / self.demand:.3g} times"
            limit = f"{subject} must {must} {self.demand:.4g} {self.unit}"
            return f"{limit}, but {self.space or 'schedules'} take at least {least} ({times} the limit: impossible)"
        if self.reached is not None:
            value, limit = f"{self.reached:.6g} {self.unit}", f"{self.demand:.6g} {self.unit}"
            kept = self.reached <= self.demand
            by = "kept" if kept else f"{self.reached / self.demand:.3g} times, {self.gap:.3g} {self.unit} over"
            return f"{subject} {does} {value}, its limit is {limit} ({by})" + (f"; {none} {least}" if least else "")
        limit = f"{subject} must {must} {self.demand:.4g} {self.unit}"
        return f"{limit} (alone it needs {least} or more)" if least else limit


LIMITED = (Requirement.LATENCY, Requirement.ENERGY, Requirement.POWER)
"""What a scenario may limit."""

_WORDS = {
    Requirement.LATENCY: ("ends at", "end by", "it never ends before"),
    Requirement.ENERGY: ("takes", "take at most", "it never takes less than"),
    Requirement.POWER: ("draws", "draw at most", "it never draws less than"),
}
"""Of what may be limited: what a schedule does, what it must do, and what none does."""

LATENCY_LEVERS = ("raise the limit", "lower the batch", "take a package with more or faster chiplets")
"""What helps a model that is late."""

LIMIT_LEVERS = {
    Requirement.LATENCY: LATENCY_LEVERS,
    Requirement.ENERGY: ("raise the limit of energy", "lower the batch"),
    Requirement.POWER: ("raise the limit of power", "raise the limits of latency"),
}
"""What helps where a limit is missed."""


def infeasible(*unmet: Unmet) -> InfeasibleError:
    """The error that tells a user of demands, all of one kind: each, and what would help with any of them."""
    if not unmet:
        return InfeasibleError("no schedule was found")
    demands = "; ".join(map(str, unmet))
    levers = _either(list(dict.fromkeys(lever for each in unmet for lever in each.levers)))
    first = unmet[0]
    if first.what in LIMITED:
        found = f"found by `{first.by}`" if first.by else "found"
        among = f" in {first.searched}" if first.searched else ""
        kind = "latency limits" if all(each.what is Requirement.LATENCY for each in unmet) else "limits"
        text = f"no schedule within the {kind} was {found}{among}: {demands}. {levers[:1].upper()}{levers[1:]}"
    else:
        text = f"{demands}; {levers}"
    return InfeasibleError(text, unmet)


def _either(words: Sequence[str]) -> str:
    """`a`; `a, or b`; `a, b, or c`."""
    return ", ".join(words) if len(words) < 2 else f"{', '.join(words[:-1])}, or {words[-1]}"
