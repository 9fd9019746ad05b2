"""Chiplets as YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from chipweave.cost.maestro.notation import parse_mapping
from chipweave.errors import InputError, did_you_mean
from chipweave.files.locate import load, locate
from chipweave.files.presets import BUILT_IN, chiplet_names, chiplet_preset
from chipweave.files.validate import LARGEST_COUNT, Location, Name, Problems, Spec, shown
from chipweave.files.yaml import dump_yaml, line_of
from chipweave.hardware import technology
from chipweave.hardware.chiplet import MOST_BITS, Chiplet
from chipweave.hardware.dataflow import LOOPS, Dataflow, Loops, Style, Tensor, Tile
from chipweave.workload.precision import FORMATS

Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
Positive = Annotated[float, Field(ge=1e-30, le=1e30)]
"""Wide enough for any hardware, and narrow enough that no product or quotient of figures leaves the doubles."""
NotNegative = Annotated[float, Field(ge=0, le=1e30)]
Bits = Annotated[int, Field(ge=1, le=MOST_BITS)]
Side = Annotated[int, Field(ge=1, le=2**31 - 1)]
Loop = StrEnum("Loop", {letter: letter for letter in LOOPS})  # type: ignore[misc]
Letters = list[Annotated[Loop, Field(strict=False)]]


class MappingsSpec(Spec):
    """Directive texts in MAESTRO's data-centric notation (Kwon et al., MICRO 2019)."""

    conv: str | None = Field(None, min_length=1, description="For convolutions, and for the classes left out.")
    dwconv: str | None = Field(None, min_length=1, description="For depthwise convolutions.")
    gemm: str | None = Field(None, min_length=1, description="For gemm and matmul layers.")


class LoopsSpec(Spec):
    """What a dataflow allows, as letters of loops: N samples, G groups, K output and C input channels of a group, Y X
    output rows and columns, R S filter."""

    rows: Letters = Field(description="Loops that may be unrolled along the rows of the array.")
    columns: Letters = Field(description="Loops that may be unrolled along its columns.")
    stationary: Annotated[Tensor, Field(strict=False)] | None = Field(
        None, description="weight, input or output: stays in the array and in the PEs' registers. Default: any may."
    )
    whole: Letters = Field(default_factory=list, description="Loops that a PE runs from end to end.")
    spread: Letters = Field(
        default_factory=list,
        description="Loops that lie along the array from end to end, or as far as it goes, one iteration in a PE.",
    )


class DataflowSpec(Spec):
    """How loops map to processing elements."""

    style: Annotated[Style, Field(strict=False)] = Field(
        Dataflow.style,
        description="nvdla (weight stationary), shidiannao (output stationary), eyeriss (row stationary) or custom.",
    )
    tile: Annotated[Tile, Field(strict=False)] = Field(
        Dataflow.tile,
        description="Of `maestro`. auto: per layer the best size the PEs allow; fixed: the official text, clipped.",
    )
    cluster: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None,
        description="Of `maestro`. PEs per cluster with `tile: fixed`. Default: the style's (nvdla 64, shidiannao 8).",
    )
    mappings: MappingsSpec = Field(
        default_factory=lambda: MappingsSpec.model_validate({}),
        description="The user's own directive texts, for `style: custom` under `maestro`.",
    )
    loops: LoopsSpec | None = Field(
        None, description="What `loopnest` may do. Default: the style's, which custom has none of."
    )


def _styled(value: Any) -> Any:
    """A style's name stands for a dataflow with defaults."""
    return {"style": value} if isinstance(value, str) else value


class ChipletSpec(Spec):
    """One class of chiplet: a PE array with its dataflow, memories and network."""

    name: Name = Field(description="Class name, shown in results.")
    base: Name | None = Field(None, description="A built-in chiplet, whose figures hold for keys that are not here.")
    dataflow: Annotated[DataflowSpec, BeforeValidator(_styled, json_schema_input_type=Style | DataflowSpec)] = Field(
        default_factory=lambda: DataflowSpec.model_validate({}), description="A style's name, or a mapping."
    )
    num_pes: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(
        Chiplet.num_pes, description="Processing elements (SCAR V-A: 4096 datacenter, 256 AR/VR)."
    )
    clock_hz: Positive = Field(Chiplet.clock_hz, description="Clock, Hz (SCAR states latencies at 500 MHz).")
    l2_bytes: Count = Field(Chiplet.l2_bytes, description="Shared memory, bytes (SCAR V-A: 10 MB, taken as 10 x 2^20).")
    l1_bytes: Count = Field(Chiplet.l1_bytes, description="Memory of a PE, bytes; not enforced by `maestro`.")
    noc_bandwidth: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(
        Chiplet.noc_bandwidth,
        description="Elements per cycle between L2 and the PEs (not in the papers: 256 at 4096 PEs, 64 at 256).",
    )
    noc_latency: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        Chiplet.noc_latency, description="Latency of the network inside the chiplet, cycles (not in the papers: 1)."
    )
    simd_lanes: Annotated[int, Field(ge=1, le=2**31 - 1)] = Field(
        Chiplet.simd_lanes, description="Multiply-accumulates per PE and cycle."
    )
    mac_energy_j: Positive | None = Field(
        None,
        description="Energy of one MAC, J; `maestro`'s others are multiples of it. Default: a multiplication and an "
        "addition of `precision_bits` at `node_nm`, 143.1e-15 for 8 bits at 28 nm (Horowitz, ISSCC 2014: "
        "0.2 + 0.03 pJ at 45 nm, scaled).",
    )
    static_power_w: NotNegative = Field(
        Chiplet.static_power_w, description="Drawn for the whole schedule, W (`detailed` only; the papers have none)."
    )
    rates: dict[Name, Positive] | None = Field(
        None,
        min_length=1,
        description="Multiply-accumulates per PE and cycle by the width of the wider operand: a format (`fp8`) or bits "
        "in quotes. A model that states its widths takes that of the narrowest that holds them. Default: `simd_lanes` "
        "at every width.",
    )
    array: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = Field(
        None, description="[rows, columns] of the PEs, together `num_pes`. Default: any split."
    )
    precision_bits: Bits = Field(Chiplet.precision_bits, description="Width of an operand, bits.")
    sum_bits: Bits = Field(Chiplet.sum_bits, description="Width of a partial sum, bits; at least an operand's.")
    node_nm: int = Field(
        Chiplet.node_nm,
        description="Technology node that energies and area are taken from: 65, 45, 40, 28, 22, 16, 12, 10, 7, 6, 5, 4 "
        "or 3.",
        json_schema_extra={"enum": list(technology.NODES)},
    )
    l1_j_per_byte: Positive | None = Field(
        None, description="Reading or writing a byte of L1, J. Default: an SRAM of `l1_bytes` at `node_nm`."
    )
    l2_j_per_byte: Positive | None = Field(
        None, description="Reading or writing a byte of L2, J. Default: an SRAM of `l2_bytes` at `node_nm`."
    )
    noc_j_per_element_hop: Positive | None = Field(
        None, description="An operand from one PE to the next, J. Default: wire of a PE's pitch at `node_nm`."
    )
    stream_bytes: Count | None = Field(
        None,
        description="The block in which weights that do not stay in L2 come from DRAM, bytes; at most `l2_bytes`. "
        "Default: a tenth of `l2_bytes`.",
    )
    die_yield: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="Share of its dies that are good, for what a package costs. Default: by its area and the defects "
        "of its node.",
    )
    source: str = Field(Chiplet.source, description="Where the figures come from.")
    assumed: list[str] = Field(
        default_factory=list, description="Figures that are not published, and how each was chosen."
    )


def load_chiplet(path: str | Path) -> Chiplet:
    """The chiplet in a YAML file.

    Raises:
        InputError: every problem of the file, one line each.
    """
    return chiplet_from_dict(load(path, "chiplet"), str(path))


def resolve_chiplet(name_or_path: str | Path, *, folder: Path = Path()) -> Chiplet:
    """The chiplet of a built-in name or of a YAML file (relative ones start at `folder`).

    Raises:
        InputError: neither a name nor a file, or what `load_chiplet` refuses.
    """
    name = str(name_or_path)
    path = locate(name, "chiplet", chiplet_names(), folder)
    return load_chiplet(path) if path is not None else chiplet_from_dict(chiplet_preset(name), f"{BUILT_IN}{name}")


def chiplet_from_dict(data: Any, path: str = "chiplet") -> Chiplet:
    """The chiplet that JSON-able data describes; `path` names it in messages.

    Raises:
        InputError: every problem of the data, one line each.
    """
    problems = Problems(path, data)
    spec = problems.check(ChipletSpec, data, mend=True)
    chiplet = read_chiplet(spec, problems, ()) if spec else None
    problems.raise_any()
    assert chiplet is not None
    return chiplet


def read_chiplet(spec: ChipletSpec, problems: Problems, location: Location) -> Chiplet | None:
    """The chiplet of a checked description; None with the problems added."""
    if spec.base is not None:
        if spec.base not in chiplet_names():
            near = did_you_mean(spec.base, chiplet_names()) or "; `chipweave list chiplets` shows the names"
            problems.add((*location, "base"), f"{shown(spec.base)} is no built-in chiplet{near}")
            return None
        given = spec.model_dump(exclude_unset=True, exclude={"base"})
        spec = ChipletSpec.model_validate(chiplet_preset(spec.base) | given)
    dataflow = _read_dataflow(spec.dataflow, problems, (*location, "dataflow"))
    if dataflow is None:
        return None
    values = spec.model_dump(exclude={"base", "dataflow", "array", "assumed", "rates"}, exclude_none=True)
    values["place"] = _stands_at(problems, location)
    if spec.rates is not None:
        at: Location = (*location, "rates")
        values |= {"rates": _read_rates(spec.rates, problems, at), "rates_place": problems.place(at)}
    array = None if spec.array is None else (spec.array[0], spec.array[1])
    try:
        chiplet = Chiplet(dataflow=dataflow, array=array, assumed=tuple(spec.assumed), **values)
    except InputError as error:
        problems.refuse(location, error)
        return None
    if spec.mac_energy_j is not None or (chiplet.precision_bits, chiplet.node_nm) == _OF_DEFAULT_MAC:
        return chiplet
    width = chiplet.precision_bits
    return replace(chiplet, mac_energy_j=technology.mac_energy_j(width, width, chiplet.node_nm))


def _stands_at(problems: Problems, location: Location) -> str:
    """File and line of a chiplet of the user's; empty for a built-in one, and for one that is in no file."""
    in_file = line_of(problems.data, location) is not None and not problems.path.startswith(BUILT_IN)
    return problems.place(location) if in_file else ""


def _read_rates(given: Mapping[str, float], problems: Problems, location: Location) -> tuple[tuple[int, float], ...]:
    """Rates by bits, ascending; scales of formats do not count."""
    found: dict[int, float] = {}
    for text, rate in given.items():
        if text.isascii() and text.isdigit():
            bits = int(text[:9])
        elif text.lower() in FORMATS:
            bits = int(FORMATS[text.lower()])
        else:
            near = did_you_mean(text.lower(), FORMATS)
            problems.add((*location, text), f"{shown(text)} is no format{near}; give one, or whole bits in quotes")
            continue
        if found.setdefault(bits, rate) != rate:
            problems.add((*location, text), f"{bits} bits have two rates, {found[bits]:g} and {rate:g}; leave one out")
    return tuple(sorted(found.items()))


_OF_DEFAULT_MAC = Chiplet.precision_bits, Chiplet.node_nm


def _read_dataflow(spec: DataflowSpec, problems: Problems, location: Location) -> Dataflow | None:
    mappings = spec.mappings.model_dump(exclude_none=True)
    for key, text in mappings.items():
        try:
            parse_mapping(text, "line")
        except InputError as error:
            for problem in error.problems:
                problems.add((*location, "mappings", key), problem.replace("line:", "in its line ", 1))
            return None
    loops = None
    if spec.loops is not None:
        letters = {key: "".join(getattr(spec.loops, key)) for key in ("rows", "columns", "whole", "spread")}
        try:
            loops = Loops(stationary=spec.loops.stationary, **letters)
        except InputError as error:
            problems.refuse((*location, "loops"), error)
            return None
    try:
        return Dataflow(spec.style, spec.tile, spec.cluster, mappings, loops)
    except InputError as error:
        for problem in error.problems:
            problems.add(location, f"{problem}; write one under `mappings`, or name another style")
        return None


def chiplet_to_dict(chiplet: Chiplet) -> dict[str, Any]:
    """JSON-able data, every figure stated, that `chiplet_from_dict` reads back as an equal chiplet."""
    flow = chiplet.dataflow
    dataflow: dict[str, Any] = {"style": flow.style.value, "tile": flow.tile.value}
    if flow.cluster is not None:
        dataflow["cluster"] = flow.cluster
    if flow.mappings:
        dataflow["mappings"] = dict(flow.mappings)
    if flow.loops is not None:
        dataflow["loops"] = _loops_to_dict(flow.loops)
    figures = {
        key: list(value) if isinstance(value, tuple) else value
        for key in ChipletSpec.model_fields
        if key not in ("name", "base", "dataflow", "rates") and (value := getattr(chiplet, key)) not in (None, "", ())
    }
    if chiplet.rates:
        figures["rates"] = {str(bits): rate for bits, rate in chiplet.rates}
    return {"name": chiplet.name, "dataflow": dataflow, **figures}


def _loops_to_dict(loops: Loops) -> dict[str, Any]:
    data: dict[str, Any] = {"rows": list(loops.rows), "columns": list(loops.columns)}
    if loops.stationary is not None:
        data["stationary"] = loops.stationary.value
    if loops.whole:
        data["whole"] = list(loops.whole)
    if loops.spread:
        data["spread"] = list(loops.spread)
    return data


def dump_chiplet(chiplet: Chiplet) -> str:
    """YAML text that `load_chiplet` reads back as an equal chiplet."""
    return dump_yaml(chiplet_to_dict(chiplet))
