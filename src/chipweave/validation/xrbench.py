"""`maestro` beside XRBench's published schedule, which an extended MAESTRO made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chipweave.cost.maestro.model import MaestroCostModel
from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.dataflow import Dataflow, Style
from chipweave.validation.measurement import Point, Validation
from chipweave.validation.page import ratio
from chipweave.validation.published import published
from chipweave.workload.zoo import build_model

THEIR_FILTER = "4"
"""What their code takes for the size of a filter that a level of the mapping does not name: its directives."""


@dataclass(frozen=True)
class Predicted:
    """One network, its layers one after another: milliseconds, and millijoules by XRBench's constants."""

    latency_ms: float
    energy_mj: float


def validate() -> Validation:
    """Latency, with the off-chip floor and without, and energy of the networks of the scenario."""
    figures = published("xrbench")
    floor = figures["hardware"]["offchip_bandwidth"]
    points = []
    for network in figures["networks"]:
        plain, floored = (predict(network["model"], figures, offchip_bandwidth=at) for at in (None, floor))
        points += [
            Point(network["name"], "latency", "ms", network["latency_ms"], plain.latency_ms),
            Point(network["name"], "latency with the off-chip floor", "ms", network["latency_ms"], floored.latency_ms),
            Point(network["name"], "energy", "mJ", network["energy_mj"], plain.energy_mj),
        ]
    return Validation(
        "xrbench",
        "XRBench: the schedule of VR gaming",
        "Kwon et al., *XRBench: An Extended Reality (XR) Machine Learning Benchmark Suite for the Metaverse*, MLSys "
        "2023, and its repository XRBench/XRBench-MLSys2023 (8915666, MIT); a model's figures, not measured ones.",
        _setting(figures),
        tuple(points),
        (),
        _findings(points, figures),
    )


def predict(
    model: str, figures: dict[str, Any], *, offchip_bandwidth: int | None = None, filter_size: str = ""
) -> Predicted:
    """A network on XRBench's accelerator.

    Args:
        offchip_bandwidth: of the floor, elements a cycle; None: no floor.
        filter_size: what the mapping takes for the size of every filter; empty: each filter's own.
    """
    hardware, constants = figures["hardware"], figures["energy"]
    text = figures["mapping"].format(R=filter_size or "Sz(R)", S=filter_size or "Sz(S)")
    chiplet = Chiplet(
        "xrbench-4k",
        Dataflow(Style.CUSTOM, mappings={"conv": text}),
        num_pes=hardware["num_pes"],
        clock_hz=hardware["clock_hz"],
        noc_bandwidth=hardware["noc_bandwidth"],
        noc_latency=hardware["noc_latency"],
    )
    layers = MaestroCostModel(offchip_bandwidth).explain(build_model(model).layers, chiplet)
    cycles = sum(layer["cycles"] for layer in layers)
    macs = sum(layer["runs"] * _energy_macs(layer["run"], constants) for layer in layers)
    return Predicted(1e3 * cycles / chiplet.clock_hz, 1e-6 * constants["mac_nj"] * macs)


def _energy_macs(run: dict[str, Any], constants: dict[str, Any]) -> float:
    """Energy of a layer in MACs, as XRBench sums it up: of L2 all but the reads of outputs."""
    l1, l2 = run["l1"], run["l2"]
    l2_accesses = sum(l2[tensor]["read"] + l2[tensor]["write"] for tensor in l2 if tensor != "output")
    l2_accesses += l2["output"]["write"]
    l1_accesses = sum(l1[tensor][way] for tensor in l1 for way in ("read", "write"))
    return float(constants["l2_macs"] * l2_accesses + constants["l1_macs"] * l1_accesses + run["macs"])


def _setting(figures: dict[str, Any]) -> tuple[str, ...]:
    hardware, constants = figures["hardware"], figures["energy"]
    return (
        f"Cost model `maestro`; {hardware['num_pes']:,} PEs, a network of {hardware['noc_bandwidth']} elements a cycle "
        f"with a latency of {hardware['noc_latency']}, {hardware['clock_hz'] / 1e9:.0f} GHz: the hardware file and the "
        "code of XRBench.",
        "Layers are those of its scenario, as the built-in models `paper/ritnet`, `paper/fbnetc` and `paper/hand` have "
        "them, each network's one after another. Three convolutions of FBNet-C have a filter that is larger than their "
        "map; they are taken to have one output along that axis.",
        "The mapping is its weight-stationary one, which names neither R nor S: here a filter is whole in every level, "
        "and a tile spans what one output needs of the input.",
        f"The off-chip floor is that of {hardware['offchip_bandwidth']} elements a cycle, as the hardware file says. "
        "Nothing in XRBench's analysis reads that figure, so the latency without it is what compares.",
        f"Energy is summed up as XRBench does it: an access of L2 costs {constants['l2_macs']:g} MACs, one of L1 "
        f"{constants['l1_macs']:g}, and a MAC {1e3 * constants['mac_nj']:.2f} pJ.",
        "No parameter was set from these figures, so no half of them is held out.",
    )


def _findings(points: list[Point], figures: dict[str, Any]) -> tuple[str, ...]:
    ritnet = figures["networks"][0]
    theirs = predict(ritnet["model"], figures, filter_size=THEIR_FILTER)
    latency, energy = theirs.latency_ms / ritnet["latency_ms"], theirs.energy_mj / ritnet["energy_mj"]
    ratios = [point.ratio for point in points if point.quantity == "energy" and point.ratio is not None]
    return (
        "XRBench's code takes for the size of a filter that the mapping does not name the number of directives of that "
        f"level, {THEIR_FILTER} here, whatever the filter is. So read, RITNet takes {ratio(latency)} of the published "
        f"latency and {ratio(energy)} of the energy: the published figures lie between that and those of the table. In "
        "the other two networks tiles of that size leave layers without an output. Our engine is that of MAESTRO's own "
        "release, which XRBench extends, so what is left may come of either, the reading or the engine.",
        f"Energy is {ratio(min(ratios))} to {ratio(max(ratios))} of theirs with the same constants. It goes with the "
        "MACs that the analysis counts, and of those a tile that spans more than a filter needs counts many twice.",
    )
