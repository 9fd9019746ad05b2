"""`chipweave list`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from chipweave.cli import options as opt


class Kind(StrEnum):
    MODELS = "models"
    SCENARIOS = "scenarios"
    PACKAGES = "packages"
    CHIPLETS = "chiplets"
    MEMORY = "memory"
    LINKS = "links"
    SCHEDULERS = "schedulers"
    REPRODUCTIONS = "reproductions"
    VALIDATIONS = "validations"


Entry = dict[str, Any]
"""What is said of one name: `name` first, then plain figures by what they are called."""


def list_names(
    kind: Annotated[Kind | None, typer.Argument(help="What to list; all of it without.", show_default=False)] = None,
    json: opt.Json = False,
) -> None:
    """List the built-in models, scenarios, packages, chiplets, kinds of memory, classes of links, schedulers,
    reproductions of papers and validations, with what each name holds.

    Example: chipweave list packages
    """
    kinds = [kind] if kind is not None else list(Kind)
    if json:
        from json import dumps

        listed = {each.value: _ENTRIES[each]() for each in kinds}
        print(dumps(listed[kind] if kind is not None else listed, indent=1))
        return
    for number, each in enumerate(kinds):
        if number:
            print()
        print("\n".join(_table(each.value.removesuffix("s"), _ENTRIES[each]())))


def built_in(kind: str) -> list[str]:
    """The built-in names of a kind."""
    match kind:
        case Kind.MODELS | Kind.SCENARIOS:
            from chipweave.workload import zoo

            return list(zoo.MODELS if kind == Kind.MODELS else zoo.SCENARIOS)
        case Kind.SCHEDULERS:
            from chipweave.schedulers import SCHEDULERS

            return list(SCHEDULERS)
        case Kind.REPRODUCTIONS:
            return [entry["name"] for entry in _reproductions()]
        case Kind.VALIDATIONS:
            from chipweave.validation.catalog import VALIDATIONS

            return [entry.name for entry in VALIDATIONS]
    from chipweave.files import presets

    match kind:
        case Kind.MEMORY | Kind.LINKS:
            return list(presets.memory_presets() if kind == Kind.MEMORY else presets.link_presets())
    return list(presets.package_names() if kind == Kind.PACKAGES else presets.chiplet_names())


def _models() -> list[Entry]:
    from chipweave.workload.zoo import build_model

    entries = []
    for name in built_in(Kind.MODELS):
        model = build_model(name)
        entries.append(
            {"name": name, "layers": len(model.layers), "macs": model.macs, "weights": model.weight_elements}
        )
    return entries


def _scenarios() -> list[Entry]:
    from chipweave.workload.zoo import build_scenario

    return [
        {"name": name, "tasks": {task.name: task.batch for task in build_scenario(name).tasks}}
        for name in built_in(Kind.SCENARIOS)
    ]


def _packages() -> list[Entry]:
    from chipweave.files.memory_file import stack_counts
    from chipweave.files.package_file import resolve_package

    entries = []
    for name in built_in(Kind.PACKAGES):
        package = resolve_package(name)
        flows = [chiplet.dataflow.style.value for chiplet in package.chiplets]
        entries.append(
            {
                "name": name,
                "chiplets": len(flows),
                "dataflows": {flow: flows.count(flow) for flow in dict.fromkeys(flows)},
                "peak_macs_s": sum(chiplet.peak_macs_s for chiplet in package.chiplets),
                "memory": stack_counts(package.memory),
                "dram_bandwidth_bytes_s": package.dram_bandwidth_bytes_s,
                "capacity_bytes": package.capacity_bytes,
            }
        )
    return entries


def _chiplets() -> list[Entry]:
    from chipweave.files.chiplet_file import resolve_chiplet

    entries = []
    for name in built_in(Kind.CHIPLETS):
        chiplet = resolve_chiplet(name)
        entries.append(
            {
                "name": name,
                "dataflow": chiplet.dataflow.style.value,
                "num_pes": chiplet.num_pes,
                "peak_macs_s": chiplet.peak_macs_s,
                "l2_bytes": chiplet.l2_bytes,
            }
        )
    return entries


def _memory() -> list[Entry]:
    from chipweave.files.presets import memory_presets

    return [_described(name, kind) for name, kind in memory_presets().items()]


def _links() -> list[Entry]:
    from chipweave.files.presets import link_presets

    return [_described(name, link) for name, link in link_presets().items()]


def _described(name: str, preset: Entry) -> Entry:
    return (
        {"name": name}
        | {key: value for key, value in preset.items() if key not in ("what", "sources")}
        | {"what": preset["what"]}
    )


def _schedulers() -> list[Entry]:
    from chipweave.schedulers import SCHEDULERS

    return [{"name": name, "what": entry.what} for name, entry in SCHEDULERS.items()]


def _reproductions() -> list[Entry]:
    from chipweave.reproduction.catalog import REPRODUCTIONS

    return [{"name": each.name, "paper": each.paper, "what": each.title} for each in REPRODUCTIONS]


def _validations() -> list[Entry]:
    from chipweave.validation.catalog import VALIDATIONS

    return [{"name": entry.name, "what": entry.title} for entry in VALIDATIONS]


_ENTRIES: dict[Kind, Callable[[], list[Entry]]] = {
    Kind.MODELS: _models,
    Kind.SCENARIOS: _scenarios,
    Kind.PACKAGES: _packages,
    Kind.CHIPLETS: _chiplets,
    Kind.MEMORY: _memory,
    Kind.LINKS: _links,
    Kind.SCHEDULERS: _schedulers,
    Kind.REPRODUCTIONS: _reproductions,
    Kind.VALIDATIONS: _validations,
}

_TITLES = {
    "macs": ("MACs", ""),
    "num_pes": ("PEs", None),
    "tasks": ("models with batches", None),
    "peak_macs_s": ("peak", "MAC/s"),
    "dram_bandwidth_bytes_s": ("DRAM", "B/s"),
    "l2_bytes": ("L2", "B"),
    "bandwidth_bytes_s": ("bandwidth", "B/s"),
    "capacity_bytes": ("holds", None),
    "latency_s": ("latency", "s"),
    "energy_j_per_bit": ("a bit", "J"),
    "weights": ("weights", ""),
    "what": ("", None),
}
"""Heading of a figure, and the unit to write it in with three digits; None: as it is."""


def _table(title: str, entries: Sequence[Entry]) -> list[str]:
    """A line for each entry under their headings: names and words at the left, figures at the right."""
    keys = [key for key in entries[0] if key != "name"]
    header = [title, *(_TITLES.get(key, (key, None))[0] for key in keys)]
    rows = [header, *([entry["name"], *(_cell(key, entry[key]) for key in keys)] for entry in entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [False, *(isinstance(entries[0][key], int | float | None) for key in keys)]
    return [
        "  ".join(
            cell.rjust(width) if figure else cell.ljust(width)
            for cell, width, figure in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _cell(key: str, value: Any) -> str:
    from chipweave.report.quantities import quantity

    if key == "capacity_bytes":
        return "-" if value is None else f"{value / 2**30:.4g} GiB"
    if value == {}:
        return "-"
    unit = _TITLES.get(key, ("", None))[1]
    if unit is not None:
        return quantity(value, unit)
    if isinstance(value, dict):
        words = [f"{name} x{count}" if key == "tasks" else f"{count} {name}" for name, count in value.items()]
        return (", " if key == "tasks" else " + ").join(words)
    return f"{value:,}" if isinstance(value, int) else str(value)
