"""How far SCAR's search ends from plain enumeration, on instances small enough to enumerate everything.

    python -m benchmarks.optimum_gap [--instances 300] [--fidelity detailed]

Prints the distribution of value / best - 1 per objective.
"""

from __future__ import annotations

import argparse

import numpy as np

from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity
from tests.enumeration import best_value
from tests.schedulers.scar.test_optimum import instance, searched


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=300)
    parser.add_argument("--fidelity", type=Fidelity, choices=list(Fidelity), default=Fidelity.DETAILED)
    arguments = parser.parse_args()
    for name in ("latency", "energy", "edp"):
        gaps = []
        for seed in range(arguments.instances):
            problem, windows = instance(seed, arguments.fidelity)
            best = best_value(problem, windows, objective(name))
            gaps.append(searched(problem, windows, name) / best - 1)
        found = int(np.sum(np.array(gaps) < 1e-9))
        quantiles = ", ".join(f"{q} % {np.percentile(gaps, q):.4%}" for q in (50, 90, 99, 100))
        print(f"{arguments.fidelity} {name}: optimum in {found} of {len(gaps)}; gap {quantiles}")


if __name__ == "__main__":
    main()
