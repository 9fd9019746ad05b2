"""The event simulator held against theory, and the evaluator held against the simulator.

    python -m benchmarks.simulation theory [--write]               queues, a closed network, a mesh
    python -m benchmarks.simulation population [FOLDER] [--write]  stored schedules, and the files of FOLDER
    python -m benchmarks.simulation ranking [--write]              random and near-best schedules of single windows
    python -m benchmarks.simulation conventions [FOLDER] [--write] other machines, on whole schedules
    python -m benchmarks.simulation speed [--write]                processor time and events per second

`--write` puts the tables into docs/simulation-checks.md.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.simulation_parts import conventions, population, ranking, speed, theory

PAGE = Path(__file__).parents[1] / "docs" / "simulation-checks.md"
PARTS: dict[str, Callable[[Sequence[Path]], dict[str, str]]] = {
    "theory": theory.tables,
    "population": population.tables,
    "ranking": ranking.tables,
    "conventions": conventions.tables,
    "speed": speed.tables,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS, nargs="?", help="all of them where none is named")
    parser.add_argument("folder", nargs="?", type=Path, help="of schedule.json files (population)")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    given = parser.parse_args()
    files = sorted(given.folder.glob("*.json")) if given.folder else []
    for name in [given.part] if given.part else PARTS:
        for title, text in PARTS[name](files).items():
            print(f"\n{title}\n\n{text}", flush=True)
            if given.write:
                PAGE.write_text(placed(PAGE.read_text("utf-8"), title, text), "utf-8")


def placed(page: str, title: str, text: str) -> str:
    """The page with a table between its marks."""
    begin, end = f"<!-- {title} -->", f"<!-- end of {title} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(f"{PAGE}: no place for '{title}'; put '{begin}' and '{end}' where it belongs")
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", page)


if __name__ == "__main__":
    main()
