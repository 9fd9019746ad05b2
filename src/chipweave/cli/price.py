"""`chipweave price`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from chipweave.cli import options as opt
from chipweave.cli.console import result_console, say
from chipweave.hardware.price import LINK_PORTS_SHARE, Assembly

if TYPE_CHECKING:
    from chipweave.hardware.price import Die

ROWS = {
    "dies_usd": "dies, with bumps",
    "bad_dies_usd": "dies that are bad",
    "package_usd": "substrate and carrier",
    "bad_packages_usd": "packages that are bad",
    "lost_dies_usd": "good dies lost in them",
    "total_usd": "a package",
    "design_usd": "its share of the design",
    "with_design_usd": "in all",
}


def price(
    package: Annotated[str, typer.Argument(help="A built-in package or a YAML file.")],
    assembly: Annotated[
        list[Assembly] | None, typer.Option(help="How dies are joined; repeat. All ways where none is given.")
    ] = None,
    volume: Annotated[int, typer.Option(help="Packages that share the cost of the design.", min=1)] = 1_000_000,
    ports: Annotated[
        float, typer.Option(help="Area of the ports of links over that of the rest of a chiplet.")
    ] = LINK_PORTS_SHARE,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="With the slips of the published program (docs/price.md).")
    ] = False,
    json: opt.Json = False,
) -> None:
    """What a package costs to make and to design, by die area, yield and way of assembly; of several packages on a
    board, all of them together, without the board.

    Example: chipweave price simba-nvdla-3x3 --assembly organic --volume 100000
    """
    from chipweave.files.package_file import resolve_package
    from chipweave.hardware.price import MENDED, PUBLISHED, RETICLE_MM2, dies_of, packages_of

    resolved = resolve_package(package)
    dies = dies_of(resolved, ports)
    rules = PUBLISHED if as_published else MENDED
    packages = packages_of(resolved, ports)
    bills = {way.value: _bill(packages, way, rules, volume) for way in assembly or list(Assembly)}
    for die in dies:
        if die.area_mm2 > RETICLE_MM2:
            limit = f"the largest die exposed at once has {RETICLE_MM2:.0f}"
            say(f"note: {die.where}{die.name} has {die.area_mm2:.0f} mm2; {limit}")
    if json:
        from json import dumps

        kinds = [{**asdict(die), "good_share": die.good_share, "raw_usd": die.raw_usd} for die in dies]
        for kind in kinds:
            del kind["place"]
        print(dumps({"package": resolved.name, "volume": volume, "dies": kinds, "assemblies": bills}, indent=1))
        return
    _print(resolved.name, dies, bills)


def _bill(packages: dict[tuple[Die, ...], int], way: Assembly, rules: Any, volume: int) -> dict[str, float]:
    """US dollars of one package, or of so many of each kind on a board; of the design of each kind, its share."""
    from chipweave.hardware.price import design, making

    bill: dict[str, float] = {}
    for dies, count in packages.items():
        made, designed = making(dies, way, rules), design(dies, way, rules)
        share_usd = designed.total_usd / volume
        own = {key: count * usd for key, usd in (asdict(made) | {"total_usd": made.total_usd}).items()}
        own |= {"design_usd": share_usd, "with_design_usd": own["total_usd"] + share_usd}
        bill = {key: bill.get(key, 0.0) + usd for key, usd in own.items()}
    return bill


def _print(name: str, dies: tuple[Die, ...], bills: dict[str, dict[str, float]]) -> None:
    from chipweave.hardware.price import dies_mm2, per_wafer
    from chipweave.report.text_table import print_columns

    console = result_console()
    rows = [
        (
            Text(f"{die.count} x {die.name}"),
            [
                f"{die.node_nm} nm",
                f"{die.area_mm2:.2f}",
                f"{die.ports_mm2:.2f}",
                f"{per_wafer(die.area_mm2):.0f}",
                f"{100 * die.good_share:.1f} %",
                f"{die.raw_usd:.2f}",
                f"{die.raw_usd + die.defects_usd:.2f}",
            ],
        )
        for die in dies
    ]
    header = ["node", "mm2", "of it ports", "on a wafer", "good", "US$ raw", "US$ good"]
    print_columns(console, name, header, rows)
    console.print()
    lines = [(Text(said), [f"{bill[key]:.2f}" for bill in bills.values()]) for key, said in ROWS.items()]
    print_columns(console, "US$ for each", list(bills), lines)
    console.print()
    say(
        f"{dies_mm2(dies):.1f} mm2 of dies: MACs and memories with the ports of links; what else is on a die is left "
        "out.\nThe equations, and where the figures come from: docs/price.md"
    )
