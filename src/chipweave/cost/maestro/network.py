"""MAESTRO's own files: a network of layers, each with its mapping, read and costed as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chipweave.cost.maestro.candidates import UNLIMITED
from chipweave.cost.maestro.engine import Counts, accesses, evaluate, layer_row, pack
from chipweave.cost.maestro.faults import fault_in_words
from chipweave.cost.maestro.notation import (
    LARGEST_NUMBER,
    LAYER_DIMENSIONS,
    LAYER_TYPES,
    Directive,
    Reader,
    read_directives,
    resolve,
    tokenize,
)
from chipweave.errors import InputError

LARGEST_TEXT = 8 * 2**20
"""Characters; MAESTRO's largest mapping file has 0.1 million."""


@dataclass(frozen=True)
class NetworkLayer:
    """One `Layer { ... }`: its type, dimension sizes, (vertical, horizontal) stride, mapping, and line."""

    name: str
    kind: str
    sizes: dict[str, int]
    stride: tuple[int, int]
    mapping: tuple[Directive, ...]
    line: int


@dataclass(frozen=True)
class Network:
    """One `Network NAME { ... }`: its layers, and what XRBench's scenarios say of it.

    Args:
        frames_per_second: its `FPS`; 0 without one.
        after: the network that it waits for (`Dependency`); empty for none.
        probability: whether it then runs.
    """

    name: str
    layers: tuple[NetworkLayer, ...]
    line: int
    frames_per_second: int = 0
    after: str = ""
    probability: float = 1.0


def parse_network(text: str, path: str) -> list[NetworkLayer]:
    """The layers of a MAESTRO network file, in its order, those of several `Network` blocks one after another.

    Raises:
        InputError: as `parse_networks`.
    """
    return [layer for network in parse_networks(text, path) for layer in network.layers]


def parse_networks(text: str, path: str) -> list[Network]:
    """The networks of a MAESTRO file, in its order; at least one of them has layers.

    `Constant NAME VALUE;` declares a constant for sizes; an `Accelerator { ... }` block is passed over (the
    hardware comes from options).

    Raises:
        InputError: `path:line: problem; remedy` for text that is no network.
    """
    if len(text) > LARGEST_TEXT:
        raise InputError(f"{path}:1: the text has {len(text)} characters; at most {LARGEST_TEXT}: split the file")
    reader = Reader(tokenize(text, path), path)
    constants: dict[str, int] = {}
    networks: list[Network] = []
    while word := reader.peek():
        if word == "Constant":
            reader.take()
            name = reader.take()
            constants[name] = reader.integer()
        elif word == "Accelerator":
            reader.take()
            _pass_block(reader)
        elif word == "Dataflow":
            raise reader.error("this is a file of dataflows", "name the file with the Network and its Layers")
        elif word == "Network":
            networks.append(_read_network(reader, constants))
        else:
            raise reader.error(f"unexpected {word!r}", "the file holds Network NAME { Layer NAME { ... } }")
    if not networks:
        raise InputError(f"{path}:1: no Network in the file; write Network NAME {{ Layer NAME {{ ... }} }}")
    if not any(network.layers for network in networks):
        raise InputError(f"{path}:1: the network has no Layer; add Layer NAME {{ Type: CONV Dimensions {{ ... }} }}")
    return networks


def _read_network(reader: Reader, constants: dict[str, int]) -> Network:
    line = reader.line
    reader.take()
    name = ""
    while (word := reader.take()) != "{":
        name = name or word
    layers: list[NetworkLayer] = []
    frames, after, probability = 0, "", 1.0
    while not _closes(reader):
        word = reader.peek()
        if word == "FPS":
            reader.take()
            frames = reader.integer()
        elif word == "Probability":
            reader.take()
            probability = reader.fraction()
        elif word == "Dependency":
            reader.take()
            reader.expect("{")
            after = reader.take()
            reader.expect("}")
        else:
            layers.append(_read_layer(reader, constants))
    return Network(name, tuple(layers), line, frames, after, probability)


def _closes(reader: Reader) -> bool:
    """Takes a closing brace if it comes next."""
    if reader.peek() != "}":
        return False
    reader.take()
    return True


def _pass_block(reader: Reader) -> None:
    while reader.take() != "{":
        pass
    depth = 1
    while depth:
        word = reader.take()
        depth += (word == "{") - (word == "}")


def _read_layer(reader: Reader, constants: dict[str, int]) -> NetworkLayer:
    line = reader.line
    if reader.peek() != "Layer":
        raise reader.error(f"expected a Layer or '}}' before {reader.peek()!r}", "write Layer NAME { ... }")
    reader.take()
    name = "" if reader.peek() == "{" else reader.take()
    reader.expect("{")
    kind, mapping = "", None
    sizes: dict[str, int] = {}
    stride = {"Y": 1, "X": 1}
    while not _closes(reader):
        word = reader.peek()
        if word == "Type":
            reader.take()
            kind = reader.take()
            if kind not in LAYER_TYPES:
                reader.position -= 1
                raise reader.error(f"layer '{name}': type {kind!r} is unknown", f"use one of {', '.join(LAYER_TYPES)}")
        elif word == "Stride":
            reader.take()
            if sizes:
                raise reader.error(f"layer '{name}': Stride stands after Dimensions", "move it before them")
            stride |= _read_sizes(reader, constants, ("Y", "X"), f"layer '{name}': stride")
        elif word == "Dimensions":
            reader.take()
            sizes = _read_sizes(reader, constants, LAYER_DIMENSIONS, f"layer '{name}': dimension")
        elif word == "Dataflow":
            reader.take()
            reader.expect("{")
            mapping = read_directives(reader, constants, "}")
            reader.expect("}")
        elif word:
            raise reader.error(
                f"layer '{name}': unexpected {word!r}", "a layer holds Type, Stride, Dimensions and Dataflow"
            )
        else:
            raise reader.error(f"layer '{name}' is not closed", "end it with }")
    return NetworkLayer(name, kind, sizes, (stride["Y"], stride["X"]), mapping or (), line)


def _read_sizes(reader: Reader, constants: dict[str, int], known: tuple[str, ...], what: str) -> dict[str, int]:
    reader.expect("{")
    sizes: dict[str, int] = {}
    while not _closes(reader):
        dim = reader.take()
        if dim not in known:
            reader.position -= 1
            raise reader.error(f"{what} {dim!r} is unknown", f"use one of {', '.join(known)}")
        line = reader.line
        sizes[dim] = constants[reader.take()] if reader.peek() in constants else reader.integer()
        if sizes[dim] < 1:
            raise InputError(f"{reader.path}:{line}: {what} {dim} is {sizes[dim]}; it must be at least 1")
    return sizes


NEEDED = {
    "CONV": "KCRSYX",
    "TRCONV": "KCRSYX",
    "DSCONV": "CRSYX",
    "NGCONV": "GKCRSYX",
    "GEMM": "MNK",
}


def network_report(
    text: str,
    path: str,
    *,
    num_pes: int,
    noc_bandwidth: int,
    noc_latency: int,
    simd_lanes: int,
    offchip_bandwidth: int | None,
) -> dict[str, Any]:
    """Figures of every layer of a MAESTRO file, exactly MAESTRO's, as plain data.

    Returns:
        `{"layers": [...]}` in the file's order. A layer has `name`, `runtime_cycles`, `macs`, `energy_mac_units`, and
        `l1` and `l2`: per tensor (`input`, `filter`, `output`) the elements `read`, `written` and the buffer `size`.
        A layer on which MAESTRO fails has `error`, a sentence, in place of the figures.

    Raises:
        InputError: text that is no network, hardware out of range, or convolutions with and without N in one file
            (MAESTRO refuses the whole file).
    """
    hardware = {
        "num_pes": num_pes,
        "noc_bandwidth": noc_bandwidth,
        "noc_latency": noc_latency,
        "simd_lanes": simd_lanes,
        "offchip_bandwidth": 1 if offchip_bandwidth is None else offchip_bandwidth,
    }
    _check_hardware(hardware, path)
    layers = parse_network(text, path)
    _check_batches(layers, path)

    report: list[dict[str, Any]] = [{"name": layer.name} for layer in layers]
    rows, mappings, places = [], [], []
    for index, layer in enumerate(layers):
        try:
            _check_layer(layer, path)
            mappings.append(resolve(layer.mapping, layer.sizes, path))
        except InputError as error:
            report[index]["error"] = "\n".join(error.problems)
            continue
        rows.append(layer_row(layer.kind, layer.sizes, layer.stride))
        places.append(index)
    floor = UNLIMITED if offchip_bandwidth is None else offchip_bandwidth
    machine = [num_pes, noc_bandwidth, noc_latency, floor, simd_lanes]
    batch = pack(rows, mappings, [machine] * len(rows))
    counts = evaluate(batch)
    for at, index in enumerate(places):
        if counts.fault[at, 0]:
            why = fault_in_words(counts.fault[at].tolist(), batch.rows(at), batch.layers[at], num_pes)
            report[index]["error"] = f"{path}:{layers[index].line}: {why}"
            continue
        report[index] |= _figures(counts, at)
    return {"layers": report}


def _check_hardware(hardware: dict[str, int], path: str) -> None:
    problems = [
        f"{path}: {key}={value} is out of range; give {least} to {LARGEST_NUMBER}"
        for key, value in hardware.items()
        for least in [0 if key == "noc_latency" else 1]
        if not least <= value <= LARGEST_NUMBER
    ]
    if problems:
        raise InputError(problems)


def _figures(counts: Counts, at: int) -> dict[str, Any]:
    """What a report says of one layer."""
    return {
        "runtime_cycles": int(counts.cycles[at]),
        "macs": int(counts.macs[at]),
        "energy_mac_units": float(counts.energy_macs[at]),
        "l1": accesses(counts.l1_read[at], counts.l1_write[at], counts.l1_size[at]),
        "l2": accesses(counts.l2_read[at], counts.l2_write[at], counts.l2_size[at]),
    }


def _check_batches(layers: list[NetworkLayer], path: str) -> None:
    convolutions = [layer for layer in layers if layer.kind in ("CONV", "TRCONV")]
    with_batch = [layer for layer in convolutions if "N" in layer.sizes]
    without = [layer for layer in convolutions if "N" not in layer.sizes]
    if with_batch and without:
        raise InputError(
            f"{path}:{without[0].line}: layer '{without[0].name}' has no N, but '{with_batch[0].name}' has; MAESTRO "
            "refuses the file: declare N (1 for no batch) in all convolutions or in none"
        )


def check_sizes(layer: NetworkLayer, path: str) -> None:
    """
    Raises:
        InputError: no type, or a dimension that the type needs is missing.
    """
    where = f"{path}:{layer.line}: layer '{layer.name}'"
    if not layer.kind:
        raise InputError(f"{where} has no Type; add one of {', '.join(LAYER_TYPES)}")
    missing = [dim for dim in NEEDED[layer.kind] if dim not in layer.sizes]
    if missing:
        raise InputError(f"{where} lacks dimension {', '.join(missing)}; {layer.kind} needs {NEEDED[layer.kind]}")


def _check_layer(layer: NetworkLayer, path: str) -> None:
    check_sizes(layer, path)
    if not layer.mapping:
        where = f"{path}:{layer.line}: layer '{layer.name}'"
        raise InputError(f"{where} has no Dataflow; add Dataflow {{ ... }} with its mapping")
