"""How far SCAR's own search is from the best in the windows that it gives, and how long the proof takes.

    python -m benchmarks.given_windows [--fidelity paper|detailed] [SCENARIO ...]

Per scenario and package: EDP of `scar`; of `optimal --windowing scar`, which tries or rules out every other schedule in
these windows; what that is against `scar`; whether it is the optimum; and seconds of the whole search.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.joint import PACKAGES
from benchmarks.l2_account import SCENARIOS
from chipweave import schedule
from chipweave.schedulers.weave.options import WeaveOptions, Windowing


def main(arguments: Sequence[str]) -> None:
    """Print the table, with the median and the worst time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="*", default=SCENARIOS)
    parser.add_argument("--fidelity", default="paper")
    given = parser.parse_args(arguments)
    print("| scenario | package | scar EDP J s | best in these windows | to scar | optimum | s | processor s |")
    print("|---|---|---|---|---|---|---|---|")
    seconds, proven = [], 0
    for name in given.scenarios:
        for package in PACKAGES:
            full = f"arvr-{package}" if name.startswith("arvr") else package
            base = schedule(name, full, scheduler="scar", fidelity=given.fidelity).evaluation.edp_js
            started, processor = time.perf_counter(), time.process_time()
            found = schedule(
                name,
                full,
                scheduler="optimal",
                fidelity=given.fidelity,
                options=WeaveOptions(windowing=Windowing.SCAR),
            )
            seconds.append(time.perf_counter() - started)
            assert found.search is not None
            optimum = any(note.startswith("The optimum over all") for note in found.search.notes)
            proven += optimum
            edp = found.evaluation.edp_js
            print(
                f"| {name} | {package} | {base:.4g} | {edp:.4g} | {100 * (edp / base - 1):+.2f} % | "
                f"{'yes' if optimum else 'no'} | {seconds[-1]:.1f} | {time.process_time() - processor:.1f} |",
                flush=True,
            )
    print(
        f"\nThe optimum in {proven} of {len(seconds)}; median {np.median(seconds):.1f} s, worst {max(seconds):.1f} s."
    )


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
