"""Results to make pages of, and pages taken apart again with Python's own HTML parser."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

from chipweave.hardware.chiplet import Chiplet
from chipweave.hardware.memory import Stack
from chipweave.hardware.package import Package
from chipweave.plan.objective import objective
from chipweave.plan.problem import Fidelity, pose
from chipweave.plan.schedule import Partition, Pipeline, Schedule, Stage, Window
from chipweave.results.result import Result, Search, assess
from chipweave.workload.scenario import Scenario
from tests.support import RoundNumbers, random_problem, random_schedule

EVIL = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(2)>",
    "n" * 10_000,
    "\u05d0\u05d1 evil  name",
)


def some_result(
    seed: int = 0,
    fidelity: Fidelity = Fidelity.DETAILED,
    *,
    tasks: int = 3,
    rows: int = 2,
    columns: int = 3,
    windows: int = 2,
    most: int = 6,
    batch: int | None = None,
    micro_batch: int | None = None,
    **package: Any,
) -> Result:
    """A random schedule of random models, with a search that has retained four schedules; `package`: its fields."""
    rng = random.Random(seed)
    problem = random_problem(rng, fidelity, tasks=tasks, rows=rows, columns=columns, most=most)
    if batch is not None or package:
        entries = tuple(replace(task, batch=batch or task.batch) for task in problem.scenario.tasks)
        system = replace(problem.package, **package)
        problem = pose(Scenario("random", entries), system, RoundNumbers(), fidelity)
    schedule = random_schedule(rng, problem, windows)
    if micro_batch is not None:
        schedule = Schedule(
            tuple(
                Window(tuple(replace(pipeline, micro_batch=micro_batch) for pipeline in window.pipelines))
                for window in schedule.windows
            )
        )
    found = assess(problem, {"name": "round-numbers"}, schedule, objective("edp")).evaluation
    front = tuple((found.latency_s * (1 + 0.3 * k), found.energy_j * (1 - 0.1 * k)) for k in range(4))
    search = Search("scar", {"top_k": 3, "packing": "first_fit"}, 7, 1.5, 1234567, front, True, ("searched a little",))
    return assess(problem, {"name": "round-numbers"}, schedule, objective("edp"), search)


def plan_on_regions() -> Result:
    """A plan written by hand, without a search: one model in one window on a ring of eight without positions."""
    rng = random.Random(11)
    problem = random_problem(rng, Fidelity.DETAILED, tasks=1, most=6)
    layers = len(problem.scenario.tasks[0].model.layers)
    links = tuple((chiplet, (chiplet + 1) % 8) for chiplet in range(8))
    ring = Package("ring", (Chiplet("a", l2_bytes=4000, num_pes=64),) * 8, links, interfaces=(0, 4))
    problem = pose(problem.scenario, ring, RoundNumbers(), Fidelity.DETAILED)
    end = problem.scenario.tasks[0].model.units[0][1]
    split = (Partition.WEIGHT_SHARED,) * layers
    stages = [Stage(0, end, (0, 1, 2), split[: end + 1])]
    if end + 1 < layers:
        stages.append(Stage(end + 1, layers - 1, (4, 5), split[end + 1 :]))
    schedule = Schedule((Window((Pipeline(0, tuple(stages)),)),))
    return assess(problem, {"name": "round-numbers"}, schedule, objective("latency"))


def evil_result() -> Result:
    """Names that are markup, quotes, very long, or turn the direction of writing."""
    some = some_result(5, tasks=4)
    tasks = tuple(
        replace(
            task,
            name=name,
            model=replace(
                task.model,
                name=name,
                layers=tuple(replace(layer, name=f"{name}{layer.name}") for layer in task.model.layers),
            ),
        )
        for task, name in zip(some.problem.scenario.tasks, EVIL, strict=True)
    )
    scenario = Scenario(EVIL[0], tasks, note=f"</style>{EVIL[0]}")
    package = replace(some.problem.package, name=f"</title>{EVIL[1]}")
    problem = pose(scenario, package, RoundNumbers(), Fidelity.DETAILED)
    assert some.search is not None
    search = replace(some.search, notes=EVIL, options={EVIL[0]: EVIL[1]})
    return assess(problem, {"name": "round-numbers"}, some.schedule, objective("edp"), search)


@dataclass
class Node:
    """An element with its attributes and what is in it."""

    name: str
    attributes: dict[str, str]
    above: Node | None
    children: list[Node | str] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.walk()

    def all(self, name: str) -> list[Node]:
        return [node for node in self.walk() if node.name == name]

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)


class _Reader(HTMLParser):
    """Builds the tree and insists that every element is closed where it should be."""

    EMPTY = ("meta", "input", "br")

    def __init__(self) -> None:
        super().__init__()
        self.root = self.at = Node("", {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({key for key, _ in attrs}) == len(attrs), f"<{tag}> repeats an attribute: {attrs}"
        node = Node(tag, {key: value or "" for key, value in attrs}, self.at)
        self.at.children.append(node)
        if tag not in self.EMPTY:
            self.at = node

    def handle_endtag(self, tag: str) -> None:
        assert self.at.name == tag, f"</{tag}> closes <{self.at.name}>"
        assert self.at.above is not None
        self.at = self.at.above

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)


def parsed(page: str) -> Node:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.at is reader.root, f"<{reader.at.name}> is not closed"
    return reader.root


def stacked_result() -> Result:
    """A schedule that waits for its DRAM, which is a stack."""
    some = some_result(3)
    package = some.problem.package
    slow = package.with_memory((Stack("slow", 100.0, package.interfaces),))
    result = assess(replace(some.problem, package=slow), some.cost_model, some.schedule, objective("edp"), some.search)
    assert {window.bound_by for window in result.evaluation.windows} == {"dram"}
    return result
