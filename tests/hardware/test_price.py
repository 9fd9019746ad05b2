"""What packages cost, against the published program's own figures and by hand (docs/price.md)."""

import math
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.files.package_file import resolve_package
from chipweave.hardware.price import (
    ALIKE,
    MENDED,
    PROCESSES,
    PUBLISHED,
    Assembly,
    Die,
    design,
    dies_of,
    making,
    per_wafer,
    process,
)
from chipweave.hardware.technology import NODES

PAGE = (Path(__file__).parents[2] / "docs" / "price.md").read_text(encoding="utf-8")
SEVEN, FIVE = Die("seven", 7, 110, 4, 10), Die("five", 5, 220, 4, 20)
# Chiplet Actuary, run as published: dies with bumps, bad dies, package, bad packages, lost dies, sum; US dollars.
ASSEMBLED = [
    (SEVEN, Assembly.ORGANIC, (74.38, 7.47, 17.60, 0.72, 3.36, 103.53)),
    (SEVEN, Assembly.FAN_OUT, (73.28, 7.47, 25.81, 6.37, 7.68, 120.61)),
    (SEVEN, Assembly.INTERPOSER, (73.28, 7.47, 30.55, 13.59, 19.39, 144.28)),
    (FIVE, Assembly.ORGANIC, (276.81, 73.59, 35.2, 1.4, 14.4, 401.42)),
    (FIVE, Assembly.FAN_OUT, (274.61, 73.59, 54.9, 26.6, 33.1, 462.84)),
    (FIVE, Assembly.INTERPOSER, (274.61, 73.59, 65.6, 53.8, 83.6, 551.19)),
]


@pytest.mark.parametrize(("die", "assembly", "figures"), ASSEMBLED)
def test_assembled_packages_as_published(die: Die, assembly: Assembly, figures: tuple[float, ...]) -> None:
    made = making([die], assembly, PUBLISHED)
    parts = (made.dies_usd, made.bad_dies_usd, made.package_usd, made.bad_packages_usd, made.lost_dies_usd)
    for ours, published in zip((*parts, made.total_usd), figures, strict=True):
        digits = len(str(published).partition(".")[2])
        assert round(ours, digits) == published


@pytest.mark.parametrize(
    ("node_nm", "area_mm2", "raw", "defects", "good"),
    [(7, 400, 71.90, 30.51, 0.7021), (5, 800, 288.95, 382.65, 0.4302)],
)
def test_single_dies_as_published(node_nm: int, area_mm2: float, raw: float, defects: float, good: float) -> None:
    die = Die("one", node_nm, area_mm2)
    assert (round(die.raw_usd, 2), round(die.defects_usd, 2), round(die.good_share, 4)) == (raw, defects, good)


def test_two_unlike_dies_by_hand() -> None:
    """100 mm2 of 14 nm and two of 25 mm2 of 28 nm on an organic substrate."""
    # With lanes of 0.2 mm: 100 + 2 * 0.2 * 10 + 0.04 = 104.04 and 25 + 2 * 0.2 * 5 + 0.04 = 27.04 mm2, that is squares
    # of 10.2 and 5.2 mm. A wafer of 300 mm has 290 mm across: pi * 145^2 = 66051.99 mm2 and pi * 290 = 911.06 mm.
    large = 66051.99 / 104.04 - 911.06 / (math.sqrt(2) * 10.2)  # 634.87 - 63.16 = 571.71
    small = 66051.99 / 27.04 - 911.06 / (math.sqrt(2) * 5.2)  # 2442.75 - 123.89 = 2318.86
    assert per_wafer(100) == pytest.approx(large, rel=1e-5) == pytest.approx(571.71, rel=1e-4)
    assert per_wafer(25) == pytest.approx(small, rel=1e-5) == pytest.approx(2318.86, rel=1e-4)
    # Raw: 3984 / 571.71 = 6.9686 and 2891 / 2318.86 = 1.24673. Good: (1 + 0.0008 * 100 / 10)^-10 = 0.92341 and
    # (1 + 0.0007 * 25 / 10)^-10 = 0.98267; so the bad ones cost 0.5780 and 2 * 0.021987.
    dies_usd = 6.9686 + 2 * 1.24673 + 150 * 0.005  # 10.2121
    bad_usd = 6.9686 * (1 / 0.92341 - 1) + 2 * 1.24673 * (1 / 0.98267 - 1)  # 0.6220
    # 4 * 150 = 600 mm2 of substrate, more than 17^2: 600 * 0.005 * 1.75 = 5.25. Three bonds: 1 / 0.99^3 - 1 = 0.030610.
    again = 1 / 0.99**3 - 1
    made = making([Die("large", 14, 100), Die("small", 28, 25, 2)], Assembly.ORGANIC)
    assert made.dies_usd == pytest.approx(dies_usd, rel=1e-4)
    assert made.bad_dies_usd == pytest.approx(bad_usd, rel=1e-3)
    assert made.package_usd == pytest.approx(5.25)
    assert made.bad_packages_usd == pytest.approx(5.25 * again)
    assert made.lost_dies_usd == pytest.approx((dies_usd + bad_usd) * again, rel=1e-3)


def test_a_design_by_hand() -> None:
    """Two dies of 60 mm2 of 7 nm, 10 of them ports, on an organic substrate."""
    # 298 million a 300 mm2 die. Modules: half of it by area: (50 + 20 for the port) / 300 * 149 = 34.7667 million.
    # The die: 60 / 300 * 0.3 * 298 = 17.88 and masks 0.2 * 298 = 59.6 million: one kind of die is designed once.
    # The substrate: 4 * 120 = 480 mm2, more than 17^2: 480 * 3000 * 1.75 + 300000 = 2.82 million.
    made = design([Die("a", 7, 60, 2, 10)], Assembly.ORGANIC)
    assert made.modules_usd == pytest.approx(34_766_666.67)
    assert made.dies_usd == pytest.approx(77_480_000)
    assert made.package_usd == pytest.approx(2_820_000)


def test_the_slips_are_mended_one_by_one() -> None:
    published, mended = (making([SEVEN], Assembly.FAN_OUT, rules) for rules in (PUBLISHED, MENDED))
    assert mended.dies_usd - published.dies_usd == pytest.approx(3 * 110 * 0.01)  # the bumps of the three other dies
    # 1.2 * 440 mm2 of carrier, 4 * 528 = 2112 mm2 of substrate: design at 3000 a mm2 and 300000, not at 0.005 a mm2;
    # half of 15 million is fixed, not a three hundredth of that.
    published_usd, mended_usd = (design([SEVEN], Assembly.FAN_OUT, rules).package_usd for rules in (PUBLISHED, MENDED))
    assert published_usd == pytest.approx(528 * 25_000 + 25_000 + 2112 * 0.005)
    assert mended_usd == pytest.approx(528 * 25_000 + 7_500_000 + 2112 * 3000 + 300_000)
    assert making([SEVEN], Assembly.ORGANIC, PUBLISHED) == making([SEVEN], Assembly.ORGANIC, MENDED)


@given(
    st.sampled_from(sorted(PROCESSES)),
    st.floats(1, 300),
    st.integers(1, 8),
    st.sampled_from(list(Assembly)),
    st.floats(1.001, 2),
)
def test_more_of_anything_costs_more(
    node_nm: int, area_mm2: float, count: int, assembly: Assembly, factor: float
) -> None:
    die = Die("d", node_nm, area_mm2, count)
    cost = making([die], assembly).total_usd
    assert making([replace(die, area_mm2=area_mm2 * factor)], assembly).total_usd > cost
    assert making([replace(die, count=count + 1)], assembly).total_usd > cost
    assert cost > count * (die.raw_usd + die.defects_usd)
    apart = [replace(die, name=str(number), count=1) for number in range(count)]
    assert making(apart, assembly).total_usd == pytest.approx(cost)
    assert design(apart, assembly).total_usd >= design([die], assembly).total_usd


def test_dies_of_a_package() -> None:
    package = resolve_package("het-sides-3x3")
    dies = dies_of(package, 0.25)
    assert [die.count for die in dies] == [6, 3]
    for die, chiplet in zip(dies, package.classes, strict=True):
        assert die.area_mm2 == pytest.approx(chiplet.area_mm2 * 1.25)
        assert die.ports_mm2 == pytest.approx(die.area_mm2 / 5)


def test_every_node_has_figures() -> None:
    for node_nm in (65, 55, 45, 40, 28, 22, 20, 16, 14, 12, 10, 7, 6, 5, 4, 3):
        assert process(node_nm) == PROCESSES[ALIKE.get(node_nm, node_nm)]


def test_every_technology_node_can_be_priced_and_none_is_cheaper_than_the_one_before() -> None:
    assert {*PROCESSES, *ALIKE} >= {*NODES}
    for earlier, later in pairwise(NODES):
        old, new = process(earlier), process(later)
        assert new.wafer_usd >= old.wafer_usd
        assert new.defects_cm2 >= old.defects_cm2
        assert new.design_usd >= old.design_usd


def test_the_tables_of_nodes_of_the_page() -> None:
    """Each node's figures stand under its name, and every node that takes those of another is named."""
    rows = {cells[1].strip(): [cell.strip() for cell in cells[2:-1]] for cells in table_rows(PAGE)}
    assert rows["node, nm"] == [str(node_nm) for node_nm in PROCESSES]
    assert rows["defects per cm2"] == [str(each.defects_cm2) for each in PROCESSES.values()]
    assert rows["wafer, US$"] == [f"{each.wafer_usd:,}" for each in PROCESSES.values()]
    assert rows["design of 300 mm2, million US$"] == [f"{each.design_usd / 1e6:,.0f}" for each in PROCESSES.values()]
    (said,) = re.findall(r"takes those of a neighbour: (.*?) nm\.", PAGE)
    pairs = re.findall(r"([\d ,and]+?) of (\d+)", said)
    assert {int(name): int(of) for names, of in pairs for name in re.findall(r"\d+", names)} == dict(ALIKE)


def table_rows(page: str) -> list[list[str]]:
    return [line.split("|") for line in page.splitlines() if line.startswith("|")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"area_mm2": 0.0}, "not a positive number"),
        ({"area_mm2": math.nan}, "not a positive number"),
        ({"area_mm2": 60_000.0}, "no wafer holds"),
        ({"count": 0}, "not a positive number"),
        ({"ports_mm2": 200.0}, "not in 0..area_mm2"),
        ({"node_nm": 130}, "known: 65, 55"),
    ],
)
def test_dies_that_cannot_be(given: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Die(**{"name": "x", "node_nm": 7, "area_mm2": 100.0, **given})  # type: ignore[arg-type]


def test_dies_and_carriers_that_cannot_be_say_where_they_stand() -> None:
    with pytest.raises(InputError, match=r"^p.yaml:3: die 'x': no wafer holds one of 60000 mm2"):
        Die("x", 7, 60_000.0, place="p.yaml:3")
    dies = [Die("small", 7, 100.0, place="p.yaml:3"), Die("large", 7, 800.0, 50, place="p.yaml:4")]
    with pytest.raises(InputError, match=r"^p.yaml:4: no wafer holds a carrier of 44110 mm2; .* 50 x large$"):
        making(dies, Assembly.INTERPOSER)  # 1.1 x (100 + 50 x 800)
    assert dies[0] == replace(dies[0], place="")
