"""What is exported says the same in every format, and to other tools."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.store.export import AXIS, Kind, common_kind, write_csv, write_parquet
from chipweave.store.store import Store
from tests.store.made_up import answer, points

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

AXES = {
    "package.link_bandwidth_bytes_s": [50e9, 100, None, 200e9],
    "seed": [0, 1, 2, 3],
    "options.random": [True, False, True, None],
    "package": ["a,b", 'quote"', "line\nbreak", ""],
    "package.grid": [[2, 2], "x", 3, None],
    "nothing": [None, None, None, None],
    "large": [2**70, 1, 1, 1],
}
"""Of four points; the columns that tell nothing, or several things, are text."""


@pytest.fixture
def full(store: Store) -> Store:
    asked = [
        replace(point, axes={path: values[point.position] for path, values in AXES.items()}) for point in points(4)
    ]
    store.add_sweep("s", "text", asked)
    for point in reversed(asked):
        store.put(answer(replace(point, case=replace(point.case))))
    return store


def test_parquet_as_others_read_it(full: Store, tmp_path: Path) -> None:
    path = tmp_path / "figures.parquet"
    assert write_parquet(full, path, "s") == 4
    rows = list(full.figures("s"))
    frame = polars.read_parquet(path)
    for name in rows[0].keys() - {"axes"}:
        assert frame[name].to_list() == [row[name] for row in rows]
    assert frame[f"{AXIS}package.link_bandwidth_bytes_s"].to_list() == [50e9, 100.0, None, 200e9]
    assert frame[f"{AXIS}seed"].to_list() == [0, 1, 2, 3]
    assert frame[f"{AXIS}options.random"].to_list() == [True, False, True, None]
    assert frame[f"{AXIS}package"].to_list() == AXES["package"]
    assert frame[f"{AXIS}package.grid"].to_list() == ["[2, 2]", "x", "3", None]
    assert frame[f"{AXIS}nothing"].to_list() == [None] * 4
    assert frame[f"{AXIS}large"].to_list() == [str(2**70), "1", "1", "1"]
    kinds = dict(zip(frame.columns, map(str, frame.dtypes), strict=True))
    assert (kinds["latency_s"], kinds["pes"], kinds["complete"], kinds["scenario"]) == (
        "Float64",
        "Int64",
        "Boolean",
        "String",
    )
    assert list(pandas.read_parquet(path)["edp_js"]) == [row["edp_js"] for row in rows]


def test_csv_as_others_read_it(full: Store, tmp_path: Path) -> None:
    path = tmp_path / "figures.csv"
    assert write_csv(full, path, "s") == 4
    rows = list(full.figures("s"))
    for frame in (pandas.read_csv(path), polars.read_csv(path)):
        for name in ("latency_s", "energy_j", "edp_js", "price_usd", "pes", "complete", "key", "finished_at"):
            assert list(frame[name]) == [row[name] for row in rows]
        bandwidths = [math.nan if value is None else value for value in frame[f"{AXIS}package.link_bandwidth_bytes_s"]]
        assert [bandwidths[place] for place in (0, 1, 3)] == [50e9, 100.0, 200e9]
        assert math.isnan(bandwidths[2])
    with path.open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row[f"{AXIS}package"] for row in read] == AXES["package"]
    assert [row[f"{AXIS}options.random"] for row in read] == ["true", "false", "true", ""]
    assert [float(row["latency_s"]) for row in read] == [row["latency_s"] for row in rows]


def test_without_a_sweep_every_case_once(full: Store, tmp_path: Path) -> None:
    full.add_sweep("t", "text", points(2))
    assert write_csv(full, tmp_path / "a.csv") == 4
    with (tmp_path / "a.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["key"] for row in read] == [row["key"] for row in full.figures()]
    assert not any(name.startswith(AXIS) or name == "position" for name in read[0])


def test_nothing_is_half_written(full: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "figures.csv"
    path.write_text("before")
    for write in (write_csv, write_parquet):
        with pytest.raises(InputError, match="sweep 'nosuch': is not in"):
            write(full, path, "nosuch")
        with pytest.raises(InputError, match="is a folder"):
            write(full, tmp_path, "s")
        with monkeypatch.context() as patch:
            whole = Store.figures
            calls = iter(range(2))

            def broken(self: Store, sweep: str | None = None, calls: object = calls, whole: object = whole) -> object:
                rows = whole(self, sweep)  # type: ignore[operator]
                if next(calls):  # type: ignore[call-overload]
                    yield next(rows)
                    raise InputError("gone")
                yield from rows

            patch.setattr(Store, "figures", broken)
            with pytest.raises(InputError, match="gone"):
                write(full, path, "s")
    assert [(each.name, each.read_text()) for each in tmp_path.glob("*.csv")] == [("figures.csv", "before")]
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".tmp")]


def test_an_empty_sweep(store: Store, tmp_path: Path) -> None:
    store.add_sweep("s", "text", points(1))
    assert write_csv(store, tmp_path / "a.csv", "s") == 0
    assert write_parquet(store, tmp_path / "a.parquet", "s") == 0
    assert polars.read_parquet(tmp_path / "a.parquet").is_empty()


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)


@given(st.lists(VALUES, max_size=6))
def test_the_kind_of_a_column_takes_all_its_values(values: list[object]) -> None:
    kind: Kind | None = None
    for value in values:
        kind = common_kind(kind, value)
    there = [value for value in values if value is not None]
    types = {type(value) for value in there}
    fits = all(not isinstance(value, int) or -(2**63) <= value < 2**63 for value in there)
    wanted = {
        frozenset({bool}): Kind.FLAG,
        frozenset({int}): Kind.WHOLE if fits else Kind.TEXT,
        frozenset({float}): Kind.REAL,
        frozenset({int, float}): Kind.REAL if fits else Kind.TEXT,
        frozenset(): None,
    }
    assert kind == wanted.get(frozenset(types), Kind.TEXT)
