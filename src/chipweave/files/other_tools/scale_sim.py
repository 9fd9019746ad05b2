"""SCALE-Sim's topologies: a CSV line for each layer, either a convolution or a product M x K by K x N.

A file is of one kind, by its header. Columns go by their place, as SCALE-Sim reads them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chipweave.errors import InputError
from chipweave.files.yaml import quoted
from chipweave.workload.importers.assembly import LARGEST_BOUND, Assembly, Imported, Operand
from chipweave.workload.importers.chain import BATCH_IN_FILE, NO_EDGES, reading
from chipweave.workload.importers.view import View, constant

_CONVOLUTION = ("ifmap", "ifmap", "filter", "filter", "channel", "num", "stride")
"""How the headers of a convolution's sizes begin."""
_PRODUCT = ("m", "n", "k")
_SPARSITY = re.compile(r"\d+:\d+")


@dataclass(frozen=True)
class _Row:
    """The cells of one line, without blanks around them."""

    cells: tuple[str, ...]
    path: str
    line: int

    @property
    def name(self) -> str:
        return self.cells[0]

    def error(self, problem: str) -> InputError:
        return InputError(f"{self.path}:{self.line}: layer {quoted(self.name)}: {problem}")

    def size(self, column: int, title: str) -> int:
        """The whole number in a column."""
        text = self.cells[column] if column < len(self.cells) else ""
        if not text.isascii() or not text.isdigit() or len(text) > 10 or not 1 <= int(text) <= LARGEST_BOUND:
            what = f"{quoted(text)} is no whole number from 1 to {LARGEST_BOUND}" if text else "is missing"
            raise self.error(f"{title} (column {column + 1}) {what}; write one")
        return int(text)


def is_topology(text: str) -> bool:
    """True where the first line is the header of a topology."""
    return _kind(_cells(text.removeprefix("\ufeff").lstrip().partition("\n")[0])) is not None


def import_topology(text: str, path: str, *, name: str, bytes_per_element: int | None = None) -> Imported:
    """The layers of a topology as a chain: the format has no edges.

    Sizes are taken as written: heights and widths include what padding there is, and SCALE-Sim rounds the number of
    outputs up. `DP` in the name of a convolution makes it depthwise.

    Raises:
        InputError: `path:line: problem; remedy`.
    """
    rows = [_Row(_cells(line), path, number) for number, line in enumerate(text.splitlines(), start=1)]
    rows = [row for row in rows if any(row.cells) and not row.cells[0].startswith("#")]
    kind = _kind(rows[0].cells) if rows else None
    if kind is None and rows and (other := _other(rows[0].cells)):
        raise InputError(f"{path}:{rows[0].line}: is {other} of SCALE-Sim, and no topology; name the topology")
    if kind is None:
        raise InputError(
            f"{path}:{rows[0].line if rows else 1}: is no header of a SCALE-Sim topology; begin with 'Layer name, "
            "IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,' or with "
            "'Layer, M, N, K,'"
        )
    header, *below = rows
    layers = [row for row in below if len(row.cells) > 1]  # a name alone is the title of those below it
    titles = [title.lower() for title in header.cells]
    append = _appender(kind, titles)
    assembly = Assembly()
    before: View | None = None
    for row in layers:
        try:
            before = append(assembly, row, before)
        except InputError as error:
            at = f"{path}:{row.line}: "
            raise InputError([at + problem.removeprefix(at) for problem in error.problems]) from None
    if not layers:
        raise InputError(f"{path}:{header.line}: no layer follows the header; add a line for each")
    assembly.notes += [NO_EDGES, *_notes(kind, titles, layers)]
    if len(layers) < len(below):
        titled = next(row for row in below if len(row.cells) == 1)
        assembly.notes.append(
            f"{len(below) - len(layers)} lines have no sizes and are no layers, {quoted(titled.name)} first"
        )
    return assembly.finish(name, "SCALE-Sim topology (sizes as written, a chain)", bytes_per_element)


_Append = Callable[[Assembly, _Row, View | None], View]


def _appender(kind: str, titles: Sequence[str]) -> _Append:
    if kind == "product":
        return _product
    strides = 2 if len(titles) > 8 and titles[8].startswith("stride") else 1
    batch = next((column for column, title in enumerate(titles) if title.startswith("batch")), None)
    return lambda assembly, row, before: _convolution(assembly, row, before, strides, batch)


def _product(assembly: Assembly, row: _Row, before: View | None) -> View:
    rows, columns, inner = (row.size(column, title) for column, title in enumerate("MNK", start=1))
    return _product_of(assembly, row.name, before, rows, inner, columns)


def _product_of(assembly: Assembly, name: str, before: View | None, rows: int, inner: int, columns: int) -> View:
    source, weights = Operand(reading(before, (rows, inner))), Operand(constant((inner, columns)))
    return assembly.product(
        name, source, weights, batch=1, rows=rows, inner=inner, columns=columns, shape=(rows, columns)
    )


def _convolution(assembly: Assembly, row: _Row, before: View | None, strides: int, batch: int | None) -> View:
    titles = ("IFMAP height", "IFMAP width", "filter height", "filter width", "channels", "filters", "stride")
    Y, X, R, S, C, K, stride = (row.size(column, title) for column, title in enumerate(titles, start=1))
    stride_x = row.size(8, "stride width") if strides == 2 else stride
    copies = row.size(batch, "batch size") if batch is not None and row.cells[batch:] else 1
    if R > Y or S > X:
        raise row.error(f"the filter {R}x{S} is larger than its map {Y}x{X}; sizes include the padding")
    depthwise = "DP" in row.name
    if R == 1 and S == X and stride == 1 and not depthwise:  # how SCALE-Sim itself writes a product as a convolution
        return _product_of(assembly, row.name, before, copies * Y, C * S, K)
    out = -(-(Y - R) // stride) + 1, -(-(X - S) // stride_x) + 1
    groups = C if depthwise else 1
    K *= groups  # of a depthwise layer: filters per channel
    return assembly.convolution(
        row.name, reading(before, (copies, C, Y, X)), constant((K, C // groups, R, S)),
        stride=(stride, stride_x), padding=(0, 0), dilation=(1, 1), groups=groups, shape=(copies, K, *out),
    )  # fmt: skip


def _notes(kind: str, titles: Sequence[str], layers: Sequence[_Row]) -> list[str]:
    notes = []
    sparse = [row for row in layers if any(_SPARSITY.fullmatch(cell) and not _dense(cell) for cell in row.cells[4:])]
    if sparse:
        notes.append(f"sparsity is not costed: {len(sparse)} layers count as dense, such as '{sparse[0].name}'")
    if any(title.startswith("batch") for title in titles):
        notes.append(BATCH_IN_FILE)
    single = [row for row in layers if kind == "convolution" and row.cells[6:7] == ("1",) and row.cells[5] != "1"]
    single = [row for row in single if "DP" not in row.name and row.cells[3:5] != ("1", "1")]
    if single:
        notes.append(
            f"{len(single)} convolutions have one filter over all channels, such as '{single[0].name}'; if they are "
            "depthwise, put DP into their names, as SCALE-Sim wants it"
        )
    return notes


def _dense(sparsity: str) -> bool:
    kept, _, block = sparsity.partition(":")
    return kept == block


def _cells(line: str) -> tuple[str, ...]:
    """Cells without the empty ones at the end; some published files have tabs between them, spreadsheets write
    semicolons in some countries, and quotes."""
    line = line.strip().replace("\t", ",")
    if "," not in line:
        line = line.replace(";", ",")
    cells = [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True), [])]
    while cells and not cells[-1]:
        cells.pop()
    return tuple(cells)


def _other(header: Sequence[str]) -> str:
    """What else of SCALE-Sim's has this header; empty: nothing."""
    titles = [title.lower() for title in header]
    if any("intraline" in title or "interline" in title for title in titles):
        return "a layout, which says where data lies,"
    return "a report" if titles[0].replace(" ", "") == "layerid" else ""


def _kind(header: Sequence[str]) -> str | None:
    titles = [title.lower() for title in header[1:]]
    if tuple(titles[:3]) == _PRODUCT:
        return "product"
    starts = [title.startswith(start) for title, start in zip(titles, _CONVOLUTION, strict=False)]
    return "convolution" if len(starts) == len(_CONVOLUTION) and all(starts) else None
