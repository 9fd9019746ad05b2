"""Links in the YAML of a package: classes by name, single links with figures of their own, packages on a board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from chipweave.errors import did_you_mean
from chipweave.files.chiplet_file import NotNegative, Positive
from chipweave.files.presets import link_presets
from chipweave.files.validate import Location, Name, Problems, Spec, shown
from chipweave.hardware.links import LinkClass, OwnLink

Index = Annotated[int, Field(ge=0, le=2**31 - 1)]
Pair = Annotated[list[Index], Field(min_length=2, max_length=2)]
Modules = Annotated[int, Field(ge=1, le=2**20)]
FIGURES = ("bandwidth_bytes_s", "latency_s", "energy_j_per_bit")
Figures = tuple[str, float, float, float]
"""Name, bandwidth, latency and energy of a link, as of an `OwnLink`."""


class LinkSpec(Spec):
    """All links of a package that have no figures of their own, of one class."""

    class_: Name = Field(alias="class", description="Such as ucie-advanced-32: see the page on packages.")
    modules: Modules = Field(1, description="Modules side by side on each link, each way; lanes of SerDes.")


class _FiguresSpec(Spec):
    class_: Name | None = Field(
        None, alias="class", description="Such as serdes-112, whose figures hold: see the page on packages."
    )
    modules: Modules | None = Field(
        None, description="Modules of the class side by side on each link, each way; lanes of SerDes. Default: 1."
    )
    name: Name | None = Field(None, description="What results call them. Default: the class.")
    bandwidth_bytes_s: Positive | None = Field(
        None, description="Of each, one way, bytes/s. Default: the class's by `modules`, or the package's."
    )
    latency_s: NotNegative | None = Field(None, description="Per hop, s. Default: the class's, or the package's.")
    energy_j_per_bit: NotNegative | None = Field(
        None, description="Per bit and hop, J. Default: the class's, or the package's."
    )


class OtherLinksSpec(_FiguresSpec):
    """Links that are not as the others of the package. Give a `class`, figures, or both: figures replace its."""

    links: list[Pair] = Field(min_length=1, description="Which: pairs of linked chiplets.")
    one_way: bool = Field(
        False, description="true: from the first of each pair to the second alone; the way back stays as it is."
    )


class BoardSpec(_FiguresSpec):
    """Several packages on a board, and the links between them, unless `other_links` names these."""

    rows: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Each package has so many rows of the `grid`, and"
    )
    columns: Annotated[int, Field(ge=1)] | None = Field(None, description="so many columns of it.")
    packages: list[Annotated[list[Index], Field(min_length=1)]] | None = Field(
        None, min_length=1, description="Or: the chiplets of each package, each chiplet once."
    )


def read_links(spec: LinkSpec, problems: Problems) -> dict[str, float]:
    """The figures of a package that a class of links sets; none, with the problem added, where it is unknown."""
    found = _class_of(spec.class_, problems, ("link", "class"))
    return found.of_package(spec.modules) if found is not None else {}


def _class_of(name: str, problems: Problems, at: Location) -> LinkClass | None:
    known = link_presets()
    if name not in known:
        near = did_you_mean(name, known) or "; `chipweave list links` shows them"
        problems.add(at, f"{shown(name)} is no class of links{near}")
        return None
    return LinkClass(name, **{key: known[name][key] for key in FIGURES})


def _figures_of(spec: _FiguresSpec, usual: Sequence[float], problems: Problems, at: Location) -> Figures | None:
    """Figures of links, of the class and of the user; None, with the problem added, where nothing is said of them."""
    own = {key: value for key in FIGURES if (value := getattr(spec, key)) is not None}
    figures = dict(zip(FIGURES, usual, strict=True))
    if spec.class_ is not None:
        found = _class_of(spec.class_, problems, (*at, "class"))
        if found is None:
            return None
        figures = {key: getattr(found, key) for key in FIGURES}
        figures["bandwidth_bytes_s"] *= spec.modules or 1
    elif spec.modules is not None:
        problems.add((*at, "modules"), "needs a `class`; name one, or give `bandwidth_bytes_s` of all modules")
        return None
    elif not own:
        if not problems.found:  # else a figure at fault may have been left out
            problems.add(at, "says nothing of its links; give a `class`, or one of " + ", ".join(FIGURES))
        return None
    figures |= own
    return spec.name or spec.class_ or "", *(figures[key] for key in FIGURES)  # type: ignore[return-value]


def read_board(spec: BoardSpec, shape: tuple[int, int] | None, count: int, problems: Problems) -> tuple[int, ...]:
    """Per chiplet, the number of its package; none, with the problem added, where that cannot be.

    Args:
        shape: rows and columns of the grid, where there is one; count: chiplets.
    """
    at: Location = ("board",)
    if spec.packages is not None:
        if spec.rows is not None or spec.columns is not None:
            problems.add(at, "give either `packages`, or `rows` and `columns`, not both")
            return ()
        return _listed(spec.packages, count, problems)
    if spec.rows is None or spec.columns is None:
        problems.add(at, "does not say what its packages are; give `rows` and `columns`, or `packages`")
        return ()
    if shape is None:
        problems.add(at, "`rows` and `columns` need a `grid`; list the chiplets of each package under `packages`")
        return ()
    for key, own, all_ in (("rows", spec.rows, shape[0]), ("columns", spec.columns, shape[1])):
        if all_ % own:
            problems.add((*at, key), f"{own} does not divide the {all_} {key} of the grid; give a number that does")
            return ()
    across = shape[1] // spec.columns
    return tuple(
        row // spec.rows * across + column // spec.columns for row in range(shape[0]) for column in range(shape[1])
    )


def _listed(packages: Sequence[Sequence[int]], count: int, problems: Problems) -> tuple[int, ...]:
    of: dict[int, int] = {}
    for number, chiplets in enumerate(packages):
        for chiplet in chiplets:
            if chiplet >= count or chiplet in of:
                wrong = "is in two packages" if chiplet in of else f"is no chiplet; they are numbered 0 to {count - 1}"
                problems.add(("board", "packages", number), f"{chiplet} {wrong}; correct it")
                return ()
            of[chiplet] = number
    left = [chiplet for chiplet in range(count) if chiplet not in of]
    if left:
        problems.add(("board", "packages"), f"chiplet {left[0]} is in no package; name it in one")
        return ()
    return tuple(of[chiplet] for chiplet in range(count))


def read_own_links(
    others: Sequence[OtherLinksSpec],
    board: tuple[BoardSpec, tuple[int, ...]] | None,
    links: Sequence[tuple[int, int]],
    usual: Sequence[float],
    problems: Problems,
) -> tuple[OwnLink, ...]:
    """Ways of links with figures of their own; what is wrong with them is added to the problems.

    Args:
        board: with the number of each chiplet's package; links: of the package; usual: bandwidth, latency and energy.
    """
    known, found = {frozenset(link) for link in links}, dict[tuple[int, int], Figures]()
    for number, spec in enumerate(others):
        at: Location = ("other_links", number)
        figures = _figures_of(spec, usual, problems, at)
        for place, (a, b) in enumerate(spec.links):
            ways = [(a, b)] if spec.one_way else [(a, b), (b, a)]
            if frozenset((a, b)) not in known or a == b:
                wrong = f"{a}-{b} is no link of the package; name two chiplets that are linked"
                problems.add((*at, "links", place), wrong)
            elif any(way in found for way in ways):
                problems.add((*at, "links", place), f"{a}-{b} is given figures twice; leave one out")
            elif figures is not None:
                found |= dict.fromkeys(ways, figures)
    if board is not None and _said(board[0]):
        figures = _figures_of(board[0], usual, problems, ("board",))
        if figures is not None and board[1]:
            between = [(a, b) for a, b in links if board[1][a] != board[1][b]]
            found = {way: figures for a, b in between for way in ((a, b), (b, a))} | found
    return tuple(OwnLink(*ends, figures[1], figures[2], figures[3], figures[0]) for ends, figures in found.items())


def _said(spec: _FiguresSpec) -> bool:
    return any(getattr(spec, key) is not None for key in ("class_", "modules", *FIGURES))


def own_links_to_list(own: Sequence[OwnLink]) -> list[dict[str, Any]]:
    """JSON-able data, every figure stated, that `read_own_links` reads back as equal links."""
    figures = {link.ends: link.figures for link in own}
    both: dict[Figures, list[list[int]]] = {}
    single: dict[Figures, list[list[int]]] = {}
    for (a, b), each in figures.items():
        if figures.get((b, a)) != each:
            single.setdefault(each, []).append([a, b])
        elif a < b:
            both.setdefault(each, []).append([a, b])
    entries = []
    for one_way, groups in ((False, both), (True, single)):
        for (name, *values), pairs in groups.items():
            entry: dict[str, Any] = {"name": name} if name else {}
            entry |= {"links": pairs} | ({"one_way": True} if one_way else {})
            entries.append(entry | dict(zip(FIGURES, values, strict=True)))
    return entries


def board_to_dict(board: Sequence[int]) -> dict[str, Any]:
    """JSON-able data that `read_board` reads back."""
    return {"packages": [[c for c, of in enumerate(board) if of == each] for each in range(1 + max(board))]}
