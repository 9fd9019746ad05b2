"""Questions that cost nothing, and a reproduction made of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from chipweave.errors import InfeasibleError
from chipweave.reproduction.exhibit import Cell, Exhibit, Finding, Look, Panel, Row, Series, Table, Verdict
from chipweave.reproduction.question import Answers, Question, Reproduction

COUNTED: list[int] = []
"""Numbers that were squared in this process."""


@dataclass(frozen=True)
class Square:
    """The square of a number; of 13 there is none."""

    number: int
    power: int = 2

    def answer(self) -> dict[str, Any]:
        COUNTED.append(self.number)
        if self.number == 13:
            raise InfeasibleError("13 is not squared; take 12")
        return {"square": self.number**self.power, "pair": (self.number, 1 / 3)}


NUMBERS = (3, 12, 13, 4)


def questions(quick: bool) -> list[Question]:
    return [Square(number) for number in (NUMBERS[:2] if quick else NUMBERS)]


def exhibit(answers: Answers) -> Exhibit:
    found = [answers.get(Square(number), {}).get("square") for number in NUMBERS]
    rows = tuple(Row(str(number), (Cell(number * 10.0, own),)) for number, own in zip(NUMBERS, found, strict=True))
    shown = tuple(float(each or 0) for each in found)
    return Exhibit(
        name="squares",
        title="Squares: a table",
        source="Nobody, Table I",
        setting="By hand.",
        tables=(Table("Squares", "", "number", ("square",), rows),),
        findings=(Finding("Squares grow.", "Nobody", "yes", "yes", Verdict.HOLDS),),
        panels=(Panel("squares", Look.LINES, "number", "square", (Series("ours", (0.0, 1.0, 2.0, 3.0), shown),)),),
    )


SQUARES = Reproduction("squares", "Nobody", "Squares: a table", questions, exhibit)


@dataclass(frozen=True)
class Deadly:
    """Ends the process that answers it, as a system short of memory does."""

    number: int

    def answer(self) -> dict[str, Any]:
        os._exit(1)
