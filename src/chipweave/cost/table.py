"""The `table` cost model: the user's own figures, from RTL or another tool."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chipweave.cost.interface import LARGEST_FIGURE, LayerCosts
from chipweave.cost.riders import rider_cycles
from chipweave.errors import InputError
from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer

SHAPE_COLUMNS = ("op", "N", "K", "C", "R", "S", "Y", "X", "stride", "groups")
PARTS = ("mac_j", "l1_j", "l2_j", "noc_j", "fill_input_j", "fill_weight_j", "drain_output_j")
OPTIONAL_COLUMNS = (*PARTS, "l2_need_elements")
MOST_COLUMNS = 100
MOST_PROBLEMS = 50
LARGEST_FILE = 64 * 2**20
"""Bytes."""

Key = tuple[str, ...]
"""(layer name, chiplet class), or the shape columns' values and the chiplet class."""


@dataclass(frozen=True)
class TableCostModel:
    """Costs looked up by layer name (first) or by shape, and chiplet class.

    Args:
        figures: per key: cycles, the energy parts of `PARTS` in joules, and the L2 need in elements, for one sample.
        path: where they come from, for errors.
    """

    figures: Mapping[Key, tuple[float, ...]] = field(repr=False)
    path: str = "table"
    name: str = "table"

    def costs(self, layers: Sequence[Layer], chiplet: Chiplet) -> LayerCosts:
        """Cost of one sample of every layer; riders that the table leaves out cost what `maestro` takes for them.

        Raises:
            InputError: every layer that is not in the table, with the row to add; layers of one shape that make
                outputs of different sizes (with another padding, or as a part of a layer).
        """
        rows, problems = [], []
        taken: dict[Key, Layer] = {}
        for layer in layers:
            by_name, by_shape = (layer.name, chiplet.name), (*shape_key(layer), chiplet.name)
            figures = self.figures.get(by_name)
            if figures is None and by_shape in self.figures:
                figures, other = self.figures[by_shape], taken.setdefault(by_shape, layer)
                if (other.out_y, other.out_x) != (layer.out_y, layer.out_x):
                    problems.append(
                        f"{self.path}: the row with {_shape_text(layer)} is for '{other.name}', which makes "
                        f"{other.out_y} x {other.out_x} outputs, or for '{layer.name}', which makes {layer.out_y} x "
                        f"{layer.out_x}; give each a row with its name"
                    )
            if figures is not None:
                rows.append(figures)
            elif layer.rides:
                rows.append((float(rider_cycles(layer, chiplet.num_pes)), *(0.0,) * len(OPTIONAL_COLUMNS)))
            else:
                problems.append(
                    f"{self.path}: no figures for layer '{layer.name}' on chiplet class '{chiplet.name}'; "
                    f"add a row with layer={layer.name} (or {_shape_text(layer)}) and chiplet={chiplet.name}"
                )
        if problems:
            raise InputError(problems)
        table = np.array(rows, dtype=np.float64).reshape(len(layers), 1 + len(OPTIONAL_COLUMNS))
        columns = ("cycles", *OPTIONAL_COLUMNS)
        return LayerCosts(**{column: table[:, index] for index, column in enumerate(columns)})


def shape_key(layer: Layer) -> Key:
    """A layer's values of the shape columns, as text. Strides that differ read "vertical x horizontal"."""
    vertical, horizontal = layer.stride
    stride = str(vertical) if vertical == horizontal else f"{vertical}x{horizontal}"
    bounds = (layer.N, layer.K, layer.C, layer.R, layer.S, layer.Y, layer.X)
    return (str(layer.op), *map(str, bounds), stride, str(layer.groups))


def _shape_text(layer: Layer) -> str:
    return ", ".join(f"{column}={value}" for column, value in zip(SHAPE_COLUMNS, shape_key(layer), strict=True))


def load_table(path: str | Path) -> TableCostModel:
    """Reads a CSV with a header line.

    Columns: `layer` (a name) or all of op,N,K,C,R,S,Y,X,stride,groups (both: a row fills one of them); `chiplet`
    (class name); `cycles`; `energy_j`, or its split in `PARTS`, or both; optionally `l2_need_elements`. Figures are for
    one sample. Energy without a split counts as `mac_j`, so nothing of it falls away when a tensor stays on chip.

    Raises:
        InputError: an unreadable file, and every bad line in it: `path:line: problem; remedy`.
    """
    path = Path(path)
    reader = csv.reader(io.StringIO(read_csv(path)), strict=True)
    try:
        lines = [(reader.line_num, line) for line in reader]
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: is not CSV ({error}); check quotes and separators") from None
    if not lines or not any(lines[0][1]):
        raise InputError(f"{path}:1: the file is empty; start with a header: layer,chiplet,cycles,energy_j")
    header = [column.strip() for column in lines[0][1]]
    problems = _header_problems(header, str(path))
    if problems:
        raise InputError(problems)
    figures: dict[Key, tuple[float, ...]] = {}
    first_line: dict[Key, int] = {}
    for number, line in lines[1:]:
        if not any(cell.strip() for cell in line):
            continue
        if len(problems) >= MOST_PROBLEMS:
            problems.append(f"{path}:{number}: {MOST_PROBLEMS} problems; the rest of the file was not checked")
            break
        where = f"{path}:{number}"
        if len(line) != len(header):
            problems.append(f"{where}: {len(line)} values for {len(header)} columns; give one per column")
            continue
        row = dict(zip(header, (cell.strip() for cell in line), strict=True))
        key, wrong = _key(row, where)
        values, wrong_values = _figures(row, where)
        problems += wrong + wrong_values
        if key and key in first_line:
            problems.append(f"{where}: {', '.join(key)} is already in line {first_line[key]}; remove one of the two")
        elif key:
            first_line[key] = number
            figures[key] = values
    if not figures and not problems:
        problems.append(f"{path}:1: the table has no rows; add one per layer and chiplet class")
    if problems:
        raise InputError(problems)
    return TableCostModel(figures, str(path))


def read_csv(path: Path) -> str:
    """The text of a CSV file of bounded size.

    Raises:
        InputError: it cannot be read, is too large, or no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise InputError(f"{path}: the file has more than {LARGEST_FILE} bytes; split it")
        text = io.StringIO(content.decode("utf-8-sig"), newline=None).read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a CSV file") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save it as CSV in UTF-8") from None
    if "\0" in text:
        raise InputError(f"{path}: holds NUL bytes, so it is no CSV; save it as CSV in UTF-8")
    return text


def _header_problems(header: Sequence[str], path: str) -> list[str]:
    if len(header) > MOST_COLUMNS:
        return [f"{path}:1: {len(header)} columns; a table has at most {MOST_COLUMNS}, check the separators"]
    known = ("layer", *SHAPE_COLUMNS, "chiplet", "cycles", "energy_j", *OPTIONAL_COLUMNS)
    problems = [
        f"{path}:1: unknown column '{column}'; known: {', '.join(known)}" for column in header if column not in known
    ]
    repeated = sorted({column for column in header if header.count(column) > 1})
    problems += [f"{path}:1: column '{column}' appears twice; remove one" for column in repeated]
    needed = ["chiplet", "cycles"]
    shape = [column for column in SHAPE_COLUMNS if column in header]
    if shape or "layer" not in header:
        needed += [] if "layer" in header and not shape else list(SHAPE_COLUMNS)
    missing = [column for column in needed if column not in header]
    if not shape and "layer" not in header:
        problems.append(f"{path}:1: no column 'layer'; add it, or all of {', '.join(SHAPE_COLUMNS)}")
        missing = [column for column in missing if column not in SHAPE_COLUMNS]
    problems += [f"{path}:1: column '{column}' is missing; add it" for column in missing]
    if "energy_j" not in header and not any(part in header for part in PARTS):
        problems.append(f"{path}:1: column 'energy_j' is missing; add it, or its split: {', '.join(PARTS)}")
    return problems


def _key(row: Mapping[str, str], where: str) -> tuple[Key, list[str]]:
    problems = []
    layer, chiplet = row.get("layer", ""), row["chiplet"]
    shape = [row.get(column, "") for column in SHAPE_COLUMNS]
    if not chiplet:
        problems.append(f"{where}: chiplet is empty; name the chiplet class")
    if layer and any(shape):
        problems.append(f"{where}: both a layer name and a shape; give one of them")
    elif not layer and not all(shape):
        empty = [column for column, value in zip(SHAPE_COLUMNS, shape, strict=True) if not value]
        problems.append(f"{where}: neither a layer name nor a whole shape; fill 'layer', or {', '.join(empty)}")
    for column, value in zip(SHAPE_COLUMNS[1:], shape[1:], strict=True):
        parts = value.split("x") if column == "stride" else [value]
        if value and not all(part.isascii() and part.isdigit() and len(part) <= 10 and int(part) > 0 for part in parts):
            problems.append(f"{where}: {column}={value} is not a whole number of 1 to 10 digits, at least 1; write one")
    if problems:
        return (), problems
    return ((layer, chiplet) if layer else (*shape, chiplet)), []


def _figures(row: Mapping[str, str], where: str) -> tuple[tuple[float, ...], list[str]]:
    """Cycles, energy parts and L2 need of one line, and what is wrong with them."""
    problems: list[str] = []

    def number(column: str, *, positive: bool) -> float:
        text = row.get(column, "")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value <= LARGEST_FIGURE or (positive and value == 0):
            bound = "positive" if positive else "at least 0"
            problems.append(
                f"{where}: {column}={text or 'nothing'} is out of range; give a number that is {bound} and at most "
                f"{LARGEST_FIGURE:g}"
            )
            return 0.0
        return value

    cycles = number("cycles", positive=True)
    parts = [number(part, positive=False) if row.get(part) else 0.0 for part in PARTS]
    split = any(row.get(part) for part in PARTS)
    if row.get("energy_j") or not split:
        energy_j = number("energy_j", positive=True)
        if not split:
            parts[0] = energy_j
        elif not problems and not math.isclose(sum(parts), energy_j, rel_tol=1e-6):
            problems.append(f"{where}: energy_j={energy_j:g}, but its parts add up to {sum(parts):g}; make them agree")
    need = number("l2_need_elements", positive=False) if row.get("l2_need_elements") else 0.0
    return (cycles, *parts, need), problems
