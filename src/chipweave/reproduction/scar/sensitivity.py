"""Which of SCAR's claims are robust, and which hang on what the paper leaves open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from chipweave.reproduction.exhibit import Cell, Exhibit, Look, Panel, Row, Series, Table, Verdict, WordTable
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar.claim import Case, Claim, Scope, judged, printed
from chipweave.reproduction.scar.compare import LEVEL
from chipweave.reproduction.scar.settings import CHOICES, Choice, choices
from chipweave.reproduction.scar.statements import insights
from chipweave.reproduction.scar.statements.all_claims import CLAIMS, quick_claims

NAME = "scar-sensitivity"
TITLE = "SCAR's claims under what the paper leaves open"
MARKS = {Verdict.HOLDS: "●", Verdict.DIRECTION: "◐", Verdict.NOT: "○", Verdict.UNTOLD: "–"}
CENTRAL = insights.CLAIMS[:2]
"""Heavy scenarios want mixed packages, light ones homogeneous ones."""
MOST_BARS = 10
"""Claims in a panel."""
SAME = "="
"""The mark of a setting that changes nothing for a claim."""
MODELS = ("gpt-l", "bert-l", "u-net", "resnet-50")
ALONE = {style: Case(4, f"Stand. ({style})") for style in ("Shi", "NVD")}


class Standing(StrEnum):
    """What a sweep says of a claim: it holds, or holds in direction, in every setting in which it can be told; in some;
    in none."""

    ROBUST = "robust"
    HANGS = "hangs on an unpublished choice"
    NOWHERE = "holds nowhere"
    UNTOLD = "cannot be told"


FEW_SETTINGS = 3
"""What stands in so few settings is said to."""


@dataclass(frozen=True)
class Swept:
    """A claim under many settings.

    Args:
        number: in the list of claims.
        verdicts: by name of the setting, the profile first. A setting that changes nothing that the claim needs is
            left out: it would count the same experiments twice.
    """

    number: int
    claim: Claim
    verdicts: Mapping[str, Verdict]

    @property
    def told(self) -> tuple[Verdict, ...]:
        """The verdicts of the settings in which it can be told."""
        return tuple(each for each in self.verdicts.values() if each is not Verdict.UNTOLD)

    def share(self, *among: Verdict) -> float | None:
        """Of the settings in which it can be told, the share with one of these verdicts; None: there are none."""
        return sum(each in among for each in self.told) / len(self.told) if self.told else None

    @property
    def standing(self) -> Standing:
        """See there."""
        yes = [each is not Verdict.NOT for each in self.told]
        if not yes:
            return Standing.UNTOLD
        return Standing.ROBUST if all(yes) else Standing.HANGS if any(yes) else Standing.NOWHERE

    @property
    def flips(self) -> tuple[str, ...]:
        """The settings in which it stands otherwise than under the profile (the first of the settings)."""
        (_, usual), *others = self.verdicts.items()
        return tuple(
            name
            for name, verdict in others
            if Verdict.UNTOLD not in (verdict, usual) and (verdict is Verdict.NOT) != (usual is Verdict.NOT)
        )


def questions(quick: bool) -> list[Question]:
    """Every claim that is swept in every setting; of a quick run, few of both."""
    wanted = quick_claims() if quick else CLAIMS
    return [
        each
        for choice in choices(quick)
        for claim in wanted
        if _asks(claim, choice)
        for each in claim.experiments(choice.setting)
    ]


def _asks(claim: Claim, choice: Choice) -> bool:
    """Whether the sweep asks a claim in a setting."""
    return claim.scope is Scope.ALL or (claim.scope is Scope.FEW and choice.long)


def swept(answers: Answers) -> tuple[Swept, ...]:
    """All claims that are swept, with their verdict in every setting."""
    return tuple(
        Swept(number, claim, {each.name: judged(claim, each.setting, answers).verdict for each in _distinct(claim)})
        for number, claim in enumerate(CLAIMS, 1)
        if claim.scope is not Scope.PROFILE
    )


def _distinct(claim: Claim) -> Iterator[Choice]:
    """The settings that ask other experiments for a claim than those before them."""
    seen = set()
    for choice in CHOICES:
        experiments = claim.experiments(choice.setting)
        if experiments not in seen:
            seen.add(experiments)
            yield choice


def exhibit(answers: Answers) -> Exhibit:
    """Claims against settings with marks, sorted by their standing, and the shares as bars."""
    found = swept(answers)
    asked = [
        each
        for each in CHOICES
        if any(one.verdicts.get(each.name, Verdict.UNTOLD) is not Verdict.UNTOLD for one in found)
    ]
    told = [each for each in found if each.told]
    affinity = _affinity(answers, asked)
    return Exhibit(
        name=NAME,
        title=TITLE,
        source="SCAR, abstract and V-B to V-F",
        setting=_setting(asked),
        tables=_affinity_table(affinity),
        word_tables=tuple(
            _ranked(standing, told, asked) for standing in Standing if any(e.standing is standing for e in told)
        ),
        panels=_panels(told),
        columns=2,
        notes=(*_notes(told, asked), *_premise(affinity)),
    )


def _setting(asked: Sequence[Choice]) -> str:
    changed = "; ".join(f"*{each.name}*: {each.what}" for each in asked[1:])
    return (
        "Every claim is checked by the same code in every setting, which changes one thing of the profile, or a pair "
        f"of things. {changed}. The number of a claim is that of its list in *SCAR's claims*. Claims that take long "
        "are left out (6x6 packages, exhaustive provisioning, AR/VR's heaviest) or asked in three settings (the other "
        "ones of AR/VR). Marks: ● holds, ◐ holds in direction, ○ does not hold, – was not asked, or has no answer, "
        f"{SAME} changes nothing that the claim needs, and is not counted."
    )


def _ranked(standing: Standing, told: Sequence[Swept], asked: Sequence[Choice]) -> WordTable:
    """The claims of one standing, the surest first."""
    these = sorted((each for each in told if each.standing is standing), key=lambda each: (-_yes(each), each.number))
    last = ("holds", "or in direction", "what flips it")
    return WordTable(
        f"{standing[0].upper()}{standing[1:]}: {_meaning(standing)}",
        "claim",
        (*(each.name for each in asked), *last),
        tuple((f"{each.number} {each.claim.key}", (*_marks(each, asked), *_ends(each))) for each in these),
    )


def _meaning(standing: Standing) -> str:
    return {
        Standing.ROBUST: "at least in direction in every setting in which it can be told",
        Standing.HANGS: "in some settings at least in direction, in others not",
        Standing.NOWHERE: "in no setting",
        Standing.UNTOLD: "in no setting",
    }[standing]


def _marks(found: Swept, asked: Sequence[Choice]) -> tuple[str, ...]:
    return tuple(MARKS[found.verdicts[each.name]] if each.name in found.verdicts else SAME for each in asked)


def _ends(found: Swept) -> tuple[str, str, str]:
    told = len(found.told)
    holds, yes = round(_holds(found) * told), round(_yes(found) * told)
    return f"{holds} of {told}", f"{yes} of {told}", "; ".join(found.flips)


def _holds(found: Swept) -> float:
    return found.share(Verdict.HOLDS) or 0.0


def _yes(found: Swept) -> float:
    return found.share(Verdict.HOLDS, Verdict.DIRECTION) or 0.0


def _affinity(answers: Answers, asked: Sequence[Choice]) -> Mapping[str, Mapping[str, float]]:
    """By setting and model of scenario 4: time alone on a ShiDianNao-like chiplet over that on an NVDLA-like one."""
    found: dict[str, Mapping[str, float]] = {}
    seen = set()
    for choice in asked:
        experiments = {style: case.under(choice.setting) for style, case in ALONE.items()}
        outcomes = {style: answers.get(each, {}) for style, each in experiments.items()}
        if all("windows" in each for each in outcomes.values()) and experiments["Shi"] not in seen:
            seen.add(experiments["Shi"])
            times = {
                style: {p["task"]: p["latency_s"] for window in each["windows"] for p in window["pipelines"]}
                for style, each in outcomes.items()
            }
            found[choice.name] = {model: times["Shi"][model] / times["NVD"][model] for model in MODELS}
    return found


def _affinity_table(affinity: Mapping[str, Mapping[str, float]]) -> tuple[Table, ...]:
    if not affinity:
        return ()
    title = "Scenario 4: time of a model alone on a ShiDianNao-like chiplet over that on an NVDLA-like one"
    rows = tuple(Row(model, tuple(Cell(None, each[model]) for each in affinity.values())) for model in MODELS)
    return (Table(title, "", "model", tuple(affinity), rows),)


def _premise(affinity: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """Whether any setting has the affinities that Table IV's Standalone rows imply."""
    if not affinity:
        return ()
    shi, nvd = ({at: printed(Case(at, f"Stand. ({each})"), "latency_s") for at in (1, 3)} for each in ("Shi", "NVD"))
    both = [name for name, each in affinity.items() if each["bert-l"] > 1 + LEVEL and each["resnet-50"] < 1 - LEVEL]
    names = f" ({', '.join(f'*{name}*' for name in both)})" if both else ""
    return (
        "Table IV's Standalone rows say which dataflow a model prefers: the language models of scenario 1 take "
        f"{shi[1] / nvd[1]:.1f} times as long on ShiDianNao's as on NVDLA's, and ResNet-50 in scenario 3 at most "
        f"{shi[3] / nvd[3]:.2f} times. What the paper says of mixed packages rests on that. Of the {len(affinity)} "
        f"settings of the table of affinities, {len(both)} have both preferences{names}.",
    )


def _panels(told: Sequence[Swept]) -> tuple[Panel, ...]:
    """The shares as bars, a panel for each part of the paper; two where there are too many for one."""
    return tuple(
        _panel(title, some[at : at + MOST_BARS])
        for title, some in _by_part(told).items()
        for at in range(0, len(some), MOST_BARS)
    )


def _by_part(told: Sequence[Swept]) -> Mapping[str, Sequence[Swept]]:
    found: dict[str, list[Swept]] = {}
    for each in told:
        part = "V-F and abstract" if each.claim.where in ("V-F", "abstract") else each.claim.where[:3]
        found.setdefault("V-C to V-E" if part in ("V-C", "V-D", "V-E") else part, []).append(each)
    return found


def _panel(title: str, some: Sequence[Swept]) -> Panel:
    places = tuple(float(place) for place in range(len(some)))
    return Panel(
        title,
        Look.BARS,
        "number of the claim",
        "share of settings",
        (
            Series("holds", places, tuple(map(_holds, some))),
            Series("holds, or holds in direction", places, tuple(map(_yes, some))),
        ),
        tuple(str(each.number) for each in some),
    )


def _notes(told: Sequence[Swept], asked: Sequence[Choice]) -> tuple[str, ...]:
    """What to conclude, from the counts."""
    if not told:
        return ()
    numbers = {standing: [each.number for each in told if each.standing is standing] for standing in Standing}
    few = [each.number for each in told if each.standing is Standing.ROBUST and len(each.told) <= FEW_SETTINGS]
    turned = Counter(name for each in told for name in each.flips)
    most = ", ".join(f"*{name}* ({count})" for name, count in turned.most_common())
    none = ", ".join(f"*{each.name}*" for each in asked[1:] if each.name not in turned)
    return (
        f"**What to conclude.** {_count(len(told), 'claim')} under {_count(len(asked), 'setting')}. To be relied on "
        f"whatever SCAR did where its text is silent: {_listed(numbers[Standing.ROBUST])}"
        f"{_in_few(few)}. True or not by a choice "
        "that the paper does not state, so that they say as much of that choice as of packages and schedules: "
        f"{_listed(numbers[Standing.HANGS])}. True in none of the settings: {_listed(numbers[Standing.NOWHERE])}.",
        *([f"How many claims a choice turns from what they are under the profile: {most}."] if most else []),
        *([f"Choices that turn none: {none}."] if none else []),
        *(_central(each) for each in told if each.claim in CENTRAL),
    )


def _in_few(numbers: Sequence[int]) -> str:
    """Which of the robust claims were asked in few settings."""
    return f", of which {_listed(numbers)} were asked in {FEW_SETTINGS} settings at most" if numbers else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _listed(numbers: Sequence[int]) -> str:
    """Claims by number."""
    return f"{_count(len(numbers), 'claim')} ({', '.join(map(str, numbers))})" if numbers else "none"


def _central(found: Swept) -> str:
    """A sentence on an insight that the paper is about."""
    yes = [name for name, verdict in found.verdicts.items() if verdict in (Verdict.HOLDS, Verdict.DIRECTION)]
    where = (
        f"at least in direction under {', '.join(f'*{name}*' for name in yes)}" if yes else "under none of the settings"
    )
    return f"Claim {found.number} ({found.claim.key}) stands {where}, that is {len(yes)} of {len(found.told)}."
