"""What docs/sweeps.md says of the store is so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Integer, LargeBinary, Table, text

from chipweave.cli.main import run
from chipweave.store.answer import Kind
from chipweave.store.engine import reading
from chipweave.store.export import Kind as Sort
from chipweave.store.export import sort_of, write_csv, write_parquet
from chipweave.store.store import Store
from chipweave.store.tables import METADATA, SCHEMA_VERSION
from tests.store.made_up import answer, failure, points

PAGE = Path(__file__).parents[2] / "docs" / "sweeps.md"
SECTION = PAGE.read_text("utf-8").split("\n## The store\n")[1].split("\n## ")[0]
AXIS = "package.link_bandwidth_bytes_s"


def table_of(table: Table) -> str:
    """The rows of a table's columns, as the page has them."""
    rows = [f"| `{each.name}` | {kind_of(each.type)} | {each.comment} |" for each in table.c]
    return "\n".join(["| column | kind | meaning |", "|---|---|---|", *rows])


def kind_of(type: object) -> str:
    if isinstance(type, LargeBinary):
        return "bytes"
    return {Sort.TEXT: "text", Sort.WHOLE: "whole number", Sort.REAL: "real number", Sort.FLAG: "true or false"}[
        sort_of(type)
    ]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTION, flags=re.DOTALL)


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=lambda table: table.name)
def test_every_column_is_on_the_page(table: Table) -> None:
    assert f"### `{table.name}`\n" in SECTION
    assert table_of(table) in SECTION.split(f"### `{table.name}`\n")[1]


def test_the_version_is_on_the_page() -> None:
    assert f"number {SCHEMA_VERSION}" in SECTION


@pytest.fixture
def full(store: Store) -> Store:
    """A sweep of nine points on two bandwidths: eight finished, of which two are alike in both figures; one failed."""
    asked = [replace(point, axes={AXIS: [50e9, 100e9][point.position % 2]}) for point in points(9)]
    store.add_sweep("exploration", "text", asked)
    for point in asked[:8]:
        made = answer(point)
        price = [5.0, 4.0, 4.0, 3.0, 3.0, 6.0, 2.0, 7.0][point.position]
        edp = [1.0, 2.0, 2.0, 2.5, 2.6, 0.5, 9.0, 8.0][point.position]
        store.put(replace(made, figures={**made.figures, "price_usd": price, "edp_js": edp}))
    store.put_failure(failure(asked[7], Kind.KILLED, "signal 9"))
    store.put_failure(failure(asked[8], Kind.INFEASIBLE, "no room"))
    return store


def answers_to(store: Store, query: str) -> list[tuple[object, ...]]:
    if store.engine.dialect.name == "postgresql":
        query = query.replace(f"""json_extract(axes, '$."{AXIS}"')""", f"(axes::json ->> '{AXIS}')::float")
    with reading(store.engine) as connection:
        return [tuple(row) for row in connection.execute(text(query.strip().rstrip(";").replace(":", r"\:")))]


def test_the_queries(full: Store) -> None:
    front, best, failed = blocks("sql")
    rows = list(full.figures("exploration"))
    wanted = sorted(
        (row["price_usd"], row["edp_js"])
        for row in rows
        if not any(
            other["price_usd"] <= row["price_usd"]
            and other["edp_js"] <= row["edp_js"]
            and (other["price_usd"], other["edp_js"]) != (row["price_usd"], row["edp_js"])
            for other in rows
        )
    )
    assert [found[:2] for found in answers_to(full, front)] == wanted
    assert len(wanted) == 6
    by_axis = [(value, min(row["edp_js"] for row in rows if row["axes"][AXIS] == value)) for value in (50e9, 100e9)]
    assert [found[:2] for found in answers_to(full, best)] == by_axis
    assert answers_to(full, failed) == [("infeasible", "no room", 1)]


def test_the_examples_in_python(full: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    monkeypatch.chdir(tmp_path)
    write_csv(full, tmp_path / "figures.csv", "exploration")
    write_parquet(full, tmp_path / "figures.parquet", "exploration")
    for code in blocks("python"):
        exec(compile(code, "example", "exec", dont_inherit=True), {})


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store.open("sweep.db") as store:
        asked = points(1)
        store.add_sweep("exploration", "text", asked)
        store.put(answer(asked[0]))
    for line in blocks("sh")[0].splitlines():
        words = line.split("#")[0].split()
        assert words[0] == "chipweave"
        assert run([asked[0].key if word == "4f2a" else word for word in words[1:]]) == 0


def test_whole_numbers_are_of_one_kind() -> None:
    assert sort_of(Integer()) == Sort.WHOLE
