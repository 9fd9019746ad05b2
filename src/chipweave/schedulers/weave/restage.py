"""Other stages for a window: split, merged, on chiplets of another class, or exchanged between models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from chipweave.schedulers.weave.draft import PipelineDraft, WindowDraft
from chipweave.schedulers.weave.parts import RegionNeed


def restaged(window: WindowDraft, chiplets: Counter[int], regions: bool) -> Iterator[WindowDraft]:
    """Windows with a stage more or less, with stages on another class, or with a chiplet of one stage for another.

    Args:
        chiplets: of each class, how many there are; regions: whether a stage may have several.
    """
    kinds = sorted(chiplets)
    merged = list(_merged(window, regions))
    for other in (
        *merged,
        *_split(window, kinds),
        *(twice for once in merged for twice in _split(once, kinds)),
        *_on_another_class(window, kinds),
        *_exchanged(window),
    ):
        if other != window and used(other) <= chiplets:
            yield other


def used(window: WindowDraft) -> Counter[int]:
    """Chiplets of each class that its stages take."""
    found: Counter[int] = Counter()
    for pipeline in window:
        for stage in pipeline.stages:
            found[stage.chiplet_class] += stage.chiplets
    return found


def with_stages(window: WindowDraft, number: int, stages: tuple[RegionNeed, ...]) -> WindowDraft:
    """The window with other stages for pipeline `number`."""
    return (*window[:number], window[number]._replace(stages=stages), *window[number + 1 :])


def _merged(window: WindowDraft, regions: bool) -> Iterator[WindowDraft]:
    """Two stages of a pipeline as one, on the chiplets of either, or of both where they are of one class."""
    for number, pipeline in enumerate(window):
        for j in range(len(pipeline.stages) - 1):
            one, two = pipeline.stages[j : j + 2]
            partitions = (*one.partitions, *two.partitions)
            homes = {(each.chiplet_class, each.chiplets) for each in (one, two)}
            if regions and one.chiplet_class == two.chiplet_class:
                homes.add((one.chiplet_class, one.chiplets + two.chiplets))
            for home in sorted(homes):
                stage = RegionNeed(two.end, *home, partitions)
                yield with_stages(window, number, (*pipeline.stages[:j], stage, *pipeline.stages[j + 2 :]))


def _split(window: WindowDraft, kinds: list[int]) -> Iterator[WindowDraft]:
    """A stage as two of half its units each: one of them on a chiplet more, or each on half of the stage's own."""
    for number, pipeline in enumerate(window):
        for j, stage in enumerate(pipeline.stages):
            units = len(stage.partitions)
            for first, second in _halves(stage, kinds) if units > 1 else ():
                yield with_stages(window, number, (*pipeline.stages[:j], first, second, *pipeline.stages[j + 1 :]))


def _halves(stage: RegionNeed, kinds: list[int]) -> Iterator[tuple[RegionNeed, RegionNeed]]:
    half, own = len(stage.partitions) // 2, (stage.chiplet_class, stage.chiplets)
    parts = stage.partitions[:half], stage.partitions[half:]
    ends = stage.end - len(parts[1]), stage.end
    homes = [pair for kind in kinds for pair in ((own, (kind, 1)), ((kind, 1), own))]
    if stage.chiplets > 1:
        less = stage.chiplets // 2
        homes.append(((stage.chiplet_class, less), (stage.chiplet_class, stage.chiplets - less)))
    for one, two in homes:
        yield RegionNeed(ends[0], *one, parts[0]), RegionNeed(ends[1], *two, parts[1])


def _on_another_class(window: WindowDraft, kinds: list[int]) -> Iterator[WindowDraft]:
    for place in places_of(window):
        stage = stage_at(window, place)
        for kind in kinds:
            if kind != stage.chiplet_class:
                yield replaced(window, place, stage._replace(chiplet_class=kind))


def _exchanged(window: WindowDraft) -> Iterator[WindowDraft]:
    """Two stages on each other's chiplets."""
    places = places_of(window)
    for at, one in enumerate(places):
        for two in places[at + 1 :]:
            a, b = (stage_at(window, place) for place in (one, two))
            if (a.chiplet_class, a.chiplets) != (b.chiplet_class, b.chiplets):
                first = a._replace(chiplet_class=b.chiplet_class, chiplets=b.chiplets)
                second = b._replace(chiplet_class=a.chiplet_class, chiplets=a.chiplets)
                yield replaced(replaced(window, one, first), two, second)


def places_of(window: WindowDraft) -> list[tuple[int, int]]:
    """(number of the pipeline, number in it) of every stage."""
    return [(number, j) for number, pipeline in enumerate(window) for j in range(len(pipeline.stages))]


def stage_at(window: WindowDraft, place: tuple[int, int]) -> RegionNeed:
    """The stage at (number of the pipeline, number in it)."""
    pipeline: PipelineDraft = window[place[0]]
    return pipeline.stages[place[1]]


def replaced(window: WindowDraft, place: tuple[int, int], stage: RegionNeed) -> WindowDraft:
    """The window with another stage at (number of the pipeline, number in it)."""
    number, j = place
    stages = window[number].stages
    return with_stages(window, number, (*stages[:j], stage, *stages[j + 1 :]))
