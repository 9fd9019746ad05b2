"""Prefill and decode side by side, on disjoint parts of one package: which chiplets each has, and what that comes to.

While one batch of sequences is answered, the next one's prompts are taken in. In the steady state a batch is done every
`period_s`: the slower side decides, or what both move over the DRAM, a link or a port together (docs/serving.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from chipweave.errors import InfeasibleError, InputError
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.exact.transfer import hop_bytes_of, transfer, transfer_s
from chipweave.evaluation.law import end_s
from chipweave.hardware.package import BITS_PER_BYTE, Package
from chipweave.hardware.snake import snake
from chipweave.ndarrays import Floats
from chipweave.plan.objective import objective as make_objective
from chipweave.plan.room import need_of
from chipweave.results.result import Result
from chipweave.serving.answer import Answer
from chipweave.serving.kept_caches import cached
from chipweave.serving.occupied import Places, occupied, of_repeated
from chipweave.serving.planning import Planning, Way
from chipweave.serving.repeated import repeats
from chipweave.serving.service import Decoded, Served, Service
from chipweave.serving.steps import Steps
from chipweave.workload.model import Model
from chipweave.workload.scenario import Scenario, Task


@dataclass(frozen=True)
class Side:
    """One side's chiplets, its plan, and what a batch of sequences takes there, alone: seconds, and joules of its own,
    static power apart."""

    chiplets: tuple[int, ...]
    plan: Result
    seconds: float
    joules: float


@dataclass(frozen=True, slots=True)
class Moved:
    """The caches of a batch, from prefill to decode.

    Args:
        bytes_: of all sequences and layers.
        dram_s, dram_j: written to the DRAM once and read once, at its full bandwidth. Both are part of the plans:
            prefill stores caches, and each step of decode loads them.
        links_s, links_j: instead, from prefill's chiplets to decode's, each in even parts.
    """

    bytes_: float
    dram_s: float
    dram_j: float
    links_s: float
    links_j: float


@dataclass(frozen=True, slots=True)
class Tried:
    """A way to share the chiplets out: how many prefill has, and the period; None: it does not keep the limits."""

    prefill_chiplets: int
    period_s: float | None


@dataclass(frozen=True)
class Apart:
    """
    Args:
        shared_s: of a batch, what both sides need of the busiest place that they share; shared_place: which it is.
        static_w: of all chiplets.
        tried: every share that was looked at, in that order; one where it was given.
    """

    service: Service
    prefill: Side
    decode: Side
    decoded: Decoded
    shared_s: float
    shared_place: str
    static_w: float
    moved: Moved
    tried: tuple[Tried, ...] = ()

    @property
    def slower_s(self) -> float:
        return max(self.prefill.seconds, self.decode.seconds)

    @property
    def period_s(self) -> float:
        """From one batch to the next."""
        return max(self.slower_s, self.shared_s)

    @property
    def bound_by(self) -> str:
        if self.shared_s > self.slower_s:
            return self.shared_place
        return "prefill" if self.prefill.seconds >= self.decode.seconds else "decode"

    @property
    def ttft_s(self) -> float:
        """Of a batch that finds prefill's side free; later where the shared place sets the period."""
        return end_s(self.prefill.seconds, self.slower_s, self.period_s)

    @property
    def tpot_s(self) -> float:
        return end_s(self.decode.seconds, self.slower_s, self.period_s) / self.service.steps

    @property
    def energy_j(self) -> float:
        """Of a batch."""
        return self.prefill.joules + self.decode.joules + self.static_w * self.period_s

    @property
    def tokens(self) -> int:
        """Of a batch, that go out."""
        return self.service.batch * self.service.output

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.period_s

    @property
    def tokens_per_j(self) -> float:
        return self.tokens / self.energy_j


Tell = Callable[[str], None]


def side_by_side(
    together: Served, steps: Steps, planning: Planning, prefill_chiplets: Sequence[int] | None, tell: Tell
) -> Apart:
    """Both sides on the chiplets that are given to prefill and on all others; or on the best share that is found.

    Shares are looked for by halving: where prefill is the slower side it gets more chiplets, else fewer. Chiplets with
    most multipliers go to prefill first. Of a package of several classes, the share at each boundary between classes is
    looked at, too.

    Raises:
        InputError: the scheduler does not keep to a part of a package.
        InfeasibleError: no share keeps the limits.
    """
    package, service = planning.package, together.service
    goal = make_objective(together.decode.objective, package)
    order, count = by_multipliers(package), len(package.chiplets)

    def share(chiplets: Sequence[int]) -> Apart:
        tell(f"side by side, prefill on {len(chiplets)} of {count} chiplets")
        return shared_out(service, steps, planning, tuple(sorted(chiplets)), tell)

    if prefill_chiplets is not None:
        found = share(prefill_chiplets)
        return replace(found, tried=(Tried(len(found.prefill.chiplets), found.period_s),))
    kept, tried, failed = _looked_for(lambda number: share(order[:number]), boundaries(package, order), count)
    if not kept:
        assert failed is not None
        raise failed
    best = min(kept, key=lambda each: goal(each.period_s, each.energy_j))
    return replace(best, tried=tuple(tried))


def _looked_for(
    share: Callable[[int], Apart], first: Sequence[int], count: int
) -> tuple[list[Apart], list[Tried], InfeasibleError | None]:
    """What was found, what was tried, and what failed last."""
    kept: dict[int, Apart] = {}
    tried: list[Tried] = []
    failed: InfeasibleError | None = None

    def look(number: int) -> bool:
        """Whether prefill wants more chiplets."""
        nonlocal failed
        if number not in {each.prefill_chiplets for each in tried}:
            try:
                kept[number] = share(number)
            except InfeasibleError as error:
                failed = error
            tried.append(Tried(number, kept[number].period_s if number in kept else None))
        found = kept.get(number)
        if found is None:
            return "decode" not in str(failed)
        return found.prefill.seconds > found.decode.seconds

    for number in first:
        look(number)
    low, high = 1, count - 1
    while low <= high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if look(middle) else (low, middle - 1)
    return list(kept.values()), tried, failed


def by_multipliers(package: Package) -> tuple[int, ...]:
    """All chiplets, those that multiply fastest first; alike ones along a line through the package."""
    return tuple(sorted(snake(package), key=lambda chiplet: -package.chiplets[chiplet].peak_macs_s))


def boundaries(package: Package, order: Sequence[int]) -> list[int]:
    """How many chiplets are before each change of the class along an order, where there are few."""
    kinds = [package.class_of[chiplet] for chiplet in order]
    changes = [at for at in range(1, len(kinds)) if kinds[at] != kinds[at - 1]]
    return changes if len(changes) < len(package.classes) else []


def shared_out(service: Service, steps: Steps, planning: Planning, chiplets: tuple[int, ...], tell: Tell) -> Apart:
    """Prefill on these chiplets, decode on all others."""
    package = planning.package
    others = tuple(chiplet for chiplet in range(len(package.chiplets)) if chiplet not in chiplets)
    model = steps.prefill(service.prompt)
    prefill = replace(planning, chiplets=chiplets).schedule(model, latency_limit_s=service.ttft_limit_s)
    answer = Answer([(1.0, service)], steps, replace(planning, chiplets=others), tell)
    plan, (decoded,) = answer.decoded()
    of_a_step = _of_a_step(answer, plan, decoded.way, service)
    busy = occupied(prefill.evaluation, package) + service.steps * of_a_step
    static_w = prepare(prefill.problem).rates.static_w
    first_s, first_j = prefill.evaluation.latency_s, prefill.evaluation.energy_j
    sides = (
        Side(chiplets, prefill, first_s, first_j - static_w * first_s),
        Side(others, plan, decoded.seconds, decoded.joules - static_w * decoded.seconds),
    )
    at = int(np.argmax(busy))
    moved = moved_between(steps.decode(service.prompt), plan, chiplets, others)
    return Apart(service, *sides, decoded, float(busy[at]), Places(package).name(at), static_w, moved)


def _of_a_step(answer: Answer, plan: Result, way: Way, service: Service) -> Floats:
    """Seconds of every place in the mean step: what moves is affine in the context, so two steps around it do."""
    package, found = answer.planning.package, []
    for context in (service.middle, service.first + service.last - service.middle):
        if service.repeat and repeats(plan.schedule):
            found.append(of_repeated(plan.schedule, partial(answer.again, way=way, context=context), package))
        else:
            found.append(occupied(answer.once(plan.schedule, context=context), package))
    return (found[0] + found[1]) / 2


def moved_between(model: Model, plan: Result, prefill: Sequence[int], decode: Sequence[int]) -> Moved:
    """The caches behind a prompt, from one side to the other. `model`: the first step of decode."""
    ready = prepare(plan.problem)
    bytes_ = float(model.tensor_bytes(sum(edge.elements for edge in cached(model))))
    rates, net = ready.rates, ready.network
    wanted = np.full((len(prefill), len(decode)), bytes_ / (len(prefill) * len(decode)))
    sent = transfer(net, prefill, decode, wanted, wanted.sum(axis=1))
    byte_j = BITS_PER_BYTE * ready.package.dram_energy_j_per_bit
    dram_s, dram_j = 2 * bytes_ / rates.dram_bytes_s, 2 * bytes_ * byte_j
    return Moved(bytes_, dram_s, dram_j, transfer_s(sent, net, rates), hop_bytes_of(net, sent) * rates.link_j)


def require_two_sides(service: Service, steps: Steps, package: Package, prefill: Sequence[int] | None) -> None:
    """Check before any search what `side_by_side` needs; `prefill`: chiplets that are given.

    Raises:
        InputError: chiplets that are not in the package, or all of them; a memory that does not hold both sides; a
            package with one chiplet.
    """
    _require_memory(service, steps, package)
    if prefill is not None:
        _require_chiplets(prefill, package)
    elif len(package.chiplets) < 2:
        raise InputError(f"serve: package '{package.name}' has one chiplet; side by side, each side needs its own")


def _require_chiplets(chiplets: Sequence[int], package: Package) -> None:
    count = len(package.chiplets)
    for chiplet in chiplets:
        if not 0 <= chiplet < count:
            has = f"which has 0 to {count - 1}"
            raise InputError(f"prefill chiplets: {chiplet} is not in package '{package.name}', {has}")
        if list(chiplets).count(chiplet) > 1:
            raise InputError(f"prefill chiplets: {chiplet} is named more than once; name each once")
    if not 0 < len(chiplets) < count:
        wrong = "none are given" if not chiplets else f"all {count} of package '{package.name}' are given"
        raise InputError(f"prefill chiplets: {wrong}; leave some to each side")


def _require_memory(service: Service, steps: Steps, package: Package) -> None:
    """Weights, which both sides read, once, and the caches, inputs and outputs of two batches."""
    room_bytes = package.capacity_bytes
    if room_bytes is None:
        return
    last, first = steps.decode(service.last), steps.prefill(service.prompt)
    needs = [need_of(Scenario("side", (Task("side", model),))) for model in (last, first)]
    need_bytes = needs[0].total_bytes + needs[1].ends_bytes
    if need_bytes > room_bytes:
        raise InputError(
            f"memory: package '{package.name}' holds {room_bytes:,} bytes, and prefill beside decode needs "
            f"{need_bytes:,}: weights of {needs[0].weights_bytes:,}, and what two batches of sequences read and write; "
            "serve fewer sequences, or give it more or larger stacks"
        )
