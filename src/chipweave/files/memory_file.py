"""Memory stacks in the YAML of a package: kinds by name, figures by the user, places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Annotated, Any

from pydantic import Field

from chipweave.errors import InputError, did_you_mean
from chipweave.files.chiplet_file import Count, NotNegative, Positive
from chipweave.files.link_file import Index
from chipweave.files.presets import memory_presets
from chipweave.files.validate import Location, Name, Problems, Spec, shown
from chipweave.hardware.memory import MOST_STACKS, Stack

FIGURES = ("bandwidth_bytes_s", "capacity_bytes", "latency_s", "energy_j_per_bit")


class StackSpec(Spec):
    """Memory stacks that are alike. Give a `kind`, or a `name` with figures; figures beside a kind replace its."""

    kind: Name | None = Field(
        None, description="hbm2e, hbm3, hbm3e, hbm4, gddr6, gddr7, lpddr5x or ddr5, whose figures hold."
    )
    name: Name | None = Field(None, description="What results call it. Default: the kind.")
    count: Annotated[int, Field(ge=1, le=MOST_STACKS)] = Field(1, description="So many of them.")
    interfaces: list[Index] | None = Field(
        None,
        description="Chiplets that they are attached to, each with a memory interface. Default: all that have one.",
    )
    per_interface: bool = Field(
        False, description="true: `count` of them on each interface, attached to it alone; false: to all together."
    )
    bandwidth_bytes_s: Positive | None = Field(
        None, description="Of one, both ways together, bytes/s. Default: the kind's; without a kind it is needed."
    )
    capacity_bytes: Count | None = Field(
        None, description="Of one, bytes. Default: the kind's; without a kind nobody checks what fits."
    )
    latency_s: NotNegative | None = Field(
        None, description="Per access, s. Default: the kind's, or 200 ns (SCAR Table II)."
    )
    energy_j_per_bit: NotNegative | None = Field(
        None, description="Per bit, J. Default: the kind's, or 14.8 pJ (SCAR Table II)."
    )
    source: str | None = Field(
        None,
        description="Where the figures come from. Default: `chipweave show KIND`, which has them with their sources.",
    )


def named_interfaces(specs: Sequence[StackSpec]) -> list[int] | None:
    """The chiplets that stacks are attached to, ascending, where every entry names its own; else None."""
    if not specs or any(spec.interfaces is None for spec in specs):
        return None
    return sorted({at for spec in specs for at in spec.interfaces or ()})


def read_stacks(specs: Sequence[StackSpec], interfaces: Sequence[int], problems: Problems) -> tuple[Stack, ...]:
    """The stacks of a package with these memory interfaces; what is wrong with an entry is added to the problems."""
    stacks: list[Stack] = []
    for number, spec in enumerate(specs):
        at: Location = ("memory", number)
        stack = _stack(spec, tuple(spec.interfaces if spec.interfaces is not None else interfaces), problems, at)
        if stack is None:
            continue
        foreign = [each for each in stack.interfaces if each not in set(interfaces)]
        if foreign:
            listed = ", ".join(map(str, sorted(interfaces)))
            wrong = f"chiplet {foreign[0]} has no memory interface; those that have are {listed}"
            problems.add((*at, "interfaces"), wrong)
            continue
        places = [(each,) for each in stack.interfaces] if spec.per_interface else [stack.interfaces]
        if len(stacks) + spec.count * len(places) > MOST_STACKS:
            problems.add((*at, "count"), f"makes more than {MOST_STACKS} stacks; at most so many are supported")
            break
        stacks += [replace(stack, interfaces=place) for place in places for _ in range(spec.count)]
    return tuple(stacks)


def _stack(spec: StackSpec, interfaces: tuple[int, ...], problems: Problems, at: Location) -> Stack | None:
    kinds = memory_presets()
    given = {key: value for key in FIGURES if (value := getattr(spec, key)) is not None}
    if spec.kind is not None:
        if spec.kind not in kinds:
            near = did_you_mean(spec.kind, kinds) or "; `chipweave list memory` shows them"
            problems.add((*at, "kind"), f"{shown(spec.kind)} is no kind of memory{near}")
            return None
        given = {key: kinds[spec.kind][key] for key in FIGURES} | given
    elif spec.name is None:
        problems.add(at, f"has neither a kind nor a name; give a kind ({', '.join(kinds)}), or a name and figures")
        return None
    elif spec.bandwidth_bytes_s is None:
        problems.add((*at, "bandwidth_bytes_s"), "is missing; add it, or name a kind")
        return None
    source = spec.source or (f"chipweave show {spec.kind}" if spec.kind else "")
    try:
        return Stack(spec.name or spec.kind or "", interfaces=interfaces, source=source, **given)
    except InputError as error:
        problems.refuse(at, error)
        return None


def stacks_to_list(stacks: Sequence[Stack], interfaces: Sequence[int]) -> list[dict[str, Any]]:
    """JSON-able data, every figure stated, that `read_stacks` reads back as equal stacks in the same order."""
    runs = [(stack, len(list(same))) for stack, same in groupby(stacks)]
    entries: list[dict[str, Any]] = []
    while runs:
        (stack, count), alone = runs[0], _each_alone(runs)
        entry: dict[str, Any] = {"name": stack.name}
        if count > 1:
            entry["count"] = count
        if alone:
            entry["per_interface"] = True
        if (alone or stack.interfaces) != tuple(interfaces):
            entry["interfaces"] = list(alone or stack.interfaces)
        entries.append(
            entry | {key: given for key in (*FIGURES, "source") if (given := getattr(stack, key)) not in (None, "")}
        )
        runs = runs[len(alone) or 1 :]
    return entries


def _each_alone(runs: Sequence[tuple[Stack, int]]) -> tuple[int, ...]:
    """Chiplets to which the first runs are attached, each to another one alone, else alike; none of fewer than two."""
    first, found = runs[0], list[int]()
    for stack, count in runs:
        if len(stack.interfaces) > 1 or stack.interfaces[0] in found:
            break
        if (replace(stack, interfaces=first[0].interfaces), count) != first:
            break
        found.append(stack.interfaces[0])
    return tuple(found) if len(found) > 1 else ()


def stack_counts(stacks: Sequence[Stack]) -> dict[str, int]:
    """How many stacks of each name there are."""
    return dict(Counter(stack.name for stack in stacks))
