"""A language model in service for people, and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chipweave.report.naming import ranges
from chipweave.report.quantities import quantity
from chipweave.serving.apart import Apart, Side
from chipweave.serving.lengths import Lengths, shown
from chipweave.serving.service import Served

PERCENTILES = (0.5, 0.9, 0.99)
"""Of the time to the first token."""

Lines = list[tuple[str, str]]


def heading(served: Served) -> str:
    batch, package = served.service.batch, served.decode.problem.package.name
    sequences = "1 sequence" if batch == 1 else f"{batch:,} sequences"
    prompts, outputs = shown(_lengths(served, "prompt")), shown(_lengths(served, "output"))
    return f"{served.model} on {package}: {sequences}, {prompts} tokens in, {outputs} out"


def lines_of(served: Served) -> Lines:
    """What is shown, and what it comes to."""
    asked, first, last = served.service, served.priced[0], served.priced[-1]
    many = f"{len(served.priced)} from {first.context:,} to {last.context:,} tokens were evaluated"
    priced = f"{many}; the others lie on lines between them, to {100 * served.off:.1g} %"
    each = f"{served.tokens_per_s / asked.batch:.2f} of a sequence"
    prefill_j = served.energy_j - served.decode_j
    return [
        ("time to first token", f"{quantity(served.ttft_s, 's')}{_within(asked.ttft_limit_s)}{_spread(served)}"),
        (
            "time per output token",
            f"{quantity(served.tpot_s, 's')}{_within(asked.tpot_limit_s)}: {quantity(first.latency_s, 's')} behind "
            f"{first.context:,} tokens, {quantity(last.latency_s, 's')} behind {last.context:,}",
        ),
        (
            "tokens per second",
            f"{served.tokens_per_s:.2f} in decode, {each}; {served.tokens_per_s_with_prefill:.2f} with prefill",
        ),
        ("from prompt to end", quantity(served.request_s, "s")),
        (
            "energy",
            f"{quantity(served.energy_j, 'J')}, of which prefill {quantity(prefill_j, 'J')}; "
            f"{served.tokens_per_j:.4g} tokens per joule",
        ),
        (
            "memory roofline",
            f"{100 * served.memory_roofline:.1f} % of decode's time is what its bytes need at the full bandwidth",
        ),
        ("contexts", priced),
        *_caches(served),
        *_distances(served),
        *(_side_by_side(served, served.apart) if served.apart is not None else []),
    ]


def _distances(served: Served) -> Lines:
    """By what is proven of each plan, and of the time per output token by any plan."""
    far = [
        f"{name} at most {100 * result.gap:.1f} %"
        for name, result in (("prefill", served.prefill), ("decode", served.decode))
        if result.gap is not None and not (served.service.repeat and name == "decode")
    ]
    least = f"time per output token at most {100 * served.tpot_gap:.1f} %, {quantity(served.least_tpot_s, 's')} proven"
    return [("from the best", "; ".join([*far, least]))]


def _caches(served: Served) -> Lines:
    """Where they are, of repeated steps."""
    if not served.service.repeat:
        return []
    held = served.held_bytes
    if held is None:
        return [("caches", "from DRAM with every step")]
    return [("caches", f"stay in L2, {max(held.values()) / 1e6:,.4g} MB on the chiplet that holds most, at the end")]


def _side_by_side(served: Served, apart: Apart) -> Lines:
    moved, period = apart.moved, quantity(apart.period_s, "s")
    shared = f"{quantity(apart.shared_s, 's')} of {apart.shared_place}"
    sides = f"{_side('prefill', apart.prefill)}, {_side('decode', apart.decode)}, {shared}"
    tried = ", ".join(
        f"{each.prefill_chiplets}: {'limits missed' if each.period_s is None else quantity(each.period_s, 's')}"
        for each in apart.tried
    )
    return [
        ("side by side", f"a batch every {period}, bound by {apart.bound_by}: {sides}"),
        ("  chiplets of prefill", f"{ranges(apart.prefill.chiplets)}; tried: {tried}"),
        ("  time to first token", f"{quantity(apart.ttft_s, 's')}; per output token {quantity(apart.tpot_s, 's')}"),
        ("  tokens per second", f"{apart.tokens_per_s:.2f}; {apart.tokens_per_j:.4g} per joule"),
        ("  verdict", verdict(served, apart)),
        (
            "  caches moved",
            f"{moved.bytes_ / 1e6:,.4g} MB a batch: through the DRAM {quantity(moved.dram_s, 's')} and "
            f"{quantity(moved.dram_j, 'J')}, which are part of both plans; over the links it would be "
            f"{quantity(moved.links_s, 's')} and {quantity(moved.links_j, 'J')}",
        ),
    ]


def verdict(served: Served, apart: Apart) -> str:
    """Which of the two gives more tokens per second, and by how much; and what each token costs."""
    ratio = apart.tokens_per_s / served.tokens_per_s_with_prefill
    name = "side by side" if ratio >= 1 else "one after another"
    more = f"{name} gives {100 * (max(ratio, 1 / ratio) - 1):.1f} % more tokens per second"
    energy = apart.tokens_per_j / served.tokens_per_j
    spent = "more" if energy < 1 else "less"
    return f"{more}; side by side spends {100 * abs(1 / energy - 1):.1f} % {spent} energy a token"


def served_to_dict(served: Served) -> dict[str, Any]:
    """JSON-able data of all figures."""
    names = ("ttft_s", "tpot_s", "request_s", "energy_j", "tokens_per_s", "tokens_per_s_with_prefill", "tokens_per_j")
    asked = asdict(served.service)
    several = {}
    for name in ("prompt", "output"):
        lengths = _lengths(served, name)
        if len(lengths) > 1:
            asked[name] = [{"length": length, "share": share} for length, share in lengths]
    if len(served.parts) > 1:
        several = {
            "ttft_percentiles_s": {f"p{100 * share:g}": served.ttft_within_s(share) for share in PERCENTILES},
            "parts": [
                {
                    "share": part.share,
                    "prompt": part.service.prompt,
                    "output": part.service.output,
                    "ttft_s": part.prefill.evaluation.latency_s,
                    "tpot_s": part.decoded.seconds / part.service.steps,
                    "energy_j": part.prefill.evaluation.energy_j + part.decoded.joules,
                }
                for part in served.parts
            ],
        }
    return {
        "model": served.model,
        "package": served.decode.problem.package.name,
        **asked,
        **{name: getattr(served, name) for name in names},
        "memory_roofline": served.memory_roofline,
        "steps": [asdict(step) for step in served.priced],
        "off": served.off,
        "gaps": {"prefill": served.prefill.gap, "decode": served.decode.gap, "tpot": served.tpot_gap},
        "least_tpot_s": served.least_tpot_s,
        "caches_held_bytes": None if served.held_bytes is None else {str(k): v for k, v in served.held_bytes.items()},
        **several,
        **({"side_by_side": _apart_to_dict(served, served.apart)} if served.apart is not None else {}),
    }


def _apart_to_dict(served: Served, apart: Apart) -> dict[str, Any]:
    names = ("period_s", "bound_by", "ttft_s", "tpot_s", "energy_j", "tokens_per_s", "tokens_per_j")
    return {
        "prefill": _side_to_dict(apart.prefill),
        "decode": _side_to_dict(apart.decode),
        "shared_s": apart.shared_s,
        "shared_place": apart.shared_place,
        **{name: getattr(apart, name) for name in names},
        "tokens_per_s_over_one_after_another": apart.tokens_per_s / served.tokens_per_s_with_prefill,
        "caches_moved": asdict(apart.moved),
        "tried": [asdict(each) for each in apart.tried],
    }


def _side_to_dict(side: Side) -> dict[str, Any]:
    return {"chiplets": list(side.chiplets), "seconds": side.seconds, "joules": side.joules}


def _side(name: str, side: Side) -> str:
    chiplets = f"{len(side.chiplets)} chiplet{'s' * (len(side.chiplets) > 1)}"
    return f"{name} on {chiplets} {quantity(side.seconds, 's')}"


def _spread(served: Served) -> str:
    """Percentiles, where prompts have several lengths."""
    if len(_lengths(served, "prompt")) == 1:
        return ""
    of = (f"{100 * share:g} % of requests within {quantity(served.ttft_within_s(share), 's')}" for share in PERCENTILES)
    return ", on average; " + ", ".join(of)


def _lengths(served: Served, name: str) -> Lengths:
    shares: dict[int, float] = {}
    for part in served.parts:
        length = getattr(part.service, name)
        shares[length] = shares.get(length, 0.0) + part.share
    return tuple(sorted(shares.items()))


def _within(limit_s: float | None) -> str:
    return "" if limit_s is None else f" (limit {quantity(limit_s, 's')})"
