"""What stands behind a layer's cost under `loopnest`, as plain data and in words."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from chipweave.cost.loopnest.allowed import axes_of, steps_of
from chipweave.cost.loopnest.machine import Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.mapping_cost import energy_parts_j
from chipweave.cost.loopnest.plan import Plan, Run
from chipweave.cost.loopnest.rider import count_rider, rider_parts_j
from chipweave.cost.loopnest.shape import LOOPS
from chipweave.workload.layer import Layer

TENSORS = ("weight", "input", "output")
"""In the order of W, I, O."""

PARTS = ("fill", "compute", "noc_in", "noc_out", "drain")
"""Of a layer's cycles."""

LEVELS = ("mac", "l1", "l2", "noc")
"""That take its energy."""

PHASES = {"compute": ("compute",), "noc in": ("noc_in",), "noc out": ("noc_out",), "fill and drain": ("fill", "drain")}
"""What can bind a layer, and the cycles that count for it."""


def explain(made: Plan) -> list[dict[str, Any]]:
    """What stands behind the cost of each layer, as plain data.

    Per layer `name`, `op`, `macs` (those that run), `cycles` (`total`, and what they go to),
    `utilisation` (MACs per cycle, PE and lane), `energy_j` by part (of the array: what fills and drains L2 is not in
    it), `mapping` (one entry per run, none for a rider; see `mapping_of`), `bound_by`: what most of the cycles go to,
    accesses per tensor in `l2`, and deliveries and reduction transfers of the `noc`, in elements. All but riders also
    have `pes_used` of `pes`, accesses in `l1`, what L1 (of a PE) and L2 need and have in bytes, and whether steps
    `overlap`. `note` says what does not fit L2, if anything.
    """
    return [
        _layer(layer, runs, made) if runs else _rider(layer, made)
        for layer, runs in zip(made.layers, made.runs, strict=True)
    ]


def mapping_of(run: Run, machine: Machine) -> dict[str, Any]:
    """A run's mapping: per loop that moves its `spatial` factor, `steps` and `tile`; orders; the same as `text`."""
    mapping, steps = run.mapping, steps_of(run.mapping, run.shape)
    outer = "".join(loop for loop in mapping.outer if steps[LOOPS.index(loop)] > 1)
    inner = "".join(loop for loop in mapping.inner if mapping.tile[LOOPS.index(loop)] > 1)
    return {
        "bounds": dict(zip(LOOPS, run.shape.bounds, strict=True)),
        "spatial": {loop: factor for loop, factor in zip(LOOPS, mapping.spatial, strict=True) if factor > 1},
        "steps": {loop: steps[LOOPS.index(loop)] for loop in outer},
        "tile": {loop: mapping.tile[LOOPS.index(loop)] for loop in inner},
        "outer": outer,
        "inner": inner,
        "pes": prod(mapping.spatial),
        "text": text_of(run, machine),
    }


def text_of(run: Run, machine: Machine) -> str:
    """`rows K 64, columns C 64 | steps: K 8, Y 4 | in a PE: C 8, X 14`; loops outermost first."""
    mapping, steps = run.mapping, steps_of(run.mapping, run.shape)
    rows, columns = axes_of(mapping, machine) or ("", "")
    unrolled = [
        f"{name} {_loops(loops, mapping.spatial, ' x ')}"
        for name, loops in (("rows", rows), ("columns", columns))
        if loops
    ]
    parts = [", ".join(unrolled) or "one PE"]
    for name, order, numbers in (("steps", mapping.outer, steps), ("in a PE", mapping.inner, mapping.tile)):
        listed = _loops(order, numbers, ", ")
        parts += [f"{name}: {listed}"] if listed else []
    return " | ".join(parts)


def _loops(order: str, numbers: Sequence[int], between: str) -> str:
    moving = [(loop, numbers[LOOPS.index(loop)]) for loop in order]
    return between.join(f"{loop} {number}" for loop, number in moving if number > 1)


def _rider(layer: Layer, made: Plan) -> dict[str, Any]:
    """All cycles go to what takes longest, as in a step of any other layer."""
    counts = count_rider(layer, made.machine)
    cycles = dict.fromkeys(PARTS, 0) | {counts.bound_by: counts.cycles}
    moved = {"weight": (0, 0), "input": (counts.read, 0), "output": (0, counts.written)}
    return {
        "name": layer.name,
        "op": str(layer.op),
        "macs": 0,
        "cycles": {"total": counts.cycles} | cycles,
        "utilisation": 0.0,
        "energy_j": dict(zip(LEVELS, rider_parts_j(counts, made.machine, made.energies), strict=True)),
        "mapping": [],
        "bound_by": f"{counts.bound_by.replace('_', ' ')}; rides with its producer",
        "l2": {tensor: {"read": read, "write": write} for tensor, (read, write) in moved.items()},
        "noc": {tensor: sum(ways) for tensor, ways in moved.items()} | {"reduction": 0},
        "note": "",
    }


def _layer(layer: Layer, runs: Sequence[Run], made: Plan) -> dict[str, Any]:
    machine, counts = made.machine, [run.counts for run in runs]
    cycles = {part: sum(getattr(each, part) for each in counts) for part in PARTS}
    total, macs = sum(cycles.values()), sum(each.macs for each in counts)
    joules = [energy_parts_j(each, machine, made.energies) for each in counts]
    l2_need_bytes = max(each.l2_need_bytes for each in counts)
    spilled = f"needs {l2_need_bytes:,} bytes of L2 and has {machine.l2_bytes:,}: the rest is read again"
    return {
        "name": layer.name,
        "op": str(layer.op),
        "macs": macs,
        "cycles": {"total": total} | cycles,
        "utilisation": macs / (total * machine.num_pes * machine.simd_lanes),
        "energy_j": dict(zip(LEVELS, map(sum, zip(*joules, strict=True)), strict=True)),
        "mapping": [mapping_of(run, machine) for run in runs],
        "bound_by": bound_by(cycles, runs, machine),
        "pes_used": max(prod(run.mapping.spatial) for run in runs),
        "pes": machine.num_pes,
        "l1": _accesses(runs, "l1"),
        "l2": _accesses(runs, "l2"),
        "noc": {tensor: sum(each.noc_elements[index] for each in counts) for index, tensor in enumerate(TENSORS)}
        | {"reduction": sum(each.reduction_transfers for each in counts)},
        "l1_need_bytes": max(each.l1_need_bytes for each in counts),
        "l1_bytes": machine.l1_bytes,
        "l2_need_bytes": l2_need_bytes,
        "l2_bytes": machine.l2_bytes,
        "overlap": all(each.overlapped for each in counts),
        "note": spilled if l2_need_bytes > machine.l2_bytes else "",
    }


def bound_by(cycles: dict[str, int], runs: Sequence[Run], machine: Machine) -> str:
    """What most cycles go to, with its share, and which axis of the array is too long where few PEs compute."""
    shares = {name: sum(cycles[part] for part in parts) for name, parts in PHASES.items()}
    most = max(shares, key=lambda name: shares[name])
    words = f"{most} {100 * shares[most] / sum(cycles.values()):.0f} %"
    longest = max(runs, key=lambda run: run.counts.cycles).mapping
    if most == "compute" and 2 * prod(longest.spatial) < machine.num_pes:
        words += f" ({_few(longest, machine)} used)"
    return words


def _few(mapping: Mapping, machine: Machine) -> str:
    """How many of what are in use: of the axis that is used least, or of all PEs where there are no axes."""
    axes = axes_of(mapping, machine)
    if machine.array is None or axes is None:
        return f"{prod(mapping.spatial):,} of {machine.num_pes:,} PEs"
    used = [prod(mapping.spatial[LOOPS.index(loop)] for loop in loops) for loops in axes]
    along = min((0, 1), key=lambda axis: used[axis] / machine.array[axis])  # type: ignore[index]
    return f"{used[along]} of {machine.array[along]} {('rows', 'columns')[along]}"


def _accesses(runs: Sequence[Run], level: str) -> dict[str, dict[str, int]]:
    """Elements read and written per tensor."""
    return {
        tensor: {way: sum(getattr(run.counts, f"{level}_{way}")[index] for run in runs) for way in ("read", "write")}
        for index, tensor in enumerate(TENSORS)
    }
