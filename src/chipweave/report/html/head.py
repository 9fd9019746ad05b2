"""The head of the page: how good the schedule is, and what binds it."""

from __future__ import annotations

from markupsafe import Markup

from chipweave.report.html.binding import binding
from chipweave.report.html.data_elements import derived
from chipweave.report.html.page_data import PageData
from chipweave.report.naming import scheduler_of
from chipweave.report.quantities import valued


def scheduler(data: PageData) -> str:
    """Who made the schedule."""
    return scheduler_of(data.result.search)


def totals(data: PageData) -> list[tuple[str, Markup, Markup | str]]:
    """Label, figure, remark."""
    figure, evaluation = data.document.figure, data.result.evaluation
    found: list[tuple[str, Markup, Markup | str]] = [
        ("latency", figure("/evaluation/latency_s"), ""),
        ("energy", figure("/evaluation/energy_j"), ""),
        ("EDP", figure("/evaluation/edp_js"), ""),
        ("average power", figure("/evaluation/average_power_w"), ""),
    ]
    if data.result.objective == "throughput":
        samples = data.result.problem.scenario.samples / evaluation.latency_s
        found.append(("throughput", derived(samples, "schedule.samples_per_s", ["/evaluation/latency_s"]), ""))
    elif data.result.objective not in ("latency", "energy", "edp") and data.result.value is not None:
        found.append(("objective", value(data), ""))
    if data.result.certificate is not None and data.result.gap is not None:
        found.append(("gap to the lower bound", gap(data), Markup("bound {}").format(bound(data, "value"))))
    return found


def value(data: PageData) -> Markup:
    """The objective's; a plan's file does not hold it."""
    exact = data.result.value
    assert exact is not None
    text = valued(exact, data.result.objective)
    if data.result.search is None:
        return derived(exact, "search.value", ["/evaluation/latency_s", "/evaluation/energy_j"], text)
    return data.document.figure("/search/value", text)


def gap(data: PageData) -> Markup:
    """To the lower bound."""
    exact = data.result.gap
    assert exact is not None
    if data.result.search is None:
        return derived(exact, "search.gap", ["/scenario", "/package", "/evaluation"])
    return data.document.figure("/search/gap")


def bound(data: PageData, name: str) -> Markup:
    """A figure of the certificate; a plan's file does not hold it."""
    proven = data.result.certificate
    assert proven is not None
    text = valued(proven.value, data.result.objective) if name == "value" else None
    if data.result.search is None:
        return derived(getattr(proven, name), f"bound.{name}", ["/scenario", "/package", "/cost_model"], text)
    return data.document.figure(f"/search/lower_bound/{name}", text)


def headline(data: PageData) -> Markup:
    """What binds the window that takes longest."""
    longest = data.result.evaluation.longest
    binds = binding(data, longest)
    if len(data.windows) == 1:
        return Markup("Bound by {}.").format(binds)
    share = data.windows[longest].latency_s / data.result.evaluation.latency_s
    at = [f"/evaluation/windows/{longest}/latency_s", "/evaluation/latency_s"]
    count = derived(len(data.windows), "schedule.windows", ["/evaluation/windows"])
    return Markup("The longest of {} windows, window {}, takes {} of the time. It is bound by {}.").format(
        count, longest, derived(share, "window.share", at), binds
    )
