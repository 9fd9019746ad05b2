"""Configurations of language models, as Hugging Face's `transformers` writes them, and tables of what experts get."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chipweave.errors import InputError
from chipweave.files.json import parse_json
from chipweave.files.yaml import line_of, quoted, read_text
from chipweave.plain import short
from chipweave.workload.importers.assembly import Imported
from chipweave.workload.importers.hf import import_hf
from chipweave.workload.importers.hf.routing import Routing
from chipweave.workload.importers.hf.step import step_of
from chipweave.workload.precision import bits_of

HEADER = ("expert", "share")
MOST_EXPERTS = 100_000
STEEPEST = 100.0
"""Exponent of a Zipf routing."""


def import_config(
    config: str | Path | Mapping[str, Any],
    *,
    phase: str,
    prompt: int | None = None,
    context: int | None = None,
    batch: int = 1,
    routing: str | Path | Sequence[float] = "uniform",
    absorbed: bool | None = None,
    name: str = "",
    bytes_per_element: int | None = None,
    weights: str | float | None = None,
    activations: str | float | None = None,
    cache: str | float | None = None,
) -> Imported:
    """The model of one step, the number of parameters, and what was decided on the way; see `chipweave.from_hf`.

    Raises:
        InputError: `path:line: problem; remedy`, where a file is at fault.
    """
    step_of(phase, prompt, context, batch)
    for option, given in (("--weights", weights), ("--activations", activations), ("--cache", cache)):
        if given is not None:
            bits_of(given, option)
        if given is not None and bytes_per_element is not None:
            raise InputError(f"--bytes-per-element is of weights, activations and caches; leave it or {option} out")
    chosen, path = routing_of(routing), ""
    data: Mapping[str, Any]
    if isinstance(config, Mapping):
        data = config
    else:
        path = str(config)
        data = parse_json(read_text(Path(config)), path, what="a configuration", not_finite=True)
        name = name or _name(Path(config), phase)
    try:
        return import_hf(
            data,
            phase=phase,
            prompt=prompt,
            context=context,
            batch=batch,
            routing=chosen,
            absorbed=absorbed,
            name=name,
            bytes_per_element=bytes_per_element,
            weights=weights,
            activations=activations,
            cache=cache,
        )
    except InputError as error:
        if not path:
            raise
        raise InputError(_placed(error, data, path), path=path) from None


def _name(path: Path, phase: str) -> str:
    """After the file, or its folder where all files are called alike; empty where neither says much."""
    stem = path.stem.removesuffix("config").rstrip("_-.") or Path(os.path.realpath(path)).parent.name
    return f"{stem}-{phase}" if stem else ""


def _placed(error: InputError, data: Mapping[str, Any], path: str) -> list[str]:
    """Problems with the lines on which the fields stand."""
    problems = []
    for number, problem in enumerate(error.problems):
        where, text = path, problem
        if number < len(error.fields):
            field, wrong = error.fields[number]
            line = line_of(data, tuple(field.split(".")))
            where, text = (f"{path}:{line}" if line else path), f"{field}: {wrong}"
        problems.append(f"{where}: {text}")
    return problems


def routing_of(given: str | Path | Sequence[float]) -> Routing:
    """A routing by its name, from a table, or of shares.

    Raises:
        InputError: neither `uniform` nor `zipf:S`, a file that is no table of shares, or shares that are none.
    """
    if not isinstance(given, str | Path):
        shares = tuple(given)
        if not all(isinstance(each, int | float) and math.isfinite(each) and each >= 0 for each in shares):
            raise InputError("routing: shares are numbers that are not negative; give one for each expert")
        return Routing(shares=tuple(map(float, shares)), label="as given")
    text = str(given)
    if text == "uniform":
        return Routing()
    kind, colon, exponent = text.partition(":")
    if kind == "zipf" and colon:
        number = _number(exponent)
        if number is None or not 0 <= number <= STEEPEST:
            raise InputError(f"routing {short(text)}: the exponent is no number from 0 to {STEEPEST:g}; write zipf:1")
        return Routing(exponent=number, label=text)
    if isinstance(given, str) and not text.endswith(".csv"):
        raise InputError(f"routing {short(text)} is unknown; give uniform, zipf:S, or a file FILE.csv with shares")
    return Routing(shares=_table(read_text(Path(given)), text), label=text)


def _table(text: str, path: str) -> tuple[float, ...]:
    """Shares by expert: a line `expert,share`, and one for each expert from 0 on, in any order."""
    lines = [(at, [cell.strip() for cell in line.split(",")]) for at, line in enumerate(text.splitlines(), start=1)]
    filled = [(at, cells) for at, cells in lines if any(cells)]
    if tuple(cell.lower() for cell in filled[0][1]) != HEADER:
        raise InputError(f"{path}:{filled[0][0]}: is no header of a routing table; begin with 'expert,share'")
    shares: dict[int, float] = {}
    for at, cells in filled[1:]:
        expert = int(cells[0]) if cells[0].isascii() and cells[0].isdigit() and len(cells[0]) < 7 else -1
        share = _number(cells[1]) if len(cells) == 2 else None
        if not 0 <= expert < MOST_EXPERTS or share is None or share < 0:
            line = quoted(",".join(cells))
            raise InputError(f"{path}:{at}: {line} is not an expert's number and its share; write 0,0.25")
        if expert in shares:
            raise InputError(f"{path}:{at}: expert {expert} is there twice; remove one of the two")
        shares[expert] = share
    missing = next((expert for expert in range(len(shares)) if expert not in shares), None)
    if missing is not None or not shares:
        raise InputError(f"{path}: expert {missing or 0} has no line; write one for each, from 0 on")
    return tuple(shares[expert] for expert in range(len(shares)))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
