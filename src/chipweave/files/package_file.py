"""Packages as YAML: chiplets on a grid or on any graph of links."""

from __future__ import annotations

import string
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from chipweave.errors import InputError, did_you_mean
from chipweave.files.chiplet_file import (
    ChipletSpec,
    NotNegative,
    Positive,
    chiplet_to_dict,
    read_chiplet,
    resolve_chiplet,
)
from chipweave.files.link_file import (
    BoardSpec,
    Index,
    LinkSpec,
    OtherLinksSpec,
    Pair,
    board_to_dict,
    own_links_to_list,
    read_board,
    read_links,
    read_own_links,
)
from chipweave.files.locate import load, locate
from chipweave.files.memory_file import StackSpec, named_interfaces, read_stacks, stacks_to_list
from chipweave.files.presets import BUILT_IN, chiplet_names, package_names, package_preset
from chipweave.files.validate import Location, Name, Problems, Spec, shown
from chipweave.files.yaml import dump_yaml
from chipweave.hardware import topology
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.package import DRAM_FIGURES, MOST_CHIPLETS, Delivery, Package, Placement, Routing
from chipweave.hardware.package import Interfaces as Bandwidth
from chipweave.hardware.price import RETICLE_MM2

SIDES = "left-right-columns"
"""What `interfaces` calls the chiplets of the first and last column (SCAR Def. 3)."""


class Topology(StrEnum):
    """How the places of a grid are linked."""

    MESH = "mesh"
    TRIANGULAR = "triangular"
    TORUS = "torus"
    RING = "ring"
    SWITCH = "switch"


_LINKS: dict[Topology, Callable[[int, int], tuple[topology.Link, ...]]] = {
    Topology.MESH: topology.mesh,
    Topology.TRIANGULAR: topology.triangular,
    Topology.TORUS: topology.torus,
    Topology.RING: topology.ring,
    Topology.SWITCH: topology.switch,
}


def _named_or_inline(value: Any) -> str:
    return "inline" if isinstance(value, dict | Spec) else "named"


ChipletRef = Annotated[
    Annotated[ChipletSpec, Tag("inline")] | Annotated[Name, Tag("named")],
    Discriminator(_named_or_inline),
]


def _listed_or_sides(value: Any) -> str:
    return "listed" if isinstance(value, list) else "sides"


class _Sides(StrEnum):
    SIDES = SIDES


Interfaces = Annotated[
    Annotated[list[Index], Field(min_length=1), Tag("listed")] | Annotated[_Sides, Field(strict=False), Tag("sides")],
    Discriminator(_listed_or_sides),
]


class PackageSpec(Spec):
    """Chiplets, links, memory interfaces and DRAM. Give either `grid`, or `chiplets` with `links`."""

    name: Name = Field(description="What results call it.")
    source: str = Field(Package.source, description="Where the figures come from.")
    classes: dict[Name, ChipletRef] = Field(
        default_factory=dict,
        description="Chiplet class per label: a built-in name, a YAML file (relative to this one), or a mapping. "
        "A label that is not here is itself a built-in name or file.",
    )
    grid: list[Annotated[list[Name], Field(min_length=1)]] | None = Field(
        None, min_length=1, description="Names row by row, all rows of one length; chiplets are numbered row by row."
    )
    topology: Annotated[Topology, Field(strict=False)] | None = Field(
        None,
        description="Links of the grid: mesh (the default), triangular (a diagonal in every cell), torus, ring (row by "
        "row, there and back) or switch (each chiplet one hop from each other).",
    )
    express: list[Pair] | None = Field(
        None,
        description="Links beside those of the `topology`, as pairs of chiplets that may lie apart; a hop on one takes "
        "what a hop on any other does, unless `other_links` says otherwise.",
    )
    chiplets: list[Name] | None = Field(None, min_length=1, description="Names in the order of their numbers.")
    links: list[Pair] | None = Field(None, description="Pairs of linked chiplets; each carries traffic both ways.")
    positions: list[Pair] | None = Field(
        None, description="[row, column] of each of `chiplets`, where they have a place on a grid."
    )
    interfaces: Interfaces | None = Field(
        None,
        description="Chiplets with a memory interface: their numbers, or left-right-columns, "
        "the default where positions are known (SCAR Def. 3).",
    )
    routing: Annotated[Routing, Field(strict=False)] | None = Field(
        None,
        description="xy (along the row, then along the column; SCAR III), shortest (fewest links) or fastest (least "
        "latency, then fewest links). Default: fastest where links differ, xy on any other mesh grid without express "
        "links, else shortest.",
    )
    link_bandwidth_bytes_s: Positive = Field(
        Package.link_bandwidth_bytes_s,
        description="Each way on each link, and at most that into and out of a chiplet, bytes/s "
        "(SCAR Table II: 100 GB/s per chiplet).",
    )
    hop_latency_s: NotNegative = Field(Package.hop_latency_s, description="Per hop, s (SCAR Table II: 35 ns).")
    nop_energy_j_per_bit: NotNegative = Field(
        Package.nop_energy_j_per_bit,
        description="Per bit and hop, J (SCAR Table II: 2.04 pJ/bit; 'per hop' is our reading).",
    )
    dram_bandwidth_bytes_s: Positive = Field(
        Package.dram_bandwidth_bytes_s,
        description="Of the whole package, bytes/s (SCAR Table II: 64 GB/s; 'of the package' is our reading).",
    )
    dram_latency_s: NotNegative = Field(Package.dram_latency_s, description="Per access, s (SCAR Table II: 200 ns).")
    dram_energy_j_per_bit: NotNegative = Field(
        Package.dram_energy_j_per_bit, description="Per bit, J (SCAR Table II: 14.8 pJ/bit)."
    )
    conflict_delay_s: NotNegative = Field(
        Package.conflict_delay_s, description="The delta of SCAR III-E, s; the paper gives no value, hence 0."
    )
    delivery: Annotated[Delivery, Field(strict=False)] = Field(
        Package.delivery,
        description="multicast: one transfer serves all who want a byte, as in the papers; unicast: each has its own, "
        "from DRAM, too.",
    )
    interface_bandwidth: Annotated[Bandwidth, Field(strict=False)] = Field(
        Package.interface_bandwidth,
        description="shared: a region has all of the DRAM's bandwidth through its one memory interface, our reading of "
        "the papers; split: what the stacks at that interface have, or an even share.",
    )
    placement: Annotated[Placement, Field(strict=False)] = Field(
        Package.placement,
        description="interleaved: every tensor lies over all stacks, in proportion to their bandwidth; nearest: "
        "weights, and what a stage writes, lie at its own memory interface, which then has the bandwidth of its own "
        "stacks (`interface_bandwidth` is split).",
    )
    link: LinkSpec | None = Field(
        None,
        description="The class of links, which sets `link_bandwidth_bytes_s`, `hop_latency_s` and "
        "`nop_energy_j_per_bit`. Default: those figures.",
    )
    other_links: list[OtherLinksSpec] | None = Field(
        None, min_length=1, description="Links with a class or figures of their own. Default: all links are alike."
    )
    board: BoardSpec | None = Field(
        None, description="Several packages on a board, with other links between them. Default: all is one package."
    )
    memory: list[StackSpec] | None = Field(
        None,
        min_length=1,
        description="Memory stacks, where tensors lie as `placement` says; they set the three figures of DRAM. "
        "Default: those figures, and any capacity.",
    )
    assumed: list[str] = Field(
        default_factory=list, description="Figures that are not published, and how each was chosen."
    )


_FIGURES = tuple(key for key in PackageSpec.model_fields if key.endswith(("_s", "_per_bit")))
_CONVENTIONS = ("delivery", "interface_bandwidth", "placement")
"""Written where they are not those of the papers."""
_LINK_FIGURES = ("link_bandwidth_bytes_s", "hop_latency_s", "nop_energy_j_per_bit")


def load_package(path: str | Path) -> Package:
    """The package in a YAML file.

    Raises:
        InputError: every problem of the file and of the chiplet files it names, one line each.
    """
    return package_from_dict(load(path, "package"), str(path))


def resolve_package(name_or_path: str | Path) -> Package:
    """The package of a built-in name or of a YAML file.

    Raises:
        InputError: neither a name nor a file, or what `load_package` refuses.
    """
    name = str(name_or_path)
    path = locate(name, "package", package_names())
    return load_package(path) if path is not None else package_from_dict(package_preset(name), f"{BUILT_IN}{name}")


def package_from_dict(data: Any, path: str = "package") -> Package:
    """The package that JSON-able data describes; `path` names it in messages, and files start at its folder.

    Raises:
        InputError: every problem of the data, one line each.
    """
    problems = Problems(path, data)
    spec = problems.check(PackageSpec, data, mend=True)
    package = _package(spec, problems, Path(path).parent) if spec is not None else None
    problems.raise_any()
    assert package is not None
    return package


def _package(spec: PackageSpec, problems: Problems, folder: Path) -> Package | None:
    before = len(problems.found)
    if (spec.grid is None) == (spec.chiplets is None):
        problems.add((), "give either `grid`, or `chiplets` with `links`" + (", not both" if spec.grid else ""))
    if spec.grid is not None:
        for key in ("links", "positions"):
            if getattr(spec, key) is not None:
                problems.add((key,), "does not go with `grid`; name a `topology`, or list `chiplets` instead")
        width = len(spec.grid[0])
        for row, labels in enumerate(spec.grid):
            if len(labels) != width:
                problems.add(("grid", row), f"has {len(labels)} chiplets, the first row {width}; make rows equal")
        rows: list[tuple[Location, str]] = [
            (("grid", row, column), label)
            for row, labels in enumerate(spec.grid)
            for column, label in enumerate(labels)
        ]
    else:
        for key in ("topology", "express"):
            if getattr(spec, key) is not None:
                problems.add((key,), f"needs a `grid`; give one, or leave `{key}` out")
        rows = [(("chiplets", i), label) for i, label in enumerate(spec.chiplets or [])]
    if len(rows) > MOST_CHIPLETS:
        problems.add(rows[0][0][:1], f"has {len(rows)} chiplets; at most {MOST_CHIPLETS} are supported")
        return None
    chiplets = _chiplets(spec, rows, problems, folder)
    if len(problems.found) > before or len(chiplets) < len(rows):
        return None
    if spec.grid is not None:
        shape = len(spec.grid), len(spec.grid[0])
        kind = spec.topology or Topology.MESH
        links: tuple[topology.Link, ...] = _LINKS[kind](*shape) + tuple((a, b) for a, b in spec.express or [])
        positions: tuple[topology.Position, ...] | None = topology.grid_positions(*shape)
        routing = Routing.XY if kind is Topology.MESH and not spec.express else Routing.SHORTEST
    else:
        links = tuple((a, b) for a, b in spec.links or [])
        positions = None if spec.positions is None else tuple((r, c) for r, c in spec.positions)
        routing = Routing.SHORTEST
    interfaces = _interfaces(spec, positions, len(rows), problems)
    if interfaces is None:
        return None
    figures = _figures(spec, links, len(rows), interfaces, problems)
    if len(problems.found) > before:
        return None
    try:
        return Package(
            name=spec.name,
            chiplets=tuple(chiplets),
            links=links,
            interfaces=interfaces,
            positions=positions,
            routing=spec.routing or (Routing.FASTEST if figures["own_links"] else routing),
            source=spec.source,
            **_said_of_chiplets(spec, rows, chiplets, problems),
            assumed=tuple(spec.assumed),
            **figures,
        )
    except InputError as error:
        for (key, _), problem in zip(error.fields, error.problems, strict=True):
            problems.add(("express" if key == "links" and spec.express else key,), problem)
        return None


def _interfaces(
    spec: PackageSpec, positions: tuple[topology.Position, ...] | None, count: int, problems: Problems
) -> tuple[int, ...] | None:
    """The chiplets with a memory interface: as listed, else those that stacks name, else those at the sides."""
    if isinstance(spec.interfaces, list):
        return tuple(spec.interfaces)
    if spec.interfaces is None and (named := named_interfaces(spec.memory or [])):
        for number, stack in enumerate(spec.memory or []):
            for at in stack.interfaces or ():
                if at >= count:
                    where = ("memory", number, "interfaces")
                    problems.add(where, f"{at} is no chiplet; they are numbered 0 to {count - 1}")
        return tuple(named) if named[-1] < count else None
    if positions is not None:
        return _sides(positions)
    problems.add(("interfaces",), "left-right-columns needs `positions`; list the chiplets' numbers instead")
    return None


def _figures(
    spec: PackageSpec,
    links: tuple[topology.Link, ...],
    count: int,
    interfaces: tuple[int, ...],
    problems: Problems,
) -> dict[str, Any]:
    """Figures and conventions of links and DRAM; figures from the file or from its classes and stacks, not both."""
    figures = {key: getattr(spec, key) for key in (*_FIGURES, *_CONVENTIONS)}
    for key, ones in (("link", _LINK_FIGURES), ("memory", DRAM_FIGURES)):
        for one in ones:
            if getattr(spec, key) is not None and one in spec.model_fields_set:
                problems.add((one,), f"does not go with `{key}`, which sets it; leave one of the two out")
    if spec.link is not None:
        figures |= read_links(spec.link, problems)
    asked_for = "interface_bandwidth" in spec.model_fields_set and spec.interface_bandwidth is Bandwidth.SHARED
    if spec.placement is Placement.NEAREST and asked_for:
        remedy = "which gives each interface what is attached to it; say split, or leave it out"
        problems.add(("interface_bandwidth",), f"shared does not go with `placement: nearest`, {remedy}")
    if spec.memory is not None:
        figures["memory"] = read_stacks(spec.memory, interfaces, problems)
        figures["memory_place"] = problems.place(("memory",))
    return figures | _own_links(spec, links, count, figures, problems)


def _own_links(
    spec: PackageSpec, links: tuple[topology.Link, ...], count: int, figures: dict[str, Any], problems: Problems
) -> dict[str, Any]:
    """Which packages are on a board, and the links with figures of their own."""
    shape = None if spec.grid is None else (len(spec.grid), len(spec.grid[0]))
    places = () if spec.board is None else read_board(spec.board, shape, count, problems)
    usual = [figures[key] for key in _LINK_FIGURES]
    board = None if spec.board is None else (spec.board, places)
    return {"board": places, "own_links": read_own_links(spec.other_links or [], board, links, usual, problems)}


def _chiplets(spec: PackageSpec, labels: list[tuple[Location, str]], problems: Problems, folder: Path) -> list[Chiplet]:
    """The chiplet of each label; the classes that no place uses are read, too, for what is wrong with them."""
    found: dict[str, Chiplet | None] = {}
    for label, ref in spec.classes.items():
        at: Location = ("classes", label)
        found[label] = (
            read_chiplet(ref, problems, at) if isinstance(ref, ChipletSpec) else _find(ref, at, problems, folder)
        )
    for at, label in labels:
        if label in found:
            continue
        found[label] = None
        try:
            locate(label, "chiplet", chiplet_names(), folder)
        except InputError as error:
            if spec.classes:
                problems.add(at, f"{shown(label)} is none of the `classes`{did_you_mean(label, spec.classes)}")
            else:
                problems.include(at, error)
        else:
            found[label] = _find(label, at, problems, folder)
    return [chiplet for _, label in labels if (chiplet := found[label]) is not None]


def _unused(spec: PackageSpec, used: Collection[str]) -> tuple[str, ...]:
    """What to say of classes that no place uses: a slip, or kept for later."""
    unused = [shown(label) for label in spec.classes if label not in used]
    if not unused:
        return ()
    what = f"class {unused[0]} is" if len(unused) == 1 else f"classes {', '.join(unused)} are"
    return (f"In the package's file {what} on no place, and of no effect.",)


def _said_of_chiplets(
    spec: PackageSpec, rows: list[tuple[Location, str]], chiplets: Sequence[Chiplet], problems: Problems
) -> dict[str, Any]:
    """Where each chiplet stands, and what to say of classes without a place and of dies that are too large."""
    places = tuple(problems.place(("classes", label) if label in spec.classes else at) for at, label in rows)
    notes = _unused(spec, {label for _, label in rows}) + _large(chiplets, places)
    return {"chiplet_places": places, "notes": notes}


def _large(chiplets: Sequence[Chiplet], places: Sequence[str]) -> tuple[str, ...]:
    """What to say of chiplets that cannot be exposed at once."""
    return tuple(
        f"{places[chiplets.index(chiplet)]}: A die of '{chiplet.name}' has {chiplet.area_mm2:.0f} mm2 of memory and "
        f"arithmetic, more than the {RETICLE_MM2:.0f} mm2 that are exposed at once (the reticle): nobody makes it as "
        "one die."
        for chiplet in dict.fromkeys(chiplets)
        if chiplet.area_mm2 > RETICLE_MM2
    )


def _find(name: str, location: Location, problems: Problems, folder: Path) -> Chiplet | None:
    try:
        return resolve_chiplet(name, folder=folder)
    except InputError as error:
        problems.include(location, error)
        return None


def _sides(positions: tuple[topology.Position, ...]) -> tuple[int, ...]:
    columns = [column for _, column in positions]
    return tuple(i for i, column in enumerate(columns) if column in (min(columns), max(columns)))


def package_to_dict(package: Package) -> dict[str, Any]:
    """JSON-able data that `package_from_dict` reads back as an equal package.

    Chiplet classes and all figures are stated in full, so the data stands alone.
    """
    labels = {chiplet: _label(i, len(package.classes)) for i, chiplet in enumerate(package.classes)}
    places = [labels[chiplet] for chiplet in package.chiplets]
    data: dict[str, Any] = {"name": package.name}
    if package.source:
        data["source"] = package.source
    data["classes"] = {label: chiplet_to_dict(chiplet) for chiplet, label in labels.items()}
    shape = _grid_shape(package)
    kinds = [kind for kind, make in _LINKS.items() if shape and make(*shape) == package.links]
    if shape and kinds:
        data["grid"] = [places[row * shape[1] : (row + 1) * shape[1]] for row in range(shape[0])]
        data["topology"] = kinds[0].value
    else:
        data["chiplets"] = places
        data["links"] = [list(link) for link in package.links]
        if package.positions is not None:
            data["positions"] = [list(position) for position in package.positions]
    sides = package.positions is not None and _sides(package.positions) == package.interfaces
    data["interfaces"] = SIDES if sides else list(package.interfaces)
    data["routing"] = package.routing.value
    data |= {key: getattr(package, key) for key in _FIGURES if not (package.memory and key in DRAM_FIGURES)}
    for key in _CONVENTIONS:
        if getattr(package, key) is not getattr(Package, key):
            data[key] = getattr(package, key).value
    if package.own_links:
        data["other_links"] = own_links_to_list(package.own_links)
    if package.board:
        data["board"] = board_to_dict(package.board)
    if package.memory:
        data["memory"] = stacks_to_list(package.memory, package.interfaces)
    if package.assumed:
        data["assumed"] = list(package.assumed)
    return data


def _label(position: int, count: int) -> str:
    return string.ascii_uppercase[position] if count <= 26 else f"class{position}"


def _grid_shape(package: Package) -> tuple[int, int] | None:
    """Rows and columns where the chiplets fill a grid row by row."""
    if package.positions is None:
        return None
    rows, columns = (1 + max(position[axis] for position in package.positions) for axis in (0, 1))
    full = len(package.positions) == rows * columns
    return (rows, columns) if full and package.positions == topology.grid_positions(rows, columns) else None


def dump_package(package: Package) -> str:
    """YAML text, complete by itself, that `load_package` reads back as an equal package."""
    return dump_yaml(package_to_dict(package))
