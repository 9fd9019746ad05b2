"""`chipweave demo`."""

from __future__ import annotations

import typer

from chipweave.cli.console import interruptible, program, progress_bar, result_console, say

SCENARIO, PACKAGE = "datacenter-4", "het-sides-3x3"
HOMOGENEOUS = ("simba-nvdla-3x3", "simba-shidiannao-3x3")


def demo() -> None:
    """Run the main job: datacenter-4 on het-sides-3x3, EDP search, beside the baselines.

    Example: chipweave demo
    """
    from rich.text import Text

    from chipweave import api
    from chipweave.report.comparison import print_comparison
    from chipweave.report.terminal import report
    from chipweave.results.result import Cell

    console = result_console()
    say(f"{SCENARIO} on {PACKAGE}")
    with interruptible() as interrupted, progress_bar() as progress:
        result = api.schedule(SCENARIO, PACKAGE, scheduler="scar", progress=progress, stop=interrupted)
        baselines = api.compare(SCENARIO, HOMOGENEOUS, ("standalone", "simba"), stop=interrupted)
    report(result, console)
    console.print()
    console.print(Text("Beside the baselines", style="bold"))
    print_comparison([Cell("scar", PACKAGE, result), *baselines], console)
    console.print(f"Next: {program()} schedule {SCENARIO} --package {PACKAGE} --out results")
    if interrupted():
        raise typer.Exit(130)
