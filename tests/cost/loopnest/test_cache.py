"""The cache of mappings: it changes no figure, and nothing that is wrong with it stops anything."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipweave.cost.loopnest import cache, search
from chipweave.cost.loopnest.machine import Constraint, Energies, Machine
from chipweave.cost.loopnest.mapping import Mapping
from chipweave.cost.loopnest.model import LoopnestCostModel
from chipweave.cost.loopnest.shape import LOOPS, Axis, Shape
from chipweave.hardware.chiplet import Chiplet
from chipweave.workload.layer import Layer, Op

SHAPE = Shape((1, 1, 4, 3, 5, 5, 3, 3), Axis(1, 1, -1, 5), Axis(1, 1, -1, 5))
MACHINE = Machine(16, Constraint("GK", "C", "W"))
ENERGIES = Energies(1.0, 2.0, 3.0, 4.0)
MAPPING = Mapping((1, 1, 4, 3, 1, 1, 1, 1), (1, 1, 1, 1, 5, 1, 1, 3), "GKCRSNYX", "GKCRSNYX")
CHIPLET = Chiplet("small", num_pes=16, noc_bandwidth=4)
LAYERS = [Layer(f"conv{size}", Op.CONV, K=4, C=3, Y=size, X=size, R=3, S=3) for size in (5, 6, 7)]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHIPWEAVE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "WAIT_S", 0.05)
    return tmp_path / "cache" / "loopnest.sqlite3"


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[Shape]:
    """The shapes that were searched, not found in the cache."""
    asked: list[Shape] = []
    best = search.best_mappings

    def noted(shapes: Sequence[Shape], *rest: object) -> list[Mapping]:
        asked.extend(shapes)
        return best(shapes, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(search, "best_mappings", noted)
    return asked


def figures(objective: str = "edp") -> np.ndarray:
    return np.array(list(vars(LoopnestCostModel(objective).costs(LAYERS, CHIPLET)).values()))


def rewrite(file: Path, entry: object) -> None:
    with sqlite3.connect(file) as database:
        database.execute("UPDATE mappings SET mapping = ?", (entry,))
    database.close()


# Keys and entries --------------------------------------------------------------------------------------------------


def test_equal_questions_have_equal_keys_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(
        shape: Shape = SHAPE, machine: Machine = MACHINE, energies: Energies = ENERGIES, goal: str = "edp"
    ) -> bytes:
        return cache.keys_of([shape], machine, energies, goal)[0]

    axis = Axis(1, 1, -1, 6)
    different = [
        key(replace(SHAPE, bounds=(1, 1, 4, 3, 5, 5, 3, 1))),
        key(replace(SHAPE, vertical=axis)),
        key(replace(SHAPE, horizontal=axis)),
        key(goal="energy"),
        key(machine=replace(MACHINE, constraint=Constraint("GK", "C", "W", "S"))),
        key(machine=replace(MACHINE, constraint=Constraint("GK", "C", "W", spread="K"))),
        key(machine=replace(MACHINE, array=(4, 4))),
    ]
    for field in fields(Machine):
        if isinstance(getattr(MACHINE, field.name), int):
            different.append(key(machine=replace(MACHINE, **{field.name: getattr(MACHINE, field.name) + 1})))
    different += [key(energies=replace(ENERGIES, **{field.name: 1.5})) for field in fields(Energies)]
    same = key()
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    different.append(key())
    monkeypatch.undo()
    assert len({same, *different}) == 1 + len(different)
    assert key(Shape(tuple(SHAPE.bounds), Axis(1, 1, -1, 5), Axis(1, 1, -1, 5))) == same  # type: ignore[arg-type]


numbers = st.tuples(*[st.integers(1, 2**40)] * 8)
orders = st.permutations(LOOPS).map("".join)


@given(numbers, numbers, orders, orders)
def test_entries_are_read_as_written(spatial: tuple[int, ...], tile: tuple[int, ...], outer: str, inner: str) -> None:
    mapping = Mapping(spatial, tile, outer, inner)  # type: ignore[arg-type]
    entry = cache.to_entry(b"its key", mapping)
    assert cache.from_entry(b"its key", entry) == mapping
    assert cache.from_entry(b"another", entry) is None  # swapped between shapes
    for at in range(len(entry)):  # any change of a byte
        assert cache.from_entry(b"its key", entry[:at] + bytes([entry[at] ^ 1]) + entry[at + 1 :]) is None


four_parts = st.lists(st.binary(max_size=20), min_size=4, max_size=4).map(b"/".join)


@given(st.one_of(st.none(), st.integers(), st.text(), st.binary(max_size=300), four_parts))
def test_what_is_no_entry_is_none(entry: object) -> None:
    assert cache.from_entry(b"", entry) is None


# With and without --------------------------------------------------------------------------------------------------


def test_a_mapping_is_searched_once(file: Path, searched: list[Shape], monkeypatch: pytest.MonkeyPatch) -> None:
    cold = figures()
    assert len(searched) == len(LAYERS)
    assert file.is_file()
    assert np.array_equal(figures(), cold)
    assert len(searched) == len(LAYERS)
    figures("latency")
    assert len(searched) == 2 * len(LAYERS)
    monkeypatch.setenv("CHIPWEAVE_CACHE", "OFF")
    assert np.array_equal(figures(), cold)
    assert len(searched) == 3 * len(LAYERS)


def test_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHIPWEAVE_CACHE", "off")
    figures()
    assert list(tmp_path.iterdir()) == []


def test_what_is_found_travels_to_another_machine(
    file: Path, searched: list[Shape], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHIPWEAVE_CACHE", "off")  # also from one without a cache
    with cache.noting() as found:
        right = figures()
    assert len(found) == len(LAYERS)
    with cache.noting() as nothing:
        pass
    assert nothing == {}
    monkeypatch.setenv("CHIPWEAVE_CACHE", str(file.parent))
    searched.clear()
    some, (key, entry) = dict(list(found.items())[1:]), next(iter(found.items()))
    cache.add({**some, key: entry[:-1] + b"?"})  # of which one was damaged on its way
    assert cache.entries() == some
    with cache.noting() as anew:
        assert np.array_equal(figures(), right)
    assert len(searched) == 1
    assert anew == {key: entry}
    cache.add(found)
    assert cache.entries() == found


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHIPWEAVE_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.file() == tmp_path / "chipweave" / "loopnest.sqlite3"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.file() == tmp_path / "home" / ".cache" / "chipweave" / "loopnest.sqlite3"


# Faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        b"rubbish",
        "1 1 1 1 1 1 1 1/1 1 1 1 1 1 1 1/NGKCYXRS/NGKCYXRS",  # text where bytes are due
        7,
        None,
        b"1 1 1 1 1 1 1/1 1 1 1 1 1 1 1/NGKCYXRS/NGKCYXRS",  # seven loops
        b"1 1 1 1 1 1 1 1/1 1 1 1 1 1 1 1/NGKCYXR/NGKCYXRS",
        b"1 1 1 1 1 1 1 1/0 1 1 1 1 1 1 1/GKCRSNYX/GKCRSNYX",  # an empty tile
        b"1 1 1 1 1 1 1 1/1 1 9 1 1 1 1 1/GKCRSNYX/GKCRSNYX",  # a tile longer than its loop
        b"1 1 9 1 1 1 1 1/1 1 1 1 1 1 1 1/GKCRSNYX/GKCRSNYX",  # PEs that never work
        b"1 1 1 1 3 1 1 1/1 1 1 1 1 1 1 1/GKCRSNYX/GKCRSNYX",  # a loop that may not be unrolled
        b"1 1 1 1 1 1 1 1/1 1 1 1 1 1 1 1/NYXGKCRS/GKCRSNYX",  # weights that do not stay in the array
        b"1 1 1 1 1 1 1 1/1 1 4 1 1 3 1 1/GKCRSNYX/NYXGKCRS",  # nor in the registers
    ],
)
def test_entries_that_are_wrong_are_searched_again(file: Path, searched: list[Shape], entry: object) -> None:
    right = figures()
    rewrite(file, entry)
    searched.clear()
    assert np.array_equal(figures(), right)
    assert len(searched) == len(LAYERS)
    assert np.array_equal(figures(), right)
    assert len(searched) == len(LAYERS)  # the wrong ones were replaced


def test_an_entry_that_does_not_fit_l1_is_searched_again(file: Path, searched: list[Shape]) -> None:
    tight = replace(CHIPLET, l1_bytes=16)
    right = LoopnestCostModel().costs(LAYERS, tight).cycles
    rewrite(file, b"1 1 1 1 1 1 1 1/1 1 4 3 1 1 3 3/GKCRSNYX/GKCRSNYX")
    searched.clear()
    assert np.array_equal(LoopnestCostModel().costs(LAYERS, tight).cycles, right)
    assert len(searched) == len(LAYERS)


def test_a_file_that_is_no_database_is_begun_anew(file: Path, searched: list[Shape]) -> None:
    right = figures()
    file.write_bytes(b"no database " * 1000)
    assert np.array_equal(figures(), right)
    searched.clear()
    figures()
    assert np.array_equal(figures(), right)
    assert len(searched) <= len(LAYERS)  # and by now it is a cache again


def test_a_database_of_something_else_is_left_alone(file: Path) -> None:
    right = figures()
    file.unlink()
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE mappings (other TEXT)")
    database.close()
    before = file.read_bytes()
    assert np.array_equal(figures(), right)
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 5000)):
        monkeypatch.setenv("CHIPWEAVE_CACHE", str(folder))
        assert cache.load([b"key"]) == {}
        cache.store({b"key": MAPPING})


def test_a_folder_in_place_of_the_file(file: Path) -> None:
    file.mkdir(parents=True)
    cache.store({b"key": MAPPING})
    assert cache.load([b"key"]) == {}
    assert file.is_dir()


def test_a_locked_file_is_read_and_written_another_time(file: Path) -> None:
    cache.store({b"key": MAPPING})
    lock = sqlite3.connect(file, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    cache.store({b"other": MAPPING})
    assert cache.load([b"key"]) == {}
    lock.close()
    assert cache.load([b"key", b"other"]) == {b"key": MAPPING}


def test_a_file_that_grew_too_large_is_begun_anew(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.store({b"key": MAPPING})
    monkeypatch.setattr(cache, "LARGEST_FILE", 100)
    cache.store({b"other": MAPPING})
    assert cache.load([b"key", b"other"]) == {b"other": MAPPING}


def test_many_keys_at_once_and_from_many_sides(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WAIT_S", 30.0)
    made = {bytes([side, number % 256, number // 256]): MAPPING for side in range(4) for number in range(1200)}

    def write(side: int) -> None:
        own = [key for key in made if key[0] == side]
        for start in range(0, len(own), 100):
            cache.store(dict.fromkeys(own[start : start + 100], MAPPING))

    writers = [threading.Thread(target=write, args=(side,)) for side in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert cache.load([*made, b"missing"]) == made


def test_what_was_found_before_an_interrupt_is_kept(file: Path, searched: list[Shape]) -> None:
    def tell(done: int, total: int) -> None:
        raise KeyboardInterrupt

    layers = [replace(LAYERS[0], name=f"k{k}", K=k) for k in range(1, 13)]
    model = LoopnestCostModel(jobs=1)
    with pytest.raises(KeyboardInterrupt):
        model.plan(layers, CHIPLET, tell)
    done = len(searched)
    assert 0 < done < len(layers)
    model.costs(layers, CHIPLET)
    assert len(searched) == len(layers)
