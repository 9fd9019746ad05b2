"""Draws docs/merged-pipeline.svg: one small net as full, segmented and merged pipeline. Run by `make picture`.

The schedules are those that `full-pipeline`, `segmented-pipeline` and `scope` find; every block of the drawing is where
the evaluator's formulas put it (`evaluation/timeline.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import chipweave
from chipweave.evaluation.exact.ground import prepare
from chipweave.evaluation.record import StageEvaluation
from chipweave.evaluation.timeline import stage_times
from chipweave.files.package_file import resolve_package
from chipweave.hardware import topology
from chipweave.hardware.package import Package
from chipweave.hardware.snake import snake
from chipweave.results.result import Result
from chipweave.schedulers.scope.options import RegionOptions
from chipweave.workload.layer import Layer, Op
from chipweave.workload.model import Edge, Model
from chipweave.workload.scenario import Scenario, Task

SCHEDULERS = {
    "full-pipeline": "one layer a stage, one window",
    "segmented-pipeline": "one layer a stage, windows one after another",
    "scope": "merged pipeline, several layers a stage",
}
CHANNELS, KERNELS, SIZE, BATCH = (128, 96, 96, 16, 128, 32, 128), (1, 5, 3, 3, 5, 5), 8, 12
ROWS, COLUMNS, L2_BYTES = 2, 4, 128 * 1024
COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#edc948", "#e15759")
ROW, WIDTH, LEFT, TOP, PANEL = 15, 760, 80, 62, 178
FONT = "font-family='sans-serif' font-size='12' fill='#222'"


def net() -> Model:
    """Six convolutions of unequal work on 8x8 maps."""
    layers = tuple(
        Layer(f"layer {i + 1}", Op.CONV, K=k, C=c, Y=SIZE, X=SIZE, R=r, S=r, padding=(r // 2, r // 2))
        for i, (c, k, r) in enumerate(zip(CHANNELS[:-1], CHANNELS[1:], KERNELS, strict=True))
    )
    return Model("small", layers, tuple(Edge(i - 1, i, c * SIZE * SIZE) for i, c in enumerate(CHANNELS[:-1])))


def package() -> Package:
    """Eight Simba chiplets with 128 KiB of L2."""
    chiplet = replace(resolve_package("mesh-16").chiplets[0], name="small-chiplet", l2_bytes=L2_BYTES)
    return Package(
        "mesh-8",
        (chiplet,) * (ROWS * COLUMNS),
        topology.mesh(ROWS, COLUMNS),
        interfaces=tuple(row * COLUMNS + column for row in range(ROWS) for column in (0, COLUMNS - 1)),
        positions=topology.grid_positions(ROWS, COLUMNS),
    )


@dataclass(frozen=True)
class Block:
    """Chiplets `row` to `row + rows - 1` of the snake are taken from start_s to end_s."""

    row: int
    rows: int
    start_s: float
    end_s: float
    colour: str
    what: str


def blocks(result: Result) -> Iterator[Block]:
    """The stages' turns in grey, on them the layers' compute; hatched, weights that stay, until the first turn."""
    row_of = {chiplet: row for row, chiplet in enumerate(snake(result.problem.package))}
    model = result.problem.scenario.tasks[0].model
    for window in result.evaluation.windows:
        ((pipeline,),) = [window.pipelines]
        for stage, time in zip(pipeline.stages, stage_times(pipeline, window.start_s), strict=True):
            row, rows = min(row_of[chiplet] for chiplet in stage.chiplets), len(stage.chiplets)
            yield Block(row, rows, time.start_s, min(time.loaded_s, time.first_s), "url(#load)", "weights")
            for number in range(pipeline.micro_batches):
                begin_s, end_s = time.interval(number)
                yield Block(row, rows, begin_s, end_s, "#d9d9d9", "transfers, waiting")
                if not number:
                    begin_s = time.begins_s + stage.load_s
                share = min(1.0, BATCH / pipeline.micro_batch - number)  # the last one may be short
                for layer, used, seconds in layers_of(result, stage, pipeline.micro_batch):
                    name = model.layers[layer].name
                    yield Block(
                        row,
                        used,
                        begin_s,
                        begin_s + share * seconds,
                        COLOURS[layer],
                        f"{name}, micro-batch {number + 1}",
                    )
                    begin_s += share * seconds


def layers_of(result: Result, stage: StageEvaluation, micro_batch: int) -> Iterator[tuple[int, int, float]]:
    """(layer, chiplets that have a part of it, seconds) of a stage on one micro-batch."""
    problem = result.problem
    parts = prepare(problem).splits(0, len(problem.package.chiplets))
    classes = [problem.package.class_of[chiplet] for chiplet in stage.chiplets]
    for layer, split in zip(range(stage.first, stage.last + 1), stage.splits, strict=True):
        yield layer, split.parts, parts.costs(layer, split, micro_batch, classes)[0]


def panel(result: Result, title: str, top: int, scale: float) -> Iterator[str]:
    """One schedule: chiplets downwards, time to the right."""
    rows, latency_s = len(result.problem.package.chiplets), result.evaluation.latency_s
    yield f"<text x='{LEFT}' y='{top - 8}' {FONT}><tspan font-weight='bold'>{title}</tspan></text>"
    for row, chiplet in enumerate(snake(result.problem.package)):
        y = top + row * ROW
        yield f"<text x='{LEFT - 8}' y='{y + 12}' text-anchor='end' {FONT}>chiplet {chiplet}</text>"
        yield rectangle(LEFT, y, latency_s * scale, ROW, "#f4f4f4")
    for block in blocks(result):
        if block.end_s > block.start_s:
            x, width = LEFT + block.start_s * scale, (block.end_s - block.start_s) * scale
            yield rectangle(x, top + block.row * ROW, width, block.rows * ROW, block.colour, block.what)
    for row in range(rows + 1):
        y = top + row * ROW
        yield f"<path d='M{LEFT} {y}h{latency_s * scale:.1f}' stroke='#fff' stroke-width='1'/>"
    ends = [window.start_s + window.latency_s for window in result.evaluation.windows]
    for end_s in ends:
        x = LEFT + end_s * scale
        yield f"<path d='M{x:.1f} {top - 4}v{rows * ROW + 8}' stroke='#222' stroke-dasharray='4 2'/>"
    yield f"<text x='{LEFT + ends[-1] * scale + 6:.1f}' y='{top + 14}' {FONT}>{latency_s * 1e6:.1f} us</text>"


def rectangle(x: float, y: float, width: float, height: float, colour: str, what: str = "") -> str:
    title = f"<title>{what}</title>" if what else ""
    edge = " stroke='#fff' stroke-width='.4'" if what else ""
    return f"<rect x='{x:.2f}' y='{y}' width='{width:.2f}' height='{height}' fill='{colour}'{edge}>{title}</rect>"


def legend(model: Model) -> Iterator[str]:
    """The layers' colours with their shares of the work."""
    work = sum(layer.macs for layer in model.layers)
    names = [f"{layer.name}: {100 * layer.macs / work:.0f} %" for layer in model.layers]
    entries = [*zip(names, COLOURS, strict=True), ("transfers, waiting", "#d9d9d9"), ("weights", "url(#load)")]
    x = LEFT
    for name, colour in entries:
        yield rectangle(x, 10, 12, 12, colour, name)
        yield f"<text x='{x + 16}' y='20' {FONT}>{name}</text>"
        x += 104 if colour in COLOURS else 135


def drawing(results: list[Result]) -> str:
    """The whole picture, as SVG."""
    scale = WIDTH / max(result.evaluation.latency_s for result in results)
    height = TOP + len(results) * PANEL - 20
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {LEFT + WIDTH + 80} {height}' role='img'>",
        "<title>A small net on eight chiplets as full, segmented and merged pipeline</title>",
        "<defs><pattern id='load' width='5' height='5' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>"
        "<rect width='5' height='5' fill='#bbb'/><rect width='2' height='5' fill='#777'/></pattern></defs>",
        f"<rect width='{LEFT + WIDTH + 80}' height='{height}' fill='#fff'/>",
        *legend(results[0].problem.scenario.tasks[0].model),
    ]
    for number, (result, (name, what)) in enumerate(zip(results, SCHEDULERS.items(), strict=True)):
        lines += panel(result, f"{name}: {what}", TOP + number * PANEL, scale)
    return "\n".join([*lines, "</svg>", ""])


def schedules() -> list[Result]:
    """The net by each scheduler, one sample at a time: with more, all chiplets on each layer in turn would be best."""
    scenario = Scenario("small", (Task("small", net(), BATCH),))
    return [
        chipweave.schedule(
            scenario,
            package(),
            scheduler=name,
            objective="throughput",
            cost_model="maestro",
            options=RegionOptions(micro_batch=1),
        )
        for name in SCHEDULERS
    ]


if __name__ == "__main__":
    Path(__file__).with_name("merged-pipeline.svg").write_text(drawing(schedules()))
