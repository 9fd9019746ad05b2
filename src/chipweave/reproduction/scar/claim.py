"""A claim of SCAR as a check in code: what it needs to be computed, and a rule that says what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any

from chipweave.reproduction.exhibit import WEAKEST_FIRST, Finding, Verdict, verdict_of_ratio, weakest
from chipweave.reproduction.question import Answer, Answers
from chipweave.reproduction.scar.compare import LEVEL
from chipweave.reproduction.scar.profile import MIXED, Experiment, Setting
from chipweave.reproduction.scar.table_iv import PUBLISHED

WITH_BERT_L = (1, 2, 3, 4, 5)
"""The scenarios that have a BERT-L."""


@dataclass(frozen=True)
class Case:
    """What a claim needs to be computed: a scenario under a strategy, whatever the setting.

    Args:
        scenario, strategy, objective, options: as an `Experiment` has them.
    """

    scenario: int
    strategy: str
    objective: str = "edp"
    options: tuple[tuple[str, Any], ...] = ()

    def under(self, setting: Setting) -> Experiment:
        """The experiment in a setting, without what it does not depend on: one experiment is asked once."""
        setting = replace(
            setting,
            flipped=setting.flipped and self.strategy in MIXED,
            bert_blocks=setting.bert_blocks if self.scenario in WITH_BERT_L else None,
        )
        return Experiment(self.scenario, self.strategy, self.objective, setting, self.options)


Outcomes = Mapping[Case, Answer]
"""What every case of a claim comes to: `profile.outcome`."""


@dataclass(frozen=True)
class Judgement:
    """What is found of a claim: in words, with the verdict and the reason for it."""

    ours: str
    verdict: Verdict
    reason: str = ""


class Scope(StrEnum):
    """In which settings the sweep asks a claim: what takes long is asked in few, or only under the profile."""

    ALL = "all"
    FEW = "few"
    PROFILE = "profile"


@dataclass(frozen=True)
class Claim:
    """A statement of the paper.

    Args:
        key: a short name, for tables.
        text: in our words.
        where: it stands.
        published: the figures behind it, in words.
        cases: all that it needs.
        judge: a pure function of what all cases come to.
        scope: the settings in which a sweep asks for it.
    """

    key: str
    text: str
    where: str
    published: str
    cases: tuple[Case, ...]
    judge: Callable[[Outcomes], Judgement]
    scope: Scope = Scope.ALL

    def experiments(self, setting: Setting) -> tuple[Experiment, ...]:
        """What has to be answered in a setting."""
        return tuple(case.under(setting) for case in self.cases)


def judged(claim: Claim, setting: Setting, answers: Answers) -> Judgement:
    """What becomes of a claim in a setting. It is untold where something was not computed, or has no schedule."""
    outcomes: dict[Case, Answer] = {}
    for case in claim.cases:
        answer = answers.get(case.under(setting))
        if answer is None:
            return Judgement("–", Verdict.UNTOLD, "not all of its experiments were asked (this is a quick run)")
        if "failed" in answer:
            return Judgement("–", Verdict.UNTOLD, f"Sc{case.scenario}, {case.strategy}: {answer['failed']}")
        outcomes[case] = answer
    return claim.judge(outcomes)


def finding(claim: Claim, setting: Setting, answers: Answers, note: str = "") -> Finding:
    """The claim with what becomes of it, ready to be shown; `note` goes behind the reason."""
    found = judged(claim, setting, answers)
    reason = "; ".join(part for part in (found.reason, note) if part)
    return Finding(claim.text, claim.where, claim.published, found.ours, found.verdict, reason)


def figure(outcome: Answer, name: str) -> float:
    """A figure of an outcome: `latency_s`, `energy_j` or `edp_js`."""
    return float(outcome[name])


@dataclass(frozen=True)
class Less:
    """That the least figure of some cases is below the least of some others.

    Args:
        name: of the comparison ("Sc4").
        these: of these cases the least is below
        those: the least of those.
    """

    name: str
    these: tuple[Case, ...]
    those: tuple[Case, ...]


def order(name: str, comparisons: Sequence[Less]) -> Callable[[Outcomes], Judgement]:
    """A judge of orders: they hold if each is ours too by more than 1 %, in direction if none is reversed by more than
    1 % and at least one is ours too.

    Args:
        name: of the figure.
    """

    def judge(outcomes: Outcomes) -> Judgement:
        found = [
            (each.name, _least(outcomes, each.these, name), _least(outcomes, each.those, name)) for each in comparisons
        ]
        words = "; ".join(f"{where}: {low:.3g} {_sign(low, high)} {high:.3g}" for where, low, high in found)
        level = [where for where, low, high in found if _sign(low, high) == "≈"]
        against = [where for where, low, high in found if _sign(low, high) == ">"]
        if not level and not against:
            return Judgement(words, Verdict.HOLDS)
        reason = "; ".join(
            f"{what} in {', '.join(some)}"
            for what, some in (("reversed", against), ("level within 1 %", level))
            if some
        )
        partly = not against and len(level) < len(found)
        return Judgement(words, Verdict.DIRECTION if partly else Verdict.NOT, reason)

    return judge


def _least(outcomes: Outcomes, cases: tuple[Case, ...], name: str) -> float:
    return min(figure(outcomes[case], name) for case in cases)


def _sign(low: float, high: float) -> str:
    """How two figures stand to each other; level within 1 % of the larger one."""
    if abs(low - high) <= LEVEL * max(low, high):
        return "≈"
    return "<" if low < high else ">"


@dataclass(frozen=True)
class Ratio:
    """That the mean of ratios of pairs of cases is a published one.

    Args:
        name: of the comparison ("Sc4").
        published: the ratio, as pairs have it: the first over the second.
        pairs: one, where it is no mean.
        sided: whether it says which of the two is less, too; ours then has to be on the published side of 1 by more
            than 1 %, however near the figures are.
    """

    name: str
    published: float
    pairs: tuple[tuple[Case, Case], ...]
    sided: bool = True

    def verdict(self, ours: float) -> Verdict:
        """`verdict_of_ratio`, and the side of 1 where it counts."""
        beyond = ours < 1 - LEVEL if self.published < 1 else ours > 1 + LEVEL
        return Verdict.NOT if self.sided and not beyond else verdict_of_ratio(self.published, ours)


def sizes(name: str, ratios: Sequence[Ratio]) -> Callable[[Outcomes], Judgement]:
    """A judge of ratios to a reference of 1: within 10 % they hold, on the same side of 1 in direction; of several the
    worst verdict counts.

    Args:
        name: of the figure.
    """

    def judge(outcomes: Outcomes) -> Judgement:
        found = [(each, _mean(outcomes, each, name)) for each in ratios]
        verdicts = [each.verdict(ours) for each, ours in found]
        off = [each.name for (each, _), verdict in zip(found, verdicts, strict=True) if verdict is Verdict.NOT]
        reason = f"not on its side of 1: {', '.join(off)}" if off else ""
        return Judgement("; ".join(f"{each.name}: {ours:.3g}" for each, ours in found), weakest(verdicts), reason)

    return judge


def either(judges: Mapping[str, Callable[[Outcomes], Judgement]]) -> Callable[[Outcomes], Judgement]:
    """A judge of a statement with several readings: the best verdict of them counts.

    Args:
        judges: of each reading, by its name.
    """

    def judge(outcomes: Outcomes) -> Judgement:
        found = {name: each(outcomes) for name, each in judges.items()}
        words = "; ".join(f"{name}: {each.ours}" for name, each in found.items())
        best = max(found, key=lambda name: WEAKEST_FIRST.index(found[name].verdict))
        reason = f"read as {best}" + (f"; {found[best].reason}" if found[best].reason else "")
        return Judgement(words, found[best].verdict, reason)

    return judge


def _mean(outcomes: Outcomes, ratio: Ratio, name: str) -> float:
    each = [figure(outcomes[a], name) / figure(outcomes[b], name) for a, b in ratio.pairs]
    return sum(each) / len(each)


def cases_of(comparisons: Sequence[Less] | Sequence[Ratio]) -> tuple[Case, ...]:
    """All that comparisons need, each once."""
    found: list[Case] = []
    for each in comparisons:
        found += (
            [*each.these, *each.those] if isinstance(each, Less) else [case for pair in each.pairs for case in pair]
        )
    return tuple(dict.fromkeys(found))


def order_claim(
    key: str,
    text: str,
    where: str,
    name: str,
    comparisons: Sequence[Less],
    *,
    published: str = "",
    scope: Scope = Scope.ALL,
) -> Claim:
    """A claim that figures have an order; what Table IV prints of them is filled in unless `published` is given."""
    printed = published or "; ".join(map(partial(_printed, name), comparisons))
    return Claim(key, text, where, printed, cases_of(comparisons), order(name, comparisons), scope)


def size_claim(
    key: str, text: str, where: str, name: str, ratios: Sequence[Ratio], *, scope: Scope = Scope.ALL
) -> Claim:
    """A claim that figures have certain ratios."""
    published = "; ".join(f"{each.name}: {each.published:.3g}" for each in ratios)
    return Claim(key, text, where, published, cases_of(ratios), sizes(name, ratios), scope)


def _printed(name: str, comparison: Less) -> str:
    low, high = (min(printed(case, name) for case in cases) for cases in (comparison.these, comparison.those))
    return f"{comparison.name}: {low:.3g} {_sign(low, high)} {high:.3g}"


def printed(case: Case, name: str) -> float:
    """A figure as Table IV prints it: energy is its EDP over its latency.

    Raises:
        KeyError: the table does not have it.
    """
    latency, edp = (
        PUBLISHED[case.objective, each, case.strategy][case.scenario - 1] for each in ("latency_s", "edp_js")
    )
    return {"latency_s": latency, "edp_js": edp, "energy_j": edp / latency}[name]
