"""What is computed for a reproduction: questions that are asked once, and whose answers are kept by content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from enum import Enum
from typing import Any, Protocol

from chipweave.cost.loopnest.cache import VERSION
from chipweave.files.content import content_hash
from chipweave.files.schedule_spec import LAW
from chipweave.reproduction.exhibit import Exhibit
from chipweave.version import __version__

Answer = Mapping[str, Any]
"""Plain data, as JSON has it."""


class Question(Protocol):
    """A frozen dataclass of plain fields that can be pickled. Its fields and its class decide its answer."""

    def answer(self) -> Answer:
        """Compute it, on one thread. Where there is no schedule, or no way to cost a layer, the exceptions of
        chipweave say so: `InfeasibleError`, `InputError`."""


Answers = Mapping[Question, Answer]
"""A question that could not be answered has `{"failed": reason}`."""


@dataclass(frozen=True)
class Reproduction:
    """A table, figure or claim of a paper that is asked again.

    Args:
        name: as users type it.
        paper: SCAR, Scope, 2x2 study.
        title: what it shows.
        questions: what has to be answered; of a quick run, a part of them.
        exhibit: what the answers show. It leaves out what was not asked.
    """

    name: str
    paper: str
    title: str
    questions: Callable[[bool], Sequence[Question]]
    exhibit: Callable[[Answers], Exhibit]


MOST_REASONS = 5
"""Why experiments failed, said one by one; more are counted."""


def exhibit_of(reproduction: Reproduction, quick: bool, answers: Answers) -> Exhibit:
    """What the answers show; at its end, which experiments have no answer, and why."""
    failed = {
        question: str(answers[question]["failed"])
        for question in dict.fromkeys(reproduction.questions(quick))
        if "failed" in answers.get(question, {})
    }
    shown = reproduction.exhibit(answers)
    if not failed:
        return shown
    lines = [f"- `{described(question)}`: {reason}" for question, reason in list(failed.items())[:MOST_REASONS]]
    if len(failed) > MOST_REASONS:
        lines.append(f"- and {len(failed) - MOST_REASONS:,} more")
    said = f"No answer, shown as –, have {len(failed):,} experiments:"
    return replace(shown, notes=(*shown.notes, "\n".join([said, "", *lines])))


def described(question: Question) -> str:
    """A question in one line: its class, and the fields that are not as they are by default."""
    own = [
        f"{each.name}={getattr(question, each.name)!r}"
        for each in fields(question)  # type: ignore[arg-type]
        if each.default is MISSING or getattr(question, each.name) != each.default
    ]
    return f"{type(question).__name__}({', '.join(own)})"


def key_of(question: Question) -> str:
    """The name by content of a question: its class and fields, the law, the version of the search for mappings and of
    chipweave."""
    kind = type(question)
    return content_hash(
        {
            "kind": f"{kind.__module__}.{kind.__qualname__}",
            "fields": _plain(asdict(question)),  # type: ignore[call-overload]
            "law": LAW,
            "mappings": VERSION,
            "version": __version__,
        }
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Enum) else value
