"""Time and energy of moving data (SCAR III-E and Table II). Bytes, hops in; seconds, joules out.

The time over the package is `schedule.transfer.transfer_time_s`: it takes regions."""

from __future__ import annotations

from chipweave.hardware.package import Package

BITS_PER_BYTE = 8


def dram_time_s(package: Package, bytes_: float, hops: int) -> float:
    """Off chip: bytes / BW_dram + hops to the interface * Lat_hop + Lat_mem + delta."""
    if bytes_ == 0:
        return 0.0
    return (
        bytes_ / package.dram_bandwidth_bytes_s
        + hops * package.hop_latency_s
        + package.dram_latency_s
        + package.conflict_delay_s
    )


def nop_energy_j(package: Package, hop_bytes: float) -> float:
    """Over the package: bits * energy per bit and hop; `hop_bytes` counts a byte once per link it crosses."""
    return hop_bytes * BITS_PER_BYTE * package.nop_energy_j_per_bit


def dram_energy_j(package: Package, bytes_: float) -> float:
    """At the DRAM: bits * energy per bit (the hops to the interface are `nop_energy_j`)."""
    return bytes_ * BITS_PER_BYTE * package.dram_energy_j_per_bit
