"""How good the schedules of `weave` and `optimal` are, beside `scar`'s, and how far from the best they can be.

    python -m benchmarks.joint [--seconds S] [--fidelity detailed|paper] [--only weave|optimal] [--draw FILE]
        [SCENARIO ...]

Per scenario and package: EDP of `scar`; of `optimal` (one chiplet a stage, free windows) and of `weave` (regions), each
in S seconds (default: 20 s, and what the proof takes), what that is against `scar`, the proven gap, windows, and the
seconds until the value was within 5 % of the last one. `--draw` draws what was found and what was proven over time.
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


def draw(found: Sequence[tuple[str, Sequence[Result]]], path: str) -> None:
    """A panel for each scenario on each package: values and what is proven, over `weave`'s last value."""
    from matplotlib.figure import Figure

    across = 4
    figure = Figure(figsize=(3 * across, 2.1 * -(-len(found) // across)), layout="constrained")
    for number, (title, results) in enumerate(found):
        panel = figure.add_subplot(-(-len(found) // across), across, number + 1)
        panel.set_title(title, fontsize=8)
        panel.tick_params(labelsize=7)
        last = results[-1].evaluation.edp_js
        for result, colour in zip(results, ("tab:orange", "tab:blue"), strict=False):
            assert result.search is not None
            for points, dashes in ((result.search.history, "-"), (result.search.bounds, "--")):
                steps = [(seconds, value / last) for seconds, value in points]
                steps = [*steps, (result.search.seconds, steps[-1][1])] if steps else []
                seconds, values = zip(*steps, strict=True) if steps else ((), ())
                label = result.search.scheduler if dashes == "-" else None
                panel.step(seconds, values, dashes, where="post", color=colour, linewidth=1.2, label=label)
        panel.set_xscale("symlog", linthresh=1.0)
        panel.set_ylim(0.0, 4.0)
        if number == 0:
            panel.legend(fontsize=7)
    figure.supxlabel("seconds", fontsize=8)
    figure.supylabel("EDP over weave's last: found (lines), proven to be out of reach (dashes)", fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def main(arguments: Sequence[str]) -> None:
    """Print the table, and the geometric means."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenarios", nargs="*", default=SCENARIOS)
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--only", choices=("weave", "optimal"), default=None)
    parser.add_argument("--fidelity", default="detailed")
    parser.add_argument("--draw", default=None, metavar="FILE", help="an .svg, .pdf or .png")
    given = parser.parse_args(arguments)
    columns = "EDP J s | to scar | gap | windows | near s | s"
    names = (given.only,) if given.only else ("optimal", "weave")
    print(f"| scenario | package | scar EDP | {' | '.join(f'{name}: {columns}' for name in names)} |")
    print("|---|---|---|" + "---|" * 6 * len(names))
    ratios: list[list[float]] = []
    all_found: list[tuple[str, Sequence[Result]]] = []
    for name in given.scenarios:
        for package in PACKAGES:
            full = f"arvr-{package}" if name.startswith("arvr") else package
            base = schedule(name, full, scheduler="scar", fidelity=given.fidelity).evaluation.edp_js
            found = [
                schedule(name, full, scheduler=each, time_limit_s=given.seconds, fidelity=given.fidelity)
                for each in names
            ]
            ratios.append([each.evaluation.edp_js / base for each in found])
            all_found.append((f"{name}, {package}", found))
            both = " | ".join(cells(each, base) for each in found)
            print(f"| {name} | {package} | {base:.4g} | {both} |", flush=True)
    means = np.exp(np.log(np.array(ratios)).mean(axis=0)) - 1
    told = ", ".join(f"{name} {100 * mean:+.1f} %" for name, mean in zip(names, means, strict=True))
    print(f"\nIn the geometric mean: {told} against scar.")
    if given.draw:
        draw(all_found, given.draw)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
