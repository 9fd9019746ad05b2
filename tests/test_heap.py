"""Memory of large arrays goes back to the system, in a process of its own: what it sets holds for all of one."""

import os
import subprocess
import sys

import pytest

HOLES = """
import ctypes, sys
import numpy as np
from chipweave import heap
if not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
    sys.exit("no GNU C library")
if {apart}:
    heap.apart()
def taken_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
np.ones(3_900_000)  # from here on the C library takes arrays up to 31 MB for small blocks
small, large = [], []
for number in range(20):
    large.append(np.ones(1_500_000))
    small.append(np.ones(10_000))
before = taken_mb()
large.clear()
print(before - taken_mb())
"""
"""Twenty arrays of 12 MB go; between them are some of 80 kB, which stay."""


def given_back_mb(apart: bool) -> float:
    # Dask leaves MALLOC_TRIM_THRESHOLD_ in the environment of tests after its own, which changes the library's ways.
    usual = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", HOLES.format(apart=apart)]
    done = subprocess.run(command, capture_output=True, text=True, env=usual)
    if "GNU" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is the system's affair")
def test_what_large_arrays_took_goes_back() -> None:
    assert given_back_mb(apart=True) > 0.95 * 20 * 12
    assert given_back_mb(apart=False) < 0.5 * 20 * 12, "heap.apart is no longer needed"
