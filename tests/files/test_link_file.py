"""Single links and boards in the file of a package: what comes of them, there and back, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from chipweave.cli.main import run
from chipweave.errors import InputError
from chipweave.files.package_file import load_package, package_from_dict, package_to_dict, resolve_package
from chipweave.hardware.package import Package, Routing
from chipweave.hardware.price import Assembly, dies_of, making, package_usd, packages_of

HEAD = "name: p\ngrid: [[datacenter-nvdla, datacenter-nvdla, arvr-nvdla, datacenter-nvdla]]\n"


def made(tmp_path: Path, text: str) -> Package:
    path = tmp_path / "p.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_package(path)


def figures(package: Package) -> dict[tuple[int, int], tuple[str, float, float, float]]:
    return {link.ends: link.figures for link in package.own_links}


def test_a_class_figures_and_both(tmp_path: Path) -> None:
    text = """express: [[0, 3]]
hop_latency_s: 20e-9
other_links:
- {links: [[0, 1]], class: serdes-112, modules: 4}
- {links: [[3, 0]], class: serdes-112, latency_s: 7e-9, name: mine}
- {links: [[2, 1]], one_way: true, bandwidth_bytes_s: 5e9}
"""
    package = made(tmp_path, text)
    assert figures(package) == {
        (0, 1): ("serdes-112", 56e9, 100e-9, 6e-12),
        (1, 0): ("serdes-112", 56e9, 100e-9, 6e-12),
        (0, 3): ("mine", 14e9, 7e-9, 6e-12),
        (3, 0): ("mine", 14e9, 7e-9, 6e-12),
        (2, 1): ("", 5e9, 20e-9, 2.04e-12),
    }
    assert package.routing is Routing.FASTEST
    assert package_from_dict(package_to_dict(package)) == package


def test_a_board(tmp_path: Path) -> None:
    package = made(tmp_path, "board: {rows: 1, columns: 2, class: serdes-112}\n")
    assert (package.board, set(figures(package))) == ((0, 0, 1, 1), {(1, 2), (2, 1)})
    assert package_from_dict(package_to_dict(package)) == package
    listed = made(tmp_path, "board: {packages: [[0, 1], [3, 2]], class: serdes-112}\n")
    assert listed == package
    alike = made(tmp_path, "board: {rows: 1, columns: 2}\n")
    assert (alike.own_links, alike.routing) == ((), Routing.XY)
    text = "board: {rows: 1, columns: 2, class: serdes-112}\nother_links:\n- {links: [[2, 1]], class: bow-16}\n"
    named = made(tmp_path, text)
    assert set(figures(named).values()) == {("bow-16", 32e9, 5e-9, 0.5e-12)}


def test_a_board_costs_what_its_packages_cost(tmp_path: Path) -> None:
    board = made(tmp_path, "board: {rows: 1, columns: 2}\n")
    large, small = dies_of(board)
    pair, mixed = packages_of(board)
    assert [(die.name, die.count) for die in pair] == [(large.name, 2)]
    assert [(die.name, die.count) for die in mixed] == [(large.name, 1), (small.name, 1)]
    usd = sum(making(dies, Assembly.ORGANIC).total_usd for dies in (pair, mixed))
    assert package_usd(board) == usd
    every = resolve_package("wormhole-32")
    ((one,), count), = packages_of(every).items()
    assert (one.count, count) == (1, 32)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("link: {class: ucie-advance-32}\n", "3: link.class: 'ucie-advance-32' is no class of links; did you mean"),
        ("other_links:\n- {links: [[0, 1]], class: serdes-11}\n", "4: other_links[0].class: 'serdes-11' is no"),
        ("other_links:\n- {links: [[0, 2]], class: bow-16}\n", "4: other_links[0].links[0]: 0-2 is no link of the"),
        ("other_links:\n- {links: [[1, 1]], class: bow-16}\n", "4: other_links[0].links[0]: 1-1 is no link of the"),
        ("other_links:\n- {links: [[0, 9]], class: bow-16}\n", "4: other_links[0].links[0]: 0-9 is no link of the"),
        (
            "other_links:\n- {links: [[0, 1]], class: bow-16}\n- {links: [[1, 0]], class: bow-16}\n",
            "5: other_links[1].links[0]: 1-0 is given figures twice; leave one out",
        ),
        ("other_links:\n- links: [[0, 1]]\n", "4: other_links[0]: says nothing of its links; give a `class`, or"),
        ("other_links:\n- {links: [[0, 1]], modules: 2}\n", "4: other_links[0].modules: needs a `class`; name one"),
        ("other_links:\n- {links: [[0, 1]], latency_s: -1}\n", "4: other_links[0].latency_s: -1 is out of range"),
        ("other_links:\n- {links: [[0, 1]], bandwidth_bytes_s: 0}\n", "4: other_links[0].bandwidth_bytes_s: 0 is out"),
        ("board: {rows: 1, columns: 3}\n", "3: board.columns: 3 does not divide the 4 columns of the grid"),
        ("board: {rows: 1}\n", "3: board: does not say what its packages are; give `rows` and `columns`, or"),
        ("board: {packages: [[0, 1], [1, 2, 3]]}\n", "3: board.packages[1]: 1 is in two packages; correct it"),
        ("board: {packages: [[0, 1], [2, 4]]}\n", "3: board.packages[1]: 4 is no chiplet; they are numbered 0 to 3"),
        ("board: {packages: [[0, 1], [2]]}\n", "3: board.packages: chiplet 3 is in no package; name it in one"),
        ("board: {packages: [[0, 1, 2, 3]], rows: 1}\n", "3: board: give either `packages`, or `rows` and `columns`"),
        ("board: {rows: 1, columns: 2, class: serdes}\n", "3: board.class: 'serdes' is no class of links"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError) as caught:
        made(tmp_path, text)
    assert [each for each in caught.value.problems if problem in each] == list(caught.value.problems)
    assert len(caught.value.problems) == 1
    assert run(["price", str(tmp_path / "p.yaml")]) == 2
    assert problem in " ".join(capsys.readouterr().err.split())
