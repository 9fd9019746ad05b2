"""Packages with one thing changed, and what that takes in silicon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import Package
from chipweave.report.quantities import quantity


def with_twice_the_links(package: Package) -> Package:
    own = tuple(replace(link, bandwidth_bytes_s=2 * link.bandwidth_bytes_s) for link in package.own_links)
    return replace(package, link_bandwidth_bytes_s=2 * package.link_bandwidth_bytes_s, own_links=own)


def with_twice_the_dram(package: Package) -> Package:
    """Twice the bandwidth of the DRAM, that is of each stack where it has some."""
    if package.memory:
        twice = (replace(stack, bandwidth_bytes_s=2 * stack.bandwidth_bytes_s) for stack in package.memory)
        return package.with_memory(tuple(twice))
    return replace(package, dram_bandwidth_bytes_s=2 * package.dram_bandwidth_bytes_s)


def with_twice_the_pes(package: Package) -> Package:
    """Twice the PEs of every chiplet, along the shorter side of arrays; L2, network and static power stay.

    The names of classes change, too: a cost model that knows chiplets by their names has no figures of such ones.
    """
    return replace(package, chiplets=tuple(map(_with_twice_the_pes, package.chiplets)))


def _with_twice_the_pes(chiplet: Chiplet) -> Chiplet:
    array = chiplet.array
    if array is not None:
        rows, columns = array
        array = (2 * rows, columns) if rows <= columns else (rows, 2 * columns)
    return replace(chiplet, name=f"{chiplet.name} with twice the PEs", num_pes=2 * chiplet.num_pes, array=array)


def with_another(package: Package, place: int, chiplet: Chiplet) -> Package:
    """Another chiplet in one place."""
    return replace(package, chiplets=(*package.chiplets[:place], chiplet, *package.chiplets[place + 1 :]))


def with_more_chiplets(package: Package) -> Package:
    """A column more of a mesh, or a row where that is fewer chiplets; else one more, where there are fewest links.

    New chiplets are numbered behind the others, which keep their numbers, and are of the class of the chiplet that
    they stand beside. Memory interfaces stay where they are.
    """
    if package.positions is not None and not topology.xy_problems(package.positions, package.links):
        return _with_a_line(package, package.positions)
    near = package.neighbours
    beside = min(range(len(near)), key=lambda chiplet: (len(near[chiplet]), chiplet))
    positions = package.positions
    if positions is not None:
        positions = (*positions, (1 + max(row for row, _ in positions), positions[beside][1]))
    return replace(
        package,
        chiplets=(*package.chiplets, package.chiplets[beside]),
        links=(*package.links, (beside, len(near))),
        positions=positions,
        board=package.board and (*package.board, package.board[beside]),
    )


def _with_a_line(package: Package, positions: tuple[topology.Position, ...]) -> Package:
    rows, columns = 1 + max(row for row, _ in positions), 1 + max(column for _, column in positions)
    along_rows = columns < rows  # then a row has fewer chiplets than a column
    last = {position: chiplet for chiplet, position in enumerate(positions)}
    spots = [(rows, at) for at in range(columns)] if along_rows else [(at, columns) for at in range(rows)]
    beside = [last[row - 1, column] if along_rows else last[row, column - 1] for row, column in spots]
    new = range(len(positions), len(positions) + len(spots))
    return replace(
        package,
        chiplets=(*package.chiplets, *(package.chiplets[chiplet] for chiplet in beside)),
        links=(*package.links, *zip(beside, new, strict=True), *pairwise(new)),
        positions=(*positions, *spots),
        board=package.board and (*package.board, *(package.board[chiplet] for chiplet in beside)),
    )


def silicon(before: Package, after: Package) -> str:
    """What is more of it, in words; memory and arithmetic alone are known of the area."""

    def more(of: Callable[[Chiplet], float]) -> float:
        return sum(map(of, after.chiplets)) - sum(map(of, before.chiplets))

    chiplets = len(after.chiplets) - len(before.chiplets)
    pes, l2_bytes = more(lambda chiplet: chiplet.num_pes), more(lambda chiplet: chiplet.l2_bytes)
    area_mm2 = more(lambda chiplet: chiplet.area_mm2)
    parts = [
        *([f"{chiplets:+d} chiplet{'s' if chiplets > 1 else ''}"] if chiplets else []),
        *([f"{pes:+,.0f} PEs"] if pes else []),
        *([f"{'+' if l2_bytes > 0 else ''}{quantity(l2_bytes, 'B')} of L2"] if l2_bytes else []),
    ]
    if not parts:
        return "the same PEs and L2"
    return f"{', '.join(parts)}, {area_mm2:+.3g} mm2 of PEs and memory (network, ports and control not known)"
