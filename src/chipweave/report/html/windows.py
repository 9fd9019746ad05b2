"""The package and the timeline window by window, with the figures behind the drawings."""

from __future__ import annotations

from markupsafe import Markup

from chipweave.report.html.charts import swatch
from chipweave.report.html.drawing import model_fill
from chipweave.report.html.figures import derived
from chipweave.report.html.loads import Load
from chipweave.report.html.markup import name_of, tag
from chipweave.report.html.package import package_drawing
from chipweave.report.html.sheet import Sheet
from chipweave.report.html.timeline import timeline_drawing
from chipweave.report.palette import letter
from chipweave.report.words import class_marks

MOST_LOADS = 200
"""Links listed in a window."""


def models_drawing(sheet: Sheet, index: int) -> Markup:
    """The package by models and stages."""
    return package_drawing(sheet.result, index, key=str(index))


def load_drawing(sheet: Sheet, index: int) -> Markup:
    """The package by loads."""
    return package_drawing(sheet.result, index, sheet.loads[index], key=str(index))


def timeline(sheet: Sheet) -> Markup:
    """Of all windows."""
    return timeline_drawing(sheet.result, range(len(sheet.windows)))


def window_timeline(sheet: Sheet, index: int) -> Markup:
    """Of one window."""
    return timeline_drawing(sheet.result, [index])


def end(sheet: Sheet, index: int) -> Markup:
    """When a window ends."""
    window, at = sheet.windows[index], f"/evaluation/windows/{index}"
    return derived(window.end_s, "window.end_s", [f"{at}/start_s", f"{at}/latency_s"])


def legend(sheet: Sheet, index: int) -> list[tuple[Markup, Markup, Markup, Markup]]:
    """Per pipeline of a window, in the order of models: swatch and letter, name, samples, latency."""
    rows = []
    for number, pipeline in sheet.pipelines(index):
        at = f"/evaluation/windows/{index}/pipelines/{number}"
        samples = Markup("{} × {}").format(sheet.figure(f"{at}/micro_batches"), sheet.figure(f"{at}/micro_batch"))
        mark = swatch(model_fill(pipeline.task)) + tag("b", letter(pipeline.task), class_="label")
        rows.append((mark, sheet.task(pipeline.task), samples, sheet.figure(f"{at}/latency_s")))
    return rows


def classes(sheet: Sheet) -> list[tuple[str, Markup]]:
    """Letter and name of the chiplets' classes."""
    marks = class_marks(sheet.result.problem.package)
    return [(mark, name_of(name)) for name, mark in marks.items()]


def interface_key() -> Markup:
    """What memory interfaces look like."""
    return swatch("var(--muted, #5b636d)")


def link_rows(sheet: Sheet, index: int) -> list[tuple[str, Markup, Markup, Markup]]:
    """Identifier, link, bytes, share of the links that carry most."""
    carrying = [(link, load) for link, load in sheet.loads[index].links.items() if load.bytes_]
    carrying.sort(key=lambda pair: -pair[1].bytes_)
    return [
        (
            f"{index}-link-{a}-{b}",
            tag("span", f"{a} → {b}", class_="label"),
            *_load(sheet, index, load, "link.bytes", "link.share"),
        )
        for (a, b), load in carrying[:MOST_LOADS]
    ]


def hidden_links(sheet: Sheet, index: int) -> int:
    """How many links that carry something are not listed."""
    return max(0, sum(load.bytes_ > 0 for load in sheet.loads[index].links.values()) - MOST_LOADS)


def port_rows(sheet: Sheet, index: int) -> list[tuple[str, Markup, Markup, Markup, Markup]]:
    """Identifier, chiplet, bytes out, bytes in, share of the busier way."""
    found, busy = [], sheet.loads[index]
    for chiplet, (out, into) in enumerate(zip(busy.out, busy.into, strict=True)):
        if not busy.port(chiplet).bytes_:
            continue
        sent, _ = _load(sheet, index, out, "chiplet.out", "chiplet.port_share")
        received, _ = _load(sheet, index, into, "chiplet.into", "chiplet.port_share")
        _, share = _load(sheet, index, busy.port(chiplet), "chiplet.out", "chiplet.port_share")
        found.append((f"{index}-port-{chiplet}", tag("span", str(chiplet), class_="label"), sent, received, share))
    return found


def interface_rows(sheet: Sheet, index: int) -> list[tuple[str, Markup, Markup, Markup]]:
    """Identifier, chiplet, bytes, share."""
    return [
        (
            f"{index}-interface-{chiplet}",
            tag("span", str(chiplet), class_="label"),
            *_load(sheet, index, load, "interface.bytes", "interface.share"),
        )
        for chiplet, load in sheet.loads[index].interfaces.items()
        if load.bytes_
    ]


def _load(sheet: Sheet, index: int, load: Load, bytes_: str, share: str) -> tuple[Markup, Markup]:
    """Its bytes and share under these terms."""
    bandwidth = "dram" if bytes_.startswith("interface") else "link"
    moved = [f"/schedule/windows/{index}", "/scenario", "/package"]
    can = [f"/package/{bandwidth}_bandwidth_bytes_s", f"/evaluation/windows/{index}/latency_s"]
    return derived(load.bytes_, bytes_, moved), derived(load.share, share, moved + can)
