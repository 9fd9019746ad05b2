"""The profile of SCAR's experiments in words: said once on a page, and referred to everywhere else."""

from __future__ import annotations

from chipweave.reproduction.scar.profile import PROFILE

AS_TABLE_IV = "Ours are computed in the profile that Table IV states."


def profile_in_words() -> str:
    """What the paper leaves open, as all of SCAR's tables and figures are computed here; Markdown."""
    floor = "off" if PROFILE.floor is None else f"{PROFILE.floor} elements per cycle"
    noc = (
        "256 elements per cycle inside a chiplet of 4,096 PEs and 64 inside one of 256"
        if PROFILE.noc_bandwidth is None
        else f"{PROFILE.noc_bandwidth} elements per cycle inside a chiplet"
    )
    polarity = "exchanged" if PROFILE.flipped else "as in the presets"
    return (
        "All of SCAR's tables and figures are computed in one profile of what the paper leaves open. Each value is a "
        f"documented default, and none is chosen by its outcome: the networks of the namespace `{PROFILE.models}`, as "
        f"SCAR most likely ran them; the cost model `{PROFILE.cost_model}`, the paper's, with MAESTRO's off-chip floor "
        f"{floor}; MAESTRO's official mapping texts with tiles `{PROFILE.tile}`; {noc}; fidelity `{PROFILE.fidelity}`, "
        "which is III-E as printed; Table II's 64 GB/s of DRAM for the package and 100 GB/s for a link; the dataflows "
        f"of mixed packages {polarity} (NVDLA-like chiplets on centre and corners of Het-CB and on the outer columns "
        "of Het-Sides and Het-T); at most four cuts into windows, PROV by its rule, 500 MHz."
    )
