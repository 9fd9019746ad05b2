"""What SCAR leaves open, changed one at a time around the profile, and some pairs that matter."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.reproduction.scar.profile import PROFILE, Setting

GB_S = 1e9
INTERFACES = 6
"""Of a 3x3 package: three chiplets in its left and three in its right column."""
LINKS = 4
"""Of a chiplet inside a mesh."""


@dataclass(frozen=True)
class Choice:
    """One way to settle what the paper leaves open.

    Args:
        name: short, over a column.
        what: it changes, as part of a sentence.
        long: whether claims that take long are asked in it too.
    """

    name: str
    what: str
    setting: Setting
    long: bool = False


CHOICES = (
    Choice("profile", "the profile of all tables", PROFILE, long=True),
    Choice("floor 64", "MAESTRO's off-chip floor at 64 elements per cycle", Setting(floor=64), long=True),
    Choice("floor 128", "MAESTRO's off-chip floor at 128 elements per cycle", Setting(floor=128)),
    Choice("NoC 16", "16 elements per cycle inside a chiplet", Setting(noc_bandwidth=16)),
    Choice("NoC 64", "64 elements per cycle inside a chiplet", Setting(noc_bandwidth=64)),
    Choice("NoC 4096", "4096 elements per cycle inside a chiplet", Setting(noc_bandwidth=4096)),
    Choice("tile auto", "MAESTRO's mappings with their best tile sizes", Setting(tile="auto")),
    Choice("loopnest", "the cost model `loopnest`", Setting(cost_model="loopnest")),
    Choice("flipped", "mixed packages with their dataflows exchanged", Setting(flipped=True), long=True),
    Choice(
        "DRAM x6", "64 GB/s of DRAM for each of six interfaces", Setting(dram_bandwidth_bytes_s=INTERFACES * 64 * GB_S)
    ),
    Choice(
        "link /4", "100 GB/s of a chiplet shared by its four links", Setting(link_bandwidth_bytes_s=100 * GB_S / LINKS)
    ),
    Choice("detailed", "`detailed` fidelity", Setting(fidelity="detailed")),
    Choice("BERT-L 120", "BERT-L of 24 blocks: 120 layers", Setting(bert_blocks=24)),
    Choice("faithful", "networks as published", Setting(models="faithful")),
    Choice("floor 64, flipped", "both of these", Setting(floor=64, flipped=True)),
    Choice("tile auto, flipped", "both of these", Setting(tile="auto", flipped=True)),
    Choice(
        "loopnest, detailed",
        "both, as chipweave's own defaults have it",
        Setting(cost_model="loopnest", fidelity="detailed"),
    ),
)
"""The profile first."""

QUICK = ("profile", "floor 64")
"""Names of the choices of a quick run."""


def choices(quick: bool) -> tuple[Choice, ...]:
    """All of them, or those of a quick run."""
    return tuple(each for each in CHOICES if each.name in QUICK) if quick else CHOICES
