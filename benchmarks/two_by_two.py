"""The 2x2 study beside ours: SCAR's Fig. 2, and GPT-2 with ResNet-50 against a monolithic chip. Prints Markdown.

    python -m benchmarks.two_by_two            # the reference settings, about a minute
    python -m benchmarks.two_by_two --every    # every setting of what the papers leave open, about ten minutes
    python -m benchmarks.two_by_two --every --write docs/reproduction/two-by-two.md

`--write` replaces the tables of a page: what stands between `<!-- NAME -->` and `<!-- end -->`. Nothing is tuned.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from pathlib import Path

from chipweave.study.fig_2 import (
    PUBLISHED,
    Bar,
    Fig2Setting,
    WorkedCase,
    deciding_term,
    every_fig_2_setting,
    worked_case,
)
from chipweave.study.hardware import Hardware, MappingText
from chipweave.study.two_by_two import (
    BASELINES,
    BATCHES,
    EFFICIENCY,
    MODES,
    THROUGHPUT,
    Findings,
    Study,
    TwoByTwoSetting,
    every_setting,
    findings,
    largest_change,
    reference_settings,
    study,
)
from chipweave.study.verdict import Verdict, verdict

MARKS = {Verdict.REPRODUCED: "**", Verdict.ORDER: "", Verdict.NOT: "*"}
"""Around a figure in a table: reproduced in bold, not reproduced in italics."""

FLOORS = (None, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", action="store_true", help="also every setting of what the papers leave open")
    parser.add_argument("--write", type=Path, help="a page whose tables to replace")
    arguments = parser.parse_args()
    cases = [worked_case(Fig2Setting(hardware)) for hardware in variants()]
    studies = [_counted(study, setting, "reference") for setting in reference_settings()]
    tables = {
        "fig-2": fig_2_table(cases),
        "fig-2-causes": fig_2_causes(cases),
        "modes-1": modes_table([s for s in studies if s.setting.batch == 1]),
        "modes-32": modes_table([s for s in studies if s.setting.batch == 32]),
        "rates-32": rates_table([s for s in studies if s.setting.batch == 32]),
        "causes-1": causes_table([s for s in studies if s.setting.batch == 1]),
        "causes-32": causes_table([s for s in studies if s.setting.batch == 32]),
    }
    if arguments.every:
        every = [worked_case(setting, search=False) for setting in every_fig_2_setting()]
        tables["fig-2-every"] = fig_2_ranges(every)
        found = [_counted(study, setting, "every") for setting in every_setting()]
        tables["every"] = ranges_table(found)
        tables["chips"] = chips_table(found)
        tables["verdicts"] = verdicts_table(every, found)
    else:
        tables["verdicts"] = verdicts_table(cases, studies)
    for name, table in tables.items():
        print(f"\n### {name}\n\n{table}")
    if arguments.write:
        write_tables(arguments.write, tables)


def write_tables(path: Path, tables: dict[str, str]) -> None:
    """Put tables into a page, each between `<!-- NAME -->` and `<!-- end -->`; those without a place are left out."""
    page = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        place = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)"
        page = re.sub(place, lambda m, t=table: f"{m[1]}\n{t}\n\n{m[2]}", page, flags=re.S)
    path.write_text(page, encoding="utf-8")


def _counted(run: Callable[[TwoByTwoSetting], Study], setting: TwoByTwoSetting, what: str) -> Study:
    hardware = setting.hardware
    print(
        f"{what}: batch {setting.batch}, {hardware.fidelity}, floor {hardware.floor}, {hardware.mapping}, "
        f"NoC {hardware.noc_bandwidth}, DRAM {hardware.dram_bandwidth_bytes_s:.3g}, {setting.objective}",
        file=sys.stderr,
        flush=True,
    )
    return run(setting)


def variants() -> list[Hardware]:
    """The columns of the reference tables."""
    return [Hardware(floor=floor, mapping=mapping) for floor in FLOORS for mapping in MappingText]


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def column(hardware: Hardware) -> str:
    return f"{hardware.mapping}, {'no floor' if hardware.floor is None else f'floor {hardware.floor}'}"


def marked(published: float | Sequence[float], ours: float) -> str:
    mark = MARKS[verdict(published, ours)]
    return f"{mark}{ours:.3g}{mark}"


def fig_2_table(cases: Sequence[WorkedCase]) -> str:
    """EDP over A1's or B1's, per figure and hardware; B with chiplet 1 of either kind."""
    flipped = {case.setting: worked_case(Fig2Setting(case.setting.hardware, start="O"), search=False) for case in cases}
    text = {"A2": "0.78", "A3": "0.52 or 0.48", "B2": "0.30", "B3": "0.28"}
    rows = [
        [f"{name}{' (B1 on WS)' if name[0] == 'B' else ''}", text[name]]
        + [marked(PUBLISHED[name], case.bar(name).edp) for case in cases]
        for name in PUBLISHED
    ]
    rows += [
        [f"{name} (B1 on OS)", text[name]]
        + [marked(PUBLISHED[name], flipped[case.setting].bar(name).edp) for case in cases]
        for name in ("B2", "B3")
    ]
    rows.append(["A3: kinds", "?"] + [case.bar("A3").kinds for case in cases])
    rows.append(["affinity of the 3 + 1 layers", "?"] + [f"{c.affinity[:3]} + {c.affinity[3]}" for c in cases])
    rows.append(["A1 > A2 > A3", "yes"] + ["yes" if case.order[0] else "no" for case in cases])
    rows.append(["B1 > B2 > B3 (B1 on WS)", "yes"] + ["yes" if case.order[1] else "no" for case in cases])
    rows += [
        [f"best that `scar` finds, over {name[-1]}1", ""] + [f"{case.bar(name).edp:.3g}" for case in cases]
        for name in ("best A", "best B")
    ]
    return markdown(["EDP ratio", "paper", *(column(case.setting.hardware) for case in cases)], rows)


def fig_2_causes(cases: Sequence[WorkedCase]) -> str:
    """Latency and energy ratio behind each EDP ratio, and the term of each that changes most."""
    rows = []
    for case in cases:
        for name in PUBLISHED:
            bar, reference = case.bar(name), case.bar(f"{name[0]}1")
            term, before_s, after_s = deciding_term(reference.times, bar.times)
            part, before_j, after_j = largest_change(reference.evaluation.energy, bar.evaluation.energy)
            rows.append(
                [
                    column(case.setting.hardware),
                    name,
                    f"{bar.latency:.3g}",
                    f"{term}: {before_s * 1e3:.3g} to {after_s * 1e3:.3g} ms",
                    f"{bar.energy:.3g}",
                    f"{part}: {before_j * 1e3:.3g} to {after_j * 1e3:.3g} mJ",
                ]
            )
    return markdown(["mapping, floor", "", "latency ratio", "its cause", "energy ratio", "its cause"], rows)


def fig_2_ranges(cases: Sequence[WorkedCase]) -> str:
    """Per figure and hardware column: the range over all other open parameters, and how often it is reproduced."""

    def cell(name: str, some: Sequence[Bar]) -> str:
        edp = [bar.edp for bar in some]
        return f"{span(edp)}; {counts(verdict(PUBLISHED[name], ratio) for ratio in edp)}"

    rows = []
    for name in PUBLISHED:
        for start in ("W", "O") if name[0] == "B" else ("W",):
            label = f"{name} (B1 on {start}S)" if name[0] == "B" else name
            row = [label]
            for hardware in variants():
                some = [c.bar(name) for c in cases if _column_of(c) == column(hardware) and c.setting.start == start]
                row.append(cell(name, some))
            rows.append(row)
    return markdown(["figure", *map(column, variants())], rows)


def _column_of(case: WorkedCase) -> str:
    return column(case.setting.hardware)


def modes_table(studies: Sequence[Study]) -> str:
    """Throughput and efficiency of every mode over the plainest monolithic chip."""
    rows = []
    for number, mode in enumerate(MODES):
        mixed = "pipelined" in mode.name and len(set(mode.kinds)) == 2
        row = [mode.name, f"up to {THROUGHPUT}; {EFFICIENCY}" if mixed else "?"]
        for s in studies:
            gain = s.gains[0][number]
            if mixed:
                row.append(f"{marked(THROUGHPUT, gain.throughput)}; {marked(EFFICIENCY, gain.efficiency)}")
            else:
                row.append(f"{gain.throughput:.3g}; {gain.efficiency:.3g}")
        rows.append(row)
    return markdown(["throughput; efficiency", "paper", *(column(s.setting.hardware) for s in studies)], rows)


def rates_table(studies: Sequence[Study]) -> str:
    """Each model's samples per second over the plainest monolithic chip's, and the chiplets it ran on."""
    rows = [
        [mode.name]
        + [
            "; ".join(f"{rate:.3g} on {kinds}" for rate, kinds in zip(g.rates, s.modes[number].kinds, strict=True))
            for s in studies
            for g in [s.gains[0][number]]
        ]
        for number, mode in enumerate(MODES)
    ]
    return markdown(["GPT-2; ResNet-50", *(column(s.setting.hardware) for s in studies)], rows)


def causes_table(studies: Sequence[Study]) -> str:
    """The factors of each mode's throughput, the dominant one in bold, and the energy part that changes most."""
    rows = []
    for s in studies:
        for gain in s.gains[0]:
            factors = {name: f"{getattr(gain.factors, name):.3g}" for name in ("transfers", "size", "kind", "busy")}
            factors[gain.factors.dominant] = f"**{factors[gain.factors.dominant]}**"
            part, before_j, after_j = gain.energy_part
            rows.append(
                [
                    column(s.setting.hardware),
                    gain.mode,
                    f"{gain.throughput:.3g}",
                    *factors.values(),
                    f"{gain.efficiency:.3g}",
                    f"{part}: {before_j:.3g} to {after_j:.3g} J",
                ]
            )
    header = ["mapping, floor", "mode", "throughput", "transfers", "size", "kind", "busy", "efficiency", "its cause"]
    return markdown(header, rows)


Held = tuple[TwoByTwoSetting, Findings]


def held(studies: Sequence[Study]) -> list[Held]:
    """The findings of every setting against every monolithic chip."""
    return [(s.setting, findings(gains)) for s in studies for gains in s.gains]


def span(values: Sequence[float]) -> str:
    return f"{min(values):.3g} to {max(values):.3g}"


def counts(verdicts: Iterable[Verdict]) -> str:
    hits = Counter(verdicts)
    return " / ".join(str(hits[kind]) for kind in Verdict)


def chips_table(studies: Sequence[Study]) -> str:
    """Per kind of monolithic chip: ranges over everything else, and the homogeneous packages beside."""
    rows = []
    for chip, floor in product((baseline.name for baseline in BASELINES), FLOORS):
        at_floor = [s for s in studies if s.setting.hardware.floor == floor]
        some = [gains for s in at_floor for gains in s.gains if gains[0].baseline == chip]
        found = [findings(gains) for gains in some]
        rows.append(
            [
                f"{chip}, {'no floor' if floor is None else f'floor {floor}'}",
                f"{span([f.throughput[0].throughput for f in found])}; {counts(f.throughput[1] for f in found)}",
                f"{span([f.efficiency[0].efficiency for f in found])}; {counts(f.efficiency[1] for f in found)}",
                counts(f.together[1] for f in found),
            ]
        )
    return markdown(["monolithic chip, floor", "throughput (2.2)", "efficiency (1.9)", "both at once"], rows)


def ranges_table(studies: Sequence[Study]) -> str:
    """Per batch and hardware column: ranges over all other open parameters and all monolithic chips."""

    rows = []
    for batch in BATCHES:
        for hardware in variants():
            some = [f for s, f in held(studies) if s.batch == batch and column(s.hardware) == column(hardware)]
            rows.append(
                [
                    f"{batch}, {column(hardware)}",
                    f"{span([f.throughput[0].throughput for f in some])}; {counts([f.throughput[1] for f in some])}",
                    f"{span([f.efficiency[0].efficiency for f in some])}; {counts([f.efficiency[1] for f in some])}",
                    counts([f.together[1] for f in some]),
                    f"{sum(f.order for f in some)} of {len(some)}",
                    span([f.heterogeneity[0] for f in some]),
                    span([f.heterogeneity[1] for f in some]),
                    span([f.heterogeneity[2] for f in some]),
                ]
            )
    return markdown(
        [
            "batch, mapping, floor",
            "throughput (2.2)",
            "efficiency (1.9)",
            "both at once",
            "order",
            "het. over hom.: throughput",
            "efficiency",
            "EDP",
        ],
        rows,
    )


def verdicts_table(cases: Sequence[WorkedCase], studies: Sequence[Study]) -> str:
    """One row a claim: in how many settings it is reproduced, in order only, or not."""
    rows = []

    def row(claim: str, figure: str, verdicts: Sequence[Verdict]) -> None:
        hits = Counter(verdicts)
        rows.append([claim, figure, *(str(hits[kind]) for kind in Verdict), str(len(verdicts))])

    def yes(values: Iterable[bool]) -> list[Verdict]:
        return [Verdict.REPRODUCED if value else Verdict.NOT for value in values]

    def worse(verdicts: Iterable[Verdict]) -> Verdict:
        return max(verdicts, key=list(Verdict).index)

    found = [f for _, f in held(studies)]
    row("throughput of the best mixed package", "2.2", [f.throughput[1] for f in found])
    row("efficiency of the best mixed package", "1.9", [f.efficiency[1] for f in found])
    row("both, each by its best package", "2.2 and 1.9", [worse((f.throughput[1], f.efficiency[1])) for f in found])
    row("both, in one schedule of any mixed package", "2.2 and 1.9", [f.together[1] for f in found])
    row("mixed pipelined < mixed standalone < monolithic, EDP", "(Fig. 2)", yes(f.order for f in found))
    row("mixed beats homogeneous, pipelined, EDP", "implied", yes(f.heterogeneity[2] < 1 - 1e-9 for f in found))
    alone = [case for case in cases if case.setting.start == "W"]
    for name, figure in (("A2", "0.78"), ("A3", "0.52 or 0.48"), ("B2", "0.30"), ("B3", "0.28")):
        some = alone if name[0] == "A" else cases
        row(f"Fig. 2, {name}", figure, [verdict(PUBLISHED[name], case.bar(name).edp) for case in some])
    for one, two, some in (("A2", "A3", alone), ("B2", "B3", cases)):
        both = [worse(verdict(PUBLISHED[name], case.bar(name).edp) for name in (one, two)) for case in some]
        row(f"Fig. 2, {one} and {two} together", "", both)
    row("Fig. 2, A1 > A2 > A3", "yes", yes(case.order[0] for case in alone))
    row("Fig. 2, B1 > B2 > B3", "yes", yes(case.order[1] for case in cases))
    row("Fig. 2, both orders", "yes", yes(all(case.order) for case in cases))
    return markdown(["claim", "paper", "reproduced", "order only", "not", "settings"], rows)


if __name__ == "__main__":
    main()
