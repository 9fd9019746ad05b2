"""Draws docs/demo.svg: the report of `chipweave demo`'s schedule, as the terminal shows it. Run by `make picture`."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

import chipweave
from chipweave.cli.demo import PACKAGE, SCENARIO
from chipweave.report.terminal import report

if __name__ == "__main__":
    console = Console(record=True, width=100, file=io.StringIO(), highlight=False)
    report(chipweave.schedule(SCENARIO, PACKAGE), console)
    svg = console.export_svg(title="chipweave demo", unique_id="chipweave")
    # The reader's own monospace font will do; nothing is fetched from elsewhere.
    Path(__file__).with_name("demo.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL))
