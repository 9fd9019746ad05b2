"""What a language model in service is asked for, and what it comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chipweave.errors import InputError
from chipweave.results.result import Result

if TYPE_CHECKING:
    from chipweave.serving.apart import Apart
    from chipweave.serving.planning import Way

LONGEST = 2**24
"""Tokens and sequences."""


@dataclass(frozen=True, slots=True)
class Service:
    """Sequences that are served together.

    Args:
        prompt, output: tokens of each that come in and that go out.
        batch: sequences.
        ttft_limit_s: time to the first token, at most; tpot_limit_s: time per output token, at most. None: no limit.
        repeat: what is in L2 stays there from one step of decode to the next.

    Raises:
        InputError: a number out of range.
    """

    prompt: int
    output: int
    batch: int = 1
    ttft_limit_s: float | None = None
    tpot_limit_s: float | None = None
    repeat: bool = False

    def __post_init__(self) -> None:
        problems = [
            f"{name}={value} is out of range; give {least} to {LONGEST}"
            for name, value, least in (("prompt", self.prompt, 1), ("output", self.output, 2), ("batch", self.batch, 1))
            if not least <= value <= LONGEST
        ]
        for name in ("ttft_limit_s", "tpot_limit_s"):
            limit = getattr(self, name)
            if limit is not None and not (math.isfinite(limit) and limit > 0):
                problems.append(f"{name}={limit} is not a positive number; give one, or leave it out")
        if problems:
            raise InputError(problems)

    @property
    def first(self) -> int:
        """Tokens that are cached at the first step of decode: prefill has made the first token, which is its input."""
        return self.prompt

    @property
    def last(self) -> int:
        """Tokens that are cached at the last step."""
        return self.prompt + self.output - 2

    @property
    def middle(self) -> int:
        """The context for which the plan of decode is made."""
        return (self.first + self.last) // 2

    @property
    def steps(self) -> int:
        """Of decode."""
        return self.output - 1


@dataclass(frozen=True, slots=True)
class Step:
    """One step of decode, of all sequences: the tokens that each has cached before; what it takes; and the bytes that
    no schedule avoids, at the memory's full bandwidth (of steps that are repeated, without as many weights, and caches
    if the longest ones fit, as all L2 together hold)."""

    context: int
    latency_s: float
    energy_j: float
    memory_s: float


@dataclass(frozen=True)
class Decoded:
    """All steps of an answer together.

    Args:
        seconds, joules: of them; memory_s: the bytes that no schedule avoids, at the memory's full bandwidth.
        priced: the steps that were evaluated; all others lie on the lines between them.
        off: how far from these lines steps were found, relative.
        least_s: what they take at least by any plan, proven.
        way: how they run.
    """

    seconds: float
    joules: float
    memory_s: float
    priced: tuple[Step, ...]
    off: float
    least_s: float
    way: Way


@dataclass(frozen=True)
class Part:
    """Requests of one length of the prompt and one of the answer: their share of all, the schedule of the prompt, and
    what all steps of decode come to."""

    share: float
    service: Service
    prefill: Result
    decoded: Decoded


@dataclass(frozen=True)
class Served:
    """A language model in service. Every figure is the mean over all parts.

    Args:
        model: its name. parts: one, or as many as there are lengths of prompts times lengths of answers.
        decode: the schedule of a step in the middle of the answer, by which all run.
        apart: prefill and decode side by side, where that was asked.
    """

    model: str
    parts: tuple[Part, ...]
    decode: Result
    apart: Apart | None = None

    def mean(self, figure: Callable[[Part], float]) -> float:
        return sum(part.share * figure(part) for part in self.parts)

    @property
    def service(self) -> Service:
        """Of the first part: batch and limits are those of all."""
        return self.parts[0].service

    @property
    def prefill(self) -> Result:
        """The schedule of the longest prompt."""
        return max(self.parts, key=lambda part: part.service.prompt).prefill

    @property
    def priced(self) -> tuple[Step, ...]:
        """The steps that were evaluated; all others lie on the lines between them."""
        found = {step.context: step for part in self.parts for step in part.decoded.priced}
        return tuple(found[context] for context in sorted(found))

    @property
    def off(self) -> float:
        """How far from these lines steps were found, relative."""
        return max(part.decoded.off for part in self.parts)

    @property
    def decode_s(self) -> float:
        """All steps of decode together, s."""
        return self.mean(lambda part: part.decoded.seconds)

    @property
    def decode_j(self) -> float:
        """The same, J."""
        return self.mean(lambda part: part.decoded.joules)

    @property
    def decode_memory_s(self) -> float:
        """The bytes of all steps that no schedule avoids, at the memory's full bandwidth, s."""
        return self.mean(lambda part: part.decoded.memory_s)

    @property
    def ttft_s(self) -> float:
        """Time to the first token: prefill of all sequences."""
        return self.mean(lambda part: part.prefill.evaluation.latency_s)

    def ttft_within_s(self, share: float) -> float:
        """The time to the first token that so large a share of the requests keeps."""
        kept = 0.0
        times = sorted((part.prefill.evaluation.latency_s, part.share) for part in self.parts)
        for seconds, own in times:
            kept += own
            if kept >= share * (1 - 1e-9):
                return seconds
        return times[-1][0]

    @property
    def tpot_s(self) -> float:
        """Time per output token, on average over all behind the first."""
        return self.decode_s / self.mean(lambda part: part.service.steps)

    @property
    def least_tpot_s(self) -> float:
        """No plan has a shorter time per output token; proven."""
        return self.mean(lambda part: part.decoded.least_s) / self.mean(lambda part: part.service.steps)

    @property
    def tpot_gap(self) -> float:
        """How far the time per output token may be from the shortest one, as a fraction of it."""
        return max(0.0, 1 - self.least_tpot_s / self.tpot_s)

    @property
    def held_bytes(self) -> Mapping[int, int] | None:
        """Per chiplet, caches that stay in its L2 between steps; None: they come from DRAM with every step."""
        return self.parts[0].decoded.way.held_bytes

    @property
    def request_s(self) -> float:
        """From the prompt to the last token."""
        return self.ttft_s + self.decode_s

    @property
    def energy_j(self) -> float:
        """Of all sequences, prompt and answer."""
        return self.mean(lambda part: part.prefill.evaluation.energy_j) + self.decode_j

    @property
    def tokens(self) -> float:
        """That go out, of all sequences."""
        return self.service.batch * self.mean(lambda part: part.service.output)

    @property
    def tokens_per_s(self) -> float:
        """Of all sequences, while they decode."""
        return self.service.batch / self.tpot_s

    @property
    def tokens_per_s_with_prefill(self) -> float:
        """Of all sequences, from the prompt to the last token."""
        return self.tokens / self.request_s

    @property
    def tokens_per_j(self) -> float:
        """Of all sequences, prefill included."""
        return self.tokens / self.energy_j

    @property
    def memory_roofline(self) -> float:
        """The share of decode's time in which the memory, at its full bandwidth, moves what no schedule avoids."""
        return self.decode_memory_s / self.decode_s
