"""How stages use their L2, in words: what is pinned, streamed, gathered, evicted and read again, in bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chipweave.evaluation.record import L2Use, PipelineEvaluation, StageEvaluation
from chipweave.report.quantities import quantity
from chipweave.results.result import Result


def distinct_weights(stage: StageEvaluation, l2: L2Use, micro_batches: int) -> float:
    """Bytes of all weights of a stage, each once: what comes from DRAM but for what comes again."""
    return stage.bytes_.weights - (micro_batches - 1) * l2.streamed


def wants_room(stage: StageEvaluation, micro_batches: int) -> bool:
    """Whether anything moves for want of room."""
    l2 = stage.l2
    return l2 is not None and bool(l2.spill or l2.again or (micro_batches > 1 and (l2.streamed or l2.gathered)))


def moved_for_want_of_room(stage: StageEvaluation, micro_batches: int) -> float:
    """Bytes that cross DRAM or the region's links in the window which more L2 could save."""
    l2 = stage.l2
    if l2 is None:
        return 0.0
    return stage.bytes_.spill + stage.bytes_.again + (micro_batches - 1) * (l2.streamed + l2.gathered)


def l2_words(stage: StageEvaluation, micro_batches: int) -> str:
    """`6.10 MB of 98.0 MB of weights pinned; per micro-batch 91.9 MB streamed, 4.00 MB evicted and back`."""
    l2 = stage.l2
    if l2 is None:
        return ""
    moved = [f"{quantity(l2.spill, 'B')} evicted and back"] if l2.spill else []
    moved += [f"{quantity(l2.again, 'B')} read again"] if l2.again else []
    if micro_batches == 1:  # all weights come once: what is pinned says nothing
        return ", ".join(moved)
    streamed = [f"{quantity(l2.streamed, 'B')} streamed"] if l2.streamed else []
    streamed += [f"{quantity(l2.gathered, 'B')} gathered from mates"] if l2.gathered else []
    every = ", ".join([*streamed, *moved])
    pinned = _pinned_words(stage, l2, distinct_weights(stage, l2, micro_batches))
    return f"{pinned}; per micro-batch {every}" if every else pinned


def _strips_words(result: Result) -> Iterator[str]:
    """`conv1 to pool1 in 16 strips of 8 rows`, for each run of layers that goes so."""
    for window in result.evaluation.windows:
        for pipeline in window.pipelines:
            layers = result.problem.scenario.tasks[pipeline.task].model.layers
            for stage in pipeline.stages:
                for first, last, rows, many, _ in stage.strips:
                    of = "1 row" if rows == 1 else f"{rows} rows"
                    yield f"{layers[first].name} to {layers[last].name} in {many} strips of {of}"


def _pinned_words(stage: StageEvaluation, l2: L2Use, weights: float) -> str:
    if not weights:
        return "no weights"
    if not l2.streamed and not l2.gathered:
        return f"all {quantity(weights, 'B')} of weights pinned"
    on_each = " on a chiplet" if len(stage.chiplets) > 1 else ""
    held = f"{quantity(l2.held_weights, 'B')}{on_each}" if l2.held_weights else "none"
    return f"{held} of {quantity(weights, 'B')} of weights pinned"


def room_note(result: Result) -> str:
    """What moves for want of room in all, and which layers need less of it; empty where nothing does."""
    pipelines = [pipeline for window in result.evaluation.windows for pipeline in window.pipelines]
    streamed, gathered = (_sum(pipelines, name) for name in ("streamed", "gathered"))
    stages = result.evaluation.stages
    evicted, again = sum(stage.bytes_.spill for stage in stages), sum(stage.bytes_.again for stage in stages)
    sentences = [f"Layers that go strip by strip: {'; '.join(runs)}."] if (runs := [*_strips_words(result)]) else []
    if evicted:
        tight = sum(1 for stage in stages if stage.l2 is not None and not stage.l2.fits)
        many = "1 stage evicts" if tight == 1 else f"{tight} stages evict"
        in_all = f"{quantity(evicted, 'B')} to DRAM and back in all"
        sentences.append(f"For want of room in L2 {many} activations: {in_all}.")
    if again:
        sentences.append(f"{quantity(again, 'B')} are read again, where two operands of a layer exceed L2 together.")
    if streamed:
        sentences.append(f"Weights that do not stay are streamed: {quantity(streamed, 'B')} beyond loading each once.")
    if gathered:
        sentences.append(f"{quantity(gathered, 'B')} of weights are gathered again from mates.")
    return " ".join(sentences)


def _sum(pipelines: Iterable[PipelineEvaluation], name: str) -> float:
    """Of weights that come with every micro-batch, all but the first time."""
    moved: Iterator[float] = (
        (pipeline.micro_batches - 1) * getattr(stage.l2, name)
        for pipeline in pipelines
        for stage in pipeline.stages
        if stage.l2 is not None
    )
    return sum(moved)


def larger_l2_note(result: Result) -> str:
    """What twice the L2 would save; empty where it is not worth a sentence."""
    saving = result.larger_l2
    if saving is None or not saving.worthwhile:
        return ""
    figures = {
        "DRAM bytes": saving.dram_bytes,
        "latency": saving.latency,
        "energy": saving.energy,
        "EDP": saving.edp,
    }
    falls = [f"{100 * share:.0f} % of the {name}" for name, share in figures.items() if share > -0.005]
    rises = [f"{-100 * share:.0f} % of {name}" for name, share in figures.items() if share <= -0.005]
    *most, last = falls
    saved = f"{', '.join(most)} and {last}" if most else last
    more = f", for {' and '.join(rises)} more" if rises else ""
    return f"Twice the L2 in every chiplet would save this plan {saved}{more}, if accesses cost as much as now."
