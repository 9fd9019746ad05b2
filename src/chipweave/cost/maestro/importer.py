"""MAESTRO's files as a model, a dataflow and a chiplet.

It stands here and not with the other importers because the notation does; a workload knows no mappings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chipweave.cost.maestro.network import LARGEST_TEXT, NetworkLayer, check_sizes, parse_network, parse_networks
from chipweave.cost.maestro.notation import LARGEST_NUMBER, WORD_OF_KIND, Directive, Kind, Reader, tokenize
from chipweave.errors import InputError, did_you_mean
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style
from chipweave.workload.importers.assembly import Assembly, Imported, Operand, legal_name
from chipweave.workload.importers.chain import BATCH_IN_FILE, NO_EDGES, reading
from chipweave.workload.importers.view import View, constant
from chipweave.workload.scenario import Scenario, Task

CLASSES = {"CONV": "conv", "TRCONV": "conv", "NGCONV": "conv", "DSCONV": "dwconv", "GEMM": "gemm"}
"""Type of a layer -> operator class of a dataflow's mappings."""

HARDWARE = {
    "num_pes": "num_pes",
    "l1_size_cstr": "l1_bytes",
    "l2_size_cstr": "l2_bytes",
    "noc_bw_cstr": "noc_bandwidth",
    "NoC_NumHops": "noc_latency",
}
"""Key of a hardware file -> field of a chiplet. Sizes are in elements there; an element is a byte."""

OFFCHIP = "offchip_bw_cstr"


@dataclass(frozen=True)
class ImportedScenario:
    """The networks of one of XRBench's scenarios, each a model of its own, and the scenario that they make."""

    networks: tuple[Imported, ...]
    scenario: Scenario
    notes: tuple[str, ...]


def import_scenario(
    text: str, path: str, *, name: str, bytes_per_element: int | None = None
) -> ImportedScenario | None:
    """The scenario that a file of several networks with frame rates (`FPS`) describes; None for any other file.

    A batch is the frames of one second, as in the AR/VR scenarios of SCAR, which are XRBench's.

    Raises:
        InputError: as `import_network`, or networks that wait for one which is not there.
    """
    networks = [network for network in parse_networks(text, path) if network.layers]
    if len(networks) < 2 or not any(network.frames_per_second for network in networks):
        return None
    names = [network.name for network in networks]
    made, tasks = [], []
    for network in networks:
        if network.after and network.after not in names:
            near = did_you_mean(network.after, names)
            raise InputError(
                f"{path}:{network.line}: '{network.name}' depends on '{network.after}', no network of it{near}"
            )
        made.append(_imported(network.layers, path, network.name, bytes_per_element))
        batch = network.frames_per_second or 1
        tasks.append(Task(made[-1].model.name, made[-1].model, batch, depends_on=legal_name(network.after) or None))
    notes = ["batches are the frames of one second (FPS)"]
    unsure = [network.name for network in networks if network.probability < 1]
    if unsure:
        notes.append(f"every frame counts, of {', '.join(unsure)} too, which the file runs with a Probability below 1")
    try:
        return ImportedScenario(tuple(made), Scenario(name, tuple(tasks), f"{notes[0]}."), tuple(notes))
    except InputError as error:
        raise InputError([f"{path}: {problem}" for problem in error.problems]) from None


def import_network(
    text: str, path: str, *, name: str, network: str = "", bytes_per_element: int | None = None
) -> Imported:
    """The layers of a MAESTRO file as a chain: the format has no edges.

    Args:
        network: the one to take where the file has several; without, all of them one after another.

    Sizes are taken as written: `Y` and `X` include what padding there is. Where one layer's output is not what the
    next one reads, the edge carries the whole output and says `reshape`.

    Raises:
        InputError: `path:line: problem; remedy`.
    """
    found = parse_networks(text, path)
    if network:
        names = [each.name for each in found]
        if network not in names:
            raise InputError(f"{path}: has no network '{network}'{did_you_mean(network, names)}")
        found = [found[names.index(network)]]
    return _imported([layer for each in found for layer in each.layers], path, name, bytes_per_element)


def _imported(written: Sequence[NetworkLayer], path: str, name: str, bytes_per_element: int | None) -> Imported:
    layers = [_with_filter(layer) for layer in written]
    assembly = Assembly()
    view: View | None = None
    for layer in layers:
        check_sizes(layer, path)
        try:
            view = _append(assembly, layer, view)
        except InputError as error:
            raise InputError([f"{path}:{layer.line}: {problem}" for problem in error.problems]) from None
    assembly.notes.append(NO_EDGES)
    if any(layer.sizes.get("N", 1) > 1 for layer in layers):
        assembly.notes.append(BATCH_IN_FILE)
    unsized = sum(layer is not before for layer, before in zip(layers, written, strict=True))
    if unsized:
        assembly.notes.append(f"{unsized} convolutions have neither R nor S: their filters are taken as 1x1")
    return assembly.finish(name, "MAESTRO file (sizes as written, a chain)", bytes_per_element)


def _with_filter(layer: NetworkLayer) -> NetworkLayer:
    """A convolution that leaves out R and S, with a filter of one element."""
    if layer.kind in ("", "GEMM") or "R" in layer.sizes or "S" in layer.sizes:
        return layer
    return replace(layer, sizes=layer.sizes | {"R": 1, "S": 1})


def _append(assembly: Assembly, layer: NetworkLayer, before: View | None) -> View:
    sizes, stride = layer.sizes, layer.stride
    if layer.kind == "GEMM":
        rows, inner, columns = sizes["M"], sizes["K"], sizes["N"]
        source = reading(before, (rows, inner))
        weights = Operand(constant((inner, columns)))
        return assembly.product(
            layer.name, Operand(source), weights,
            batch=1, rows=rows, inner=inner, columns=columns, shape=(rows, columns),
        )  # fmt: skip
    copies, C, Y, X, R, S = (sizes.get(key, 1) for key in "NCYXRS")
    groups = C if layer.kind == "DSCONV" else sizes.get("G", 1)
    K = sizes.get("K", 1) * groups  # of a depthwise layer: filters per channel
    C = C if layer.kind == "DSCONV" else C * groups
    source = reading(before, (copies, C, Y, X))
    if layer.kind == "TRCONV":
        out = tuple((size - 1) * s + kernel for size, s, kernel in zip((Y, X), stride, (R, S), strict=True))
        return assembly.transposed_convolution(
            layer.name, source, constant((C, K, R, S)),
            stride=stride, padding=(0, 0), dilation=(1, 1), groups=1, shape=(copies, K, *out),
        )  # fmt: skip
    # One output remains where the filter is larger than its map, as in some published files.
    out = tuple(max(1, (size - kernel) // s + 1) for size, s, kernel in zip((Y, X), stride, (R, S), strict=True))
    return assembly.convolution(
        layer.name, source, constant((K, C // groups, R, S)),
        stride=stride, padding=(0, 0), dilation=(1, 1), groups=groups, shape=(copies, K, *out),
    )  # fmt: skip


def import_chiplet(text: str, path: str, hardware: str | None, hardware_path: str, *, name: str) -> Chiplet:
    """A chiplet with the mappings of a network file, one for each operator class, and the figures of a hardware file.

    Args:
        hardware: the hardware file's text; None leaves chipweave's defaults. A network without mappings then has
            nothing to say.

    Raises:
        InputError: layers of one class have different mappings, there is none at all, or a key is unknown.
    """
    dataflow = _dataflow(parse_network(text, path), path)
    if dataflow is None and hardware is None:
        raise InputError(f"{path}: no layer has a Dataflow, so there is no chiplet to write; add one, or --hardware")
    figures = read_hardware(hardware, hardware_path) if hardware is not None else {}
    known = {HARDWARE[key]: value for key, value in figures.items() if key != OFFCHIP}
    return Chiplet(name=name, dataflow=dataflow or Dataflow(), **known)  # type: ignore[arg-type]  # integers all


def _dataflow(layers: Sequence[NetworkLayer], path: str) -> Dataflow | None:
    first: dict[str, NetworkLayer] = {}
    texts: dict[str, str] = {}
    for layer in layers:
        text = mapping_text(layer.mapping)
        kind = CLASSES.get(layer.kind)
        if not text or kind is None:
            continue
        if texts.setdefault(kind, text) != text:
            raise InputError(
                f"{path}:{layer.line}: layer '{layer.name}' has another mapping than '{first[kind].name}' (line "
                f"{first[kind].line}); a chiplet has one for all '{kind}' layers: write sizes as Sz(...), or cost the "
                f"file as it stands: chipweave cost {path}"
            )
        first.setdefault(kind, layer)
    if texts and "conv" not in texts:
        texts["conv"] = next(iter(texts.values()))  # the class that the others fall back on
    return Dataflow(Style.CUSTOM, mappings=texts) if texts else None


def mapping_text(directives: Sequence[Directive]) -> str:
    """Directives in MAESTRO's notation, one a line; empty for none."""
    lines = []
    for directive in directives:
        word, size = WORD_OF_KIND[directive.kind], _sum(directive.size)
        if directive.kind is Kind.CLUSTER:
            lines.append(f"{word}({size}, P);")
        else:
            lines.append(f"{word}({size},{_sum(directive.offset)}) {directive.dim};")
    return "".join(f"{line}\n" for line in lines)


def _sum(terms: Sequence[tuple[int, int | str]]) -> str:
    written = [("-" if sign < 0 else "+") + (f"Sz({t})" if isinstance(t, str) else str(t)) for sign, t in terms]
    return "".join(written).removeprefix("+")


def read_hardware(text: str, path: str) -> dict[str, int]:
    """The figures of a MAESTRO hardware file (`key: value`), by their key.

    Raises:
        InputError: an unknown key, or a value that is no whole number.
    """
    if len(text) > LARGEST_TEXT:
        raise InputError(f"{path}:1: the text has {len(text)} characters; at most {LARGEST_TEXT} are read")
    reader = Reader(tokenize(text, path), path)
    figures: dict[str, int] = {}
    while key := reader.peek():
        if key not in HARDWARE and key != OFFCHIP:
            near = did_you_mean(key, [*HARDWARE, OFFCHIP]).removeprefix("; ")
            raise reader.error(f"{key!r} is no figure of the hardware", near or "remove it")
        reader.take()
        figures[key] = reader.integer()
        if not (0 if key == "NoC_NumHops" else 1) <= figures[key] <= LARGEST_NUMBER:
            raise InputError(f"{path}:{reader.line}: {key} is {figures[key]}; it must be at least 1")
    if not figures:
        raise InputError(f"{path}:1: no figures in the file; write num_pes: 256 and the like")
    return figures


def offchip_note(hardware: str, path: str) -> str:
    """What a hardware file says of the memory, which belongs to the package here; empty where it says nothing."""
    bandwidth = read_hardware(hardware, path).get(OFFCHIP)
    if bandwidth is None:
        return ""
    per_second = bandwidth * Chiplet.clock_hz
    return (
        f"{OFFCHIP} {bandwidth} elements per cycle is the package's: dram_bandwidth_bytes_s {per_second:.4g} at "
        f"{Chiplet.clock_hz / 1e6:.0f} MHz and a byte each"
    )
