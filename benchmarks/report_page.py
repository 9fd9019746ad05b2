"""Size of a report, and how long Chromium takes to open it.

    python -m benchmarks.report_page [--runs 5] [--keep report.html]

A plan by hand of datacenter-5 (six models) on 36 chiplets in five windows: each model has a row of six chiplets, and
runs a fifth of its layers in each window, one micro-batch a sample. Needs selenium, chromium and chromedriver.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import chipweave
from chipweave.files.scenario_file import resolve_scenario
from chipweave.plan.schedule import Pipeline, Schedule, Stage, Window
from chipweave.report.html import page
from chipweave.results.result import Result

WINDOWS, ROWS, COLUMNS = 5, 6, 6
MOST_BYTES, MOST_SECONDS = 6e6, 2.0


def pieces(count: int, parts: int) -> list[tuple[int, int]]:
    """Ends of at most `parts` consecutive runs of `count` things, about the same long, none empty."""
    bounds = sorted({count * part // parts for part in range(parts + 1)})
    return list(pairwise(bounds))


def by_hand() -> Result:
    scenario = resolve_scenario("datacenter-5")
    windows: list[list[Pipeline]] = [[] for _ in range(WINDOWS)]
    for task, entry in enumerate(scenario.tasks):
        for window, (first, last) in zip(windows, pieces(len(entry.model.units), WINDOWS), strict=True):
            units = entry.model.units[first:last]
            stages = tuple(
                Stage(units[a][0], units[b - 1][1], (task * COLUMNS + column,))
                for column, (a, b) in enumerate(pieces(len(units), COLUMNS))
            )
            window.append(Pipeline(task, stages))
    plan = Schedule(tuple(Window(tuple(pipelines)) for pipelines in windows))
    return chipweave.evaluate(plan, scenario, "het-cross-6x6", cost_model="maestro")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="where to keep the report")
    arguments = parser.parse_args()
    result = by_hand()
    stages = sum(len(pipeline.stages) for _, pipeline in result.schedule.pipelines())
    began = time.perf_counter()
    text = page(result)
    made_s = time.perf_counter() - began
    size = len(text.encode())
    models, chiplets = len(result.problem.scenario.tasks), len(result.problem.package.chiplets)
    print(f"{models} models, {chiplets} chiplets, {len(result.schedule.windows)} windows, {stages} stages")
    figures = text.count("<data")
    print(f"written in {made_s:.2f} s, {size / 1e6:.2f} MB (at most {MOST_BYTES / 1e6:g}), {figures:,} figures")
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.keep or Path(folder) / "report.html"
        path.write_text(text, encoding="utf-8")
        times = sorted(opened(path, arguments.runs))
    if times:
        middle = times[len(times) // 2]
        spread = f"{times[0]:.2f} to {times[-1]:.2f}"
        print(f"opened in {middle:.2f} s, {spread} (at most {MOST_SECONDS:g}), up to the load event")


def opened(path: Path, runs: int) -> list[float]:
    """Seconds from the navigation to the end of the load event, in a browser that is already open."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        print("chromium or chromedriver is not installed: not opened")
        return []
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        times = []
        for _ in range(runs):
            browser.get("about:blank")
            browser.get(path.absolute().as_uri())
            milliseconds = browser.execute_script("return performance.getEntriesByType('navigation')[0].loadEventEnd")
            times.append(milliseconds / 1e3)
        return times
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
