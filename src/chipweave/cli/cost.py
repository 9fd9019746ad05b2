"""`chipweave cost`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chipweave.cli import options as opt
from chipweave.cli.console import interruptible, progress_bar, result_console, say
from chipweave.cost.choose import COST_MODELS, describe
from chipweave.cost.loopnest.objective import Objective
from chipweave.errors import InputError

if TYPE_CHECKING:
    from chipweave.cost.interface import CostModel, LayerCosts
    from chipweave.hardware.chiplet import Chiplet
    from chipweave.workload.model import Model

NETWORK = "Options of a MAESTRO network (FILE.m)"
NETWORK_DEFAULTS: dict[str, Any] = {
    "num_pes": 4096,
    "noc_bandwidth": 256,
    "noc_latency": 1,
    "simd_lanes": 1,
    "offchip_bandwidth": None,
}


@dataclass(frozen=True)
class Network:
    """What runs a MAESTRO network."""

    num_pes: Annotated[int | None, typer.Option(help="Processing elements (4096).", min=1, rich_help_panel=NETWORK)] = (
        None
    )
    noc_bandwidth: Annotated[
        int | None, typer.Option(help="Elements per cycle (256).", min=1, rich_help_panel=NETWORK)
    ] = None
    noc_latency: Annotated[int | None, typer.Option(help="Cycles (1).", min=0, rich_help_panel=NETWORK)] = None
    simd_lanes: Annotated[
        int | None, typer.Option(help="MACs per PE and cycle (1).", min=1, rich_help_panel=NETWORK)
    ] = None
    offchip_bandwidth: Annotated[
        int | None,
        typer.Option(help="Off-chip floor, elements per cycle; off by default.", min=1, rich_help_panel=NETWORK),
    ] = None


@opt.spread
def cost(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL|FILE", help="A built-in model, a model's YAML, or MAESTRO's own text (FILE.m)."),
    ],
    chiplet: Annotated[str | None, typer.Option("--chiplet", "-c", help="A built-in name or a YAML file.")] = None,
    cost_model: opt.CostModelOption = None,
    maestro_offchip_bandwidth: opt.OffchipBandwidth = None,
    objective: Annotated[
        Objective | None, typer.Option(help=f"{COST_MODELS['loopnest'].parameters['objective'].help}.")
    ] = None,
    json: opt.Json = False,
    *,
    network: Network,
) -> None:
    """Cost of every layer of a model on a chiplet, or of a MAESTRO network with its own mappings.

    Example: chipweave cost resnet50 --chiplet datacenter-nvdla
    Example: chipweave cost network.m --num-pes 256 --noc-bandwidth 64 --json
    """
    given = {key: value for key, value in asdict(network).items() if value is not None}
    if model.endswith(".m"):
        of_model = (chiplet, maestro_offchip_bandwidth, objective)
        if cost_model not in (None, "maestro") or any(value is not None for value in of_model):
            raise InputError(
                "cost: --chiplet, --cost-model, --maestro-offchip-bandwidth and --objective are for models; a MAESTRO "
                "network has its own mappings, and --num-pes and the options beside it say what runs it"
            )
        _cost_network(model, NETWORK_DEFAULTS | given, json)
        return
    if given:
        names = ", ".join("--" + key.replace("_", "-") for key in given)
        raise InputError(f"cost: {names}: of a MAESTRO network (FILE.m) only; the chiplet of a model is --chiplet")
    if chiplet is None:
        raise InputError("cost: --chiplet is missing; give one of 'chipweave list chiplets' or a YAML file")
    _cost_model(model, chiplet, cost_model, maestro_offchip_bandwidth, objective, json)


def _cost_network(path: str, hardware: dict[str, Any], json: bool) -> None:
    from chipweave.cost.maestro.network import network_report
    from chipweave.files.yaml import read_text

    _print_network(path, network_report(read_text(Path(path)), path, **hardware), json)


def _cost_model(
    model: str, chiplet: str, name: str | None, floor: int | None, objective: Objective | None, json: bool
) -> None:
    from chipweave.files.chiplet_file import resolve_chiplet
    from chipweave.files.model_file import resolve_model

    workload, place = resolve_model(model), resolve_chiplet(chiplet)
    chosen = opt.cost_model(name, floor, objective)
    name = name or chosen.name
    mapped = chosen.name == "loopnest"
    costs, behind = _loopnest(chosen, workload, place) if mapped else (chosen.costs(workload.layers, place), [])
    rows = _rows(workload, place, vars(costs), [facts["macs"] for facts in behind] if mapped else None)
    if json:
        from json import dumps

        from chipweave.cost.maestro.model import MaestroCostModel

        if isinstance(chosen, MaestroCostModel):
            behind = chosen.explain(workload.layers, place)
        for row, facts in zip(rows, behind, strict=False):
            common = ("mapping", "bound_by") if mapped else ()
            row |= {key: facts[key] for key in common}
            row[chosen.name] = {key: value for key, value in facts.items() if key not in ("name", "op", *common)}
        head = {"model": workload.name, "chiplet": place.name, "cost_model": name}
        head |= {"objective": describe(chosen)["objective"]} if mapped else {}
        print(dumps(head | {"layers": rows}, indent=1))
    elif mapped:
        _print_mapped(workload, place, name, rows, behind)
    else:
        _print(workload, place, name, rows)


def _loopnest(model: CostModel, workload: Model, chiplet: Chiplet) -> tuple[LayerCosts, list[dict[str, Any]]]:
    """The layers' costs, and what stands behind them. Ctrl-C ends the search and keeps what it found."""
    from chipweave.cost.loopnest.model import LoopnestCostModel
    from chipweave.schedulers.search import Progress

    assert isinstance(model, LoopnestCostModel)
    with (
        interruptible("stopping", "the mappings found so far are kept for next time") as interrupted,
        progress_bar() as show,
    ):

        def tell(done: int, total: int) -> None:
            if interrupted():
                raise KeyboardInterrupt
            if show is not None:
                show(Progress(done, total, None, "mapping layers"))

        telling = model.telling(tell)
        return telling.costs(workload.layers, chiplet), telling.explain(workload.layers, chiplet)


def _rows(model: Model, chiplet: Chiplet, costs: dict[str, Any], done: list[int] | None) -> list[dict[str, Any]]:
    """What every cost model tells of each layer. `done`: the MACs that run; None: those of the layers."""
    rows = []
    for index, layer in enumerate(model.layers):
        figures = {key: float(values[index]) for key, values in costs.items()}
        energy_j = sum(value for key, value in figures.items() if key.endswith("_j"))
        peak = figures["cycles"] * chiplet.macs_per_cycle(layer.product_bits)
        rows.append(
            {
                "name": layer.name,
                "op": str(layer.op),
                "macs": layer.macs,
                "latency_s": figures["cycles"] / chiplet.clock_hz,
                "utilisation": (layer.macs if done is None else done[index]) / peak if peak else 0.0,
                "energy_j": energy_j,
            }
            | figures
        )
    return rows


def _title(model: Model, chiplet: Chiplet, cost_model: str) -> str:
    return f"{model.name} on {chiplet.name}, cost model {cost_model}: one sample, layer after layer, no DRAM or package"


def _print(model: Model, chiplet: Chiplet, cost_model: str, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from chipweave.report.quantities import quantity

    table = Table(box=None, padding=(0, 1, 0, 1), header_style="dim")
    table.add_column("layer", overflow="fold")
    table.add_column("op")
    for name in ("MACs", "cycles", "time", "utilisation", "energy"):
        table.add_column(name, justify="right", no_wrap=True)

    def add(name: str, op: str, macs: int, cycles: float, latency_s: float, energy_j: float) -> None:
        peak = cycles * chiplet.num_pes * chiplet.simd_lanes
        used = f"{100 * macs / peak:.1f} %" if peak else "-"
        table.add_row(name, op, f"{macs:,}", f"{cycles:,.0f}", quantity(latency_s, "s"), used, quantity(energy_j, "J"))

    for row in rows:
        add(row["name"], row["op"], row["macs"], row["cycles"], row["latency_s"], row["energy_j"])
    total = {key: sum(row[key] for row in rows) for key in ("macs", "cycles", "latency_s", "energy_j")}
    add("all", "", int(total["macs"]), total["cycles"], total["latency_s"], total["energy_j"])
    console = result_console()
    console.print(_title(model, chiplet, cost_model))
    console.print(table)


def _print_mapped(
    model: Model, chiplet: Chiplet, cost_model: str, rows: list[dict[str, Any]], behind: list[dict[str, Any]]
) -> None:
    """As `_print`, with what binds each layer, and under it the mapping of each of its runs."""
    from rich.padding import Padding
    from rich.text import Text

    from chipweave.report.quantities import quantity

    def cells(row: dict[str, Any], bound_by: str) -> tuple[str, ...]:
        used = f"{100 * row['utilisation']:.1f} %" if row["macs"] else "-"
        figures = (f"{row['cycles']:,.0f}", quantity(row["latency_s"], "s"), used, quantity(row["energy_j"], "J"))
        return (row["name"], *figures, bound_by)

    total = {key: sum(row[key] for row in rows) for key in ("macs", "cycles", "latency_s", "energy_j")}
    peak = total["cycles"] * chiplet.num_pes * chiplet.simd_lanes
    table: list[tuple[str, ...]] = [("layer", "cycles", "time", "utilisation", "energy", "bound by")]
    table += [cells(row, facts["bound_by"]) for row, facts in zip(rows, behind, strict=True)]
    done = sum(facts["macs"] for facts in behind)
    table += [cells({"name": "all", "utilisation": done / peak} | total, "")]
    below = [[run["text"] for run in facts["mapping"]] + [facts["note"]] * bool(facts["note"]) for facts in behind]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    console = result_console()
    console.print(_title(model, chiplet, cost_model))
    beside = sum(widths) + 2 * (len(widths) - 1) <= console.width
    for (name, *figures, bound_by), texts in zip(table, [[], *below, []], strict=True):
        aligned = "  ".join(figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=False))
        line = f"{name.ljust(widths[0])}  {aligned}"
        console.print(Text(f"{line}  {bound_by}".rstrip() if beside else line))
        if bound_by and not beside:
            console.print(Padding(Text(bound_by), (0, 0, 0, 4)))
        for text in texts:
            console.print(Padding(Text(text, style="dim"), (0, 0, 0, 4)))


def _print_network(path: str, report: dict[str, Any], json: bool) -> None:
    failed = [layer for layer in report["layers"] if "error" in layer]
    if json:
        from json import dumps

        print(dumps(report, indent=1))
    else:
        for layer in report["layers"]:
            if "error" not in layer:
                figures = f"{layer['runtime_cycles']:>14,} cycles {layer['macs']:>16,} MACs"
                print(f"{layer['name']:<24} {figures} {layer['energy_mac_units']:>20,.1f} MAC energies")
    for layer in failed:
        say(f"error: {path}: layer '{layer['name']}': {layer['error']}")
    if failed:
        raise typer.Exit(2)
