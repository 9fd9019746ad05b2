"""SCAR's claims, each checked against computed results, and what keeps an insight from holding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from chipweave.reproduction.exhibit import Cell, Exhibit, Row, Table, Verdict
from chipweave.reproduction.question import Answers, Question
from chipweave.reproduction.scar.claim import Case, Claim, Scope, finding, judged, printed
from chipweave.reproduction.scar.compare import LEVEL
from chipweave.reproduction.scar.parts import Part
from chipweave.reproduction.scar.profile import MIXED, PROFILE, TABLE_IV_STRATEGIES, Setting
from chipweave.reproduction.scar.settings import CHOICES, QUICK, Choice
from chipweave.reproduction.scar.statements import insights
from chipweave.reproduction.scar.statements.all_claims import CLAIMS, quick_claims
from chipweave.reproduction.scar.statements.datacenter import LIGHT

NAME = "scar-claims"
TITLE = "SCAR's claims"
TRIED = ("floor 64", "flipped", "floor 64, flipped", "tile auto", "loopnest", "detailed")
"""Settings in which an insight is tried that does not hold under the profile."""
IMAGES = (("u-net", 1), ("resnet-50", 32))
OF_SIDES = 6
"""NVDLA-like chiplets of Het-Sides."""
PARTS: Mapping[str, tuple[tuple[str, int], ...]] = MappingProxyType(
    {
        "U-Net and ResNet-50": IMAGES,
        "with the language models as in scenario 3 (batches 1 and 3)": (("gpt-l", 1), ("bert-l", 3), *IMAGES),
        "with the language models as they are (batches 8 and 24)": (),
    }
)
"""Of scenario 4, by name; empty: all of it."""
FLOORS: Mapping[str, Setting] = MappingProxyType({"without the floor": PROFILE, "floor 64": Setting(floor=64)})


def questions(quick: bool) -> list[Question]:
    """All claims under the profile; the insights in a few settings more; scenario 4 in parts.

    Of a quick run, the claims about scenarios 1 to 3, the insights among them in fewer settings.
    """
    claims = quick_claims() if quick else CLAIMS
    asked: list[Question] = [each for claim in claims for each in claim.experiments(PROFILE)]
    for choice in _tried(quick):
        asked += [each for claim in claims if _retried(claim) for each in claim.experiments(choice.setting)]
    return asked if quick else [*asked, *_all_parts()]


def exhibit(answers: Answers) -> Exhibit:
    """The numbered list with verdicts, and scenario 4 in parts."""
    return Exhibit(
        name=NAME,
        title=TITLE,
        source="SCAR, abstract and V-B to V-F",
        setting=(
            "The profile that Table IV states; EDP search unless the claim says otherwise. *Sc* is a scenario of Table "
            f"III. An order holds if it is ours too by more than {100 * LEVEL:g} % throughout; it holds in direction "
            "if it is ours in some of the comparisons and reversed in none. A ratio that is not on the published side "
            f"of 1, by more than {100 * LEVEL:g} %, does not hold; one that is holds if it is within 10 % of the "
            "published one, and in direction otherwise; of several ratios the worst counts. Where a rule differs, the "
            "claim says so."
        ),
        tables=_parts_table(answers),
        findings=tuple(finding(claim, PROFILE, answers, _elsewhere(claim, answers)) for claim in CLAIMS),
        notes=_notes(answers),
    )


def _tried(quick: bool) -> Sequence[Choice]:
    names = [name for name in TRIED if not quick or name in QUICK]
    return [each for each in CHOICES if each.name in names]


def _retried(claim: Claim) -> bool:
    """Whether a claim is tried in other settings: the insights of V-F that the sweep asks."""
    return claim in insights.CLAIMS and claim.scope is not Scope.PROFILE


def _elsewhere(claim: Claim, answers: Answers) -> str:
    """Of an insight that does not hold under the profile: in which of the settings tried it does."""
    if not _retried(claim) or judged(claim, PROFILE, answers).verdict is not Verdict.NOT:
        return ""
    verdicts = {each.name: judged(claim, each.setting, answers).verdict for each in _tried(quick=False)}
    yes = [
        f"{verdict} under {_names(verdicts, verdict)}"
        for verdict in (Verdict.HOLDS, Verdict.DIRECTION)
        if verdict in verdicts.values()
    ]
    if Verdict.NOT not in verdicts.values():
        return "; ".join(yes)
    return "; ".join([*yes, f"{'not' if yes else 'nor'} under {_names(verdicts, Verdict.NOT)}"])


def _names(verdicts: Mapping[str, Verdict], wanted: Verdict) -> str:
    """The settings with a verdict."""
    return ", ".join(f"*{name}*" for name, verdict in verdicts.items() if verdict is wanted)


def _all_parts() -> list[Question]:
    return [_part(strategy, models, floor) for models in PARTS for floor in FLOORS for strategy in TABLE_IV_STRATEGIES]


def _part(strategy: str, models: str, floor: str) -> Question:
    setting, batches = FLOORS[floor], PARTS[models]
    return Part(4, strategy, batches, setting) if batches else Case(4, strategy).under(setting)


def _parts_table(answers: Answers) -> tuple[Table, ...]:
    """The best mixed package over the best homogeneous one, for parts of scenario 4; empty where not all were asked."""

    def cell(models: str, floor: str) -> Cell:
        found = {each: answers.get(_part(each, models, floor), {}).get("edp_js") for each in TABLE_IV_STRATEGIES}
        mixed, alike = (
            [value for each, value in found.items() if (each in MIXED) is wanted and value is not None]
            for wanted in (True, False)
        )
        return Cell(None, min(mixed) / min(alike) if len(mixed) + len(alike) == len(found) else None)

    rows = tuple(Row(models, tuple(cell(models, floor) for floor in FLOORS)) for models in PARTS)
    if any(each.ours is None for row in rows for each in row.cells):
        return ()
    title = "Scenario 4 in parts: least EDP of a mixed package over the least of a homogeneous one"
    return (Table(title, "", "models", tuple(FLOORS), rows),)


def _notes(answers: Answers) -> tuple[str, ...]:
    """What the insights come to, and why mixed packages do not win scenario 4."""
    verdicts = {claim.key: judged(claim, PROFILE, answers).verdict for claim in insights.CLAIMS}
    listed = "; ".join(f"{key}: {verdict}" for key, verdict in verdicts.items())
    return (f"The insights of V-F under the profile: {listed}.", *_light(answers), *_cause(answers))


def _light(answers: Answers) -> tuple[str, ...]:
    """Why mixed packages are level with NVDLA's in scenarios 1 to 3: the chiplets that the best schedules there use."""
    found = [answers.get(Case(at, "Simba (NVD)").under(PROFILE), {}).get("windows") for at in LIGHT]
    if any(windows is None for windows in found):
        return ()
    used = [_used(windows) for windows in found if windows is not None]
    enough = "as many as they want" if max(used) <= OF_SIDES else "fewer than they want"
    return (
        f"The best schedules of Simba (NVD) in scenarios 1 to 3 use {', '.join(map(str, used))} of the nine chiplets. "
        f"Het-Sides has {OF_SIDES} of that kind, {enough}; with its dataflows exchanged it has {9 - OF_SIDES}.",
    )


def _used(windows: Sequence[Mapping[str, Any]]) -> int:
    """The most chiplets that a window uses."""
    return max(
        sum(len(chiplets) for pipeline in window["pipelines"] for _, _, chiplets in pipeline["stages"])
        for window in windows
    )


def _cause(answers: Answers) -> tuple[str, ...]:
    """In words, what scenario 4 in parts shows."""
    tables = _parts_table(answers)
    if not tables:
        return ()
    (off, images), (_, light), (whole_off, whole) = (
        tuple(cell.ours or 0.0 for cell in row.cells) for row in tables[0].rows
    )
    figures = (
        "What decides whether a mix of dataflows pays in scenario 4, by experiment. Without MAESTRO's off-chip floor "
        f"the best mixed package has {whole_off:.3g} times the EDP of the best homogeneous one, and {off:.3g} times "
        f"for U-Net and ResNet-50 alone. With the floor at 64 elements per cycle it has {images:.3g} times for these "
        f"two, {light:.3g} times with the language models at the batches of scenario 3, and {whole:.3g} times for all "
        "of scenario 4."
    )
    if not (off > 1 - LEVEL and images < 1 - LEVEL and light < 1 - LEVEL and whole > 1 + LEVEL):
        return (figures,)
    return (
        f"{figures} Without the floor, NVDLA's mapping is the quicker one for every model, and a mix has nothing to "
        "offer. With it, U-Net is quicker on ShiDianNao's, and the mix pays as long as the language models, which gain "
        "nothing, take little of the time. In the paper they do: Stand. (NVD) takes "
        f"{printed(Case(1, 'Stand. (NVD)'), 'latency_s'):.2g} s in scenario 1; with the floor it takes "
        f"{_language_s(answers)} here.",
    )


def _language_s(answers: Answers) -> str:
    found = answers.get(Case(1, "Stand. (NVD)").under(FLOORS["floor 64"]), {}).get("latency_s")
    return "–" if found is None else f"{found:.2f} s"
