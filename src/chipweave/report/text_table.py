"""Tables that fit any terminal: names at the left, aligned figures at the right."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

Row = tuple[Text, Sequence[str]]
"""A name, and a cell for each column."""

_MARGIN, _GAP, _INDENT = " ", "  ", "      "


def print_columns(
    console: Console, title: str, header: Sequence[str], rows: Sequence[Row], in_groups: bool = False
) -> None:
    """Print rows under the names of their columns; `title` stands over the names.

    Where a row would be wider than the console, every name goes on a line of its own above its figures; or, with
    `in_groups`, is repeated for each group of columns that fits beside it.
    """
    widths = [max(map(len, column)) for column in zip(header, *(cells for _, cells in rows), strict=True)]
    name_width = max([len(title), *(name.cell_len for name, _ in rows)])
    room = console.width - len(_MARGIN) - name_width
    beside = sum(len(_GAP) + width for width in widths) <= room
    if beside or (in_groups and room > name_width):
        for number, columns in enumerate(_groups(widths, room)):
            if number:
                console.print()
            for name, cells in _with_header(title, header, rows):
                left = _left(name, cells is header) + Text(" " * (name_width - name.cell_len))
                line = _line([cells[c] for c in columns], [widths[c] for c in columns])
                console.print(left + Text(line, _style(cells, header)), soft_wrap=True)
        return
    for name, cells in _with_header(title, header, rows):
        if name:
            for number, part in enumerate(name.wrap(console, console.width - len(_INDENT) - 1)):
                part.rstrip()
                console.print(Text(_INDENT + " ") + part if number else _left(part, cells is header))
        console.print(Text(_INDENT + _line(cells, widths), _style(cells, header)), soft_wrap=True)


def _left(name: Text, heading: bool) -> Text:
    """Names stand a little to the right of their title."""
    return Text.assemble(name, _MARGIN) if heading else Text.assemble(_MARGIN, name)


def _with_header(title: str, header: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    return [(Text(title, "bold"), header), *rows]


def _style(cells: Sequence[str], header: Sequence[str]) -> str:
    return "dim" if cells is header else ""


def _groups(widths: Sequence[int], room: int) -> list[range]:
    """Consecutive columns, as many in each group; the fewest groups whose columns fit into `room` together."""
    for count in range(1, len(widths) + 1):
        size = -(-len(widths) // count)
        groups = [range(at, min(at + size, len(widths))) for at in range(0, len(widths), size)]
        if all(sum(len(_GAP) + widths[column] for column in group) <= room for group in groups):
            break
    return groups


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(_GAP + cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
