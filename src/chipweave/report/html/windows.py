"""The package and the timeline window by window, with the figures behind the drawings."""

from __future__ import annotations

from markupsafe import Markup

from chipweave.report.html.charts import swatch
from chipweave.report.html.data_elements import derived
from chipweave.report.html.drawing import model_fill
from chipweave.report.html.loads import Load
from chipweave.report.html.markup import name_of, tag
from chipweave.report.html.package import package_drawing
from chipweave.report.html.page_data import PageData
from chipweave.report.html.timeline import timeline_drawing
from chipweave.report.naming import class_marks
from chipweave.report.palette import letter

MOST_LOADS = 200
"""Links listed in a window."""


def models_drawing(data: PageData, index: int) -> Markup:
    """The package by models and stages."""
    return package_drawing(data.result, index, key=str(index))


def load_drawing(data: PageData, index: int) -> Markup:
    """The package by loads."""
    return package_drawing(data.result, index, data.loads[index], key=str(index))


def timeline(data: PageData) -> Markup:
    """Of all windows; stages of those that are not drawn by themselves are plain blocks."""
    return timeline_drawing(data.result, range(len(data.windows)), alone=frozenset(data.drawn))


def window_timeline(data: PageData, index: int) -> Markup:
    """Of one window."""
    return timeline_drawing(data.result, [index])


def end(data: PageData, index: int) -> Markup:
    """When a window ends."""
    window, at = data.windows[index], f"/evaluation/windows/{index}"
    return derived(window.end_s, "window.end_s", [f"{at}/start_s", f"{at}/latency_s"])


def legend(data: PageData, index: int) -> list[tuple[Markup, Markup, Markup, Markup]]:
    """Per pipeline of a window, in the order of models: swatch and letter, name, samples, latency."""
    rows = []
    for number, pipeline in data.pipelines(index):
        at = f"/evaluation/windows/{index}/pipelines/{number}"
        samples = Markup("{} × {}").format(data.figure(f"{at}/micro_batches"), data.figure(f"{at}/micro_batch"))
        mark = swatch(model_fill(pipeline.task)) + tag("b", letter(pipeline.task), class_="label")
        rows.append((mark, data.task(pipeline.task), samples, data.figure(f"{at}/latency_s")))
    return rows


def classes(data: PageData) -> list[tuple[str, Markup]]:
    """Letter and name of the chiplets' classes."""
    marks = class_marks(data.result.problem.package)
    return [(mark, name_of(name)) for name, mark in marks.items()]


def interface_key() -> Markup:
    """What memory interfaces look like."""
    return swatch("var(--muted, #5b636d)")


def link_rows(data: PageData, index: int) -> list[tuple[str, Markup, Markup, Markup]]:
    """Identifier, link, bytes, share of the links that carry most."""
    carrying = [(link, load) for link, load in data.loads[index].links.items() if load.bytes_]
    carrying.sort(key=lambda pair: -pair[1].bytes_)
    return [
        (
            f"{index}-link-{a}-{b}",
            tag("span", f"{a} → {b}", class_="label"),
            *_load(data, index, load, "link.bytes", "link.share"),
        )
        for (a, b), load in carrying[:MOST_LOADS]
    ]


def hidden_links(data: PageData, index: int) -> int:
    """How many links that carry something are not listed."""
    return max(0, sum(load.bytes_ > 0 for load in data.loads[index].links.values()) - MOST_LOADS)


def port_rows(data: PageData, index: int) -> list[tuple[str, Markup, Markup, Markup, Markup]]:
    """Identifier, chiplet, bytes out, bytes in, share of the busier way."""
    found, busy = [], data.loads[index]
    for chiplet, (out, into) in enumerate(zip(busy.out, busy.into, strict=True)):
        if not busy.port(chiplet).bytes_:
            continue
        sent, _ = _load(data, index, out, "chiplet.out", "chiplet.port_share")
        received, _ = _load(data, index, into, "chiplet.into", "chiplet.port_share")
        _, share = _load(data, index, busy.port(chiplet), "chiplet.out", "chiplet.port_share")
        found.append((f"{index}-port-{chiplet}", tag("span", str(chiplet), class_="label"), sent, received, share))
    return found


def interface_rows(data: PageData, index: int) -> list[tuple[str, Markup, Markup, Markup]]:
    """Identifier, chiplet, bytes, share."""
    return [
        (
            f"{index}-interface-{chiplet}",
            tag("span", str(chiplet), class_="label"),
            *_load(data, index, load, "interface.bytes", "interface.share"),
        )
        for chiplet, load in data.loads[index].interfaces.items()
        if load.bytes_
    ]


def _load(data: PageData, index: int, load: Load, bytes_: str, share: str) -> tuple[Markup, Markup]:
    """Its bytes and share under these terms."""
    bandwidth = data.dram_sources if bytes_.startswith("interface") else [data.link_source]
    moved = [f"/schedule/windows/{index}", "/scenario", "/package"]
    can = [*bandwidth, f"/evaluation/windows/{index}/latency_s"]
    return derived(load.bytes_, bytes_, moved), derived(load.share, share, moved + can)
