"""What sets the length of a window."""

from __future__ import annotations

from markupsafe import Markup

from chipweave.evaluation.glossary import TERMS
from chipweave.evaluation.record import RESOURCES
from chipweave.report.bottleneck import busiest_interface, contended, shares_s
from chipweave.report.html.charts import bar
from chipweave.report.html.data_elements import derived
from chipweave.report.html.page_data import PageData

__all__ = ["binding", "busy", "busy_heads", "contended"]


def binding(data: PageData, index: int) -> Markup:
    """`bottleneck.binding` with its figures marked."""
    window, at, figure = data.windows[index], f"/evaluation/windows/{index}", data.document.figure
    package = data.result.problem.package
    passed = [f"{at}/{window.bound_by}_s", data.link_source]
    match window.bound_by:
        case "pipeline":
            return _binding_pipeline(data, index)
        case "dram":
            if (busiest := busiest_interface(window, package)) is not None:
                own_bytes_s = package.interface_bytes_s[busiest[0]]
                rate = derived(own_bytes_s, "package.dram_bandwidth_bytes_s", data.dram_sources)
                return Markup("the memory interface of chiplet {}, which has {}").format(busiest[0], rate)
            rate_bytes_s = package.dram_bandwidth_bytes_s
            rate = derived(rate_bytes_s, "package.dram_bandwidth_bytes_s", data.dram_sources)
            return Markup("the DRAM, which moves {} at {}").format(figure(f"{at}/dram_bytes"), rate)
        case "link" if window.link is not None:
            bytes_ = derived(window.link_s * package.link_bytes_s(window.link), "link.bytes", passed)
            link = figure(f"{at}/link", f"{window.link[0]} to {window.link[1]}")
            return Markup("the link from chiplet {}, which carries {}").format(link, bytes_)
        case "port" if window.port is not None:
            bytes_ = derived(window.port_s * max(package.port_bytes_s(window.port)), "chiplet.out", passed)
            return Markup("the port of chiplet {}, through which {} pass one way").format(figure(f"{at}/port"), bytes_)
    raise ValueError(f"no sentence for a window that is bound by '{window.bound_by}'")


def _binding_pipeline(data: PageData, index: int) -> Markup:
    window, figure = data.windows[index], data.document.figure
    pipeline, at = window.pipelines[window.slowest], f"/evaluation/windows/{index}/pipelines/{window.slowest}"
    position = pipeline.stages.index(pipeline.slowest)
    shares = shares_s(pipeline, data.result.problem.scenario.tasks[pipeline.task].batch)
    most = max(shares, key=lambda name: shares[name])
    plural = "" if pipeline.micro_batches == 1 else "es"
    chiplets = "chiplet" if len(pipeline.slowest.chiplets) == 1 else "chiplets"
    return Markup("{}: mostly {}; {} micro-batch{}, slowest in {} on {} {}").format(
        data.task(pipeline.task),
        most,
        figure(f"{at}/micro_batches"),
        plural,
        data.layers(pipeline.task, pipeline.slowest),
        chiplets,
        figure(f"{at}/stages/{position}/chiplets"),
    )


def busy_heads() -> list[str]:
    """Keys of the terms of `busy`."""
    return [f"window.{name}_share" for name in ("pipeline", *RESOURCES)]


def busy(data: PageData, index: int) -> list[tuple[str, Markup, Markup]]:
    """What a window's latency is at least needed for: name, share, bar."""
    window, at = data.windows[index], f"/evaluation/windows/{index}"
    slowest = window.pipelines[window.slowest]
    found = [("pipeline", slowest.latency_s, f"{at}/pipelines/{window.slowest}/latency_s")]
    found += [(name, getattr(window, f"{name}_s"), f"{at}/{name}_s") for name in RESOURCES]
    rows = []
    for name, seconds, pointer in found:
        share = seconds / window.latency_s if window.latency_s else 0.0
        figure = derived(share, f"window.{name}_share", [pointer, f"{at}/latency_s"])
        fill = "var(--binds, #b3123f)" if name == window.bound_by else "var(--accent, #4a6fa5)"
        rows.append((TERMS[f"window.{name}_share"].label, figure, bar(share, fill)))
    return rows
