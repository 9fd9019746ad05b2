"""XRBench's energy, by its own sum."""

from __future__ import annotations

from chipweave.validation.xrbench import _energy_macs


def test_energy_counts_all_accesses_but_the_reads_of_outputs_in_l2() -> None:
    accesses = {"input": {"read": 1, "write": 10}, "filter": {"read": 100, "write": 1000}}
    run = {
        "l1": accesses | {"output": {"read": 10_000, "write": 100_000}},
        "l2": accesses | {"output": {"read": 7, "write": 10_000}},
        "macs": 5,
    }
    constants = {"l1_macs": 0.5, "l2_macs": 6.0}
    assert _energy_macs(run, constants) == 6.0 * 11_111 + 0.5 * 111_111 + 5
