"""Other stages for a window: the same units in order, on chiplets that there are."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chipweave.schedulers.weave.draft import PipelineDraft, WindowDraft
from chipweave.schedulers.weave.parts import RegionNeed
from chipweave.schedulers.weave.restage import restaged


def pipeline(task: int, first: int, stages: list[tuple[int, int, int]]) -> PipelineDraft:
    """Stages of (units, class, chiplets)."""
    made, end = [], first
    for units, kind, chiplets in stages:
        end += units
        made.append(RegionNeed(end, kind, chiplets, (0,) * units))
    return PipelineDraft(task, first, 1, tuple(made))


def units_of(window: WindowDraft) -> list[tuple[int, int, int]]:
    """Per pipeline its task, first unit and end; stages must follow each other without a gap."""
    for each in window:
        at = each.first
        for stage in each.stages:
            assert stage.chiplets >= 1
            assert len(stage.partitions) == stage.end - at >= 1
            at = stage.end
    return [(each.task, each.first, each.stages[-1].end) for each in window]


def used(window: WindowDraft) -> Counter[int]:
    found: Counter[int] = Counter()
    for each in window:
        for stage in each.stages:
            found[stage.chiplet_class] += stage.chiplets
    return found


stages = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 1), st.integers(1, 3)), min_size=1, max_size=3)


@given(st.lists(stages, min_size=1, max_size=3), st.integers(0, 2), st.booleans())
def test_the_units_stay_and_the_chiplets_suffice(
    some: list[list[tuple[int, int, int]]], spare: int, wide: bool
) -> None:
    if not wide:
        some = [[(units, kind, 1) for units, kind, _ in each] for each in some]
    window = tuple(pipeline(task, 2 * task, each) for task, each in enumerate(some))
    there = used(window) + Counter({0: spare, 1: spare})
    found = list(restaged(window, there, wide))
    for other in found:
        assert other != window
        assert units_of(other) == units_of(window)
        assert used(other) <= there
        assert wide or all(stage.chiplets == 1 for each in other for stage in each.stages)


def test_the_changes_of_a_small_window() -> None:
    """One pipeline of two stages of two units and of one, on both chiplets of class 0; none is free.

    Merged on one chiplet; merged and split again one unit earlier; nothing can be split as it is.
    """
    window = (pipeline(0, 0, [(2, 0, 1), (1, 0, 1)]),)
    found = set(restaged(window, Counter({0: 2}), regions=False))
    assert found == {(pipeline(0, 0, [(3, 0, 1)]),), (pipeline(0, 0, [(1, 0, 1), (2, 0, 1)]),)}


def test_a_free_chiplet_of_another_class() -> None:
    """A stage of one unit may move there, and cannot be split."""
    window = (pipeline(0, 0, [(1, 0, 1)]),)
    assert set(restaged(window, Counter({0: 1, 1: 1}), regions=False)) == {(pipeline(0, 0, [(1, 1, 1)]),)}
