"""A page that shows how far a sweep is: made anew from the store now and then, and loaded anew by the browser."""

from __future__ import annotations

import heapq
import json
from typing import Any

from markupsafe import Markup

from chipweave.files.sweep_file import Sweep
from chipweave.report.html.markup import joined, tag
from chipweave.store.answer import Failure
from chipweave.store.answers import Row
from chipweave.store.store import Store
from chipweave.sweep.standing import Standing, duration

MOST_ROWS = 20
"""Of the best cases, and of the last failures."""

RELOAD_S = 5

STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .2rem .8rem .2rem 0; text-align: left;
vertical-align: top; border-bottom: 1px solid #8884 } progress { width: 100% } .number { text-align: right }
"""


def page(store: Store, sweep: Sweep, standing: Standing, *, over: bool) -> str:
    """The page, whole. It loads nothing, and itself anew every few seconds until the sweep is over."""
    keys = set(store.keys(sweep.name))
    failed = store.failed_of(sweep.name)
    rows = list(heapq.nsmallest(MOST_ROWS, store.figures(sweep.name), key=_order))
    finished = len(store.finished_of(sweep.name))
    parts = [
        tag("h1", f"Sweep {sweep.name}"),
        tag("p", sweep.spec.note) if sweep.spec.note else Markup(""),
        tag("progress", value=str(finished + len(failed)), max=str(max(1, len(keys)))),
        _facts(standing, finished, len(failed), len(keys), over),
        tag("h2", f"Best by {sweep.spec.objective}"),
        _table(["point", *(axis.path for axis in sweep.axes), "value", "latency, s", "energy, J"], map(_best, rows)),
        _failures(list(failed.values())) if failed else Markup(""),
    ]
    reload = Markup("") if over else Markup(f'<meta http-equiv="refresh" content="{RELOAD_S}">')
    policy = Markup(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )
    head = joined(
        [Markup('<meta charset="utf-8">'), policy, reload, tag("title", sweep.name), Markup(f"<style>{STYLE}</style>")]
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _order(row: Row) -> tuple[bool, float]:
    value = row["value"]
    return value is None, 0.0 if value is None else float(value)


def _facts(standing: Standing, finished: int, failed: int, cases: int, over: bool) -> Markup:
    rate_s, left_s = standing.rate_s, standing.left_s
    facts = {
        "finished": f"{finished:,} of {cases:,} cases, {standing.answered:,} of them by this run",
        "failed": f"{failed:,}",
        "with other clients": f"{standing.elsewhere:,}" if standing.elsewhere else "",
        "cases a second": "" if rate_s is None else f"{rate_s:.3g}",
        "left": "" if left_s is None or over else duration(left_s),
    }
    return _table([], ([name, said] for name, said in facts.items() if said))


def _best(row: Row) -> list[str]:
    figures = (row["value"], row["latency_s"], row["energy_j"])
    return [
        str(row["position"]),
        *(_shown(value) for value in row["axes"].values()),
        *("" if figure is None else f"{figure:.6g}" for figure in figures),
    ]


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 80 else text[:80] + "…"


def _failures(failed: list[Failure]) -> Markup:
    rows = ([str(each.kind), each.reason[:300], each.key] for each in failed[-MOST_ROWS:])
    return joined([tag("h2", "Failures"), _table(["kind", "reason", "case"], rows)])


def _table(head: list[str], rows: Any) -> Markup:
    top = [tag("tr", *(tag("th", name) for name in head))] if head else []
    return tag("table", *top, *(tag("tr", *(tag("td", cell) for cell in row)) for row in rows))
