"""Draws docs/demo.svg, the report of `chipweave demo`'s schedule as the terminal shows it, and docs/timeline.png, the
schedule over time as a figure for papers. Run by `make picture`."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

import chipweave
from chipweave.cli.demo import PACKAGE, SCENARIO
from chipweave.report.figure import timeline_figure
from chipweave.report.terminal import report

if __name__ == "__main__":
    console = Console(record=True, width=100, file=io.StringIO(), highlight=False)
    result = chipweave.schedule(SCENARIO, PACKAGE)
    report(result, console)
    svg = console.export_svg(title="chipweave demo", unique_id="chipweave")
    # The reader's own monospace font will do; nothing is fetched from elsewhere.
    Path(__file__).with_name("demo.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL))
    timeline_figure(result, Path(__file__).with_name("timeline.png"))
