"""Memory stacks of a package, and what they come to together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from chipweave.errors import InputError
from chipweave.plain import settle

MOST_STACKS = 4096


@dataclass(frozen=True)
class Stack:
    """One stack of DRAM dies, or one device or module where memory is not stacked.

    Args:
        name: shown in results; a kind's, such as `hbm3e`, or the user's own.
        bandwidth_bytes_s: both ways together.
        interfaces: the chiplets that it is attached to, each one with a memory interface.
        capacity_bytes: what it holds; None: nobody counts.
        latency_s, energy_j_per_bit: of an access.
        source: where the figures come from.

    Raises:
        InputError: naming each field at fault.
    """

    name: str
    bandwidth_bytes_s: float
    interfaces: tuple[int, ...]
    capacity_bytes: int | None = None
    latency_s: float = 200e-9
    energy_j_per_bit: float = 14.8e-12
    source: str = ""

    def __post_init__(self) -> None:
        settle(self, "stack")
        faults = []
        for key in ("bandwidth_bytes_s", "capacity_bytes"):
            value = getattr(self, key)
            if value is not None and not (math.isfinite(value) and value > 0):
                faults.append((key, f"{value} is not a positive number; give one"))
        for key in ("latency_s", "energy_j_per_bit"):
            value = getattr(self, key)
            if not (math.isfinite(value) and value >= 0):
                faults.append((key, f"{value} is negative or not a number; give 0 or more"))
        if not self.interfaces:
            faults.append(("interfaces", "nobody is attached to it; name the chiplets that are"))
        elif len(set(self.interfaces)) < len(self.interfaces):
            faults.append(("interfaces", "lists a chiplet twice; name each once"))
        if faults:
            raise InputError([f"stack '{self.name}': {key}: {wrong}" for key, wrong in faults], fields=faults)


class Together(NamedTuple):
    """Stacks as one memory, as tensors that lie on all of them see it.

    Attributes:
        bandwidth_bytes_s: the sum.
        latency_s: the largest, as the last part of a tensor is waited for.
        energy_j_per_bit: the mean over what comes from each, that is weighted by bandwidth.
        capacity_bytes: what lies there when the first stack is full, which of alike stacks is the sum; None where
            nobody counts.
    """

    bandwidth_bytes_s: float
    latency_s: float
    energy_j_per_bit: float
    capacity_bytes: int | None


def together(stacks: Sequence[Stack]) -> Together:
    """What at least one stack comes to, tensors interleaved over all in proportion to their bandwidth."""
    bandwidth_bytes_s = math.fsum(stack.bandwidth_bytes_s for stack in stacks)
    energies = {stack.energy_j_per_bit for stack in stacks}
    if len(energies) == 1:  # exactly theirs, as a mean that is rounded might not be
        (energy_j_per_bit,) = energies
    else:
        watts_per_bit = math.fsum(stack.bandwidth_bytes_s * stack.energy_j_per_bit for stack in stacks)
        energy_j_per_bit = watts_per_bit / bandwidth_bytes_s
    latency_s = max(stack.latency_s for stack in stacks)
    return Together(bandwidth_bytes_s, latency_s, energy_j_per_bit, _until_one_is_full(stacks))


def _until_one_is_full(stacks: Sequence[Stack]) -> int | None:
    """Bytes, each stack taking its share of the bandwidth of them; exact, as of alike stacks it must be their sum."""
    per_s = [
        Fraction(stack.capacity_bytes) / Fraction(stack.bandwidth_bytes_s)
        for stack in stacks
        if stack.capacity_bytes is not None
    ]
    return math.floor(min(per_s) * sum(Fraction(stack.bandwidth_bytes_s) for stack in stacks)) if per_s else None


def at_interfaces(stacks: Sequence[Stack], interfaces: Sequence[int]) -> Mapping[int, Together]:
    """Per memory interface, what is attached to it as one memory: of a stack at several of them an even share each."""
    shares: dict[int, list[Stack]] = {interface: [] for interface in interfaces}
    for stack in stacks:
        many = len(stack.interfaces)
        capacity_bytes = None if stack.capacity_bytes is None else max(1, stack.capacity_bytes // many)
        share = replace(stack, bandwidth_bytes_s=stack.bandwidth_bytes_s / many, capacity_bytes=capacity_bytes)
        for interface in stack.interfaces:
            shares[interface].append(share)
    return {interface: together(own) for interface, own in shares.items()}


def attachment_faults(stacks: Sequence[Stack], interfaces: Sequence[int]) -> list[str]:
    """What is wrong with where a package's stacks are attached: each to interfaces of it, and all of these in use."""
    if len(stacks) > MOST_STACKS:
        return [f"has {len(stacks)} stacks; at most {MOST_STACKS} are supported: use fewer, larger ones"]
    faults = []
    listed = ", ".join(map(str, sorted(interfaces)))
    for number, stack in enumerate(stacks):
        foreign = [at for at in stack.interfaces if at not in set(interfaces)]
        if foreign:
            faults.append(
                f"stack {number} '{stack.name}' is attached to chiplet {foreign[0]}, which has no memory interface; "
                f"attach it to one of those that have: {listed}"
            )
    bare = sorted(set(interfaces) - {at for stack in stacks for at in stack.interfaces})
    if bare and not faults:
        faults.append(
            f"no stack is attached to interface {bare[0]}; attach one, or leave the chiplet out of `interfaces`"
        )
    return faults
