"""What matters most about a result, in a sentence each."""

from __future__ import annotations

from chipweave.report.bottleneck import binding
from chipweave.report.quantities import percent, quantity, valued
from chipweave.results.result import Result


def bottleneck(result: Result) -> str:
    """What to look at first: the window that takes longest, and what binds it."""
    windows = result.evaluation.windows
    longest = result.evaluation.longest
    why = binding(windows[longest], result.problem)
    if len(windows) == 1:
        return f"Bound by {why}."
    window_s = windows[longest].latency_s
    share = percent(window_s, result.evaluation.latency_s)
    return f"Longest: window {longest}, {quantity(window_s, 's')} ({share}), bound by {why}."


def distance(result: Result) -> str:
    """How far the schedule may be from the best one, and how that is known."""
    bound, gap = result.certificate, result.gap
    if bound is None:
        return "How far from the best: not known, as of the objective only the name is."
    if gap is None:
        return "How far from the best: not known, a share of a value of 0 or less says nothing."
    if gap <= 0:
        return f"Proven optimal among {bound.of}."
    low = valued(bound.value, result.objective)
    return f"How far from the best: at most {100 * gap:.1f} %, by a proven lower bound of {low} on {bound.of}."
