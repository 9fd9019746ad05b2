"""One result as one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from chipweave.report.html.charts import Look, Point, bar, energy_bar, plane, swatch
from chipweave.report.html.drawing import component_fill, model_fill, patterns
from chipweave.report.html.figures import Document, derived
from chipweave.report.html.loads import Load, Loads, loads
from chipweave.report.html.markup import name_of, short, tag
from chipweave.report.html.package import class_marks, heat_key, package_drawing
from chipweave.report.html.render import render
from chipweave.report.html.timeline import timeline_drawing, timeline_key
from chipweave.report.made import command
from chipweave.report.notes import result_notes, search_notes, spill_note
from chipweave.report.palette import COMPONENTS, letter
from chipweave.report.terms import TERMS
from chipweave.report.words import cost_model_of, partitions_of, shares_s, transfers_s, valued
from chipweave.schedule.evaluation import Energy, PipelineEvaluation, StageEvaluation, WindowEvaluation
from chipweave.schedule.files import to_document
from chipweave.schedule.plan import Stage
from chipweave.schedule.problem import Fidelity
from chipweave.schedule.result import Result

MOST_PLACES = 2600
"""Chiplets and links, windows counted, that are drawn; of more the first windows and the longest ones."""
FIRST_WINDOWS, FEWEST_WINDOWS = 4, 6
MOST_STAGES, FIRST_STAGES, SLOWEST_STAGES = 600, 8, 12
"""Stages listed; of more, these of each pipeline."""
MOST_LOADS = 200
"""Links listed in a window."""
MOST_POINTS = 300
"""Schedules of the search's front drawn."""


def page(result: Result) -> str:
    """The whole report as HTML that needs no other file and no network: the same text for the same result."""
    view = View(result)
    scenario, package = result.problem.scenario.name, result.problem.package.name
    return render("page.html", view=view, title=f"{short(scenario)} on {short(package)}", terms=TERMS)


@dataclass(frozen=True)
class View:
    """What the template asks for, piece by piece. Pieces of markup are safe; names in them are escaped."""

    result: Result

    @cached_property
    def document(self) -> Document:
        return Document(to_document(self.result))

    @cached_property
    def loads(self) -> tuple[Loads, ...]:
        return loads(self.result)

    @property
    def windows(self) -> tuple[WindowEvaluation, ...]:
        return self.result.evaluation.windows

    @cached_property
    def drawn(self) -> list[int]:
        """Windows that are drawn."""
        package = self.result.problem.package
        places = len(package.chiplets) + 2 * len(package.links)
        most = max(FEWEST_WINDOWS, MOST_PLACES // places)
        return picked([window.latency_s for window in self.windows], FIRST_WINDOWS, most - FIRST_WINDOWS)

    # The head

    @property
    def scheduler(self) -> str:
        search = self.result.search
        return "a plan written by hand" if search is None else f"scheduler {search.scheduler}"

    @property
    def cost_model(self) -> str:
        return cost_model_of(self.result.cost_model)

    def totals(self) -> list[tuple[str, Markup, Markup | str]]:
        """Label, figure, remark."""
        figure, evaluation = self.document.figure, self.result.evaluation
        found: list[tuple[str, Markup, Markup | str]] = [
            ("latency", figure("/evaluation/latency_s"), ""),
            ("energy", figure("/evaluation/energy_j"), ""),
            ("EDP", figure("/evaluation/edp_js"), ""),
            ("average power", figure("/evaluation/average_power_w"), ""),
        ]
        if self.result.objective == "throughput":
            samples = self.result.problem.scenario.samples / evaluation.latency_s
            found.append(("throughput", derived(samples, "schedule.samples_per_s", ["/evaluation/latency_s"]), ""))
        elif self.result.objective not in ("latency", "energy", "edp") and self.result.value is not None:
            found.append(("objective", self.value(), ""))
        if self.result.certificate is not None and self.result.gap is not None:
            found.append(("gap to the lower bound", self.gap(), Markup("bound {}").format(self.bound("value"))))
        return found

    def value(self) -> Markup:
        value = self.result.value
        assert value is not None
        text = valued(value, self.result.objective)
        if self.result.search is None:
            return derived(value, "search.value", ["/evaluation/latency_s", "/evaluation/energy_j"], text)
        return self.document.figure("/search/value", text)

    def gap(self) -> Markup:
        gap = self.result.gap
        assert gap is not None
        if self.result.search is None:
            return derived(gap, "search.gap", ["/scenario", "/package", "/evaluation"])
        return self.document.figure("/search/gap")

    def bound(self, name: str) -> Markup:
        """A figure of the certificate; a plan's file does not hold it."""
        bound = self.result.certificate
        assert bound is not None
        text = valued(bound.value, self.result.objective) if name == "value" else None
        if self.result.search is None:
            return derived(getattr(bound, name), f"bound.{name}", ["/scenario", "/package", "/cost_model"], text)
        return self.document.figure(f"/search/lower_bound/{name}", text)

    def headline(self) -> Markup:
        """What binds the window that takes longest."""
        longest = max(range(len(self.windows)), key=lambda index: self.windows[index].latency_s)
        binds = self.binding(longest)
        if len(self.windows) == 1:
            return Markup("Bound by {}.").format(binds)
        share = self.windows[longest].latency_s / self.result.evaluation.latency_s
        at = [f"/evaluation/windows/{longest}/latency_s", "/evaluation/latency_s"]
        return Markup("The longest of {} windows, window {}, takes {} of the time. It is bound by {}.").format(
            len(self.windows), longest, derived(share, "window.share", at), binds
        )

    # Windows

    def binding(self, index: int) -> Markup:
        """`words.binding` with its figures marked."""
        window, at, figure = self.windows[index], f"/evaluation/windows/{index}", self.document.figure
        port = f"{at}/{window.bound_by}_s"
        bandwidth = self.result.problem.package.link_bandwidth_bytes_s
        match window.bound_by:
            case "dram":
                bytes_, rate = figure(f"{at}/dram_bytes"), figure("/package/dram_bandwidth_bytes_s")
                return Markup("the DRAM, which moves {} at {}").format(bytes_, rate)
            case "link" if window.link is not None:
                bytes_ = derived(window.link_s * bandwidth, "link.bytes", [port, "/package/link_bandwidth_bytes_s"])
                link = figure(f"{at}/link", f"{window.link[0]} to {window.link[1]}")
                return Markup("the link from chiplet {}, which carries {}").format(link, bytes_)
            case "port" if window.port is not None:
                bytes_ = derived(window.port_s * bandwidth, "chiplet.out", [port, "/package/link_bandwidth_bytes_s"])
                link = figure(f"{at}/port")
                return Markup("the port of chiplet {}, through which {} pass one way").format(link, bytes_)
        number = max(range(len(window.pipelines)), key=lambda i: window.pipelines[i].latency_s)
        pipeline, at = window.pipelines[number], f"{at}/pipelines/{number}"
        position = pipeline.stages.index(pipeline.slowest)
        shares = shares_s(pipeline)
        most = max(shares, key=lambda name: shares[name])
        plural = "" if pipeline.micro_batches == 1 else "es"
        chiplets = "chiplet" if len(pipeline.slowest.chiplets) == 1 else "chiplets"
        return Markup("{}: mostly {}; {} micro-batch{}, slowest in {} on {} {}").format(
            name_of(self.task(pipeline.task)),
            most,
            figure(f"{at}/micro_batches"),
            plural,
            self.layers(pipeline.task, pipeline.slowest),
            chiplets,
            figure(f"{at}/stages/{position}/chiplets"),
        )

    def models_drawing(self, index: int) -> Markup:
        return package_drawing(self.result, index, key=str(index))

    def load_drawing(self, index: int) -> Markup:
        return package_drawing(self.result, index, self.loads[index], key=str(index))

    def window_timeline(self, index: int) -> Markup:
        return timeline_drawing(self.result, [index])

    def timeline(self) -> Markup:
        return timeline_drawing(self.result, range(len(self.windows)))

    def figure(self, pointer: str, text: str | None = None) -> Markup:
        return self.document.figure(pointer, text)

    def end(self, index: int) -> Markup:
        window, at = self.windows[index], f"/evaluation/windows/{index}"
        return derived(window.start_s + window.latency_s, "window.end_s", [f"{at}/start_s", f"{at}/latency_s"])

    def busy(self, index: int) -> list[tuple[str, Markup, Markup]]:
        """What a window's latency is at least needed for: name, share, bar."""
        window, at = self.windows[index], f"/evaluation/windows/{index}"
        slowest = max(range(len(window.pipelines)), key=lambda i: window.pipelines[i].latency_s)
        found = [("pipeline", window.pipelines[slowest].latency_s, f"{at}/pipelines/{slowest}/latency_s")]
        found += [(name, getattr(window, f"{name}_s"), f"{at}/{name}_s") for name in ("dram", "link", "port")]
        rows = []
        for name, seconds, pointer in found:
            share = seconds / window.latency_s if window.latency_s else 0.0
            figure = derived(share, f"window.{name}_share", [pointer, f"{at}/latency_s"])
            fill = "var(--binds, #b3123f)" if name == window.bound_by else "var(--accent, #4a6fa5)"
            rows.append((TERMS[f"window.{name}_share"].label, figure, bar(share, fill)))
        return rows

    def legend(self, index: int) -> list[tuple[Markup, Markup, Markup, Markup]]:
        """Per pipeline of a window, in the order of models: swatch and letter, name, samples, latency."""
        rows = []
        for number, pipeline in self.pipelines(index):
            at = f"/evaluation/windows/{index}/pipelines/{number}"
            samples = Markup("{} × {}").format(self.figure(f"{at}/micro_batches"), self.figure(f"{at}/micro_batch"))
            mark = swatch(model_fill(pipeline.task)) + tag("b", letter(pipeline.task), class_="label")
            rows.append((mark, name_of(self.task(pipeline.task)), samples, self.figure(f"{at}/latency_s")))
        return rows

    def pipelines(self, index: int) -> list[tuple[int, PipelineEvaluation]]:
        """With their numbers, in the order of models."""
        return sorted(enumerate(self.windows[index].pipelines), key=lambda pair: pair[1].task)

    def classes(self) -> list[tuple[str, Markup]]:
        marks = class_marks(self.result.problem.package)
        return [(mark, name_of(name)) for name, mark in marks.items()]

    # Loads

    def link_rows(self, index: int) -> list[tuple[str, Markup, Markup, Markup]]:
        """Identifier, link, bytes, share of the links that carry most."""
        carrying = [(link, load) for link, load in self.loads[index].links.items() if load.bytes_]
        carrying.sort(key=lambda pair: -pair[1].bytes_)
        return [
            (
                f"{index}-link-{a}-{b}",
                tag("span", f"{a} → {b}", class_="label"),
                *self._load(index, load, "link.bytes", "link.share"),
            )
            for (a, b), load in carrying[:MOST_LOADS]
        ]

    def hidden_links(self, index: int) -> int:
        return max(0, sum(load.bytes_ > 0 for load in self.loads[index].links.values()) - MOST_LOADS)

    def port_rows(self, index: int) -> list[tuple[str, Markup, Markup, Markup, Markup]]:
        """Identifier, chiplet, bytes out, bytes in, share of the busier way."""
        found, busy = [], self.loads[index]
        for chiplet, (out, into) in enumerate(zip(busy.out, busy.into, strict=True)):
            if not busy.port(chiplet).bytes_:
                continue
            sent, _ = self._load(index, out, "chiplet.out", "chiplet.port_share")
            received, _ = self._load(index, into, "chiplet.into", "chiplet.port_share")
            _, share = self._load(index, busy.port(chiplet), "chiplet.out", "chiplet.port_share")
            found.append((f"{index}-port-{chiplet}", tag("span", str(chiplet), class_="label"), sent, received, share))
        return found

    def interface_rows(self, index: int) -> list[tuple[str, Markup, Markup, Markup]]:
        """Identifier, chiplet, bytes, share."""
        return [
            (
                f"{index}-interface-{chiplet}",
                tag("span", str(chiplet), class_="label"),
                *self._load(index, load, "interface.bytes", "interface.share"),
            )
            for chiplet, load in self.loads[index].interfaces.items()
            if load.bytes_
        ]

    def _load(self, index: int, load: Load, bytes_: str, share: str) -> tuple[Markup, Markup]:
        """Its bytes and share under these terms."""
        bandwidth = "dram" if bytes_.startswith("interface") else "link"
        moved = [f"/schedule/windows/{index}", "/scenario", "/package"]
        can = [f"/package/{bandwidth}_bandwidth_bytes_s", f"/evaluation/windows/{index}/latency_s"]
        return derived(load.bytes_, bytes_, moved), derived(load.share, share, moved + can)

    # Breakdowns

    def components(self) -> list[tuple[str, str, Markup]]:
        """Name, label and swatch of the parts that are not 0."""
        names = [name for name in COMPONENTS if getattr(self.result.evaluation.energy, name) > 0]
        return [(name, TERMS[f"energy.{name}"].label, swatch(component_fill(name))) for name in names]

    def energy_rows(self) -> list[tuple[Markup, Markup, Markup, list[Markup]]]:
        """Per model and in all: name, bar, total, parts."""
        evaluation, found = self.result.evaluation, []
        energies = [evaluation.task_energy(task) for task in range(len(self.result.problem.scenario.tasks))]
        most_j = max((energy.total for energy in energies), default=0.0)
        shown = [name for name, _, _ in self.components()]
        for task, energy in enumerate(energies):
            at = [
                f"/evaluation/windows/{index}/pipelines/{number}/energy_parts_j"
                for index, window in enumerate(self.windows)
                for number, pipeline in enumerate(window.pipelines)
                if pipeline.task == task
            ]
            parts = [
                derived(getattr(energy, name), f"energy.{name}", [f"{pointer}/{name}" for pointer in at])
                for name in shown
            ]
            total = self.figure(f"/evaluation/models/{task}/energy_j")
            found.append((self.model(task), energy_bar(energy, most_j), total, parts))
        return found

    def energy_total(self) -> tuple[Markup, list[Markup], list[Markup]]:
        """All energy, its parts, and their shares."""
        evaluation, at = self.result.evaluation, "/evaluation/energy_parts_j"
        shown = [name for name, _, _ in self.components()]
        shares = [
            derived(
                getattr(evaluation.energy, name) / evaluation.energy_j,
                "energy.share",
                [f"{at}/{name}", "/evaluation/energy_j"],
            )
            for name in shown
        ]
        return self.figure("/evaluation/energy_j"), [self.figure(f"{at}/{name}") for name in shown], shares

    def energy_bar_of(self, energy: Energy) -> Markup:
        return energy_bar(energy, energy.total)

    def model_rows(self) -> list[tuple[Markup, list[Markup]]]:
        """Per model: name; batch, end, limit, energy, share, rate."""
        rows = []
        for task, entry in enumerate(self.result.problem.scenario.tasks):
            at = f"/evaluation/models/{task}"
            share = self.result.evaluation.task_energy(task).total / (self.result.evaluation.energy_j or 1.0)
            limit = Markup("–")
            if entry.latency_limit_s is not None:
                limit = self.figure(f"/scenario/models/{task}/latency_limit_s")
            cells = [
                self.figure(f"/scenario/models/{task}/batch"),
                self.figure(f"{at}/latency_s"),
                limit,
                self.figure(f"{at}/energy_j"),
                derived(share, "model.energy_share", [f"{at}/energy_j", "/evaluation/energy_j"]),
                self.figure(f"{at}/throughput_samples_per_s"),
            ]
            rows.append((self.model(task), cells))
        return rows

    def latency_rows(self) -> list[tuple[int, Markup, Markup, Markup, list[tuple[Markup, Markup]]]]:
        """Per window and pipeline: window, model, micro-batches, latency, and figure and bar of each share."""
        rows = []
        for index in self.drawn:
            for number, pipeline in self.pipelines(index):
                at = f"/evaluation/windows/{index}/pipelines/{number}"
                shares = []
                for name, seconds in shares_s(pipeline).items():
                    share = seconds / pipeline.latency_s if pipeline.latency_s else 0.0
                    term = f"pipeline.shares_{name.split()[-1]}"
                    shares.append((derived(share, term, [f"{at}/stages", f"{at}/latency_s"]), bar(share, width=72)))
                samples = Markup("{} × {}").format(self.figure(f"{at}/micro_batches"), self.figure(f"{at}/micro_batch"))
                rows.append((index, self.model(pipeline.task), samples, self.figure(f"{at}/latency_s"), shares))
        return rows

    # The front

    @property
    def front(self) -> tuple[tuple[float, float], ...]:
        return () if self.result.search is None else self.result.search.front

    @cached_property
    def front_shown(self) -> list[int]:
        """Positions in the front, evenly spread where there are too many."""
        count = len(self.front)
        return sorted({position * (count - 1) // (MOST_POINTS - 1) for position in range(MOST_POINTS)}) if (
            count > MOST_POINTS
        ) else list(range(count))

    def plane(self) -> Markup:
        evaluation, bound = self.result.evaluation, self.result.certificate
        points = [
            Point(*self.front[position], f"Schedule {position} of the front", f"front-{position}", "front")
            for position in self.front_shown
        ]
        here = (evaluation.latency_s, evaluation.energy_j)
        points.append(Point(*here, "The schedule of this report", "front-chosen", "chosen", chosen=True))
        looks = {"front": Look("var(--accent, #4a6fa5)", 0), "chosen": Look("var(--binds, #b3123f)", 1)}
        corner = None if bound is None else (bound.latency_s, bound.energy_j)
        return plane(points, corner, "Energy over latency of the schedules that the search retained", looks)

    def front_rows(self) -> list[tuple[str, Markup, Markup]]:
        return [
            (f"front-{i}", self.figure(f"/search/front/{i}/latency_s"), self.figure(f"/search/front/{i}/energy_j"))
            for i in self.front_shown
        ]

    # Stages

    @cached_property
    def listed(self) -> list[tuple[int, int, list[int]]]:
        """Window, number of the pipeline, and its stages that are listed."""
        all_of_them = sum(len(pipeline.stages) for window in self.windows for pipeline in window.pipelines)
        windows = range(len(self.windows)) if all_of_them <= MOST_STAGES else self.drawn
        found = []
        for index in windows:
            for number, pipeline in self.pipelines(index):
                steady = [stage.steady_s for stage in pipeline.stages]
                shown = list(range(len(steady)))
                if all_of_them > MOST_STAGES:
                    shown = picked(steady, FIRST_STAGES, SLOWEST_STAGES)
                found.append((index, number, shown))
        return found

    @property
    def hidden_stages(self) -> int:
        stages = sum(len(pipeline.stages) for window in self.windows for pipeline in window.pipelines)
        return stages - sum(len(shown) for _, _, shown in self.listed)

    @property
    def regions(self) -> bool:
        return self.result.schedule.largest_region > 1

    def stage_rows(self) -> list[tuple[str, list[Markup]]]:
        """Identifier and cells."""
        return [
            (f"{index}-stage-{number}-{position}", self._stage(index, number, position))
            for index, number, shown in self.listed
            for position in shown
        ]

    def _stage(self, index: int, number: int, position: int) -> list[Markup]:
        at = f"/evaluation/windows/{index}/pipelines/{number}/stages/{position}"
        pipeline = self.windows[index].pipelines[number]
        stage, plan = pipeline.stages[position], self.result.schedule.windows[index].pipelines[number].stages[position]
        figure = self.figure
        slowest = stage is pipeline.slowest and len(pipeline.stages) > 1
        label = tag("b", f"{letter(pipeline.task)}{position + 1}", class_="label")
        moved = [f"{at}/{name}_s" for name in ("load", "weights", "store", "spill", "forward", "exchange")]
        weights = tag("span", "–")
        if stage.l2 is not None and stage.bytes_.weights:
            weights = figure(f"{at}/l2/keeping")
        return [
            tag("span", str(index), class_="label"),
            swatch(model_fill(pipeline.task)) + label + tag("span", " slowest" if slowest else "", class_="remark"),
            self.layers(pipeline.task, stage),
            self._count(index, number, position, plan),
            figure(f"{at}/chiplets"),
            figure(f"{at}/compute_s"),
            *([figure(f"{at}/exchange_s")] if self.regions else []),
            derived(transfers_s(stage), "stage.transfers_s", moved),
            figure(f"{at}/fill_s"),
            figure(f"{at}/steady_s"),
            weights + ("" if stage.l2 is None or stage.l2.fits else tag("span", " spills", class_="remark")),
            figure(f"{at}/resident_s"),
            figure(f"{at}/energy_j"),
        ]

    def _count(self, index: int, number: int, position: int, plan: Stage) -> Markup:
        """How many layers, and how they are split."""
        at = f"/schedule/windows/{index}/pipelines/{number}/stages/{position}"
        text = partitions_of(plan) if len(plan.chiplets) > 1 else None
        return derived(len(plan.layers), "stage.layers", [f"{at}/layers", f"{at}/partition"], text)

    def stage_heads(self) -> list[str]:
        """Keys of the terms over the columns after the first two."""
        names = ["layers_of", "layers", "chiplets", "compute_s", *(["exchange_s"] if self.regions else [])]
        names += ["transfers_s", "fill_s", "steady_s"]
        return [f"stage.{name}" for name in names] + ["l2.keeping", "stage.resident_s", "stage.energy_j"]

    # Names

    def task(self, task: int) -> str:
        return self.result.problem.scenario.tasks[task].name

    def model(self, task: int) -> Markup:
        """Swatch, letter and name."""
        label = tag("b", letter(task), class_="label")
        return tag("span", swatch(model_fill(task)) + label + " " + name_of(self.task(task)), class_="model")

    def layers(self, task: int, stage: StageEvaluation) -> Markup:
        """`first … last`."""
        layers = self.result.problem.scenario.tasks[task].model.layers
        first, last = name_of(layers[stage.first].name), name_of(layers[stage.last].name)
        return first if stage.first == stage.last else first + " … " + last

    def name(self, text: str) -> Markup:
        return name_of(text)

    def short(self, text: str) -> str:
        return short(text)

    # Keys to the drawings

    def interface_key(self) -> Markup:
        return swatch("var(--muted, #5b636d)")

    def heat_key(self) -> Markup:
        return heat_key()

    def timeline_key(self) -> Markup:
        return timeline_key(self.result)

    def point_key(self, kind: str) -> Markup:
        fills = {"chosen": "var(--binds, #b3123f)", "front": "var(--accent, #4a6fa5)", "bound": "url(#tail)"}
        return swatch(fills[kind])

    # How it was made

    @property
    def command(self) -> str:
        return command(self.result)

    @property
    def from_files(self) -> bool:
        return "scenario.yaml" in self.command or "package.yaml" in self.command

    def options(self) -> list[tuple[str, Markup]]:
        search = self.result.search
        if search is None:
            return []
        return [
            (short(key), tag("data", short(str(value)), value=_json(value), data_at=_at(key)))
            for key, value in search.options.items()
            if value is not None
        ]

    def notes(self) -> list[str]:
        tight = spill_note(self.result)
        own = [f"spills: {tight}"] if tight else []
        return [short(note, 600) for note in (*result_notes(self.result), *own, *search_notes(self.result)[:-1])]

    @property
    def detailed(self) -> bool:
        return self.result.problem.fidelity is Fidelity.DETAILED

    def patterns(self) -> Markup:
        return patterns(len(self.result.problem.scenario.tasks))


def picked(seconds: Sequence[float], first: int, longest: int) -> list[int]:
    """All positions, or of more than first + longest the first ones and the longest others, in order."""
    if len(seconds) <= first + longest:
        return list(range(len(seconds)))
    others = sorted(range(first, len(seconds)), key=lambda position: -seconds[position])
    return [*range(first), *sorted(others[:longest])]


def _json(value: object) -> str:
    import json

    return json.dumps(value)


def _at(key: str) -> str:
    return "/search/options/" + key.replace("~", "~0").replace("/", "~1")
