"""How good the schedules of `weave` and `optimal` are, beside `scar`'s, and how far from the best they can be.

    python -m benchmarks.joint [--seconds S] [--fidelity detailed|paper] [--only weave|optimal] [SCENARIO ...]

Per scenario and package: EDP of `scar`; of `optimal` (one chiplet a stage, free windows) and of `weave` (regions), each
in S seconds (default: 20 s, and what the proof takes), what that is against `scar`, the proven gap, windows, and the
seconds until the value was within 5 % of the last one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from benchmarks.l2_account import SCENARIOS
from chipweave import schedule
from chipweave.results.result import Result

PACKAGES = ("het-sides-3x3", "simba-nvdla-3x3")
NEAR = 1.05


def near_s(result: Result) -> float:
    """Seconds until the value was within `NEAR` of the last one."""
    assert result.search is not None
    history = result.search.history
    return min(seconds for seconds, value in history if value <= NEAR * history[-1][1])


def cells(result: Result, base: float) -> str:
    """A scheduler's columns."""
    assert result.search is not None
    edp, gap = result.evaluation.edp_js, result.gap
    return (
        f"{edp:.4g} | {100 * (edp / base - 1):+.0f} % | {100 * (gap or 0.0):.1f} % | {len(result.schedule.windows)} | "
        f"{near_s(result):.1f} | {result.search.seconds:.1f}"
    )


def main(arguments: Sequence[str]) -> None:
    """Print the table, and the geometric means."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="*", default=SCENARIOS)
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--only", choices=("weave", "optimal"), default=None)
    parser.add_argument("--fidelity", default="detailed")
    given = parser.parse_args(arguments)
    columns = "EDP J s | to scar | gap | windows | near s | s"
    names = (given.only,) if given.only else ("optimal", "weave")
    print(f"| scenario | package | scar EDP | {' | '.join(f'{name}: {columns}' for name in names)} |")
    print("|---|---|---|" + "---|" * 6 * len(names))
    ratios: list[list[float]] = []
    for name in given.scenarios:
        for package in PACKAGES:
            full = f"arvr-{package}" if name.startswith("arvr") else package
            base = schedule(name, full, scheduler="scar", fidelity=given.fidelity).evaluation.edp_js
            found = [
                schedule(name, full, scheduler=each, time_limit_s=given.seconds, fidelity=given.fidelity)
                for each in names
            ]
            ratios.append([each.evaluation.edp_js / base for each in found])
            both = " | ".join(cells(each, base) for each in found)
            print(f"| {name} | {package} | {base:.4g} | {both} |", flush=True)
    means = np.exp(np.log(np.array(ratios)).mean(axis=0)) - 1
    told = ", ".join(f"{name} {100 * mean:+.1f} %" for name, mean in zip(names, means, strict=True))
    print(f"\nIn the geometric mean: {told} against scar.")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
