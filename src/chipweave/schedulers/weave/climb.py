"""Climbing: from the rough schedules of a search, and then from others near the best one, until that is in vain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chipweave.plan.schedule import Schedule
from chipweave.schedulers.search import Request
from chipweave.schedulers.weave.best import Best, part_of
from chipweave.schedulers.weave.draft import Draft
from chipweave.schedulers.weave.improve import Climber, Kind, improve, shaken
from chipweave.schedulers.weave.rounds import Tables, drafted, joule_worth_s, rough_schedules

IN_VAIN = 48
"""Climbs, one after another, that find nothing better before there are no more."""

FIRST = 3
"""Rough schedules that are climbed from at first, the best ones."""

OTHERS, SHAKEN, MOST_SHAKEN = 3, 6, 48
"""Climbs from rough schedules by another worth of a joule, and then from near the best one, in turn; these are twice as
many, up to a number, with every time that the rough ones were in vain."""

SPREAD = 1.3
"""By so many times a joule is worth more or less there, at most."""

ROUGH = 0.03
"""By no more than this share rough schedules are worse than the best one that are climbed from."""


def climb(best: Best, tables: Tables, request: Request, steps: int) -> None:
    """Improve the search's own best draft, the best one of all, and then others: each in half of the time and of the
    steps that are left. Then climb from more rough drafts and from near the best one, until that was in vain."""
    own = sorted(best.rough, key=lambda draft: best.rough[draft])[:FIRST]
    starts = list(dict.fromkeys([*own[:1], *([] if best.draft is None else [best.draft]), *own[1:]]))
    best.rough, exact = {}, best.judge.exact
    end = exact.layers + steps
    for draft in starts:
        if request.out_of_time or exact.layers >= end:
            return
        climb_from(best, draft, part_of(request, 2), (end - exact.layers) // 2)
    vain = 0
    for draft in _starts(best, tables):
        if vain >= IN_VAIN or exact.layers >= end or request.out_of_time:
            return
        before = best.draft_worth
        climb_from(best, draft, request, end - exact.layers)
        vain = 0 if best.draft_worth < before else vain + 1


def climb_from(best: Best, draft: Draft, request: Request, steps: int, kinds: Sequence[Kind] | None = None) -> None:
    """Improve a draft, by changes of these kinds or of the usual ones, and take what comes of it if it is better."""
    climber = Climber.start(best.judge, draft)
    if climber is None:
        return

    def better(value: float) -> None:
        best.remember(value)
        best.tell(70, "improving", value if best.incumbent is None else min(value, best.incumbent))

    best.tell(70, "improving")
    improve(climber, steps, request, better, kinds, best.vain)
    best.keep(Schedule(climber.windows), climber.worth, "windows by prices, improved", climber.draft)


def _starts(best: Best, tables: Tables) -> Iterator[Draft]:
    """Rough drafts, and drafts near the best one, in turn."""
    near = SHAKEN
    while best.draft is not None:
        before, joule_s = best.draft_worth, joule_worth_s(best) * SPREAD ** best.dice.uniform(-1.0, 1.0)
        for sketch in rough_schedules(tables, joule_s)[:OTHERS]:
            draft = drafted(tables, sketch)
            there = Climber.start(best.judge, draft)
            if there is not None and there.worth.value <= (1 + ROUGH) * best.draft_worth.value:
                yield draft
        near = SHAKEN if best.draft_worth < before else min(2 * near, MOST_SHAKEN)
        for _ in range(near):
            yield shaken(best.judge, best.draft, best.dice)
