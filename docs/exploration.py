"""Writes the front of the exploration into docs/exploration.md, and draws docs/exploration.svg, from its store.

    python docs/exploration.py exploration.db
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from chipweave.report.html.data_elements import shown, typeset
from chipweave.report.html.drawing import variables
from chipweave.report.html.render import asset
from chipweave.report.html.sweep import View
from chipweave.report.swept import axis_text
from chipweave.results.sweep_summary import SweepSummary
from chipweave.store.store import Store
from chipweave.sweep.reporting import gathered
from chipweave.sweep.summary import summarise

PAGE, PICTURE = (Path(__file__).with_name(f"exploration.{kind}") for kind in ("md", "svg"))
NAMES = {"package.classes": "dataflows", "package.grid": "chiplets", "chiplets.*.l2_bytes": "L2 of each"}
FIGURES = ("edp_js", "price_usd")
IMAGE = "\n![EDP and price of the packages; red ones are on the front](exploration.svg)\n"
PROCESSES = 2


def took(summary: SweepSummary, seconds: float) -> str:
    """How long the cases took."""
    return (
        f"{summary.finished} packages have a schedule, {summary.failed} have none. The searches took {seconds:,.0f} s "
        f"together, about {seconds / PROCESSES / 60:.0f} minutes with a process on each of 2 virtual cores, which were "
        "shared with other work.\n"
    )


def front_table(summary: SweepSummary) -> str:
    """The front in Markdown, the least EDP first; packages that differ in their links alone, and in no figure, once."""
    axes = [axis.path for axis in summary.axes]
    found: dict[tuple[str, ...], list[str]] = {}
    for position in summary.fronts[0].positions:
        point = summary.at[position]
        figures = [typeset(shown(point.figures[name], "Js" if name == "edp_js" else "USD")) for name in FIGURES]
        *others, links = (words(path, point.axes[path]) for path in axes)
        found.setdefault((*figures, *others), []).append(links)
    head = ["EDP", "price", *(NAMES.get(path, "links") for path in axes)]
    lines = [head, *([*cells, " to ".join(dict.fromkeys((links[0], links[-1])))] for cells, links in found.items())]
    first, *rows = (f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([first, "|---" * len(head) + "|", *rows]) + "\n"


def sensitivity_table(summary: SweepSummary) -> str:
    """What matters to EDP and price, in Markdown."""
    head = "| axis | EDP: typical factor | by itself | with others | price: typical factor | by itself |\n"
    lines = [head + "|---" * 6 + "|"]
    of = {(each.figure, each.axis): each for each in summary.sensitivities}
    for axis in summary.axes:
        edp, price = (of[figure, axis.path] for figure in FIGURES)
        cells = [shown(edp.typical, "ratio"), shown(edp.first, "share"), shown(edp.total, "share")]
        cells += [shown(price.typical, "ratio"), shown(price.first, "share")]
        lines.append(f"| {NAMES.get(axis.path, 'links')} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def words(path: str, value: object) -> str:
    """A value of an axis, as short as the table needs it."""
    if path == "package.grid" and isinstance(value, list):
        return f"{len(value)} x {len(value[0])}"
    if path == "package.classes" and isinstance(value, dict):
        outer, inner = (str(value[name]).removeprefix("datacenter-") for name in "AB")
        return outer if outer == inner else f"{outer} outside, {inner} inside"
    return axis_text(path, value)


def put(page: str, name: str, text: str) -> str:
    """The page with `text` between its marks of that name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: begin + text + end, page, flags=re.DOTALL)


def picture(summary: SweepSummary) -> str:
    """The plane of the report by itself, with its style."""
    (drawn,) = View(summary, frozenset()).planes(summary.fronts[0])
    root = ":root { --muted: #5b636d; --faint: #9aa2ab; --rule: #e3e6ea; --accent: #3d6a9e; --binds: #b3123f; }\n"
    light = variables().splitlines()[0] + "\n"
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    return re.sub("(<svg[^>]*>)", rf"\1<style>{light}{root}{asset('drawing.css')}</style>{ground}", str(drawn), count=1)


if __name__ == "__main__":
    with Store.open(sys.argv[1], create=False) as store:
        name, found = gathered(store)
        seconds = sum(row["seconds"] for row in store.figures(name))
    made = summarise(name, found, FIGURES)
    PICTURE.write_text(picture(made))
    text = put(PAGE.read_text(), "picture", took(made, seconds) + IMAGE)
    text = put(text, "front", front_table(made))
    PAGE.write_text(put(text, "sensitivities", sensitivity_table(made)))
    print(f"{made.finished} of {made.count} finished, {made.failed} failed")
