"""Exhibits as files: a folder of Markdown, CSV and figures, or one page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from chipweave.errors import InputError
from chipweave.files.atomic import make_folder, write_bytes, write_text
from chipweave.report.figure import require
from chipweave.reproduction.drawing import drawn
from chipweave.reproduction.exhibit import Exhibit
from chipweave.reproduction.page import markdown, table_csv, whole_page


def require_places(out: Path | None, page: Path | None) -> None:
    """Say what would keep the files from being written before a long computation, not after it.

    Raises:
        InputError: a folder is needed where a file is, or the other way round; matplotlib is not installed.
    """
    if out is not None:
        _require_folder(out, "--out")
    if page is not None:
        if os.path.isdir(page) or not os.path.isdir(page.parent):
            raise InputError(
                f"--page {page}: is a folder, or its folder is missing; name a file in a folder that is there"
            )
        if not page.suffix:
            raise InputError(
                f"--page {page}: has no ending, and its figures go into a folder of its name; end it in .md"
            )
        _require_folder(page.with_suffix(""), "--page")
    for where in (out and out / "figure.svg", page and page.with_suffix(".svg")):
        if where is not None:
            require(where)


def _require_folder(folder: Path, option: str) -> None:
    """Whether a folder is there or can be made."""
    nearest = next((each for each in (folder, *folder.absolute().parents) if os.path.exists(each)), None)
    if nearest is not None and not os.path.isdir(nearest):
        raise InputError(f"{option}: {nearest} is a file where a folder is needed; name another place")


def write_folder(exhibits: Sequence[Exhibit], folder: Path) -> None:
    """A Markdown file, a CSV file and a figure (PNG, SVG) for each."""
    make_folder(folder)
    for exhibit in exhibits:
        write_text(folder / f"{exhibit.name}.md", markdown(exhibit, "./", level=1))
        write_text(folder / f"{exhibit.name}.csv", table_csv([exhibit]))
        if exhibit.panels:
            for suffix, content in drawn(exhibit).items():
                write_bytes(folder / f"{exhibit.name}.{suffix}", content)


def write_page(papers: Mapping[str, Sequence[Exhibit]], page: Path) -> None:
    """One page, a part of it for each paper; beside it a folder of its name with the figures (SVG) and all figures as
    `figures.csv`."""
    folder = page.with_suffix("")
    exhibits = [each for some in papers.values() for each in some]
    make_folder(folder)
    write_text(folder / "figures.csv", table_csv(exhibits))
    for exhibit in exhibits:
        if exhibit.panels:
            write_bytes(folder / f"{exhibit.name}.svg", drawn(exhibit, ("svg",))["svg"])
    write_text(page, whole_page(papers, f"{folder.name}/"))


def as_json(exhibits: Sequence[Exhibit]) -> str:
    """All of them as JSON."""
    return json.dumps([asdict(exhibit) for exhibit in exhibits], indent=1)
