"""The 2x2 study: GPT-2 and ResNet-50 on four chiplets against a monolithic chip, in every setting of what is open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from chipweave.reproduction.exhibit import (
    Cell,
    Exhibit,
    Finding,
    Look,
    Panel,
    Row,
    Series,
    Table,
    Verdict,
    verdict_of_ratio,
    weakest,
)
from chipweave.reproduction.question import Answer, Answers, Question
from chipweave.study.hardware import Hardware, MappingText
from chipweave.study.two_by_two import (
    BASELINES,
    BATCHES,
    EFFICIENCY,
    HETEROGENEOUS,
    MODES,
    THROUGHPUT,
    Factors,
    Findings,
    Gain,
    TwoByTwoSetting,
    every_setting,
    findings,
    reference_settings,
    study,
)

TITLE = "The 2x2 study: mixed packages against a monolithic chip"
FLOORS = (None, 64)
COLUMNS = tuple(Hardware(floor=floor, mapping=mapping) for floor, mapping in product(FLOORS, MappingText))
REFERENCE_BATCHES = (1, 32)
SAME = 1e-9
"""Less is rounding."""


@dataclass(frozen=True)
class Pair:
    """A question: all modes and monolithic chips in one setting."""

    setting: TwoByTwoSetting

    def answer(self) -> dict[str, Any]:
        """`gains`: per monolithic chip that differs, the plainest first, each mode over it, as `Gain`."""
        return {"gains": [[asdict(gain) for gain in gains] for gains in study(self.setting).gains]}


def questions(quick: bool) -> list[Question]:
    """Every setting; of a quick run the reference settings with a batch of 1 and no floor."""
    some = [each for each in reference_settings() if each.batch == 1 and each.hardware.floor is None]
    return [Pair(setting) for setting in (some if quick else every_setting())]


def gains_of(answer: Answer) -> list[list[Gain]]:
    """The gains of an answer, as they were."""
    return [[_gain(each) for each in gains] for gains in answer["gains"]]


def _gain(plain: Mapping[str, Any]) -> Gain:
    changed = {
        "rates": tuple(plain["rates"]),
        "factors": Factors(**plain["factors"]),
        "energy_part": tuple(plain["energy_part"]),
    }
    return Gain(**{**plain, **changed})


@dataclass(frozen=True)
class Held:
    """What one setting beside one monolithic chip says."""

    setting: TwoByTwoSetting
    chip: str
    found: Findings

    @property
    def throughput(self) -> Verdict:
        return verdict_of_ratio(THROUGHPUT, self.found.throughput[0].throughput)

    @property
    def efficiency(self) -> Verdict:
        return verdict_of_ratio(EFFICIENCY, self.found.efficiency[0].efficiency)

    @property
    def together(self) -> Verdict:
        """The worse verdict on the one schedule, of any mixed package, that comes closest to both figures."""
        closest = self.found.together[0]
        both = (verdict_of_ratio(THROUGHPUT, closest.throughput), verdict_of_ratio(EFFICIENCY, closest.efficiency))
        return weakest(both)

    @property
    def mixing_pays(self) -> bool:
        """Whether the best mixed package has less EDP than the best of one kind, both pipelined."""
        return self.found.heterogeneity[2] < 1 - SAME


def exhibit(answers: Answers) -> Exhibit:
    """The reference settings, and the ranges over every setting."""
    known = {s: gains_of(answers[Pair(s)]) for s in every_setting() if "gains" in answers.get(Pair(s), {})}
    held = [Held(s, gains[0].baseline, findings(gains)) for s, chips in known.items() for gains in chips]
    return Exhibit(
        name="two-by-two",
        title=TITLE,
        source="2x2 study, abstract",
        setting=_SETTING,
        tables=(
            *(table for batch in REFERENCE_BATCHES for table in _modes(known, batch)),
            _causes(known),
            _by_chip(known, held),
            _by_batch(held),
        ),
        findings=_findings(held),
        panels=(
            _panel(held, "throughput", THROUGHPUT, lambda each: each.found.throughput[0].throughput),
            _panel(held, "efficiency", EFFICIENCY, lambda each: each.found.efficiency[0].efficiency),
        ),
        columns=2,
        notes=_NOTES,
    )


_SETTING = (
    "Of the study (Odema, Kwon, Al Faruque; arXiv 2312.09401) only the abstract is public: GPT-2 and ResNet-50 on "
    "four chiplets, up to 2.2x the throughput and 1.9x the energy efficiency of a monolithic accelerator with "
    "optimised output-stationary dataflow. All else is our reconstruction, and is varied: batch 1 to 32; SCAR's "
    "printed equations (fidelity `paper`) or `detailed`; MAESTRO's off-chip floor off or 64 elements per cycle; its "
    "mapping text; the NoC of a chiplet (256; 16 and 4096 elements per cycle); DRAM (64; 128 and 256 GB/s); the "
    "objective (EDP; latency and energy); what the monolithic chip is. The pair is the small GPT-2 (12 blocks of "
    "768, 128 tokens) and ResNet-50, a batch of each; a chiplet has 4,096 PEs and 10 MB of L2, and is weight "
    "stationary (WS, NVDLA-like) or output stationary (OS, ShiDianNao-like). Throughput counts rounds of the pair, "
    "efficiency samples per joule, both over the monolithic chip's: one output-stationary chip with the PEs and L2 "
    "of all four, the models one after another. *Standalone* is one chiplet for each model; *pipelined* is SCAR's "
    "search with every provisioning tried. The cost model is `maestro`."
)
_NOTES = (
    "Mapping texts: `fixed` are MAESTRO's `kcp_ws` and `yxp_os`; `square` has `yxp_os` on a square array; `channels` "
    "has MAESTRO's `ykp_os`, which spreads output rows and channels over the output-stationary array; `auto` takes "
    "the best sizes for each layer. The reference tables are fidelity `paper`, EDP search, NoC 256, 64 GB/s, beside "
    "a monolithic chip with the NoC and mapping text of a chiplet.",
    "**Causes.** Throughput = transfers x size x kind x busy, exactly. *Transfers*: latency over compute time of the "
    "monolithic chip, how long it waits for data. *Size*: compute time of all layers on the monolithic chip over "
    "that on one output-stationary chiplet, a quarter of it; 0.25 where work scales with the PEs, 1 where the other "
    "three quarters idle. *Kind*: compute time on one output-stationary chiplet over that on the chiplets which were "
    "chosen. *Busy*: how many of them compute on average. So the gain has two causes: several chiplets are busy at "
    "once, while a chip of four times the PEs finds no use for them; and weight-stationary chiplets need less time "
    "(without the floor) and a fraction of the L2 accesses, which is nearly all of the gain in energy but with "
    "`auto`.",
    "**At batch 1** the printed equations have no term for a pipeline of samples: two chiplets work at a time, and the "
    "rest is the dataflow's.",
    '**What "optimised output-stationary dataflow" was decides more than any scheduler does.** *Best mapping* in the '
    "table by monolithic chip lets it have the best sizes where the chiplets have one of MAESTRO's texts.",
    "The direction is a weak statement: for a published 2.2 any gain above 1 has it, so the ranges stand beside it.",
)


def column(hardware: Hardware) -> str:
    """What a mapping text and a floor are called."""
    return f"{hardware.mapping}, {'no floor' if hardware.floor is None else f'floor {hardware.floor}'}"


Known = Mapping[TwoByTwoSetting, Sequence[Sequence[Gain]]]
"""Per setting that was asked, the gains over each monolithic chip."""


def _modes(known: Known, batch: int) -> Iterator[Table]:
    """Throughput and efficiency of every mode over the plainest monolithic chip."""
    names = tuple(map(column, COLUMNS))
    for name, published in (("throughput", THROUGHPUT), ("efficiency", EFFICIENCY)):
        rows = []
        for number, mode in enumerate(MODES):
            paper = published if mode.name in HETEROGENEOUS else None
            found = [known.get(TwoByTwoSetting(hardware, batch)) for hardware in COLUMNS]
            ours = [None if each is None else getattr(each[0][number], name) for each in found]
            rows.append(Row(mode.name, tuple(Cell(paper, each) for each in ours)))
        yield Table(f"{name.capitalize()} over the monolithic chip, batch {batch}", "", "mode", names, tuple(rows))


def _causes(known: Known) -> Table:
    """Of the mixed package with the best throughput, why."""
    parts = ("transfers", "size", "kind", "busy")
    rows = []
    for batch, hardware in product(REFERENCE_BATCHES, COLUMNS):
        chips = known.get(TwoByTwoSetting(hardware, batch))
        cells = (Cell(None, None),) * (len(parts) + 1)
        if chips is not None:
            best = findings(chips[0]).throughput[0]
            cells = (Cell(None, best.throughput), *(Cell(None, getattr(best.factors, part)) for part in parts))
        rows.append(Row(f"batch {batch}, {column(hardware)}", cells))
    return Table(
        "Why the mixed package with the best throughput is faster", "", "setting", ("throughput", *parts), tuple(rows)
    )


_RANGES = (
    "throughput, least",
    "throughput, most",
    "efficiency, least",
    "efficiency, most",
    "settings",
    "2.2 holds",
    "1.9 holds",
    "both hold",
    "ordered",
    "mixing pays",
)


def _ranges(name: str, some: Sequence[Held], asked: int) -> Row:
    """Ranges and counts over settings; nothing where not all of them were asked."""
    if not some or len({each.setting for each in some}) < asked:
        return Row(name, (Cell(None, None),) * len(_RANGES))
    throughput = [each.found.throughput[0].throughput for each in some]
    efficiency = [each.found.efficiency[0].efficiency for each in some]
    figures = (
        min(throughput),
        max(throughput),
        min(efficiency),
        max(efficiency),
        len(some),
        sum(each.throughput is Verdict.HOLDS for each in some),
        sum(each.efficiency is Verdict.HOLDS for each in some),
        sum(each.together is Verdict.HOLDS for each in some),
        sum(each.found.order for each in some),
        sum(each.mixing_pays for each in some),
    )
    return Row(name, tuple(Cell(None, figure) for figure in figures))


def _by_batch(held: Sequence[Held]) -> Table:
    """Per batch, mapping text and floor, over all else and all monolithic chips."""
    settings = every_setting()

    def row(batch: int, hardware: Hardware) -> Row:
        def same(setting: TwoByTwoSetting) -> bool:
            return setting.batch == batch and column(setting.hardware) == column(hardware)

        asked = sum(map(same, settings))
        return _ranges(f"{batch}, {column(hardware)}", [each for each in held if same(each.setting)], asked)

    rows = tuple(row(batch, hardware) for batch, hardware in product(BATCHES, COLUMNS))
    return Table("Every setting, by batch, mapping text and floor", "", "batch, mapping, floor", _RANGES, rows)


def _by_chip(known: Known, held: Sequence[Held]) -> Table:
    """Per kind of monolithic chip and floor, over all else."""
    whole = len(known) == len(every_setting())
    rows = []
    for chip, floor in product((baseline.name for baseline in BASELINES), FLOORS):
        some = [each for each in held if each.chip == chip and each.setting.hardware.floor == floor]
        name = f"{chip}, {'no floor' if floor is None else f'floor {floor}'}"
        rows.append(_ranges(name, some if whole else [], 1))
    return Table("Every setting, by monolithic chip and floor", "", "monolithic chip, floor", _RANGES, tuple(rows))


def of_most(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict over settings: it holds where it holds in more than half of them, in direction where more than half
    hold or point the same way."""
    counted = list(verdicts)
    if not counted:
        return Verdict.UNTOLD
    holds, direction = counted.count(Verdict.HOLDS), counted.count(Verdict.DIRECTION)
    if 2 * holds > len(counted):
        return Verdict.HOLDS
    return Verdict.DIRECTION if 2 * (holds + direction) > len(counted) else Verdict.NOT


def _findings(held: Sequence[Held]) -> tuple[Finding, ...]:
    if not held:
        return ()
    many = f"of {len(held):,} settings"
    rule = "Rule: the verdict of more than half of the settings; in one it holds within 10 %."

    def ratio(claim: str, published: float, ours: Sequence[float], verdicts: Sequence[Verdict]) -> Finding:
        holds, direction = verdicts.count(Verdict.HOLDS), verdicts.count(Verdict.DIRECTION)
        return Finding(
            claim=claim,
            where="2x2 study, abstract",
            published=f"up to {published}",
            ours=f"{min(ours):.3g} to {max(ours):.3g}",
            verdict=of_most(verdicts),
            reason=f"It holds in {holds} {many} and in direction in {direction} more. {rule}",
        )

    def statement(claim: str, where: str, true: Sequence[bool], reason: str) -> Finding:
        verdict = of_most(Verdict.HOLDS if each else Verdict.NOT for each in true)
        return Finding(claim, where, "so", f"in {sum(true)} {many}", verdict, reason)

    return (
        ratio(
            "Up to 2.2 times the throughput of the monolithic accelerator.",
            THROUGHPUT,
            [each.found.throughput[0].throughput for each in held],
            [each.throughput for each in held],
        ),
        ratio(
            "Up to 1.9 times its energy efficiency.",
            EFFICIENCY,
            [each.found.efficiency[0].efficiency for each in held],
            [each.efficiency for each in held],
        ),
        Finding(
            claim="One schedule has both.",
            where="2x2 study, abstract",
            published="not said",
            ours=f"in {sum(each.together is Verdict.HOLDS for each in held)} {many}",
            verdict=Verdict.UNTOLD,
            reason="The abstract does not say whether both maxima are of one schedule.",
        ),
        statement(
            "Mixed and pipelined is better than mixed and standalone, and that than monolithic, by EDP.",
            "implied by the abstract; SCAR, Fig. 2",
            [each.found.order for each in held],
            "Packages of weight-stationary chiplets alone have it as well. Rule: more than half of the settings.",
        ),
        statement(
            "Mixing dataflows pays: the best mixed package is better than the best of one kind, by EDP.",
            "implied by the abstract",
            [each.mixing_pays for each in held],
            "With MAESTRO's official texts weight-stationary chiplets are better for nearly all layers, so that a "
            "mixed package uses those alone or loses. Rule: more than half of the settings.",
        ),
    )


def _panel(held: Sequence[Held], name: str, published: float, figure: Callable[[Held], float]) -> Panel:
    """Every setting as a point, by batch."""
    series = []
    for floor in FLOORS:
        some = [each for each in held if each.setting.hardware.floor == floor]
        if some:
            x = tuple(float(each.setting.batch) for each in some)
            series.append(Series("no floor" if floor is None else f"floor {floor}", x, tuple(map(figure, some))))
    ends = (float(BATCHES[0]), float(BATCHES[-1]))
    series.append(Series(f"up to {published}", ends, (published, published), published=True))
    title = f"{name} of the best mixed package, every setting"
    y_label = f"{name} over the monolithic chip"
    return Panel(title, Look.POINTS, "batch", y_label, tuple(series), logarithmic=True, logarithmic_x=True)
