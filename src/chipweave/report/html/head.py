"""The head of the page: how good the schedule is, and what binds it."""

from __future__ import annotations

from markupsafe import Markup

from chipweave.report.html.binding import binding
from chipweave.report.html.figures import derived
from chipweave.report.html.sheet import Sheet
from chipweave.report.words import scheduler_of, valued


def scheduler(sheet: Sheet) -> str:
    """Who made the schedule."""
    return scheduler_of(sheet.result.search)


def totals(sheet: Sheet) -> list[tuple[str, Markup, Markup | str]]:
    """Label, figure, remark."""
    figure, evaluation = sheet.document.figure, sheet.result.evaluation
    found: list[tuple[str, Markup, Markup | str]] = [
        ("latency", figure("/evaluation/latency_s"), ""),
        ("energy", figure("/evaluation/energy_j"), ""),
        ("EDP", figure("/evaluation/edp_js"), ""),
        ("average power", figure("/evaluation/average_power_w"), ""),
    ]
    if sheet.result.objective == "throughput":
        samples = sheet.result.problem.scenario.samples / evaluation.latency_s
        found.append(("throughput", derived(samples, "schedule.samples_per_s", ["/evaluation/latency_s"]), ""))
    elif sheet.result.objective not in ("latency", "energy", "edp") and sheet.result.value is not None:
        found.append(("objective", value(sheet), ""))
    if sheet.result.certificate is not None and sheet.result.gap is not None:
        found.append(("gap to the lower bound", gap(sheet), Markup("bound {}").format(bound(sheet, "value"))))
    return found


def value(sheet: Sheet) -> Markup:
    """The objective's; a plan's file does not hold it."""
    exact = sheet.result.value
    assert exact is not None
    text = valued(exact, sheet.result.objective)
    if sheet.result.search is None:
        return derived(exact, "search.value", ["/evaluation/latency_s", "/evaluation/energy_j"], text)
    return sheet.document.figure("/search/value", text)


def gap(sheet: Sheet) -> Markup:
    """To the lower bound."""
    exact = sheet.result.gap
    assert exact is not None
    if sheet.result.search is None:
        return derived(exact, "search.gap", ["/scenario", "/package", "/evaluation"])
    return sheet.document.figure("/search/gap")


def bound(sheet: Sheet, name: str) -> Markup:
    """A figure of the certificate; a plan's file does not hold it."""
    proven = sheet.result.certificate
    assert proven is not None
    text = valued(proven.value, sheet.result.objective) if name == "value" else None
    if sheet.result.search is None:
        return derived(getattr(proven, name), f"bound.{name}", ["/scenario", "/package", "/cost_model"], text)
    return sheet.document.figure(f"/search/lower_bound/{name}", text)


def headline(sheet: Sheet) -> Markup:
    """What binds the window that takes longest."""
    longest = sheet.result.evaluation.longest
    binds = binding(sheet, longest)
    if len(sheet.windows) == 1:
        return Markup("Bound by {}.").format(binds)
    share = sheet.windows[longest].latency_s / sheet.result.evaluation.latency_s
    at = [f"/evaluation/windows/{longest}/latency_s", "/evaluation/latency_s"]
    count = derived(len(sheet.windows), "schedule.windows", ["/evaluation/windows"])
    return Markup("The longest of {} windows, window {}, takes {} of the time. It is bound by {}.").format(
        count, longest, derived(share, "window.share", at), binds
    )
