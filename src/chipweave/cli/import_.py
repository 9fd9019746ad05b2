"""`chipweave import`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipweave.cli import options as opt
from chipweave.cli.console import say
from chipweave.cli.imported import hand_over, hand_over_scenario
from chipweave.errors import InputError
from chipweave.plain import NAME

if TYPE_CHECKING:
    from chipweave.hardware.chiplet import Chiplet


def _legal(name: str) -> str:
    """A model's name, held to what files hold names to."""
    if name and not re.match(NAME, name):
        raise typer.BadParameter(f"{name!r} has control characters; write it on one line of plain text")
    return name


app = typer.Typer(
    help="Bring a model from elsewhere: an ONNX file, a PyTorch module, a language model's configuration, files of "
    "MAESTRO, SCALE-Sim, Timeloop, ZigZag.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[str, typer.Option(help="Of the model; by default after the file or factory.", callback=_legal)]
Strict = Annotated[bool, typer.Option("--strict", help="Operators that are not costed are an error.")]
BytesPerElement = Annotated[
    int | None,
    typer.Option(
        help="Of weights and activations alike; by default as wide as all elements in the file, else 1.",
        min=1,
        max=64,
        show_default=False,
    ),
]
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
    value: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What an input is, where a branch or loop depends on it: a number, true or false, or as many of them "
            "as it has entries, with commas. Repeat for others.",
        ),
    ] = None,
    *,
    strict: Strict = False,
    name: Name = "",
    bytes_per_element: BytesPerElement = None,
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
        values=_values(value or []),
    )
    hand_over(made, out, json)


@app.command("torch")
def torch(
    factory: Annotated[
        str, typer.Argument(metavar="MODULE:FACTORY", help="A function that returns (module, example inputs).")
    ],
    strict: Strict = False,
    name: Name = "",
    bytes_per_element: BytesPerElement = None,
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
    model = replace(made.model, name=name or made.model.name, bytes_per_element=bytes_per_element or 1)
    hand_over(replace(made, model=model), out, json)


WEIGHTS = "Of weights instead: a format such as fp8 or mxfp4, or bits; by default as configured."
Weights = Annotated[str | None, typer.Option(metavar="FORMAT|BITS", help=WEIGHTS, show_default=False)]
Activations = Annotated[
    str | None,
    typer.Option(metavar="FORMAT|BITS", help="Of activations; by default as configured.", show_default=False),
]
Cache = Annotated[
    str | None,
    typer.Option(metavar="FORMAT|BITS", help="Of caches and states; by default as activations.", show_default=False),
]
AllAlike = Annotated[
    int | None,
    typer.Option(
        help="Of weights, caches and activations alike; by default as the configuration says, else 1.",
        min=1,
        max=64,
        show_default=False,
    ),
]


@app.command("hf")
def hf(
    file: Annotated[
        Path, typer.Argument(metavar="CONFIG.json", help="A language model's configuration, as transformers writes it.")
    ],
    phase: Annotated[str, typer.Option(metavar="prefill|decode", help="A prompt in one pass, or one more token.")],
    *,
    prompt: Annotated[
        int | None, typer.Option(help="Prefill: new tokens of each sequence.", show_default=False)
    ] = None,
    context: Annotated[
        int | None, typer.Option(help="Tokens of each sequence that are cached before.", show_default=False)
    ] = None,
    batch: Annotated[int, typer.Option(help="Sequences of a step; one sample of the model is a step of all.")] = 1,
    routing: Annotated[
        str, typer.Option(metavar="uniform|zipf:S|FILE.csv", help="Which experts tokens take; the file has shares.")
    ] = "uniform",
    absorbed: Annotated[
        bool | None,
        typer.Option(
            "--absorbed/--not-absorbed",
            help="Latent attention works on latent vectors, or makes keys and values of all heads; by default the "
            "first in decode, the second in prefill.",
            show_default=False,
        ),
    ] = None,
    name: Name = "",
    bytes_per_element: AllAlike = None,
    weights: Weights = None,
    activations: Activations = None,
    cache: Cache = None,
    out: Out = None,
    json: opt.Json = False,
) -> None:
    """Import one step of a language model from its configuration alone: no weights, no network, no transformers.

    Example: chipweave import hf config.json --phase decode --context 2048 --batch 8 --out decode.yaml
    """
    from chipweave.files.hf_config import import_config

    table = Path(routing) if routing.endswith(".csv") else None
    _require_own(out, file, table)
    made = import_config(
        file,
        phase=phase,
        prompt=prompt,
        context=context,
        batch=batch,
        routing=routing,
        absorbed=absorbed,
        name=name,
        bytes_per_element=bytes_per_element,
        weights=weights,
        activations=activations,
        cache=cache,
    )
    hand_over(made, out, json)


@app.command("maestro")
def maestro(
    file: Annotated[Path, typer.Argument(metavar="FILE.m", help="Networks in MAESTRO's notation, or XRBench's.")],
    network: Annotated[str, typer.Option(help="The one to take, where the file has several.")] = "",
    name: Name = "",
    bytes_per_element: BytesPerElement = None,
    out: Out = None,
    hardware: Annotated[Path | None, typer.Option(help="A hardware file of MAESTRO, for --chiplet-out.")] = None,
    chiplet_out: Annotated[
        Path | None, typer.Option(help="A chiplet's YAML: the file's mappings, and the figures of --hardware.")
    ] = None,
    json: opt.Json = False,
) -> None:
    """Import a MAESTRO network: its layers as a chain, its mappings and hardware as a chiplet.

    A file of XRBench with several networks and their frame rates becomes a scenario.

    Example: chipweave import maestro net.m --out net.yaml --hardware hw.m --chiplet-out mine.yaml
    """
    from chipweave.cost.maestro.importer import import_chiplet, import_network, import_scenario, offchip_note
    from chipweave.files.atomic import make_folder, write_text
    from chipweave.files.chiplet_file import dump_chiplet
    from chipweave.files.yaml import read_text
    from chipweave.workload.importers.assembly import legal_name

    if hardware is not None and chiplet_out is None:
        raise InputError("--hardware describes a chiplet; say where to write it: --chiplet-out FILE.yaml")
    _require_own(out, file, hardware)
    _require_own(chiplet_out, file, hardware, out)
    text = read_text(file)
    label = name or network or file.stem
    if not network and chiplet_out is None:
        several = import_scenario(text, str(file), name=label, bytes_per_element=bytes_per_element)
        if several is not None:
            hand_over_scenario(several, out, json)
            return
    made = import_network(text, str(file), name=label, network=network, bytes_per_element=bytes_per_element)
    if chiplet_out is not None:
        figures = read_text(hardware) if hardware is not None else None
        chiplet = import_chiplet(text, str(file), figures, str(hardware), name=legal_name(chiplet_out.stem) or "own")
        _require_usable(chiplet, hardware or file)
        make_folder(chiplet_out.parent)
        write_text(chiplet_out, dump_chiplet(chiplet))
        say(f"saved {chiplet_out}")
        note = offchip_note(figures, str(hardware)) if figures is not None else ""
        made = replace(made, notes=(*made.notes, *[note] * bool(note)))
    hand_over(made, out, json)


@app.command("scale-sim")
def scale_sim(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A topology of convolutions, or of M, N, K.")],
    name: Name = "",
    bytes_per_element: BytesPerElement = None,
    out: Out = None,
    json: opt.Json = False,
) -> None:
    """Import a SCALE-Sim topology: its layers as a chain.

    Example: chipweave import scale-sim alexnet.csv --out alexnet.yaml
    """
    from chipweave.files.other_tools.scale_sim import import_topology
    from chipweave.files.yaml import read_text

    _require_own(out, file)
    text = read_text(file)
    made = import_topology(text, str(file), name=name or file.stem, bytes_per_element=bytes_per_element)
    hand_over(made, out, json)


@app.command("timeloop")
def timeloop(
    file: Annotated[
        Path, typer.Argument(metavar="FILE_OR_FOLDER", help="A problem's YAML, or a folder with one for each layer.")
    ],
    name: Name = "",
    bytes_per_element: BytesPerElement = None,
    out: Out = None,
    json: opt.Json = False,
) -> None:
    """Import Timeloop problems: one layer, or a folder of layers as a chain in the order of their names.

    Example: chipweave import timeloop layer_shapes/resnet18 --out resnet18.yaml
    """
    from chipweave.files.other_tools.timeloop import import_problems

    _require_own(out, file)
    if out is not None and os.path.isdir(file) and os.path.dirname(os.path.realpath(out)) == os.path.realpath(file):
        raise InputError(f"{out}: stands among the layers that are read; name a file in another folder")
    made = import_problems(file, name=name or Path(os.path.realpath(file)).stem, bytes_per_element=bytes_per_element)
    hand_over(made, out, json)


@app.command("zigzag")
def zigzag(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="A workload: a list of layers with equations.")],
    name: Name = "",
    bytes_per_element: BytesPerElement = None,
    out: Out = None,
    json: opt.Json = False,
) -> None:
    """Import a ZigZag workload: its layers, and the edges between them. Workloads in Python are not read.

    Example: chipweave import zigzag resnet18.yaml --out mine.yaml
    """
    from chipweave.files.other_tools.recognise import import_advice
    from chipweave.files.other_tools.zigzag import import_workload
    from chipweave.files.yaml import read_text

    _require_own(out, file)
    if file.suffix == ".py" and (advice := import_advice(file)):
        raise InputError(f"{file}: {advice}")
    text = read_text(file)
    made = import_workload(text, str(file), name=name or file.stem, bytes_per_element=bytes_per_element)
    hand_over(made, out, json)


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


def _values(given: Sequence[str]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for text in given:
        name, sign, numbers = text.rpartition("=")
        found = [_number(number.strip()) for number in numbers.split(",")]
        read = [number for number in found if number is not None]
        if not name or not sign or len(read) < len(found):
            raise InputError(f"--value {text}: is no NAME=VALUE; write --value sr=16000, or --value lengths=10,7")
        if name in values:
            raise InputError(f"--value {text}: '{name}' is given twice; give it once")
        values[name] = read
    return values


def _number(text: str) -> float | None:
    """A whole number stays one, since 64 bits of it are more than a float has."""
    if text.lower() in ("true", "false"):
        return int(text.lower() == "true")
    try:
        return int(text) if text.lstrip("+-").isdigit() and len(text) < 24 else float(text)
    except ValueError:
        return None


def _require_own(out: Path | None, *others: Path | None) -> None:
    """Say before the import that its result cannot be written, or would replace a file that it needs."""
    from chipweave.files.atomic import require_writable

    if out is None:
        return
    require_writable(out)
    if os.path.realpath(out) in (os.path.realpath(other) for other in others if other is not None):
        raise InputError(f"{out}: is both read and written, or written twice; name another file to save in")
