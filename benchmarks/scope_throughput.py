"""Throughput of `scope` and of the baselines on its space, on meshes of Simba-class chiplets.

    python -m benchmarks.scope_throughput [--nets ... | --all-nets] [--chiplets ...] [--batches ...] [--l2-mb ...]

By default ResNet-152 on 16 to 256 chiplets with batches of 64 and 1024: the curve in docs/benchmarks.md. The cost
model is `maestro`.

A line says what every scheduler reaches, `scope` over `segmented-pipeline`, and whether `scope` is below any baseline.
With `--why`, lines below it say where the chiplets' time goes, in per cent of chiplets x latency.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import chipweave
from chipweave.errors import InfeasibleError
from chipweave.files.package_file import resolve_package
from chipweave.files.scenario_file import resolve_scenario
from chipweave.hardware.package import Package
from chipweave.results.result import Result

RESNETS = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
NETS = ["alexnet", "vgg16", "darknet19", *RESNETS, "gpt2_medium", "gpt2_xl", "llama_7b"]
SCHEDULERS = ("sequential", "full-pipeline", "segmented-pipeline", "scope")
COMPARED = ("scope / segmented", "energy", "windows", "at most")
"""Of scope over segmented-pipeline: throughput, energy, windows, and what the lower bound leaves for any schedule."""


def package_of(chiplets: int, l2_mb: float) -> Package:
    """A mesh preset with another L2."""
    package = resolve_package(f"mesh-{chiplets}")
    chiplet = replace(package.chiplets[0], l2_bytes=int(l2_mb * 2**20))
    return replace(package, chiplets=(chiplet,) * chiplets)


def solve(net: str, batch: int, package: Package, scheduler: str) -> tuple[Result | None, float]:
    """A result for throughput (None where there is none), and the seconds it took."""
    scenario = resolve_scenario(net)
    scenario = replace(scenario, tasks=(replace(scenario.tasks[0], batch=batch),))
    started = time.perf_counter()
    try:
        result = chipweave.schedule(
            scenario, package, scheduler=scheduler, objective="throughput", cost_model="maestro", jobs=1
        )
    except InfeasibleError:
        return None, time.perf_counter() - started
    return result, time.perf_counter() - started


def where_time_goes(result: Result) -> dict[str, float]:
    """Shares of chiplets x latency: the least compute that any schedule needs (its lower bound), what the chosen splits
    compute beyond that, filling and draining pipelines (weights loaded once included), and the rest: chiplets that
    wait for the slowest stage or for transfers, or are in no region."""
    assert result.certificate is not None
    chiplets = len(result.problem.package.chiplets)
    total = chiplets * result.evaluation.latency_s
    pipelines = [pipeline for window in result.evaluation.windows for pipeline in window.pipelines]
    busy = sum(p.micro_batches * stage.compute_s * len(stage.chiplets) for p in pipelines for stage in p.stages)
    filling = sum(chiplets * (p.latency_s - p.micro_batches * p.slowest.steady_s) for p in pipelines)
    least = chiplets * dict(result.certificate.terms_s)["compute"]
    shares = {"least compute": least, "splitting": busy - least, "fill and drain": filling}
    return {name: part / total for name, part in (shares | {"waiting": total - busy - filling}).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", default=["resnet152"])
    parser.add_argument("--all-nets", action="store_true")
    parser.add_argument("--chiplets", nargs="*", type=int, default=[16, 36, 64, 144, 256])
    parser.add_argument("--batches", nargs="*", type=int, default=[64, 1024])
    parser.add_argument("--l2-mb", nargs="*", type=float, default=[1.0])
    parser.add_argument("--why", action="store_true")
    parser.add_argument("--schedulers", nargs="*", default=list(SCHEDULERS))
    arguments = parser.parse_args()
    heads = ["net", "batch", "chiplets", "L2 MB", *arguments.schedulers, *COMPARED]
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    worse = []
    for net in NETS if arguments.all_nets else arguments.nets:
        for batch in arguments.batches:
            for l2_mb in arguments.l2_mb:
                for chiplets in arguments.chiplets:
                    found = {s: solve(net, batch, package_of(chiplets, l2_mb), s)[0] for s in arguments.schedulers}
                    print(line(net, batch, chiplets, l2_mb, found), flush=True)
                    for name, result in found.items() if arguments.why else ():
                        if result:
                            shares = ", ".join(f"{key} {share:.0%}" for key, share in where_time_goes(result).items())
                            print(f"  {name}, {len(result.schedule.windows)} windows: {shares}")
                    ours = found.get("scope")
                    for name, other in found.items():
                        if ours and other and other.evaluation.latency_s < ours.evaluation.latency_s * (1 - 1e-9):
                            worse.append(f"{net}, batch {batch}, {chiplets} chiplets, {l2_mb:g} MB: below {name}")
    print("\nscope below a baseline:", "; ".join(worse) if worse else "nowhere")


def line(net: str, batch: int, chiplets: int, l2_mb: float, found: dict[str, Result | None]) -> str:
    """Samples per second of each scheduler, then `COMPARED`."""
    cells = ["-" if r is None else f"{batch / r.evaluation.latency_s:.0f}" for r in found.values()]
    ours, base = found.get("scope"), found.get("segmented-pipeline")
    if ours and base:
        cells.append(f"{base.evaluation.latency_s / ours.evaluation.latency_s:.3f}")
        cells.append(f"{ours.evaluation.energy_j / base.evaluation.energy_j:.3f}")
        cells.append(f"{len(ours.schedule.windows)} / {len(base.schedule.windows)}")
        assert ours.certificate is not None
        cells.append(f"{base.evaluation.latency_s / ours.certificate.latency_s:.2f}")
    return f"| {net} | {batch} | {chiplets} | {l2_mb:g} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
