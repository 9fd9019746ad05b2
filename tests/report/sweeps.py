"""Summaries of made-up sweeps to make pages of."""

from __future__ import annotations

from chipweave.results.sweep_summary import SweepSummary
from chipweave.sweep.gather import gather
from chipweave.sweep.summary import summarise
from tests.report.pages import EVIL
from tests.sweep.made_up import made_up, row


def swept() -> SweepSummary:
    """A product of three axes, one point failed and one not run."""
    return summarise("made up", made_up({3: ("infeasible", "no room in L2: 3 bytes more")}, waiting=(5,)))


def evil_sweep() -> SweepSummary:
    """Names, paths, values and reasons that are markup, quotes, very long, or turn the direction of writing."""
    failed = {n: ("input", text) for n, text in enumerate(EVIL)}
    found = made_up(failed)
    rows = [
        {**row(n, {EVIL[0]: EVIL[n % 4], f"a.{EVIL[1]}": [EVIL[1], n], "b/~c": {"x": EVIL[3]}}, 1.0 + n, 9.0 - n, 2.0)}
        for n in range(6)
    ]
    for each in rows:
        each["scheduler"] = EVIL[1]
    summary = summarise(f"</title>{EVIL[0]}", gather(rows))
    from dataclasses import replace

    reasons = summarise("s", found).failure_groups
    points = tuple(replace(point, reason="") for point in summary.points)
    return replace(
        summary, failure_groups=tuple(replace(each, positions=(1,)) for each in reasons), points=points, failed=4
    )


def wide_sweep() -> SweepSummary:
    """Sixteen axes with long paths, three figures."""
    rows = [
        row(
            n,
            {f"scenario.models.a-rather-long-name-{k}.latency_limit_s": 0.5**k * (n + 1) for k in range(16)},
            1.0 + n % 7,
            2.0 + n % 5,
            100.0 + n % 3,
        )
        for n in range(30)
    ]
    return summarise("wide", gather(rows), ("latency_s", "energy_j", "price_usd"))
