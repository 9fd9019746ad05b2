"""The page of reproductions, and that it says what its command computes."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from chipweave.cli.main import run
from chipweave.reproduction.answering import answers
from chipweave.reproduction.catalog import REPRODUCTIONS
from chipweave.reproduction.exhibit import Verdict
from chipweave.reproduction.page import whole_page
from chipweave.reproduction.question import Reproduction, exhibit_of
from tests.reproduction.asked import SQUARES

DOCS = Path(__file__).parents[2] / "docs"
ENTRIES = [each.name for each in REPRODUCTIONS]
OF_TWO_SECONDS = {"scope-complexity"}
"""Reproductions whose quick run takes about two seconds: checked in every run."""

Line = dict[str, str]
MARKS = frozenset("●◐○")
"""Of claims under settings."""


def lines(path: Path) -> dict[tuple[str, str, str, str], Line]:
    """The figures of a CSV file by exhibit, table, row and column."""
    with path.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    made = {(each["exhibit"], each["table"], each["row"], each["column"]): each for each in found}
    assert len(made) == len(found)
    return made


def is_figure(text: str) -> bool:
    """Whether a cell is a number, and not words or nothing."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def sections(text: str) -> set[str]:
    """Where links in a page may lead: its headings, as the site names them."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def test_the_page_has_verdicts_contents_and_sections_of_each_paper() -> None:
    shown = exhibit_of(SQUARES, True, answers(SQUARES.questions(True), jobs=1, folder=None))
    text = whole_page({"Nobody": [shown], "Somebody else": []}, "page/")
    assert "| paper | holds | holds in direction | does not hold | cannot be told |" in text
    assert "| Nobody | 1 | 0 | 0 | 0 |\n| Somebody else | 0 | 0 | 0 | 0 |\n| all | 1 | 0 | 0 | 0 |" in text
    assert text.index("\n## Nobody\n") < text.index("\n### Squares: a table\n") < text.index("\n## Somebody else\n")
    assert "![Squares: a table](page/squares.svg)" in text
    assert "| 3 | 9 (30) |" in text
    assert "| 13 | – (130) |" in text
    assert set(re.findall(r"\]\(#(.*?)\)", text)) == {"nobody", "squares-a-table", "somebody-else"}


def test_links_of_the_page_lead_to_its_sections() -> None:
    text = (DOCS / "reproduction.md").read_text("utf-8")
    linked = set(re.findall(r"\]\(#(.*?)\)", text))
    assert linked <= sections(text)
    assert len(linked) >= len(ENTRIES)


def test_the_page_has_every_reproduction_with_its_figures() -> None:
    text, figures = (DOCS / "reproduction.md").read_text("utf-8"), lines(DOCS / "reproduction" / "figures.csv")
    for each in REPRODUCTIONS:
        assert f"\n### {each.title}\n" in text
        assert each.name in {exhibit for exhibit, *_ in figures}
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (DOCS / picture).is_file()


def marked(each: Reproduction) -> object:
    return pytest.param(each, id=each.name, marks=[] if each.name in OF_TWO_SECONDS else pytest.mark.slow)


@pytest.mark.parametrize("each", list(map(marked, REPRODUCTIONS)))
def test_a_fresh_quick_run_has_the_figures_of_the_page(
    each: Reproduction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Published and ours, to the printed digits. What a quick run leaves out the page may have, and words about several
    figures may differ with them."""
    monkeypatch.setenv("CHIPWEAVE_CACHE", str(tmp_path / "cache"))
    assert run(["reproduce", each.name, "--quick", "--jobs", "1", "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    fresh = lines(tmp_path / "out" / f"{each.name}.csv")
    page = {name: line for name, line in lines(DOCS / "reproduction" / "figures.csv").items() if name[0] == each.name}
    figures = {name for name, line in fresh.items() if is_figure(line["ours"]) and name[1] != "claims"}
    for name in figures:
        assert page[name]["ours"] == fresh[name]["ours"], f"{name}: write the page anew"
    for name, line in fresh.items():
        if name in figures or name[1] == "claims":  # words are sorted into tables by what all settings say
            assert page[name]["published"] == line["published"], name
    told = {name for name, line in fresh.items() if line["ours"] in MARKS}
    for name in told:  # in whichever table the page has the claim
        (mark,) = {line["ours"] for other, line in page.items() if other[2:] == name[2:]}
        assert mark == fresh[name]["ours"], f"{name}: write the page anew"
    if each.name == "scar-claims":  # a claim is told where all that it needs was asked
        told = {name for name, line in fresh.items() if line["verdict"] != Verdict.UNTOLD}
        for name in told:
            assert page[name]["verdict"] == fresh[name]["verdict"], f"{name}: write the page anew"
    assert figures or told
