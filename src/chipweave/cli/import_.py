"""`chipweave import`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.console import inert, program, result_console, say
from chipweave.errors import InputError
from chipweave.plain import NAME

if TYPE_CHECKING:
    from chipweave.hardware.chiplet import Chiplet
    from chipweave.workload.importers.assembly import Imported


def _legal(name: str) -> str:
    """A model's name, held to what files hold names to."""
    if name and not re.match(NAME, name):
        raise typer.BadParameter(f"{name!r} has control characters; write it on one line of plain text")
    return name


app = typer.Typer(
    help="Bring a model from elsewhere: an ONNX file, a PyTorch module, MAESTRO's files.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[str, typer.Option(help="Of the model; by default after the file or factory.", callback=_legal)]
Strict = Annotated[bool, typer.Option("--strict", help="Operators that are not costed are an error.")]
BytesPerElement = Annotated[int, typer.Option(help="Of weights and activations alike.", min=1, max=64)]
Out = Annotated[Path | None, typer.Option(help="A model's YAML, which 'schedule' takes.")]


@app.command("onnx")
def onnx(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ONNX file, with or without weights.")],
    dim: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SIZE", help="Size of a symbolic dimension, or of INPUT:AXIS. Repeat for others."),
    ] = None,
    inputs: Annotated[
        str, typer.Option(metavar="NAME,...", help="Inputs of the network; all others of the file are weights.")
    ] = "",
    strict: Strict = False,
    name: Name = "",
    bytes_per_element: BytesPerElement = 1,
    out: Out = None,
    json: opt.Json = False,
) -> None:
    """Import an ONNX file. Weights are not read, external data is never opened.

    Example: chipweave import onnx resnet50.onnx --dim batch=1 --out resnet50.yaml
    """
    from chipweave.workload.importers.onnx import import_onnx

    _require_own(out, file)
    made = import_onnx(
        file,
        _dims(dim or []),
        strict=strict,
        name=name,
        bytes_per_element=bytes_per_element,
        inputs=[name.strip() for name in inputs.split(",")] if inputs else None,
    )
    _hand_over(made, out, json)


@app.command("torch")
def torch(
    factory: Annotated[
        str, typer.Argument(metavar="MODULE:FACTORY", help="A function that returns (module, example inputs).")
    ],
    strict: Strict = False,
    name: Name = "",
    bytes_per_element: BytesPerElement = 1,
    out: Out = None,
    json: opt.Json = False,
) -> None:
    """Import a PyTorch module that a function of yours makes. THIS RUNS YOUR CODE: name only modules that you trust.

    Example: chipweave import torch my_nets:resnet --out resnet.yaml
    """
    from chipweave.workload.importers.torch import import_factory

    _require_own(out)
    made = import_factory(factory)
    if strict and made.unsupported:
        from chipweave.workload.importers.assembly import counted

        raise InputError(f"{factory}: not costed: {counted(made.unsupported)}; without --strict they cost nothing")
    model = replace(made.model, name=name or made.model.name, bytes_per_element=bytes_per_element)
    _hand_over(replace(made, model=model), out, json)


@app.command("maestro")
def maestro(
    file: Annotated[Path, typer.Argument(metavar="FILE.m", help="A network in MAESTRO's notation.")],
    name: Name = "",
    bytes_per_element: BytesPerElement = 1,
    out: Out = None,
    hardware: Annotated[Path | None, typer.Option(help="A hardware file of MAESTRO, for --chiplet-out.")] = None,
    chiplet_out: Annotated[
        Path | None, typer.Option(help="A chiplet's YAML: the file's mappings, and the figures of --hardware.")
    ] = None,
    json: opt.Json = False,
) -> None:
    """Import a MAESTRO network: its layers as a chain, its mappings and hardware as a chiplet.

    Example: chipweave import maestro net.m --out net.yaml --hardware hw.m --chiplet-out mine.yaml
    """
    from chipweave.cost.maestro.importer import import_chiplet, import_network, offchip_note
    from chipweave.files.atomic import make_folder, write_text
    from chipweave.files.chiplet_file import dump_chiplet
    from chipweave.files.yaml import read_text
    from chipweave.workload.importers.assembly import legal_name

    if hardware is not None and chiplet_out is None:
        raise InputError("--hardware describes a chiplet; say where to write it: --chiplet-out FILE.yaml")
    _require_own(out, file, hardware)
    _require_own(chiplet_out, file, hardware, out)
    text = read_text(file)
    made = import_network(text, str(file), name=name or file.stem, bytes_per_element=bytes_per_element)
    if chiplet_out is not None:
        figures = read_text(hardware) if hardware is not None else None
        chiplet = import_chiplet(text, str(file), figures, str(hardware), name=legal_name(chiplet_out.stem) or "own")
        _require_usable(chiplet, hardware or file)
        make_folder(chiplet_out.parent)
        write_text(chiplet_out, dump_chiplet(chiplet))
        say(f"saved {chiplet_out}")
        note = offchip_note(figures, str(hardware)) if figures is not None else ""
        made = replace(made, notes=(*made.notes, *[note] * bool(note)))
    _hand_over(made, out, json)


def _require_usable(chiplet: Chiplet, source: Path) -> None:
    """Refuse at the import what the chiplet's file would be refused for when it is used."""
    from chipweave.cost.loopnest.chiplet import energies_of
    from chipweave.files.chiplet_file import chiplet_from_dict, chiplet_to_dict

    if chiplet.l1_bytes > chiplet.l2_bytes:
        raise InputError(
            f"{source}: the L1 of a PE, {chiplet.l1_bytes} bytes, is larger than the L2 that all share, "
            f"{chiplet.l2_bytes}; correct l1_size_cstr or l2_size_cstr"
        )
    try:
        energies_of(chiplet_from_dict(chiplet_to_dict(chiplet), str(source)))
    except InputError as error:
        raise InputError([p if str(source) in p else f"{source}: {p}" for p in error.problems]) from None


def _dims(given: Sequence[str]) -> dict[str, int]:
    dims: dict[str, int] = {}
    for text in given:
        name, sign, size = text.rpartition("=")
        if not name or not sign or not size.isascii() or not size.isdigit() or len(size) > 10:
            raise InputError(f"--dim {text}: is no NAME=SIZE; write --dim batch=1, or --dim INPUT:0=1 for an axis")
        if name in dims:
            raise InputError(f"--dim {text}: '{name}' is given twice; give it once")
        dims[name] = int(size)
    return dims


def _require_own(out: Path | None, *others: Path | None) -> None:
    """Say before the import that its result cannot be written, or would replace a file that it needs."""
    from chipweave.files.atomic import require_writable

    if out is None:
        return
    require_writable(out)
    if os.path.realpath(out) in (os.path.realpath(other) for other in others if other is not None):
        raise InputError(f"{out}: is both read and written, or written twice; name another file to save in")


def _hand_over(made: Imported, out: Path | None, json: bool) -> None:
    """Save the model where asked, and say what it is: JSON on stdout, or a table."""
    from chipweave.files.atomic import make_folder, write_text
    from chipweave.files.model_file import dump_model

    if out is not None:
        make_folder(out.parent)
        write_text(out, dump_model(made.model))
    if json:
        from json import dumps

        model = made.model
        head = {"name": model.name, "macs": model.macs, "weights": model.weight_elements, "layers": len(model.layers)}
        print(dumps(head | {"unsupported": made.unsupported, "folded": made.folded, "notes": made.notes}, indent=1))
    else:
        _print(made)
    if out is not None:
        say(f"saved {out}; next: {program()} schedule {shlex.quote(str(out))} --package het-2x2 --out results")
    elif not json:
        say("the model was not saved; the same with --out MODEL.yaml saves it for 'schedule'")


def _print(made: Imported) -> None:
    from rich.table import Table

    from chipweave.workload.importers.assembly import counted

    model = made.model
    table = Table(box=None, padding=(0, 1, 0, 1), header_style="dim")
    table.add_column("layers of")
    for title in ("count", "MACs", "weights"):
        table.add_column(title, justify="right", no_wrap=True)
    for op in dict.fromkeys(layer.op for layer in model.layers):
        layers = [layer for layer in model.layers if layer.op is op]
        macs, weights = sum(layer.macs for layer in layers), sum(layer.weight_elements for layer in layers)
        table.add_row(str(op), f"{len(layers):,}", f"{macs:,}", f"{weights:,}")
    table.add_row("all", f"{len(model.layers):,}", f"{model.macs:,}", f"{model.weight_elements:,}")
    console = result_console()
    console.print(inert(f"{model.name}, from: {model.source}"), soft_wrap=True)
    console.print(table)
    if made.folded:
        console.print(inert(f"without cost: {counted(made.folded)}"), soft_wrap=True)
    if made.unsupported:
        listed = counted(made.unsupported)
        console.print(inert(f"NOT COSTED (what they make counts as made of their inputs): {listed}"), soft_wrap=True)
    else:
        console.print("not costed: nothing")
    for note in made.notes:
        console.print(inert(f"note: {note}"), soft_wrap=True)
